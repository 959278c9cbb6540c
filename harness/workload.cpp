#include "harness/workload.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

std::string_view name(Split split) {
  constexpr std::array<std::string_view, 3> names = {"train", "validation", "test"};
  return names[static_cast<std::size_t>(split)];
}

std::string_view name(LossType type) {
  constexpr std::array<std::string_view, 5> names = {"softmax_cross_entropy", "sigmoid_cross_entropy",
                                                     "mean_squared_error", "ctc", "mean_absolute_error"};
  return names[static_cast<std::size_t>(type)];
}

namespace {

constexpr std::array<std::pair<Capability, std::string_view>, 6> capability_names = {{
    {Capability::hessian_vector_products, "hessian_vector_products"},
    {Capability::per_example_gradients, "per_example_gradients"},
    {Capability::layer_statistics, "layer_statistics"},
    {Capability::loss_terms, "loss_terms"},
    {Capability::players, "players"},
    {Capability::micro_batches, "micro_batches"},
}};

}  // namespace

std::string_view name(Capability capability) {
  for (const auto& [value, text] : capability_names)
    if (value == capability) return text;
  return "";
}

std::vector<Capability> Capabilities::list() const {
  std::vector<Capability> out;
  for (const auto& entry : capability_names)
    if (has(entry.first)) out.push_back(entry.first);
  return out;
}

std::vector<Capability> Capabilities::missing_from(const Capabilities& offered) const {
  std::vector<Capability> out;
  for (Capability c : list())
    if (!offered.has(c)) out.push_back(c);
  return out;
}

void Workload::init(const RandomStream& stream, Vector params, Vector model_state) {
  initialise(layout(), stream, params);
  Kokkos::deep_copy(model_state, Scalar(0));
}

Batch slice(const Batch& batch, Index first, Index size) {
  // Distinct ids for distinct slices: the parent's id in the high bits, (first, size) mixed into the low ones.
  const std::uint64_t mixed =
      (static_cast<std::uint64_t>(first) * 0x9e3779b97f4a7c15u) ^ static_cast<std::uint64_t>(size);
  return {(batch.id << 32) ^ mixed, batch.split,
          batch.examples.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(size))};
}

struct Workload::Differences {
  Vector point, ahead;
  Reduction reduction;
};

void Workload::hessian_vector_product(const ForwardPass& pass, const Batch& batch, ConstVector direction, Vector out) {
  if (!differences_) {
    differences_ = std::make_shared<Differences>();
    differences_->point = zeros("hvp_point", layout().size());
    differences_->ahead = zeros("hvp_ahead", layout().size());
  }
  const Vector& point = differences_->point;
  const Vector& ahead = differences_->ahead;
  Reduction& reduction = differences_->reduction;
  const double length = std::sqrt(reduction.squared_norm(direction));
  if (length == 0) {
    Kokkos::deep_copy(out, Scalar(0));
    return;
  }
  const double size = std::sqrt(reduction.squared_norm(pass.params));
  const double h = std::cbrt(static_cast<double>(std::numeric_limits<Scalar>::epsilon())) * (1 + size) / length;

  ForwardPass at = pass;
  at.params = point;
  at.new_model_state = {};
  const auto gradient_at = [&](double step, const Vector& target) {
    const auto s = static_cast<Scalar>(step);
    const Scalar* x = pass.params.data();
    const Scalar* d = direction.data();
    Scalar* p = point.data();
    for_each(
        "velo::hvp_point", layout().size(), KOKKOS_LAMBDA(const Index i) { p[i] = x[i] + s * d[i]; });
    gradient(at, batch, target);
  };
  gradient_at(h, ahead);
  gradient_at(-h, out);
  const auto scale = static_cast<Scalar>(1 / (2 * h));
  const Scalar* plus = ahead.data();
  Scalar* result = out.data();
  for_each(
      "velo::hvp", layout().size(), KOKKOS_LAMBDA(const Index i) { result[i] = (plus[i] - result[i]) * scale; });
}

double Workload::example_gradients(const ForwardPass& pass, const Batch& batch, Vector out) {
  ForwardPass alone = pass;
  alone.new_model_state = {};
  const auto n = static_cast<std::size_t>(layout().size());
  double sum = 0;
  for (Index e = 0; e < batch.size(); ++e) {
    const auto row = static_cast<std::size_t>(e) * n;
    sum += gradient(alone, slice(batch, e, 1), Kokkos::subview(out, std::pair(row, row + n)));
  }
  return sum / static_cast<double>(batch.size());
}

}  // namespace velo
