// Trivial baselines: of small data with known answers, and of the installed data against the heads of the workloads.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "harness/registry.hpp"
#include "workloads/data/flights.hpp"
#include "workloads/data/images.hpp"
#include "workloads/nn/byte_language_model.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::WithinAbs;

namespace {

std::size_t place(Split split) { return static_cast<std::size_t>(split); }

using Bytes = std::vector<std::uint8_t>;

/// Of images nothing but the labels.
class Labelled final : public ImageDataSet {
 public:
  explicit Labelled(std::array<Bytes, 3> labels) : labels_(std::move(labels)) {}
  [[nodiscard]] const ImageShape& shape() const override { return shape_; }
  [[nodiscard]] Index examples(Split split) const override { return std::ssize(labels_[place(split)]); }
  [[nodiscard]] std::span<const std::uint8_t> images(Split) const override { return {}; }
  [[nodiscard]] std::span<const std::uint8_t> labels(Split split) const override { return labels_[place(split)]; }
  [[nodiscard]] double mean() const override { return 0; }
  [[nodiscard]] double deviation() const override { return 1; }

 private:
  ImageShape shape_{1, 1, 1, 4};
  std::array<Bytes, 3> labels_;
};

/// Flights of which every n-th of a split is late.
class EveryNth final : public FlightData {
 public:
  EveryNth(std::array<Index, 3> counts, std::array<Index, 3> n) : counts_(counts), n_(n) {}
  [[nodiscard]] Index flights(Split split) const override { return counts_[place(split)]; }
  void gather(Split split, std::span<const Index> numbers, Flight* out) const override {
    for (const Index number : numbers) {
      const bool late = number % n_[place(split)] == 0;
      *out++ = {.delay = static_cast<std::int16_t>(late ? 16 : 15)};
    }
  }

 private:
  std::array<Index, 3> counts_, n_;
};

class Text final : public TextDataSet {
 public:
  explicit Text(std::array<Bytes, 3> text) : text_(std::move(text)) {}
  [[nodiscard]] std::span<const std::uint8_t> text(Split split) const override { return text_[place(split)]; }

 private:
  std::array<Bytes, 3> text_;
};

constexpr double epsilon = 0x1p-53;

}  // namespace

TEST_CASE("the majority class is the training split's, whatever is frequent elsewhere") {
  const TrivialBaseline trivial = majority_class(Labelled({Bytes{2, 1, 2, 0, 2, 3}, {0, 0, 0, 2}, {2, 1, 2}}));
  CHECK(trivial.prediction == "class 2, always");
  CHECK(trivial.validation == 1.0 / 4.0);
  CHECK(trivial.test == 2.0 / 3.0);
}

TEST_CASE("of equally frequent classes the lowest is the majority class") {
  const TrivialBaseline trivial = majority_class(Labelled({Bytes{3, 1, 1, 3, 0}, {1}, {3}}));
  CHECK(trivial.prediction == "class 1, always");
  CHECK(trivial.validation == 1.0);
  CHECK(trivial.test == 0.0);
}

TEST_CASE("the share of late flights is the training split's, and costs what a coin of that bias costs") {
  // A quarter, half and every third late; 10,000 and 9,999 flights are more than are read at once.
  const TrivialBaseline trivial = share_of_late_flights(EveryNth({10000, 10000, 9999}, {4, 2, 3}));
  CHECK(trivial.prediction == "late with probability 0.25, always");
  // A dozen roundings of numbers below two.
  CHECK_THAT(trivial.validation, WithinAbs(0.5 * std::log(4.0) + 0.5 * std::log(4.0 / 3.0), 24 * epsilon));
  CHECK_THAT(trivial.test, WithinAbs(std::log(4.0) / 3.0 + 2.0 * std::log(4.0 / 3.0) / 3.0, 24 * epsilon));
}

TEST_CASE("byte frequencies are the training split's plus one, and cost bits of the bytes that evaluations read") {
  // 'a' 255 times and 'b' never: probabilities 256 / 511 and 1 / 511. A sequence of four bytes predicts the last three.
  const Text text({Bytes(255, 'a'), {'b', 'a', 'b', 'a', 'b', 'b', 'a', 'b'}, {'b', 'b', 'b', 'b', 'a'}});
  const double a = std::log2(511.0 / 256.0), b = std::log2(511.0);
  const TrivialBaseline both = nn::byte_frequencies(text, {.length = 3, .evaluation_sequences = 2});
  const TrivialBaseline one = nn::byte_frequencies(text, {.length = 3, .evaluation_sequences = 1});
  // Means of a few numbers below nine.
  CHECK_THAT(both.validation, WithinAbs((3 * a + 3 * b) / 6, 100 * epsilon));
  CHECK_THAT(one.validation, WithinAbs((2 * a + b) / 3, 100 * epsilon));
  CHECK_THAT(both.test, WithinAbs(b, 100 * epsilon));
}

TEST_CASE("whoever reads data has a trivial baseline, in synthetic mode too, and no other workload has") {
  for (const WorkloadInfo& workload : builtin_registry().workloads()) {
    INFO(workload.name);
    CHECK(static_cast<bool>(workload.trivial) == !workload.data_set.empty());
  }
  const WorkloadInfo& resnet = builtin_registry().workload("fashion_resnet");
  const TrivialBaseline images = resnet.trivial(Parameters::defaults(resnet.parameters), {"", true});
  // Ten classes drawn alike: the share of one among 10,000 is 0.1 give or take six deviations of 0.003.
  CHECK_THAT(images.validation, WithinAbs(0.1, 0.018));
  CHECK_THAT(images.test, WithinAbs(0.1, 0.018));
}

TEST_CASE("the trivial baselines of the installed data are those that the workloads' heads state") {
  struct Stated {
    std::string workload, prediction;
    double validation, test, last_digit;
  };
  const std::string frequent = "class 7, always";
  const std::vector<Stated> all = {
      {"fashion_mnist_mlp", frequent, 0.0955, 0.1, 0},
      {"fashion_mnist_cnn", frequent, 0.0955, 0.1, 0},
      {"fashion_resnet", frequent, 0.0955, 0.1, 0},
      {"flights_dlrm", "late with probability 0.198306, always", 0.483966, 0.532981, 1e-6},
      {"prose_lm", "bytes by their frequency in the training split", 4.405, 4.377, 1e-3},
      {"speech_deepspeech", "the phones a ay a i aa ae ay a, whatever is said", 0.864, 0.870, 1e-3},
  };
  int seen = 0;
  for (const Stated& stated : all) {
    const WorkloadInfo& workload = builtin_registry().workload(stated.workload);
    if (!data_set(builtin_registry(), workload.data_set).installed(default_data_directory())) continue;
    ++seen;
    INFO(stated.workload);
    const TrivialBaseline trivial = workload.trivial(Parameters::defaults(workload.parameters), {});
    CHECK(trivial.prediction == stated.prediction);
    CHECK_THAT(trivial.validation, WithinAbs(stated.validation, stated.last_digit / 2));
    CHECK_THAT(trivial.test, WithinAbs(stated.test, stated.last_digit / 2));
  }
  if (seen == 0) SKIP("no data set is installed");
}
