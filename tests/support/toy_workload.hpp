// tests/support/toy_workload.hpp
//
// The smallest honest workload: linear regression on 60 generated examples, with a model state (a running mean of the
// batch loss, weight 0.1) so that state is committed, discarded and resumed for real. Host memory only.
#pragma once

#include <cmath>
#include <limits>

#include "harness/registry.hpp"

namespace velo::test {

class ToyWorkload : public Workload {
 public:
  explicit ToyWorkload(Index batch_size) : batch_size_(batch_size) {
    layout_.add({.name = "w",
                 .kind = ParameterKind::weight,
                 .shape = {features},
                 .fan_in = features,
                 .fan_out = 1,
                 .initialiser = Initialiser::normal(1.0)});
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index model_state_size() const override { return 1; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? 60 : 20; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch& /*batch*/) override {}

  double loss(const ForwardPass& pass, const Batch& batch) override { return compute(pass, batch, {}); }
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    Kokkos::deep_copy(gradient, Scalar(0));
    return compute(pass, batch, gradient);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override {
    ++evaluations;
    double sum = 0;
    for (Index i = 0; i < examples(split); ++i) sum += std::pow(residual(params, i, split), 2);
    return {{"mse", sum / static_cast<double>(examples(split))}, {"state", static_cast<double>(model_state(0))}};
  }

  int evaluations = 0;

 private:
  static constexpr Index features = 7;

  static Scalar input(Index example, Index feature, Split split) {
    const RandomStream stream(split == Split::train ? 11 : split == Split::validation ? 12 : 13, Purpose::synthetic);
    return static_cast<Scalar>(stream.normal(static_cast<std::uint64_t>(example * features + feature)));
  }
  static double residual(const ConstVector& w, Index example, Split split) {
    double sum = 0;
    for (Index f = 0; f < features; ++f)
      sum += (w(static_cast<std::size_t>(f)) - 0.5 * static_cast<double>(f)) * input(example, f, split);
    return sum;
  }

  double compute(const ForwardPass& pass, const Batch& batch, const Vector& gradient) {
    double sum = 0;
    const double n = static_cast<double>(batch.size());
    for (const Index example : batch.examples) {
      const double r = residual(pass.params, example, batch.split);
      sum += 0.5 * r * r / n;
      if (gradient.extent(0) == 0) continue;
      for (Index f = 0; f < features; ++f)
        gradient(static_cast<std::size_t>(f)) += static_cast<Scalar>(r * input(example, f, batch.split) / n);
    }
    if (pass.new_model_state.extent(0) > 0)
      pass.new_model_state(0) = static_cast<Scalar>(0.9 * pass.model_state(0) + 0.1 * sum);
    return sum;
  }

  Index batch_size_;
  ParameterLayout layout_;
};

inline WorkloadInfo toy_workload_info() {
  return {.name = "toy",
          .summary = "linear regression on sixty examples",
          .version = 1,
          .data_set = {},
          .loss_type = LossType::mean_squared_error,
          .metrics = {{"mse", "", false}, {"state", "", false}},
          .offers = {},
          .parameters = {integer("batch_size", 8, Range::at_least(1), "examples in a training batch", "examples")},
          .make = [](const Parameters& p,
                     const DataSource&) { return std::make_unique<ToyWorkload>(p.integer("batch_size")); },
          .data_version = [](const Parameters&, const DataSource&) { return std::string("toy-1"); }};
}

/// The built-in modules and the toy.
inline Registry toy_registry() {
  Registry registry = builtin_registry();
  registry.add(toy_workload_info());
  return registry;
}

}  // namespace velo::test
