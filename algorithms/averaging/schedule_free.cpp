#include "algorithms/averaging/schedule_free.hpp"

#include <algorithm>
#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

namespace velo {

namespace {

void average_pass(Index size, Scalar inverse_beta, const Scalar* y, const Scalar* z, Scalar* x) {
  for_each(
      "velo::update::schedule_free_average", size,
      KOKKOS_LAMBDA(const Index i) { x[i] = z[i] + inverse_beta * (y[i] - z[i]); });
}

}  // namespace

ScheduleFree::ScheduleFree(const Parameters& parameters, std::string_view beta)
    : beta_(parameters.real(beta)),
      r_(parameters.real("r")),
      weight_lr_power_(parameters.real("weight_lr_power")),
      refresh_(parameters) {}

void ScheduleFree::declare_weighting(std::vector<ParameterSpec>& specs) {
  specs.push_back(real("r", 0.0, Range::non_negative(), "the average weighs step t by t^r"));
  specs.push_back(
      real("weight_lr_power", 2.0, Range::non_negative(), "and by this power of the largest learning rate so far"));
  ModelStateRefresh::declare(specs, 10);
}

void ScheduleFree::declare_state(StateArena& state) {
  state.vector("z", z_);
  state.number("beta", last_beta_);
  state.number("lr_max", lr_max_);
  state.number("weight_sum", weight_sum_);
}

void ScheduleFree::init(Oracle& /*oracle*/, Vector params) { Kokkos::deep_copy(z_, params); }

ScheduleFreeFactors ScheduleFree::advance(const Progress& progress, double lr) {
  lr_max_ = std::max(lr_max_, lr);
  const double weight =
      std::pow(static_cast<double>(progress.step), r_.at(progress)) * std::pow(lr_max_, weight_lr_power_.at(progress));
  weight_sum_ += weight;
  const double share = weight_sum_ > 0.0 ? weight / weight_sum_ : 0.0;
  const double beta = beta_.at(progress);
  const double rest = (1.0 - share) * beta;
  const ScheduleFreeFactors factors = {.keep = static_cast<Scalar>(rest / last_beta_),
                                       .move = static_cast<Scalar>(lr * (1.0 - rest)),
                                       .lr = static_cast<Scalar>(lr)};
  last_beta_ = beta;
  last_lr_ = lr;
  last_share_ = share;
  return factors;
}

void ScheduleFree::prepare_for_eval(Oracle& oracle, ConstVector params) {
  const auto size = static_cast<Index>(params.extent(0));
  if (x_.extent(0) != params.extent(0)) x_ = zeros("x", size);
  average_pass(size, static_cast<Scalar>(1.0 / last_beta_), params.data(), z_.data(), x_.data());
  refresh_.run(oracle, x_);
}

ConstVector ScheduleFree::evaluation_params(ConstVector params) const {
  return x_.extent(0) > 0 ? ConstVector(x_) : params;
}

ConstVector ScheduleFree::evaluation_model_state(ConstVector model_state) const { return refresh_.state(model_state); }

void ScheduleFree::observe(Observer& observer) const {
  observer.scalar("lr", last_lr_);
  observer.scalar("average_share", last_share_);
}

}  // namespace velo
