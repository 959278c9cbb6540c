#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "tests/workloads/classifier_track.hpp"

namespace velo {

WorkloadInfo fashion_mnist_mlp_workload_info();

namespace {

using test::ClassifierTrack;

TEST_CASE("fashion_mnist_mlp: the default network has 118,282 parameters in six blocks") {
  ClassifierTrack track(fashion_mnist_mlp_workload_info());
  CHECK(track.workload().layout().size() == 784 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10);
  CHECK(track.workload().layout().blocks().size() == 6);
  CHECK(track.workload().batch_size() == 128);
}

TEST_CASE("fashion_mnist_mlp: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("relu", "gelu", "tanh");
  const std::string normalisation = GENERATE("none", "batch", "layer");
  ClassifierTrack track(fashion_mnist_mlp_workload_info(), {{"width", std::int64_t{6}},
                                                            {"activation", activation},
                                                            {"normalisation", normalisation},
                                                            {"dropout", Schedule(0.25)},
                                                            {"label_smoothing", Schedule(0.1)}});
  track.check_gradient(5, 401);
}

TEST_CASE("fashion_mnist_mlp: with vanishing weights the loss is log 10") {
  ClassifierTrack track(fashion_mnist_mlp_workload_info(), {{"initial_scale", Schedule(1e-9)}});
  CHECK_THAT(track.loss(track.batch(32)), Catch::Matchers::WithinAbs(std::log(10.0), 1e-7));
}

TEST_CASE("fashion_mnist_mlp: the gradient of a batch is the mean over its parts") {
  ClassifierTrack track(fashion_mnist_mlp_workload_info(), {{"width", std::int64_t{16}}});
  const Batch whole = track.batch(48);
  const Vector g = track.gradient(whole);
  const Batch first{.id = 1001, .split = Split::train, .examples = whole.examples.subspan(0, 32)};
  const Batch rest{.id = 1002, .split = Split::train, .examples = whole.examples.subspan(32)};
  const Vector a = track.gradient(first), b = track.gradient(rest);
  // Sums of a few thousand terms below one: 4000 * 2^-53.
  for (Index i = 0; i < track.workload().layout().size(); ++i)
    REQUIRE(std::abs(g(i) - (32 * a(i) + 16 * b(i)) / 48) <= 5e-13);
}

TEST_CASE("fashion_mnist_mlp: training on synthetic images teaches what holds for images not seen") {
  ClassifierTrack track(fashion_mnist_mlp_workload_info(), {{"width", std::int64_t{32}}});
  for (int step = 0; step < 200; ++step) track.descend(track.batch(64, 100 * step), 1, 0.1);
  const auto metrics = track.workload().evaluate(track.params, track.model_state, Split::validation);
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0].name == "accuracy");
  CHECK(metrics[0].value > 0.25);
  CHECK(metrics[1].name == "cross_entropy");
  CHECK(metrics[1].value < 0.95 * std::log(10.0));
}

}  // namespace
}  // namespace velo
