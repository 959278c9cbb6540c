// algorithms/matrix/muon.cpp
//
// Muon: momentum whose update is orthogonalised. For every matrix W [out, in] (convolutions: [out, in height width]):
//   m <- mu m + (1 - mu) g
//   u <- mu m + (1 - mu) g   (nesterov)     u <- m   (else)
//   O <- UV' of u's singular value decomposition, by ns_steps of Newton-Schulz from u / max(|u|_F, 1e-7)
//   W <- (1 - lr wd) W - lr s O
//   scaling: original          s = sqrt(max(1, out / in))
//            match_rms_adamw   s = 0.2 sqrt(max(out, in)): the update has the size of AdamW's, whatever the shape
// Matrices are the blocks of kind weight, conv_weight and attention_* with two or more axes; fused projections (qkv, kv)
// are orthogonalised part by part. Embeddings, biases, norms and one-dimensional blocks take AdamW's step at the rate
// lr adamw_lr_ratio.
// Papers: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024 (rule, coefficients, original
// scaling); Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982, section 2.2 (decay, match_rms_adamw).
// Agrees with torch.optim.Muon on matrices (momentum as an average, norm bounded below by 1e-7).
// Differs: torch leaves the other blocks to the caller; here AdamW's rate is a ratio, so that a schedule of lr moves both.
// Jordan et al. give the last layer to AdamW too; a layer does not know that it is the last, so here it is a matrix.
// State: 1 value per matrix element, 2 per other parameter. Traffic per step: 4 reads, 3 writes per matrix element, and
// ns_steps times 3 products of the smaller side, on one thread.

#include <algorithm>
#include <cmath>
#include <vector>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/linear_algebra.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/runtime.hpp"

