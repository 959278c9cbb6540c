#include "harness/config/tree.hpp"

#include <algorithm>

#include "harness/config/scalar.hpp"
#include "results/text.hpp"

namespace velo {

std::string Origin::text() const {
  switch (kind) {
    case Kind::file:
      return cat(file, ":", line, ":", column);
    case Kind::override:
      return file;
    case Kind::built_in:
      break;
  }
  return "built in";
}

void fail(const Origin& at, const std::string& sentence) { throw Error(cat(at.text(), ": ", sentence)); }

const Tree* Tree::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Tree* Tree::find(std::string_view key) { return const_cast<Tree*>(static_cast<const Tree*>(this)->find(key)); }

std::string Tree::text() const {
  std::string out;
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::scalar:
      return quoted ? yaml_text(scalar) : scalar;
    case Kind::sequence:
      for (const Tree& item : items) out += cat(out.empty() ? "" : ", ", item.text());
      return cat("[", out, "]");
    case Kind::map:
      for (const Entry& entry : entries) out += cat(out.empty() ? "" : ", ", entry.key, ": ", entry.value.text());
      return cat("{", out, "}");
  }
  return out;
}

std::string Tree::described() const {
  switch (kind) {
    case Kind::null:
      return "an empty value";
    case Kind::scalar:
      return cat("'", scalar, "'");
    case Kind::sequence:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

Fields::Fields(const Tree& map, std::string what, std::vector<std::string> allowed)
    : map_(&map), what_(std::move(what)) {
  if (!map.is_map() && !map.is_null()) fail(map.at, cat(what_, " must be a map, not ", map.described()));
  for (const Tree::Entry& entry : map.entries) {
    if (std::find(allowed.begin(), allowed.end(), entry.key) != allowed.end()) continue;
    const std::string hint = did_you_mean(entry.key, allowed);
    fail(entry.at, cat("unknown key '", entry.key, "' in ", what_,
                       hint.empty() ? cat("; it may hold ", join_words(allowed, "or")) : hint));
  }
}

const Tree& Fields::require(std::string_view key) const {
  if (const Tree* value = map_->find(key)) return *value;
  fail(map_->at, cat(what_, " lacks the key '", key, "'"));
}

const Tree::Entry& single_entry(const Tree& map, std::string_view what) {
  if (!map.is_map()) fail(map.at, cat(what, " must be a name or {NAME: {...}}, not ", map.described()));
  if (map.entries.size() != 1)
    fail(map.entries.size() > 1 ? map.entries[1].at : map.at,
         cat(what, " must hold exactly one name, not ", map.entries.size()));
  return map.entries.front();
}

}  // namespace velo
