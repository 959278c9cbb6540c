#include "harness/config/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>

#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::size_t most_values = 1'000'000;

std::size_t count_values(const Tree& tree) {
  std::size_t count = 1;
  for (const Tree& item : tree.items) count += count_values(item);
  for (const Tree::Entry& entry : tree.entries) count += count_values(entry.value);
  return count;
}

/// Builds a tree from parser events: a stack of the collections that are open.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string name, std::string_view source) : name_(std::move(name)), source_(source) {}

  [[nodiscard]] Tree take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Tree tree = make(Tree::Kind::null, mark);
    // The word is kept: the null algorithm and the null workload are called so.
    const auto position = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (position < source_.size() && source_.substr(position, 4) == "null") tree.scalar = "null";
    add(std::move(tree), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(origin(mark), "an alias stands inside the value it refers to");
    values_ += count_values(found->second);
    check_size(mark);
    add(Tree(found->second), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    // yaml-cpp gives quoted and block scalars the tag "!", plain ones "?".
    const bool quoted = tag == "!";
    if (quoted) check_closed(mark);
    Tree tree = make(Tree::Kind::scalar, mark);
    tree.scalar = value;
    tree.quoted = quoted;
    add(std::move(tree), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag);
    open_.push_back({make(Tree::Kind::sequence, mark), anchor, {}, {}, false});
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag);
    open_.push_back({make(Tree::Kind::map, mark), anchor, {}, {}, false});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Tree tree;
    YAML::anchor_t anchor;
    std::string key;
    Origin key_at;
    bool has_key;
  };

  [[nodiscard]] Origin origin(const YAML::Mark& mark) const {
    return {Origin::Kind::file, name_, mark.line + 1, mark.column + 1};
  }

  [[nodiscard]] Tree make(Tree::Kind kind, const YAML::Mark& mark) {
    ++values_;
    check_size(mark);
    Tree tree;
    tree.kind = kind;
    tree.at = origin(mark);
    return tree;
  }

  void check_size(const YAML::Mark& mark) const {
    if (values_ > most_values) fail(origin(mark), cat("the document holds more than ", most_values, " values"));
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") fail(origin(mark), cat("tags like '", tag, "' are not supported"));
  }

  /// yaml-cpp takes a quote that is never closed for text up to the end of the file.
  void check_closed(const YAML::Mark& mark) const {
    std::size_t at = static_cast<std::size_t>(std::max(mark.pos, 0));
    const char quote = at < source_.size() ? source_[at] : ' ';
    if (quote != '"' && quote != '\'') return;
    for (++at; at < source_.size() && source_[at] != quote; ++at)
      if (quote == '"' && source_[at] == '\\') ++at;
    if (at >= source_.size()) fail(origin(mark), "the quote that opens here is never closed");
  }

  void close() {
    Open top = std::move(open_.back());
    open_.pop_back();
    add(std::move(top.tree), top.anchor);
  }

  void add(Tree tree, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = tree;
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    Open& top = open_.back();
    if (top.tree.is_sequence()) {
      top.tree.items.push_back(std::move(tree));
    } else if (!top.has_key) {
      begin_key(top, tree);
    } else {
      // The mark of an empty value is wherever the next word stands: its key is a better place.
      if (tree.is_null() && tree.scalar.empty()) tree.at = top.key_at;
      top.tree.entries.push_back({std::move(top.key), std::move(top.key_at), std::move(tree)});
      top.has_key = false;
    }
  }

  static void begin_key(Open& top, const Tree& key) {
    if (!key.is_scalar() && key.scalar != "null") fail(key.at, cat("a key must be a word, not ", key.described()));
    for (const Tree::Entry& entry : top.tree.entries)
      if (entry.key == key.scalar)
        fail(key.at, cat("the key '", key.scalar, "' is given twice, first in line ", entry.at.line));
    top.key = key.scalar;
    top.key_at = key.at;
    top.has_key = true;
  }

  std::string name_;
  std::string_view source_;
  Tree root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Tree> anchors_;
  std::size_t values_ = 0;
};

/// The first line, up to `last`, with a tab in its indentation; 0 when there is none.
int indented_by_tab(const std::string& text, int last) {
  std::istringstream lines(text);
  int number = 1;
  for (std::string line; number <= last && std::getline(lines, line); ++number) {
    const std::size_t tab = line.find_first_not_of(' ');
    if (tab != std::string::npos && line[tab] == '\t') return number;
  }
  return 0;
}

void set_origin(Tree& tree, const Origin& at) {
  tree.at = at;
  for (Tree& item : tree.items) set_origin(item, at);
  for (Tree::Entry& entry : tree.entries) {
    entry.at = at;
    set_origin(entry.value, at);
  }
}

}  // namespace

Tree parse_yaml(const std::string& text, const std::string& name) {
  TreeBuilder builder(name, text);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      Tree empty;
      empty.at = {Origin::Kind::file, name, 1, 1};
      return empty;
    }
    TreeBuilder second(name, text);
    if (parser.HandleNextDocument(second)) fail(second.take().at, "a second document begins here; a file holds one");
  } catch (const YAML::Exception& problem) {
    const Origin at{Origin::Kind::file, name, problem.mark.line + 1, problem.mark.column + 1};
    const int tab = indented_by_tab(text, at.line);
    if (tab > 0) fail({Origin::Kind::file, name, tab, 1}, "a tab cannot indent YAML; use spaces");
    // What its guard against deep recursion says.
    if (std::string_view(problem.msg) == YAML::ErrorMsg::BAD_FILE) fail(at, "nested too deeply");
    fail(at, cat("not valid YAML: ", problem.msg));
  }
  return builder.take();
}

Tree read_yaml_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error(cat(path, " is a directory, not a YAML file"));
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(cat(path, " cannot be read: ", std::filesystem::exists(path) ? "no permission" : "no such file"));
  std::ostringstream text;
  text << file.rdbuf();
  return parse_yaml(text.str(), path);
}

Tree parse_override_value(const std::string& text, const std::string& argument) {
  const Origin at{Origin::Kind::override, argument, 0, 0};
  try {
    Tree tree = parse_yaml(text, argument);
    set_origin(tree, at);
    return tree;
  } catch (const Error&) {
    fail(at, cat("'", text, "' is not valid YAML"));
  }
}

}  // namespace velo
