// algorithms/second_order/psps.cpp
//
// PSPS: stochastic gradient descent whose step size is Polyak's, measured with a diagonal preconditioner D.
//   x <- x - min(gamma, lr) D^-1 g,   |g|^2 = sum of g_i^2 / D_i,   f = max(loss - lower_bound, 0)
//   slack none   gamma = f / |g|^2
//   slack l1     gamma' = max(f - s + w, 0) / (1 + |g|^2),   gamma = min(gamma', f / |g|^2),   s <- max(s - w + gamma', 0)
//   slack l2     gamma = max(f - u s, 0) / (u + |g|^2),   s <- u (s + gamma),   u = 1 / (1 + w)
// The point nearest to x, in the norm of D, at which the linear model of the loss is as low as it can be: none; or as
// low as a slack s >= 0 that is itself pulled towards 0 with weight w = slack_weight and starts there.
//   hutchinson   d <- b d + (1 - b) z Hz,   z random signs, H of this step's batch;   D = max(alpha, |d|);
//                d starts as the mean of z Hz over init_samples such z
//   adam         v <- b v + (1 - b) g^2,   D = sqrt(v / (1 - b^t)) + eps
//   adagrad      v <- v + g^2,             D = sqrt(v) + eps
//   none         D = 1: SPS
// Paper: Abdukhakimov, Xiang, Kamzolov, Takac, "Stochastic gradient descent with preconditioned Polyak step-size",
// Comput. Math. and Math. Phys. 64, 2024, arXiv:2310.02093; slack: Gower, Blondel, Gazagnadou, Pedregosa, "Cutting some
// slack for SGD with adaptive Polyak stepsizes", arXiv:2202.12328; estimates of the diagonal: Jahani et al., ICLR 2022,
// arXiv:2109.05198.
// Differs: lr bounds the step size from above (the bound of SPS_max; Loizou et al., arXiv:2002.10542); the paper has none,
// and its code makes no step where |g|^2 < 1e-13. Here none is made where |g|^2 is 0 or not finite. The slack follows
// the unbounded gamma. The authors' code starts d with 100 samples.
// State: hutchinson, adam, adagrad 1 value per parameter; none 0. Traffic per step: 6 reads, 2 writes per parameter (none:
// 4 and 1), and with hutchinson one Hessian-vector product of the batch.

#include <algorithm>
#include <cmath>

#include "algorithms/transforms/bias_correction.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

enum class PspsMatrix { none, hutchinson, adam, adagrad };
enum class PspsSlack { none, l1, l2 };

PspsMatrix psps_matrix(const std::string& name) {
  if (name == "hutchinson") return PspsMatrix::hutchinson;
  if (name == "adam") return PspsMatrix::adam;
  return name == "adagrad" ? PspsMatrix::adagrad : PspsMatrix::none;
}

PspsSlack psps_slack(const std::string& name) {
  if (name == "l1") return PspsSlack::l1;
  return name == "l2" ? PspsSlack::l2 : PspsSlack::none;
}

/// D from what is kept: max(least, |d|), or sqrt(v) root_scale + eps. In double, with what depends on it: gamma and
/// g^2 / D leave the range of a float where gradients are tiny or huge.
struct PspsDiagonal {
  PspsMatrix matrix;
  double least;       ///< alpha or eps
  double root_scale;  ///< 1 / sqrt of the weight that v holds

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double operator()(const Scalar* kept, Index i) const {
    if (matrix == PspsMatrix::none) return 1.0;
    const auto value = static_cast<double>(kept[i]);
    if (matrix != PspsMatrix::hutchinson) return std::sqrt(value) * root_scale + least;
    const double size = value < 0.0 ? -value : value;
    return size < least ? least : size;
  }
};

void signs_pass(Index size, RandomStream stream, Scalar* signs) {
  for_each(
      "velo::update::psps_signs", size, KOKKOS_LAMBDA(const Index i) {
        signs[i] = stream.bits(static_cast<std::uint64_t>(i)) % 2 == 0 ? Scalar(-1) : Scalar(1);
      });
}

