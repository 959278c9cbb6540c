#include "harness/sweep/expansion.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "harness/config/scalar.hpp"
#include "harness/sweep/module_files.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

const std::vector<std::string> rulesets = {"external", "self"};
const std::vector<std::string> unfit_rules = {"refuse", "leave_out"};
const std::vector<std::string> stop_rules = {"target", "budget", "lossless"};

/// Calls `visit` with the algorithm of every trial of a pair; once where nothing is searched.
template <typename Visit>
void for_each_variant(const SearchedPair& pair, const Sweep& sweep, const Visit& visit) {
  const bool searched = std::any_of(pair.plan.spaces.begin(), pair.plan.spaces.end(), [](const ModuleSpace& space) {
    return space.is_list() || !space.dimensions.empty();
  });
  if (!searched) visit(resolve(pair.entries.algorithm.draft));
  for (std::int64_t study = 0; searched && study < sweep.studies; ++study)
    for (std::int64_t trial = 0; trial < sweep.trials; ++trial) {
      Draft placed = pair.entries.algorithm.draft;
      place_point(pair.plan, sweep.root_seed, study, trial, placed);
      visit(resolve(placed));
    }
}

/// What the trials of a pair need, sorted, without repetition: searched parameters may decide it. Throws Error, at the
/// algorithm's entry, for parameters that cannot go together.
std::set<std::string> needs_of_trials(const SearchedPair& pair, const Sweep& sweep, const Catalogue& catalogue) {
  std::set<std::string> out;
  for_each_variant(pair, sweep, [&](const Component& algorithm) {
    if (const auto& check = catalogue.algorithm(algorithm.name).check) try {
        check(algorithm.parameters);
      } catch (const Error& error) {
        fail(pair.entries.algorithm.at, error.what());
      }
    for (std::string& need : needs_of(algorithm, catalogue)) out.insert(std::move(need));
  });
  return out;
}

class Expander {
 public:
  Expander(const std::string& path, const std::vector<std::string>& overrides, const Catalogue& catalogue)
      : catalogue_(&catalogue), directories_(config_directories(path)) {
    out_.document = read_document(path, overrides);
    out_.sweep.path = path;
  }

  [[nodiscard]] Expansion run() {
    read_settings();
    read_entries();
    apply_sweep_settings();
    apply_overrides();
    apply_defaults();
    std::vector<EntryPair> pairs = read_pairs();
    read_spaces(pairs);
    for (EntryPair& pair : pairs) add_pair(std::move(pair));
    if (out_.pairs.empty())
      fail(require("algorithms").at, cat("no pair is left: ", out_.sweep.left_out.front().sentence));
    uses_.check();
    collect_names();
    return std::move(out_);
  }

 private:
  [[nodiscard]] const Tree* find(std::string_view key) const { return out_.document.root.find(key); }
  [[nodiscard]] const Tree& require(std::string_view key) const {
    if (const Tree* tree = find(key)) return *tree;
    fail(out_.document.root.at, cat("the sweep lacks the key '", key, "'"));
  }

  void read_settings();
  void read_ruleset();
  void read_executor();
  void read_entries();
  void apply_sweep_settings();
  void apply_overrides();
  void apply_defaults();
  void apply_scoped_defaults(const Tree::Entry& scope);
  void apply_defaults_for_all(const Tree::Entry& scope);
  [[nodiscard]] std::vector<EntryPair> read_pairs();
  void read_spaces(const std::vector<EntryPair>& pairs);
  void add_pair(EntryPair pair);
  [[nodiscard]] ModuleSpace space_of(const Draft& part, const AlgorithmEntry& entry);
  void mark_effective(const Slots& slots);
  [[nodiscard]] bool fits(const SearchedPair& pair);
  void check_trials(const SearchedPair& pair) const;
  void note_inherited_target(const WorkloadEntry& entry);
  void collect_names();
  [[nodiscard]] std::string who_is_there() const;
  [[noreturn]] void no_entry(const Assignment& assignment) const;

