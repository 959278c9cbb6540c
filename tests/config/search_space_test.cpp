#include "harness/sweep/search_space.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <set>

#include "results/text.hpp"
#include "tests/config/small_race.hpp"

using namespace velo;
using small_race::Folder;
using small_race::load;

namespace {

Sweep search(const Folder& folder, const std::string& space, int trials = 5, const std::string& algorithms = "[adam]") {
  return load(folder, "sweep: s\nstudies: 2\ntrials: " + std::to_string(trials) +
                          "\nworkloads: [bowl]\nalgorithms: " + algorithms + "\nsearch_space:\n" + space);
}

const Parameters& parameters(const Sweep& sweep, std::size_t cell) { return sweep.cells.at(cell).algorithm.parameters; }

}  // namespace

TEST_CASE("a log range is even in the logarithm") {
  const Folder folder;
  const Sweep sweep = search(folder, "  adam: {lr: {min: 1.0e-4, max: 1.0e-1, scale: log}}\n", 8);
  // Eight Halton points in base 2 fall one into each eighth of the range's logarithm.
  std::set<int> eighths;
  for (std::size_t i = 0; i < 8; ++i)
    eighths.insert(
        static_cast<int>(std::floor(8 * std::log(parameters(sweep, i).real("lr").base / 1e-4) / std::log(1e3))));
  CHECK(eighths == std::set<int>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("one_minus_log is even in the logarithm of the distance to one") {
  Dimension dimension;
  dimension.min = 0.9;
  dimension.max = 0.999;
  dimension.scale = Dimension::Scale::one_minus_log;
  CHECK(std::get<double>(dimension.at_unit(0.0)) == 0.9);
  // Rounded to six digits, so within half a unit of the sixth.
  CHECK_THAT(std::get<double>(dimension.at_unit(0.5)), Catch::Matchers::WithinAbs(0.99, 5e-7));
}

TEST_CASE("whole numbers of a range are equally likely") {
  Dimension dimension;
  dimension.min = 2;
  dimension.max = 5;
  dimension.integer = true;
  std::vector<int> counts(6);
  for (int i = 0; i < 400; ++i)
    ++counts[static_cast<std::size_t>(std::get<std::int64_t>(dimension.at_unit((i + 0.5) / 400)))];
  CHECK(counts == std::vector<int>{0, 0, 100, 100, 100, 100});
}

TEST_CASE("drawn values have six significant digits and stay inside the range") {
  const Folder folder;
  const Sweep sweep = search(folder, "  adam: {lr: {min: 0.00123456789, max: 0.0123456789, scale: log}}\n", 20);
  for (std::size_t i = 0; i < sweep.cells.size(); ++i) {
    const double lr = parameters(sweep, i).real("lr").base;
    CHECK(lr >= 0.00123456789);
    CHECK(lr <= 0.0123456789);
    CHECK(number_text(lr).size() <= std::string("0.00123457").size());
  }
}

TEST_CASE("a conditional parameter is set only where its condition holds") {
  const Folder folder;
  const Sweep sweep = search(
      folder, "  adam:\n    amsgrad: [true, false]\n    weight_decay: {min: 0.1, max: 0.2, when: {amsgrad: true}}\n",
      16);
  std::set<bool> seen;
  for (std::size_t i = 0; i < sweep.cells.size(); ++i) {
    const bool amsgrad = parameters(sweep, i).boolean("amsgrad");
    const double decay = parameters(sweep, i).real("weight_decay").base;
    seen.insert(amsgrad);
    CHECK((amsgrad ? decay >= 0.1 : decay == 0.0));
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("a value given in the entry is not searched, and the other dimensions keep their points") {
  const Folder folder;
  const std::string space = "  adam: {lr: {min: 0.1, max: 1}, weight_decay: {min: 0.1, max: 1}}\n";
  const Sweep open = search(folder, space);
  const Sweep pinned = search(folder, space, 5, "[adam: {lr: 0.5}, {adam: {}, label: open}]");
  for (std::size_t i = 0; i < open.cells.size(); ++i) {
    CHECK(parameters(pinned, 2 * i).real("lr").base == 0.5);
    CHECK(parameters(pinned, 2 * i).real("weight_decay").base == parameters(open, i).real("weight_decay").base);
  }
}

TEST_CASE("--set pins a searched parameter") {
  const Folder folder;
  folder.write("sweep.yaml",
               "sweep: s\nworkloads: [bowl]\nalgorithms: [adam]\nsearch_space: {adam: {lr: {min: 0.1, max: 1}}}\n");
  const Sweep sweep = load_sweep({folder / "sweep.yaml", {"adam.lr=2"}, "Serial", ""}, small_race::catalogue());
  CHECK(parameters(sweep, 3).real("lr").base == 2.0);
}

TEST_CASE("a wrapped algorithm is tried at the points of the bare one") {
  const Folder folder;
  const Sweep sweep = search(folder, "  adam: {lr: {min: 0.1, max: 1}}\n  lookahead: {alpha: {min: 0.1, max: 1}}\n", 5,
                             "[adam, {lookahead: {inner: adam}}]");
  for (std::size_t i = 0; i < sweep.cells.size(); i += 2)
    CHECK(parameters(sweep, i).real("lr").base ==
          parameters(sweep, i + 1).algorithm("inner").parameters.real("lr").base);
}

TEST_CASE("the space in the algorithm's own file is used where the sweep gives none, and yields to defaults") {
  const Folder folder;
  const std::string text = "sweep: s\nworkloads: [bowl]\nalgorithms: [adam]\n";
  std::set<double> rates;
  for (const Cell& cell : load(folder, text).cells) rates.insert(cell.algorithm.parameters.real("lr").base);
  CHECK(rates.size() == 15);
  CHECK(load(folder, text + "search_space: none\n").cells.at(4).algorithm.parameters.real("lr").base == 1e-3);
  CHECK(load(folder, text + "defaults: {adam: {lr: 0.25}}\n").cells.at(4).algorithm.parameters.real("lr").base == 0.25);
}

TEST_CASE("a grid search visits every combination once in each study") {
  const Folder folder;
  const Sweep sweep = search(
      folder, "  sampler: grid\n  adam: {lr: {min: 0.001, max: 0.1, scale: log, points: 3}, amsgrad: [true, false]}\n",
      6);
  std::set<std::pair<double, bool>> seen;
  for (std::size_t i = 0; i < 6; ++i)
    seen.emplace(parameters(sweep, i).real("lr").base, parameters(sweep, i).boolean("amsgrad"));
  CHECK(seen == std::set<std::pair<double, bool>>{
                    {0.001, true}, {0.001, false}, {0.01, true}, {0.01, false}, {0.1, true}, {0.1, false}});
}

TEST_CASE("a list gives trial t its point t in every study") {
  const Folder folder;
  const Sweep sweep = search(folder, "  adam: [{lr: 0.1}, {lr: 0.2, beta1: 0.5}]\n", 2);
  CHECK(parameters(sweep, 0).real("lr").base == 0.1);
  CHECK(parameters(sweep, 0).real("beta1").base == 0.9);
  CHECK(parameters(sweep, 1).real("beta1").base == 0.5);
  CHECK(parameters(sweep, 3).real("beta1").base == 0.5);
}

TEST_CASE("a search samples the value of a scheduled parameter and any slot of its schedule") {
  const Folder folder;
  const Sweep sweep = search(folder, "  adam: {lr: {min: 0.1, max: 1}, lr.warmup_fraction: [0.05, 0.1]}\n", 8,
                             "[adam: {lr: {schedule: cosine}}]");
  std::set<double> warmups;
  for (std::size_t i = 0; i < 16; ++i) {
    const Schedule& lr = parameters(sweep, i).real("lr");
    CHECK(lr.shape == Schedule::Shape::cosine);
    CHECK(lr.base >= 0.1);
    warmups.insert(lr.warmup_fraction);
  }
  CHECK(warmups == std::set<double>{0.05, 0.1});
}
