// Layers of sequences: rotary positions, attention, gated linear units.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <string>

#include "tests/nn/network.hpp"
#include "workloads/nn/attention.hpp"
#include "workloads/nn/gated_linear.hpp"
#include "workloads/nn/rotary.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::Activation;
using nn::AttentionKernels;
using nn::Linear;
using nn::Recording;
using nn::Tape;
using nn::Value;
using test::Network;

Tensor run(Network& net) {
  ForwardPass pass;
  pass.params = net.params;
  net.tape.begin(net.layout, pass, Recording::off);
  return net.tape[net.run(net.tape, net.tape.input({net.input.data(), net.input_shape}))];
}

TEST_CASE("a gate's gradient is the derivative of the loss, for every activation") {
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::tanh, Activation::sigmoid,
                          Activation::silu);
  Network net;
  net.input_shape = {11, 5};
  const nn::GatedLinear first(net.layout, "first", 5, 9, f, Initialiser::normal(1), Initialiser::normal(1));
  const nn::GatedLinear second(net.layout, "second", 5, 9, f, Initialiser::normal(1), Initialiser::normal(1));
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check();
}

TEST_CASE("a gate multiplies the first half of a row by the activation of the second") {
  Network net;
  net.input_shape = {2, 6};
  const Linear unused(net.layout, "unused", 1, 1);
  net.run = [&](Tape& tape, Value x) { return nn::gate(tape, Activation::sigmoid, x); };
  net.fill(1);
  const Tensor y = run(net);
  for (Index row = 0; row < 2; ++row)
    for (Index c = 0; c < 3; ++c)
      CHECK_THAT(y.data[3 * row + c],
                 WithinAbs(net.input(6 * row + c) / (1 + std::exp(-net.input(6 * row + 3 + c))), 1e-15));
}

TEST_CASE("turned queries and keys are unit vectors whose product depends on their distance alone") {
  const Index length = 9, heads = 3, size = 6, width = heads * size, padded = nn::padded_head(size);
  const nn::Rotary rotary(length, size, 500.0);
  Network net;
  net.input_shape = {2 * length, 3 * width};
  const Linear unused(net.layout, "unused", 1, 1);
  net.run = [&](Tape& tape, Value x) { return rotary(tape, x, heads, length); };
  net.fill(1);
  // Every position has the same query and the same key.
  for (Index row = 1; row < 2 * length; ++row)
    for (Index c = 0; c < 3 * width; ++c) net.input(row * 3 * width + c) = net.input(c);
  const Tensor y = run(net);
  CHECK(y.shape == Shape{3, 2 * heads, length, padded});
  const auto at = [&](Index part, Index n, Index t) { return y.data + ((part * 2 * heads + n) * length + t) * padded; };
  for (Index n = 0; n < 2 * heads; ++n)
    for (Index i = 0; i < length; ++i) {
      double square = 0;
      for (Index c = 0; c < padded; ++c) square += at(0, n, i)[c] * at(0, n, i)[c];
      // Short of 1 by 1e-6 over the squared norm of six numbers in +-1.
      CHECK_THAT(square, WithinAbs(1, 1e-5));
      for (Index c = 0; c < size; ++c) CHECK(at(2, n, i)[c] == net.input(2 * width + n % heads * size + c));
      for (Index j = 1; j <= i; ++j) {
        double product = 0, earlier = 0;
        for (Index c = 0; c < padded; ++c) {
          product += at(0, n, i)[c] * at(1, n, j)[c];
          earlier += at(0, n, i - 1)[c] * at(1, n, j - 1)[c];
        }
        CHECK_THAT(product, WithinAbs(earlier, 1e-14));
      }
    }
}

