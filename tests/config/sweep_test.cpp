#include "harness/sweep/sweep.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <map>
#include <set>

#include "results/text.hpp"
#include "tests/config/small_race.hpp"

using namespace velo;
using small_race::catalogue;
using small_race::Folder;
using small_race::load;

namespace {

const std::string head = "sweep: small\nstudies: 1\ntrials: 1\nsearch_space: none\n";

/// "lr=0.1,momentum=0.9": the parameters that differ from their defaults.
std::string changes(const Cell& cell) {
  const Parameters standard = Parameters::defaults(catalogue().algorithm(cell.algorithm.name).parameters);
  std::string out;
  for (const auto& [name, value] : cell.algorithm.parameters.values())
    if (const auto* now = std::get_if<Schedule>(&value); now != nullptr && now->base != standard.real(name).base)
      out += (out.empty() ? "" : ",") + name + "=" + number_text(now->base);
  return out;
}

/// "workload label changes" of every cell.
std::vector<std::string> described(const Sweep& sweep) {
  std::vector<std::string> out;
  for (const Cell& cell : sweep.cells) out.push_back(cell.workload.name + " " + cell.label + " " + changes(cell));
  return out;
}

}  // namespace

TEST_CASE("a sweep is every workload with every algorithm, for each study and trial") {
  const Folder folder;
  const Sweep sweep =
      load(folder, "sweep: s\nstudies: 3\ntrials: 2\nworkloads: [bowl, digits]\nalgorithms: [adam, sgd]\n");
  REQUIRE(sweep.cells.size() == 24);
  CHECK(sweep.workloads == std::vector<std::string>{"bowl", "digits"});
  CHECK(sweep.labels == std::vector<std::string>{"adam", "sgd"});
  // What must be compared runs close together: algorithms change fastest, studies slowest.
  CHECK(sweep.cells[0].label == "adam");
  CHECK(sweep.cells[1].label == "sgd");
  CHECK(sweep.cells[2].workload.name == "digits");
  CHECK(sweep.cells[4].trial == 1);
  CHECK(sweep.cells[8].study == 1);
}

TEST_CASE("the same study and trial gives every algorithm and workload the same seed") {
  const Folder folder;
  std::map<std::pair<std::int64_t, std::int64_t>, std::set<std::uint64_t>> seeds;
  for (const Cell& cell : load(folder, "sweep: s\nworkloads: [bowl, digits]\nalgorithms: [adam, sgd]\n").cells)
    seeds[{cell.study, cell.trial}].insert(cell.seed);
  CHECK(seeds.size() == 15);
  for (const auto& [place, found] : seeds) CHECK(found.size() == 1);
}

TEST_CASE("more studies and trials leave the trials that exist as they are") {
  const Folder folder;
  const std::string tail = "workloads: [bowl]\nalgorithms: [adam]\n";
  std::set<std::string> few;
  std::set<std::string> many;
  for (const Cell& cell : load(folder, "sweep: s\nstudies: 2\ntrials: 2\n" + tail).cells)
    few.insert(cell_id(cell, catalogue()));
  for (const Cell& cell : load(folder, "sweep: s\nstudies: 4\ntrials: 6\n" + tail).cells)
    many.insert(cell_id(cell, catalogue()));
  for (const std::string& id : few) CHECK(many.count(id) == 1);
}

TEST_CASE("settings come from the workload file, then the sweep, then the entry, then --set") {
  const Folder folder;
  const std::string algorithms = "algorithms: [sgd]\n";
  const auto budget = [&](const std::string& text, const std::vector<std::string>& overrides = {}) {
    return load(folder, head + text + algorithms, overrides).cells.at(0).budget;
  };
  CHECK(budget("workloads: [digits]\n").steps == 2000);
  CHECK(budget("workloads: [digits]\nbudget: {steps: 300}\n").steps == 300);
  CHECK(budget("workloads: [digits]\nbudget: {steps: 300}\n").seconds == 60.0);
  CHECK_FALSE(budget("workloads: [digits]\nbudget: {seconds: none}\n").seconds);
  CHECK_FALSE(budget("workloads: [digits]\n").work);
  CHECK(budget("workloads: [digits]\nbudget: {work: 6400}\n").work == 6400);
  const std::string entry = "budget: {steps: 300}\nworkloads:\n  - digits: {}\n    budget: {steps: 30}\n";
  CHECK(budget(entry).steps == 30);
  CHECK(budget(entry, {"budget.steps=7"}).steps == 7);
  CHECK(budget(entry, {"digits.budget.steps=8"}).steps == 8);
}

