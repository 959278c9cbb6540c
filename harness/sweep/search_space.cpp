#include "harness/sweep/search_space.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "harness/config/scalar.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

const std::vector<std::string> sampler_names = {"halton", "sobol", "random", "grid", "list"};
const std::vector<std::string> drawn_samplers = {"halton", "sobol", "random", "grid"};
const std::vector<std::string> scale_names = {"linear", "log", "one_minus_log"};

double six_digits(double value) {
  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific, 5).ptr;
  double out = 0.0;
  std::from_chars(buffer.data(), end, out);
  return out;
}

double scaled(const Dimension& dimension, double u) {
  const double a = dimension.min, b = dimension.max;
  switch (dimension.scale) {
    case Dimension::Scale::linear:
      return a + u * (b - a);
    case Dimension::Scale::log:
      return a * std::pow(b / a, u);
    case Dimension::Scale::one_minus_log:
      return 1.0 - (1.0 - a) * std::pow((1.0 - b) / (1.0 - a), u);
  }
  return a;
}

SlotValue ranged(const Dimension& dimension, double u) {
  if (!dimension.integer) return std::clamp(six_digits(scaled(dimension, u)), dimension.min, dimension.max);
  // Each whole number owns an interval of width one on the linear scale, or its share of the logarithmic one.
  Dimension cells = dimension;
  if (dimension.scale == Dimension::Scale::linear) {
    cells.max = dimension.max + 1.0;
    return static_cast<std::int64_t>(std::min(std::floor(scaled(cells, u)), dimension.max));
  }
  cells.min = dimension.min - 0.5;
  cells.max = dimension.max + 0.5;
  return static_cast<std::int64_t>(std::clamp(std::round(scaled(cells, u)), dimension.min, dimension.max));
}

std::vector<SlotValue> read_values(const Draft& part, const std::string& slot, const Tree& list) {
  if (!list.is_sequence() || list.items.empty())
    fail(list.at,
         cat("the values of ", part.name, ".", slot, " must be a list like [0.9, 0.95], not ", list.described()));
  std::vector<SlotValue> out;
  for (const Tree& item : list.items) {
    SlotValue value = read_slot(part, slot, item);
    if (std::find(out.begin(), out.end(), value) != out.end())
      fail(item.at, cat("the value ", item.scalar, " is given twice"));
    out.push_back(std::move(value));
  }
  return out;
}

/// "lr.value" reads as "lr" in sentences.
std::string shown(const std::string& slot) {
  constexpr std::string_view value = ".value";
  return slot.ends_with(value) ? slot.substr(0, slot.size() - value.size()) : slot;
}

double end_of_range(const Draft& part, Dimension& dimension, const Tree& value) {
  const SlotValue typed = read_slot(part, dimension.slot, value);
  if (const auto* whole = std::get_if<std::int64_t>(&typed)) {
    dimension.integer = true;
    return static_cast<double>(*whole);
  }
  if (const auto* number = std::get_if<double>(&typed)) return *number;
  fail(value.at, cat(part.name, ".", shown(dimension.slot), " is not a number; give its values as a list"));
}

void read_range(const Draft& part, Dimension& dimension, const Fields& fields, const Tree& tree) {
  const std::string what = cat(part.name, ".", shown(dimension.slot));
  dimension.min = end_of_range(part, dimension, fields.require("min"));
  dimension.max = end_of_range(part, dimension, fields.require("max"));
  if (!(dimension.min < dimension.max))
    fail(fields.require("max").at, cat(what, ": max must be greater than min, ", dimension.min));
  if (!std::isfinite(dimension.min) || !std::isfinite(dimension.max))
    fail(tree.at, cat(what, ": min and max must be finite"));
  if (const Tree* scale = fields.find("scale")) {
    const std::string word = read_choice(*scale, "scale", scale_names);
    dimension.scale =
        static_cast<Dimension::Scale>(std::find(scale_names.begin(), scale_names.end(), word) - scale_names.begin());
    if (dimension.scale == Dimension::Scale::log && dimension.min <= 0)
      fail(fields.require("min").at, cat(what, ": a log scale needs min > 0"));
    if (dimension.scale == Dimension::Scale::one_minus_log && (dimension.max >= 1 || dimension.integer))
      fail(fields.require("max").at, cat(what, ": a one_minus_log scale needs real values below 1"));
  }
  if (const Tree* points = fields.find("points"))
    dimension.points = read_integer(*points, "points", Range::at_least(2));
}

