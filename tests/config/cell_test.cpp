#include "harness/cell.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/config/small_race.hpp"

using namespace velo;
using small_race::catalogue;

namespace {

const std::string wrapped =
    "sweep: small\nstudies: 1\ntrials: 1\nseeds: 7\n"
    "workloads:\n  - digits: {batch_size: 64}\n"
    "algorithms:\n"
    "  - lookahead: {k: 6, inner: {sgd: {lr: {value: 0.05, schedule: step, milestones: [0.5, 0.75], warmup_steps: "
    "10}}}}\n"
    "    label: slow\n";

Cell one_cell(const std::string& text) {
  const small_race::Folder folder;
  return small_race::load(folder, text).cells.at(0);
}

}  // namespace

TEST_CASE("the resolved configuration names every parameter in a fixed order") {
  CHECK(canonical_config(one_cell(wrapped)) ==
        R"yaml(layout: 1
workload:
  module:
    digits:
      activation: relu
      batch_size: 64
  version: 3
  data_version: ""
  synthetic: false
algorithm:
  module:
    lookahead:
      alpha: 0.5
      inner:
        sgd:
          decay_form: coupled
          lr: {value: 0.05, schedule: step, warmup_steps: 10, gamma: 0.1, milestones: [0.5, 0.75]}
          momentum: 0.0
          nesterov: false
      k: 6
  version: "lookahead@1(sgd@1)"
label: slow
study: 0
trial: 0
root_seed: 7
seed: )yaml" +
            std::to_string(one_cell(wrapped).seed) +
            R"yaml(
ruleset: external
budget: {steps: 2000, seconds: 60.0}
step_hint: 1000
stop: target
evaluate_every: {steps: 50, seconds: none}
target: {metric: accuracy, higher_is_better: true, validation: 0.9, test: 0.89, confirm: 1}
checkpoint_every: 0
backend: Serial
precision: float32
threads: 1
)yaml");
}

TEST_CASE("a resolved configuration reads back as the same bytes and the same id") {
  for (const std::string& text :
       {wrapped, small_race::two_by_two,
        std::string("sweep: s\nstudies: 1\ntrials: 1\nworkloads: [bowl]\nalgorithms: [null]\n")}) {
    const Cell cell = one_cell(text);
    const std::string config = canonical_config(cell);
    const Cell again = read_canonical_config(config, catalogue());
    CHECK(canonical_config(again) == config);
    CHECK(cell_id(again, catalogue()) == cell_id(cell, catalogue()));
  }
}

TEST_CASE(
    "a budget in work is part of the resolved configuration and of the id, and leaves those without as they were") {
  Cell cell = one_cell(wrapped);
  CHECK_THAT(canonical_config(cell), !Catch::Matchers::ContainsSubstring("work:"));
  cell.budget.work = 64000;
  const std::string config = canonical_config(cell);
  CHECK_THAT(config, Catch::Matchers::ContainsSubstring("budget: {steps: 2000, seconds: 60.0, work: 64000}\n"));
  CHECK(canonical_config(read_canonical_config(config, catalogue())) == config);
}

TEST_CASE("a table of factors is part of the resolved configuration and of the id") {
  const auto cell = [](const std::string& factors) {
    return one_cell(
        "sweep: s\nstudies: 1\ntrials: 1\nworkloads: [bowl]\nalgorithms:\n  - sgd: {lr: {value: 0.05, "
        "schedule: table, factors: " +
        factors + "}}\n");
  };
  const Cell one = cell("[1, 0.125, 0]");
  CHECK_THAT(canonical_config(one),
             Catch::Matchers::ContainsSubstring("lr: {value: 0.05, schedule: table, factors: [1.0, 0.125, 0.0]}"));
  CHECK(cell_id(one, catalogue()) == cell_id(cell("[1.0, 0.125, 0.0]"), catalogue()));
  CHECK(cell_id(one, catalogue()) != cell_id(cell("[1, 0.25, 0]"), catalogue()));
  const Cell again = read_canonical_config(canonical_config(one), catalogue());
  CHECK(canonical_config(again) == canonical_config(one));
}

