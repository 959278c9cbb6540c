#include "workloads/data/synthetic_images.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "results/text.hpp"

using namespace velo;
using namespace velo::data;

namespace {

std::shared_ptr<const ImageDataSet> small() { return synthetic_images({1, 28, 28, 10}, {2000, 500, 500}); }

std::string hash_of(std::span<const std::uint8_t> bytes) {
  return sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

TEST_CASE("synthetic images have the asked shape and labels of every class") {
  const auto images = small();
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    CHECK(images->images(split).size() == static_cast<std::size_t>(images->examples(split)) * 784);
    std::vector<double> count(10);
    for (const std::uint8_t label : images->labels(split)) ++count.at(label);
    // Binomial with probability 1/10: five deviations.
    const double n = static_cast<double>(images->examples(split));
    for (const double c : count) CHECK(std::abs(c - n / 10) < 5 * std::sqrt(n * 0.09));
  }
}

TEST_CASE("synthetic images are always the same, and differ between splits") {
  CHECK(hash_of(small()->images(Split::train)) == hash_of(small()->images(Split::train)));
  CHECK(hash_of(small()->images(Split::validation)) != hash_of(small()->images(Split::test)));
  CHECK(synthetic_version() == "synthetic-1");
  // These bytes are what "synthetic-1" means; other bytes need another version.
  CHECK(hash_of(small()->images(Split::test)).substr(0, 16) == "d93da240dfe97cba");
}

TEST_CASE("the stated mean and deviation are those of the pixels") {
  const auto images = small();
  double sum = 0, squares = 0;
  for (const std::uint8_t p : images->images(Split::train)) sum += p / 255.0, squares += p / 255.0 * p / 255.0;
  const double n = static_cast<double>(images->images(Split::train).size());
  const double mean = sum / n;

  // The prototypes are 40 x 49 random squares with weight 0.154: their mean spreads by 0.154 * 0.289 / sqrt(1960) =
  // 0.001, and the deviation by less.
  CHECK_THAT(images->mean(), Catch::Matchers::WithinAbs(mean, 0.005));
  CHECK_THAT(images->deviation(), Catch::Matchers::WithinAbs(std::sqrt(squares / n - mean * mean), 0.005));
}

TEST_CASE("synthetic images can be learnt, and not by the nearest class mean alone") {
  const auto images = small();
  const auto x = images->images(Split::train);
  const auto y = images->labels(Split::train);
  std::vector<double> mean(10 * 784), count(10);
  for (std::size_t e = 0; e < y.size(); ++e) {
    ++count[y[e]];
    for (std::size_t k = 0; k < 784; ++k) mean[y[e] * 784u + k] += x[e * 784 + k];
  }
  for (std::size_t k = 0; k < mean.size(); ++k) mean[k] /= count[k / 784];

  int right = 0;
  const auto test = images->images(Split::test);
  for (std::size_t e = 0; e < 500; ++e) {
    std::size_t best = 0;
    double smallest = INFINITY;
    for (std::size_t c = 0; c < 10; ++c) {
      double distance = 0;
      for (std::size_t k = 0; k < 784; ++k) distance += std::pow(test[e * 784 + k] - mean[c * 784 + k], 2);
      if (distance < smallest) smallest = distance, best = c;
    }
    right += best == images->labels(Split::test)[e];
  }
  // Guessing gets 50 right, with deviation 6.7: five of them above is 84. Perfection would mean nothing is left to learn.
  CHECK(right > 84);
  CHECK(right < 450);
}
