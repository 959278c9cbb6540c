// In double, on synthetic speech.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "results/error.hpp"
#include "tests/workloads/classifier_track.hpp"
#include "workloads/data/festvox_ru.hpp"
#include "workloads/nn/speech_recogniser.hpp"

namespace velo {

WorkloadInfo speech_deepspeech_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using test::ClassifierTrack;
using Settings = ClassifierTrack::Settings;

ClassifierTrack track_with(const Settings& settings) {
  return ClassifierTrack(speech_deepspeech_workload_info(), settings);
}

const Settings narrow = {{"width", std::int64_t{6}}, {"normalisation", "none"}};

Settings narrow_with(const std::string& name, const Parameters::Value& value) {
  Settings out = {{"width", std::int64_t{6}}};
  out.emplace_back(name, value);
  return out;
}

/// Parts of a batch as batches of their own.
Batch part(const Batch& whole, std::uint64_t id, std::size_t first, std::size_t count) {
  return {.id = id, .split = whole.split, .examples = whole.examples.subspan(first, count)};
}

TEST_CASE("speech_deepspeech: parameters and batch statistics of both sizes") {
  const auto lstm = [](Index width) { return 2 * 4 * (width / 2) * (width + width / 2 + 1); };
  const auto convolutions = [](Index channels) { return 10 * channels + (9 * channels + 1) * channels; };
  ClassifierTrack mini = track_with({});
  CHECK(mini.workload().layout().size() ==
        convolutions(16) + 161 * 96 + 2 * (2 * 96 + lstm(96)) + (2 * 96 + 97 * 96) + 2 * 96 + 97 * 51);
  CHECK(mini.workload().layout().size() == 144323);
  CHECK(mini.workload().model_state_size() == 3 * 2 * 96);
  ClassifierTrack small = track_with({{"size", "small"}});
  CHECK(small.workload().layout().size() ==
        convolutions(32) + 321 * 192 + 3 * (2 * 192 + lstm(192)) + 2 * (2 * 192 + 193 * 192) + 2 * 192 + 193 * 51);
  CHECK(small.workload().layout().size() == 823315);
  CHECK(small.workload().model_state_size() == 5 * 2 * 192);
}

TEST_CASE("speech_deepspeech: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("gelu", "tanh");
  const std::string normalisation = GENERATE("none", "batch", "layer");
  // Scaled up, so that what is normalised has a deviation near one: dividing by a small one makes third derivatives, and
  // with them the error of a difference quotient, large.
  ClassifierTrack track = track_with({{"width", std::int64_t{6}},
                                      {"activation", activation},
                                      {"normalisation", normalisation},
                                      {"residual", activation == "gelu"},
                                      {"spec_augment", true},
                                      {"initial_scale", Schedule(3.0)},
                                      {"dropout", Schedule(0.25)}});
  track.check_gradient(3, 149);
}

TEST_CASE("speech_deepspeech: without batch norm a batch gives the mean of its utterances, whatever their lengths") {
  ClassifierTrack track = track_with(narrow);
  const Batch whole = track.batch(7);
  Vector mean("mean", track.params.extent(0));
  double loss = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    const Batch one = part(whole, 1000 + i, i, 1);
    const Vector g("gradient", track.params.extent(0));
    loss += track.gradient(one, g) / 7;
    axpy(1.0 / 7, g, mean);
  }
  const Vector g("gradient", track.params.extent(0));
  // A gradient adds up to 7 * 60 frames' terms, each through 60 steps of two layers: a few thousand roundings of numbers
  // below ten.
  const double tolerance = 4000 * 10 * 0x1p-53;
  CHECK_THAT(track.gradient(whole, g), WithinAbs(loss, tolerance));
  for (std::size_t i = 0; i < g.extent(0); ++i) REQUIRE_THAT(g(i), WithinAbs(mean(i), tolerance));
}

TEST_CASE("speech_deepspeech: the order of a batch's utterances does not matter") {
  ClassifierTrack track = track_with(narrow_with("normalisation", "batch"));
  const Batch batch = track.batch(6);
  std::vector<Index> backwards(batch.examples.rbegin(), batch.examples.rend());
  const Batch other{.id = 77, .split = Split::train, .examples = backwards};
  const Vector a = track.gradient(batch), b = track.gradient(other);
  for (std::size_t i = 0; i < a.extent(0); ++i) REQUIRE(a(i) == b(i));
}

TEST_CASE("speech_deepspeech: evaluation sees every utterance once, and the loss of a batch is nats per label") {
  ClassifierTrack track = track_with(narrow);
  const auto corpus = data::open_festvox_ru({"", true});
  const data::SpeechSplit& train = corpus->split(Split::train);
  const double labels_per_utterance =
      static_cast<double>(train.total_labels()) / static_cast<double>(train.utterances());
  for (const Split which : {Split::validation, Split::test}) {
    const data::SpeechSplit& split = corpus->split(which);
    std::vector<Index> all(static_cast<std::size_t>(split.utterances()));
    std::iota(all.begin(), all.end(), Index{0});
    const Batch batch{.id = 55 + static_cast<std::uint64_t>(which), .split = which, .examples = all};
    ForwardPass pass = track.pass();
    pass.train_mode = false;
    const double sum = track.workload().loss(pass, batch) * labels_per_utterance * static_cast<double>(all.size());
    const auto metrics = track.workload().evaluate(track.params, track.model_state, which);
    REQUIRE(metrics.size() == 2);
    CHECK(metrics[0].name == "phone_error_rate");
    CHECK(metrics[0].value > 0.5);
    CHECK(metrics[1].name == "ctc_loss");
    // 256 utterances of up to 280 frames, each loss a few hundred: relative roundings of a few thousand operations.
    CHECK_THAT(metrics[1].value, WithinAbs(sum / static_cast<double>(split.total_labels()), 1e-11));
  }
}

