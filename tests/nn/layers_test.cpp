// Every layer against central differences.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/nn/gradient_check.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::Activation;
using nn::Linear;
using nn::Recording;
using nn::Tape;
using nn::Value;

/// A network from an input to an output, and its mean squared distance from a target.
struct Network {
  ParameterLayout layout;
  Shape input_shape;
  std::function<Value(Tape&, Value)> run;
  Vector model_state;
  bool train_mode = true;

  Vector params, input, target;
  Tape tape;
  Reduction reduction;

  void fill(std::uint64_t seed) {
    params = Vector("params", static_cast<std::size_t>(layout.size()));
    input = Vector("input", static_cast<std::size_t>(input_shape.size()));
    target = Vector("target", 4096);
    const RandomStream stream(seed, Purpose::workload);
    fill_uniform(stream.fork(0), -0.8, 0.8, params);
    fill_uniform(stream.fork(1), -1.0, 1.0, input);
    fill_uniform(stream.fork(2), -1.0, 1.0, target);
  }
  double loss(Recording recording = Recording::off) {
    ForwardPass pass;
    pass.params = params;
    pass.model_state = model_state;
    pass.train_mode = train_mode;
    pass.random = RandomStream(5, Purpose::dropout);
    tape.begin(layout, pass, recording);
    const Value y = run(tape, tape.input({input.data(), input_shape}));
    return nn::mean_squared_error(tape, y, target.data(), reduction);
  }
  Vector gradient() {
    Vector out("gradient", params.extent(0));
    Kokkos::deep_copy(out, std::numeric_limits<Scalar>::quiet_NaN());
    static_cast<void>(loss(Recording::on));
    tape.backward(out);
    return out;
  }
  void check(std::uint64_t seed = 1) {
    fill(seed);
    test::check_gradient(layout, params, gradient(), [this] { return loss(); });
  }
};

TEST_CASE("a linear layer's gradient is the derivative of the loss, for every activation") {
  const auto f =
      GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::tanh);
  const bool bias = GENERATE(true, false);
  Network net;
  net.input_shape = {3, 5};
  // The second layer carries the gradient into the first, so input gradients are checked too.
  const Linear first(net.layout, "first", 5, 7, {.activation = f, .bias = bias});
  const Linear second(net.layout, "second", 7, 4, {.activation = f, .bias = bias});
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check();
}

TEST_CASE("an activation on its own carries the gradient back") {
  const auto f =
      GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::tanh);
  Network net;
  net.input_shape = {3, 5};
  const Linear first(net.layout, "first", 5, 7);
  const Linear second(net.layout, "second", 7, 4);
  net.run = [&](Tape& tape, Value x) { return second(tape, nn::activate(tape, f, first(tape, x))); };
  net.check();
}

TEST_CASE("a value and a block that are used twice get the sum of both gradients") {
  Network net;
  net.input_shape = {3, 6};
  const Linear first(net.layout, "first", 6, 6, {.activation = Activation::tanh});
  const Linear shared(net.layout, "shared", 6, 6, {.activation = Activation::tanh});
  const Linear last(net.layout, "last", 6, 2);
  net.run = [&](Tape& tape, Value x) {
    const Value a = first(tape, x);
    const Value b = shared(tape, a);
    const Value c = shared(tape, nn::activate(tape, Activation::tanh, b));
    return last(tape, tape.reshape(shared(tape, c), {3, 6}));
  };
  net.check();
}

TEST_CASE("a block that the loss does not depend on gets a zero gradient") {
  Network net;
  net.input_shape = {2, 3};
  const Linear used(net.layout, "used", 3, 3);
  const Linear unused(net.layout, "unused", 3, 3);
  net.run = [&](Tape& tape, Value x) { return used(tape, x); };
  net.check();
}

TEST_CASE("softmax cross-entropy is the textbook's, and its gradient the derivative") {
  const double smoothing = GENERATE(0.0, 0.1);
  ParameterLayout layout;
  const Linear layer(layout, "layer", 4, 5);
  Vector params("params", static_cast<std::size_t>(layout.size())), input("input", 12),
      gradient("gradient", params.extent(0));
  fill_uniform(RandomStream(3, Purpose::workload), -2, 2, params);
  fill_uniform(RandomStream(4, Purpose::workload), -1, 1, input);
  Kokkos::View<std::uint8_t*, MemorySpace> labels("labels", 3);
  labels(0) = 4;
  labels(1) = 0;
  labels(2) = 2;
  Tape tape;
  Reduction reduction;
  ForwardPass pass;
  pass.params = params;
  double textbook = 0;
  const auto loss = [&](Recording recording) {
    tape.begin(layout, pass, recording);
    const Value z = layer(tape, tape.input({input.data(), {3, 4}}));
    textbook = 0;
    for (Index i = 0; i < 3; ++i) {
      const Scalar* row = tape[z].data + 5 * i;
      double sum = 0, dot = 0;
      for (Index j = 0; j < 5; ++j) {
        sum += std::exp(row[j]);
        dot += (smoothing / 5 + (j == labels(static_cast<std::size_t>(i)) ? 1 - smoothing : 0)) * row[j];
      }
      textbook += (std::log(sum) - dot) / 3;
    }
    return nn::softmax_cross_entropy(tape, z, labels.data(), smoothing, reduction);
  };
  // A dozen operations on numbers of size ten.
  const double value = loss(Recording::on);
  CHECK_THAT(value, WithinAbs(textbook, 1e-14));
  tape.backward(gradient);
  test::check_gradient(layout, params, gradient, [&] { return loss(Recording::off); });
}

TEST_CASE("after its first pass a network allocates nothing") {
  Network net;
  net.input_shape = {3, 5};
  const Linear first(net.layout, "first", 5, 7, {.activation = Activation::gelu});
  const Linear second(net.layout, "second", 7, 4);
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.fill(1);
  static_cast<void>(net.gradient());
  const auto allocations = net.tape.arena().system_allocations();
  for (int i = 0; i < 3; ++i) static_cast<void>(net.gradient());
  CHECK(net.tape.arena().system_allocations() == allocations);
}

}  // namespace
}  // namespace velo
