// Layers over sequences of different lengths. In double: against central differences (gradient_check.hpp), and against
// plain loops over one sequence at a time. Those differ by sums of at most a few hundred terms below ten in another order:
// 300 * 10 * 2^-53 = 4e-13 is allowed as 1e-12.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "tests/nn/gradient_check.hpp"
#include "workloads/nn/frame_convolution.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"
#include "workloads/nn/lstm.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/spec_augment.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::Frames;
using nn::Recording;
using nn::Tape;
using nn::Value;

/// Sequences of 7, 5, 5, 2, 1 frames: 20 in 64 rows.
const std::vector<Index> lengths = {7, 5, 5, 2, 1};

/// A network over frames. The loss is the mean squared distance of the rows that hold a frame from a target.
struct SequenceNetwork {
  nn::ModelPlan plan;
  ParameterLayout& layout = plan.layout;
  Frames frames, half;
  Index in = 0, out = 0;
  bool halves = false;  ///< whether the output has half the frames
  std::function<Value(Tape&, Value)> run;
  bool train_mode = true;

  Vector params, input, model_state, new_model_state;
  Tape tape;
  std::vector<double> output;  ///< of the last forward pass

  explicit SequenceNetwork(const std::vector<Index>& of = lengths) {
    frames.assign(of);
    half.assign_half_of(frames);
  }
  [[nodiscard]] const Frames& out_frames() const { return halves ? half : frames; }
  /// Inputs are a function of sequence, time and column alone; rows without a frame hold large numbers.
  void fill() {
    params = Vector("params", static_cast<std::size_t>(layout.size()));
    model_state = Vector("model_state", static_cast<std::size_t>(plan.state_size()));
    plan.initialise_state(model_state);
    fill_uniform(RandomStream(1, Purpose::workload), -0.8, 0.8, params);
    input = Vector("input", static_cast<std::size_t>(frames.rows() * in));
    Kokkos::deep_copy(input, Scalar(1000));
    for (Index b = 0; b < frames.sequences(); ++b)
      for (Index t = 0; t < frames.length(b); ++t)
        for (Index c = 0; c < in; ++c) input(frames.row(b, t) * in + c) = number(b, t, c);
  }
  static Scalar number(Index b, Index t, Index c) {
    return std::sin(static_cast<Scalar>(1 + 17 * b + 5 * t + 3 * c + b * c * t));
  }
  double loss(Recording recording = Recording::off) {
    ForwardPass pass;
    pass.params = params;
    pass.model_state = model_state;
    pass.new_model_state = new_model_state;
    pass.train_mode = train_mode;
    tape.begin(layout, pass, recording);
    const Value y = run(tape, tape.input({input.data(), {frames.rows(), in}}));
    const Tensor values = tape[y];
    output.assign(values.data, values.data + values.size());
    Scalar* gradient = recording == Recording::on ? tape.gradient_target(y).data : nullptr;
    if (gradient != nullptr) std::fill(gradient, gradient + values.size(), 0);
    double sum = 0;
    const auto count = static_cast<double>(out_frames().count() * out);
    for (Index b = 0; b < out_frames().sequences(); ++b)
      for (Index t = 0; t < out_frames().length(b); ++t)
        for (Index c = 0; c < out; ++c) {
          const Index at = out_frames().row(b, t) * out + c;
          const double d = values.data[at] - number(b + 3, t, c);
          sum += d * d / count;
          if (gradient != nullptr) gradient[at] = 2 * d / count;
        }
    return sum;
  }
  Vector gradient() {
    Vector g("gradient", params.extent(0));
    Kokkos::deep_copy(g, std::numeric_limits<Scalar>::quiet_NaN());
    static_cast<void>(loss(Recording::on));
    tape.backward(g);
    return g;
  }
  void check() {
    fill();
    test::check_gradient(layout, params, gradient(), [this] { return loss(); });
  }
  [[nodiscard]] double at(Index b, Index t, Index c) const {
    return output[static_cast<std::size_t>(out_frames().row(b, t) * out + c)];
  }
};