TEST_CASE("a seed keeps all of its 64 bits") {
  Cell cell = one_cell(wrapped);
  cell.seed = 18446744073709551615u;
  CHECK(read_canonical_config(canonical_config(cell), catalogue()).seed == cell.seed);
}

TEST_CASE("a parameter added with a default changes no id") {
  const Cell cell = one_cell(wrapped);
  Catalogue grown = catalogue();
  for (CatalogueAlgorithm& algorithm : grown.algorithms)
    algorithm.parameters.push_back(real("brand_new", 0.25, Range::any(), "added later"));
  for (CatalogueWorkload& workload : grown.workloads)
    workload.parameters.push_back(boolean("brand_new", true, "added later"));
  const Cell later = read_canonical_config(canonical_config(cell), grown);
  CHECK(later.algorithm.parameters.values().count("brand_new") == 1);
  CHECK(cell_id(later, grown) == cell_id(cell, catalogue()));
}

TEST_CASE("everything that changes a trial changes its id") {
  const Cell cell = one_cell(wrapped);
  const std::string id = cell_id(cell, catalogue());
  CHECK(id.size() == 20);
  const auto changed = [&](auto change) {
    Cell other = cell;
    change(other);
    return cell_id(other, catalogue()) != id;
  };
  CHECK(changed([](Cell& c) { c.workload.parameters.set("batch_size", std::int64_t{128}); }));
  CHECK(changed([](Cell& c) { c.workload_version = 4; }));
  CHECK(changed([](Cell& c) { c.data_version = "other"; }));
  CHECK(changed([](Cell& c) { c.synthetic = true; }));
  CHECK(changed([](Cell& c) { c.algorithm.parameters.set("k", std::int64_t{5}); }));
  CHECK(changed([](Cell& c) { c.algorithm_version = "lookahead@2(sgd@1)"; }));
  CHECK(changed([](Cell& c) { c.study = 1; }));
  CHECK(changed([](Cell& c) { c.trial = 1; }));
  CHECK(changed([](Cell& c) { c.seed += 1; }));
  CHECK(changed([](Cell& c) { c.budget.steps = 2001; }));
  CHECK(changed([](Cell& c) { c.budget.seconds.reset(); }));
  CHECK(changed([](Cell& c) { c.budget.work = 64000; }));
  CHECK(changed([](Cell& c) { c.step_hint = 999; }));
  CHECK(changed([](Cell& c) { c.stop = StopRule::budget; }));
  CHECK(changed([](Cell& c) { c.evaluate.steps = 51; }));
  CHECK(changed([](Cell& c) { c.target.validation = 0.91; }));
  CHECK(changed([](Cell& c) { c.target.test.reset(); }));
  CHECK(changed([](Cell& c) { c.target.confirm = 2; }));
  CHECK(changed([](Cell& c) { c.backend = "OpenMP"; }));
  CHECK(changed([](Cell& c) { c.precision = "float64"; }));
  CHECK(changed([](Cell& c) { c.threads = 2; }));
}

TEST_CASE("what does not change a trial leaves its id alone") {
  const Cell cell = one_cell(wrapped);
  Cell other = cell;
  other.label = "another";
  other.ruleset = "self";
  other.checkpoint_every = 3;
  other.root_seed = 99;
  CHECK(cell_id(other, catalogue()) == cell_id(cell, catalogue()));
}

TEST_CASE("a damaged configuration is refused with its place") {
  std::string config = canonical_config(one_cell(wrapped));
  config.replace(config.find("stop: target"), 12, "stop: taret.");
  CHECK_THROWS_WITH(read_canonical_config(config, catalogue()),
                    Catch::Matchers::StartsWith("configuration:30:7: stop must be target, budget or lossless"));
}
