// algorithms/second_order/kfac.cpp
//
// K-FAC: the gradient of every layer, times the inverse of a Kronecker product that approximates the layer's block of
// the Fisher matrix.
//   every statistics_interval steps, with A_k, G_k of this batch (kronecker_factors.hpp), k = 1, 2, ...
//     A <- e A + (1 - e) A_k,   G likewise               e = min(1 - 1/k, stat_decay)
//   every inverse_interval steps
//     Ai = (A + pi sqrt(damping) I)^-1,   Gi = (G + sqrt(damping) / pi I)^-1
//     pi = sqrt((tr A / size of A) / (tr G / size of G))                        (factored Tikhonov damping)
//   D = Gi [dW, db] Ai                                   of a layer; of blocks without one D = g, the plain gradient
//   D <- D min(1, sqrt(kl_clip / (lr^2 sum D g)))        layers alone, the sum over them; kl_clip = 0: not at all
//   v <- mu v + D           x <- (1 - lr wd) x - lr v
// Papers: Martens & Grosse, ICML 2015, arXiv:1503.05671, sections 3, 5, 6.3 (the block-diagonal form); convolutions:
// Grosse & Martens, ICML 2016, arXiv:1602.01407; the clip, which bounds the step's KL divergence from the present
// predictions: Ba, Grosse, Martens, ICLR 2017, in the form that implementations share.
// Fisher: `sampled` draws labels from the model's own predictions, as the paper does, in a second gradient of the batch
// on the steps that take statistics; `empirical` takes the records of the training gradient itself.
// Differs: a velocity and a clip stand for the paper's two-parameter quadratic model with its exact Fisher products, and
// damping is constant or scheduled, not adapted. The decay is decoupled and no part of the damped curvature. Normalisation
// layers, embeddings, vectors, layers with a side above largest_side and those that no record has shown take the plain
// gradient. A layer used several times adds its uses up. Inverses that fail (statistics that overflowed) leave the ones
// before in use; without any, the layer takes the plain gradient.
// State: 1 value per parameter, and 2 (rows^2 + (columns + 1)^2) per layer. Traffic per step: 2 products per layer; per
// statistics 2 more and a second gradient; per refresh two inverses. Linear algebra on one thread.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "algorithms/transforms/kronecker_factors.hpp"
#include "algorithms/transforms/momentum_pass.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/linear_algebra.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/runtime.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

double trace(Reduction& reduction, Index n, const Scalar* a) {
  return reduction.sum(
      "velo::update::kfac_trace", n, KOKKOS_LAMBDA(const Index i) { return static_cast<double>(a[i * n + i]); });
}

