// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "tests/workloads/classifier_track.hpp"

namespace velo {

WorkloadInfo fashion_resnet_workload_info();

namespace {

using test::ClassifierTrack;

/// Layers in the order of the model state, at size mini: channels and pixels of what each normalises.
struct Norm {
  Index channels, pixels;
};
std::vector<Norm> norms(Index width) {
  return {{width, 784},    {width, 196},    {width, 196},    {2 * width, 49}, {2 * width, 49},
          {2 * width, 49}, {4 * width, 16}, {4 * width, 16}, {4 * width, 16}};
}

std::vector<double> values(const Vector& v) { return {v.data(), v.data() + v.size()}; }

/// The batch's own statistics: what a pass writes that keeps nothing of the old ones.
Vector batch_statistics(ClassifierTrack& track, const Batch& batch) {
  const Vector out("statistics", track.model_state.extent(0));
  ForwardPass pass = track.pass();
  pass.new_model_state = out;
  pass.statistics_rate = 1.0;
  static_cast<void>(track.workload().loss(pass, batch));
  return out;
}

TEST_CASE("fashion_resnet: 77,754 parameters, whatever the resolution, and statistics of 224 channels") {
  const std::string size = GENERATE("mini", "small");
  ClassifierTrack track(fashion_resnet_workload_info(), {{"size", size}});
  // Per layer: weights and, with batch norm, scale and shift.
  const Index stem = 144 + 32, first = 2 * (2304 + 32);
  const Index second = 4608 + 9216 + 512 + 3 * 64, third = 18432 + 36864 + 2048 + 3 * 128;
  CHECK(track.workload().layout().size() == stem + first + second + third + 650);
  CHECK(track.workload().layout().size() == 77754);
  CHECK(track.workload().model_state_size() == 2 * (16 + 2 * 16 + 3 * 32 + 3 * 64));
}

TEST_CASE("fashion_resnet: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("gelu", "tanh");
  const std::string normalisation = GENERATE("none", "batch", "layer");
  const std::string size = GENERATE("mini", "small");
  ClassifierTrack track(fashion_resnet_workload_info(), {{"size", size},
                                                         {"width", std::int64_t{2}},
                                                         {"activation", activation},
                                                         {"normalisation", normalisation},
                                                         {"dropout", Schedule(0.25)},
                                                         {"label_smoothing", Schedule(0.1)}});
  track.check_gradient(4, 101);
}

TEST_CASE("fashion_resnet: with vanishing weights the loss is log 10") {
  ClassifierTrack track(fashion_resnet_workload_info(), {{"initial_scale", Schedule(1e-9)}});
  CHECK_THAT(track.loss(track.batch(8)), Catch::Matchers::WithinAbs(std::log(10.0), 1e-7));
}

TEST_CASE("fashion_resnet: without normalisation a batch gives the mean of its parts") {
  ClassifierTrack track(fashion_resnet_workload_info(), {{"width", std::int64_t{4}}, {"normalisation", "none"}});
  const Batch whole = track.batch(9);
  const Vector g = track.gradient(whole);
  const Batch first{.id = 1001, .split = Split::train, .examples = whole.examples.subspan(0, 7)};
  const Batch rest{.id = 1002, .split = Split::train, .examples = whole.examples.subspan(7)};
  const Vector a = track.gradient(first), b = track.gradient(rest);
  // Sums of up to 9 * 784 terms below ten: 7056 * 2^-53 * 10.
  for (Index i = 0; i < track.workload().layout().size(); ++i)
    REQUIRE(std::abs(g(i) - (7 * a(i) + 2 * b(i)) / 9) <= 1e-11);
}

TEST_CASE("fashion_resnet: statistics are committed only where a pass has a place for them") {
  ClassifierTrack track(fashion_resnet_workload_info(), {{"width", std::int64_t{2}}});
  const Batch batch = track.batch(6);
  const Vector g("gradient", track.params.extent(0));
  const std::vector<double> before = values(track.model_state);

  const double discarded = track.workload().gradient(track.pass(), batch, g);
  CHECK(values(track.model_state) == before);
  ForwardPass pass = track.pass();
  pass.new_model_state = track.model_state;
  const double committed = track.workload().gradient(pass, batch, g);
  CHECK(committed == discarded);  // training mode reads the batch alone

  const std::vector<double> after = values(track.model_state), own = values(batch_statistics(track, batch));
  for (std::size_t i = 0; i < after.size(); ++i)
    CHECK(std::abs(after[i] - (0.9 * before[i] + 0.1 * own[i])) <= 4 * 0x1p-53 * (1 + std::abs(own[i])));
}

TEST_CASE("fashion_resnet: evaluation reads the running statistics and writes none") {
  const Index width = 4, rows = 8;
  ClassifierTrack track(fashion_resnet_workload_info(), {{"width", std::int64_t{width}}});
  const Batch batch = track.batch(rows);
  const double training = track.loss(batch);
  ForwardPass pass = track.pass();
  pass.train_mode = false;
  CHECK(track.workload().loss(pass, batch) != training);

  // With the batch's own means and biased variances as running ones, evaluation is training.
  const Vector state = batch_statistics(track, batch);
  Index at = 0;
  for (const Norm& norm : norms(width)) {
    const auto count = static_cast<double>(rows * norm.pixels);
    for (Index c = 0; c < norm.channels; ++c) state(at + norm.channels + c) *= (count - 1) / count;
    at += 2 * norm.channels;
  }
  REQUIRE(at == track.workload().model_state_size());
  pass.model_state = state;
  pass.new_model_state = track.model_state;
  const std::vector<double> before = values(track.model_state);
  // Statistics equal up to their rounding, a few 2^-53, which eight layers amplify by less than ten each in the mean
  // over the batch.
  CHECK_THAT(track.workload().loss(pass, batch), Catch::Matchers::WithinAbs(training, 1000 * 0x1p-53));
  CHECK(values(track.model_state) == before);
}

TEST_CASE("fashion_resnet: rates 1, 1/2, 1/3, ... make the running statistics the plain average over the batches") {
  ClassifierTrack track(fashion_resnet_workload_info(), {{"width", std::int64_t{2}}});
  const int batches = 5;
  std::vector<double> average(track.model_state.extent(0)), largest(average.size());
  for (int k = 1; k <= batches; ++k) {
    const Batch batch = track.batch(6, 1000 * k);
    const std::vector<double> own = values(batch_statistics(track, batch));
    for (std::size_t i = 0; i < own.size(); ++i) {
      average[i] += own[i] / batches;
      largest[i] = std::max(largest[i], std::abs(own[i]));
    }
    ForwardPass pass = track.pass();
    pass.new_model_state = track.model_state;
    pass.statistics_rate = 1.0 / k;
    static_cast<void>(track.workload().loss(pass, batch));
  }
  // Four roundings per batch on either side, of numbers no larger than the largest.
  for (std::size_t i = 0; i < average.size(); ++i)
    CHECK(std::abs(track.model_state(i) - average[i]) <= 8 * batches * 0x1p-53 * largest[i]);
}

TEST_CASE("fashion_resnet: descending on one batch learns it by heart") {
  ClassifierTrack track(fashion_resnet_workload_info(), {{"width", std::int64_t{4}}});
  const Batch batch = track.batch(16);
  track.descend(batch, 60, 0.1);
  CHECK(track.loss(batch) < 0.2 * std::log(10.0));
}

TEST_CASE("fashion_resnet: evaluation of vanishing weights gives log 10 too") {
  ClassifierTrack track(fashion_resnet_workload_info(),
                        {{"width", std::int64_t{1}}, {"initial_scale", Schedule(1e-9)}});
  const auto metrics = track.workload().evaluate(track.params, track.model_state, Split::validation);
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0].name == "accuracy");
  CHECK(metrics[0].value > 0.05);
  CHECK(metrics[1].name == "cross_entropy");
  CHECK_THAT(metrics[1].value, Catch::Matchers::WithinAbs(std::log(10.0), 1e-7));
}

}  // namespace
}  // namespace velo
