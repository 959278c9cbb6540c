// What every algorithm promises (harness/algorithm.hpp), asked of the whole registry: a new rule is tested before it
// has a test of its own.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>

#include "results/error.hpp"
#include "tests/contract/riders.hpp"

namespace velo {
namespace {

using test::bits_of;
using test::contract_layout;
using test::every_algorithm;
using test::Landscape;
using test::LandscapeRider;

constexpr int steps = 12;

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

/// Everything that training has made, bytes of quantised state aside.
std::vector<double> everything(const test::Rider& rider) {
  std::vector<double> out = rider.params();
  const auto append = [&](const std::vector<double>& more) { out.insert(out.end(), more.begin(), more.end()); };
  append(rider.evaluation_params());
  for (const StateArena::Buffer& buffer : rider.state().buffers())
    if (buffer.target != nullptr) append(test::to_host(*buffer.target));
  for (const StateArena::Number& number : rider.state().numbers())
    out.push_back(number.real != nullptr ? *number.real : static_cast<double>(*number.integer));
  return out;
}

test::GivenGradients::Gradients everywhere(const ParameterLayout& layout, double value) {
  return [size = static_cast<std::size_t>(layout.size()), value](std::int64_t) {
    return std::vector<double>(size, value);
  };
}

/// The bits of the whole outcome of `steps` steps on scattered gradients.
std::string outcome(const Component& algorithm, const ParameterLayout& layout, std::int64_t last = steps) {
  Landscape landscape(layout, last);
  LandscapeRider rider(algorithm, layout);
  rider.start(landscape);
  rider.steps(landscape, 1, last);
  return bits_of(rider);
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
  const ParameterLayout layout = contract_layout();
  for (auto [name, algorithm] : test::every_variant()) {
    INFO(name);
    test::set_everywhere(algorithm, "weight_decay", 0.0);
    test::set_everywhere(algorithm, "noise_multiplier", 0.0);
    test::set_everywhere(algorithm, "sr_ste", 0.0);  // decay of masked weights
    Landscape oracle(layout, everywhere(layout, 0.0), steps);
    LandscapeRider rider(algorithm, layout);
    rider.start(oracle);
    const std::vector<double> before = rider.params();
    rider.steps(oracle, 1, steps);
    CHECK(rider.params() == before);
  }
}

TEST_CASE("a zero gradient keeps everything finite") {
  const ParameterLayout layout = contract_layout();
  for (const auto& [name, algorithm] : test::every_variant()) {
    INFO(name);
    Landscape oracle(layout, everywhere(layout, 0.0), steps);
    LandscapeRider rider(algorithm, layout);
    rider.start(oracle);
    rider.steps(oracle, 1, steps);
    CHECK(all_finite(everything(rider)));
  }
}

TEST_CASE("a zero learning rate changes no parameter") {
  const ParameterLayout layout = contract_layout();
  for (auto [name, algorithm] : test::every_variant()) {
    INFO(name);
    test::set_everywhere(algorithm, "lr", 0.0);
    Landscape oracle(layout, steps);
    LandscapeRider rider(algorithm, layout);
    rider.start(oracle);
    const std::vector<double> before = rider.params();
    rider.steps(oracle, 1, steps);
    CHECK(rider.params() == before);
  }
}

TEST_CASE("resuming at any step equals running through, whatever the variant") {
  const ParameterLayout layout = contract_layout();
  Landscape landscape(layout, test::variant_steps);
  for (const test::Variant& variant : test::every_variant()) {
    const std::string through = outcome(variant.algorithm, layout, test::variant_steps);
    LandscapeRider first(variant.algorithm, layout);
    first.start(landscape);
    for (std::int64_t stop = 0; stop < test::variant_steps; ++stop) {
      if (stop > 0) first.step(landscape, stop);
      INFO(variant.name << ", resumed after step " << stop);
      LandscapeRider second(variant.algorithm, layout);
      second.resume_from(first);
      second.steps(landscape, stop + 1, test::variant_steps);
      CHECK(bits_of(second) == through);
    }
  }
}

TEST_CASE("training keeps what was declared, in its place") {
  const ParameterLayout layout = contract_layout();
  for (const test::Variant& variant : test::every_variant()) {
    INFO(variant.name);
    Landscape landscape(layout, test::variant_steps);
    LandscapeRider rider(variant.algorithm, layout);
    const auto declared = [&] {
      std::vector<std::pair<std::string, const void*>> out = {{"all", rider.state().flat().data()}};
      for (const StateArena::Buffer& b : rider.state().buffers())
        out.emplace_back(b.name,
                         b.target != nullptr ? static_cast<const void*>(b.target->data()) : b.byte_target->data());
      for (const StateArena::Number& n : rider.state().numbers())
        out.emplace_back(n.name, n.real != nullptr ? static_cast<const void*>(n.real) : n.integer);
      return out;
    };
    const auto before = declared();
    const std::int64_t bytes = rider.state().bytes();
    rider.start(landscape);
    rider.steps(landscape, 1, test::variant_steps);
    rider.algorithm().prepare_for_eval(landscape, rider.params_view());
    CHECK((declared() == before));
    CHECK(rider.state().bytes() == bytes);
  }
}

TEST_CASE("every part of the state that some variant declares is written by some variant") {
  const ParameterLayout layout = contract_layout();
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) {
    std::set<std::string> declared, written;
    for (const test::Variant& variant : test::variants_of(info)) {
      Landscape landscape(layout, test::variant_steps);
      LandscapeRider rider(variant.algorithm, layout);
      const auto parts = [&] {
        std::map<std::string, std::vector<std::uint8_t>> out;
        const auto add = [&](const std::string& name, const void* from, std::size_t size) {
          const auto* bytes = static_cast<const std::uint8_t*>(from);
          if (size > 0) out[name].assign(bytes, bytes + size);
        };
        const auto flat = Kokkos::create_mirror_view(rider.state().flat());
        Kokkos::deep_copy(flat, rider.state().flat());
        for (const StateArena::Buffer& b : rider.state().buffers())
          add(b.name, flat.data() + b.offset, static_cast<std::size_t>(b.size) * sizeof(Scalar));
        for (const StateArena::Number& n : rider.state().numbers())
          add(n.name, n.real != nullptr ? static_cast<const void*>(n.real) : n.integer, 8);
        return out;
      };
      const auto before = parts();
      rider.start(landscape);
      rider.steps(landscape, 1, test::variant_steps);
      for (const auto& [name, bytes] : parts()) {
        declared.insert(name);
        if (bytes != before.at(name)) written.insert(name);
      }
    }
    INFO(info.name);
    CHECK(declared == written);
  }
}

TEST_CASE("every algorithm but null moves, in every variant") {
  const ParameterLayout layout = contract_layout();
  for (const test::Variant& variant : test::every_variant()) {
    if (variant.algorithm.name == "null") continue;
    INFO(variant.name);
    Landscape landscape(layout, test::variant_steps);
    LandscapeRider rider(variant.algorithm, layout);
    rider.start(landscape);
    const std::vector<double> before = rider.params();
    rider.steps(landscape, 1, test::variant_steps);
    CHECK(rider.params() != before);
    CHECK(all_finite(everything(rider)));
  }
}

TEST_CASE("preparing and reading evaluation parameters never disturbs training") {
  const ParameterLayout layout = contract_layout();
  for (const auto& [name, algorithm] : test::every_variant()) {
    INFO(name);
    Landscape oracle(layout, steps);
    LandscapeRider rider(algorithm, layout), undisturbed(algorithm, layout);
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
  const ParameterLayout layout = contract_layout();
  for (const auto& [name, algorithm] : test::every_variant()) {
    INFO(name);
    Landscape oracle(layout, steps);
    LandscapeRider rider(algorithm, layout);
    rider.start(oracle);
    for (int t = 1; t <= steps; ++t) {
      rider.step(oracle, t);
      for (const auto& [reading, value] : rider.observed()) {
        CHECK_FALSE(reading.empty());
        CHECK(std::isfinite(value));
      }
    }
    CHECK(bits_of(rider) == outcome(algorithm, layout));
  }
}

TEST_CASE("two instances never share state") {
  const ParameterLayout layout = contract_layout();
  for (const auto& [name, algorithm] : test::every_variant()) {
    INFO(name);
    Landscape oracle(layout, steps), other_oracle(layout, everywhere(layout, -0.5), steps);
    LandscapeRider rider(algorithm, layout), other(algorithm, layout);
    rider.start(oracle);
    other.start(other_oracle);
    for (int t = 1; t <= steps; ++t) {
      rider.step(oracle, t);
      other.step(other_oracle, t);
    }
    CHECK(bits_of(rider) == outcome(algorithm, layout));
  }
}

TEST_CASE("huge and denormal gradients leave the parameters finite") {
  const ParameterLayout layout = contract_layout();
  for (const auto& [name, algorithm] : test::every_variant()) {
    for (const double size : {1e30, -1e30, 1e-40, -1e-45}) {
      INFO(name << " at " << size);
      Landscape oracle(layout, everywhere(layout, size), steps);
      LandscapeRider rider(algorithm, layout);
      rider.start(oracle);
      rider.steps(oracle, 1, steps);
      CHECK(all_finite(rider.params()));
      CHECK(all_finite(rider.evaluation_params()));
    }
  }
}

/// What is not finite after an algorithm has met `value` in its gradients at finite losses, in all elements or in one:
/// nothing, if it swallows it.
std::string not_finite(const Component& algorithm, double value, std::optional<std::size_t> where) {
  class Broken : public test::GivenGradients {
   public:
    using GivenGradients::GivenGradients;
    double gradient(Vector out, const Query& query) override {
      asked = true;
      return GivenGradients::gradient(out, query);
    }
    double example_gradients(Vector out, const Query& query) override {
      asked = true;
      return GivenGradients::example_gradients(out, query);
    }
    bool asked = false;
  };
  const ParameterLayout layout = contract_layout();
  std::vector<double> gradient(static_cast<std::size_t>(layout.size()), where ? 1.0 : value);
  if (where) gradient[*where] = value;
  Broken oracle(
      layout, [&](std::int64_t) { return gradient; }, test::variant_steps);
  test::Rider rider(algorithm, layout);
  rider.start(oracle);
  CHECK_NOTHROW(rider.steps(oracle, 1, test::variant_steps));
  CHECK_NOTHROW(rider.algorithm().prepare_for_eval(oracle, rider.params_view()));
  if (!oracle.asked) return "it asks for no gradient";
  if (!all_finite(rider.params())) return "parameters";
  for (const auto& [name, seen] : rider.observed())
    if (!std::isfinite(seen)) return name;
  return "";
}

/// Whether the comment on top of an algorithm's source says what it does with a gradient that is not finite.
bool documents_it(const std::string& name) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(VELO_SOURCE_DIR "/algorithms")) {
    if (entry.path().filename() != name + ".cpp") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line) && line.starts_with("//");)
      if (line.find("not finite") != std::string::npos || line.find("infinite") != std::string::npos) return true;
  }
  return false;
}

