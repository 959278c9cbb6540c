// What every algorithm promises (harness/algorithm.hpp), asked of the whole registry: a new rule is tested before it
// has a test of its own.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "results/error.hpp"
#include "tests/contract/riders.hpp"

namespace velo {
namespace {

using test::every_algorithm;
using test::GivenGradients;
using test::Rider;

constexpr int steps = 12;

/// Everything that training has made: parameters, evaluation parameters, state.
std::vector<double> everything(const Rider& rider) {
  std::vector<double> out = rider.params();
  const auto append = [&](const std::vector<double>& more) { out.insert(out.end(), more.begin(), more.end()); };
  append(rider.evaluation_params());
  append(test::to_host(rider.state().flat()));
  for (const StateArena::Number& number : rider.state().numbers())
    out.push_back(number.real != nullptr ? *number.real : static_cast<double>(*number.integer));
  return out;
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

GivenGradients::Gradients everywhere(const ParameterLayout& layout, double value) {
  return [size = static_cast<std::size_t>(layout.size()), value](std::int64_t) {
    return std::vector<double>(size, value);
  };
}

/// The whole outcome of `steps` steps on scattered gradients.
std::vector<double> outcome(const Component& algorithm) {
  const ParameterLayout layout = test::awkward_layout();
  GivenGradients oracle(layout, steps);
  Rider rider(algorithm, layout);
  rider.start(oracle);
  rider.steps(oracle, 1, steps);
  return everything(rider);
}

TEST_CASE("every algorithm says what it is, and its defaults lie in its ranges") {
  REQUIRE_FALSE(builtin_registry().algorithms().empty());
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) {
    INFO(info.name);
    CHECK_FALSE(info.summary.empty());
    CHECK(info.version >= 1);
    std::set<std::string> names;
    for (const ParameterSpec& spec : info.parameters) {
      INFO(spec.name);
      CHECK(names.insert(spec.name).second);
      CHECK_FALSE(spec.doc.empty());
      if (spec.type == ParameterType::real || spec.type == ParameterType::integer)
        CHECK(spec.range.contains(spec.number));
      if (spec.type == ParameterType::choice)
        CHECK(std::count(spec.choices.begin(), spec.choices.end(), spec.word) == 1);
    }
  }
}

TEST_CASE("a zero gradient without weight decay and noise leaves the parameters as they are") {
  const ParameterLayout layout = test::awkward_layout();
  for (Component algorithm : every_algorithm()) {
    INFO(algorithm.name);
    test::set_everywhere(algorithm, "weight_decay", 0.0);
    test::set_everywhere(algorithm, "noise_multiplier", 0.0);
    GivenGradients oracle(layout, everywhere(layout, 0.0), steps);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    const std::vector<double> before = rider.params();
    rider.steps(oracle, 1, steps);
    CHECK(rider.params() == before);
  }
}

TEST_CASE("a zero gradient keeps everything finite") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    INFO(algorithm.name);
    GivenGradients oracle(layout, everywhere(layout, 0.0), steps);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    rider.steps(oracle, 1, steps);
    CHECK(all_finite(everything(rider)));
  }
}

TEST_CASE("a zero learning rate changes no parameter") {
  const ParameterLayout layout = test::awkward_layout();
  for (Component algorithm : every_algorithm()) {
    INFO(algorithm.name);
    test::set_everywhere(algorithm, "lr", 0.0);
    GivenGradients oracle(layout, steps);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    const std::vector<double> before = rider.params();
    rider.steps(oracle, 1, steps);
    CHECK(rider.params() == before);
  }
}

TEST_CASE("resuming at any step equals running through") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    const std::vector<double> through = outcome(algorithm);
    GivenGradients oracle(layout, steps);
    Rider first(algorithm, layout);
    first.start(oracle);
    for (int stop = 0; stop < steps; ++stop) {
      if (stop > 0) first.step(oracle, stop);
      INFO(algorithm.name << ", resumed after step " << stop);
      Rider second(algorithm, layout);
      second.resume_from(first);
      second.steps(oracle, stop + 1, steps);
      CHECK(everything(second) == through);
    }
  }
}

