#include "workloads/nn/model.hpp"

#include "harness/device/elementwise.hpp"

namespace velo::nn {

void ModelPlan::initialise_state(const Vector& model_state) const {
  for (const State& s : states_)
    fill(Kokkos::subview(model_state, std::pair<Index, Index>(s.offset, s.offset + s.size)), s.value);
}

}  // namespace velo::nn