TEST_CASE("an infinite gradient, or one that is no number, crashes nothing, and is seen or its treatment documented") {
  const ParameterLayout layout = contract_layout();
  std::vector<std::optional<std::size_t>> places = {std::nullopt};
  for (const ParameterBlock& block : layout.blocks())
    places.emplace_back(static_cast<std::size_t>(block.offset + block.size() / 2));
  for (const Component& algorithm : every_algorithm())
    for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
      for (const std::optional<std::size_t>& where : places) {
        INFO(algorithm.name << " at " << value << (where ? cat(" in element ", *where) : std::string(" everywhere")));
        CHECK((not_finite(algorithm, value, where) != "" || documents_it(algorithm.name)));
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

TEST_CASE(
    "every wrapper accepts every algorithm, wrappers included, keeps its state and resumes with it, or says that it "
    "would do nothing") {
  const ParameterLayout layout = contract_layout();
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) {
    if (!test::is_wrapper(info)) continue;
    for (const Component& inner : every_algorithm()) {
      INFO(info.name << " around " << inner.name);
      const Component wrapped = test::with_inner(info, inner);
      if (builtin_registry().needs(inner).has(Capability::per_example_gradients) && !accepted(wrapped)) continue;
      const std::string through = outcome(wrapped, layout);
      Landscape landscape(layout, steps);
      LandscapeRider first(wrapped, layout), second(wrapped, layout), alone(inner, layout);
      first.start(landscape);
      const std::vector<double> before = first.params();
      first.steps(landscape, 1, steps / 2 + 1);
      second.resume_from(first);
      second.steps(landscape, steps / 2 + 2, steps);
      CHECK(bits_of(second) == through);
      CHECK(all_finite(everything(second)));

      // The inner algorithm trains, its state is in the wrapper's, and what it observes is handed on.
      CHECK((second.params() != before) == (inner.name != "null"));
      std::set<std::string> kept;
      for (const StateArena::Buffer& buffer : second.state().buffers())
        kept.insert(cat(buffer.name, " ", buffer.size, " ", buffer.byte_size));
      for (const StateArena::Number& number : second.state().numbers()) kept.insert(number.name);
      for (const StateArena::Buffer& buffer : alone.state().buffers())
        CHECK(kept.contains(cat("inner/", buffer.name, " ", buffer.size, " ", buffer.byte_size)));
      for (const StateArena::Number& number : alone.state().numbers()) CHECK(kept.contains("inner/" + number.name));
      alone.start(landscape);
      alone.steps(landscape, 1, steps);
      const std::map<std::string, double> seen = second.observed();
      for (const auto& [name, value] : alone.observed()) CHECK(seen.contains("inner/" + name));
    }
  }
}

/// What the probe program prints: one line per variant with the hash of all it has made after some steps.
std::string hashes(int threads) {
  // Threads sleep while they wait, so that seven share two cores in peace. Without the last variable Kokkos writes advice
  // to the output.
  const std::string command =
      "OMP_NUM_THREADS=" + std::to_string(threads) + " OMP_WAIT_POLICY=passive OMP_PROC_BIND=false " + VELO_HASH_PROBE;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), got);
  REQUIRE(pclose(pipe) == 0);
  return out;
}

TEST_CASE("updates have the same bits on one, two and seven threads") {
#ifndef KOKKOS_ENABLE_OPENMP
  SKIP("this build has one thread");
#endif
  const std::string one = hashes(1);
  const auto lines = static_cast<std::size_t>(std::count(one.begin(), one.end(), '\n'));
  REQUIRE(lines == test::every_variant().size());
  CHECK(hashes(2) == one);
  CHECK(hashes(7) == one);
}

}  // namespace
}  // namespace velo
