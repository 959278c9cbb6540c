// workloads/prose_lm.cpp
//
// The next byte of English prose, predicted by a decoder Transformer: AlgoPerf's finewebedu_lm, scaled down.
//   embedding  256 bytes -> width
//   blocks     x <- x + attention(norm(x)),  x <- x + glu(norm(x)); attention with rotary positions (base 500,000),
//              normalised queries and keys and a learned scale (nn/attention.hpp), gated linear unit with hidden size
//              4 width and sigmoid gate (nn/gated_linear.hpp), rms norm, no biases
//   output     norm, then scores by the embedding's own table (tied)
//   initial    matrices normal with deviation 0.64 / sqrt(width), which at their width of 1024 is their 0.02, and those
//              that end a residual branch divided by sqrt(2 layers); learned scales of attention log2(L^2 - L)
//   differs    each query and key is divided by the root of its squared norm + 1e-6, where theirs adds 1e-6 to every
//              number behind the division
//   data       6,851,943 / 624,585 / 673,305 bytes, held out by work (workloads/data/prose.hpp), as sequences of L
//   loss       softmax cross-entropy; metrics bits_per_byte, perplexity, unigram_bits_per_byte; an evaluation reads
//              32,768 bytes of its split, in sequences spread evenly over it (nn/byte_language_model.hpp)
//   variants   activation of the gate, kind of normalisation, its place (post: x <- norm(x + f(x)), and none in front
//              of the output), attention temperature (a factor on all scores), width, heads, layers, initial scale
//   size       mini: L = 128, 2 layers, width 64, 4 heads: 147,778 parameters
//              small: L = 256, 4 layers, width 96, 6 heads: 615,268 parameters
//   trivial    bytes by their frequency in the training split: 4.405 bits per byte on validation, 4.377 on test (on all of
//              the splits' bytes, not only those that an evaluation reads, 4.376 and 4.372)
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "harness/workload.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/prose.hpp"
#include "workloads/nn/attention.hpp"
#include "workloads/nn/byte_language_model.hpp"
#include "workloads/nn/embedding.hpp"
#include "workloads/nn/gated_linear.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/residual.hpp"

namespace velo {

namespace {

constexpr double rotary_base = 500000.0;
constexpr double initial_deviation = 0.64;  // times 1 / sqrt(width)
constexpr Index hidden_factor = 4;
constexpr Index evaluated_bytes = 32768;

/// What the sizes stand for; 0 in a variant's parameter means the size's own value.
struct Form {
  Index length, layers, width, heads;
  nn::NormKind norm;
  bool norm_first;
  nn::Activation gate;
  double temperature;

  explicit Form(const Parameters& parameters)
      : norm(nn::norm_kind(parameters.choice("normalisation"))),
        norm_first(parameters.choice("norm_placement") == "pre"),
        gate(nn::activation(parameters.choice("activation"))),
        temperature(parameters.real("attention_temperature").base) {
    const bool mini = parameters.choice("size") == "mini";
    const auto given = [&](const char* name, Index standard) {
      const Index value = parameters.integer(name);
      return value == 0 ? standard : value;
    };
    length = given("sequence_length", mini ? 128 : 256);
    layers = given("layers", mini ? 2 : 4);
    width = given("width", mini ? 64 : 96);
    heads = given("heads", mini ? 4 : 6);
    if (length < 2) throw Error(cat("prose_lm: a sequence has at least 2 bytes, not ", length));
    if (width % (2 * heads) != 0 || width / heads > nn::CausalAttention::largest_head)
      throw Error(cat("prose_lm: width ", width, " does not part into ", heads,
                      " heads of an even number of units, at most ", nn::CausalAttention::largest_head));
  }

  [[nodiscard]] Initialiser start() const {
    return Initialiser::normal(initial_deviation / std::sqrt(static_cast<double>(width)));
  }
  /// Of matrices that end a residual branch.
  [[nodiscard]] Initialiser branch_start() const {
    return Initialiser::normal(start().value / std::sqrt(2.0 * static_cast<double>(layers)));
  }
  [[nodiscard]] nn::AttentionOptions attention() const {
    const auto l = static_cast<double>(length);
    return {.temperature = temperature,
            .initial_scale = std::log2(l * l - l),
            .in_start = start(),
            .out_start = branch_start()};
  }
};

class Block {
 public:
  Block(nn::ModelPlan& plan, const std::string& name, const Form& form, const nn::Rotary& rotary)
      : norm_first_(form.norm_first),
        attention_norm_(plan, name + "/attention_norm", form.norm, form.width),
        attention_(plan.layout, name + "/attention", form.heads, rotary, form.attention()),
        glu_norm_(plan, name + "/glu_norm", form.norm, form.width),
        glu_(plan.layout, name + "/glu", form.width, hidden_factor * form.width, form.gate, form.start(),
             form.branch_start()) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x, Index length) const {
    if (norm_first_) {
      x = nn::add(tape, attention_(tape, attention_norm_(tape, x), length), x);
      return nn::add(tape, glu_(tape, glu_norm_(tape, x)), x);
    }
    x = attention_norm_(tape, nn::add(tape, attention_(tape, x, length), x));
    return glu_norm_(tape, nn::add(tape, glu_(tape, x), x));
  }