TEST_CASE("the angle of pair c at position t is t base^(-2 c / d)") {
  const nn::Rotary rotary(5, 4, 100.0);
  Network net;
  net.input_shape = {5, 12};
  const Linear unused(net.layout, "unused", 1, 1);
  net.run = [&](Tape& tape, Value x) { return rotary(tape, x, 1, 5); };
  net.fill(1);
  for (Index t = 0; t < 5; ++t)
    for (Index c = 0; c < 12; ++c)
      net.input(12 * t + c) = c == 0 || c == 5 ? 1 : 0;  // first of a pair, first of the next
  const Tensor y = run(net);
  const Index padded = nn::padded_head(4);
  for (Index t = 0; t < 5; ++t) {
    const auto angle = static_cast<double>(t);
    // Of unit length up to half of 1e-6.
    CHECK_THAT(y.data[t * padded], WithinAbs(std::cos(angle), 1e-6));
    CHECK_THAT(y.data[t * padded + 2], WithinAbs(std::sin(angle), 1e-6));
    CHECK_THAT(y.data[(5 + t) * padded + 1], WithinAbs(std::cos(angle / 10), 1e-6));
    CHECK_THAT(y.data[(5 + t) * padded + 3], WithinAbs(std::sin(angle / 10), 1e-6));
  }
}

TEST_CASE("rotary positions are refused for odd heads and for sequences that do not fit") {
  CHECK_THROWS_AS(nn::Rotary(5, 3, 100.0), std::logic_error);
  const nn::Rotary rotary(5, 4, 100.0);
  Network net;
  net.input_shape = {12, 12};
  const Linear unused(net.layout, "unused", 1, 1);
  Index length = 6;
  net.run = [&](Tape& tape, Value x) { return rotary(tape, x, 1, length); };
  net.fill(1);
  CHECK_THROWS_AS(run(net), std::logic_error);
  length = 5;
  CHECK_THROWS_AS(run(net), std::logic_error);
}

/// Lengths below, at and above the kernels' blocks of 16 queries and 32 keys; heads that fill registers and do not.
struct Case {
  Index sequences, length, heads, size;
};

nn::AttentionOptions options(AttentionKernels kernels) {
  return {.temperature = 1.3,
          .initial_scale = 2.0,
          .in_start = Initialiser::normal(1),
          .out_start = Initialiser::normal(1),
          .kernels = kernels};
}

TEST_CASE("attention's gradient is the derivative of the loss, for either kind of kernel") {
  const auto kernels = GENERATE(AttentionKernels::tiles, AttentionKernels::rows);
  const Case form = GENERATE(Case{2, 1, 2, 2}, Case{2, 5, 2, 2}, Case{1, 16, 1, 4}, Case{1, 33, 2, 2},
                             Case{1, 67, 1, 2}, Case{2, 6, 1, 18});
  Network net;
  const Index width = form.heads * form.size;
  net.input_shape = {form.sequences * form.length, 3};
  const Linear source(net.layout, "source", 3, width);
  const nn::Rotary rotary(form.length, form.size, 100.0);
  const nn::CausalAttention attention(net.layout, "attention", form.heads, rotary, options(kernels));
  net.run = [&](Tape& tape, Value x) { return attention(tape, source(tape, x), form.length); };
  net.check();
}

TEST_CASE("attention is the textbook's weighted mean over the past, for either kind of kernel") {
  const auto kernels = GENERATE(AttentionKernels::tiles, AttentionKernels::rows);
  const Case form = GENERATE(Case{3, 1, 2, 4}, Case{2, 50, 3, 6}, Case{1, 100, 2, 16}, Case{1, 40, 1, 128});
  const Index width = form.heads * form.size, length = form.length, padded = nn::padded_head(form.size);
  const nn::Rotary rotary(length, form.size, 1000.0);
  Network net;
  net.input_shape = {form.sequences * length, width};
  const nn::CausalAttention attention(net.layout, "attention", form.heads, rotary, options(kernels));
  net.run = [&](Tape& tape, Value x) { return attention(tape, x, length); };
  net.fill(1);
  const Tensor out = run(net);
  const std::vector<double> y(out.data, out.data + out.size());

  // The same from its parts, score by score.
  const ParameterBlock &in = net.layout[0], &scale = net.layout[1], &last = net.layout[2];
  Network parts;
  parts.input_shape = net.input_shape;
  const Linear product(parts.layout, "in", width, 3 * width, {.bias = false});
  parts.run = [&](Tape& tape, Value x) { return rotary(tape, product(tape, x), form.heads, length); };
  parts.fill(1);
  for (Index i = 0; i < in.size(); ++i) parts.params(i) = net.params(in.offset + i);
  const Tensor turned = run(parts);
  const Index count = form.sequences * form.heads;
  const auto at = [&](Index part, Index n, Index t) {
    return turned.data + ((part * count + n) * length + t) * padded;
  };
  std::vector<double> mean(static_cast<std::size_t>(form.sequences * length * width));
  for (Index n = 0; n < count; ++n)
    for (Index i = 0; i < length; ++i) {
      std::vector<double> weight(static_cast<std::size_t>(i + 1));
      double total = 0;
      for (Index j = 0; j <= i; ++j) {
        double score = 0;
        for (Index c = 0; c < form.size; ++c) score += at(0, n, i)[c] * at(1, n, j)[c];
        total += weight[static_cast<std::size_t>(j)] = std::exp(1.3 * net.params(scale.offset) * score);
      }
      for (Index j = 0; j <= i; ++j)
        for (Index c = 0; c < form.size; ++c)
          mean[static_cast<std::size_t>((n / form.heads * length + i) * width + n % form.heads * form.size + c)] +=
              weight[static_cast<std::size_t>(j)] / total * at(2, n, j)[c];
    }
  // Sums of up to 128 products of numbers below 128, twice: 2 x 128 x 2^-53 x 128.
  for (Index row = 0; row < form.sequences * length; ++row)
    for (Index o = 0; o < width; ++o) {
      double expected = 0;
      for (Index c = 0; c < width; ++c)
        expected += net.params(last.offset + o * width + c) * mean[static_cast<std::size_t>(row * width + c)];
      REQUIRE_THAT(y[static_cast<std::size_t>(row * width + o)], WithinAbs(expected, 4e-12));
    }
}

