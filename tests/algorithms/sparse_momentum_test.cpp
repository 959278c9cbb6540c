#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <numbers>
#include <numeric>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::Rider;

struct Options {
  double lr = 0.05, momentum = 0.8, density = 0.4, prune_rate = 0.5, final_prune_rate = 0.1, weight_decay = 0.0;
};

Component sparse_momentum(Options o) {
  return component("sparse_momentum", {{"lr", Schedule(o.lr)},
                                       {"momentum", Schedule(o.momentum)},
                                       {"density", Schedule(o.density)},
                                       {"prune_rate", Schedule(o.prune_rate)},
                                       {"final_prune_rate", Schedule(o.final_prune_rate)},
                                       {"weight_decay", Schedule(o.weight_decay)}});
}

/// Batches of 64 examples; an epoch of `epoch` examples.
class ShortEpochs : public test::GivenGradients {
 public:
  ShortEpochs(const ParameterLayout& layout, Index epoch) : GivenGradients(layout, 25), epoch_(epoch) {}
  [[nodiscard]] Index examples() const override { return epoch_; }

 private:
  Index epoch_;
};

bool is_dense(const ParameterBlock& block) {
  return block.kind == ParameterKind::bias || block.kind == ParameterKind::layer_norm_scale;
}

/// The rule, one number at a time, in double.
class Reference {
 public:
  Reference(Options o, const ParameterLayout& layout, std::vector<double> start, std::vector<bool> mask)
      : o_(o), layout_(&layout), x_(std::move(start)), b_(x_.size()), mask_(std::move(mask)) {}

  void step(const std::vector<double>& g) {
    for (std::size_t i = 0; i < x_.size(); ++i) {
      b_[i] = o_.momentum * b_[i] + g[i] + o_.weight_decay * x_[i];
      x_[i] = mask_[i] ? x_[i] - o_.lr * b_[i] : 0.0;
    }
  }

  void end_epoch(double progress) {
    const double rate = o_.final_prune_rate +
                        (o_.prune_rate - o_.final_prune_rate) * (1.0 + std::cos(std::numbers::pi * progress)) / 2.0;
    std::vector<const ParameterBlock*> layers;
    for (const ParameterBlock& block : layout_->blocks())
      if (!is_dense(block)) layers.push_back(&block);
    std::vector<double> share;
    std::vector<Index> room;
    double sum = 0.0;
    Index pruned = 0;
    for (const ParameterBlock* layer : layers) {
      std::vector<std::size_t> active = of(*layer, true);
      double mean = 0.0;
      for (const std::size_t i : active) mean += std::abs(b_[i]) / static_cast<double>(active.size());
      share.push_back(mean);
      sum += mean;
      std::sort(active.begin(), active.end(), [&](auto i, auto j) { return std::abs(x_[i]) < std::abs(x_[j]); });
      const auto count = static_cast<std::size_t>(std::ceil(rate * static_cast<double>(active.size())));
      for (std::size_t k = 0; k < count; ++k) mask_[active[k]] = false;
      pruned += static_cast<Index>(count);
      room.push_back(static_cast<Index>(of(*layer, false).size()));
    }
    const std::vector<Index> grown = shares(pruned, share, sum, room);
    for (std::size_t k = 0; k < layers.size(); ++k) {
      std::vector<std::size_t> absent = of(*layers[k], false);
      std::sort(absent.begin(), absent.end(), [&](auto i, auto j) { return std::abs(b_[i]) > std::abs(b_[j]); });
      for (Index j = 0; j < grown[k]; ++j) mask_[absent[static_cast<std::size_t>(j)]] = true;
    }
    for (std::size_t i = 0; i < x_.size(); ++i)
      if (!mask_[i]) x_[i] = 0.0;
  }

  [[nodiscard]] const std::vector<double>& params() const { return x_; }
  [[nodiscard]] const std::vector<bool>& mask() const { return mask_; }
  bool overflowed = false;  ///< whether a layer was ever full