TEST_CASE("frames lie by time, then by sequence, in few different numbers of rows") {
  Frames frames;
  frames.assign(lengths);
  CHECK(frames.sequences() == 5);
  CHECK(frames.steps() == 7);
  CHECK(frames.count() == 20);
  CHECK(frames.rows() == 64);
  const std::vector<Index> active = {8, 4, 4, 4, 4, 4, 4};
  for (Index t = 0; t < 7; ++t) CHECK(frames.active(t) == active[static_cast<std::size_t>(t)]);
  CHECK(frames.active(-1) == 0);
  CHECK(frames.active(7) == 0);
  CHECK(frames.row(2, 4) == 8 + 3 * 4 + 2);

  const nn::FrameTable table = frames.table();
  std::vector<Index> seen(5);
  for (Index row = 0; row < frames.rows(); ++row) {
    const Index b = table.sequence[row];
    if (b < 0) continue;
    CHECK(frames.row(b, table.step[row]) == row);
    CHECK(table.step[row] < table.length[b]);
    ++seen[static_cast<std::size_t>(b)];
  }
  CHECK(seen == lengths);
}

TEST_CASE("half the frames are every second one, the first included") {
  Frames frames, half, quarter;
  frames.assign(lengths);
  half.assign_half_of(frames);
  quarter.assign_half_of(half);
  const std::vector<Index> halves = {4, 3, 3, 1, 1}, quarters = {2, 2, 2, 1, 1};
  for (Index b = 0; b < 5; ++b) {
    CHECK(half.length(b) == halves[static_cast<std::size_t>(b)]);
    CHECK(quarter.length(b) == quarters[static_cast<std::size_t>(b)]);
  }
  CHECK(quarter.steps() == 2);
}

TEST_CASE("sequences that are empty or not sorted are refused") {
  Frames frames;
  CHECK_THROWS_AS(frames.assign(std::vector<Index>{}), std::logic_error);
  CHECK_THROWS_AS(frames.assign(std::vector<Index>{3, 0}), std::logic_error);
  CHECK_THROWS_AS(frames.assign(std::vector<Index>{3, 4}), std::logic_error);
}

TEST_CASE("a convolution over frames is the sum over a window of its own sequence") {
  const auto f = GENERATE(nn::Activation::none, nn::Activation::relu, nn::Activation::gelu);
  const Index bins = GENERATE(4, 5);
  SequenceNetwork net;
  net.in = bins * 2;
  net.halves = true;
  const nn::FrameConvolution layer(net.layout, "layer", bins, 2, 3, f);
  net.out = layer.out_bins() * 3;
  net.run = [&](Tape& tape, Value x) { return layer(tape, x, net.frames, net.half); };
  net.fill();
  static_cast<void>(net.loss());
  for (Index b = 0; b < 5; ++b)
    for (Index t = 0; t < net.half.length(b); ++t)
      for (Index bin = 0; bin < layer.out_bins(); ++bin)
        for (Index o = 0; o < 3; ++o) {
          double sum = net.params(54 + o);
          for (Index c = 0; c < 2; ++c)
            for (Index i = 0; i < 3; ++i)
              for (Index j = 0; j < 3; ++j) {
                const Index time = 2 * t + i - 1, place = 2 * bin + j - 1;
                if (time < 0 || time >= net.frames.length(b) || place < 0 || place >= bins) continue;
                sum += net.params(((o * 2 + c) * 3 + i) * 3 + j) * SequenceNetwork::number(b, time, place * 2 + c);
              }
          if (f == nn::Activation::relu) sum = std::max(sum, 0.0);
          if (f == nn::Activation::gelu) sum *= 0.5 * (1 + std::erf(sum / std::sqrt(2.0)));
          CHECK_THAT(net.at(b, t, bin * 3 + o), WithinAbs(sum, 1e-12));
        }
}

TEST_CASE("a convolution over frames has the derivative of the loss as its gradient, through two layers") {
  const auto f = GENERATE(nn::Activation::none, nn::Activation::gelu, nn::Activation::tanh);
  SequenceNetwork net;
  net.in = 6;
  net.out = 4;
  net.halves = true;
  Frames between;
  between.assign_half_of(net.frames);
  net.half.assign_half_of(between);
  const nn::FrameConvolution first(net.layout, "first", 6, 1, 2, f), second(net.layout, "second", 3, 2, 2, f);
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x, net.frames, between), between, net.half); };
  net.check();
}

