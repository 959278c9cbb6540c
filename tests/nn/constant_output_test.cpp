#include "workloads/nn/constant_output.hpp"

#include <catch2/catch_test_macros.hpp>

#include "harness/device/random.hpp"
#include "workloads/nn/spelling.hpp"

namespace velo {
namespace {

using Labels = std::vector<std::uint8_t>;

/// A split of which nothing but the labels is looked at.
struct Said {
  std::vector<data::UtteranceEntry> entries;
  Labels labels;

  explicit Said(const std::vector<Labels>& utterances) {
    for (const Labels& u : utterances) {
      entries.push_back({.recording = 0, .frames = 0, .labels = static_cast<std::int32_t>(u.size())});
      labels.insert(labels.end(), u.begin(), u.end());
    }
  }
  [[nodiscard]] data::SpeechSplit split() const { return {entries, labels, {}, 1}; }
};

/// Everything one edit away.
std::vector<Labels> neighbours(const Labels& of, std::uint8_t symbols) {
  std::vector<Labels> out;
  for (std::size_t j = 0; j <= of.size(); ++j) {
    const auto at = static_cast<std::ptrdiff_t>(j);
    for (std::uint8_t s = 1; s <= symbols; ++s) {
      out.emplace_back(of).insert(out.back().begin() + at, s);
      if (j < of.size()) out.emplace_back(of)[j] = s;
    }
    if (j < of.size()) out.emplace_back(of).erase(out.back().begin() + at);
  }
  return out;
}

TEST_CASE("the rate of a constant output counts edits per label said") {
  const Said said({{1, 2}, {1}, {2, 2, 1}});
  CHECK(nn::error_rate(said.split(), Labels{}) == 1.0);
  CHECK(nn::error_rate(said.split(), Labels{1}) == 3.0 / 6.0);
  CHECK(nn::error_rate(said.split(), Labels{2, 2}) == (1 + 2 + 1) / 6.0);
}

TEST_CASE("the constant output is what is always said") {
  const Said said({{3, 1, 2, 2}, {3, 1, 2, 2}, {3, 1, 2, 2}});
  CHECK(nn::constant_output(said.split(), 4) == Labels{3, 1, 2, 2});
}

TEST_CASE("of single labels the constant output is the most frequent, of equally frequent ones the lowest") {
  const Said said({{2}, {3}, {2}, {1}, {2}, {3}});
  CHECK(nn::constant_output(said.split(), 3) == Labels{2});
  CHECK(nn::error_rate(said.split(), Labels{2}) == 3.0 / 6.0);
  const Said equal({{3}, {2}, {2}, {3}, {1}});
  CHECK(nn::constant_output(equal.split(), 3) == Labels{2});
}

TEST_CASE("where most utterances hold nothing, silence is the constant output") {
  const Said said({{1}, {}, {}, {}});
  CHECK(nn::constant_output(said.split(), 4).empty());
}

TEST_CASE("a label that only breaks even is not added to the constant output") {
  const Said said({{1, 2}, {1, 2}, {2}, {2}, {1}});
  CHECK(nn::error_rate(said.split(), Labels{1}) == 4.0 / 7.0);
  CHECK(nn::error_rate(said.split(), Labels{2}) == 3.0 / 7.0);
  CHECK(nn::error_rate(said.split(), Labels{1, 2}) == 3.0 / 7.0);
  CHECK(nn::constant_output(said.split(), 2) == Labels{2});
}

TEST_CASE("no insertion, substitution or deletion betters the constant output") {
  const RandomStream stream(21, Purpose::workload);
  constexpr std::uint8_t symbols = 3;
  std::uint64_t draw = 0;
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<Labels> utterances(12);
    for (Labels& u : utterances) {
      u.resize(stream.below(++draw, 9));
      for (std::uint8_t& label : u) label = static_cast<std::uint8_t>(1 + stream.below(++draw, symbols));
    }
    const Said said(utterances);
    const Labels heard = nn::constant_output(said.split(), symbols);
    const double rate = nn::error_rate(said.split(), heard);
    CHECK(rate <= 1.0);
    for (const Labels& other : neighbours(heard, symbols)) REQUIRE(nn::error_rate(said.split(), other) >= rate);
  }
}

}  // namespace
}  // namespace velo
