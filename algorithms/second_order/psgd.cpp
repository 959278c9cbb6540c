// algorithms/second_order/psgd.cpp
//
// PSGD: a preconditioner P = Q'Q, Q in a Lie group, that follows pairs (v, h) by steps on the group.
//   fit       v ~ N(0, I);   whitening: h = g (+ damping v), P -> (E g g')^-1/2;   newton: h = Hv (+ damping v),
//             P -> |H|^-1, H the Hessian of this step's batch
//   with probability update_probability, P first descends  E[h'Ph + v'P^-1 v]:
//     kron    of a matrix [m, n] (convolutions [out, in height width]):  Q X = L X R', L and R upper triangular,
//               A = L h R',   B = L^-T v R^-1
//               L <- L - mu triu(AA' - BB') L / |AA' + BB'|,   R <- R - mu triu(A'A - B'B) R / |A'A + B'B|
//             a side longer than max_size is diagonal: the same with the diagonal of these products;
//             |M| = the largest sum of magnitudes in a row, which bounds the spectral norm
//     diag    (all blocks, or the one-dimensional ones of kron)
//               q <- q (1 - mu ((qh)^2 - (v/q)^2) / max((qh)^2 + (v/q)^2))
//   m <- b m + (1 - b) g,   d = P m,   x <- (1 - lr wd) x - lr d min(1, max_rms / rms(d))
// mu = preconditioner_lr. Before the first fit, Q is scaled so that |Qh| = |Q^-T v| for every block.
// Papers: Li, "Preconditioned stochastic gradient descent", IEEE Trans. NNLS 2018, arXiv:1512.04202; Pooladzandi & Li,
// "Curvature-informed SGD via general purpose Lie-group preconditioners", arXiv:2402.04553; Li, arXiv:2402.11858.
// Agrees with lixilinx/psgd_torch: defaults of lr, preconditioner_lr, momentum, damping and update_probability; the fit
// sees the gradient and not the momentum; P is fitted first and applied then.
// Differs: the norm by which a step on the group is divided (there a lower bound of the spectral norm, so that a step may
// be longer than mu); the start, per block from second moments (there from fourth); L and R are brought to the same
// largest diagonal element at every fit (there at random times). Low-rank, dense and X-shaped Q are not here.
// State: m^2 + n^2 per matrix, or m and n for diagonal sides; 1 per parameter of other blocks, 1 more with momentum.
// Traffic per fit: 2 Hessian-vector products' gradients (newton), and per matrix 10 products, 2 triangular solves; per
// step 4 products. All linear algebra on one thread.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/linear_algebra.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/runtime.hpp"

namespace velo {

namespace {

// What the step's stream is forked for.
constexpr std::uint64_t whether = 0, direction = 1;

void identity_pass(Index n, Scalar value, Scalar* matrix) {
  for_each(
      "velo::update::psgd_identity", n * n,
      KOKKOS_LAMBDA(const Index i) { matrix[i] = i / n == i % n ? value : Scalar(0); });
}

void value_pass(Index n, Scalar value, Scalar* x) {
  for_each(
      "velo::update::psgd_value", n, KOKKOS_LAMBDA(const Index i) { x[i] = value; });
}

void scale_pass(Index size, Scalar factor, Scalar* x) {
  for_each(
      "velo::update::psgd_scale", size, KOKKOS_LAMBDA(const Index i) { x[i] *= factor; });
}

/// h = from + damping v
void damp_pass(Index size, Scalar damping, const Scalar* from, const Scalar* v, Scalar* h) {
  for_each(
      "velo::update::psgd_damp", size, KOKKOS_LAMBDA(const Index i) { h[i] = from[i] + damping * v[i]; });
}

void momentum_pass(Index size, Scalar beta, Scalar rest, const Scalar* gradient, Scalar* momentum) {
  for_each(
      "velo::update::psgd_momentum", size,
      KOKKOS_LAMBDA(const Index i) { momentum[i] = beta * momentum[i] + rest * gradient[i]; });
}

void psgd_pass(Index first, Index last, Scalar keep, Scalar rate, const Scalar* step, Scalar* params) {
  for_each(
      "velo::update::psgd", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        params[i] = keep * params[i] - rate * step[i];
      });
}

// One-dimensional blocks. In double: q h and v / q leave the range of a float together with q.

double vector_norm(Reduction& reduction, Index size, const Scalar* q, const Scalar* h, const Scalar* v) {
  return reduction.max_abs(
      "velo::reduce::psgd_vector", size, KOKKOS_LAMBDA(const Index i) {
        const auto s = static_cast<double>(q[i]);
        const double a = s * static_cast<double>(h[i]), b = static_cast<double>(v[i]) / s;
        return a * a + b * b;
      });
}

void vector_fit_pass(Index size, double rate, const Scalar* h, const Scalar* v, Scalar* q) {
  for_each(
      "velo::update::psgd_vector", size, KOKKOS_LAMBDA(const Index i) {
        const auto s = static_cast<double>(q[i]);
        const double a = s * static_cast<double>(h[i]), b = static_cast<double>(v[i]) / s;
        q[i] = static_cast<Scalar>(s * (1.0 - rate * (a * a - b * b)));
      });
}

void vector_apply_pass(Index size, const Scalar* q, const Scalar* in, Scalar* out) {
  for_each(
      "velo::update::psgd_vector_apply", size, KOKKOS_LAMBDA(const Index i) { out[i] = q[i] * (q[i] * in[i]); });
}

// Matrices [rows, columns].

/// out = diag(q) in (rows) or in diag(q) (columns); divided by q if `inverse`.
void diagonal_apply_pass(Index size, Index columns, bool by_rows, bool inverse, const Scalar* q, const Scalar* in,
                         Scalar* out) {
  for_each(
      "velo::update::psgd_diagonal_apply", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar s = q[by_rows ? i / columns : i % columns];
        out[i] = inverse ? in[i] / s : in[i] * s;
      });
}