class Kfac : public TrainingAlgorithm, private LayerVisitor {
 public:
  explicit Kfac(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        damping_(parameters.real("damping")),
        stat_decay_(parameters.real("stat_decay")),
        kl_clip_(parameters.real("kl_clip")),
        fisher_(fisher(parameters)),
        statistics_interval_(parameters.integer("statistics_interval")),
        inverse_interval_(parameters.integer("inverse_interval")),
        largest_side_(parameters.integer("largest_side")),
        decay_(parameters, DecayForm::decoupled) {}

  void declare(StateArena& state) override {
    table_.prepare(state, largest_side_);
    factors_.assign(table_.layers().size(), {});
    Index widest = 0;
    for (std::size_t l = 0; l < factors_.size(); ++l) {
      const LayerTable::Layer& layer = table_.layers()[l];
      const Index rows = layer.rows, side = layer.largest_side();
      state.buffer(cat(layer.name, "/A"), side * side, factors_[l].a);
      state.buffer(cat(layer.name, "/G"), rows * rows, factors_[l].g);
      state.buffer(cat(layer.name, "/A_inverse"), side * side, factors_[l].a_inverse);
      state.buffer(cat(layer.name, "/G_inverse"), rows * rows, factors_[l].g_inverse);
      state.counter(cat(layer.name, "/inverses"), factors_[l].inverses);
      invert_.reserve(std::max(rows, side));
      widest = std::max(widest, side);
    }
    state.vector("velocity", velocity_);
    state.counter("statistics", statistics_);
    decay_.prepare(state.layout());
    gradient_ = zeros("kfac::gradient", state.layout().size());
    direction_ = zeros("kfac::direction", state.layout().size());
    spare_ = zeros("kfac::spare", widest * widest);
    product_.reserve(table_);
    reduction_ = std::make_unique<BlockReduction>(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    table_.locate_biases();
    ask(oracle);
    if ((progress.step - 1) % inverse_interval_ == 0) refresh_inverses(std::sqrt(damping_.at(progress)));
    copy(gradient_, direction_);
    precondition();
    clip(kl_clip_.at(progress));
    const MomentumFactors f = {.lr = static_cast<Scalar>(last_lr_), .old = static_cast<Scalar>(momentum_.at(progress))};
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      momentum_pass(first, last, decay, f, direction_.data(), velocity_.data(), params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("kl_factor", kl_factor_);
    observer.scalar("failed_inverses", static_cast<double>(failed_inverses_));
  }

 private:
  struct Factors {
    Vector a, g, a_inverse, g_inverse;
    std::int64_t inverses = 0;  ///< refreshed so often
    bool gathered = false;      ///< in the pass that is being shown
  };

  /// The gradient, and on their steps the statistics.
  void ask(Oracle& oracle) {
    const Progress& progress = oracle.progress();
    const bool due = (progress.step - 1) % statistics_interval_ == 0;
    if (due) {
      ++statistics_;
      share_kept_ = std::min(1.0 - 1.0 / static_cast<double>(statistics_), stat_decay_.at(progress));
      for (Factors& f : factors_) f.gathered = false;
    }
    ask_with_layers(oracle, fisher_, due, *this, gradient_, direction_);
  }

  void visit(const LayerRecord& record) override {
    const int number = table_.see(record);
    if (number < 0) return;
    Factors& f = factors_[static_cast<std::size_t>(number)];
    const double keep = f.gathered ? 1.0 : share_kept_;
    f.gathered = true;
    gather_(table_.layers()[static_cast<std::size_t>(number)], record, keep, 1.0 - share_kept_, f.a.data(), f.g.data());
  }

  void refresh_inverses(double root_damping) {
    failed_inverses_ = 0;
    for (std::size_t l = 0; l < factors_.size(); ++l) {
      const LayerTable::Layer& layer = table_.layers()[l];
      if (!layer.seen()) continue;
      Factors& f = factors_[l];
      const double all_a = trace(traces_, layer.side(), f.a.data()), all_g = trace(traces_, layer.rows, f.g.data());
      const double ratio = all_a * static_cast<double>(layer.rows) / (all_g * static_cast<double>(layer.side()));
      const double pi = ratio > 0.0 && std::isfinite(ratio) ? std::sqrt(ratio) : 1.0;
      // Either both are new or neither.
      if (invert_(layer.side(), pi * root_damping, f.a.data(), spare_.data()) &&
          invert_(layer.rows, root_damping / pi, f.g.data(), f.g_inverse.data())) {
        const auto size = static_cast<std::size_t>(layer.side() * layer.side());
        copy(Kokkos::subview(spare_, std::pair(std::size_t{0}, size)),
             Kokkos::subview(f.a_inverse, std::pair(std::size_t{0}, size)));
        ++f.inverses;
      } else {
        ++failed_inverses_;
      }
    }
  }

  void precondition() {
    const LibraryThreads one(1);  // once for all products
    for (std::size_t l = 0; l < factors_.size(); ++l) {
      const LayerTable::Layer& layer = table_.layers()[l];
      const Factors& f = factors_[l];
      if (f.inverses == 0) continue;
      product_(layer, f.g_inverse, f.a_inverse, gradient_, direction_);
    }
  }

  /// Calls part(block) for every block of a layer with inverses.
  template <typename Part>
  void for_each_part(const Part& part) const {
    for (std::size_t l = 0; l < factors_.size(); ++l) {
      if (factors_[l].inverses == 0) continue;
      const LayerTable::Layer& layer = table_.layers()[l];
      part(layer.block, layer.offset, layer.rows * layer.columns);
      if (layer.has_bias()) part(static_cast<Index>(layer.bias), layer.bias_offset, layer.rows);
    }
  }

  void clip(double bound) {
    kl_factor_ = 1.0;
    if (bound == 0.0) return;
    const std::vector<double>& products = reduction_->dot(direction_, gradient_);
    double sum = 0.0;
    for_each_part([&](Index block, Index, Index) { sum += products[static_cast<std::size_t>(block)]; });
    sum *= last_lr_ * last_lr_;
    if (!(sum > bound)) return;
    kl_factor_ = std::sqrt(bound / sum);
    for_each_part([&](Index, Index offset, Index size) {
      const auto begin = static_cast<std::size_t>(offset);
      scale(Kokkos::subview(direction_, std::pair(begin, begin + static_cast<std::size_t>(size))), kl_factor_);
    });
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule damping_;
  Schedule stat_decay_;
  Schedule kl_clip_;
  Fisher fisher_;
  std::int64_t statistics_interval_;
  std::int64_t inverse_interval_;
  Index largest_side_;
  WeightDecay decay_;

  LayerTable table_;
  std::vector<Factors> factors_;  ///< per layer of the table
  Vector velocity_;
  std::int64_t statistics_ = 0;  ///< how often they were taken

  // Work memory.
  Vector gradient_, direction_;
  Vector spare_;  ///< an inverse of A whose partner may still fail
  LayerPreconditioner product_;
  KroneckerFactors gather_;
  SymmetricInverse invert_;
  Reduction traces_;
  std::unique_ptr<BlockReduction> reduction_;
  double share_kept_ = 0.0;
  double last_lr_ = 0.0;
  double kl_factor_ = 0.0;
  std::int64_t failed_inverses_ = 0;  ///< at the last refresh
};

}  // namespace

AlgorithmInfo kfac_info() {
  AlgorithmInfo info;
  info.name = "kfac";
  info.summary = "natural gradient with a Kronecker product for every layer's block of the Fisher matrix";
  info.paper = "Martens & Grosse, ICML 2015, arXiv:1503.05671; Grosse & Martens, ICML 2016, arXiv:1602.01407";
  info.needs = {Capability::layer_statistics};
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("momentum", 0.9, Range::decay(), "share of the last velocity in the next"),
      real("damping", 1e-2, Range::positive(), "added to the Kronecker product, its root to either factor"),
      real("stat_decay", 0.95, Range::decay(), "decay of the factors, from statistics to statistics"),
      real("kl_clip", 1e-3, Range::non_negative(), "bound on lr^2 times direction times gradient; 0: none"),
      fisher_parameter(),
      integer("statistics_interval", 10, Range::at_least(1), "steps from statistics to statistics", "steps"),
      integer("inverse_interval", 50, Range::at_least(1), "steps from refresh to refresh of the inverses", "steps"),
      integer("largest_side", 4096, Range::at_least(1), "layers with a wider side take the plain gradient"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Kfac>(parameters); };
  return info;
}

}  // namespace velo