TEST_CASE("a target that a changed model inherits is noted, once; sizes of batches leave it alone") {
  const Folder folder;
  const auto notes = [&](const std::string& workload) {
    return load(folder, head + "workloads:\n  - " + workload + "\nalgorithms: [sgd, adam]\n").notes;
  };
  CHECK(notes("digits: {batch_size: 16}").empty());
  CHECK(notes("digits: {activation: tanh}\n    target: {validation: 0.5}").empty());
  CHECK(notes("digits: {activation: tanh}") ==
        std::vector<std::string>{"the target of 'digits', 0.9, was measured without the change of activation; give a "
                                 "target of its own, which `velo calibrate digits --set activation=...` measures"});
}

TEST_CASE("a changed budget takes the step hint along unless that is given too") {
  const Folder folder;
  const auto hint = [&](const std::string& text) {
    return load(folder, head + text + "algorithms: [sgd]\n").cells.at(0).step_hint;
  };
  CHECK(hint("workloads: [digits]\n") == 1000);
  CHECK(hint("workloads: [digits]\nbudget: {steps: 300}\n") == 300);
  CHECK(hint("workloads:\n  - digits: {}\n    step_hint: 250\n    budget: {steps: 300}\n") == 250);
}

TEST_CASE("the ruleset self runs one trial a study with a longer budget and no search") {
  const Folder folder;
  const Sweep sweep = load(folder, "sweep: s\nruleset: self\nworkloads: [digits]\nalgorithms: [adam]\n");
  REQUIRE(sweep.cells.size() == 3);
  CHECK(sweep.cells[0].budget.steps == 3000);
  CHECK(sweep.cells[0].budget.seconds == 90.0);
  CHECK(sweep.cells[0].algorithm.parameters.real("lr").base == 1e-3);
  const Sweep tripled =
      load(folder, "sweep: s\nruleset: {name: self, budget_factor: 3}\nworkloads: [digits]\nalgorithms: [adam]\n");
  CHECK(tripled.cells[0].budget.steps == 6000);
  CHECK_FALSE(tripled.cells[0].budget.work);
  const Sweep worked =
      load(folder, "sweep: s\nruleset: self\nbudget: {work: 101}\nworkloads: [digits]\nalgorithms: [adam]\n");
  CHECK(worked.cells[0].budget.work == 152);
}

TEST_CASE("evaluation in seconds replaces evaluation in steps from a weaker place") {
  const Folder folder;
  const Cell cell =
      load(folder, head + "evaluate_every: {seconds: 2.5}\nworkloads: [digits]\nalgorithms: [sgd]\n").cells.at(0);
  CHECK_FALSE(cell.evaluate.steps);
  CHECK(cell.evaluate.seconds == 2.5);
}

TEST_CASE("a chain wraps what follows, outermost first") {
  const Folder folder;
  const Cell cell = load(folder, head +
                                     "workloads: [bowl]\nalgorithms:\n"
                                     "  - chain: [clip: {max_norm: 2}, lookahead, sgd: {lr: 0.5}]\n")
                        .cells.at(0);
  CHECK(cell.label == "clip(lookahead(sgd))");
  CHECK(cell.algorithm_version == "clip@1(lookahead@1(sgd@1))");
  const Component& inner = cell.algorithm.parameters.algorithm("inner");
  CHECK(inner.name == "lookahead");
  CHECK(inner.parameters.algorithm("inner").parameters.real("lr").base == 0.5);
}

