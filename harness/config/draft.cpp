#include "harness/config/draft.hpp"

#include <algorithm>
#include <array>

#include "harness/config/scalar.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using Shape = Schedule::Shape;

const std::vector<std::string> schedule_slots = {"value",  "schedule", "warmup_fraction", "warmup_steps",
                                                 "final",  "power",    "gamma",           "milestones",
                                                 "period", "growth",   "factors"};
const std::vector<std::string> shape_names = {"constant", "linear",        "cosine", "polynomial",
                                              "step",     "warm_restarts", "table"};

std::vector<std::string> parameter_names(const Draft& draft) {
  std::vector<std::string> out;
  for (const ParameterSpec& spec : *draft.specs) out.push_back(spec.name);
  return out;
}

const ParameterSpec& get_spec(const Draft& draft, const std::string& parameter, const Origin& at) {
  if (const ParameterSpec* spec = find_spec(draft, parameter)) return *spec;
  const std::vector<std::string> known = parameter_names(draft);
  const std::string hint = did_you_mean(parameter, known);
  if (known.empty()) fail(at, cat("'", draft.name, "' has no parameters, so '", parameter, "' cannot be set"));
  fail(at, cat("'", draft.name, "' has no parameter '", parameter, "'",
               hint.empty() ? cat("; it has ", join_words(known)) : hint));
}

void check_schedule_slot(const std::string& what, const std::string& slot, const Origin& at) {
  if (std::find(schedule_slots.begin(), schedule_slots.end(), slot) != schedule_slots.end()) return;
  const std::string hint = did_you_mean(slot, schedule_slots);
  fail(at, cat("a schedule has no key '", slot, "' (in ", what, ")",
               hint.empty() ? cat("; it may hold ", join_words(schedule_slots)) : hint));
}

std::vector<double> read_milestones(const Tree& value, const std::string& what) {
  if (!value.is_sequence() || value.items.empty())
    fail(value.at, cat(what, " must be a list of fractions like [0.5, 0.8], not ", value.described()));
  std::vector<double> out;
  for (const Tree& item : value.items) {
    out.push_back(read_real(item, what, {0.0, 1.0, false, false}));
    if (out.size() > 1 && out.back() <= out[out.size() - 2]) fail(item.at, cat(what, " must increase"));
  }
  return out;
}

std::vector<double> read_factors(const Tree& value, const std::string& what) {
  if (!value.is_sequence() || value.items.size() < 2)
    fail(value.at, cat(what, " must be a list of at least two factors like [1, 0.4, 0], not ", value.described()));
  std::vector<double> out;
  for (const Tree& item : value.items) out.push_back(read_real(item, what, Range::fraction()));
  return out;
}

SlotValue read_schedule_slot(const std::string& slot, const ParameterSpec& spec, const std::string& what,
                             const Tree& value) {
  if (slot == "value") return read_real(value, what, spec.range);
  const std::string full = cat(what, ".", slot);
  if (slot == "schedule") return read_choice(value, full, shape_names);
  if (slot == "warmup_fraction") return read_real(value, full, Range::decay());
  if (slot == "warmup_steps") return read_integer(value, full, Range::non_negative());
  if (slot == "final") return read_real(value, full, Range::fraction());
  if (slot == "milestones") return read_milestones(value, full);
  if (slot == "factors") return read_factors(value, full);
  if (slot == "period") return read_real(value, full, {0.0, 1.0, false, true});
  if (slot == "growth") return read_real(value, full, Range::at_least(1.0));
  return read_real(value, full, Range::positive());  // power, gamma
}

std::string own_name(const Draft& draft, const std::string& parameter) { return cat(draft.name, ".", parameter); }

Draft new_draft(const std::string& name, const Origin& at, const Catalogue& catalogue) {
  const CatalogueAlgorithm* algorithm = catalogue.find_algorithm(name);
  if (algorithm == nullptr) {
    const std::string hint = did_you_mean(name, catalogue.algorithm_names());
    const bool workload = catalogue.find_workload(name) != nullptr;
    fail(at, cat("no algorithm is called '", name, "'",
                 workload       ? "; that is a workload"
                 : hint.empty() ? "; `velo list algorithms` shows them all"
                                : hint));
  }
  Draft draft;
  draft.name = name;
  draft.at = at;
  draft.specs = &algorithm->parameters;
  for (const ParameterSpec& spec : algorithm->parameters)
    if (spec.type == ParameterType::algorithm && !spec.word.empty())
      draft.inner[spec.name] = {new_draft(spec.word, at, catalogue)};
  return draft;
}

