// What a visitor of layers is shown, against the gradient of the same pass; and labels drawn from the predictions.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <vector>

#include "harness/device/thin_convolution.hpp"
#include "results/error.hpp"
#include "tests/workloads/classifier_track.hpp"
#include "workloads/nn/conv2d.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/pooling.hpp"

namespace velo {

WorkloadInfo fashion_mnist_cnn_workload_info();
WorkloadInfo fashion_mnist_mlp_workload_info();
WorkloadInfo fashion_resnet_workload_info();
WorkloadInfo flights_dlrm_workload_info();
WorkloadInfo prose_lm_workload_info();

namespace {

using nn::Activation;
using nn::Conv2d;
using nn::Linear;
using nn::NormKind;
using nn::Recording;
using nn::Tape;
using nn::Value;

/// The gradient that the records of a pass add up to, and by how much roundings may separate it from the tape's.
struct Accounts : LayerVisitor {
  explicit Accounts(const ParameterLayout& l)
      : layout(l), sums(length(l.size()), 0.0), sizes(sums), rows(length(l.size()), 0) {}

  void visit(const LayerRecord& layer) override {
    ++visits;
    examples = layer.examples;
    const ParameterBlock& weight = layout[layer.weight];
    const Index count = layer.inputs.shape[0], in = layer.inputs.shape[1], out = layer.output_gradients.shape[1];
    REQUIRE(layer.output_gradients.shape[0] == count);
    REQUIRE(count % layer.examples == 0);
    const bool scale = weight.shape.rank == 1;
    REQUIRE(weight.size() == (scale ? in : in * out));
    const Scalar *x = layer.inputs.data, *g = layer.output_gradients.data;
    for (Index r = 0; r < count; ++r)
      for (Index o = 0; o < out; ++o) {
        if (layer.bias) add(layout[*layer.bias].offset + o, g[r * out + o], count);
        if (scale) add(weight.offset + o, g[r * out + o] * x[r * out + o], count);
        for (Index i = 0; !scale && i < in; ++i) add(weight.offset + o * in + i, g[r * out + o] * x[r * in + i], count);
      }
  }
  void add(Index at, double term, Index count) {
    sums[length(at)] += term;
    sizes[length(at)] += std::abs(term);
    rows[length(at)] = count;
  }
  [[nodiscard]] bool shown(const ParameterBlock& block) const { return rows[length(block.offset)] > 0; }
  /// Two sums of as many terms, each term with up to 8 roundings of its own (a normalised input, a scaled gradient).
  void agree_with(const Vector& gradient) const {
    for (const ParameterBlock& block : layout.blocks())
      for (Index i = block.offset; shown(block) && i < block.offset + block.size(); ++i) {
        INFO(block.name << "[" << i - block.offset << "]");
        const double roundings = 2.0 * static_cast<double>(rows[length(i)] + 8);
        REQUIRE(std::abs(gradient(length(i)) - sums[length(i)]) <=
                roundings * std::numeric_limits<double>::epsilon() * sizes[length(i)]);
      }
  }
  static std::size_t length(Index n) { return static_cast<std::size_t>(n); }

  const ParameterLayout& layout;
  std::vector<double> sums, sizes;
  std::vector<Index> rows;
  int visits = 0;
  Index examples = 0;
};

struct Network {
  nn::ModelPlan plan;
  ParameterLayout& layout = plan.layout;
  Shape input_shape;
  std::function<Value(Tape&, Value)> run;
  bool train_mode = true;

  Vector params, input, target, model_state;
  Tape tape;
  Reduction reduction;

