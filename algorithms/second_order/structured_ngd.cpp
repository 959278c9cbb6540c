// algorithms/second_order/structured_ngd.cpp
//
// Inverse-free structured natural gradient descent: K-FAC whose inverse factors, A A' and B B', are learnt by products
// alone. Per layer A [side, side] and B [rows, rows] start at the identity.
//   every update_interval steps, with U = E[sum_t a_t a_t'], G = E[mean_t g_t g_t'] of this batch (kronecker_factors.hpp),
//   p = side, d = rows, and both from the old A and B:
//     N_A = (A' [l tr(B'B)/d A + tr(B'GB)/d U A] - I) / 2
//     N_B = (B' [l tr(A'A)/p B + tr(A'UA)/p G B] - I) / 2               l = damping
//     M <- b2 M + sym(N)          A <- A (I - s M_A),   B <- B (I - s M_B)
//     s = lr_cov c, c = 0.02 in the first fifth of cov_warmup steps, then 0.2, then 1
//   D = B B' [dW, db] A A'                               of a layer; of blocks without one D = g, the plain gradient
//   v <- mu v + D + wd x        x <- x - lr v            (decay: coupled, behind the factors, as the authors' code has it)
// At a fixed point A A' = (l tr(B'B)/d I + tr(B'GB)/d U)^-1: K-FAC's inverse with its own balance of the damping.
// Paper: Lin, Duruisseaux, Leok, Nielsen, Khan, Schmidt, ICML 2023, arXiv:2302.09738, section 4; constants, the warm-up
// of the factors and the exponential map to first order as in the authors' code.
// Fisher: as kfac.
// Differs: s |M| is kept at or below 1/2, |M| the largest sum of magnitudes in a row, so I - s M stays positive definite
// whatever arrives; it is far from that in the published settings. The decay acts from the first step (the code: after
// 200). An update that is not finite leaves the layer's A, B and M as they were. Layers and blocks without one: as kfac.
// State: 1 value per parameter, and 2 (rows^2 + (columns + 1)^2) per layer; as much of the latter again is scratch.
// Traffic per step: 2 products per layer; per update 8 more, and a second gradient. Linear algebra on one thread.

#include <algorithm>
#include <cmath>
#include <utility>
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

void identity_pass(Index n, Scalar* matrix) {
  for_each(
      "velo::update::sngd_identity", n * n,
      KOKKOS_LAMBDA(const Index i) { matrix[i] = i / n == i % n ? Scalar(1) : Scalar(0); });
}

/// y <- a x + b y
void combine_pass(Index size, double a, double b, const Scalar* x, Scalar* y) {
  for_each(
      "velo::update::sngd_combine", size, KOKKOS_LAMBDA(const Index i) {
        y[i] = static_cast<Scalar>(a * static_cast<double>(x[i]) + b * static_cast<double>(y[i]));
      });
}

/// fresh = b2 M + sym((X - I) / 2)
void natural_pass(Index n, double beta, const Scalar* old, const Scalar* x, Scalar* fresh) {
  for_each(
      "velo::update::sngd_natural", n * n, KOKKOS_LAMBDA(const Index i) {
        const Index row = i / n, column = i % n;
        const double sum = static_cast<double>(x[i]) + static_cast<double>(x[column * n + row]);
        const double natural = 0.25 * sum - (row == column ? 0.5 : 0.0);
        fresh[i] = static_cast<Scalar>(beta * static_cast<double>(old[i]) + natural);
      });
}

/// Largest sum of magnitudes in a row; no number where an element is none.
double row_norm(Reduction& reduction, Index n, const Scalar* x) {
  return reduction.max_abs(
      "velo::update::sngd_norm", n, KOKKOS_LAMBDA(const Index row) {
        double sum = 0.0;
        for (Index j = 0; j < n; ++j) sum += std::fabs(static_cast<double>(x[row * n + j]));
        return sum;
      });
}

/// The first n x n numbers.
Vector square(const Vector& x, Index n) {
  return Kokkos::subview(x, std::pair(std::size_t{0}, static_cast<std::size_t>(n * n)));
}