Draft read_chain(const Tree& chain, const Catalogue& catalogue, Assigning how) {
  if (!chain.is_sequence() || chain.items.empty())
    fail(chain.at, cat("a chain must be a list like [clip_by_global_norm, adamw], not ",
                       chain.is_sequence() ? "an empty one" : chain.described()));
  Draft draft = read_algorithm(chain.items.back(), catalogue, how);
  for (std::size_t i = chain.items.size() - 1; i-- > 0;) {
    Draft outer = read_algorithm(chain.items[i], catalogue, how);
    const ParameterSpec* inner = catalogue.algorithm(outer.name).inner();
    if (inner == nullptr)
      fail(outer.at, cat("'", outer.name, "' wraps nothing, so it can only be the last of a chain"));
    if (how.rank != Rank::override && outer.inner.count(inner->name) != 0 && inner->word.empty())
      fail(outer.at,
           cat("'", outer.name, "' in a chain wraps what follows; it may not give '", inner->name, "' itself"));
    outer.inner[inner->name] = {std::move(draft)};
    draft = std::move(outer);
  }
  return draft;
}

bool consumed_by_name(const Draft& inner, const std::string& segment) {
  return segment == inner.name && find_spec(inner, segment) == nullptr;
}

void assign_inner(Draft& draft, const ParameterSpec& spec, std::span<const std::string> rest, const Tree& value,
                  const Catalogue& catalogue, Assigning how) {
  if (rest.empty()) {
    draft.inner[spec.name] = {read_algorithm(value, catalogue, how)};
    return;
  }
  const auto found = draft.inner.find(spec.name);
  if (found == draft.inner.end())
    fail(value.at, cat("'", draft.name, "' has no '", spec.name, "' yet that '", rest.front(), "' could be set in"));
  Draft& inner = found->second.front();
  assign(inner, consumed_by_name(inner, rest.front()) ? rest.subspan(1) : rest, value, catalogue, how);
}

}  // namespace

const ParameterSpec* find_spec(const Draft& draft, std::string_view name) {
  for (const ParameterSpec& spec : *draft.specs)
    if (spec.name == name) return &spec;
  return nullptr;
}

Draft read_algorithm(const Tree& tree, const Catalogue& catalogue, Assigning how) {
  if (tree.is_word()) return new_draft(tree.scalar, tree.at, catalogue);
  const Tree::Entry& entry = single_entry(tree, "an algorithm");
  if (entry.key == "chain") return read_chain(entry.value, catalogue, how);
  Draft draft = new_draft(entry.key, entry.at, catalogue);
  assign_all(draft, entry.value, catalogue, how);
  return draft;
}

Draft read_workload(const Tree& tree, const Catalogue& catalogue, Assigning how) {
  Draft draft;
  draft.schedules = false;
  const Tree::Entry* entry = tree.is_word() ? nullptr : &single_entry(tree, "a workload");
  draft.name = entry == nullptr ? tree.scalar : entry->key;
  draft.at = entry == nullptr ? tree.at : entry->at;
  const CatalogueWorkload* workload = catalogue.find_workload(draft.name);
  if (workload == nullptr) {
    const std::string hint = did_you_mean(draft.name, catalogue.workload_names());
    const bool algorithm = catalogue.find_algorithm(draft.name) != nullptr;
    fail(draft.at, cat("no workload is called '", draft.name, "'",
                       algorithm      ? "; that is an algorithm"
                       : hint.empty() ? "; `velo list workloads` shows them all"
                                      : hint));
  }
  draft.specs = &workload->parameters;
  if (entry != nullptr) assign_all(draft, entry->value, catalogue, how);
  return draft;
}

