#include "algorithms/parameter_free/dog_rule.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "algorithms/transforms/model_state_refresh.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

/// Differences in double: early on they are a few last bits of the parameters.
const std::vector<double>& squared_distances(BlockReduction& reduction, const Scalar* x, const Scalar* y) {
  return reduction.sum(
      "velo::reduce::dog_distance", KOKKOS_LAMBDA(const Index i) {
        const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        return d * d;
      });
}

const std::vector<double>& squared_gradients(BlockReduction& reduction, Scalar weight_decay, const Scalar* gradient,
                                             const Scalar* params) {
  return reduction.sum(
      "velo::reduce::dog_gradient", KOKKOS_LAMBDA(const Index i) {
        const double g = gradient[i] + weight_decay * params[i];
        return g * g;
      });
}

struct DogFactors {
  Scalar eta;
  Scalar weight_decay;
  Scalar share;  ///< of the new parameters in the average
};

struct DogPoints {
  Scalar* params;
  Scalar* average;  ///< null without `average`
};

template <bool averaged>
void dog_pass(Index first, Index last, DogFactors f, const Scalar* gradient, DogPoints points) {
  for_each(
      "velo::update::dog", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar old = points.params[i];
        const Scalar x = old - f.eta * (gradient[i] + f.weight_decay * old);
        points.params[i] = x;
        if constexpr (averaged) {
          const Scalar a = points.average[i];
          points.average[i] = a + f.share * (x - a);
        }
      });
}

struct Group {
  Index first = 0;
  Index last = 0;
  double distance = 0.0;      ///< the largest so far, never below reps_rel (1 + |x0|)
  double gradient_sum = 0.0;  ///< of squared norms, and eps
  double eta = 0.0;
};

class DogRule : public GradientRule {
 public:
  DogRule(const Parameters& parameters, DogGroups groups)
      : per_block_(groups == DogGroups::blocks),
        lr_(parameters.real("lr")),
        reps_rel_(parameters.real("reps_rel").base),
        eps_(parameters.real("eps").base),
        weight_decay_(parameters.real("weight_decay")),
        averaged_(parameters.boolean("average")),
        gamma_(parameters.real("gamma").base),
        refresh_(parameters) {}

  void init(Oracle& /*oracle*/, Vector params) override {
    Kokkos::deep_copy(start_, params);
    if (averaged_) Kokkos::deep_copy(average_, params);
    const std::vector<double>& squares = reduction_->squared_norm(params);
    for (std::size_t b = 0; b < groups_.size(); ++b) {
      groups_[b].distance = reps_rel_ * (1.0 + std::sqrt(squares[b]));
      groups_[b].gradient_sum = eps_;
    }
  }

  void prepare_for_eval(Oracle& oracle, ConstVector /*params*/) override {
    if (averaged_) refresh_.run(oracle, average_);
  }
  [[nodiscard]] ConstVector evaluation_params(ConstVector params) const override {
    return averaged_ ? ConstVector(average_) : params;
  }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const override {
    return refresh_.state(model_state);
  }

  void observe(Observer& observer) const override {
    const auto [smallest, largest] = std::minmax_element(groups_.begin(), groups_.end(),
                                                         [](const Group& a, const Group& b) { return a.eta < b.eta; });
    observer.scalar("lr", largest->eta);
    if (per_block_) observer.scalar("lr_smallest", smallest->eta);
  }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("start", start_);
    if (averaged_) state.vector("average", average_);

    ParameterLayout whole;
    whole.add({.name = "all", .shape = {state.layout().size()}});
    const ParameterLayout& layout = per_block_ ? state.layout() : whole;
    reduction_.emplace(layout);
    groups_.resize(layout.blocks().size());
    for (std::size_t b = 0; b < groups_.size(); ++b) {
      const ParameterBlock& block = layout.blocks()[b];
      groups_[b].first = block.offset;
      groups_[b].last = block.offset + block.size();
      state.number(block.name + "/distance", groups_[b].distance);
      state.number(block.name + "/gradient_sum", groups_[b].gradient_sum);
    }
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    const auto weight_decay = static_cast<Scalar>(weight_decay_.at(progress));
    const double t = static_cast<double>(progress.step);
    const auto share = static_cast<Scalar>((1.0 + gamma_) / (t + gamma_));

    const std::vector<double>& distances = squared_distances(*reduction_, params.data(), start_.data());
    for (std::size_t b = 0; b < groups_.size(); ++b)
      groups_[b].distance = std::max(groups_[b].distance, std::sqrt(distances[b]));

    const std::vector<double>& squares = squared_gradients(*reduction_, weight_decay, gradient.data(), params.data());
    const DogPoints points = {params.data(), average_.data()};
    for (std::size_t b = 0; b < groups_.size(); ++b) {
      Group& group = groups_[b];
      group.gradient_sum += squares[b];
      group.eta = lr_.at(progress) * group.distance / std::sqrt(group.gradient_sum);
      const DogFactors f = {static_cast<Scalar>(group.eta), weight_decay, share};
      if (averaged_)
        dog_pass<true>(group.first, group.last, f, gradient.data(), points);
      else
        dog_pass<false>(group.first, group.last, f, gradient.data(), points);
    }
  }

 private:
  bool per_block_;
  Schedule lr_;
  double reps_rel_;
  double eps_;
  Schedule weight_decay_;
  bool averaged_;
  double gamma_;
  ModelStateRefresh refresh_;
  Vector start_;
  Vector average_;
  std::vector<Group> groups_;
  std::optional<BlockReduction> reduction_;
};

}  // namespace

std::vector<ParameterSpec> dog_specs() {
  std::vector<ParameterSpec> specs = {
      real("lr", 1.0, Range::non_negative(), "factor of the step size; the paper leaves it at 1"),
      real("reps_rel", 1e-6, Range::positive(),
           "first distance relative to 1 + |x0|; the authors advise 1e-4 with batch norm"),
      real("eps", 1e-8, Range::positive(), "added to the sum of squared gradients"),
      real("weight_decay", 0.0, Range::non_negative(), "strength of the decay towards zero, coupled"),
      boolean("average", true, "evaluate the polynomial-decay average of the parameters"),
      real("gamma", 8.0, Range::non_negative(), "how fast that average forgets; 0 is the plain mean"),
  };
  ModelStateRefresh::declare(specs, 10);
  return specs;
}

std::unique_ptr<TrainingAlgorithm> make_dog_rule(const Parameters& parameters, DogGroups groups) {
  return std::make_unique<DogRule>(parameters, groups);
}

}  // namespace velo