TEST_CASE("a name reaches every occurrence, a label one entry, a path through a wrapper one place") {
  const Folder folder;
  const std::string text = head +
                           "workloads: [bowl]\nalgorithms:\n  - sgd\n  - sgd: {momentum: 0.9}\n    label: heavy\n"
                           "  - lookahead: {inner: sgd}\n    label: ahead\n";
  const auto rates = [&](const std::string& override_text) {
    std::vector<double> out;
    for (const Cell& cell : load(folder, text, {override_text}).cells) {
      const Component& c = cell.algorithm;
      out.push_back((c.name == "sgd" ? c : c.parameters.algorithm("inner")).parameters.real("lr").base);
    }
    return out;
  };
  CHECK(rates("sgd.lr=0.7") == std::vector<double>{0.7, 0.7, 0.7});
  CHECK(rates("heavy.lr=0.7") == std::vector<double>{0.1, 0.7, 0.1});
  CHECK(rates("lookahead.inner.sgd.lr=0.7") == std::vector<double>{0.1, 0.1, 0.7});
  CHECK(rates("ahead.inner.lr=0.7") == std::vector<double>{0.1, 0.1, 0.7});
  CHECK(rates("lookahead.inner={sgd: {lr: 0.7}}") == std::vector<double>{0.1, 0.1, 0.7});
}

TEST_CASE("a plain number sets the value and leaves the schedule") {
  const Folder folder;
  const std::string text =
      head + "workloads: [bowl]\nalgorithms:\n  - sgd: {lr: {value: 0.3, schedule: cosine, warmup_fraction: 0.1}}\n";
  const Schedule lr = load(folder, text, {"sgd.lr=0.7"}).cells.at(0).algorithm.parameters.real("lr");
  CHECK(lr.base == 0.7);
  CHECK(lr.shape == Schedule::Shape::cosine);
  CHECK(lr.warmup_fraction == 0.1);
  const Schedule plain = load(folder, text, {"sgd.lr.schedule=constant"}).cells.at(0).algorithm.parameters.real("lr");
  CHECK(plain.shape == Schedule::Shape::constant);
}

TEST_CASE("defaults fill what entries leave open") {
  const Folder folder;
  const Sweep sweep =
      load(folder, head +
                       "workloads: [bowl]\nalgorithms:\n  - sgd\n  - sgd: {lr: 0.9}\n    label: fast\n  - adam\n"
                       "defaults:\n  sgd: {lr: 0.2}\n  algorithms: {weight_decay: 0.01}\n  workloads: {noise: 0.5}\n");
  CHECK(sweep.cells[0].algorithm.parameters.real("lr").base == 0.2);
  CHECK(sweep.cells[1].algorithm.parameters.real("lr").base == 0.9);
  CHECK(sweep.cells[2].algorithm.parameters.real("weight_decay").base == 0.01);
  CHECK(sweep.cells[2].workload.parameters.real("noise").base == 0.5);
}

TEST_CASE("included files lie below the sweep") {
  const Folder folder;
  folder.write("suite.yaml", "workloads: [bowl, digits]\nstudies: 7\ndefaults: {sgd: {lr: 0.2}}\n");
  const Sweep sweep = load(folder,
                           "sweep: s\ninclude: suite.yaml\nstudies: 1\ntrials: 1\nalgorithms: [sgd]\n"
                           "defaults: {sgd: {momentum: 0.5}}\n");
  REQUIRE(sweep.cells.size() == 2);
  CHECK(sweep.cells[0].algorithm.parameters.real("lr").base == 0.2);
  CHECK(sweep.cells[0].algorithm.parameters.real("momentum").base == 0.5);
}

TEST_CASE("a grid multiplies the entries it concerns and no others") {
  const Folder folder;
  const Sweep sweep =
      load(folder, head +
                       "workloads: [bowl]\nalgorithms: [adam, sgd]\n"
                       "grid: {sgd.lr: [0.1, 0.2], sgd.momentum: [0, 0.9], adam.lr: [0.01, 0.02, 0.03]}\n");
  CHECK(described(sweep) == std::vector<std::string>{"bowl adam[lr=0.01] lr=0.01", "bowl adam[lr=0.02] lr=0.02",
                                                     "bowl adam[lr=0.03] lr=0.03", "bowl sgd[lr=0.1,momentum=0] ",
                                                     "bowl sgd[lr=0.1,momentum=0.9] momentum=0.9",
                                                     "bowl sgd[lr=0.2,momentum=0] lr=0.2",
                                                     "bowl sgd[lr=0.2,momentum=0.9] lr=0.2,momentum=0.9"});
}

