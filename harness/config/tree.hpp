// harness/config/tree.hpp
//
// A YAML document as plain data in which every value knows where it was written. Files, included files and --set
// arguments all become trees, so that merging them loses no position and every error can name one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/error.hpp"

namespace velo {

/// Where a value was written.
struct Origin {
  enum class Kind {
    file,      ///< file, line and column
    override,  ///< an argument: `file` holds it whole, "--set adamw.lr=0.1"
    built_in,  ///< nobody wrote it: a default of the program
  };
  Kind kind = Kind::built_in;
  std::string file;
  int line = 0;    ///< from 1
  int column = 0;  ///< from 1

  /// "sweep.yaml:3:12", "--set adamw.lr=0.1", "built in"
  [[nodiscard]] std::string text() const;
};

/// Error "sweep.yaml:3:12: sentence".
[[noreturn]] void fail(const Origin& at, const std::string& sentence);

struct Tree {
  enum class Kind { null, scalar, sequence, map };
  struct Entry;

  Kind kind = Kind::null;
  std::string scalar;          ///< as written, without quotes
  bool quoted = false;         ///< scalar in quotes: text, whatever it looks like
  std::vector<Tree> items;     ///< sequence
  std::vector<Entry> entries;  ///< map, in the order of the file
  Origin at;

  /// A scalar, or the bare word null where a name is expected.
  [[nodiscard]] bool is_word() const { return is_scalar() || scalar == "null"; }
  [[nodiscard]] bool is_null() const { return kind == Kind::null; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::sequence; }
  [[nodiscard]] bool is_map() const { return kind == Kind::map; }

  /// The value of a key, or null.
  [[nodiscard]] const Tree* find(std::string_view key) const;
  [[nodiscard]] Tree* find(std::string_view key);

  /// On one line, as YAML flow text: "{lr: 0.1, milestones: [0.5, 0.8]}".
  [[nodiscard]] std::string text() const;
  /// "a number", "text", "a list", "a map", "nothing": for error sentences.
  [[nodiscard]] std::string described() const;
};

struct Tree::Entry {
  std::string key;
  Origin at;
  Tree value;
};

/// Strict access to a map: a value that is not a map, or a key that is not allowed, is an error naming the nearest one.
class Fields {
 public:
  /// `what` completes "unknown key 'x' in ...": "the sweep", "the budget". A null tree reads as an empty map.
  Fields(const Tree& map, std::string what, std::vector<std::string> allowed);

  /// Null when the key is absent.
  [[nodiscard]] const Tree* find(std::string_view key) const { return map_->find(key); }
  /// Throws Error when the key is absent.
  [[nodiscard]] const Tree& require(std::string_view key) const;

 private:
  const Tree* map_;
  std::string what_;
};

/// The only entry of a map like {adamw: {...}}; throws Error for anything else. `what` says what it names.
[[nodiscard]] const Tree::Entry& single_entry(const Tree& map, std::string_view what);

}  // namespace velo