/// Per row of M and N [n, n]: the sum of |M + N|.
void row_sums_pass(Index n, const Scalar* m, const Scalar* other, Scalar* sums) {
  for_each(
      "velo::update::psgd_row_sums", n, KOKKOS_LAMBDA(const Index i) {
        double sum = 0.0;
        for (Index j = 0; j < n; ++j)
          sum += std::fabs(static_cast<double>(m[i * n + j]) + static_cast<double>(other[i * n + j]));
        sums[i] = static_cast<Scalar>(sum);
      });
}

/// m = rate triu(m - other)
void upper_difference_pass(Index n, double rate, const Scalar* other, Scalar* m) {
  for_each(
      "velo::update::psgd_upper", n * n, KOKKOS_LAMBDA(const Index i) {
        const double difference = static_cast<double>(m[i]) - static_cast<double>(other[i]);
        m[i] = i % n < i / n ? Scalar(0) : static_cast<Scalar>(rate * difference);
      });
}

/// Squared lengths of the rows or columns of A and B: sums[k] of both together, differences[k] = A's - B's.
void lengths_pass(Index rows, Index columns, bool by_rows, const Scalar* a, const Scalar* b, Scalar* sums,
                  Scalar* differences) {
  const Index inner = by_rows ? columns : rows, outer = by_rows ? columns : 1, step = by_rows ? 1 : columns;
  for_each(
      "velo::update::psgd_lengths", by_rows ? rows : columns, KOKKOS_LAMBDA(const Index k) {
        double of_a = 0.0, of_b = 0.0;
        for (Index j = 0; j < inner; ++j) {
          const auto x = static_cast<double>(a[k * outer + j * step]), y = static_cast<double>(b[k * outer + j * step]);
          of_a += x * x;
          of_b += y * y;
        }
        sums[k] = static_cast<Scalar>(of_a + of_b);
        differences[k] = static_cast<Scalar>(of_a - of_b);
      });
}

void diagonal_fit_pass(Index n, double rate, const Scalar* differences, Scalar* q) {
  for_each(
      "velo::update::psgd_diagonal_fit", n, KOKKOS_LAMBDA(const Index i) {
        q[i] = static_cast<Scalar>(static_cast<double>(q[i]) * (1.0 - rate * static_cast<double>(differences[i])));
      });
}

double largest(Reduction& reduction, Index n, Index stride, const Scalar* x) {
  return reduction.max_abs(
      "velo::reduce::psgd_largest", n, KOKKOS_LAMBDA(const Index i) { return static_cast<double>(x[i * stride]); });
}