TEST_CASE("preparing and reading evaluation parameters never disturbs training") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    INFO(algorithm.name);
    GivenGradients oracle(layout, steps);
    Rider rider(algorithm, layout), undisturbed(algorithm, layout);
    rider.start(oracle);
    undisturbed.start(oracle);
    for (int t = 1; t <= steps; ++t) {
      rider.step(oracle, t);
      undisturbed.step(oracle, t);
      rider.algorithm().prepare_for_eval(oracle, rider.params_view());
      const std::vector<double> evaluated = rider.evaluation_params();
      CHECK(all_finite(evaluated));
      CHECK(evaluated.size() == static_cast<std::size_t>(layout.size()));
      CHECK(rider.params() == undisturbed.params());
    }
  }
}

TEST_CASE("observing changes nothing") {
  struct Sink : Observer {
    void scalar(std::string_view name, double value) override {
      CHECK_FALSE(name.empty());
      CHECK(std::isfinite(value));
    }
  } sink;
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    INFO(algorithm.name);
    GivenGradients oracle(layout, steps);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    for (int t = 1; t <= steps; ++t) {
      rider.step(oracle, t);
      rider.algorithm().observe(sink);
    }
    CHECK(everything(rider) == outcome(algorithm));
  }
}

TEST_CASE("two instances never share state") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    INFO(algorithm.name);
    GivenGradients oracle(layout, steps), other_oracle(layout, everywhere(layout, -0.5), steps);
    Rider rider(algorithm, layout), other(algorithm, layout);
    rider.start(oracle);
    other.start(other_oracle);
    for (int t = 1; t <= steps; ++t) {
      rider.step(oracle, t);
      other.step(other_oracle, t);
    }
    CHECK(everything(rider) == outcome(algorithm));
  }
}

TEST_CASE("huge and denormal gradients leave the parameters finite") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    for (const double size : {1e30, -1e30, 1e-40, -1e-45}) {
      INFO(algorithm.name << " at " << size);
      GivenGradients oracle(layout, everywhere(layout, size), steps);
      Rider rider(algorithm, layout);
      rider.start(oracle);
      rider.steps(oracle, 1, steps);
      CHECK(all_finite(rider.params()));
      CHECK(all_finite(rider.evaluation_params()));
    }
  }
}

TEST_CASE("an infinite gradient, or one that is no number, crashes nothing") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Component& algorithm : every_algorithm()) {
    for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
      INFO(algorithm.name << " at " << value);
      GivenGradients oracle(layout, everywhere(layout, value), steps);
      Rider rider(algorithm, layout);
      rider.start(oracle);
      CHECK_NOTHROW(rider.steps(oracle, 1, steps));
      CHECK_NOTHROW(rider.algorithm().prepare_for_eval(oracle, rider.params_view()));
    }
  }
}

/// False where a wrapper refuses what it drives.
bool accepted(const Component& wrapped) {
  try {
    static_cast<void>(builtin_registry().make(wrapped));
    return true;
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Matchers::StartsWith(wrapped.name + " acts on gradients of a batch"));
    return false;
  }
}

TEST_CASE("every wrapper accepts every algorithm, wrappers included, or says that it would do nothing, and resumes") {
  const ParameterLayout layout = test::awkward_layout();
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) {
    if (!test::is_wrapper(info)) continue;
    for (const Component& inner : every_algorithm()) {
      INFO(info.name << " around " << inner.name);
      const Component wrapped = test::with_inner(info, inner);
      if (builtin_registry().needs(inner).has(Capability::per_example_gradients) && !accepted(wrapped)) continue;
      const std::vector<double> through = outcome(wrapped);
      CHECK(all_finite(through));
      GivenGradients oracle(layout, steps);
      Rider first(wrapped, layout), second(wrapped, layout);
      first.start(oracle);
      first.steps(oracle, 1, steps / 2 + 1);
      second.resume_from(first);
      second.steps(oracle, steps / 2 + 2, steps);
      CHECK(everything(second) == through);
    }
  }
}

/// What the probe program prints: one line per algorithm with the hash of its parameters after some steps.
std::string hashes(int threads) {
  // Without the second variable Kokkos writes advice to the output.
  const std::string command = "OMP_NUM_THREADS=" + std::to_string(threads) + " OMP_PROC_BIND=false " + VELO_HASH_PROBE;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), got);
  REQUIRE(pclose(pipe) == 0);
  return out;
}

TEST_CASE("updates have the same bits on one, two and seven threads") {
  const std::string one = hashes(1);
  const auto lines = static_cast<std::size_t>(std::count(one.begin(), one.end(), '\n'));
  REQUIRE(lines == builtin_registry().algorithms().size());
  CHECK(hashes(2) == one);
  CHECK(hashes(7) == one);
}

}  // namespace
}  // namespace velo