  void fill() {
    params = Vector("params", static_cast<std::size_t>(layout.size()));
    input = Vector("input", static_cast<std::size_t>(input_shape.size()));
    target = Vector("target", 4096);
    model_state = Vector("model_state", static_cast<std::size_t>(plan.state_size()));
    plan.initialise_state(model_state);
    const RandomStream stream(1, Purpose::workload);
    fill_uniform(stream.fork(0), -0.8, 0.8, params);
    fill_uniform(stream.fork(1), -1.0, 1.0, input);
    fill_uniform(stream.fork(2), -1.0, 1.0, target);
  }
  Vector gradient(LayerVisitor* visitor, bool sampled = false) {
    ForwardPass pass;
    pass.params = params;
    pass.model_state = model_state;
    pass.train_mode = train_mode;
    pass.layers = visitor;
    pass.sampled_labels = sampled;
    tape.begin(layout, pass, Recording::on, input_shape[0]);
    const Value y = run(tape, tape.input({input.data(), input_shape}));
    static_cast<void>(nn::mean_squared_error(tape, y, target.data(), reduction));
    Vector out("gradient", params.extent(0));
    tape.backward(out);
    return out;
  }
  void check(int visits) {
    fill();
    Accounts accounts(layout);
    const Vector shown = gradient(&accounts);
    CHECK(accounts.visits == visits);
    CHECK(accounts.examples == input_shape[0]);
    CHECK(std::find(accounts.rows.begin(), accounts.rows.end(), 0) == accounts.rows.end());
    accounts.agree_with(shown);
    accounts.agree_with(gradient(nullptr));
  }
};

TEST_CASE("a linear layer's record makes its gradient, for every activation, and for a layer used twice") {
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu, Activation::tanh);
  const bool bias = GENERATE(true, false);
  Network net;
  net.input_shape = {3, 5};
  const Linear first(net.layout, "first", 5, 7, {.activation = f, .bias = bias});
  const Linear second(net.layout, "second", 7, 7, {.activation = f, .bias = bias});
  net.run = [&](Tape& tape, Value x) { return second(tape, second(tape, first(tape, x))); };
  net.check(3);
}

TEST_CASE("a linear layer that runs over positions shows each as a row") {
  Network net;
  net.input_shape = {2, 12};
  const Linear layer(net.layout, "layer", 4, 3);
  net.run = [&](Tape& tape, Value x) { return layer(tape, tape.reshape(x, {6, 4})); };
  net.check(1);
}

TEST_CASE("a convolution's record makes its gradient, with every follower") {
  const auto f = GENERATE(Activation::none, Activation::relu, Activation::gelu);
  const Index pool = GENERATE(1, 2, 3);
  const bool bias = GENERATE(true, false);
  Network net;
  net.input_shape = {2, 2, 8, 10, 3};
  const Conv2d first(net.layout, "first", 6, 3, {.kernel = 3, .padding = 1, .activation = f, .bias = bias});
  const Conv2d second(net.layout, "second", 3, 2,
                      {.kernel = 3, .stride = 1, .padding = 0, .activation = f, .bias = bias, .max_pool = pool});
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check(2);
}

TEST_CASE("records of strided convolutions make their gradients") {
  const Index stride = GENERATE(1, 2, 3);
  Network net;
  net.input_shape = {2, 1, 9, 7, 2};
  const Conv2d first(net.layout, "first", 2, 3, {.kernel = 5, .stride = 2, .padding = 2});
  const Conv2d second(net.layout, "second", 3, 2, {.kernel = 1, .stride = stride, .padding = 0});
  net.run = [&](Tape& tape, Value x) { return second(tape, first(tape, x)); };
  net.check(2);
}

TEST_CASE("the fused first layer shows what it does not have by itself") {
  Network net;
  net.input_shape = {3, 1, 8, 6, 1};
  const Conv2d first(net.layout, "first", 1, ThinConvolutionForm::block,
                     {.kernel = 3, .padding = 1, .activation = Activation::relu, .max_pool = 2});
  net.run = [&](Tape& tape, Value x) { return first(tape, x); };
  net.check(1);
}

TEST_CASE("a normalisation's record makes its gradient, in training and in evaluation mode") {
  const auto kind = GENERATE(NormKind::batch, NormKind::layer);
  const Shape images = GENERATE(Shape{19, 4}, Shape{3, 2, 2, 3, 2});
  Network net;
  net.train_mode = GENERATE(true, false);
  net.input_shape = {images[0], 5};
  const Linear source(net.layout, "source", 5, images.size() / images[0]);
  const nn::Normalisation norm(net.plan, "norm", kind, 4);
  net.run = [&](Tape& tape, Value x) { return norm(tape, tape.reshape(source(tape, x), images)); };
  net.check(2);
}

TEST_CASE(
    "after its first shown pass a network allocates nothing, and a pass without a visitor needs no more than before") {
  Network net;
  net.input_shape = {2, 1, 8, 10, 2};
  const Conv2d first(net.layout, "first", 2, 3);
  const nn::Normalisation norm(net.plan, "norm", NormKind::batch, 3);
  net.run = [&](Tape& tape, Value x) { return norm(tape, first(tape, x)); };
  net.fill();
  static_cast<void>(net.gradient(nullptr));
  const Index plain = net.tape.arena().capacity();
  Accounts accounts(net.layout);
  static_cast<void>(net.gradient(&accounts));
  CHECK(net.tape.arena().capacity() > plain);
  const auto allocations = net.tape.arena().system_allocations();
  for (int i = 0; i < 3; ++i) static_cast<void>(net.gradient(i == 1 ? nullptr : &accounts));
  CHECK(net.tape.arena().system_allocations() == allocations);
}

TEST_CASE("a pass with a visitor and no number of examples is refused") {
  Network net;
  Accounts accounts(net.layout);
  ForwardPass pass;
  pass.layers = &accounts;
  CHECK_THROWS_AS(net.tape.begin(net.layout, pass, Recording::on), std::logic_error);
}

/// What a gradient of a workload shows, which must make that gradient wherever a block is shown.
Accounts accounts_of(test::ClassifierTrack& track, Index examples) {
  const Batch batch = track.batch(examples);
  Accounts accounts(track.workload().layout());
  ForwardPass pass = track.pass();
  pass.layers = &accounts;
  Vector gradient("gradient", track.params.extent(0));
  const double loss = track.workload().gradient(pass, batch, gradient);
  CHECK(accounts.examples == examples);
  CHECK(std::abs(loss - track.loss(batch)) <= 1e3 * std::numeric_limits<double>::epsilon() * loss);
  accounts.agree_with(gradient);
  return accounts;
}

TEST_CASE("every parameter of every image classifier lies in a record, and the records make the gradient") {
  const auto info =
      GENERATE(fashion_mnist_mlp_workload_info, fashion_mnist_cnn_workload_info, fashion_resnet_workload_info);
  const std::string normalisation = GENERATE("none", "batch", "layer");
  REQUIRE(info().offers.has(Capability::layer_statistics));
  test::ClassifierTrack track(info(), {{"normalisation", normalisation}, {"dropout", Schedule(0.1)}});
  const Accounts accounts = accounts_of(track, 5);
  CHECK(std::find(accounts.rows.begin(), accounts.rows.end(), 0) == accounts.rows.end());
}

TEST_CASE("of the flights' and the prose's parameters all but tables and scales of attention lie in records") {
  const auto check = [](const WorkloadInfo& info, const test::ClassifierTrack::Settings& settings) {
    INFO(info.name);
    REQUIRE(info.offers.has(Capability::layer_statistics));
    test::ClassifierTrack track(info, settings);
    const Accounts accounts = accounts_of(track, 5);
    for (const ParameterBlock& block : track.workload().layout().blocks()) {
      INFO(block.name);
      CHECK(accounts.shown(block) ==
            !(block.kind == ParameterKind::embedding || block.name.ends_with("/attention/scale")));
    }
  };
  const std::string normalisation = GENERATE("none", "batch", "layer");
  check(flights_dlrm_workload_info(), {{"normalisation", normalisation}, {"dropout", Schedule(0.1)}});
  if (normalisation == "none") return;
  check(prose_lm_workload_info(), {{"normalisation", normalisation == "layer" ? normalisation : std::string("rms")},
                                   {"sequence_length", std::int64_t{20}}});
}

/// One layer without inputs to speak of: the logits of every row are its biases. One logit is a sigmoid's.
struct Drawn {
  static constexpr Index rows = 20000;
  explicit Drawn(std::vector<double> logits) : classes(static_cast<Index>(logits.size())) {
    for (std::size_t j = 0; j < logits.size(); ++j) params(bias() + j) = logits[j];
  }