/// One sequence through one direction, states by time.
std::vector<std::vector<double>> plain_lstm(const Vector& p, Index in, Index hidden, Index b, Index length,
                                            bool reverse, Index offset) {
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const Index weight_state = offset + 4 * hidden * in, bias = weight_state + 4 * hidden * hidden;
  std::vector<double> h(static_cast<std::size_t>(hidden)), c(h);
  std::vector<std::vector<double>> states(static_cast<std::size_t>(length));
  for (Index s = 0; s < length; ++s) {
    const Index t = reverse ? length - 1 - s : s;
    std::vector<double> a(static_cast<std::size_t>(4 * hidden));
    for (Index g = 0; g < 4 * hidden; ++g) {
      double& sum = a[static_cast<std::size_t>(g)] = p(bias + g);
      for (Index k = 0; k < in; ++k) sum += p(offset + g * in + k) * SequenceNetwork::number(b, t, k);
      for (Index k = 0; k < hidden; ++k) sum += p(weight_state + g * hidden + k) * h[static_cast<std::size_t>(k)];
    }
    const auto n = static_cast<std::size_t>(hidden);
    for (std::size_t j = 0; j < n; ++j) {
      c[j] = logistic(a[n + j]) * c[j] + logistic(a[j]) * std::tanh(a[2 * n + j]);
      h[j] = logistic(a[3 * n + j]) * std::tanh(c[j]);
    }
    states[static_cast<std::size_t>(t)] = h;
  }
  return states;
}

TEST_CASE("an LSTM is the recurrence of its equations, each sequence on its own, in either direction") {
  const Index in = 3, hidden = 4;
  const bool bidirectional = GENERATE(false, true);
  SequenceNetwork net;
  net.in = in;
  net.out = bidirectional ? 2 * hidden : hidden;
  const nn::Lstm layer(net.layout, "layer", in, hidden, bidirectional);
  net.run = [&](Tape& tape, Value x) { return layer(tape, x, net.frames); };
  net.fill();
  static_cast<void>(net.loss());
  const Index direction_size = 4 * hidden * (in + hidden + 1);
  REQUIRE(net.layout.size() == direction_size * (bidirectional ? 2 : 1));
  for (Index b = 0; b < 5; ++b)
    for (const bool reverse : {false, true}) {
      if (reverse && !bidirectional) continue;
      const auto states =
          plain_lstm(net.params, in, hidden, b, net.frames.length(b), reverse, reverse ? direction_size : 0);
      for (Index t = 0; t < net.frames.length(b); ++t)
        for (Index j = 0; j < hidden; ++j)
          CHECK_THAT(net.at(b, t, (reverse ? hidden : 0) + j),
                     WithinAbs(states[static_cast<std::size_t>(t)][static_cast<std::size_t>(j)], 1e-12));
    }
}

TEST_CASE("an LSTM's gradient is the derivative of the loss, through two layers") {
  const bool bidirectional = GENERATE(false, true);
  const std::vector<Index> some =
      GENERATE(std::vector<Index>{7, 5, 5, 2, 1}, std::vector<Index>{1, 1}, std::vector<Index>{4});
  SequenceNetwork net(some);
  net.in = 2;
  const Index width = bidirectional ? 6 : 3;
  net.out = width;
  const nn::Lstm first(net.layout, "first", 2, 3, bidirectional), second(net.layout, "second", width, 3, bidirectional);
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x, net.frames), net.frames); };
  net.check();
}

TEST_CASE("masked batch norm takes its statistics over the frames alone, and its gradient is the derivative") {
  SequenceNetwork net;
  net.in = 3;
  net.out = 4;
  const nn::Linear source(net.layout, "source", 3, 4);
  const nn::Normalisation norm(net.plan, "norm", nn::NormKind::batch, 4);
  const nn::Linear last(net.layout, "last", 4, 4, {.activation = nn::Activation::tanh});
  net.run = [&](Tape& tape, Value x) {
    return last(tape, norm(tape, source(tape, x), {net.frames.table().sequence, net.frames.count()}));
  };
  net.check();
  net.train_mode = false;
  net.check();
}

TEST_CASE("running statistics of masked batch norm are those of the frames") {
  SequenceNetwork net;
  net.in = net.out = 3;
  const nn::Normalisation norm(net.plan, "norm", nn::NormKind::batch, 3);
  net.run = [&](Tape& tape, Value x) { return norm(tape, x, {net.frames.table().sequence, net.frames.count()}); };
  net.fill();
  net.new_model_state = Vector("new", 6);
  static_cast<void>(net.loss());
  for (Index c = 0; c < 3; ++c) {
    double mean = 0, squares = 0;
    const auto over_frames = [&](auto&& visit) {
      for (Index b = 0; b < 5; ++b)
        for (Index t = 0; t < net.frames.length(b); ++t) visit(SequenceNetwork::number(b, t, c));
    };
    over_frames([&](double x) { mean += x / 20; });
    over_frames([&](double x) { squares += (x - mean) * (x - mean); });
    CHECK_THAT(net.new_model_state(c), WithinAbs(0.1 * mean, 1e-15));
    CHECK_THAT(net.new_model_state(3 + c), WithinAbs(0.9 + 0.1 * squares / 19, 1e-15));
  }
}