void assign_all(Draft& draft, const Tree& parameters, const Catalogue& catalogue, Assigning how) {
  if (parameters.is_null()) return;
  if (!parameters.is_map())
    fail(parameters.at, cat("the parameters of '", draft.name, "' must be a map like {", "NAME: VALUE}, not ",
                            parameters.described()));
  for (const Tree::Entry& entry : parameters.entries) {
    // An unknown name is reported where it stands, a wrong value where the value stands.
    const std::vector<std::string> path = split_path(entry.key, entry.at);
    get_spec(draft, path.front(), entry.at);
    assign(draft, path, entry.value, catalogue, how);
  }
}

std::string slot_of(const Draft& draft, std::span<const std::string> path, const Origin& at) {
  const ParameterSpec& spec = get_spec(draft, path.front(), at);
  const std::string what = own_name(draft, spec.name);
  if (spec.type == ParameterType::algorithm) fail(at, cat(what, " is an algorithm, not a value"));
  if (spec.type != ParameterType::real) {
    if (path.size() > 1) fail(at, cat(what, " is one ", name(spec.type), " and has no '", path[1], "'"));
    return spec.name;
  }
  if (path.size() == 1) return spec.name + ".value";
  if (!draft.schedules) fail(at, cat(what, " belongs to a workload and takes a number, not a schedule"));
  if (path.size() > 2) fail(at, cat(what, ".", path[1], " has no '", path[2], "'"));
  check_schedule_slot(what, path[1], at);
  return cat(spec.name, ".", path[1]);
}

SlotValue read_slot(const Draft& draft, const std::string& slot, const Tree& value) {
  const std::size_t dot = slot.find('.');
  const std::string parameter = slot.substr(0, dot);
  const ParameterSpec& spec = get_spec(draft, parameter, value.at);
  const std::string what = own_name(draft, parameter);
  switch (spec.type) {
    case ParameterType::real:
      return read_schedule_slot(slot.substr(dot + 1), spec, what, value);
    case ParameterType::integer:
      return read_integer(value, what, spec.range);
    case ParameterType::boolean:
      return read_boolean(value, what);
    case ParameterType::choice:
      return read_choice(value, what, spec.choices);
    case ParameterType::algorithm:
      break;
  }
  fail(value.at, cat(what, " is an algorithm, not a value"));
}

void assign(Draft& draft, std::span<const std::string> path, const Tree& value, const Catalogue& catalogue,
            Assigning how) {
  if (path.empty()) fail(value.at, cat("'", draft.name, "' is not a value; say which of its parameters is meant"));
  const ParameterSpec& spec = get_spec(draft, path.front(), value.at);
  if (spec.type == ParameterType::algorithm) {
    assign_inner(draft, spec, path.subspan(1), value, catalogue, how);
    return;
  }
  if (spec.type == ParameterType::real && path.size() == 1 && value.is_map()) {
    if (!draft.schedules)
      fail(value.at, cat(own_name(draft, spec.name), " belongs to a workload and takes a number, not a schedule"));
    for (const Tree::Entry& entry : value.entries) {
      check_schedule_slot(own_name(draft, spec.name), entry.key, entry.at);
      const std::string slot = cat(spec.name, ".", entry.key);
      draft.slots.put(
          slot, {rank_at(entry.value.at, how.rank), read_slot(draft, slot, entry.value), entry.value.at, how.use});
    }
    return;
  }
  const std::string slot = slot_of(draft, path, value.at);
  if (value.is_sequence() && !slot.ends_with(".milestones") && !slot.ends_with(".factors"))
    fail(value.at,
         cat(own_name(draft, spec.name), " must be one value, not a list; `grid` and `search_space` try several"));
  draft.slots.put(slot, {rank_at(value.at, how.rank), read_slot(draft, slot, value), value.at, how.use});
}