  Index classes;
  ParameterLayout layout;
  Linear layer{layout, "layer", 1, classes};
  Vector params{"params", static_cast<std::size_t>(layout.size())}, input{"input", rows};
  Kokkos::View<std::uint8_t*, MemorySpace> labels{"labels", rows};
  Tape tape;
  Reduction reduction;
  double loss = 0;

  [[nodiscard]] std::size_t bias() const { return static_cast<std::size_t>(layout[1].offset); }
  /// Of label j, of two where there is one logit.
  [[nodiscard]] double probability(std::size_t j) const {
    if (classes == 1) return 1 / (1 + std::exp(j == 0 ? params(bias()) : -params(bias())));
    double sum = 0;
    for (std::size_t k = 0; k < static_cast<std::size_t>(classes); ++k) sum += std::exp(params(bias() + k));
    return std::exp(params(bias() + j)) / sum;
  }
  /// Gradient of the biases, mean p - onehot; the loss goes to `loss`.
  std::vector<double> gradient(std::uint64_t seed, double smoothing = 0.0) {
    ForwardPass pass;
    pass.params = params;
    pass.sampled_labels = true;
    pass.random = RandomStream(seed, Purpose::workload, 3);
    tape.begin(layout, pass, Recording::on);
    const Value z = layer(tape, tape.input({input.data(), {rows, 1}}));
    loss = classes == 1 ? nn::sigmoid_cross_entropy(tape, z, labels.data(), smoothing, reduction)
                        : nn::softmax_cross_entropy(tape, z, labels.data(), smoothing, reduction);
    Vector out("gradient", params.extent(0));
    tape.backward(out);
    return {out.data() + bias(), out.data() + bias() + classes};
  }
};

const std::vector<std::vector<double>> drawn_from = {{0.5, -1.0, 1.5, 0.0}, {0.7}, {-1.1}};

TEST_CASE("sampled labels have the frequencies of the softmax, or of the sigmoid") {
  for (const std::vector<double>& logits : drawn_from) {
    INFO(logits.size() << " logits, the first " << logits[0]);
    Drawn drawn(logits);
    const std::vector<double> gradient = drawn.gradient(1);
    // The gradient of a bias is p minus the frequency: five deviations of a binomial's.
    for (std::size_t j = 0; j < logits.size(); ++j) {
      const double p = drawn.probability(logits.size() == 1 ? 1 : j);
      CHECK(std::abs(gradient[j]) <= 5 * std::sqrt(p * (1 - p) / Drawn::rows));
      CHECK(gradient[j] != 0);
    }
    double entropy = 0, square = 0;
    for (std::size_t j = 0; j < std::max<std::size_t>(2, logits.size()); ++j) {
      const double p = drawn.probability(j);
      entropy -= p * std::log(p);
      square += p * std::log(p) * std::log(p);
    }
    CHECK(std::abs(drawn.loss - entropy) <= 5 * std::sqrt((square - entropy * entropy) / Drawn::rows));
  }
}

TEST_CASE("sampled labels follow the pass' stream alone, not the batch's labels and not the smoothing") {
  for (const std::vector<double>& logits : drawn_from) {
    Drawn drawn(logits);
    const std::vector<double> once = drawn.gradient(1);
    CHECK(drawn.gradient(2) != once);
    CHECK(drawn.gradient(1, 0.3) == once);
    Kokkos::deep_copy(drawn.labels, std::uint8_t{1});
    CHECK(drawn.gradient(1) == once);
  }
}

TEST_CASE("a mean squared error refuses to sample labels") {
  Network net;
  net.input_shape = {3, 5};
  const Linear layer(net.layout, "layer", 5, 7);
  net.run = [&](Tape& tape, Value x) { return layer(tape, x); };
  net.fill();
  CHECK_THROWS_AS(net.gradient(nullptr, true), Error);
}

}  // namespace
}  // namespace velo