  const Catalogue* catalogue_;
  std::vector<std::string> directories_;
  Expansion out_;
  Uses uses_;
  std::vector<WorkloadEntry> workloads_;
  std::vector<AlgorithmEntry> algorithms_;
  Sampler sampler_ = Sampler::halton;
  bool no_search_ = false;
  bool leave_out_ = false;                          ///< pairs that do not fit
  std::map<std::string, ModuleSpace> spaces_;       ///< of the sweep, by name or label
  std::map<std::string, ModuleSpace> file_spaces_;  ///< of configs/algorithms, by name
};

void Expander::read_settings() {
  Sweep& sweep = out_.sweep;
  const Tree& name = require("sweep");
  sweep.name = read_text(name, "sweep");
  if (!is_name(sweep.name))
    fail(name.at, cat("the name of the sweep, ", name.described(),
                      ", must consist of letters, digits, '_' and '-', and begin with a letter"));
  read_ruleset();
  if (const Tree* studies = find("studies")) sweep.studies = read_integer(*studies, "studies", {1.0, 1e6, true, true});
  if (const Tree* seed = find("seeds")) {
    if (seed->is_sequence())
      fail(seed->at,
           "seeds is one root seed, from which every study and trial derives its own; ask for more studies instead of "
           "a list");
    sweep.root_seed = static_cast<std::uint64_t>(read_integer(*seed, "seeds", Range::non_negative()));
  }
  if (const Tree* stop = find("stop")) {
    const std::string word = read_choice(*stop, "stop", stop_rules);
    sweep.stop = static_cast<StopRule>(std::find(stop_rules.begin(), stop_rules.end(), word) - stop_rules.begin());
    if (sweep.stop == StopRule::lossless && sweep.studies % 2 == 0)
      fail(stop->at, cat("stop: lossless needs an odd number of studies, not ", sweep.studies));
  }
  if (const Tree* unfit = find("unfit")) leave_out_ = read_choice(*unfit, "unfit", unfit_rules) == "leave_out";
  if (const Tree* every = find("checkpoint_every"))
    out_.checkpoint_every = read_integer(*every, "checkpoint_every", Range::non_negative());
  read_executor();
}

void Expander::read_ruleset() {
  Sweep& sweep = out_.sweep;
  const Tree* ruleset = find("ruleset");
  const Tree* factor = nullptr;
  const Tree* name = ruleset;
  if (ruleset != nullptr && ruleset->is_map()) {
    const Fields fields(*ruleset, "the ruleset", {"name", "budget_factor"});
    name = &fields.require("name");
    factor = fields.find("budget_factor");
  }
  if (name != nullptr) sweep.ruleset = read_choice(*name, "ruleset", rulesets);
  const bool self = sweep.ruleset == "self";
  if (factor != nullptr && !self) fail(factor->at, "budget_factor belongs to the ruleset self");
  if (self) out_.budget_factor = factor == nullptr ? 1.5 : read_real(*factor, "budget_factor", Range::at_least(1.0));
  sweep.trials = self ? 1 : 5;
  if (const Tree* trials = find("trials")) {
    sweep.trials = read_integer(*trials, "trials", {1.0, 1e6, true, true});
    if (self && sweep.trials != 1) fail(trials->at, "the ruleset self runs one trial a study; leave trials out");
  }
}

void Expander::read_executor() {
  const Tree* tree = find("executor");
  if (tree == nullptr) return;
  const Fields fields(*tree, "the executor", {"kind", "workers", "threads", "pin", "timeout_seconds"});
  ExecutorSettings& executor = out_.sweep.executor;
  if (const Tree* kind = fields.find("kind")) executor.kind = read_choice(*kind, "executor.kind", {"local"});
  const Range count{1.0, 4096.0, true, true};
  if (const Tree* workers = fields.find("workers"))
    executor.workers = static_cast<int>(read_integer(*workers, "executor.workers", count));
  if (const Tree* threads = fields.find("threads"))
    executor.threads = static_cast<int>(read_integer(*threads, "executor.threads", count));
  if (const Tree* pin = fields.find("pin")) executor.pin = read_boolean(*pin, "executor.pin");
  if (const Tree* timeout = fields.find("timeout_seconds"))
    executor.timeout_seconds = read_real(*timeout, "executor.timeout_seconds", Range::non_negative());
}

