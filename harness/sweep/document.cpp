#include "harness/sweep/document.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/config/draft.hpp"
#include "harness/config/scalar.hpp"
#include "harness/config/yaml.hpp"
#include "results/text.hpp"

namespace velo {

std::string Assignment::name() const {
  std::string out;
  for (const std::string& piece : path) out += cat(out.empty() ? "" : ".", piece);
  return out;
}

const std::vector<std::string>& sweep_keys() {
  static const std::vector<std::string> keys = {
      "sweep",   "workloads", "algorithms",     "ruleset", "studies",          "trials", "seeds", "search_space",
      "grid",    "zip",       "list",           "union",   "exclude",          "budget", "stop",  "executor",
      "include", "defaults",  "evaluate_every", "target",  "checkpoint_every", "unfit"};
  return keys;
}

namespace {

bool is_sweep_key(const std::string& key) {
  return std::find(sweep_keys().begin(), sweep_keys().end(), key) != sweep_keys().end();
}

/// Puts the entries of `over` on top of `base`; maps are merged, everything else is replaced.
void merge(Tree& base, const Tree& over) {
  for (const Tree::Entry& entry : over.entries) {
    Tree* below = base.find(entry.key);
    if (below == nullptr)
      base.entries.push_back(entry);
    else if (below->is_map() && entry.value.is_map())
      merge(*below, entry.value);
    else
      *below = entry.value;
  }
}

/// Two included files may not both decide the same thing.
void reject_conflicts(const Tree& first, const Tree& second, const std::string& path) {
  for (const Tree::Entry& entry : second.entries) {
    const Tree* other = first.find(entry.key);
    if (other == nullptr) continue;
    const std::string here = cat(path, path.empty() ? "" : ".", entry.key);
    if (!other->is_map() || !entry.value.is_map())
      fail(entry.at, cat("'", here, "' is given by two included files, also at ", other->at.text()));
    reject_conflicts(*other, entry.value, here);
  }
}

std::string included_path(const Tree& file, const std::string& from) {
  const std::string name = read_text(file, "include");
  const std::filesystem::path path = std::filesystem::path(from).parent_path() / name;
  if (!std::filesystem::exists(path)) fail(file.at, cat("the included file '", name, "' does not exist beside ", from));
  return path.string();
}

Tree read_includes(const Tree& root, const std::string& path) {
  Tree base;
  base.kind = Tree::Kind::map;
  const Tree* include = root.find("include");
  if (include == nullptr) return base;
  std::vector<Tree> files = include->is_sequence() ? include->items : std::vector<Tree>{*include};
  for (const Tree& file : files) {
    Tree tree = read_yaml_file(included_path(file, path));
    if (const Tree* nested = tree.find("include")) fail(nested->at, "an included file may not include another");
    if (const Tree* name = tree.find("sweep")) fail(name->at, "an included file may not name the sweep");
    const Fields checked(tree, "an included file", sweep_keys());
    reject_conflicts(base, tree, "");
    merge(base, tree);
  }
  return base;
}

void set_in(Tree& root, const Assignment& assignment) {
  Tree* here = &root;
  for (std::size_t i = 0; i < assignment.path.size(); ++i) {
    const std::string& key = assignment.path[i];
    if (here->is_null()) {
      here->kind = Tree::Kind::map;
      here->at = assignment.at;
    }
    if (!here->is_map())
      fail(assignment.at, cat("'", assignment.path[i - 1], "' is ", here->described(), ", which has no '", key, "'"));
    if (here->find(key) == nullptr) {
      Tree empty;
      empty.at = assignment.at;
      here->entries.push_back({key, assignment.at, std::move(empty)});
    }
    here = here->find(key);
  }
  *here = assignment.value;
}

Assignment read_override(const std::string& text) {
  Assignment out;
  out.at = {Origin::Kind::override, cat("--set ", text), 0, 0};
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) fail(out.at, "an override must look like adamw.lr=0.1");
  out.path = split_path(text.substr(0, equals), out.at);
  out.value = parse_override_value(text.substr(equals + 1), out.at.file);
  return out;
}

}  // namespace

SweepDocument read_document(const std::string& path, const std::vector<std::string>& overrides) {
  const Tree file = read_yaml_file(path);
  if (file.is_null()) fail(file.at, "the sweep is empty; it needs `sweep`, `workloads` and `algorithms`");
  const Fields checked(file, "the sweep", sweep_keys());
  SweepDocument out{read_includes(file, path), {}};
  out.root.at = file.at;
  merge(out.root, file);
  std::vector<std::string> seen;
  for (const std::string& text : overrides) {
    Assignment assignment = read_override(text);
    const std::string name = assignment.name();
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) fail(assignment.at, cat("'", name, "' is set twice"));
    seen.push_back(name);
    if (name == "sweep" || name == "include") fail(assignment.at, cat("'", name, "' cannot be set"));
    if (is_sweep_key(assignment.path.front()))
      set_in(out.root, assignment);
    else
      out.overrides.push_back(std::move(assignment));
  }
  return out;
}

}  // namespace velo