TEST_CASE("speech_deepspeech: with vanishing weights every frame is uniform over 51 labels") {
  ClassifierTrack track = track_with({{"width", std::int64_t{6}}, {"initial_scale", Schedule(1e-12)}});
  const auto corpus = data::open_festvox_ru({"", true});
  const data::SpeechSplit& split = corpus->split(Split::train);
  const double labels_per_utterance =
      static_cast<double>(split.total_labels()) / static_cast<double>(split.utterances());
  const Batch batch = track.batch(1, 5);
  // T log 51 less the logarithm of the number of paths: each label a run, runs apart by blanks where labels are equal.
  const auto labels = split.labels(5);
  const Index steps = (split.frames(5) + 3) / 4, count = static_cast<Index>(labels.size());
  Index repeats = 0;
  for (std::size_t i = 1; i < labels.size(); ++i) repeats += labels[i] == labels[i - 1] ? 1 : 0;
  const auto choose = [](Index n, Index k) {
    return std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
           std::lgamma(static_cast<double>(n - k + 1));
  };
  const double paths = choose(steps + count - repeats, 2 * count);
  const double t = static_cast<double>(steps), expected = t * std::log(51.0) - paths;
  // A logit is a bias and six products of weights with what layer norm leaves: biases and weights below 1e-12 / sqrt(6),
  // six numbers whose squares, and so whose sizes, add up to at most 6. In one frame the loss's derivatives by the logits
  // (softmax less the share of the paths through each label) add up to at most 2 in size.
  const double logit = 7e-12 / std::sqrt(6.0);
  // Every frame rounds logarithms that have grown to at most t log 51 twice, and normalises by a sum of 51 terms, each a
  // logarithm or exponential of a few roundings; the three log-gammas, each below t log t, are good to a few as well.
  const double rounding = t * (2 * t * std::log(51.0) + 4 * 51) * 0x1p-53;
  CHECK_THAT(track.loss(batch) * labels_per_utterance, WithinAbs(expected, 2 * t * logit + rounding));
}

TEST_CASE("speech_deepspeech: statistics are committed only where a pass has a place for them") {
  ClassifierTrack track = track_with(narrow_with("normalisation", "batch"));
  const Batch batch = track.batch(4);
  const std::vector<double> before(track.model_state.data(), track.model_state.data() + track.model_state.size());
  const Vector g("gradient", track.params.extent(0));
  static_cast<void>(track.workload().gradient(track.pass(), batch, g));
  CHECK(std::equal(before.begin(), before.end(), track.model_state.data()));
  ForwardPass pass = track.pass();
  pass.new_model_state = track.model_state;
  static_cast<void>(track.workload().gradient(pass, batch, g));
  CHECK_FALSE(std::equal(before.begin(), before.end(), track.model_state.data()));
}

TEST_CASE("speech_deepspeech: descending on one batch learns it by heart") {
  ClassifierTrack track = track_with({{"width", std::int64_t{24}}});
  const Batch batch = track.batch(2);
  const double before = track.loss(batch);
  track.descend(batch, 60, 0.1);
  CHECK(track.loss(batch) < 0.5 * before);
}

TEST_CASE("speech_deepspeech: labels that need more frames than there are are refused, by the utterance") {
  // 1 1 2 takes four steps, a blank between its equal labels; 12 frames are three steps, 13 are four.
  struct Corpus {
    std::vector<data::UtteranceEntry> entries;
    std::vector<std::uint8_t> labels, features;
    [[nodiscard]] data::SpeechSplit split() const { return {entries, labels, features, 1}; }
  };
  const auto corpus_with = [](std::int32_t frames) {
    const Corpus usual = {{{1, 8, 2}}, {1, 2}, std::vector<std::uint8_t>(8)};
    const Corpus repeated = {
        {{2, 8, 2}, {2, frames, 3}}, {1, 2, 1, 1, 2}, std::vector<std::uint8_t>(8 + static_cast<std::size_t>(frames))};
    const auto owner = std::make_shared<std::array<Corpus, 3>>(std::array<Corpus, 3>{usual, repeated, usual});
    auto corpus = std::make_shared<data::SpeechCorpus>();
    *corpus = {.bins = 1, .symbols = 2, .splits = {}, .mean = {0.0}, .deviation = {1.0}, .owner = owner};
    for (std::size_t s = 0; s < 3; ++s) corpus->splits[s] = (*owner)[s].split();
    return corpus;
  };
  const auto open = [&](std::int32_t frames) {
    return nn::SpeechRecogniser(corpus_with(frames), nn::ModelPlan(), nullptr, {}).examples(Split::validation);
  };
  CHECK(open(13) == 2);
  CHECK_THROWS_MATCHES(open(12), Error,
                       Catch::Matchers::Message("utterance 1 of the validation split has 3 frames at a quarter of the "
                                                "rate where its labels need 4"));
}

TEST_CASE("speech_deepspeech: an odd width is refused") {
  CHECK_THROWS_MATCHES(
      track_with({{"width", std::int64_t{7}}}), Error,
      Catch::Matchers::Message(
          "the width of speech_deepspeech is 7; it must be even, half of it for each direction of time"));
}

}  // namespace
}  // namespace velo