TEST_CASE("attention sees nothing of the future") {
  const auto kernels = GENERATE(AttentionKernels::tiles, AttentionKernels::rows);
  const Index length = 70, changed = 41;
  const nn::Rotary rotary(length, 4, 1000.0);
  Network net;
  net.input_shape = {length, 8};
  const nn::CausalAttention attention(net.layout, "attention", 2, rotary, options(kernels));
  net.run = [&](Tape& tape, Value x) { return attention(tape, x, length); };
  net.fill(1);
  Tensor out = run(net);
  const std::vector<double> before(out.data, out.data + out.size());
  for (Index c = 0; c < 8; ++c) net.input(changed * 8 + c) = 1e3 * static_cast<Scalar>(c + 1);
  out = run(net);
  for (Index i = 0; i < changed * 8; ++i) CHECK(out.data[i] == before[static_cast<std::size_t>(i)]);
  for (Index i = changed * 8; i < length * 8; ++i) CHECK(out.data[i] != before[static_cast<std::size_t>(i)]);
}

TEST_CASE("scores of any size give finite attention") {
  const auto kernels = GENERATE(AttentionKernels::tiles, AttentionKernels::rows);
  const Scalar scale = GENERATE(-1e6, 0.0, 1e6);
  const Index length = 40;
  const nn::Rotary rotary(length, 4, 1000.0);
  Network net;
  net.input_shape = {length, 4};
  const nn::CausalAttention attention(net.layout, "attention", 1, rotary, options(kernels));
  net.run = [&](Tape& tape, Value x) { return attention(tape, x, length); };
  net.fill(1);
  net.params(net.layout[1].offset) = scale;
  const Vector gradient = net.gradient();
  for (Index i = 0; i < net.layout.size(); ++i) CHECK(std::isfinite(gradient(i)));
}

TEST_CASE("memory of attention grows linearly with the length") {
  const auto kernels = GENERATE(AttentionKernels::tiles, AttentionKernels::rows);
  const auto memory = [&](Index length) {
    const nn::Rotary rotary(length, 8, 1000.0);
    Network net;
    net.input_shape = {length, 16};
    const nn::CausalAttention attention(net.layout, "attention", 2, rotary, options(kernels));
    net.run = [&](Tape& tape, Value x) { return attention(tape, x, length); };
    net.fill(1);
    net.target = Vector("target", static_cast<std::size_t>(length * 16));
    static_cast<void>(net.gradient());
    return net.tape.arena().capacity();
  };
  const Index shorter = memory(256), longer = memory(1024);
  // Four times, and less than one matrix of scores.
  CHECK(longer <= 4 * shorter);
  CHECK(longer < 1024 * 1024);
}

}  // namespace
}  // namespace velo