/// d <- keep d + add z Hz
void diagonal_pass(Index size, Scalar keep, Scalar add, const Scalar* signs, const Scalar* product, Scalar* diagonal) {
  for_each(
      "velo::update::psps_diagonal", size,
      KOKKOS_LAMBDA(const Index i) { diagonal[i] = keep * diagonal[i] + add * (signs[i] * product[i]); });
}

void squares_pass(Index size, Scalar keep, Scalar add, const Scalar* gradient, Scalar* square) {
  for_each(
      "velo::update::psps_squares", size,
      KOKKOS_LAMBDA(const Index i) { square[i] = keep * square[i] + add * gradient[i] * gradient[i]; });
}

double psps_squared_norm(Reduction& reduction, Index size, PspsDiagonal diagonal, const Scalar* gradient,
                         const Scalar* kept) {
  return reduction.sum(
      "velo::reduce::psps_norm", size, KOKKOS_LAMBDA(const Index i) {
        const auto g = static_cast<double>(gradient[i]);
        return g * (g / diagonal(kept, i));
      });
}

void psps_pass(Index size, double gamma, PspsDiagonal diagonal, const Scalar* gradient, const Scalar* kept,
               Scalar* params) {
  for_each(
      "velo::update::psps", size, KOKKOS_LAMBDA(const Index i) {
        params[i] -= static_cast<Scalar>(gamma * (static_cast<double>(gradient[i]) / diagonal(kept, i)));
      });
}

class Psps : public TrainingAlgorithm {
 public:
  explicit Psps(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta_(parameters.real("beta")),
        alpha_(parameters.real("alpha")),
        eps_(parameters.real("eps")),
        lower_bound_(parameters.real("lower_bound")),
        slack_weight_(parameters.real("slack_weight")),
        matrix_(psps_matrix(parameters.choice("preconditioner"))),
        slack_(psps_slack(parameters.choice("slack"))),
        init_samples_(parameters.integer("init_samples")) {}

  void declare(StateArena& state) override {
    if (matrix_ != PspsMatrix::none) state.vector(matrix_ == PspsMatrix::hutchinson ? "d" : "v", kept_);
    if (matrix_ == PspsMatrix::hutchinson) state.counter("samples", samples_);
    if (matrix_ == PspsMatrix::adam) correction_.declare(state, "beta_product");
    if (slack_ != PspsSlack::none) state.number("slack", s_);
    gradient_ = zeros("psps::gradient", state.layout().size());
    if (matrix_ != PspsMatrix::hutchinson) return;
    signs_ = zeros("psps::signs", state.layout().size());
    product_ = zeros("psps::product", state.layout().size());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    const auto size = static_cast<Index>(params.extent(0));
    const double loss = oracle.gradient(gradient_, {});
    const PspsDiagonal diagonal = precondition(oracle);
    const double norm = psps_squared_norm(reduction_, size, diagonal, gradient_.data(), kept_.data());
    last_step_ = 0.0;
    if (!(norm > 0.0) || std::isinf(norm)) return;
    const double excess = std::max(loss - lower_bound_.at(progress), 0.0);
    last_step_ = std::min(step_size(excess, norm, slack_weight_.at(progress)), lr_.at(progress));
    psps_pass(size, last_step_, diagonal, gradient_.data(), kept_.data(), params.data());
  }

  void observe(Observer& observer) const override {
    observer.scalar("step_size", last_step_);
    if (slack_ != PspsSlack::none) observer.scalar("slack", s_);
  }

 private:
  PspsDiagonal precondition(Oracle& oracle) {
    const Progress& progress = oracle.progress();
    const double beta = beta_.at(progress);
    const auto size = static_cast<Index>(gradient_.extent(0));
    if (matrix_ == PspsMatrix::none) return {matrix_, 0.0, 1.0};
    if (matrix_ == PspsMatrix::hutchinson) {
      if (samples_ == 0)
        for (std::int64_t k = 1; k <= init_samples_; ++k) sample(oracle, 1.0 - 1.0 / static_cast<double>(k));
      sample(oracle, beta);
      return {matrix_, alpha_.at(progress), 1.0};
    }
    const bool sums = matrix_ == PspsMatrix::adagrad;
    const double held = sums ? 1.0 : correction_.advance(beta);
    squares_pass(size, static_cast<Scalar>(sums ? 1.0 : beta), static_cast<Scalar>(sums ? 1.0 : 1.0 - beta),
                 gradient_.data(), kept_.data());
    return {matrix_, eps_.at(progress), 1.0 / std::sqrt(held)};
  }

  /// One more estimate of the diagonal: d <- keep d + (1 - keep) z Hz.
  void sample(Oracle& oracle, double keep) {
    const auto size = static_cast<Index>(gradient_.extent(0));
    signs_pass(size, oracle.random().fork(static_cast<std::uint64_t>(samples_)), signs_.data());
    oracle.hessian_vector_product(signs_, product_, {});
    diagonal_pass(size, static_cast<Scalar>(keep), static_cast<Scalar>(1.0 - keep), signs_.data(), product_.data(),
                  kept_.data());
    ++samples_;
  }

  double step_size(double excess, double norm, double weight) {
    if (slack_ == PspsSlack::l1) {
      const double projected = std::max(excess - s_ + weight, 0.0) / (1.0 + norm);
      s_ = std::max(s_ - weight + projected, 0.0);
      return std::min(projected, excess / norm);
    }
    if (slack_ == PspsSlack::l2) {
      const double shrink = 1.0 / (1.0 + weight);
      const double projected = std::max(excess - shrink * s_, 0.0) / (shrink + norm);
      s_ = shrink * (s_ + projected);
      return projected;
    }
    return excess / norm;
  }

  Schedule lr_;
  Schedule beta_;
  Schedule alpha_;
  Schedule eps_;
  Schedule lower_bound_;
  Schedule slack_weight_;
  PspsMatrix matrix_;
  PspsSlack slack_;
  std::int64_t init_samples_;

  Vector kept_;  ///< d or v
  std::int64_t samples_ = 0;
  BiasCorrection correction_;
  double s_ = 0.0;

  Vector gradient_;
  Vector signs_;
  Vector product_;
  Reduction reduction_;
  double last_step_ = 0.0;
};

}  // namespace

