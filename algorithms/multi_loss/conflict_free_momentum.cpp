// algorithms/multi_loss/conflict_free_momentum.cpp
//
// M-ConFIG: the conflict-free direction of momenta, of which a step renews one: it costs one term's gradient, whatever
// the number of terms m.
//   k = (t - 1) mod m                              the term whose turn it is
//   m_k <- b1 m_k + (1 - b1) g_k
//   d  = direction of m_1 / (1 - b1^t_1) ... m_m / (1 - b1^t_m)     algorithms/transforms/conflict_free_direction.hpp
//   p  = (1 - b1^s) d                              what a momentum after s steps would be, were d its corrected value
//   q  = (p - b1 p_last) / (1 - b1)                the gradient that would have made it so
//   v <- b2 v + (1 - b2) q^2
//   x <- x - lr d / (sqrt(v / (1 - b2^s)) + eps)
// t_k counts the gradients of term k; s counts steps from the first at which every term has been seen: before, x stays.
// Paper: Liu, Chu, Thuerey, ICLR 2025, arXiv:2408.11104, Algorithm 1. Agrees with the PseudoMomentumOperator of
// tum-pbs/ConFIG followed by plain descent; there eps is 1e-8.
// Differs: terms take turns by the step's number, one a step. b^t are running products, so betas may follow a schedule.
// State: m + 2 values per parameter. Traffic per step: m (m + 5) / 2 + 6 reads, m + 6 writes per parameter.

#include <cmath>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/conflict_free_direction.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

void renew_pass(Index size, Scalar beta, Scalar rest, const Scalar* gradient, Scalar* momentum) {
  for_each(
      "velo::update::conflict_free_momentum_renew", size,
      KOKKOS_LAMBDA(const Index i) { momentum[i] = beta * momentum[i] + rest * gradient[i]; });
}

struct ConflictFreeFactors {
  Scalar weight1;           ///< 1 - beta1^s
  Scalar beta1, per_rest1;  ///< 1 / (1 - beta1)
  Scalar beta2, rest2;
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^s)
  Scalar lr, eps;
};

void conflict_free_pass(Index size, ConflictFreeFactors f, const Scalar* direction, Scalar* pseudo, Scalar* v,
                        Scalar* params) {
  for_each(
      "velo::update::conflict_free_momentum", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar d = direction[i];
        const Scalar p = f.weight1 * d;
        const Scalar q = (p - f.beta1 * pseudo[i]) * f.per_rest1;
        const Scalar second = f.beta2 * v[i] + f.rest2 * q * q;
        pseudo[i] = p;
        v[i] = second;
        params[i] = params[i] - f.lr * d / (std::sqrt(second) * f.root_scale + f.eps);
      });
}

class ConflictFreeMomentum : public TrainingAlgorithm {
 public:
  explicit ConflictFreeMomentum(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")) {}

  void declare(StateArena& state) override {
    const auto terms = static_cast<std::size_t>(state.sizes().loss_terms);
    momenta_.resize(terms);
    seen_.resize(terms);
    scales_.resize(terms);
    for (std::size_t k = 0; k < terms; ++k) {
      state.vector(cat("m", k), momenta_[k]);
      seen_[k].declare(state, cat("beta1_product", k));
    }
    state.vector("pseudo", pseudo_);
    state.vector("v", v_);
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    gradient_ = zeros("gradient", state.layout().size());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    const auto size = static_cast<Index>(params.extent(0)), terms = static_cast<Index>(momenta_.size());
    const Index term = (progress.step - 1) % terms;
    const auto k = static_cast<std::size_t>(term);
    const double beta1 = beta1_.at(progress);
    last_lr_ = lr_.at(progress);

    oracle.gradient(gradient_, {.loss_term = term});
    renew_pass(size, static_cast<Scalar>(beta1), static_cast<Scalar>(1.0 - beta1), gradient_.data(),
               momenta_[k].data());
    (void)seen_[k].advance(beta1);
    if (progress.step < terms) return;

    for (std::size_t j = 0; j < scales_.size(); ++j) scales_[j] = 1.0 / (1.0 - seen_[j].product());
    combine(momenta_, direction_.coefficients(momenta_, scales_), gradient_);
    conflict_free_pass(size, factors(progress, beta1), gradient_.data(), pseudo_.data(), v_.data(), params.data());
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  ConflictFreeFactors factors(const Progress& progress, double beta1) {
    const double beta2 = beta2_.at(progress);
    return {.weight1 = static_cast<Scalar>(correction1_.advance(beta1)),
            .beta1 = static_cast<Scalar>(beta1),
            .per_rest1 = static_cast<Scalar>(1.0 / (1.0 - beta1)),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(correction2_.advance(beta2))),
            .lr = static_cast<Scalar>(last_lr_),
            .eps = static_cast<Scalar>(eps_.at(progress))};
  }

  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  std::vector<Vector> momenta_;
  std::vector<BiasCorrection> seen_;
  Vector pseudo_;
  Vector v_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  ConflictFreeDirection direction_;
  std::vector<double> scales_;
  Vector gradient_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo conflict_free_momentum_info() {
  AlgorithmInfo info;
  info.name = "conflict_free_momentum";
  info.summary =
      "M-ConFIG: Adam in the direction that agrees with momenta of all terms of the loss, one gradient a step";
  info.paper = "Liu, Chu, Thuerey, ICLR 2025, arXiv:2408.11104";
  info.needs = {Capability::loss_terms};
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.9, Range::decay(), "decay of the terms' gradient means"),
      real("beta2", 0.999, Range::decay(), "decay of the squared pseudo-gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared pseudo-gradient"),
  };
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<ConflictFreeMomentum>(parameters);
  };
  return info;
}

}  // namespace velo
