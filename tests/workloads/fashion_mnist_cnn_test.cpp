#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "tests/workloads/classifier_track.hpp"

namespace velo {

WorkloadInfo fashion_mnist_cnn_workload_info();

namespace {

using test::ClassifierTrack;

TEST_CASE("fashion_mnist_cnn: the default network has 10,330 parameters in six blocks") {
  ClassifierTrack track(fashion_mnist_cnn_workload_info());
  CHECK(track.workload().layout().size() == 16 * 9 + 16 + 16 * 16 * 9 + 16 + 784 * 10 + 10);
  CHECK(track.workload().layout().blocks().size() == 6);
}

TEST_CASE("fashion_mnist_cnn: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("relu", "tanh");
  const std::string normalisation = GENERATE("none", "batch", "layer");
  const std::int64_t width = GENERATE(3, 16);  // with and without the fused first layer
  ClassifierTrack track(fashion_mnist_cnn_workload_info(), {{"width", width},
                                                            {"activation", activation},
                                                            {"normalisation", normalisation},
                                                            {"dropout", Schedule(0.25)},
                                                            {"label_smoothing", Schedule(0.1)}});
  track.check_gradient(3, 997);
}

TEST_CASE("fashion_mnist_cnn: with vanishing weights the loss is log 10") {
  ClassifierTrack track(fashion_mnist_cnn_workload_info(), {{"initial_scale", Schedule(1e-9)}});
  CHECK_THAT(track.loss(track.batch(8)), Catch::Matchers::WithinAbs(std::log(10.0), 1e-7));
}

TEST_CASE("fashion_mnist_cnn: a batch that is not a multiple of anything gives the mean of its parts") {
  ClassifierTrack track(fashion_mnist_cnn_workload_info());
  const Batch whole = track.batch(19);
  const Vector g = track.gradient(whole);
  const Batch first{.id = 1001, .split = Split::train, .examples = whole.examples.subspan(0, 17)};
  const Batch rest{.id = 1002, .split = Split::train, .examples = whole.examples.subspan(17)};
  const Vector a = track.gradient(first), b = track.gradient(rest);
  // Sums of up to 19 * 784 terms below ten: 15000 * 2^-53 * 10.
  for (Index i = 0; i < track.workload().layout().size(); ++i)
    REQUIRE(std::abs(g(i) - (17 * a(i) + 2 * b(i)) / 19) <= 2e-11);
}

}  // namespace
}  // namespace velo
