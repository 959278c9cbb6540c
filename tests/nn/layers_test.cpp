// Every layer against central differences.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "harness/device/thin_convolution.hpp"
#include "tests/nn/network.hpp"
#include "workloads/nn/conv2d.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/embedding.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/pooling.hpp"
#include "workloads/nn/residual.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::Activation;
using nn::Conv2d;
using nn::Linear;
using nn::NormKind;
using nn::Recording;
using nn::Tape;
using nn::Value;
using test::Network;

TEST_CASE("a linear layer's gradient is the derivative of the loss, for every activation") {
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::tanh,
                          Activation::sigmoid, Activation::silu);
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
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh, Activation::tanh,
                          Activation::sigmoid, Activation::silu);
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

TEST_CASE("a shortcut carries the gradient to both sides, also where they are one value, a later one or the input") {
  const int form = GENERATE(0, 1, 2, 3, 4);
  Network net;
  net.input_shape = {3, 6};
  const Linear first(net.layout, "first", 6, 6, {.activation = Activation::tanh});
  const Linear second(net.layout, "second", 6, 6, {.activation = Activation::tanh});
  const Linear last(net.layout, "last", 6, 2);
  net.run = [&](Tape& tape, Value x) {
    const Value a = first(tape, x);
    const Value b = second(tape, a);
    // Activations change the gradient they get in place.
    const Value c = nn::activate(tape, Activation::tanh, b);
    switch (form) {
      case 0:
        return last(tape, nn::activate(tape, Activation::tanh, nn::add(tape, c, a)));
      case 1:
        return last(tape, nn::add(tape, a, c));
      case 2:
        return last(tape, nn::add(tape, c, c));
      case 3:
        return last(tape, nn::add(tape, nn::add(tape, c, x), nn::add(tape, x, b)));
      default:
        return last(tape, nn::add(tape, nn::add(tape, a, b), nn::add(tape, b, c)));
    }
  };
  net.check();
}

TEST_CASE("a shortcut of another shape is refused") {
  Network net;
  net.input_shape = {3, 6};
  const Linear first(net.layout, "first", 6, 5);
  net.run = [&](Tape& tape, Value x) { return nn::add(tape, first(tape, x), x); };
  net.fill(1);
  CHECK_THROWS_AS(net.loss(), std::logic_error);
}

TEST_CASE("a block that the loss does not depend on gets a zero gradient") {
  Network net;
  net.input_shape = {2, 3};
  const Linear used(net.layout, "used", 3, 3);
  const Linear unused(net.layout, "unused", 3, 3);
  net.run = [&](Tape& tape, Value x) { return used(tape, x); };
  net.check();
}

TEST_CASE("a convolution's gradient is the derivative of the loss, with every follower") {
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::tanh);
  const Index pool = GENERATE(1, 2, 3);
  const bool bias = GENERATE(true, false);
  Network net;
  net.input_shape = {2, 1, 8, 10, 2};
  const Conv2d first(net.layout, "first", 2, 3, {.kernel = 3, .padding = 1, .activation = f, .bias = bias});
  const Conv2d second(net.layout, "second", 3, 2,
                      {.kernel = 3, .stride = 1, .padding = 0, .activation = f, .bias = bias, .max_pool = pool});
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check();
}

TEST_CASE("strided convolutions of other sizes carry gradients") {
  Network net;
  net.input_shape = {2, 1, 9, 7, 2};
  const Conv2d first(net.layout, "first", 2, 3, {.kernel = 5, .stride = 2, .padding = 2});
  const Index stride = GENERATE(1, 2, 3);
  const Conv2d second(net.layout, "second", 3, 2, {.kernel = 1, .stride = stride, .padding = 0});
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check();
}