 private:
  [[nodiscard]] std::vector<std::size_t> of(const ParameterBlock& layer, bool active) const {
    std::vector<std::size_t> out;
    for (Index i = layer.offset; i < layer.offset + layer.size(); ++i)
      if (mask_[static_cast<std::size_t>(i)] == active) out.push_back(static_cast<std::size_t>(i));
    return out;
  }

  /// One layer is filled at a time, the one that is most over its room in question; the rest shares anew.
  std::vector<Index> shares(Index total, std::vector<double> share, double sum, std::vector<Index> room) {
    std::vector<Index> out(share.size());
    for (bool again = true; again;) {
      again = false;
      for (std::size_t k = 0; k < share.size(); ++k) {
        if (share[k] < 0.0 || static_cast<double>(total) * share[k] / sum < static_cast<double>(room[k])) continue;
        overflowed = again = true;
        out[k] = room[k];
      }
      for (std::size_t k = 0; again && k < share.size(); ++k) {
        if (share[k] < 0.0 || out[k] != room[k]) continue;
        total -= room[k];
        sum -= share[k];
        share[k] = -1.0;
      }
    }
    Index rest = total;
    std::vector<std::pair<double, std::size_t>> fractions;
    for (std::size_t k = 0; k < share.size(); ++k) {
      if (share[k] < 0.0) continue;
      const double ideal = static_cast<double>(total) * share[k] / sum;
      out[k] = static_cast<Index>(std::floor(ideal));
      rest -= out[k];
      fractions.emplace_back(-(ideal - std::floor(ideal)), k);
    }
    std::sort(fractions.begin(), fractions.end());
    for (Index r = 0; r < rest; ++r) ++out[fractions[static_cast<std::size_t>(r)].second];
    return out;
  }

  Options o_;
  const ParameterLayout* layout_;
  std::vector<double> x_, b_;
  std::vector<bool> mask_;
};

std::vector<bool> nonzero(const std::vector<double>& x) {
  std::vector<bool> out;
  for (const double value : x) out.push_back(value != 0.0);
  return out;
}

/// Compares 25 steps; batches of 64 in epochs of `epoch` examples. Returns whether a layer was ever full.
bool compare(Options o, Index epoch) {
  const ParameterLayout layout = test::awkward_layout();
  ShortEpochs oracle(layout, epoch);
  Rider rider(sparse_momentum(o), layout);
  rider.start(oracle);
  const std::vector<double> start = rider.params();
  Reference reference(o, layout, start, nonzero(start));
  int epochs = 0;
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    reference.step(oracle.gradients(t));
    if (64 * t / epoch > epochs) {
      epochs = static_cast<int>(64 * t / epoch);
      reference.end_epoch(t / 25.0);
    }
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i)
      // Momentum: 4 roundings a step, kept 1 / (1 - momentum) steps; parameters below 4: 2.
      CHECK(std::abs(params[i] - reference.params()[i]) <=
            test::rounding_bound(4, t, 5.0 * o.lr / (1.0 - o.momentum)) + test::rounding_bound(2, t, 4.0));
  }
  CHECK(epochs >= 3);
  return reference.overflowed;
}

TEST_CASE("sparse_momentum starts with the same share of every layer, chosen at random, and biases and scales dense") {
  const ParameterLayout layout = test::awkward_layout();
  ShortEpochs oracle(layout, 192);
  Rider rider(sparse_momentum({}), layout);
  rider.start(oracle);
  const std::vector<double> params = rider.params(), all = test::initial_params(layout);
  for (const ParameterBlock& block : layout.blocks()) {
    Index active = 0;
    for (Index i = block.offset; i < block.offset + block.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (params[at] != 0.0) ++active;
      if (params[at] != 0.0) CHECK(params[at] == all[at]);
    }
    const auto share = static_cast<Index>(std::llround(0.4 * static_cast<double>(block.size())));
    CHECK(active == (is_dense(block) ? block.size() : share));
  }
  // At random: of `long`, not the first ones.
  const auto first = params.begin() + layout[2].offset, last = first + layout[2].size();
  CHECK(std::any_of(first + std::count_if(first, last, [](double x) { return x != 0.0; }), last,
                    [](double x) { return x != 0.0; }));
}

