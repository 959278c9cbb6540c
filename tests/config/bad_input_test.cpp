// Every way we know to write a sweep wrongly, each with the one sentence it gets. The head below is lines 1 to 4.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/config/small_race.hpp"

using namespace velo;

namespace {

struct BadInput {
  const char* what;
  std::string text;
  std::vector<std::string> overrides;
  const char* sentence;  ///< after the folder's path
};

const std::string head = "sweep: s\ntrials: 2\nworkloads: [bowl]\nalgorithms: [sgd]\n";
const std::string name = "sweep: s\n";

const std::vector<BadInput> table = {
    // YAML
    {"an open bracket",
     "sweep: s\nworkloads: [bowl\n",
     {},
     "sweep.yaml:3:1: not valid YAML: end of sequence flow not found"},
    {"an open quote",
     "sweep: \"s\nworkloads: [bowl]\n",
     {},
     "sweep.yaml:1:8: the quote that opens here is never closed"},
    {"wrong indentation", "sweep: s\n  trials: 2\n", {}, "sweep.yaml:2:9: not valid YAML: illegal map value"},
    {"a tab", "sweep: s\nbudget:\n\tsteps: 3\n", {}, "sweep.yaml:3:1: a tab cannot indent YAML; use spaces"},
    {"an empty file", "", {}, "sweep.yaml:1:1: the sweep is empty; it needs `sweep`, `workloads` and `algorithms`"},
    {"a comment alone",
     "# nothing\n",
     {},
     "sweep.yaml:1:1: the sweep is empty; it needs `sweep`, `workloads` and `algorithms`"},
    {"a list at the top", "- sweep\n", {}, "sweep.yaml:1:1: the sweep must be a map, not a list"},
    {"a word at the top", "sweep\n", {}, "sweep.yaml:1:1: the sweep must be a map, not 'sweep'"},
    {"two documents", head + "---\nsweep: t\n", {}, "sweep.yaml:6:1: a second document begins here; a file holds one"},
    {"a key twice", head + "trials: 3\n", {}, "sweep.yaml:5:1: the key 'trials' is given twice, first in line 2"},
    {"a list as key", head + "[a, b]: 3\n", {}, "sweep.yaml:5:1: a key must be a word, not a list"},
    {"an unknown alias",
     head + "studies: *n\n",
     {},
     "sweep.yaml:5:10: not valid YAML: the referenced anchor is not defined"},
    {"an alias inside its own value",
     head + "defaults: &d {sgd: *d}\n",
     {},
     "sweep.yaml:5:20: an alias stands inside the value it refers to"},
    {"a tag", head + "studies: !!int 3\n", {}, "sweep.yaml:5:10: tags like 'tag:yaml.org,2002:int' are not supported"},
    {"a merge key",
     head + "defaults: {<<: {sgd: {lr: 1}}}\n",
     {},
     "sweep.yaml:5:12: no entry uses '<<'; the sweep has bowl and sgd"},
    {"brackets without end", "sweep: " + std::string(2000, '['), {}, "sweep.yaml:1:1: nested too deeply"},
    // keys of the sweep
    {"a misspelt key",
     head + "studeis: 3\n",
     {},
     "sweep.yaml:5:1: unknown key 'studeis' in the sweep (did you mean 'studies'?)"},
    {"a key like no other",
     head + "colour: red\n",
     {},
     "sweep.yaml:5:1: unknown key 'colour' in the sweep; it may hold sweep, workloads, algorithms, ruleset, studies, "
     "trials, seeds, search_space, grid, zip, list, union, exclude, budget, stop, executor, include, defaults, "
     "evaluate_every, target or checkpoint_every"},
    {"no name", "workloads: [bowl]\nalgorithms: [sgd]\n", {}, "sweep.yaml:1:1: the sweep lacks the key 'sweep'"},
    {"a name with spaces",
     "sweep: my race\nworkloads: [bowl]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:1:8: the name of the sweep, 'my race', must consist of letters, digits, '_' and '-', and begin with a "
     "letter"},
    {"no workloads", name + "algorithms: [sgd]\n", {}, "sweep.yaml:1:1: the sweep lacks the key 'workloads'"},
    {"no algorithms", name + "workloads: [bowl]\n", {}, "sweep.yaml:1:1: the sweep lacks the key 'algorithms'"},
    {"an empty list",
     name + "workloads: []\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:12: `workloads` must be a list with at least one name, not an empty one"},
    {"a word for a list",
     name + "workloads: bowl\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:12: `workloads` must be a list with at least one name, not 'bowl'"},
    {"zero studies", head + "studies: 0\n", {}, "sweep.yaml:5:10: studies is 0, but must lie in [1, 1e+06]"},
    {"half a study", head + "studies: 1.5\n", {}, "sweep.yaml:5:10: studies must be a whole number, not '1.5'"},
    {"a quoted number",
     head + "studies: \"3\"\n",
     {},
     "sweep.yaml:5:10: studies must be a whole number, but \"3\" in quotes is text"},
    {"a word for a number",
     head + "studies: three\n",
     {},
     "sweep.yaml:5:10: studies must be a whole number, not 'three'"},
    {"a negative seed", head + "seeds: -1\n", {}, "sweep.yaml:5:8: seeds is -1, but must lie in [0, inf)"},
    {"a list of seeds",
     head + "seeds: [1, 2]\n",
     {},
     "sweep.yaml:5:8: seeds is one root seed, from which every study and trial derives its own; ask for more studies "
     "instead of a list"},
    {"an unknown ruleset",
     head + "ruleset: extern\n",
     {},
     "sweep.yaml:5:10: ruleset must be external or self, not 'extern' (did you mean 'external'?)"},
    {"trials under the ruleset self",
     head + "ruleset: self\n",
     {},
     "sweep.yaml:2:9: the ruleset self runs one trial a study; leave trials out"},
    {"a budget factor without self",
     head + "ruleset: {name: external, budget_factor: 2}\n",
     {},
     "sweep.yaml:5:42: budget_factor belongs to the ruleset self"},
    {"an unknown stop rule",
     head + "stop: goal\n",
     {},
     "sweep.yaml:5:7: stop must be target, budget or lossless, not 'goal'"},
    {"lossless with an even number of studies",
     head + "studies: 4\nstop: lossless\n",
     {},
     "sweep.yaml:6:7: stop: lossless needs an odd number of studies, not 4"},
    {"an unknown executor",
     head + "executor: {kind: loca}\n",
     {},
     "sweep.yaml:5:18: executor.kind must be local, not 'loca' (did you mean 'local'?)"},
    {"no workers",
     head + "executor: {workers: 0}\n",
     {},
     "sweep.yaml:5:21: executor.workers is 0, but must lie in [1, 4096]"},
    {"a key of the executor",
     head + "executor: {worker: 2}\n",
     {},
     "sweep.yaml:5:12: unknown key 'worker' in the executor (did you mean 'workers'?)"},
    {"yes for true",
     head + "executor: {pin: yes}\n",
     {},
     "sweep.yaml:5:17: executor.pin must be true or false, not 'yes'"},
    // workloads
    {"an unknown workload",
     name + "workloads: [bwol]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:13: no workload is called 'bwol' (did you mean 'bowl'?)"},
    {"an algorithm as workload",
     name + "workloads: [sgd]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:13: no workload is called 'sgd'; that is an algorithm"},
    {"an unknown parameter",
     name + "workloads: [{bowl: {dimensions: 3}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:21: 'bowl' has no parameter 'dimensions' (did you mean 'dimension'?)"},
    {"a real for an integer",
     name + "workloads: [{bowl: {dimension: 2.5}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:32: bowl.dimension must be a whole number, not '2.5'"},
    {"an integer out of range",
     name + "workloads: [{bowl: {dimension: 0}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:32: bowl.dimension is 0, but must lie in [1, inf)"},
    {"an unknown choice",
     name + "workloads: [{digits: {activation: rleu}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:35: digits.activation must be relu, gelu or tanh, not 'rleu' (did you mean 'relu'?)"},
    {"a schedule for a workload",
     name + "workloads: [{bowl: {noise: {value: 1}}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:28: bowl.noise belongs to a workload and takes a number, not a schedule"},
    {"a misspelt setting",
     name + "workloads:\n  - bowl: {}\n    buget: {steps: 3}\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:4:5: unknown key 'buget' beside 'bowl' (did you mean 'budget'?)"},
    {"parameters beside the name",
     name + "workloads:\n  - bowl:\n    dimension: 3\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:4:5: unknown key 'dimension' beside 'bowl'; it may be budget, evaluate_every, step_hint, target or "
     "synthetic, and parameters belong inside the braces of 'bowl'"},
    {"two workloads in one entry",
     name + "workloads: [{bowl: {}, digits: {}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:24: unknown key 'digits' beside 'bowl'; it may be budget, evaluate_every, step_hint, target or "
     "synthetic, and parameters belong inside the braces of 'bowl'"},
    {"a workload twice",
     name + "workloads: [bowl, bowl]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:19: 'bowl' with 'sgd' is asked for twice in the same form"},
    {"no budget left",
     name + "workloads: [bowl]\nalgorithms: [sgd]\nbudget: {steps: none}\n",
     {},
     "sweep.yaml:2:13: nothing limits 'bowl'; give budget: {steps: 1000} or {seconds: 60}"},
    {"a key of the budget",
     head + "budget: {step: 3}\n",
     {},
     "sweep.yaml:5:10: unknown key 'step' in 'budget' (did you mean 'steps'?)"},
    {"a bare budget", head + "budget: 100\n", {}, "sweep.yaml:5:9: 'budget' must be a map of steps and seconds"},
    {"zero steps", head + "budget: {steps: 0}\n", {}, "sweep.yaml:5:17: budget.steps is 0, but must lie in [1, inf)"},
    {"two cadences",
     head + "evaluate_every: {steps: 3, seconds: 1}\n",
     {},
     "sweep.yaml:5:37: evaluate_every takes steps or seconds, not both"},
    {"another metric",
     name + "workloads: [{digits: {}, target: {metric: loss}}]\nalgorithms: [sgd]\n",
     {},
     "sweep.yaml:2:43: the target metric of 'digits' is 'accuracy', not 'loss'"},
    {"confirming zero times",
     head + "target: {confirm: 0}\n",
     {},
     "sweep.yaml:5:19: target.confirm is 0, but must lie in [1, inf)"},
    // algorithms
    {"an unknown algorithm",
     name + "workloads: [bowl]\nalgorithms: [sgdm]\n",
     {},
     "sweep.yaml:3:14: no algorithm is called 'sgdm' (did you mean 'sgd'?)"},
    {"an algorithm like no other",
     name + "workloads: [bowl]\nalgorithms: [shampoo]\n",
     {},
     "sweep.yaml:3:14: no algorithm is called 'shampoo'; `velo list algorithms` shows them all"},
    {"a number as algorithm",
     name + "workloads: [bowl]\nalgorithms: [[sgd]]\n",
     {},
     "sweep.yaml:3:14: an algorithm must be a name or {NAME: {...}}, not a list"},
    {"an empty entry",
     name + "workloads: [bowl]\nalgorithms:\n  -\n",
     {},
     "sweep.yaml:5:1: an algorithm must be a name or {NAME: {...}}, not an empty value"},
    {"only a label",
     name + "workloads: [bowl]\nalgorithms: [{label: x}]\n",
     {},
     "sweep.yaml:3:14: this entry names no algorithm"},
    {"an unknown hyperparameter",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {momentun: 0.9}}]\n",
     {},
     "sweep.yaml:3:21: 'sgd' has no parameter 'momentun' (did you mean 'momentum'?)"},
    {"a hyperparameter of another algorithm",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {beta1: 0.9}}]\n",
     {},
     "sweep.yaml:3:21: 'sgd' has no parameter 'beta1'; it has lr, momentum, nesterov and decay_form"},
    {"a hyperparameter of an algorithm that has none",
     name + "workloads: [bowl]\nalgorithms: [{null: {lr: 1}}]\n",
     {},
     "sweep.yaml:3:22: 'null' has no parameters, so 'lr' cannot be set"},
    {"out of range",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {momentum: 1}}]\n",
     {},
     "sweep.yaml:3:31: sgd.momentum is 1, but must lie in [0, 1)"},
    {"a word for a rate",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: fast}}]\n",
     {},
     "sweep.yaml:3:25: sgd.lr must be a number, not 'fast'"},
    {"a list for a rate",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: [0.1, 0.2]}}]\n",
     {},
     "sweep.yaml:3:25: sgd.lr must be one value, not a list; `grid` and `search_space` try several"},
    {"nothing for a rate",
     name + "workloads: [bowl]\nalgorithms:\n  - sgd:\n      lr:\n",
     {},
     "sweep.yaml:5:7: sgd.lr must be a number, not an empty value"},
    {"a number for a switch",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {nesterov: 1}}]\n",
     {},
     "sweep.yaml:3:31: sgd.nesterov must be true or false, not '1'"},
    {"not a number",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: .nan}}]\n",
     {},
     "sweep.yaml:3:25: sgd.lr must be a number, not '.nan'"},
    {"digits with separators",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: 1_000}}]\n",
     {},
     "sweep.yaml:3:25: sgd.lr must be a number, not '1_000'"},
    {"a misspelt schedule",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {schedule: cosin}}}]\n",
     {},
     "sweep.yaml:3:36: sgd.lr.schedule must be constant, linear, cosine, polynomial, step or warm_restarts, not "
     "'cosin' (did you mean 'cosine'?)"},
    {"a key no schedule has",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {value: 1, warmup: 5}}}]\n",
     {},
     "sweep.yaml:3:36: a schedule has no key 'warmup' (in sgd.lr); it may hold value, schedule, warmup_fraction, "
     "warmup_steps, final, power, gamma, milestones, period and growth"},
    {"a key that the shape does not read",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {schedule: cosine, power: 2}}}]\n",
     {},
     "sweep.yaml:3:51: sgd.lr.power changes nothing: only a polynomial schedule reads it"},
    {"steps without milestones",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {schedule: step}}}]\n",
     {},
     "sweep.yaml:3:36: sgd.lr: the schedule step needs milestones, fractions like [0.5, 0.8]"},
    {"milestones that fall",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {schedule: step, milestones: [0.8, 0.5]}}}]\n",
     {},
     "sweep.yaml:3:60: sgd.lr.milestones must increase"},
    {"two warm-ups",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: {warmup_steps: 3, warmup_fraction: 0.1}}}]\n",
     {},
     "sweep.yaml:3:40: sgd.lr has both warmup_fraction and warmup_steps; give one"},
    {"a wrapper around nothing",
     name + "workloads: [bowl]\nalgorithms: [lookahead]\n",
     {},
     "sweep.yaml:3:14: 'lookahead' wraps another algorithm and needs one: lookahead: {inner: NAME}"},
    {"an unknown inner algorithm",
     name + "workloads: [bowl]\nalgorithms: [{lookahead: {inner: adma}}]\n",
     {},
     "sweep.yaml:3:34: no algorithm is called 'adma' (did you mean 'adam'?)"},
    {"an empty chain",
     name + "workloads: [bowl]\nalgorithms: [{chain: []}]\n",
     {},
     "sweep.yaml:3:22: a chain must be a list like [clip_by_global_norm, adamw], not an empty one"},
    {"a chain through an algorithm that wraps nothing",
     name + "workloads: [bowl]\nalgorithms: [{chain: [sgd, adam]}]\n",
     {},
     "sweep.yaml:3:23: 'sgd' wraps nothing, so it can only be the last of a chain"},
    {"a chain that ends in a wrapper",
     name + "workloads: [bowl]\nalgorithms: [{chain: [clip, lookahead]}]\n",
     {},
     "sweep.yaml:3:29: 'lookahead' wraps another algorithm and needs one: lookahead: {inner: NAME}"},
    {"inner given twice",
     name + "workloads: [bowl]\nalgorithms: [{chain: [{clip: {inner: sgd}}, adam]}]\n",
     {},
     "sweep.yaml:3:24: 'clip' in a chain wraps what follows; it may not give 'inner' itself"},
    {"one name twice",
     name + "workloads: [bowl]\nalgorithms: [sgd, {sgd: {lr: 1}}]\n",
     {},
     "sweep.yaml:3:19: two entries are called 'sgd', the other at sweep.yaml:3:14; give one a label"},
    {"the label of another module",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {}, label: adam}]\n",
     {},
     "sweep.yaml:3:31: the label 'adam' is the name of another module; choose another"},
    {"a label that is a key",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {}, label: grid}]\n",
     {},
     "sweep.yaml:3:31: the label 'grid' is a key of the sweep; choose another"},
    {"a label with a dot",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {}, label: a.b}]\n",
     {},
     "sweep.yaml:3:31: the label 'a.b' must consist of letters, digits, '_' and '-', and begin with a letter"},
    {"a need that is not met",
     name + "workloads: [digits]\nalgorithms: [newton]\n",
     {},
     "sweep.yaml:3:14: 'newton' needs hessian_vector_products, which the workload 'digits' does not offer; exclude: "
     "[{algorithm: newton, workload: digits}] leaves the pair out"},
    // search spaces
    {"a space for nobody",
     head + "search_space: {adam: {lr: [1]}}\n",
     {},
     "sweep.yaml:5:16: no entry uses 'adam'; the sweep has bowl and sgd"},
    {"a space for an unknown parameter",
     head + "search_space: {sgd: {rl: [1]}}\n",
     {},
     "sweep.yaml:5:22: 'sgd' has no parameter 'rl' (did you mean 'lr'?)"},
    {"an unknown sampler",
     head + "search_space: {sampler: sobel}\n",
     {},
     "sweep.yaml:5:25: sampler must be halton, sobol, random or grid, not 'sobel' (did you mean 'sobol'?)"},
    {"min without max",
     head + "search_space: {sgd: {lr: {min: 1}}}\n",
     {},
     "sweep.yaml:5:26: the search space of sgd.lr lacks the key 'max'"},
    {"max below min",
     head + "search_space: {sgd: {lr: {min: 1, max: 0.1}}}\n",
     {},
     "sweep.yaml:5:40: sgd.lr: max must be greater than min, 1"},
    {"log from zero",
     head + "search_space: {sgd: {momentum: {min: 0, max: 0.1, scale: log}}}\n",
     {},
     "sweep.yaml:5:38: sgd.momentum: a log scale needs min > 0"},
    {"a range beyond the parameter's",
     head + "search_space: {sgd: {momentum: {min: 0.5, max: 1}}}\n",
     {},
     "sweep.yaml:5:48: sgd.momentum is 1, but must lie in [0, 1)"},
    {"a range of words",
     head + "search_space: {sgd: {decay_form: {min: 0.5, max: 1}}}\n",
     {},
     "sweep.yaml:5:40: sgd.decay_form must be coupled or decoupled, not '0.5'"},
    {"a single value",
     head + "search_space: {sgd: {lr: 0.1}}\n",
     {},
     "sweep.yaml:5:26: the search space of sgd.lr must be a range {min: ..., max: ...} or a list, not '0.1'"},
    {"a value twice",
     head + "search_space: {sgd: {lr: [0.1, 0.1]}}\n",
     {},
     "sweep.yaml:5:32: the value 0.1 is given twice"},
    {"range and values",
     head + "search_space: {sgd: {lr: {min: 1, max: 2, values: [1]}}}\n",
     {},
     "sweep.yaml:5:32: 'min' and 'values' exclude each other"},
    {"a condition on what comes later",
     head + "search_space: {sgd: {lr: {values: [1, 2], when: {nesterov: true}}, nesterov: [true, false]}}\n",
     {},
     "sweep.yaml:5:22: 'nesterov' decides about 'lr' and must stand before it"},
    {"a grid too small",
     head + "search_space: {sampler: grid, sgd: {nesterov: [true]}}\n",
     {},
     "sweep.yaml:5:36: the search space of 'sgd' has 1 point, but there are 2 trials"},
    {"a range in a grid",
     head + "search_space: {sampler: grid, sgd: {lr: {min: 1, max: 2}}}\n",
     {},
     "sweep.yaml:5:37: a grid needs `points` or a list of values for 'lr'"},
    {"too few points",
     head + "search_space: {sgd: [{lr: 1}]}\n",
     {},
     "sweep.yaml:5:21: the search space of 'sgd' has 1 point, but there are 2 trials"},
    {"a search of what is given",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: 1}}]\nsearch_space: {sgd: {lr: [1, 2]}}\n",
     {},
     "sweep.yaml:4:22: every entry of 'sgd' gives 'lr' itself, so searching it changes nothing"},
    {"a search under self",
     name + "ruleset: self\nworkloads: [bowl]\nalgorithms: [sgd]\nsearch_space: {sgd: {lr: [1, 2]}}\n",
     {},
     "sweep.yaml:5:15: the ruleset self has no search space; give values in the entries"},
    // defaults, blocks, includes
    {"a default for nobody",
     head + "defaults: {adam: {lr: 1}}\n",
     {},
     "sweep.yaml:5:12: no entry uses 'adam'; the sweep has bowl and sgd"},
    {"a default no one has",
     head + "defaults: {algorithms: {weight_decay: 1}}\n",
     {},
     "sweep.yaml:5:25: none of the algorithms of this sweep has a parameter 'weight_decay'"},
    {"a default that every entry overrides",
     name + "workloads: [bowl]\nalgorithms: [{sgd: {lr: 1}}]\ndefaults: {sgd: {lr: 2}}\n",
     {},
     "sweep.yaml:4:18: this default changes nothing: every entry gives or searches 'lr' itself"},
    {"a default that is searched",
     head + "search_space: {sgd: {lr: [1, 2]}}\ndefaults: {sgd: {lr: 2}}\n",
     {},
     "sweep.yaml:6:18: this default changes nothing: every entry gives or searches 'lr' itself"},
    {"a default without a map",
     head + "defaults: {sgd: 3}\n",
     {},
     "sweep.yaml:5:17: the defaults of 'sgd' must be a map like {lr: 0.1}, not '3'"},
    {"a grid over nothing",
     head + "grid: {adam.lr: [1, 2]}\n",
     {},
     "sweep.yaml:5:8: no entry uses 'adam'; the sweep has bowl and sgd"},
    {"a grid without a list",
     head + "grid: {sgd.lr: 1}\n",
     {},
     "sweep.yaml:5:16: 'sgd.lr' in `grid` must be a list of values, not '1'"},
    {"a grid over an entry",
     head + "grid: {sgd: [1, 2]}\n",
     {},
     "sweep.yaml:5:14: 'sgd' is not a value; say which of its parameters is meant"},
    {"a grid out of range",
     head + "grid: {sgd.momentum: [0.5, 1.5]}\n",
     {},
     "sweep.yaml:5:28: sgd.momentum is 1.5, but must lie in [0, 1)"},
    {"a zip of different lengths",
     head + "zip: {sgd.lr: [1, 2], sgd.momentum: [0.5]}\n",
     {},
     "sweep.yaml:5:37: 'sgd.momentum' in `zip` has 1 values, but 'sgd.lr' has 2"},
    {"a list without maps",
     head + "list: [sgd.lr]\n",
     {},
     "sweep.yaml:5:8: a point of `list` must be a map like {adamw.lr: 0.1}, not 'sgd.lr'"},
    {"a path varied twice",
     head + "grid: {sgd.lr: [1, 2]}\nlist: [{sgd.lr: 3}]\n",
     {},
     "sweep.yaml:6:9: 'sgd.lr' is varied twice, also at sweep.yaml:5:8"},
    {"an unknown block",
     head + "union: [{gird: {sgd.lr: [1]}}]\n",
     {},
     "sweep.yaml:5:10: unknown key 'gird' in a block of `union` (did you mean 'grid'?)"},
    {"an exclusion of nothing",
     head + "exclude: [{workload: digits}]\n",
     {},
     "sweep.yaml:5:11: nothing matches this exclusion, {workload: digits}"},
    {"an exclusion of everything",
     head + "exclude: [{workload: bowl}]\n",
     {},
     "sweep.yaml:5:10: everything is excluded: the sweep has no trials"},
    {"an unknown condition",
     head + "exclude: [{study: 1}]\n",
     {},
     "sweep.yaml:5:12: 'study' in `exclude` must be workload, algorithm or a path like adamw.lr"},
    {"a missing include",
     head + "include: nowhere.yaml\n",
     {},
     "sweep.yaml:5:10: the included file 'nowhere.yaml' does not exist beside sweep.yaml"},
    {"an include that includes",
     head + "include: nested.yaml\n",
     {},
     "nested.yaml:1:10: an included file may not include another"},
    {"two includes that disagree",
     head + "include: [one.yaml, two.yaml]\n",
     {},
     "two.yaml:1:1: 'studies' is given by two included files, also at one.yaml:1:10"},
    {"an include with an unknown key",
     head + "include: bad.yaml\n",
     {},
     "bad.yaml:1:1: unknown key 'studys' in an included file (did you mean 'studies'?)"},
    // --set
    {"an override without a value", head, {"sgd.lr"}, "--set sgd.lr: an override must look like adamw.lr=0.1"},
    {"an override of nothing",
     head,
     {"adam.lr=1"},
     "--set adam.lr=1: no entry uses 'adam'; the sweep has bowl and sgd"},
    {"a misspelt override", head, {"sdg.lr=1"}, "--set sdg.lr=1: no entry uses 'sdg' (did you mean 'sgd'?)"},
    {"an override of an unknown parameter",
     head,
     {"sgd.rate=1"},
     "--set sgd.rate=1: 'sgd' has no parameter 'rate'; it has lr, momentum, nesterov and decay_form"},
    {"an override out of range", head, {"sgd.lr=-1"}, "--set sgd.lr=-1: sgd.lr is -1, but must lie in (0, inf)"},
    {"an override that is not YAML", head, {"sgd.lr=[1"}, "--set sgd.lr=[1: '[1' is not valid YAML"},
    {"an override with an empty piece", head, {"sgd..lr=1"}, "--set sgd..lr=1: 'sgd..lr' is not a path like adamw.lr"},
    {"an override of an entry",
     head,
     {"sgd=1"},
     "--set sgd=1: 'sgd' is not a value; say which of its parameters is meant"},
    {"an override twice", head, {"sgd.lr=1", "sgd.lr=2"}, "--set sgd.lr=2: 'sgd.lr' is set twice"},
    {"an override into a number", head, {"trials.x=1"}, "--set trials.x=1: 'trials' is '2', which has no 'x'"},
    {"an override of the name", head, {"sweep=t"}, "--set sweep=t: 'sweep' cannot be set"},
    {"an override deeper than a parameter",
     head,
     {"sgd.nesterov.x=1"},
     "--set sgd.nesterov.x=1: sgd.nesterov is one boolean and has no 'x'"},
};