TEST_CASE("the fused first layer's gradient is the derivative of the loss") {
  const auto f = GENERATE(Activation::none, Activation::relu);
  const Index kernel = GENERATE(3, 5);
  Network net;
  net.input_shape = {3, 1, 8, 6, 1};
  const Conv2d first(net.layout, "first", 1, ThinConvolutionForm::block,
                     {.kernel = kernel, .padding = kernel / 2, .activation = f, .max_pool = 2});
  net.run = [&](Tape& tape, Value x) { return first(tape, x); };
  net.check();
}

TEST_CASE("pooling carries gradients, with and without overlap, borders and blocks") {
  const nn::Window window = GENERATE(nn::Window{2, 2}, nn::Window{3, 3}, nn::Window{3, 2}, nn::Window{2, 1});
  const int kind = GENERATE(0, 1, 2);
  const Shape images = GENERATE(Shape{2, 1, 7, 8, 3}, Shape{2, 2, 7, 8, 2});
  Network net;
  const Index pixels = images.size() / images[0];
  net.input_shape = {2, 5};
  const Linear source(net.layout, "source", 5, pixels);
  net.run = [&](Tape& tape, Value x) {
    const Value image = tape.reshape(source(tape, x), images);
    if (kind == 0) return nn::flatten(tape, nn::max_pool(tape, image, window));
    if (kind == 1) return nn::flatten(tape, nn::average_pool(tape, image, window));
    return nn::global_average_pool(tape, image);
  };
  net.check();
}

TEST_CASE("flattening puts channels last whatever the blocking") {
  Network net;
  net.input_shape = {1, 2, 1, 2, 2};  // channels 0, 1 | 2, 3 at two positions
  net.fill(1);
  for (Index i = 0; i < 8; ++i) net.input(i) = static_cast<Scalar>(i);
  ForwardPass pass;
  net.tape.begin(net.layout, pass, Recording::off);
  const Value y = nn::flatten(net.tape, net.tape.input({net.input.data(), net.input_shape}));
  const Scalar expected[] = {0, 1, 4, 5, 2, 3, 6, 7};
  for (Index i = 0; i < 8; ++i) CHECK(net.tape[y].data[i] == expected[i]);
}

TEST_CASE("normalisation's gradient is the derivative of the loss, in training and in evaluation mode") {
  const auto kind = GENERATE(NormKind::batch, NormKind::layer, NormKind::rms);
  const bool train = GENERATE(true, false);
  const Shape images = GENERATE(Shape{19, 4}, Shape{3, 2, 2, 3, 2}, Shape{5, 37});
  const Index channels = images.rank == 2 ? images[1] : 4;
  Network net;
  net.train_mode = train;
  const Index size = images.size() / images[0];
  net.input_shape = {images[0], 5};
  const Linear source(net.layout, "source", 5, size);
  const nn::Normalisation norm(net.plan, "norm", kind, channels);
  net.run = [&](Tape& tape, Value x) { return norm(tape, tape.reshape(source(tape, x), images)); };
  net.check();
}

TEST_CASE("normalised outputs have mean 0 and variance 1 per channel or per example") {
  const auto kind = GENERATE(NormKind::batch, NormKind::layer);
  Network net;
  net.input_shape = {6, 2, 2, 2, 2};
  const nn::Normalisation norm(net.plan, "norm", kind, 4);
  net.fill(3);
  initialise(net.layout, RandomStream(1, Purpose::initialisation), net.params);
  ForwardPass pass;
  pass.params = net.params;
  pass.model_state = net.model_state;
  net.tape.begin(net.layout, pass, Recording::off);
  const Tensor y = net.tape[norm(net.tape, net.tape.input({net.input.data(), net.input_shape}))];
  const bool per_channel = kind == NormKind::batch;
  for (Index group = 0; group < (per_channel ? 4 : 6); ++group) {
    double sum = 0, squares = 0, count = 0;
    for (Index n = 0; n < 6; ++n)
      for (Index block = 0; block < 2; ++block)
        for (Index p = 0; p < 4; ++p)
          for (Index c = 0; c < 2; ++c) {
            if ((per_channel ? 2 * block + c : n) != group) continue;
            const double v = y.data[((n * 2 + block) * 4 + p) * 2 + c];
            sum += v;
            squares += v * v;
            count += 1;
          }
    CHECK_THAT(sum / count, WithinAbs(0, 1e-14));
    // Short of 1 by epsilon / variance: 1e-5 over a variance near a third of uniform numbers in +-1.
    CHECK_THAT(squares / count, WithinAbs(1, 1e-4));
  }
}