void Expander::read_entries() {
  const auto items = [](const Tree& tree, std::string_view key) -> const std::vector<Tree>& {
    if (!tree.is_sequence() || tree.items.empty())
      fail(tree.at, cat("`", key, "` must be a list with at least one name, not ",
                        tree.is_sequence() ? "an empty one" : tree.described()));
    return tree.items;
  };
  for (const Tree& item : items(require("workloads"), "workloads")) {
    workloads_.push_back(read_workload_entry(item, *catalogue_));
    if (const auto file = find_module_file(directories_, "workloads", workloads_.back().draft.name))
      read_workload_file(workloads_.back(), *file);
  }
  for (const Tree& item : items(require("algorithms"), "algorithms")) {
    algorithms_.push_back(read_algorithm_entry(item, *catalogue_));
    for (std::size_t i = 0; i + 1 < algorithms_.size(); ++i)
      if (algorithms_[i].label == algorithms_.back().label)
        fail(item.at, cat("two entries are called '", algorithms_.back().label, "', the other at ",
                          algorithms_[i].at.text(), "; give one a label"));
  }
}

void Expander::apply_sweep_settings() {
  for (const char* key : {"budget", "evaluate_every", "target"})
    if (const Tree* tree = find(key))
      for (WorkloadEntry& entry : workloads_) assign_setting(entry, {key}, *tree, {Rank::sweep, -1});
}

std::string Expander::who_is_there() const {
  std::vector<std::string> names;
  for (const WorkloadEntry& entry : workloads_) names.push_back(entry.draft.name);
  for (const AlgorithmEntry& entry : algorithms_) names.push_back(entry.label);
  return join_words(names);
}

void Expander::no_entry(const Assignment& assignment) const {
  const std::string& name = assignment.path.front();
  if (is_setting(name)) fail(assignment.at, cat("'", name, "' belongs to a workload: NAME.", assignment.name()));
  std::vector<std::string> names = sweep_keys();
  for (const WorkloadEntry& entry : workloads_) names.push_back(entry.draft.name);
  for (const AlgorithmEntry& entry : algorithms_) {
    names.push_back(entry.label);
    for_each_part(entry.draft, [&](const Draft& part) { names.push_back(part.name); });
  }
  const std::string hint = did_you_mean(name, names);
  fail(assignment.at, cat("no entry uses '", name, "'", hint.empty() ? cat("; the sweep has ", who_is_there()) : hint));
}

void Expander::apply_overrides() {
  for (Assignment& assignment : out_.document.overrides) {
    bool found = false;
    // `step_hint=...` alone is refused: like all parameters it is addressed through its workload.
    if (!is_setting(assignment.path.front())) {
      for (WorkloadEntry& entry : workloads_) {
        if (!concerns(assignment, entry)) continue;
        apply(assignment, entry, *catalogue_);
        found = true;
      }
      for (AlgorithmEntry& entry : algorithms_) {
        if (!concerns(assignment, entry)) continue;
        apply(assignment, entry, *catalogue_);
        found = true;
      }
    }
    if (!found) no_entry(assignment);
  }
}

void Expander::apply_scoped_defaults(const Tree::Entry& scope) {
  for (const Tree::Entry& entry : scope.value.entries) {
    Assignment assignment;
    assignment.path = split_path(cat(scope.key, ".", entry.key), entry.at);
    assignment.value = entry.value;
    assignment.rank = Rank::defaults;
    assignment.at = entry.at;
    assignment.use = uses_.add(
        entry.at, cat("this default changes nothing: every entry gives or searches '", entry.key, "' itself"));
    bool found = false;
    for (WorkloadEntry& workload : workloads_) {
      if (!concerns(assignment, workload)) continue;
      apply(assignment, workload, *catalogue_);
      found = true;
    }
    for (AlgorithmEntry& algorithm : algorithms_) {
      if (!concerns(assignment, algorithm)) continue;
      apply(assignment, algorithm, *catalogue_);
      found = true;
    }
    assignment.at = scope.at;
    if (!found) no_entry(assignment);
  }
}

