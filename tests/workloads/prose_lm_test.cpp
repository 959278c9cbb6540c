// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <string>

#include "results/error.hpp"
#include "tests/workloads/classifier_track.hpp"
#include "workloads/data/prose.hpp"
#include "workloads/nn/byte_language_model.hpp"

namespace velo {

WorkloadInfo prose_lm_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Track = test::ClassifierTrack;

Track::Settings tiny(Track::Settings more = {}) {
  Track::Settings settings = {{"sequence_length", std::int64_t{9}},
                              {"layers", std::int64_t{1}},
                              {"width", std::int64_t{8}},
                              {"heads", std::int64_t{2}}};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

TEST_CASE("prose_lm: 147,778 parameters at size mini and 615,268 at size small") {
  const auto count = [](Index width, Index layers) {
    const Index attention = 4 * width * width + 1, glu = 12 * width * width, norms = 2 * width;
    return 256 * width + layers * (attention + glu + norms) + width;
  };
  Track mini(prose_lm_workload_info()), small(prose_lm_workload_info(), {{"size", "small"}});
  CHECK(mini.workload().layout().size() == count(64, 2));
  CHECK(count(64, 2) == 147778);
  CHECK(small.workload().layout().size() == count(96, 4));
  CHECK(count(96, 4) == 615268);
}

TEST_CASE("prose_lm: layers declare AlgoPerf's kinds of parameters") {
  Track track(prose_lm_workload_info(), tiny());
  const auto kind = [&](const std::string& block) {
    for (const ParameterBlock& b : track.workload().layout().blocks())
      if (b.name == block) return b.kind;
    throw Error("no block is called " + block);
  };
  CHECK(kind("embedding/table") == ParameterKind::embedding);
  CHECK(kind("block1/attention_norm/scale") == ParameterKind::layer_norm_scale);
  CHECK(kind("block1/attention/qkv/weight") == ParameterKind::attention_qkv);
  CHECK(kind("block1/attention/scale") == ParameterKind::layer_norm_scale);
  CHECK(kind("block1/attention/out/weight") == ParameterKind::attention_out);
  CHECK(kind("block1/glu/in/weight") == ParameterKind::weight);
  CHECK(kind("block1/glu/out/weight") == ParameterKind::weight);
  CHECK(kind("norm/scale") == ParameterKind::layer_norm_scale);
}

TEST_CASE("prose_lm: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("sigmoid", "silu", "gelu", "tanh");
  const std::string normalisation = GENERATE("rms", "layer");
  const std::string placement = GENERATE("pre", "post");
  Track track(prose_lm_workload_info(), tiny({{"activation", activation},
                                              {"normalisation", normalisation},
                                              {"norm_placement", placement},
                                              {"attention_temperature", Schedule(1.5)},
                                              {"label_smoothing", Schedule(0.1)}}));
  track.check_gradient(3, 61);
}

TEST_CASE("prose_lm: with vanishing weights the loss is log 256") {
  Track track(prose_lm_workload_info(), tiny({{"initial_scale", Schedule(1e-9)}}));
  CHECK_THAT(track.loss(track.batch(8)), WithinAbs(std::log(256.0), 1e-7));
}

TEST_CASE("prose_lm: a batch gives the mean of its parts") {
  Track track(prose_lm_workload_info(), tiny());
  const Batch whole = track.batch(9);
  const Vector g = track.gradient(whole);
  const Batch first{.id = 1001, .split = Split::train, .examples = whole.examples.subspan(0, 7)};
  const Batch rest{.id = 1002, .split = Split::train, .examples = whole.examples.subspan(7)};
  const Vector a = track.gradient(first), b = track.gradient(rest);
  // Sums over 81 positions, a dozen layers deep, of numbers below ten: 81 * 12 * 2^-53 * 10.
  for (Index i = 0; i < track.workload().layout().size(); ++i)
    REQUIRE(std::abs(g(i) - (7 * a(i) + 2 * b(i)) / 9) <= 1e-12);
}

TEST_CASE("prose_lm: sequences follow one another through the text") {
  Track track(prose_lm_workload_info(), tiny());
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const auto text = data::open_prose({"", true})->text(split);
    CHECK(track.workload().examples(split) == (static_cast<Index>(text.size()) - 1) / 9);
  }
  CHECK(track.workload().batch_size() == 16);

  // The last sequence of a split ends with a target inside the text.
  nn::ByteBatch batch(data::open_prose({"", true}), 9);
  const auto text = data::open_prose({"", true})->text(Split::validation);
  const Index last = track.workload().examples(Split::validation) - 1;
  const std::vector<Index> examples = {last, 3};
  batch.load(Split::validation, examples);
  REQUIRE(batch.sequences() == 2);
  for (Index row = 0; row < 2; ++row)
    for (Index t = 0; t < 9; ++t) {
      const auto at = static_cast<std::size_t>(examples[static_cast<std::size_t>(row)] * 9 + t);
      CHECK(batch.inputs()[row * 9 + t] == text[at]);
      CHECK(batch.targets()[row * 9 + t] == text[at + 1]);
    }
}

TEST_CASE("prose_lm: descending on one batch learns it by heart") {
  Track track(prose_lm_workload_info(), tiny({{"width", std::int64_t{16}}}));
  const Batch batch = track.batch(8);
  track.descend(batch, 150, 1.0);
  CHECK(track.loss(batch) < 0.3 * std::log(256.0));
}

TEST_CASE("prose_lm: evaluation is the mean loss over sequences from all of a split, in bits") {
  Track track(prose_lm_workload_info(), tiny({{"sequence_length", std::int64_t{1024}}}));
  const auto metrics = track.workload().evaluate(track.params, track.model_state, Split::validation);
  REQUIRE(metrics.size() == 3);
  CHECK(metrics[0].name == "bits_per_byte");
  CHECK(metrics[1].name == "perplexity");
  CHECK(metrics[2].name == "unigram_bits_per_byte");

  const auto& model = dynamic_cast<const nn::ByteLanguageModel&>(track.workload());
  const std::vector<Index> sequences = model.evaluated(Split::validation);
  REQUIRE(sequences.size() == 32);
  CHECK(sequences.front() == 0);
  CHECK(sequences.back() >= 31 * (track.workload().examples(Split::validation) / 32));
  CHECK(std::adjacent_find(sequences.begin(), sequences.end(), std::greater_equal<>()) == sequences.end());
  ForwardPass pass = track.pass();
  pass.train_mode = false;
  const double nats = track.workload().loss(pass, {.id = 2000, .split = Split::validation, .examples = sequences});
  // Means of 32,768 numbers below ten.
  CHECK_THAT(metrics[0].value, WithinAbs(nats / std::log(2.0), 32768 * 10 * 0x1p-53));
  CHECK_THAT(metrics[1].value, WithinAbs(std::exp2(metrics[0].value), 1e-12 * metrics[1].value));
}

TEST_CASE("prose_lm: the trivial baseline costs what the training split's frequencies say") {
  Track track(prose_lm_workload_info(), tiny({{"sequence_length", std::int64_t{256}}}));
  const auto text = data::open_prose({"", true});
  std::vector<double> count(256);
  for (const std::uint8_t byte : text->text(Split::train)) count[byte] += 1;
  const auto& model = dynamic_cast<const nn::ByteLanguageModel&>(track.workload());
  double bits = 0, bytes = 0;
  for (const Index sequence : model.evaluated(Split::test))
    for (Index t = 1; t <= 256; ++t, ++bytes)
      bits -= std::log2((count[text->text(Split::test)[static_cast<std::size_t>(sequence * 256 + t)]] + 1) /
                        (static_cast<double>(text->text(Split::train).size()) + 256));
  const auto metrics = track.workload().evaluate(track.params, track.model_state, Split::test);
  CHECK_THAT(metrics[2].value, WithinAbs(bits / bytes, 32768 * 10 * 0x1p-53));

  const WorkloadInfo info = prose_lm_workload_info();
  Parameters parameters = Parameters::defaults(info.parameters);
  parameters.set("sequence_length", std::int64_t{256});
  CHECK(info.trivial(parameters, {"", true}).test == metrics[2].value);
}

TEST_CASE("prose_lm: forms that cannot be built are refused in one sentence") {
  struct Refused {
    std::string key;
    std::int64_t value;
    std::string sentence;
  };
  const Refused refused = GENERATE(
      Refused{"heads", 3, "prose_lm: width 64 does not part into 3 heads of an even number of units, at most 128"},
      Refused{"width", 1024, "prose_lm: width 1024 does not part into 4 heads of an even number of units, at most 128"},
      Refused{"sequence_length", 1, "prose_lm: a sequence has at least 2 bytes, not 1"},
      Refused{"sequence_length", 700000,
              "a sequence of 700000 bytes is longer than the validation split, which has 624585; shorten "
              "sequence_length"});
  CHECK_THROWS_MATCHES(Track(prose_lm_workload_info(), {{refused.key, refused.value}}), Error,
                       Catch::Matchers::Message(refused.sentence));
}

TEST_CASE("prose_lm: an impossible form is refused when a sweep is planned") {
  const WorkloadInfo info = prose_lm_workload_info();
  Parameters parameters = Parameters::defaults(info.parameters);
  CHECK(info.data_version(parameters, {"", true}) == "synthetic-text-1");
  parameters.set("heads", std::int64_t{3});
  CHECK_THROWS_AS(info.data_version(parameters, {"", true}), Error);
}

}  // namespace
}  // namespace velo