TEST_CASE("sparse_momentum follows its definition through epochs of pruning and growth") {
  compare({}, 192);
  compare({.weight_decay = 0.1}, 192);
  compare({.density = 0.1, .prune_rate = 0.2}, 320);
}

TEST_CASE("sparse_momentum passes on the share of layers that are full") { CHECK(compare({.density = 0.9}, 192)); }

/// The mask, which lies behind the momentum in the state, a byte for each parameter.
std::vector<bool> mask(const Rider& rider, const ParameterLayout& layout) {
  const std::vector<double> flat = test::to_host(rider.state().flat());
  std::vector<bool> out(static_cast<std::size_t>(layout.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto word = static_cast<Scalar>(flat[static_cast<std::size_t>(layout.size()) + i / sizeof(Scalar)]);
    std::uint8_t parts[sizeof(Scalar)];
    std::memcpy(parts, &word, sizeof word);
    out[i] = parts[i % sizeof(Scalar)] != 0;
  }
  return out;
}

TEST_CASE("sparse_momentum keeps the number of active weights, and moves them") {
  const ParameterLayout layout = test::awkward_layout();
  ShortEpochs oracle(layout, 64);
  Rider rider(sparse_momentum({}), layout);
  rider.start(oracle);
  const std::vector<bool> before = nonzero(rider.params());
  rider.steps(oracle, 1, 25);
  const std::vector<bool> after = mask(rider, layout);
  CHECK(std::count(after.begin(), after.end(), true) == std::count(before.begin(), before.end(), true));
  int moved = 0;
  for (std::size_t i = 0; i < after.size(); ++i) moved += after[i] != before[i] ? 1 : 0;
  CHECK(moved > 10);
}

TEST_CASE("sparse_momentum resumed in the middle of an epoch equals running through") {
  const ParameterLayout layout = test::awkward_layout();
  ShortEpochs oracle(layout, 320);
  Rider through(sparse_momentum({}), layout);
  through.start(oracle);
  through.steps(oracle, 1, 25);
  for (const std::int64_t stop : {3, 5, 12}) {
    Rider first(sparse_momentum({}), layout), second(sparse_momentum({}), layout);
    oracle.at_step(1);
    first.start(oracle);
    first.steps(oracle, 1, stop);
    second.resume_from(first);
    second.steps(oracle, stop + 1, 25);
    CHECK(second.params() == through.params());
  }
}

TEST_CASE("sparse_momentum without momentum anywhere moves weights all the same, and keeps their number") {
  const ParameterLayout layout = test::awkward_layout();
  class Flat : public ShortEpochs {
   public:
    using ShortEpochs::ShortEpochs;
    double gradient(Vector out, const Query&) override {
      Kokkos::deep_copy(out, Scalar(0));
      return 1.0;
    }
  } oracle(layout, 64);
  Rider rider(sparse_momentum({}), layout);
  rider.start(oracle);
  const std::vector<double> start = rider.params();
  std::vector<bool> before = mask(rider, layout);
  const auto count = [](const std::vector<bool>& of) { return std::count(of.begin(), of.end(), true); };
  const auto active = count(before);
  int moved = 0;
  for (int t = 1; t <= 25; ++t) {  // an epoch a step
    rider.step(oracle, t);
    const std::vector<bool> now = mask(rider, layout);
    CHECK(count(now) == active);
    moved += now != before ? 1 : 0;
    before = now;
    // Nothing trains: a weight has the value it started with or, once it was absent, 0.
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) CHECK((params[i] == 0.0 || params[i] == start[i]));
  }
}

TEST_CASE("sparse_momentum keeps one value and one byte per parameter, and a count") {
  const Index masks = test::awkward_layout().size();
  CHECK(test::state_bytes("sparse_momentum") == test::bytes_of({.per_parameter = 1, .bytes = masks, .numbers = 1}));
}

}  // namespace
}  // namespace velo
