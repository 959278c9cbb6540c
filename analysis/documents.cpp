#include "analysis/documents.hpp"

#include <algorithm>
#include <optional>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct Marker {
  std::string_view said;
  bool latex = false;
};

/// What a line that is one comment says.
std::optional<Marker> marker(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with("<!--") && line.ends_with("-->") && line.size() >= 7)
    return Marker{trimmed(line.substr(4, line.size() - 7)), false};
  if (line.starts_with('%')) return Marker{trimmed(line.substr(1)), true};
  return std::nullopt;
}

}  // namespace

std::vector<std::string> command_words(std::string_view line, const std::string& where) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool open = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t') {
      if (open) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) throw Error(cat(where, ": a quote is not closed in '", line, "'"));
  if (open) words.push_back(std::move(word));
  return words;
}

std::vector<DocumentBlock> document_blocks(std::string_view text, const std::string& name) {
  std::vector<DocumentBlock> blocks;
  bool open = false;
  std::size_t number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const auto said = marker(text.substr(from, end - from));
    const std::size_t next = std::min(end + 1, text.size());
    const std::string where = cat(name, ":", ++number);
    const bool table = said && said->said.starts_with("velo:");
    const bool file = said && said->said.starts_with("velo-file ");
    if (said && said->said == "end" && open && blocks.back().latex == said->latex) {
      blocks.back().end = from;
      open = false;
    } else if (table || file) {
      if (open)
        throw Error(cat(where, ": a block begins inside the one of line ", blocks.back().line, ", which has no end"));
      DocumentBlock block;
      block.line = number;
      block.latex = said->latex;
      const auto colon = said->said.find(':');
      if (colon == std::string_view::npos) throw Error(cat(where, ": write velo-file PATH: COMMAND"));
      if (file) block.file = trimmed(said->said.substr(10, colon - 10));
      block.command = command_words(said->said.substr(colon + 1), where);
      if (!block.command.empty() && block.command.front() == "velo") block.command.erase(block.command.begin());
      if (block.command.empty()) throw Error(cat(where, ": a marker without a command"));
      block.begin = block.end = next;
      blocks.push_back(std::move(block));
      open = table;
    }
    from = next;
  }
  if (open)
    throw Error(cat(name, ":", blocks.back().line, ": the block has no end; close it by ",
                    blocks.back().latex ? "% end" : "<!-- end -->"));
  return blocks;
}

std::string block_content(const DocumentBlock& block, const std::string& output) {
  const auto& words = block.command;
  bool markdown = false;
  for (std::size_t i = 0; i < words.size(); ++i)
    markdown = markdown || words[i] == "--format=markdown" ||
               (words[i] == "--format" && i + 1 < words.size() && words[i + 1] == "markdown");
  return block.latex || markdown ? output : cat("```\n", output, "```\n");
}

}  // namespace velo::analysis
