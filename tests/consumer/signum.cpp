// Signum, sign descent with momentum, as an algorithm outside the tree.
//   m <- beta m + (1 - beta) g          x <- x - lr sign(m)
// Paper: Bernstein, Wang, Azizzadenesheli, Anandkumar, ICML 2018, arXiv:1802.04434, Algorithm 2.
// State: 1 value per parameter.
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace {

using velo::ConstVector;
using velo::Index;
using velo::Scalar;
using velo::Vector;

void signum_pass(Index size, Scalar lr, Scalar beta, const Scalar* gradient, Scalar* momentum, Scalar* params) {
  velo::for_each(
      "consumer::signum", size, KOKKOS_LAMBDA(Index i) {
        const Scalar m = beta * momentum[i] + (Scalar(1) - beta) * gradient[i];
        momentum[i] = m;
        params[i] -= m > 0 ? lr : m < 0 ? -lr : Scalar(0);
      });
}

class Signum : public velo::GradientRule {
 public:
  explicit Signum(const velo::Parameters& parameters) : lr_(parameters.real("lr")), beta_(parameters.real("beta1")) {}

 protected:
  void declare_state(velo::StateArena& state) override { state.vector("momentum", momentum_); }

  void update(const velo::Progress& progress, ConstVector gradient, Vector params) override {
    signum_pass(static_cast<Index>(params.size()), static_cast<Scalar>(lr_.at(progress)),
                static_cast<Scalar>(beta_.at(progress)), gradient.data(), momentum_.data(), params.data());
  }

 private:
  velo::Schedule lr_;
  velo::Schedule beta_;
  Vector momentum_;
};

}  // namespace

velo::AlgorithmInfo signum_info() {
  velo::AlgorithmInfo info;
  info.name = "signum_out_of_tree";
  info.summary = "sign descent with momentum, from a project of its own";
  info.paper = "Bernstein, Wang, Azizzadenesheli, Anandkumar, ICML 2018, arXiv:1802.04434";
  info.parameters = {velo::real("lr", 1e-4, velo::Range::positive(), "step size"),
                     velo::real("beta1", 0.9, velo::Range::decay(), "decay of the gradient mean")};
  info.make = [](const velo::Parameters& parameters, const velo::Registry&) {
    return std::make_unique<Signum>(parameters);
  };
  return info;
}
