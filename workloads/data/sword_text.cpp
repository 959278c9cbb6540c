#include "workloads/data/sword_text.hpp"

#include <cstdint>
#include <span>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/inflate.hpp"
#include "workloads/data/raw_files.hpp"

namespace velo::data {

namespace {

constexpr std::size_t record_size = 12;
constexpr std::string_view pilcrow = "\xc2\xb6";

std::size_t little_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  return bytes[at] | static_cast<std::size_t>(bytes[at + 1]) << 8 | static_cast<std::size_t>(bytes[at + 2]) << 16 |
         static_cast<std::size_t>(bytes[at + 3]) << 24;
}

/// What stands between the first `osisID="` and the next quotation mark.
std::string first_id(std::string_view markup) {
  constexpr std::string_view key = "osisID=\"";
  const auto begin = markup.find(key);
  if (begin == std::string_view::npos) return "";
  const auto from = begin + key.size();
  return std::string(markup.substr(from, markup.find('"', from) - from));
}

[[nodiscard]] bool contains(std::string_view tag, std::string_view word) {
  return tag.find(word) != std::string_view::npos;
}

/// Chapters and paragraphs are pairs of empty tags: the first of a pair has an sID, the second an eID.
[[nodiscard]] bool begins_paragraph(std::string_view tag) {
  if (tag.starts_with("lb ")) return true;
  return contains(tag, " sID=\"") && (tag.starts_with("chapter ") || contains(tag, " type=\"x-p\""));
}

[[nodiscard]] bool is(std::string_view tag, std::string_view name) {
  return tag.starts_with(name) && (tag.size() == name.size() || tag[name.size()] == ' ');
}

}  // namespace

std::vector<SwordBook> read_sword_books(const std::string& base) {
  const std::string index_path = base + ".bzs", path = base + ".bzz";
  const MappedFile index_file(index_path), file(path);
  const auto index = index_file.bytes(), bytes = file.bytes();
  std::vector<SwordBook> books;
  for (std::size_t at = record_size; at + record_size <= index.size(); at += record_size) {
    const std::size_t offset = little_endian(index, at), size = little_endian(index, at + 4);
    if (offset > bytes.size() || size > bytes.size() - offset) throw Error(cat(path, " is cut short"));
    std::string markup = inflate_bytes(bytes.subspan(offset, size), path);
    if (markup.size() != little_endian(index, at + 8))
      throw Error(cat(path, " does not hold what ", index_path, " says"));
    std::string id = first_id(markup);
    books.push_back({std::move(id), std::move(markup)});
  }
  return books;
}

std::string osis_text(std::string_view markup) {
  std::string out;
  int hidden = 0;  // depth of headings and notes
  while (!markup.empty()) {
    if (markup.front() == '<') {
      const std::size_t end = markup.find('>');
      if (end == std::string_view::npos) break;
      const std::string_view tag = markup.substr(1, end - 1);
      if (is(tag, "note") || is(tag, "title")) ++hidden;
      if (is(tag, "/note") || is(tag, "/title")) --hidden;
      if (begins_paragraph(tag)) out += '\n';
      markup.remove_prefix(end + 1);
    } else if (markup.starts_with(pilcrow)) {
      if (hidden == 0) out += '\n';
      markup.remove_prefix(pilcrow.size());
    } else {
      if (hidden == 0) out += markup.front();
      markup.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace velo::data
