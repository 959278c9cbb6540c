// algorithms/sparse/sparse_momentum.cpp
//
// Sparse momentum: a network that is sparse from the start to the end, whose connections move to where the momentum is.
//   every step       b <- mu b + g (+ wd x)                           (b is dense: absent weights have theirs)
//                    x <- x - lr b where the mask is 1, 0 elsewhere   (decay decoupled: (1 - lr wd) x - lr b)
//   every epoch      of each layer, ceil(p * active) active weights of smallest |x| are pruned;
//                    R, the number pruned in all layers, is shared out to layers as the mean |b| of their weights that
//                    were active; there, the absent weights of largest |b| come back, from 0
//   p at step t      p_T + (p - p_T) (1 + cos(pi t / T)) / 2,   T the step hint, p_T = final_prune_rate
// An epoch ends with the step whose batch completes a multiple of the training examples.
// Layers are all blocks but biases and normalisations' scales, which stay dense. The first mask is drawn at random, the
// same share `density` of every layer.
// Paper: Dettmers & Zettlemoyer, arXiv:1907.04840. Defaults are those of TimDettmers/sparse_learning (its ImageNet
// script prunes 0.2).
// Differs: the number of active weights stays exact: shares are rounded down, what is left goes to the largest
// fractions, and a layer that is full passes its share on; the released code lets the number drift and corrects it
// later. Layers above a density of 0.8 are pruned like others. As there, a weight that is pruned and comes back at
// once has kept its value; ties go to the earlier weight.
// State: 1 value and 1 byte per parameter. Traffic per step: 3 reads, 2 writes and a byte per parameter; the end of an
// epoch is work of the host, a few sorts.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

namespace velo {

namespace {

void sparse_momentum_pass(Index first, Index last, DecayFactors decay, Scalar lr, Scalar mu, const Scalar* gradient,
                          const std::uint8_t* mask, Scalar* momentum, Scalar* params) {
  for_each(
      "velo::update::sparse_momentum", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar b = mu * momentum[i] + (gradient[i] + decay.in_gradient * x);
        momentum[i] = b;
        params[i] = mask[i] != 0 ? decay.keep * x - lr * b : Scalar(0);
      });
}

void mask_pass(Index size, const std::uint8_t* mask, Scalar* params) {
  for_each(
      "velo::update::sparse_momentum_mask", size,
      KOKKOS_LAMBDA(const Index i) { params[i] = mask[i] != 0 ? params[i] : Scalar(0); });
}

/// What is compared: no number counts as infinite, so that the order is one.
double magnitude(Scalar x) {
  return std::isnan(x) ? std::numeric_limits<double>::infinity() : std::fabs(static_cast<double>(x));
}

/// `total` cut into whole parts in proportion to `weights`, none above its `room`; the rooms hold the total.
std::vector<Index> share_out(Index total, std::vector<double> weights, std::vector<Index> room) {
  const std::size_t n = weights.size();
  std::vector<Index> out(n), whole(n);
  std::vector<double> fraction(n);
  while (total > 0) {
    double sum = 0.0;
    for (std::size_t b = 0; b < n; ++b) sum += room[b] > 0 ? weights[b] : 0.0;
    if (!(sum > 0.0) || std::isinf(sum)) {
      std::fill(weights.begin(), weights.end(), 1.0);
      sum = static_cast<double>(std::count_if(room.begin(), room.end(), [](Index r) { return r > 0; }));
    }
    bool filled = false;
    Index rest = total;
    for (std::size_t b = 0; b < n; ++b) {
      const double ideal = room[b] > 0 ? static_cast<double>(total) * (weights[b] / sum) : 0.0;
      whole[b] = static_cast<Index>(ideal);
      fraction[b] = room[b] > 0 ? ideal - static_cast<double>(whole[b]) : -1.0;
      if (room[b] == 0 || whole[b] < room[b]) continue;
      whole[b] = room[b];
      filled = true;
    }
    for (std::size_t b = 0; b < n; ++b) {
      if (filled && whole[b] < room[b]) continue;  // the others share again what full layers leave
      out[b] += whole[b];
      room[b] -= whole[b];
      rest -= whole[b];
    }
    total = rest;
    if (filled) continue;
    for (; total > 0; --total) {
      const auto most = std::max_element(fraction.begin(), fraction.end());
      ++out[static_cast<std::size_t>(most - fraction.begin())];
      *most = -1.0;
    }
  }
  return out;
}

class SparseMomentum : public TrainingAlgorithm {
 public:
  explicit SparseMomentum(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        density_(parameters.real("density")),
        prune_rate_(parameters.real("prune_rate")),
        final_prune_rate_(parameters.real("final_prune_rate")),
        decay_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("momentum", buffer_);
    state.bytes("mask", state.layout().size(), mask_);
    state.counter("examples", examples_);
    decay_.prepare(state.layout());
    layers_.clear();
    for (const ParameterBlock& block : state.layout().blocks())
      if (!is_norm_or_bias(block.kind)) layers_.push_back({block.offset, block.offset + block.size()});
    gradient_ = zeros("gradient", state.layout().size());
  }

