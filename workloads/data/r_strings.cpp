#include "workloads/data/r_strings.hpp"

#include <cstdint>
#include <span>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/inflate.hpp"
#include "workloads/data/raw_files.hpp"

namespace velo::data {

namespace {

/// One item. Which fields are filled depends on its type.
struct Item {
  std::vector<std::string> strings;  ///< of a character vector
  std::vector<std::int32_t> integers;
  std::vector<Item> items;         ///< of a list
  std::vector<std::string> names;  ///< the attribute of this name

  [[nodiscard]] const Item* find(const std::string& name) const {
    for (std::size_t i = 0; i < names.size() && i < items.size(); ++i)
      if (names[i] == name) return &items[i];
    return nullptr;
  }
};

/// Types of R's items (SEXPTYPE) and what stands for frequent values.
enum : std::uint32_t {
  symbol = 1,
  pairs = 2,
  text = 9,
  logical_vector = 10,
  integer_vector = 13,
  text_vector = 16,
  list = 19,
  null = 254,
  reference = 255
};

class Reader {
 public:
  Reader(std::string bytes, std::string what) : bytes_(std::move(bytes)), what_(std::move(what)) {}

  Item object() {
    if (take(2) != "X\n") fail();
    const std::uint32_t version = word();
    static_cast<void>(word());  // of the R that wrote it
    static_cast<void>(word());  // of the first R that can read it
    if (version == 3)
      static_cast<void>(take(word()));  // native encoding
    else if (version != 2)
      fail();
    return item();
  }

 private:
  [[noreturn]] void fail() const { throw Error(cat(what_, " is damaged, or holds other than character vectors")); }

  std::string_view take(std::size_t count) {
    if (bytes_.size() - at_ < count) fail();
    at_ += count;
    return std::string_view(bytes_).substr(at_ - count, count);
  }
  std::uint32_t word() {
    std::uint32_t value = 0;
    for (const char byte : take(4)) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  }
  /// Elements of a vector; each takes at least four bytes, so a damaged count cannot ask for all memory.
  std::uint32_t count() {
    const std::uint32_t n = word();
    if (n > (bytes_.size() - at_) / 4) fail();
    return n;
  }

  Item item() {
    const std::uint32_t flags = word(), type = flags & 0xff;
    const bool has_attributes = (flags & 0x200) != 0;
    Item out;
    switch (type) {
      case null:
        return out;
      case logical_vector:
      case integer_vector:
        for (std::uint32_t n = count(); n > 0; --n) out.integers.push_back(static_cast<std::int32_t>(word()));
        break;
      case text_vector:
        for (std::uint32_t n = count(); n > 0; --n) out.strings.push_back(string());
        break;
      case list:
        for (std::uint32_t n = count(); n > 0; --n) out.items.push_back(item());
        break;
      default:
        fail();
    }
    if (has_attributes) attributes(out);
    return out;
  }

  std::string string() {
    const std::uint32_t flags = word();
    constexpr std::uint32_t utf8 = 0x8000, ascii = 0x40000;
    if ((flags & 0xff) != text || (flags & (utf8 | ascii)) == 0) fail();
    return std::string(take(word()));
  }

  /// A chain of tagged values; the one called "names" is kept.
  void attributes(Item& of) {
    for (std::uint32_t flags = word(); (flags & 0xff) != null; flags = word()) {
      if ((flags & 0xff) != pairs || (flags & 0x400) == 0) fail();
      const std::string tag = symbol_name();
      Item value = item();
      if (tag == "names") of.names = std::move(value.strings);
    }
  }

  /// A symbol is written once and referred to by number afterwards.
  std::string symbol_name() {
    const std::uint32_t flags = word();
    if ((flags & 0xff) == symbol) return symbols_.emplace_back(string());
    const std::uint32_t number = flags >> 8;
    if ((flags & 0xff) != reference || number < 1 || number > symbols_.size()) fail();
    return symbols_[number - 1];
  }

  std::string bytes_;
  std::string what_;
  std::size_t at_ = 0;
  std::vector<std::string> symbols_;
};

}  // namespace

std::vector<std::string> read_r_strings(const std::string& base, const std::string& name) {
  const std::string index_path = base + ".rdx", path = base + ".rdb";
  const MappedFile index_file(index_path), file(path);
  const Item index = Reader(inflate_bytes(index_file.bytes(), index_path), index_path).object();
  const Item* variables = index.find("variables");
  const Item* place = variables == nullptr ? nullptr : variables->find(name);
  if (place == nullptr || place->integers.size() != 2) throw Error(cat(index_path, " has no object '", name, "'"));
  const auto offset = static_cast<std::size_t>(place->integers[0]), size = static_cast<std::size_t>(place->integers[1]);
  const auto bytes = file.bytes();
  if (size < 4 || offset > bytes.size() || size > bytes.size() - offset) throw Error(cat(path, " is cut short"));
  return Reader(inflate_bytes(bytes.subspan(offset + 4, size - 4), path), path).object().strings;
}

}  // namespace velo::data