class StructuredNgd : public TrainingAlgorithm, private LayerVisitor {
 public:
  explicit StructuredNgd(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        damping_(parameters.real("damping")),
        beta2_(parameters.real("beta2")),
        lr_cov_(parameters.real("lr_cov")),
        cov_warmup_(parameters.integer("cov_warmup")),
        fisher_(fisher(parameters)),
        interval_(parameters.integer("update_interval")),
        largest_side_(parameters.integer("largest_side")),
        decay_(parameters, DecayForm::coupled) {}

  void declare(StateArena& state) override {
    table_.prepare(state, largest_side_);
    factors_.assign(table_.layers().size(), {});
    Index widest = 0;
    for (std::size_t l = 0; l < factors_.size(); ++l) {
      const LayerTable::Layer& layer = table_.layers()[l];
      const Index rows = layer.rows, side = layer.largest_side();
      Factors& f = factors_[l];
      state.buffer(cat(layer.name, "/A"), side * side, f.a);
      state.buffer(cat(layer.name, "/B"), rows * rows, f.b);
      state.buffer(cat(layer.name, "/M_A"), side * side, f.m_a);
      state.buffer(cat(layer.name, "/M_B"), rows * rows, f.m_b);
      f.u = zeros("structured_ngd::U", side * side);
      f.g = zeros("structured_ngd::G", rows * rows);
      widest = std::max({widest, side, rows});
    }
    state.vector("velocity", velocity_);
    decay_.prepare(state.layout());
    gradient_ = zeros("structured_ngd::gradient", state.layout().size());
    direction_ = zeros("structured_ngd::direction", state.layout().size());
    product_.reserve(table_);
    for (Vector* work : {&twice_, &natural_, &fresh_a_, &fresh_b_})
      *work = zeros("structured_ngd::square", widest * widest);
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    table_.locate_biases();
    ask(oracle);
    copy(gradient_, direction_);
    {
      const LibraryThreads one(1);  // once for all products
      for (std::size_t l = 0; l < factors_.size(); ++l) precondition(progress, table_.layers()[l], factors_[l]);
    }
    const MomentumFactors f = {.lr = static_cast<Scalar>(last_lr_), .old = static_cast<Scalar>(momentum_.at(progress))};
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      momentum_pass(first, last, decay, f, direction_.data(), velocity_.data(), params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("failed_updates", static_cast<double>(failed_updates_));
  }

 private:
  struct Factors {
    Vector a, b, m_a, m_b;
    Vector u, g;            ///< scratch: what the pass gathers, then A A' and B B'
    bool gathered = false;  ///< u and g hold what was gathered
    bool ready = false;     ///< u and g hold the products
  };

  void ask(Oracle& oracle) {
    const bool due = (oracle.progress().step - 1) % interval_ == 0;
    if (due) failed_updates_ = 0;
    ask_with_layers(oracle, fisher_, due, *this, gradient_, direction_);
  }

  void visit(const LayerRecord& record) override {
    const int number = table_.see(record);
    if (number < 0) return;
    const LayerTable::Layer& layer = table_.layers()[static_cast<std::size_t>(number)];
    Factors& f = factors_[static_cast<std::size_t>(number)];
    gather_(layer, record, f.gathered ? 1.0 : 0.0, 1.0, f.u.data(), f.g.data());
    f.gathered = true;
    f.ready = false;
  }

  void precondition(const Progress& progress, const LayerTable::Layer& layer, Factors& f) {
    if (!layer.seen()) return;
    const Index p = layer.side(), d = layer.rows;
    if (f.gathered) update(progress, p, d, f);
    if (!std::exchange(f.ready, true)) {
      multiply({.rows = p, .columns = p, .inner = p, .transpose_b = true}, f.a.data(), f.a.data(), f.u.data());
      multiply({.rows = d, .columns = d, .inner = d, .transpose_b = true}, f.b.data(), f.b.data(), f.g.data());
      f.gathered = false;
    }
    product_(layer, f.g, f.u, gradient_, direction_);
  }

  /// One step of A and B.
  void update(const Progress& progress, Index p, Index d, Factors& f) {
    if (at_start(f)) {
      identity_pass(p, f.a.data());
      identity_pass(d, f.b.data());
    }
    const double damping = damping_.at(progress), beta = beta2_.at(progress);
    const auto rows = static_cast<double>(d), side = static_cast<double>(p);
    const double size_a = reduction_.squared_norm(square(f.a, p));
    const double size_b = reduction_.squared_norm(square(f.b, d));
    // Traces first: each side's natural gradient needs that of the other, before either moves.
    multiply({.rows = d, .columns = d, .inner = d}, f.g.data(), f.b.data(), twice_.data());
    const double weight_b = reduction_.dot(square(f.b, d), square(twice_, d));
    multiply({.rows = p, .columns = p, .inner = p}, f.u.data(), f.a.data(), natural_.data());
    const double weight_a = reduction_.dot(square(f.a, p), square(natural_, p));
    candidate(d, damping * size_a / side, weight_a / side, beta, f.b, twice_, f.m_b, fresh_b_, fresh_a_);
    candidate(p, damping * size_b / rows, weight_b / rows, beta, f.a, natural_, f.m_a, fresh_a_, twice_);
    const double norm_a = row_norm(reduction_, p, fresh_a_.data()), norm_b = row_norm(reduction_, d, fresh_b_.data());
    if (!std::isfinite(norm_a) || !std::isfinite(norm_b)) {
      ++failed_updates_;
      return;
    }
    const double rate = factor_rate(progress);
    move(p, std::min(rate, 0.5 / norm_a), fresh_a_, f.m_a, f.a);
    move(d, std::min(rate, 0.5 / norm_b), fresh_b_, f.m_b, f.b);
  }

  /// `fresh` = b2 M + sym((X'[own X + other Z] - I) / 2), with Z = (statistics) X in `product`, which is used up.
  static void candidate(Index n, double own, double other, double beta, const Vector& x, const Vector& product,
                        const Vector& momentum, const Vector& fresh, const Vector& spare) {
    combine_pass(n * n, own, other, x.data(), product.data());
    multiply({.rows = n, .columns = n, .inner = n, .transpose_a = true}, x.data(), product.data(), spare.data());
    natural_pass(n, beta, momentum.data(), spare.data(), fresh.data());
  }

  /// M <- fresh, X <- X - rate X M
  void move(Index n, double rate, const Vector& fresh, const Vector& momentum, const Vector& x) const {
    copy(square(fresh, n), square(momentum, n));
    copy(square(x, n), square(twice_, n));
    multiply({.rows = n, .columns = n, .inner = n, .alpha = -rate, .beta = 1.0}, twice_.data(), momentum.data(),
             x.data());
  }

  /// Buffers start at zero, and neither A nor B is ever zero afterwards.
  [[nodiscard]] bool at_start(const Factors& f) { return reduction_.squared_norm(f.b) == 0.0; }

  [[nodiscard]] double factor_rate(const Progress& progress) const {
    const std::int64_t done = progress.step - 1;
    const double warm = 5 * done < cov_warmup_ ? 0.02 : done < cov_warmup_ ? 0.2 : 1.0;
    return lr_cov_.at(progress) * warm;
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule damping_;
  Schedule beta2_;
  Schedule lr_cov_;
  std::int64_t cov_warmup_;
  Fisher fisher_;
  std::int64_t interval_;
  Index largest_side_;
  WeightDecay decay_;

  LayerTable table_;
  std::vector<Factors> factors_;  ///< per layer of the table
  Vector velocity_;

  // Work memory.
  Vector gradient_, direction_;
  LayerPreconditioner product_;
  Vector twice_, natural_, fresh_a_, fresh_b_;
  KroneckerFactors gather_;
  Reduction reduction_;
  double last_lr_ = 0.0;
  std::int64_t failed_updates_ = 0;  ///< at the last update
};

}  // namespace

AlgorithmInfo structured_ngd_info() {
  AlgorithmInfo info;
  info.name = "structured_ngd";
  info.summary = "K-FAC with inverse factors that are learnt by matrix products alone";
  info.paper = "Lin, Duruisseaux, Leok, Nielsen, Khan, Schmidt, ICML 2023, arXiv:2302.09738";
  info.needs = {Capability::layer_statistics};
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("momentum", 0.9, Range::decay(), "share of the last velocity in the next"),
      real("damping", 1e-3, Range::positive(), "added to the Kronecker product"),
      real("beta2", 0.5, Range::decay(), "momentum of the factors"),
      real("lr_cov", 1e-2, Range::non_negative(), "rate of the factors"),
      integer("cov_warmup", 500, Range::at_least(0), "until then the factors move at a fifth or less of it", "steps"),
      fisher_parameter(),
      integer("update_interval", 10, Range::at_least(1), "steps from update to update of the factors", "steps"),
      integer("largest_side", 4096, Range::at_least(1), "layers with a wider side take the plain gradient"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<StructuredNgd>(parameters); };
  return info;
}

}  // namespace velo