  void init(Oracle& oracle, Vector params) override {
    const auto mask = Kokkos::create_mirror_view(mask_);
    Kokkos::deep_copy(mask, std::uint8_t{1});
    const double density = density_.at(oracle.progress());
    for (std::size_t b = 0; b < layers_.size(); ++b) {
      const auto [first, last] = layers_[b];
      const auto active = std::max<Index>(1, std::llround(density * static_cast<double>(last - first)));
      const Permutation order(oracle.random().fork(b), static_cast<std::uint64_t>(last - first));
      for (Index k = active; k < last - first; ++k)
        mask(first + static_cast<Index>(order(static_cast<std::uint64_t>(k)))) = 0;
    }
    Kokkos::deep_copy(mask_, mask);
    mask_pass(static_cast<Index>(params.extent(0)), mask_.data(), params.data());
  }

  void step(Oracle& oracle, Vector params) override {
    oracle.gradient(gradient_, {});
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    const auto mu = static_cast<Scalar>(momentum_.at(progress));
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      sparse_momentum_pass(first, last, decay, static_cast<Scalar>(last_lr_), mu, gradient_.data(), mask_.data(),
                           buffer_.data(), params.data());
    });
    const std::int64_t epoch = examples_ / oracle.examples();
    examples_ += oracle.batch().size();
    if (examples_ / oracle.examples() > epoch) rewire(progress, params);
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("prune_rate", last_prune_rate_);
  }

 private:
  struct Layer {
    Index first;
    Index last;
  };

  void rewire(const Progress& progress, const Vector& params) {
    const double done = std::min(1.0, static_cast<double>(progress.step) / static_cast<double>(progress.step_hint));
    const double start = prune_rate_.at(progress), end = final_prune_rate_.at(progress);
    last_prune_rate_ = end + (start - end) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));

    const auto x = Kokkos::create_mirror_view(params);
    const auto b = Kokkos::create_mirror_view(buffer_);
    const auto mask = Kokkos::create_mirror_view(mask_);
    Kokkos::deep_copy(x, params);
    Kokkos::deep_copy(b, buffer_);
    Kokkos::deep_copy(mask, mask_);

    std::vector<double> weights;
    std::vector<Index> room;
    Index pruned = 0;
    for (const Layer& layer : layers_) {
      std::vector<Index> active = members(layer, mask, 1);
      double sum = 0.0;
      for (const Index i : active) sum += magnitude(b(i));
      weights.push_back(active.empty() ? 0.0 : sum / static_cast<double>(active.size()));
      const auto count = static_cast<Index>(std::ceil(last_prune_rate_ * static_cast<double>(active.size())));
      select(active, count, [&](Index i, Index j) { return magnitude(x(i)) < magnitude(x(j)); });
      for (const Index i : active) mask(i) = 0;
      pruned += count;
      room.push_back(static_cast<Index>(members(layer, mask, 0).size()));
    }
    const std::vector<Index> grown = share_out(pruned, weights, room);
    for (std::size_t k = 0; k < layers_.size(); ++k) {
      std::vector<Index> absent = members(layers_[k], mask, 0);
      select(absent, grown[k], [&](Index i, Index j) { return magnitude(b(i)) > magnitude(b(j)); });
      for (const Index i : absent) mask(i) = 1;
    }
    Kokkos::deep_copy(mask_, mask);
    mask_pass(static_cast<Index>(params.extent(0)), mask_.data(), params.data());
  }

  template <typename Mask>
  static std::vector<Index> members(const Layer& layer, const Mask& mask, int value) {
    std::vector<Index> out;
    for (Index i = layer.first; i < layer.last; ++i)
      if ((mask(i) != 0) == (value != 0)) out.push_back(i);
    return out;
  }

  /// Keeps the first `count` in an order; ties go to the earlier.
  template <typename Before>
  static void select(std::vector<Index>& from, Index count, const Before& before) {
    std::stable_sort(from.begin(), from.end(), before);
    from.resize(static_cast<std::size_t>(count));
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule density_;
  Schedule prune_rate_;
  Schedule final_prune_rate_;
  WeightDecay decay_;
  std::vector<Layer> layers_;
  Vector buffer_;
  ByteVector mask_;
  std::int64_t examples_ = 0;
  Vector gradient_;
  double last_lr_ = 0.0;
  double last_prune_rate_ = 0.0;
};

}  // namespace

AlgorithmInfo sparse_momentum_info() {
  AlgorithmInfo info;
  info.name = "sparse_momentum";
  info.summary = "a sparse network whose connections move each epoch to where the momentum is";
  info.paper = "Dettmers & Zettlemoyer, arXiv:1907.04840";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("momentum", 0.9, Range::decay(), "share of the last step's direction that is kept"),
      real("density", 0.05, {0.0, 1.0, false, true}, "share of every layer's weights that is active at the start"),
      real("prune_rate", 0.5, Range::fraction(), "share of the active weights that is moved at first"),
      real("final_prune_rate", 0.005, Range::fraction(), "share that is moved at the end"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::coupled);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<SparseMomentum>(parameters);
  };
  return info;
}

}  // namespace velo
