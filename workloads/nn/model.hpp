// workloads/nn/model.hpp
//
// What layers are built into: the parameters, the model state (numbers that training changes but gradients do not
// reach, such as running statistics), and a number for every layer that draws random numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/layout.hpp"

namespace velo::nn {

class ModelPlan {
 public:
  ParameterLayout layout;

  /// Adds `size` numbers of model state that start at `value`; returns the place of the first.
  Index add_state(Index size, double value) {
    states_.push_back({state_size_, size, value});
    state_size_ += size;
    return states_.back().offset;
  }
  [[nodiscard]] Index state_size() const { return state_size_; }
  /// Writes the initial model state.
  void initialise_state(const Vector& model_state) const;

  /// Which fork of a pass' random stream the next layer draws from.
  [[nodiscard]] std::uint64_t next_stream() { return streams_++; }

 private:
  struct State {
    Index offset;
    Index size;
    double value;
  };
  std::vector<State> states_;
  Index state_size_ = 0;
  std::uint64_t streams_ = 0;
};

}  // namespace velo::nn