void Expander::apply_defaults_for_all(const Tree::Entry& scope) {
  const bool to_algorithms = scope.key == "algorithms";
  for (const Tree::Entry& entry : scope.value.entries) {
    const std::vector<std::string> path = split_path(entry.key, entry.at);
    const int use = uses_.add(
        entry.at, cat("this default changes nothing: every entry gives or searches '", entry.key, "' itself"));
    std::vector<std::string> known;
    bool found = false;
    const auto give = [&](Draft& part) {
      for (const ParameterSpec& spec : *part.specs) known.push_back(spec.name);
      if (find_spec(part, path.front()) == nullptr) return;
      assign(part, path, entry.value, *catalogue_, {Rank::defaults_all, use});
      found = true;
    };
    if (to_algorithms)
      for (AlgorithmEntry& algorithm : algorithms_) for_each_part(algorithm.draft, give);
    else
      for (WorkloadEntry& workload : workloads_) give(workload.draft);
    if (!found)
      fail(entry.at, cat("none of the ", scope.key, " of this sweep has a parameter '", path.front(), "'",
                         did_you_mean(path.front(), known)));
  }
}

void Expander::apply_defaults() {
  const Tree* defaults = find("defaults");
  if (defaults == nullptr) return;
  if (!defaults->is_map())
    fail(defaults->at, cat("`defaults` must be a map like {adamw: {lr: 0.1}}, not ", defaults->described()));
  for (const Tree::Entry& scope : defaults->entries) {
    if (!scope.value.is_map())
      fail(scope.value.at,
           cat("the defaults of '", scope.key, "' must be a map like {lr: 0.1}, not ", scope.value.described()));
    if (scope.key == "algorithms" || scope.key == "workloads")
      apply_defaults_for_all(scope);
    else
      apply_scoped_defaults(scope);
  }
}

std::vector<EntryPair> Expander::read_pairs() {
  const std::vector<BlockPoint> points = read_blocks(out_.document.root);
  for (const BlockPoint& point : points)
    for (const Assignment& assignment : point) {
      const auto meant = [&](const auto& entry) { return concerns(assignment, entry); };
      if (std::none_of(workloads_.begin(), workloads_.end(), meant) &&
          std::none_of(algorithms_.begin(), algorithms_.end(), meant))
        no_entry(assignment);
    }
  std::vector<EntryPair> pairs;
  for (const WorkloadEntry& workload : workloads_)
    for (const AlgorithmEntry& algorithm : algorithms_)
      for (EntryPair& pair : variants({workload, algorithm}, points, *catalogue_)) pairs.push_back(std::move(pair));
  if (const Tree* exclude = find("exclude")) drop_excluded(*exclude, pairs, out_.sweep.left_out);
  if (pairs.empty()) fail(require("exclude").at, "everything is excluded: the sweep has no trials");
  return pairs;
}