void read_conditions(const Draft& part, Dimension& dimension, const Tree& when) {
  if (!when.is_map() || when.entries.empty())
    fail(when.at, cat("`when` must be a map like {amsgrad: true}, not ", when.described()));
  for (const Tree::Entry& entry : when.entries) {
    Dimension::Condition condition;
    condition.slot = slot_of(part, split_path(entry.key, entry.at), entry.at);
    if (condition.slot == dimension.slot) fail(entry.at, cat("'", entry.key, "' cannot be its own condition"));
    condition.values = entry.value.is_sequence() ? read_values(part, condition.slot, entry.value)
                                                 : std::vector{read_slot(part, condition.slot, entry.value)};
    dimension.when.push_back(std::move(condition));
  }
}

Dimension read_dimension(const Draft& part, const Tree::Entry& entry) {
  Dimension out;
  out.slot = slot_of(part, split_path(entry.key, entry.at), entry.at);
  out.at = entry.at;
  const Tree& tree = entry.value;
  if (tree.is_sequence()) {
    out.values = read_values(part, out.slot, tree);
    return out;
  }
  if (!tree.is_map())
    fail(tree.at, cat("the search space of ", part.name, ".", shown(out.slot),
                      " must be a range {min: ..., max: ...} or a list, not ", tree.described()));
  const Fields fields(tree, cat("the search space of ", part.name, ".", shown(out.slot)),
                      {"min", "max", "scale", "values", "when", "points"});
  if (const Tree* values = fields.find("values")) {
    for (const char* key : {"min", "max", "scale", "points"})
      if (const Tree* other = fields.find(key)) fail(other->at, cat("'", key, "' and 'values' exclude each other"));
    out.values = read_values(part, out.slot, *values);
  } else {
    read_range(part, out, fields, tree);
  }
  if (const Tree* when = fields.find("when")) read_conditions(part, out, *when);
  return out;
}

ModuleSpace::Point read_point(const Draft& part, const Tree& tree) {
  if (!tree.is_map() || tree.entries.empty())
    fail(tree.at, cat("a point must be a map like {lr: 0.1}, not ", tree.described()));
  ModuleSpace::Point out;
  for (const Tree::Entry& entry : tree.entries) {
    const std::string slot = slot_of(part, split_path(entry.key, entry.at), entry.at);
    out.emplace_back(slot, read_slot(part, slot, entry.value));
  }
  return out;
}

/// A condition on a parameter that comes later in the space could not be decided when it is read.
void check_order(const std::vector<Dimension>& dimensions) {
  for (std::size_t i = 0; i < dimensions.size(); ++i)
    for (const Dimension::Condition& condition : dimensions[i].when)
      for (std::size_t k = i + 1; k < dimensions.size(); ++k)
        if (dimensions[k].slot == condition.slot)
          fail(dimensions[i].at, cat("'", shown(condition.slot), "' decides about '", shown(dimensions[i].slot),
                                     "' and must stand before it"));
}

SlotValue standard_value(const Draft& part, const std::string& slot) {
  const ParameterSpec& spec = *find_spec(part, slot.substr(0, slot.find('.')));
  switch (spec.type) {
    case ParameterType::integer:
      return static_cast<std::int64_t>(spec.number);
    case ParameterType::boolean:
      return spec.number != 0.0;
    case ParameterType::choice:
      return spec.word;
    default:
      return slot.ends_with(".schedule") ? SlotValue(std::string("constant")) : SlotValue(spec.number);
  }
}

bool is_active(const Draft& part, const Dimension& dimension) {
  return std::all_of(dimension.when.begin(), dimension.when.end(), [&](const Dimension::Condition& condition) {
    const Layer* layer = part.slots.top(condition.slot);
    const SlotValue value = layer == nullptr ? standard_value(part, condition.slot) : layer->value;
    return std::find(condition.values.begin(), condition.values.end(), value) != condition.values.end();
  });
}

/// Calls visit(part, space) for every part that is searched.
template <typename AnyDraft, typename Visit>
void for_each_space(const SearchPlan& plan, AnyDraft& draft, Visit visit) {
  std::size_t number = 0;
  for_each_part(draft, [&](auto& part) {
    const ModuleSpace& space = plan.spaces.at(number++);
    visit(part, space);
  });
}

}  // namespace

std::string_view name(Sampler sampler) { return sampler_names[static_cast<std::size_t>(sampler)]; }

Sampler read_sampler(const Tree& value) {
  const std::string word = read_choice(value, "sampler", drawn_samplers);
  return static_cast<Sampler>(std::find(sampler_names.begin(), sampler_names.end(), word) - sampler_names.begin());
}

SlotValue Dimension::at_unit(double u) const {
  if (values.empty()) return ranged(*this, u);
  const auto i = static_cast<std::size_t>(u * static_cast<double>(values.size()));
  return values[std::min(i, values.size() - 1)];
}

SlotValue Dimension::at_index(std::size_t i) const {
  if (!values.empty()) return values[i];
  const double x = static_cast<double>(i) / static_cast<double>(points - 1);
  if (integer) return static_cast<std::int64_t>(std::round(scaled(*this, x)));
  return std::clamp(six_digits(scaled(*this, x)), min, max);
}