TEST_CASE("zip pairs values, list gives points, union puts blocks after one another") {
  const Folder folder;
  const std::string entries = "workloads: [bowl]\nalgorithms: [sgd]\n";
  CHECK(described(load(folder, head + entries + "zip: {sgd.lr: [1, 2], sgd.momentum: [0.3, 0.4]}\n")) ==
        std::vector<std::string>{"bowl sgd[lr=1,momentum=0.3] lr=1,momentum=0.3",
                                 "bowl sgd[lr=2,momentum=0.4] lr=2,momentum=0.4"});
  CHECK(described(load(folder, head + entries + "list: [{}, {sgd.lr: 2}]\n")) ==
        std::vector<std::string>{"bowl sgd ", "bowl sgd[lr=2] lr=2"});
  CHECK(described(load(
            folder,
            head + entries + "union:\n  - grid: {sgd.lr: [1, 2]}\n  - list: [{sgd.momentum: 0.5}, {sgd.lr: 2}]\n")) ==
        std::vector<std::string>{"bowl sgd[lr=1] lr=1", "bowl sgd[lr=2] lr=2", "bowl sgd[momentum=0.5] momentum=0.5"});
}

TEST_CASE("a grid over a workload makes variants of it") {
  const Folder folder;
  const Sweep sweep = load(folder, head +
                                       "workloads: [bowl, digits]\nalgorithms: [sgd]\n"
                                       "grid: {bowl.dimension: [3, 4], digits.budget.steps: [10, 20]}\n");
  REQUIRE(sweep.cells.size() == 4);
  CHECK(sweep.cells[0].workload.parameters.integer("dimension") == 3);
  CHECK(sweep.cells[1].workload.parameters.integer("dimension") == 4);
  CHECK(sweep.cells[2].budget.steps == 10);
  CHECK(sweep.cells[3].budget.steps == 20);
  CHECK(sweep.cells[3].label == "sgd");
}

TEST_CASE("exclude drops what matches all conditions of an item") {
  const Folder folder;
  const Sweep sweep =
      load(folder, head +
                       "workloads: [bowl, digits]\nalgorithms: [newton, sgd]\ngrid: {sgd.lr: [0.1, 0.2]}\n"
                       "exclude: [{workload: digits, algorithm: newton}, {sgd.lr: 0.2, workload: bowl}]\n");
  CHECK(described(sweep) == std::vector<std::string>{"bowl newton ", "bowl sgd[lr=0.1] ", "digits sgd[lr=0.1] ",
                                                     "digits sgd[lr=0.2] lr=0.2"});
}

TEST_CASE("a need is met or refused by the variant of the workload, not by the workload") {
  const Folder folder;
  Catalogue catalogue = small_race::catalogue();
  catalogue.workloads[0].variant_offers = [](const Parameters& variant) {
    return variant.real("noise").base > 0.0 ? std::vector<std::string>{}
                                            : std::vector<std::string>{"hessian_vector_products"};
  };
  const auto planned = [&](const std::string& workload) {
    folder.write("sweep.yaml", head + "workloads: [" + workload + "]\nalgorithms: [newton]\n");
    return load_sweep({.path = folder / "sweep.yaml", .overrides = {}, .backend = "Serial", .data_directory = ""},
                      catalogue);
  };
  CHECK(planned("bowl").cells.size() == 1);
  CHECK(planned("{bowl: {noise: 0.0}}").cells.size() == 1);
  CHECK_THROWS_WITH(planned("{bowl: {noise: 0.5}}"),
                    Catch::Matchers::ContainsSubstring(
                        "'newton' needs hessian_vector_products, which the workload 'bowl' does not offer"));
}

