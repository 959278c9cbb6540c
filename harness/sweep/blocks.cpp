#include "harness/sweep/blocks.hpp"

#include <algorithm>
#include <set>

#include "harness/config/scalar.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::size_t most_points = 100'000;

Assignment read_assignment(const std::string& key, const Origin& at, const Tree& value) {
  Assignment out;
  out.path = split_path(key, at);
  out.value = value;
  out.rank = Rank::block;
  out.at = at;
  return out;
}

void check_size(std::size_t count, const Origin& at) {
  if (count > most_points) fail(at, cat("this makes more than ", most_points, " points"));
}

/// Every point of `first` with every point of `second`.
std::vector<BlockPoint> product(const std::vector<BlockPoint>& first, const std::vector<BlockPoint>& second,
                                const Origin& at) {
  check_size(first.size() * second.size(), at);
  std::vector<BlockPoint> out;
  for (const BlockPoint& a : first) {
    for (const BlockPoint& b : second) {
      BlockPoint point = a;
      for (const Assignment& assignment : b) {
        for (const Assignment& other : a)
          if (other.path == assignment.path)
            fail(assignment.at, cat("'", assignment.name(), "' is varied twice, also at ", other.at.text()));
        point.push_back(assignment);
      }
      out.push_back(std::move(point));
    }
  }
  return out;
}

const Tree& axis_values(const Tree::Entry& axis, std::string_view block) {
  if (!axis.value.is_sequence() || axis.value.items.empty())
    fail(axis.value.at,
         cat("'", axis.key, "' in `", block, "` must be a list of values, not ", axis.value.described()));
  return axis.value;
}

const Tree& block_map(const Tree& tree, std::string_view block) {
  if (!tree.is_map() || tree.entries.empty())
    fail(tree.at, cat("`", block, "` must be a map like {adamw.lr: [0.1, 0.01]}, not ", tree.described()));
  return tree;
}

std::vector<BlockPoint> read_grid(const Tree& tree) {
  std::vector<BlockPoint> out(1);
  for (const Tree::Entry& axis : block_map(tree, "grid").entries) {
    std::vector<BlockPoint> values;
    for (const Tree& value : axis_values(axis, "grid").items)
      values.push_back({read_assignment(axis.key, axis.at, value)});
    out = product(out, values, axis.at);
  }
  return out;
}

std::vector<BlockPoint> read_zip(const Tree& tree) {
  const Tree& map = block_map(tree, "zip");
  std::vector<BlockPoint> out(axis_values(map.entries.front(), "zip").items.size());
  for (const Tree::Entry& axis : map.entries) {
    const std::vector<Tree>& values = axis_values(axis, "zip").items;
    if (values.size() != out.size())
      fail(axis.value.at, cat("'", axis.key, "' in `zip` has ", values.size(), " values, but '",
                              map.entries.front().key, "' has ", out.size()));
    for (std::size_t i = 0; i < out.size(); ++i) out[i].push_back(read_assignment(axis.key, axis.at, values[i]));
  }
  return out;
}

std::vector<BlockPoint> read_list(const Tree& tree) {
  if (!tree.is_sequence() || tree.items.empty())
    fail(tree.at, cat("`list` must be a list of points like [{adamw.lr: 0.1}], not ", tree.described()));
  std::vector<BlockPoint> out;
  for (const Tree& item : tree.items) {
    if (!item.is_map())
      fail(item.at, cat("a point of `list` must be a map like {adamw.lr: 0.1}, not ", item.described()));
    BlockPoint point;
    for (const Tree::Entry& entry : item.entries) point.push_back(read_assignment(entry.key, entry.at, entry.value));
    out.push_back(std::move(point));
  }
  return out;
}

std::vector<BlockPoint> read_union(const Tree& tree) {
  if (!tree.is_sequence() || tree.items.empty())
    fail(tree.at, cat("`union` must be a list of blocks like [{grid: {...}}, {list: [...]}], not ", tree.described()));
  std::vector<BlockPoint> out;
  for (const Tree& item : tree.items) {
    const Fields checked(item, "a block of `union`", {"grid", "zip", "list", "union"});
    if (item.entries.empty()) fail(item.at, "a block of `union` is empty");
    for (BlockPoint& point : read_blocks(item)) out.push_back(std::move(point));
    check_size(out.size(), item.at);
  }
  return out;
}

std::string key_of(const BlockPoint& point) {
  std::vector<std::string> parts;
  for (const Assignment& assignment : point) parts.push_back(cat(assignment.name(), "=", assignment.value.text()));
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const std::string& part : parts) out += part + "\n";
  return out;
}

/// The different projections of the points onto a pair. A point that says nothing about the pair makes a variant of it
/// only when no point does.
std::vector<BlockPoint> projections(const EntryPair& pair, const std::vector<BlockPoint>& points) {
  std::vector<BlockPoint> out;
  std::set<std::string> seen;
  for (const BlockPoint& point : points) {
    BlockPoint own;
    for (const Assignment& assignment : point)
      if (concerns(assignment, pair.workload) || concerns(assignment, pair.algorithm)) own.push_back(assignment);
    if (own.empty() && !point.empty()) continue;
    if (seen.insert(key_of(own)).second) out.push_back(std::move(own));
  }
  if (out.empty()) out.emplace_back();
  return out;
}