ModuleSpace read_module_space(const Draft& part, const Tree& tree, Rank rank, Uses* uses) {
  ModuleSpace out;
  out.rank = rank;
  out.at = tree.at;
  if (tree.is_scalar() && tree.scalar == "none") return out;
  if (tree.is_sequence()) {
    for (const Tree& item : tree.items) out.points.push_back(read_point(part, item));
    if (out.points.empty()) fail(tree.at, cat("the list of points for '", part.name, "' is empty"));
    if (uses != nullptr)
      out.use = uses->add(tree.at, cat("every parameter of these points for '", part.name,
                                       "' is given elsewhere, so they change nothing"));
    return out;
  }
  if (!tree.is_map())
    fail(tree.at,
         cat("the search space of '", part.name, "' must be a map, a list of points or none, not ", tree.described()));
  for (const Tree::Entry& entry : tree.entries) {
    Dimension dimension = read_dimension(part, entry);
    for (const Dimension& other : out.dimensions)
      if (other.slot == dimension.slot) fail(entry.at, cat("'", entry.key, "' is searched twice"));
    if (uses != nullptr)
      dimension.use = uses->add(entry.at, cat("every entry of '", part.name, "' gives '", entry.key,
                                              "' itself, so searching it changes nothing"));
    out.dimensions.push_back(std::move(dimension));
  }
  check_order(out.dimensions);
  return out;
}

bool SearchPlan::searches() const {
  return std::any_of(spaces.begin(), spaces.end(),
                     [](const ModuleSpace& space) { return space.is_list() || !space.dimensions.empty(); });
}

bool is_pinned(const Draft& part, const std::string& slot, Rank space) {
  const Layer* layer = part.slots.top(slot);
  return layer != nullptr && layer->rank > space;
}

std::optional<std::size_t> SearchPlan::size(const Draft& draft) const {
  std::optional<std::size_t> lists;
  std::size_t combinations = 1;
  bool any = false;
  for_each_space(*this, draft, [&](const Draft& part, const ModuleSpace& space) {
    if (space.is_list()) lists = std::min(lists.value_or(space.points.size()), space.points.size());
    if (sampler != Sampler::grid) return;
    for (const Dimension& dimension : space.dimensions) {
      if (is_pinned(part, dimension.slot, space.rank)) continue;
      if (dimension.count() == 0)
        fail(dimension.at, cat("a grid needs `points` or a list of values for '", shown(dimension.slot), "'"));
      combinations *= dimension.count();
      any = true;
    }
  });
  if (!any) return lists;
  return std::min(lists.value_or(combinations), combinations);
}

void mark_uses(const SearchPlan& plan, const Draft& draft, Uses& uses) {
  const auto open = [](const Draft& part, const std::string& slot, Rank rank) {
    const Layer* layer = part.slots.top(slot);
    return layer == nullptr || layer->rank <= rank || layer->rank == Rank::override;
  };
  for_each_space(plan, draft, [&](const Draft& part, const ModuleSpace& space) {
    for (const Dimension& dimension : space.dimensions)
      if (open(part, dimension.slot, space.rank)) uses.mark(dimension.use);
    for (const ModuleSpace::Point& point : space.points)
      for (const auto& [slot, value] : point)
        if (open(part, slot, space.rank)) uses.mark(space.use);
  });
}

void place_point(const SearchPlan& plan, std::uint64_t root_seed, std::int64_t study, std::int64_t trial,
                 Draft& draft) {
  std::size_t total = 0;
  for (const ModuleSpace& space : plan.spaces) total += space.dimensions.size();
  const bool drawn = plan.sampler != Sampler::grid;
  const std::vector<double> unit =
      drawn && total > 0 ? unit_point(plan.sampler, root_seed, study, trial, total) : std::vector<double>{};
  std::size_t number = 0;
  auto rest = static_cast<std::size_t>(trial);
  for_each_space(plan, draft, [&](Draft& part, const ModuleSpace& space) {
    const auto put = [&](const std::string& slot, SlotValue value, const Origin& at) {
      if (!is_pinned(part, slot, space.rank)) part.slots.put(slot, {space.rank, std::move(value), at, -1});
    };
    if (space.is_list())
      for (const auto& [slot, value] : space.points.at(static_cast<std::size_t>(trial))) put(slot, value, space.at);
    for (const Dimension& dimension : space.dimensions) {
      const std::size_t own = number++;
      if (is_pinned(part, dimension.slot, space.rank)) continue;
      std::size_t digit = 0;
      if (!drawn) {
        digit = rest % dimension.count();
        rest /= dimension.count();
      }
      if (!is_active(part, dimension)) continue;
      put(dimension.slot, drawn ? dimension.at_unit(unit[own]) : dimension.at_index(digit), dimension.at);
    }
  });
}

}  // namespace velo