TEST_CASE("rms norm gives every example a mean square of 1 and keeps its direction") {
  Network net;
  net.input_shape = {6, 21};
  const nn::Normalisation norm(net.plan, "norm", NormKind::rms, 21);
  CHECK(net.layout.size() == 21);
  net.fill(3);
  initialise(net.layout, RandomStream(1, Purpose::initialisation), net.params);
  ForwardPass pass;
  pass.params = net.params;
  net.tape.begin(net.layout, pass, Recording::off);
  const Tensor y = net.tape[norm(net.tape, net.tape.input({net.input.data(), net.input_shape}))];
  for (Index n = 0; n < 6; ++n) {
    double squares = 0;
    for (Index c = 0; c < 21; ++c) squares += y.data[21 * n + c] * y.data[21 * n + c] / 21;
    // Short of 1 by 1e-6 over a mean square near a third.
    CHECK_THAT(squares, WithinAbs(1, 1e-5));
    for (Index c = 0; c < 21; ++c)
      CHECK_THAT(y.data[21 * n + c] * net.input(21 * n), WithinAbs(y.data[21 * n] * net.input(21 * n + c), 1e-15));
  }
}

TEST_CASE("batch statistics are kept only where a pass has a place for them, and serve evaluation") {
  Network net;
  net.input_shape = {8, 3};
  const nn::Normalisation norm(net.plan, "norm", NormKind::batch, 3);
  net.run = [&](Tape& tape, Value x) { return norm(tape, x); };
  net.fill(2);
  static_cast<void>(net.gradient());
  for (Index i = 0; i < 6; ++i) CHECK(net.model_state(i) == (i < 3 ? 0 : 1));
  net.new_model_state = Vector("new", 6);
  static_cast<void>(net.gradient());
  for (Index c = 0; c < 3; ++c) {
    double mean = 0, squares = 0;
    for (Index i = 0; i < 8; ++i) mean += net.input(3 * i + c) / 8;
    for (Index i = 0; i < 8; ++i) squares += (net.input(3 * i + c) - mean) * (net.input(3 * i + c) - mean);
    CHECK_THAT(net.new_model_state(c), WithinAbs(0.1 * mean, 1e-15));
    CHECK_THAT(net.new_model_state(3 + c), WithinAbs(0.9 + 0.1 * squares / 7, 1e-15));
  }
}

TEST_CASE("dropout keeps the expectation, repeats for a stream, and is the identity in evaluation") {
  Network net;
  net.input_shape = {100, 100};
  const nn::Dropout dropout(net.plan, 0.25);
  const Linear unused(net.layout, "unused", 1, 1);
  net.fill(1);
  Kokkos::deep_copy(net.input, Scalar(1));
  const auto run = [&](bool train, std::uint64_t seed, std::optional<double> rate) {
    ForwardPass pass;
    pass.train_mode = train;
    pass.random = RandomStream(seed, Purpose::dropout, 1);
    pass.dropout_rate = rate;
    net.tape.begin(net.layout, pass, Recording::off);
    const Tensor y = net.tape[dropout(net.tape, net.tape.input({net.input.data(), net.input_shape}))];
    return std::vector<Scalar>(y.data, y.data + y.size());
  };
  const auto once = run(true, 1, {});
  double zeros = 0;
  for (const Scalar v : once) {
    CHECK((v == 0 || v == Scalar(1) / Scalar(0.75)));
    zeros += v == 0 ? 1 : 0;
  }
  // Binomial with standard deviation sqrt(10000 * 0.25 * 0.75) = 43; five of them.
  CHECK_THAT(zeros, WithinAbs(2500, 217));
  CHECK(run(true, 1, {}) == once);
  CHECK(run(true, 2, {}) != once);
  CHECK(run(false, 1, {}) == std::vector<Scalar>(10000, 1));
  CHECK(run(true, 1, 0.0) == std::vector<Scalar>(10000, 1));
}

