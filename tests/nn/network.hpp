// tests/nn/network.hpp
//
// A network from an input to an output, and its mean squared distance from a target, for checks against differences.
#pragma once

#include <functional>
#include <limits>

#include "harness/device/reduce.hpp"
#include "tests/nn/gradient_check.hpp"
#include "workloads/nn/loss.hpp"
#include "workloads/nn/model.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::test {

struct Network {
  nn::ModelPlan plan;
  ParameterLayout& layout = plan.layout;
  Shape input_shape;
  std::function<nn::Value(nn::Tape&, nn::Value)> run;
  Vector model_state, new_model_state;
  bool train_mode = true;

  Vector params, input, target;
  nn::Tape tape;
  Reduction reduction;

  void fill(std::uint64_t seed) {
    params = Vector("params", static_cast<std::size_t>(layout.size()));
    input = Vector("input", static_cast<std::size_t>(input_shape.size()));
    target = Vector("target", 4096);
    model_state = Vector("model_state", static_cast<std::size_t>(plan.state_size()));
    plan.initialise_state(model_state);
    const RandomStream stream(seed, Purpose::workload);
    fill_uniform(stream.fork(0), -0.8, 0.8, params);
    fill_uniform(stream.fork(1), -1.0, 1.0, input);
    fill_uniform(stream.fork(2), -1.0, 1.0, target);
  }
  double loss(nn::Recording recording = nn::Recording::off) {
    ForwardPass pass;
    pass.params = params;
    pass.model_state = model_state;
    pass.new_model_state = new_model_state;
    pass.train_mode = train_mode;
    pass.random = RandomStream(5, Purpose::dropout);
    tape.begin(layout, pass, recording);
    const nn::Value y = run(tape, tape.input({input.data(), input_shape}));
    return nn::mean_squared_error(tape, y, target.data(), reduction);
  }
  Vector gradient() {
    Vector out("gradient", params.extent(0));
    Kokkos::deep_copy(out, std::numeric_limits<Scalar>::quiet_NaN());
    static_cast<void>(loss(nn::Recording::on));
    tape.backward(out);
    return out;
  }
  void check(std::uint64_t seed = 1) {
    fill(seed);
    check_gradient(layout, params, gradient(), [this] { return loss(); });
  }
};

}  // namespace velo::test