AlgorithmInfo psps_info() {
  AlgorithmInfo info;
  info.name = "psps";
  info.summary = "Polyak's step size, measured with the diagonal of the Hessian or of an adaptive rule";
  info.paper = "Abdukhakimov, Xiang, Kamzolov, Takac, Comput. Math. and Math. Phys. 2024, arXiv:2310.02093";
  info.needs = {Capability::hessian_vector_products};
  info.variant_needs = [](const Parameters& parameters) {
    return parameters.choice("preconditioner") == "hutchinson" ? Capabilities{Capability::hessian_vector_products}
                                                               : Capabilities{};
  };
  info.parameters = {
      real("lr", 10.0, Range::non_negative(), "largest step size"),
      choice("preconditioner", "hutchinson", {"none", "hutchinson", "adam", "adagrad"}, "what D is made of"),
      choice("slack", "none", {"none", "l1", "l2"}, "how the model of the loss may be missed"),
      real("slack_weight", 0.01, Range::positive(), "weight of the slack; l1 and l2 only"),
      real("lower_bound", 0.0, Range::any(), "smallest loss to be expected"),
      real("beta", 0.999, Range::decay(), "decay of the diagonal (hutchinson) or of the squared gradient (adam)"),
      real("alpha", 1e-4, Range::positive(), "least entry of D; hutchinson only"),
      real("eps", 1e-8, Range::positive(), "added to the roots; adam and adagrad only"),
      integer("init_samples", 10, Range::at_least(1), "Hessian-vector products that start the diagonal"),
  };
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Psps>(parameters); };
  return info;
}

}  // namespace velo