std::string variant_label(const AlgorithmEntry& entry, const BlockPoint& point) {
  std::string out;
  for (const Assignment& assignment : point) {
    if (!concerns(assignment, entry)) continue;
    const bool own = assignment.path.front() == entry.label || assignment.path.front() == entry.draft.name;
    const std::string path = assignment.name();
    out += cat(out.empty() ? "" : ",", own ? path.substr(assignment.path.front().size() + 1) : path, "=",
               assignment.value.text());
  }
  return out.empty() ? entry.label : cat(entry.label, "[", out, "]");
}

}  // namespace

std::vector<BlockPoint> read_blocks(const Tree& map) {
  std::vector<BlockPoint> out(1);
  if (const Tree* grid = map.find("grid")) out = product(out, read_grid(*grid), grid->at);
  if (const Tree* zip = map.find("zip")) out = product(out, read_zip(*zip), zip->at);
  if (const Tree* list = map.find("list")) out = product(out, read_list(*list), list->at);
  if (const Tree* blocks = map.find("union")) out = product(out, read_union(*blocks), blocks->at);
  return out;
}

std::vector<EntryPair> variants(const EntryPair& pair, const std::vector<BlockPoint>& points,
                                const Catalogue& catalogue) {
  std::vector<EntryPair> out;
  for (const BlockPoint& point : projections(pair, points)) {
    EntryPair variant = pair;
    for (const Assignment& assignment : point) {
      // "adamw" alone names no value; apply() says so.
      if (concerns(assignment, variant.workload)) apply(assignment, variant.workload, catalogue);
      if (concerns(assignment, variant.algorithm)) apply(assignment, variant.algorithm, catalogue);
    }
    variant.algorithm.label = variant_label(pair.algorithm, point);
    out.push_back(std::move(variant));
  }
  return out;
}

namespace {

/// Whether the last value given for a slot is one of the listed ones.
bool slot_matches(const Layer* layer, const SlotValue& standard, const std::vector<SlotValue>& wanted) {
  const SlotValue& value = layer == nullptr ? standard : layer->value;
  return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

SlotValue standard_of(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::integer:
      return static_cast<std::int64_t>(spec.number);
    case ParameterType::boolean:
      return spec.number != 0.0;
    case ParameterType::choice:
      return spec.word;
    default:
      return spec.number;
  }
}

bool part_matches(const Draft& part, std::span<const std::string> path, const Tree::Entry& condition) {
  const std::string slot = slot_of(part, path, condition.at);
  const std::vector<Tree> listed = condition.value.is_sequence() ? condition.value.items : std::vector{condition.value};
  std::vector<SlotValue> wanted;
  for (const Tree& value : listed) wanted.push_back(read_slot(part, slot, value));
  return slot_matches(part.slots.top(slot), standard_of(*find_spec(part, slot.substr(0, slot.find('.')))), wanted);
}

bool names_match(const Tree& value, const std::vector<std::string>& names) {
  const std::vector<Tree> listed = value.is_sequence() ? value.items : std::vector{value};
  return std::any_of(listed.begin(), listed.end(), [&](const Tree& item) {
    return std::find(names.begin(), names.end(), read_text(item, "exclude")) != names.end();
  });
}

bool condition_matches(const Tree::Entry& condition, const EntryPair& pair) {
  if (condition.key == "workload") return names_match(condition.value, {pair.workload.draft.name});
  if (condition.key == "algorithm") {
    const std::string& label = pair.algorithm.label;
    return names_match(condition.value, {pair.algorithm.draft.name, label, label.substr(0, label.find('['))});
  }
  const std::vector<std::string> path = split_path(condition.key, condition.at);
  if (path.size() < 2)
    fail(condition.at, cat("'", condition.key, "' in `exclude` must be workload, algorithm or a path like adamw.lr"));
  const std::span<const std::string> rest(path.begin() + 1, path.end());
  if (pair.workload.draft.name == path.front()) return part_matches(pair.workload.draft, rest, condition);
  bool found = false;
  const std::string label = pair.algorithm.label.substr(0, pair.algorithm.label.find('['));
  for_each_part(pair.algorithm.draft, [&](const Draft& part) {
    const bool meant = part.name == path.front() || (&part == &pair.algorithm.draft && label == path.front());
    found = found || (meant && part_matches(part, rest, condition));
  });
  return found;
}

}  // namespace

void drop_excluded(const Tree& exclude, std::vector<EntryPair>& pairs, std::vector<LeftOut>& left_out) {
  if (!exclude.is_sequence()) fail(exclude.at, cat("`exclude` must be a list of maps, not ", exclude.described()));
  for (const Tree& item : exclude.items) {
    if (!item.is_map() || item.entries.empty())
      fail(item.at,
           cat("an item of `exclude` must be a map like {workload: NAME, algorithm: NAME}, not ", item.described()));
    const Tree* why = item.find("why");
    const std::string sentence = why != nullptr ? read_text(*why, "why") : "";
    if (why != nullptr && item.entries.size() == 1) fail(item.at, "`why` alone excludes nothing; say what is meant");
    const std::size_t before = pairs.size();
    std::erase_if(pairs, [&](const EntryPair& pair) {
      const bool all = std::all_of(item.entries.begin(), item.entries.end(), [&](const Tree::Entry& condition) {
        return condition.key == "why" || condition_matches(condition, pair);
      });
      if (all && why != nullptr) left_out.push_back({pair.workload.draft.name, pair.algorithm.label, sentence});
      return all;
    });
    if (pairs.size() == before) fail(item.at, cat("nothing matches this exclusion, ", item.text()));
  }
}

}  // namespace velo