TEST_CASE("dropout's gradient is the derivative of the loss") {
  Network net;
  net.input_shape = {3, 5};
  const Linear first(net.layout, "first", 5, 7);
  const nn::Dropout dropout(net.plan, 0.4);
  const Linear second(net.layout, "second", 7, 4);
  net.run = [&](Tape& tape, Value x) { return second(tape, dropout(tape, first(tape, x))); };
  net.check();
}

TEST_CASE("an embedding's gradient is the derivative of the loss, for entries taken often, once and never") {
  Network net;
  net.input_shape = {1};
  const nn::Embedding embedding(net.layout, "embedding", 6, 5);
  const Linear second(net.layout, "second", 5, 2);
  Kokkos::View<std::int32_t*, MemorySpace> indices("indices", 5);
  const std::int32_t taken[] = {3, 0, 3, 5, 3};
  for (std::size_t i = 0; i < 5; ++i) indices(i) = taken[i];
  net.run = [&](Tape& tape, Value) { return second(tape, embedding(tape, indices.data(), 5)); };
  net.check();
}

TEST_CASE("a table that is also the output gets the gradient of both uses") {
  Network net;
  net.input_shape = {1};
  const nn::Embedding embedding(net.layout, "embedding", 6, 5);
  const Linear between(net.layout, "between", 5, 5, {.activation = Activation::tanh});
  Kokkos::View<std::int32_t*, MemorySpace> indices("indices", 4);
  const std::int32_t taken[] = {3, 0, 3, 5};
  for (std::size_t i = 0; i < 4; ++i) indices(i) = taken[i];
  net.run = [&](Tape& tape, Value) {
    return embedding.scores(tape, between(tape, embedding(tape, indices.data(), 4)));
  };
  net.check();
}

TEST_CASE("softmax cross-entropy over more classes than lanes is the textbook's, and its gradient the derivative") {
  const double smoothing = GENERATE(0.0, 0.1);
  const Index classes = GENERATE(16, 41);
  Network net;
  net.input_shape = {3, 4};
  const Linear layer(net.layout, "layer", 4, classes);
  net.fill(3);
  Kokkos::View<std::uint8_t*, MemorySpace> labels("labels", 3);
  labels(0) = 15;
  labels(2) = static_cast<std::uint8_t>(classes - 1);
  const auto loss = [&](Recording recording, double& textbook) {
    ForwardPass pass;
    pass.params = net.params;
    net.tape.begin(net.layout, pass, recording);
    const Value z = layer(net.tape, net.tape.input({net.input.data(), net.input_shape}));
    textbook = 0;
    for (Index i = 0; i < 3; ++i) {
      const Scalar* row = net.tape[z].data + classes * i;
      double sum = 0, dot = 0;
      for (Index j = 0; j < classes; ++j) {
        sum += std::exp(row[j]);
        dot += (smoothing / static_cast<double>(classes) +
                (j == labels(static_cast<std::size_t>(i)) ? 1 - smoothing : 0)) *
               row[j];
      }
      textbook += (std::log(sum) - dot) / 3;
    }
    return nn::softmax_cross_entropy(net.tape, z, labels.data(), smoothing, net.reduction);
  };
  double textbook = 0;
  // Forty operations on numbers of size ten.
  const double value = loss(Recording::on, textbook);
  CHECK_THAT(value, WithinAbs(textbook, 5e-14));
  Vector gradient("gradient", net.params.extent(0));
  net.tape.backward(gradient);
  test::check_gradient(net.layout, net.params, gradient, [&] { return loss(Recording::off, textbook); });
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