void Expander::read_spaces(const std::vector<EntryPair>& pairs) {
  const Tree* tree = find("search_space");
  if (tree == nullptr) return;
  if (out_.sweep.ruleset == "self") fail(tree->at, "the ruleset self has no search space; give values in the entries");
  if (tree->is_scalar() && tree->scalar == "none") {
    no_search_ = true;
    return;
  }
  if (!tree->is_map())
    fail(tree->at, cat("`search_space` must be a map like {adamw: {lr: {min: 1.0e-4, max: 1.0e-2, scale: log}}}, not ",
                       tree->described()));
  for (const Tree::Entry& entry : tree->entries) {
    if (entry.key == "sampler") {
      sampler_ = read_sampler(entry.value);
      continue;
    }
    const Draft* module = nullptr;
    for (const EntryPair& pair : pairs) {
      const std::string label = pair.algorithm.label.substr(0, pair.algorithm.label.find('['));
      if (label == entry.key) module = &pair.algorithm.draft;
      for_each_part(pair.algorithm.draft, [&](const Draft& part) {
        if (part.name == entry.key) module = &part;
      });
    }
    if (module == nullptr) {
      Assignment assignment;
      assignment.path = {entry.key};
      assignment.at = entry.at;
      no_entry(assignment);
    }
    spaces_[entry.key] = read_module_space(*module, entry.value, Rank::search, &uses_);
  }
}

ModuleSpace Expander::space_of(const Draft& part, const AlgorithmEntry& entry) {
  if (no_search_ || out_.sweep.ruleset == "self") return {};
  const std::string label = entry.label.substr(0, entry.label.find('['));
  if (&part == &entry.draft && spaces_.count(label) != 0) return spaces_.at(label);
  if (spaces_.count(part.name) != 0) return spaces_.at(part.name);
  if (file_spaces_.count(part.name) == 0) {
    ModuleSpace& space = file_spaces_[part.name];
    if (const auto path = find_module_file(directories_, "algorithms", part.name)) {
      const AlgorithmFile file = read_algorithm_file(*path, part.name);
      if (file.search_space() != nullptr)
        space = read_module_space(part, *file.search_space(), Rank::module_file, nullptr);
    }
  }
  return file_spaces_.at(part.name);
}

/// A value counts as used where it is the strongest, or would be without --set.
void Expander::mark_effective(const Slots& slots) {
  for (const auto& [slot, layers] : slots.all())
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
      uses_.mark(layer->use);
      if (layer->rank != Rank::override) break;
    }
}