namespace {

template <typename T>
T slot_or(const Draft& draft, const std::string& slot, T standard) {
  const Layer* layer = draft.slots.top(slot);
  return layer == nullptr ? standard : std::get<T>(layer->value);
}

/// Whether a key of the schedule takes part. One that the shape does not read would silently change nothing: an error,
/// unless a stronger place than the one that gave it has chosen another shape.
bool takes_part(const Draft& draft, const std::string& parameter, const std::string& key, bool read,
                std::string_view readers) {
  const Layer* layer = draft.slots.top(cat(parameter, ".", key));
  if (layer == nullptr || read) return read;
  const Layer* shape = draft.slots.top(parameter + ".schedule");
  if (shape == nullptr || layer->rank >= shape->rank)
    fail(layer->at, cat(own_name(draft, parameter), ".", key, " changes nothing: only ", readers, " reads it"));
  return false;
}

Schedule resolve_schedule(const Draft& draft, const ParameterSpec& spec) {
  const std::string dot = spec.name + ".";
  Schedule out(slot_or(draft, dot + "value", spec.number));
  const std::string shape = slot_or<std::string>(draft, dot + "schedule", "constant");
  out.shape = static_cast<Shape>(std::find(shape_names.begin(), shape_names.end(), shape) - shape_names.begin());
  out.warmup_fraction = slot_or(draft, dot + "warmup_fraction", out.warmup_fraction);
  out.warmup_steps = slot_or(draft, dot + "warmup_steps", out.warmup_steps);
  if (out.warmup_fraction != 0.0 && out.warmup_steps != 0)
    fail(draft.slots.top(dot + "warmup_steps")->at,
         cat(own_name(draft, spec.name), " has both warmup_fraction and warmup_steps; give one"));
  const auto read = [&](const std::string& key, auto& target, bool is_read, std::string_view readers) {
    if (takes_part(draft, spec.name, key, is_read, readers)) target = slot_or(draft, dot + key, target);
  };
  read("final", out.final, out.shape != Shape::constant && out.shape != Shape::step && out.shape != Shape::table,
       "a linear, cosine, polynomial or warm_restarts schedule");
  read("power", out.power, out.shape == Shape::polynomial, "a polynomial schedule");
  read("gamma", out.gamma, out.shape == Shape::step, "a step schedule");
  read("milestones", out.milestones, out.shape == Shape::step, "a step schedule");
  read("period", out.period, out.shape == Shape::warm_restarts, "a warm_restarts schedule");
  read("growth", out.growth, out.shape == Shape::warm_restarts, "a warm_restarts schedule");
  read("factors", out.factors, out.shape == Shape::table, "a table schedule");
  if (out.shape == Shape::step && out.milestones.empty())
    fail(draft.slots.top(dot + "schedule")->at,
         cat(own_name(draft, spec.name), ": the schedule step needs milestones, fractions like [0.5, 0.8]"));
  if (out.shape == Shape::table && out.factors.empty())
    fail(draft.slots.top(dot + "schedule")->at,
         cat(own_name(draft, spec.name), ": the schedule table needs factors, like [1, 0.4, 0]"));
  return out;
}

}  // namespace

Component resolve(const Draft& draft) {
  Component out{draft.name, Parameters::defaults(*draft.specs)};
  for (const ParameterSpec& spec : *draft.specs) {
    switch (spec.type) {
      case ParameterType::real:
        out.parameters.set(spec.name, resolve_schedule(draft, spec));
        break;
      case ParameterType::integer:
        out.parameters.set(spec.name, slot_or(draft, spec.name, static_cast<std::int64_t>(spec.number)));
        break;
      case ParameterType::boolean:
        out.parameters.set(spec.name, slot_or(draft, spec.name, spec.number != 0.0));
        break;
      case ParameterType::choice:
        out.parameters.set(spec.name, slot_or(draft, spec.name, spec.word));
        break;
      case ParameterType::algorithm: {
        const auto found = draft.inner.find(spec.name);
        if (found == draft.inner.end())
          fail(draft.at, cat("'", draft.name, "' wraps another algorithm and needs one: ", draft.name, ": {", spec.name,
                             ": NAME}"));
        out.parameters.set(spec.name, std::vector<Component>{resolve(found->second.front())});
        break;
      }
    }
  }
  return out;
}

std::vector<std::string> split_path(const std::string& path, const Origin& at) {
  std::vector<std::string> out(1);
  for (const char c : path) {
    if (c == '.')
      out.emplace_back();
    else
      out.back() += c;
  }
  for (const std::string& piece : out)
    if (piece.empty()) fail(at, cat("'", path, "' is not a path like adamw.lr"));
  return out;
}

}  // namespace velo