namespace velo {

namespace {

/// Smallest norm that an update is divided by.
constexpr double smallest_norm = 1e-7;

struct Momentum {
  Scalar mu, rest;  ///< rest = 1 - mu
  bool nesterov;
};

void momentum_pass(Index size, Momentum f, const Scalar* gradient, Scalar* mean, Scalar* direction) {
  for_each(
      "velo::update::muon_momentum", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const Scalar m = f.mu * mean[i] + f.rest * g;
        mean[i] = m;
        direction[i] = f.nesterov ? f.mu * m + f.rest * g : m;
      });
}

void matrix_pass(Index size, Scalar keep, Scalar step, const Scalar* direction, Scalar* params) {
  for_each(
      "velo::update::muon_matrix", size,
      KOKKOS_LAMBDA(const Index i) { params[i] = keep * params[i] - step * direction[i]; });
}

struct AdamFactors {
  Scalar beta1, rest1;
  Scalar beta2, rest2;
  Scalar step_size;   ///< rate / (1 - beta1^t)
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

void adamw_pass(Index size, Scalar keep, AdamFactors f, const Scalar* gradient, Scalar* mean, Scalar* square,
                Scalar* params) {
  for_each(
      "velo::update::muon_adamw", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const Scalar m = f.beta1 * mean[i] + f.rest1 * g;
        const Scalar v = f.beta2 * square[i] + f.rest2 * g * g;
        mean[i] = m;
        square[i] = v;
        params[i] = keep * params[i] - f.step_size * m / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

bool is_matrix(const ParameterBlock& block) {
  if (block.shape.rank < 2) return false;
  switch (block.kind) {
    case ParameterKind::weight:
    case ParameterKind::conv_weight:
    case ParameterKind::attention_q:
    case ParameterKind::attention_k:
    case ParameterKind::attention_v:
    case ParameterKind::attention_out:
    case ParameterKind::attention_qkv:
    case ParameterKind::attention_kv:
      return true;
    default:
      return false;
  }
}

/// How many projections lie above one another in a block.
Index projections(const ParameterBlock& block) {
  const Index parts = block.kind == ParameterKind::attention_qkv  ? 3
                      : block.kind == ParameterKind::attention_kv ? 2
                                                                  : 1;
  return block.shape[0] % parts == 0 ? parts : 1;
}

class Muon : public GradientRule {
 public:
  explicit Muon(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        nesterov_(parameters.boolean("nesterov")),
        form_(parameters.choice("newton_schulz") == "cubic" ? NewtonSchulz::cubic : NewtonSchulz::quintic),
        ns_steps_(parameters.integer("ns_steps")),
        match_adamw_(parameters.choice("scaling") == "match_rms_adamw"),
        adamw_lr_ratio_(parameters.real("adamw_lr_ratio")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        weight_decay_(parameters.real("weight_decay")),
        decay_norms_and_biases_(parameters.boolean("decay_norms_and_biases")) {}

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("adamw_lr", last_adamw_lr_);
  }

 protected:
  void declare_state(StateArena& state) override {
    matrices_.clear();
    others_.clear();
    Index matrix_state = 0, other_state = 0, largest = 0;
    for (const ParameterBlock& block : state.layout().blocks()) {
      if (!is_matrix(block)) {
        const bool decayed = decay_norms_and_biases_ || !is_norm_or_bias(block.kind);
        others_.push_back({block.offset, other_state, block.size(), decayed});
        other_state += block.size();
        continue;
      }
      const Index parts = projections(block), rows = block.shape[0] / parts, columns = block.size() / block.shape[0];
      for (Index part = 0; part < parts; ++part) {
        matrices_.push_back({block.offset + part * rows * columns, matrix_state, rows, columns});
        matrix_state += rows * columns;
      }
      largest = std::max(largest, rows * columns);
      orthogonalise_.reserve(rows, columns);
    }
    state.buffer("momentum", matrix_state, mean_);
    state.buffer("adamw_m", other_state, adamw_m_);
    state.buffer("adamw_v", other_state, adamw_v_);
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    direction_ = zeros("muon::direction", largest);
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    last_adamw_lr_ = last_lr_ * adamw_lr_ratio_.at(progress);
    const double weight_decay = weight_decay_.at(progress);
    move_others(progress, weight_decay, gradient.data(), params.data());
    move_matrices(progress, static_cast<Scalar>(1.0 - last_lr_ * weight_decay), gradient.data(), params.data());
  }

 private:
  struct Matrix {
    Index offset;  ///< in the flat vector
    Index state;   ///< in the momentum
    Index rows, columns;
  };
  struct Other {
    Index offset;  ///< in the flat vector
    Index state;   ///< in AdamW's moments
    Index size;
    bool decayed;
  };

  void move_matrices(const Progress& progress, Scalar keep, const Scalar* gradient, Scalar* params) {
    const double mu = momentum_.at(progress);
    const Momentum momentum = {static_cast<Scalar>(mu), static_cast<Scalar>(1.0 - mu), nesterov_};
    const LibraryThreads one(1);  // once for all products
    for (const Matrix& matrix : matrices_) {
      const Index size = matrix.rows * matrix.columns;
      momentum_pass(size, momentum, gradient + matrix.offset, mean_.data() + matrix.state, direction_.data());
      orthogonalise_(matrix.rows, matrix.columns, form_, ns_steps_, smallest_norm, direction_.data());
      matrix_pass(size, keep, static_cast<Scalar>(last_lr_ * scale(matrix)), direction_.data(), params + matrix.offset);
    }
  }

  void move_others(const Progress& progress, double weight_decay, const Scalar* gradient, Scalar* params) {
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const double weight1 = correction1_.advance(beta1), weight2 = correction2_.advance(beta2);
    const AdamFactors f = {.beta1 = static_cast<Scalar>(beta1),
                           .rest1 = static_cast<Scalar>(1.0 - beta1),
                           .beta2 = static_cast<Scalar>(beta2),
                           .rest2 = static_cast<Scalar>(1.0 - beta2),
                           .step_size = static_cast<Scalar>(last_adamw_lr_ / weight1),
                           .root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2)),
                           .eps = static_cast<Scalar>(eps_.at(progress))};
    const auto keep = static_cast<Scalar>(1.0 - last_adamw_lr_ * weight_decay);
    for (const Other& block : others_)
      adamw_pass(block.size, block.decayed ? keep : Scalar(1), f, gradient + block.offset,
                 adamw_m_.data() + block.state, adamw_v_.data() + block.state, params + block.offset);
  }

  [[nodiscard]] double scale(const Matrix& matrix) const {
    const auto rows = static_cast<double>(matrix.rows), columns = static_cast<double>(matrix.columns);
    return match_adamw_ ? 0.2 * std::sqrt(std::max(rows, columns)) : std::sqrt(std::max(1.0, rows / columns));
  }

  Schedule lr_;
  Schedule momentum_;
  bool nesterov_;
  NewtonSchulz form_;
  std::int64_t ns_steps_;
  bool match_adamw_;
  Schedule adamw_lr_ratio_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  Schedule weight_decay_;
  bool decay_norms_and_biases_;
  std::vector<Matrix> matrices_;
  std::vector<Other> others_;
  Vector mean_;
  Vector adamw_m_;
  Vector adamw_v_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  Vector direction_;  ///< work memory
  Orthogonalisation orthogonalise_;
  double last_lr_ = 0.0;
  double last_adamw_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo muon_info() {
  AlgorithmInfo info;
  info.name = "muon";
  info.summary = "momentum with orthogonalised updates for matrices, AdamW for the rest";
  info.paper = "Jordan et al., 2024; Liu et al., arXiv:2502.16982";
  info.parameters = {
      real("lr", 0.02, Range::non_negative(), "learning rate of matrices"),
      real("momentum", 0.95, Range::decay(), "decay of the gradient mean of matrices"),
      boolean("nesterov", true, "look ahead along the gradient"),
      choice("newton_schulz", "quintic", {"quintic", "cubic"},
             "Muon's fast polynomial, or the one that converges to singular values of 1"),
      integer("ns_steps", 5, Range::at_least(1), "Newton-Schulz steps", "steps"),
      choice("scaling", "original", {"original", "match_rms_adamw"},
             "sqrt(max(1, out / in)), or 0.2 sqrt(max(out, in)) as in Moonlight"),
      real("adamw_lr_ratio", 0.015, Range::non_negative(), "learning rate of the other blocks, divided by lr"),
      real("beta1", 0.9, Range::decay(), "decay of the gradient mean; other blocks"),
      real("beta2", 0.95, Range::decay(), "decay of the squared gradient; other blocks"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient; other blocks"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Muon>(parameters); };
  return info;
}

}  // namespace velo
