#include "harness/workload.hpp"

#include <array>
#include <stdexcept>

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
    {Capability::sampling_weights, "sampling_weights"},
    {Capability::players, "players"},
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

void Workload::hessian_vector_product(const ForwardPass&, const Batch&, ConstVector, Vector) {
  throw std::logic_error("this workload does not offer hessian_vector_products");
}

}  // namespace velo
