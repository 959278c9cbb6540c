// algorithms/wrappers/xgrad.cpp
//
// XGrad: the inner algorithm learns from where its parameters are about to be. They are predicted to move once more as
// they did in the last step, every question is asked there, and the answer moves the true parameters.
//   shift  = s (x_t - x_(t-1))          0 at step 1
//   the inner algorithm sees f(. + shift) in place of f
// Paper: Guan, Li, Shi, Meng, "XGrad: Boosting gradient-based optimizers with weight prediction", 2023,
// arXiv:2305.18240.
// With sgd and s = momentum this is Nesterov's method, seen from the points it leaves instead of those it asks at.
// Differs: the paper predicts by the inner rule's own direction times the rate of the coming step; the last movement is
// that direction times the last step's rate, which is the same for a constant rate, needs nothing of the inner rule,
// and so works around every algorithm. It holds decoupled weight decay too. At step 1 there is nothing to predict by;
// the authors' code agrees.
// Losses, gradients of single examples and Hessian-vector products are asked for at the shifted point too. Evaluation is
// at the true parameters.
// State: 1 value per parameter beside the inner algorithm's; two scratch vectors. Traffic per step: 2 reads, 2 writes,
// and 2 reads, 1 write for every question.

#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void predict_pass(Index size, Scalar s, const Scalar* params, Scalar* last, Scalar* shift) {
  for_each(
      "velo::update::xgrad_predict", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar x = params[i];
        shift[i] = s * (x - last[i]);
        last[i] = x;
      });
}

void shift_pass(Index size, const Scalar* from, const Scalar* shift, Scalar* point) {
  for_each(
      "velo::update::xgrad_shift", size, KOKKOS_LAMBDA(const Index i) { point[i] = from[i] + shift[i]; });
}

class XGrad : public Wrapper {
 public:
  XGrad(std::unique_ptr<TrainingAlgorithm> inner, Schedule s) : Wrapper(std::move(inner)), s_(std::move(s)) {}

  void declare(StateArena& state) override {
    state.vector("last_params", last_);
    Wrapper::declare(state);
  }
  void init(Oracle& oracle, Vector params) override {
    Kokkos::deep_copy(last_, params);
    Wrapper::init(oracle, params);
  }
  void step(Oracle& oracle, Vector params) override {
    const auto size = static_cast<Index>(params.extent(0));
    if (shift_.extent(0) != params.extent(0)) {
      shift_ = zeros("xgrad::shift", size);
      point_ = zeros("xgrad::point", size);
    }
    predict_pass(size, static_cast<Scalar>(s_.at(oracle.progress())), params.data(), last_.data(), shift_.data());
    Shifted shifted(oracle, *this, params);
    Wrapper::step(shifted, params);
  }

 private:
  class Shifted : public OracleDecorator {
   public:
    Shifted(Oracle& base, XGrad& owner, ConstVector params)
        : OracleDecorator(base), owner_(&owner), params_(std::move(params)) {}
    double loss(const Query& query) override { return base_->loss(shifted(query)); }
    double gradient(Vector out, const Query& query) override { return base_->gradient(out, shifted(query)); }
    double example_gradients(Vector out, const Query& query) override {
      return base_->example_gradients(out, shifted(query));
    }
    void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
      base_->hessian_vector_product(direction, out, shifted(query));
    }

   private:
    [[nodiscard]] Query shifted(const Query& query) const {
      const ConstVector from = query.at.extent(0) > 0 ? query.at : params_;
      shift_pass(static_cast<Index>(from.extent(0)), from.data(), owner_->shift_.data(), owner_->point_.data());
      Query out = query;
      out.at = owner_->point_;
      return out;
    }

    XGrad* owner_;
    ConstVector params_;
  };

  Schedule s_;
  Vector last_;
  Vector shift_;
  Vector point_;
};

}  // namespace

AlgorithmInfo xgrad_info() {
  AlgorithmInfo info;
  info.name = "xgrad";
  info.summary = "gradients from where another algorithm's parameters are predicted to be after the step";
  info.paper = "Guan, Li, Shi, Meng, arXiv:2305.18240";
  info.parameters = {
      inner_algorithm("inner", "the algorithm whose movement is predicted"),
      real("s", 1.0, Range::non_negative(), "how far ahead, in movements like the last one", "steps"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<XGrad>(registry.make(parameters.algorithm("inner")), parameters.real("s"));
  };
  return info;
}

}  // namespace velo