TEST_CASE("a sequence gives the same numbers alone and beside longer and shorter ones") {
  const auto outputs = [](const std::vector<Index>& of, Index sequence) {
    SequenceNetwork net(of);
    net.in = 4;
    net.halves = true;
    const nn::FrameConvolution conv(net.layout, "conv", 4, 1, 3, nn::Activation::tanh);
    const nn::Lstm lstm(net.layout, "lstm", 6, 5, true);
    net.out = 10;
    net.run = [&](Tape& tape, Value x) { return lstm(tape, conv(tape, x, net.frames, net.half), net.half); };
    net.fill();
    // Whatever its number in the batch, the sequence has the same frames.
    for (Index t = 0; t < net.frames.length(sequence); ++t)
      for (Index c = 0; c < 4; ++c) net.input(net.frames.row(sequence, t) * 4 + c) = SequenceNetwork::number(50, t, c);
    static_cast<void>(net.loss());
    std::vector<double> out;
    for (Index t = 0; t < net.half.length(sequence); ++t)
      for (Index c = 0; c < 10; ++c) out.push_back(net.at(sequence, t, c));
    return out;
  };
  const auto alone = outputs({6}, 0), among = outputs({30, 11, 6, 6, 3, 1}, 2);
  REQUIRE(alone.size() == among.size());
  // Library products may add in another order for another number of rows: sums of 11 terms below one.
  for (std::size_t i = 0; i < alone.size(); ++i) CHECK_THAT(among[i], WithinAbs(alone[i], 1e-13));
}

TEST_CASE(
    "SpecAugment hides whole bands and stretches of each sequence, repeats for a stream, and is off in evaluation") {
  const std::vector<Index> long_ones = {400, 400, 200, 60, 10};
  SequenceNetwork net(long_ones);
  const Index bins = 40;
  const nn::SpecAugment augment(net.plan);
  std::vector<Scalar> ones(static_cast<std::size_t>(net.frames.rows() * bins), 1);
  const auto run = [&](bool train, std::uint64_t seed) {
    ForwardPass pass;
    pass.train_mode = train;
    pass.random = RandomStream(seed, Purpose::augmentation, 1);
    net.tape.begin(net.layout, pass, Recording::off);
    const Value x = net.tape.input({ones.data(), {net.frames.rows(), bins}});
    const Tensor y = net.tape[augment(net.tape, x, net.frames)];
    return std::vector<Scalar>(y.data, y.data + y.size());
  };
  const auto once = run(true, 1);
  CHECK(run(true, 1) == once);
  CHECK(run(true, 2) != once);
  CHECK(run(false, 1) == ones);
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto y = run(true, seed);
    for (Index b = 0; b < 5; ++b) {
      // A bin is hidden in every frame, or in those frames alone that are hidden whole.
      const Index length = net.frames.length(b);
      const auto shown = [&](Index t, Index i) {
        return y[static_cast<std::size_t>(net.frames.row(b, t) * bins + i)] != 0;
      };
      std::vector<bool> frame(static_cast<std::size_t>(length)), bin(bins);
      for (Index t = 0; t < length; ++t)
        for (Index i = 0; i < bins; ++i)
          if (shown(t, i)) frame[static_cast<std::size_t>(t)] = bin[static_cast<std::size_t>(i)] = true;
      Index hidden_frames = 0, hidden_bins = 0;
      for (Index t = 0; t < length; ++t)
        for (Index i = 0; i < bins; ++i)
          REQUIRE(shown(t, i) == (frame[static_cast<std::size_t>(t)] && bin[static_cast<std::size_t>(i)]));
      for (const bool f : frame) hidden_frames += f ? 0 : 1;
      for (const bool i : bin) hidden_bins += i ? 0 : 1;
      CHECK(hidden_bins <= 26);
      CHECK(hidden_frames <= 10 * std::min(Index{40}, length / 20));
    }
  }
}

}  // namespace
}  // namespace velo