/// mu / norm, and no step where the norm is none.
double rate_of(double mu, double norm) { return norm > 0.0 && std::isfinite(norm) ? mu / norm : 0.0; }

class Psgd : public TrainingAlgorithm {
 public:
  explicit Psgd(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        preconditioner_lr_(parameters.real("preconditioner_lr")),
        update_probability_(parameters.real("update_probability")),
        damping_(parameters.real("damping")),
        max_rms_(parameters.real("max_rms")),
        max_size_(parameters.integer("max_size")),
        kron_(parameters.choice("preconditioner") == "kron"),
        newton_(parameters.choice("fit") == "newton"),
        decay_(parameters, DecayForm::decoupled) {}

  void declare(StateArena& state) override {
    const ParameterLayout& layout = state.layout();
    decay_.prepare(layout);
    blocks_.clear();
    state_size_ = 0;
    Index largest_block = 0, largest_side = 0;
    for (const ParameterBlock& block : layout.blocks()) {
      Block b = {block.offset, block.size(), 0, {}, {}};
      const Index rows = block.shape[0], columns = block.size() / rows;
      if (kron_ && block.shape.rank >= 2 && std::min(rows, columns) > 1) {
        b.columns = columns;
        b.left = side(rows);
        b.right = side(columns);
        largest_block = std::max(largest_block, b.size);
        largest_side = std::max({largest_side, rows, columns});
      } else {
        b.left = {block.size(), state_size_, false};
        state_size_ += block.size();
      }
      blocks_.push_back(b);
    }
    state.buffer("q", state_size_, q_);
    if (has_momentum()) state.vector("momentum", average_);
    state.counter("fits", fits_);

    const Index size = layout.size(), square = std::min(largest_side, max_size_);
    gradient_ = zeros("psgd::gradient", size);
    probe_ = zeros("psgd::probe", size);
    response_ = zeros("psgd::response", size);
    step_ = zeros("psgd::step", size);
    a_ = zeros("psgd::a", largest_block);
    b_ = zeros("psgd::b", largest_block);
    half_ = zeros("psgd::half", largest_block);
    first_ = zeros("psgd::first", square * square);
    second_ = zeros("psgd::second", square * square);
    lengths_ = zeros("psgd::lengths", largest_side);
    differences_ = zeros("psgd::differences", largest_side);
    moments_ = std::make_unique<BlockReduction>(layout);
  }

  void init(Oracle& /*oracle*/, Vector /*params*/) override {
    for (const Block& block : blocks_) start(block, 1.0);
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    const auto size = static_cast<Index>(params.extent(0));
    static_cast<void>(oracle.gradient(gradient_, {}));
    const LibraryThreads one(1);  // once for all products
    if (oracle.random().fork(whether).uniform53(0) < update_probability_.at(progress)) fit(oracle);

    ConstVector smooth = gradient_;
    if (has_momentum()) {
      const double beta = momentum_.at(progress);
      momentum_pass(size, static_cast<Scalar>(beta), static_cast<Scalar>(1.0 - beta), gradient_.data(),
                    average_.data());
      smooth = average_;
    }
    for (const Block& block : blocks_) apply(block, smooth.data() + block.offset, step_.data() + block.offset);
    rms_ = std::sqrt(reduction_.squared_norm(step_) / static_cast<double>(size));
    const double bound = max_rms_.at(progress);
    last_lr_ = lr_.at(progress);
    const double rate = rms_ > bound ? last_lr_ * bound / rms_ : last_lr_;
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      psgd_pass(first, last, decay.keep, static_cast<Scalar>(rate), step_.data(), params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("rms", rms_);
    observer.scalar("fits", static_cast<double>(fits_));
  }

 private:
  /// A triangular or diagonal factor of Q.
  struct Side {
    Index size = 0;
    Index state = 0;  ///< in q
    bool dense = false;
  };
  struct Block {
    Index offset, size;
    Index columns;  ///< 0: a vector, whose left side is all
    Side left, right;

    [[nodiscard]] Index rows() const { return left.size; }
    [[nodiscard]] bool is_matrix() const { return columns > 0; }
  };

  [[nodiscard]] bool has_momentum() const { return momentum_.base > 0.0; }

  Side side(Index size) {
    const Side out = {size, state_size_, size <= max_size_};
    state_size_ += out.dense ? size * size : size;
    return out;
  }

  void start(const Block& block, double scale) {
    if (!block.is_matrix()) {
      start(block.left, scale);
      return;
    }
    start(block.left, std::sqrt(scale));
    start(block.right, std::sqrt(scale));
  }
  void start(const Side& side, double value) {
    Scalar* q = q_.data() + side.state;
    if (side.dense)
      identity_pass(side.size, static_cast<Scalar>(value), q);
    else
      value_pass(side.size, static_cast<Scalar>(value), q);
  }

  void fit(Oracle& oracle) {
    const Progress& progress = oracle.progress();
    const auto size = static_cast<Index>(probe_.extent(0));
    fill_normal(oracle.random().fork(direction), 0.0, 1.0, probe_);
    if (newton_) oracle.hessian_vector_product(probe_, response_, {});
    damp_pass(size, static_cast<Scalar>(damping_.at(progress)), (newton_ ? response_ : gradient_).data(), probe_.data(),
              response_.data());
    if (fits_ == 0) scale_start();
    const double mu = preconditioner_lr_.at(progress);
    for (const Block& block : blocks_)
      if (block.is_matrix())
        fit_matrix(block, mu);
      else
        fit_vector(block, mu);
    ++fits_;
  }

  /// |Qh| = |Q^-T v| for Q = s I: s^2 = |v| / |h|.
  void scale_start() {
    const std::vector<double> of_v = moments_->squared_norm(probe_);
    const std::vector<double>& of_h = moments_->squared_norm(response_);
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const double scale = std::pow(of_v[b] / of_h[b], 0.25);
      if (scale > 0.0 && std::isfinite(scale)) start(blocks_[b], scale);
    }
  }

  void fit_vector(const Block& block, double mu) {
    Scalar* q = q_.data() + block.left.state;
    const Scalar *h = response_.data() + block.offset, *v = probe_.data() + block.offset;
    vector_fit_pass(block.size, rate_of(mu, vector_norm(reduction_, block.size, q, h, v)), h, v, q);
  }

  void fit_matrix(const Block& block, double mu) {
    balance(block);
    const Index rows = block.rows(), columns = block.columns;
    left(block, false, response_.data() + block.offset, half_.data());
    right(block, true, half_.data(), a_.data());

    const Scalar* v = probe_.data() + block.offset;
    Scalar* b = b_.data();
    const Scalar *l = q_.data() + block.left.state, *r = q_.data() + block.right.state;
    if (block.left.dense) {
      copy_pass(block.size, v, b);
      solve_triangular({.rows = rows, .columns = columns, .transpose = true}, l, b);
    } else {
      diagonal_apply_pass(block.size, columns, true, true, l, v, b);
    }
    if (block.right.dense)
      solve_triangular({.rows = rows, .columns = columns, .from_right = true}, r, b);
    else
      diagonal_apply_pass(block.size, columns, false, true, r, b, b);

    fit_side(block, block.left, true, mu);
    fit_side(block, block.right, false, mu);
  }

  /// From A and B, which hold the other side as it was before this fit.
  void fit_side(const Block& block, const Side& side, bool is_left, double mu) {
    Scalar* q = q_.data() + side.state;
    const Index n = side.size, inner = is_left ? block.columns : block.rows();
    if (!side.dense) {
      lengths_pass(block.rows(), block.columns, is_left, a_.data(), b_.data(), lengths_.data(), differences_.data());
      diagonal_fit_pass(n, rate_of(mu, largest(reduction_, n, 1, lengths_.data())), differences_.data(), q);
      return;
    }
    const Multiplication gram = {
        .rows = n, .columns = n, .inner = inner, .transpose_a = !is_left, .transpose_b = is_left};
    multiply(gram, a_.data(), a_.data(), first_.data());
    multiply(gram, b_.data(), b_.data(), second_.data());
    row_sums_pass(n, first_.data(), second_.data(), lengths_.data());
    upper_difference_pass(n, rate_of(mu, largest(reduction_, n, 1, lengths_.data())), second_.data(), first_.data());
    copy_pass(n * n, q, second_.data());
    multiply({.rows = n, .columns = n, .inner = n, .alpha = -1.0, .beta = 1.0}, first_.data(), second_.data(), q);
  }

  /// Moves scale between L and R, which leaves Q as it is.
  void balance(const Block& block) {
    const auto top = [&](const Side& side) {
      return largest(reduction_, side.size, side.dense ? side.size + 1 : 1, q_.data() + side.state);
    };
    const double factor = std::sqrt(top(block.right) / top(block.left));
    if (!(factor > 0.0) || !std::isfinite(factor)) return;
    const auto length = [](const Side& side) { return side.dense ? side.size * side.size : side.size; };
    scale_pass(length(block.left), static_cast<Scalar>(factor), q_.data() + block.left.state);
    scale_pass(length(block.right), static_cast<Scalar>(1.0 / factor), q_.data() + block.right.state);
  }

  /// out = Q'Q in
  void apply(const Block& block, const Scalar* in, Scalar* out) {
    if (!block.is_matrix()) {
      vector_apply_pass(block.size, q_.data() + block.left.state, in, out);
      return;
    }
    left(block, false, in, a_.data());
    right(block, true, a_.data(), half_.data());
    right(block, false, half_.data(), a_.data());
    left(block, true, a_.data(), out);
  }

  /// out = L in, or L' in
  void left(const Block& block, bool transpose, const Scalar* in, Scalar* out) const {
    const Scalar* l = q_.data() + block.left.state;
    if (block.left.dense)
      multiply({.rows = block.rows(), .columns = block.columns, .inner = block.rows(), .transpose_a = transpose}, l, in,
               out);
    else
      diagonal_apply_pass(block.size, block.columns, true, false, l, in, out);
  }
  /// out = in R, or in R'
  void right(const Block& block, bool transpose, const Scalar* in, Scalar* out) const {
    const Scalar* r = q_.data() + block.right.state;
    if (block.right.dense)
      multiply({.rows = block.rows(), .columns = block.columns, .inner = block.columns, .transpose_b = transpose}, in,
               r, out);
    else
      diagonal_apply_pass(block.size, block.columns, false, false, r, in, out);
  }

  static void copy_pass(Index size, const Scalar* from, Scalar* to) {
    copy(ConstVector(from, static_cast<std::size_t>(size)), Vector(to, static_cast<std::size_t>(size)));
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule preconditioner_lr_;
  Schedule update_probability_;
  Schedule damping_;
  Schedule max_rms_;
  Index max_size_;
  bool kron_;
  bool newton_;
  WeightDecay decay_;

  std::vector<Block> blocks_;
  Index state_size_ = 0;
  Vector q_;
  Vector average_;
  std::int64_t fits_ = 0;

  Vector gradient_;
  Vector probe_;     ///< v
  Vector response_;  ///< h
  Vector step_;      ///< P m
  Vector a_, b_, half_;
  Vector first_, second_;
  Vector lengths_, differences_;
  Reduction reduction_;
  std::unique_ptr<BlockReduction> moments_;
  double rms_ = 0.0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo psgd_info() {
  AlgorithmInfo info;
  info.name = "psgd";
  info.summary = "a preconditioner that learns to whiten gradients, or the Hessian, by steps on a Lie group";
  info.paper = "Li, IEEE Trans. NNLS 2018, arXiv:1512.04202; Pooladzandi & Li, arXiv:2402.04553";
  info.needs = {Capability::hessian_vector_products};
  info.variant_needs = [](const Parameters& parameters) {
    return parameters.choice("fit") == "newton" ? Capabilities{Capability::hessian_vector_products} : Capabilities{};
  };
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate; newton bears about ten times as much"),
      choice("preconditioner", "kron", {"kron", "diag"}, "a factor for either side of a matrix, or the diagonal"),
      choice("fit", "whitening", {"whitening", "newton"}, "fitted to gradients, or to Hessian-vector products"),
      real("momentum", 0.0, Range::decay(), "decay of the averaged gradient that is preconditioned"),
      real("preconditioner_lr", 0.1, {0.0, 1.0, true, false}, "length of a step of the preconditioner"),
      real("update_probability", 1.0, Range::fraction(), "share of the steps that fit the preconditioner"),
      real("damping", 1e-9, Range::non_negative(), "part of the probe in the response: bounds the preconditioner"),
      real("max_rms", 2.0, Range::positive(), "largest root mean square of a preconditioned gradient"),
      integer("max_size", 512, Range::at_least(1), "longest side with a triangular factor", "elements"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Psgd>(parameters); };
  return info;
}

}  // namespace velo