TEST_CASE("a need follows the parameters of the algorithm, searched ones included") {
  const Folder folder;
  Catalogue catalogue = small_race::catalogue();
  for (CatalogueAlgorithm& algorithm : catalogue.algorithms) {
    if (algorithm.name != "newton") continue;
    algorithm.variant_needs = [](const Parameters& variant) {
      return variant.real("damping").base < 2.0 ? std::vector<std::string>{"hessian_vector_products"}
                                                : std::vector<std::string>{};
    };
  }
  const auto planned = [&](const std::string& rest) {
    folder.write("sweep.yaml", "sweep: s\nstudies: 1\nworkloads: [digits]\n" + rest);
    return load_sweep({.path = folder / "sweep.yaml", .overrides = {}, .backend = "Serial", .data_directory = ""},
                      catalogue)
        .cells.size();
  };
  const auto refused = Catch::Matchers::ContainsSubstring(
      "'newton' needs hessian_vector_products, which the workload 'digits' does not offer");
  CHECK(planned("trials: 1\nalgorithms: [{newton: {damping: 2}}]\n") == 1);
  CHECK_THROWS_WITH(planned("trials: 1\nalgorithms: [newton]\n"), refused);
  CHECK(planned("trials: 2\nalgorithms: [newton]\nsearch_space: {newton: [{damping: 2}, {damping: 3}]}\n") == 2);
  CHECK_THROWS_WITH(planned("trials: 2\nalgorithms: [newton]\nsearch_space: {newton: [{damping: 2}, {damping: 1}]}\n"),
                    refused);
}

TEST_CASE("pairs that do not fit are left out on request, each with its sentence") {
  const Folder folder;
  const Sweep sweep = load(folder, head + "workloads: [bowl, digits]\nalgorithms: [newton, sgd]\nunfit: leave_out\n");
  CHECK(described(sweep) == std::vector<std::string>{"bowl newton ", "bowl sgd ", "digits sgd "});
  REQUIRE(sweep.left_out.size() == 1);
  CHECK(sweep.left_out[0].workload == "digits");
  CHECK(sweep.left_out[0].label == "newton");
  CHECK(sweep.left_out[0].sentence ==
        "'newton' needs hessian_vector_products, which the workload 'digits' does not offer");
}

TEST_CASE("an exclusion that says why leaves its pairs on the list of the refused") {
  const Folder folder;
  const Sweep sweep = load(folder, head +
                                       "workloads: [bowl, digits]\nalgorithms: [adam, sgd]\n"
                                       "exclude: [{workload: digits, algorithm: sgd, why: it takes too long}, "
                                       "{workload: bowl, algorithm: adam}]\n");
  CHECK(described(sweep) == std::vector<std::string>{"bowl sgd ", "digits adam "});
  REQUIRE(sweep.left_out.size() == 1);
  CHECK(sweep.left_out[0].workload + " " + sweep.left_out[0].label + ": " + sweep.left_out[0].sentence ==
        "digits sgd: it takes too long");
}

TEST_CASE("data versions enter the cells where data is looked for") {
  const Folder folder;
  folder.write("sweep.yaml", head + "workloads: [bowl, digits]\nalgorithms: [sgd]\n");
  const Sweep sweep = load_sweep({folder / "sweep.yaml", {}, "OpenMP", "somewhere"}, catalogue());
  CHECK(sweep.cells[0].data_version.empty());
  CHECK(sweep.cells[1].data_version == "0123abcd");
  CHECK(sweep.cells[1].backend == "OpenMP");
  const Sweep generated =
      load_sweep({folder / "sweep.yaml", {"digits.synthetic=true"}, "Serial", "nowhere"}, catalogue());
  CHECK(generated.cells[1].data_version == "generator-1");
}

TEST_CASE("a data set is provided once before its version is asked for, and never for generated data") {
  const Folder folder;
  folder.write("sweep.yaml",
               head + "workloads: [bowl, digits]\nalgorithms: [sgd]\ngrid: {digits.batch_size: [64, 128]}\n");
  std::vector<std::string> provided;
  SweepRequest request;
  request.path = folder / "sweep.yaml";
  request.data_directory = "somewhere";
  request.provide_data = [&](const std::string& name) { provided.push_back(name); };
  CHECK(load_sweep(request, catalogue()).cells.size() > 2);
  CHECK(provided == std::vector<std::string>{"digits"});

  request.overrides = {"digits.synthetic=true"};
  CHECK(load_sweep(request, catalogue()).cells[1].data_version == "generator-1");
  CHECK(provided.size() == 1);
}