 private:
  bool norm_first_;
  nn::Normalisation attention_norm_;
  nn::CausalAttention attention_;
  nn::Normalisation glu_norm_;
  nn::GatedLinear glu_;
};

class Transformer final : public nn::SequenceNetwork {
 public:
  Transformer(nn::ModelPlan& plan, const Form& form)
      : embedding_(plan.layout, "embedding", nn::byte_values, form.width, form.start().value) {
    const nn::Rotary rotary(form.length, form.width / form.heads, rotary_base);
    for (Index layer = 1; layer <= form.layers; ++layer) blocks_.emplace_back(plan, cat("block", layer), form, rotary);
    norm_.emplace(plan, "norm", form.norm_first ? form.norm : nn::NormKind::none, form.width);
  }

  [[nodiscard]] nn::Value scores(nn::Tape& tape, const std::int32_t* bytes, Index sequences,
                                 Index length) const override {
    nn::Value x = embedding_(tape, bytes, sequences * length);
    for (const Block& block : blocks_) x = block(tape, x, length);
    return embedding_.scores(tape, (*norm_)(tape, x));
  }

 private:
  nn::Embedding embedding_;
  std::vector<Block> blocks_;
  std::optional<nn::Normalisation> norm_;  ///< always there; its parameters follow those of the blocks
};

nn::ByteLanguageModelOptions options_of(const Form& form, const Parameters& parameters) {
  return {
      .length = form.length,
      .batch_size = parameters.integer("batch_size"),
      .evaluation_sequences = std::max<Index>(evaluated_bytes / form.length, 1),
      .evaluation_batch = 16,
      .label_smoothing = parameters.real("label_smoothing").base,
      .initial_scale = parameters.real("initial_scale").base,
  };
}

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  const Form form(parameters);
  nn::ModelPlan plan;
  auto network = std::make_unique<Transformer>(plan, form);
  return std::make_unique<nn::ByteLanguageModel>(data::open_prose(source), std::move(plan), std::move(network),
                                                 options_of(form, parameters));
}

}  // namespace

WorkloadInfo prose_lm_workload_info() {
  WorkloadInfo info;
  info.name = "prose_lm";
  info.summary = "English prose byte by byte, decoder Transformer with rotary positions and gated linear units";
  info.data_set = "prose";
  info.metrics = nn::byte_language_model_metrics();
  nn::declare_offers(info);
  info.parameters = {
      choice("size", "mini", {"mini", "small"}, "sequence length, layers, width and heads together"),
      integer("sequence_length", 0, Range::non_negative(), "bytes that a sequence predicts; 0: the size's", "bytes"),
      integer("layers", 0, Range::non_negative(), "blocks of attention and gated linear unit; 0: the size's"),
      integer("width", 0, Range::non_negative(), "units of the residual stream; 0: the size's"),
      integer("heads", 0, Range::non_negative(), "heads of attention, which share the width; 0: the size's"),
      choice("activation", "sigmoid", {"sigmoid", "silu", "gelu", "tanh", "relu"}, "of the gates"),
      choice("normalisation", "rms", {"rms", "layer"}, "kind of all norms"),
      choice("norm_placement", "pre", {"pre", "post"}, "in front of attention and gates, or behind their sums"),
      real("attention_temperature", 1.0, Range::positive(), "factor on all scores of attention"),
      real("initial_scale", 1.0, Range::positive(), "factor on every random initial value"),
      real("label_smoothing", 0.0, Range::decay(), "weight of the uniform distribution in the training targets"),
      integer("batch_size", 16, Range::at_least(1), "sequences in a training batch", "examples"),
  };
  info.make = make;
  info.data_version = [](const Parameters& parameters, const DataSource& source) {
    static_cast<void>(Form(parameters));  // an impossible form is refused when a sweep is planned
    return data::prose_version(source);
  };
  info.trivial = [](const Parameters& parameters, const DataSource& source) {
    return nn::byte_frequencies(*data::open_prose(source), options_of(Form(parameters), parameters));
  };
  return info;
}

}  // namespace velo