/// A target was measured for one model; sizes of batches are the algorithm's affair.
void Expander::note_inherited_target(const WorkloadEntry& entry) {
  const Layer* target = entry.settings.top("target.validation");
  if (target == nullptr || target->rank > Rank::module_file || !std::holds_alternative<double>(target->value)) return;
  const Component changes = workload_changes(resolve(entry.draft), *catalogue_);
  std::string changed, settings;
  for (const auto& [name, value] : changes.parameters.values()) {
    if (name == "batch_size") continue;
    changed += cat(changed.empty() ? "" : ", ", name);
    settings += cat(" --set ", name, "=...");
  }
  if (changed.empty()) return;
  const std::string note =
      cat("the target of '", entry.draft.name, "', ", number_text(std::get<double>(target->value)),
          ", was measured without the change of ", changed, "; give a target of its own, which `velo calibrate ",
          entry.draft.name, settings, "` measures");
  std::vector<std::string>& notes = out_.sweep.notes;
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

/// Whether the workload offers what every trial of the pair needs, which may follow searched parameters.
bool Expander::fits(const SearchedPair& pair) {
  const WorkloadEntry& entry = pair.entries.workload;
  const AlgorithmEntry& algorithm = pair.entries.algorithm;
  const CatalogueWorkload& workload = catalogue_->workload(entry.draft.name);
  const Parameters variant = resolve(entry.draft).parameters;
  const std::vector<std::string> offers = workload.offered_by(variant);
  for (const std::string& need : needs_of_trials(pair, out_.sweep, *catalogue_)) {
    if (std::find(offers.begin(), offers.end(), need) != offers.end()) continue;
    const std::string sentence =
        cat("'", algorithm.label, "' needs ", need, ", which the workload '", workload.name, "' does not offer");
    if (!leave_out_)
      fail(algorithm.at, cat(sentence, "; exclude: [{algorithm: ", algorithm.draft.name, ", workload: ", workload.name,
                             "}] leaves the pair out"));
    out_.sweep.left_out.push_back({workload.name, algorithm.label, sentence});
    return false;
  }
  return true;
}

void Expander::check_trials(const SearchedPair& pair) const {
  const std::optional<std::size_t> size = pair.plan.size(pair.entries.algorithm.draft);
  if (!size || static_cast<std::int64_t>(*size) >= out_.sweep.trials) return;
  Origin at = pair.entries.algorithm.at;
  for (const ModuleSpace& space : pair.plan.spaces)
    if (space.is_list() || !space.dimensions.empty()) at = space.at;
  fail(at, cat("the search space of '", pair.entries.algorithm.label, "' has ", *size,
               *size == 1 ? " point" : " points", ", but there are ", out_.sweep.trials, " trials"));
}

void Expander::add_pair(EntryPair pair) {
  SearchedPair searched{std::move(pair), {}};
  AlgorithmEntry& algorithm = searched.entries.algorithm;
  searched.plan.sampler = sampler_;
  std::size_t dimensions = 0;
  for_each_part(algorithm.draft, [&](const Draft& part) {
    searched.plan.spaces.push_back(space_of(part, algorithm));
    dimensions += searched.plan.spaces.back().dimensions.size();
  });
  if (sampler_ == Sampler::sobol && dimensions > most_sobol_dimensions)
    fail(find("search_space")->at, cat("sobol searches at most ", most_sobol_dimensions, " parameters, and '",
                                       algorithm.label, "' has ", dimensions, "; use halton"));
  mark_uses(searched.plan, algorithm.draft, uses_);
  check_trials(searched);
  // A default below a searched parameter changes nothing; conditional ones are not searched at every point.
  for (std::int64_t trial = 0; trial < std::min<std::int64_t>(out_.sweep.trials, 32); ++trial) {
    Draft placed = algorithm.draft;
    place_point(searched.plan, out_.sweep.root_seed, 0, trial, placed);
    for_each_part(placed, [&](const Draft& part) { mark_effective(part.slots); });
  }
  mark_effective(searched.entries.workload.draft.slots);
  mark_effective(searched.entries.workload.settings);
  note_inherited_target(searched.entries.workload);
  if (fits(searched)) out_.pairs.push_back(std::move(searched));
}

void Expander::collect_names() {
  const auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  for (const SearchedPair& pair : out_.pairs) {
    add(out_.sweep.workloads, pair.entries.workload.draft.name);
    add(out_.sweep.labels, pair.entries.algorithm.label);
  }
}

}  // namespace

Expansion expand(const std::string& path, const std::vector<std::string>& overrides, const Catalogue& catalogue) {
  return Expander(path, overrides, catalogue).run();
}

Cell make_cell(const Expansion& expansion, const SearchedPair& pair, std::int64_t study, std::int64_t trial,
               const Catalogue& catalogue) {
  const Sweep& sweep = expansion.sweep;
  const CatalogueWorkload& workload = catalogue.workload(pair.entries.workload.draft.name);
  Cell out;
  out.workload = resolve(pair.entries.workload.draft);
  out.workload_version = workload.version;
  Draft algorithm = pair.entries.algorithm.draft;
  place_point(pair.plan, sweep.root_seed, study, trial, algorithm);
  out.algorithm = resolve(algorithm);
  out.algorithm_version = algorithm_version(out.algorithm, catalogue);
  out.label = pair.entries.algorithm.label;
  out.study = study;
  out.trial = trial;
  out.root_seed = sweep.root_seed;
  out.seed = trial_seed(sweep.root_seed, study, trial);
  out.ruleset = sweep.ruleset;
  const ResolvedSettings settings = resolve_settings(pair.entries.workload, workload, expansion.budget_factor);
  out.synthetic = settings.synthetic;
  out.budget = settings.budget;
  out.step_hint = settings.step_hint;
  out.evaluate = settings.evaluate;
  out.target = settings.target;
  out.stop = sweep.stop;
  out.checkpoint_every = expansion.checkpoint_every;
  out.threads = sweep.executor.threads;
  return out;
}

}  // namespace velo