/// The sentence without the folder it was found in.
std::string sentence_of(const BadInput& input) {
  const small_race::Folder folder;
  folder.write("nested.yaml", "include: one.yaml\n");
  folder.write("one.yaml", "studies: 2\n");
  folder.write("two.yaml", "studies: 3\n");
  folder.write("bad.yaml", "studys: 3\n");
  try {
    (void)small_race::load(folder, input.text, input.overrides);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::usage);
    std::string text = error.what();
    const std::string place = folder / "";
    for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place))
      text.erase(at, place.size());
    return text;
  }
  return "no error";
}

}  // namespace

TEST_CASE("every broken sweep is refused with its place, what is wrong and what would be right") {
  for (const BadInput& input : table) {
    INFO(input.what);
    CHECK(sentence_of(input) == input.sentence);
  }
}

TEST_CASE("a quote that is closed later, doubled or escaped is closed") {
  const small_race::Folder folder;
  for (const char* name : {"'s'", "\"s\"", "\"\\x73\""}) {
    const Sweep sweep =
        small_race::load(folder, std::string("sweep: ") + name + "\nworkloads: [bowl]\nalgorithms: [sgd]\n");
    CHECK(sweep.name == "s");
  }
}

TEST_CASE("files that are missing, folders, and broken module files are named") {
  const small_race::Folder folder;
  const auto sentence = [&](const std::string& file) {
    try {
      (void)load_sweep({folder / file, {}, "Serial", "nowhere"}, small_race::catalogue());
    } catch (const Error& error) {
      std::string text = error.what();
      const std::string place = folder / "";
      for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place))
        text.erase(at, place.size());
      return text;
    }
    return std::string("no error");
  };
  CHECK(sentence("none.yaml") == "none.yaml cannot be read: no such file");
  CHECK(sentence("configs") == "configs is a directory, not a YAML file");
  folder.write("sweep.yaml", "sweep: s\nworkloads: [digits]\nalgorithms: [adam]\n");
  CHECK(sentence("sweep.yaml") == "data set 'digits' is not in nowhere; `velo data install digits` installs it");
  folder.write("configs/workloads/digits.yaml", "workload: digits\nbudgets: {steps: 3}\n");
  CHECK(sentence("sweep.yaml") ==
        "configs/workloads/digits.yaml:2:1: unknown key 'budgets' in a workload file (did you mean 'budget'?)");
  folder.write("configs/workloads/digits.yaml", "workload: digit\n");
  CHECK(sentence("sweep.yaml") ==
        "configs/workloads/digits.yaml:1:11: this file describes 'digit' but is called digits.yaml");
  folder.write("configs/workloads/digits.yaml", "workload: digits\nbudget: {steps: 10}\n");
  CHECK(sentence("sweep.yaml") ==
        "sweep.yaml:2:13: nothing says how often 'digits' is evaluated; give evaluate_every: 100");
  folder.write("configs/workloads/digits.yaml", "workload: digits\nbudget: {seconds: 10}\nevaluate_every: 5\n");
  CHECK(sentence("sweep.yaml") ==
        "sweep.yaml:2:13: 'digits' has neither a step_hint nor budget.steps, so schedules have no end");
  folder.write("configs/workloads/digits.yaml", "workload: digits\ntarget: {metrics: loss}\n");
  CHECK(sentence("sweep.yaml") ==
        "configs/workloads/digits.yaml:2:10: unknown key 'metrics' in the target (did you mean 'metric'?)");
  folder.write("configs/workloads/digits.yaml", "workload: digits\nbudget: {steps: 10}\nevaluate_every: 5\n");
  folder.write("configs/algorithms/adam.yaml", "algorithm: adam\nspace: {}\n");
  CHECK(sentence("sweep.yaml") ==
        "configs/algorithms/adam.yaml:2:1: unknown key 'space' in an algorithm file; it may hold algorithm, paper or "
        "search_space");
  folder.write("configs/algorithms/adam.yaml", "algorithm: adam\nsearch_space: {lr: {min: 0, max: 1}}\n");
  CHECK(sentence("sweep.yaml") == "configs/algorithms/adam.yaml:2:26: adam.lr is 0, but must lie in (0, inf)");
}
