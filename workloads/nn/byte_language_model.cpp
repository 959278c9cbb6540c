#include "workloads/nn/byte_language_model.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/loss.hpp"

namespace velo::nn {

namespace {

/// One sequence: its first bytes as inputs, all but the first as targets.
struct Unpack {
  const std::uint8_t* bytes;
  const Index* examples;  ///< null: sequences lie one behind the other, length + 1 bytes each
  std::int32_t* inputs;
  std::uint8_t* targets;
  Index length;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const std::uint8_t* from = bytes + (examples == nullptr ? row * (length + 1) : examples[row] * length);
    for (Index t = 0; t < length; ++t) {
      inputs[row * length + t] = from[t];
      targets[row * length + t] = from[t + 1];
    }
  }
};

constexpr double nats_per_bit = std::numbers::ln2;

Index sequences_in(const data::TextDataSet& text, Split split, Index length) {
  return (static_cast<Index>(text.text(split).size()) - 1) / length;
}

void check_lengths(const data::TextDataSet& text, Index length) {
  for (const Split split : {Split::train, Split::validation, Split::test})
    if (sequences_in(text, split, length) < 1)
      throw Error(cat("a sequence of ", length, " bytes is longer than the ", name(split), " split, which has ",
                      text.text(split).size(), "; shorten sequence_length"));
}

std::vector<Index> evaluated_sequences(const data::TextDataSet& text, Split split,
                                       const ByteLanguageModelOptions& options) {
  const Index all = sequences_in(text, split, options.length), count = std::min(options.evaluation_sequences, all);
  std::vector<Index> sequences(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) sequences[static_cast<std::size_t>(i)] = i * all / count;
  return sequences;
}

using Costs = std::array<double, byte_values>;

Costs unigram_costs(const data::TextDataSet& text) {
  std::array<Index, byte_values> counts{};
  for (const std::uint8_t byte : text.text(Split::train)) ++counts[byte];
  const auto all = static_cast<double>(text.text(Split::train).size() + byte_values);
  Costs costs;
  std::ranges::transform(counts, costs.begin(),
                         [all](Index count) { return -std::log2(static_cast<double>(count + 1) / all); });
  return costs;
}

/// Of the targets of these sequences.
double mean_cost(const Costs& costs, std::span<const std::uint8_t> text, const std::vector<Index>& sequences,
                 Index length) {
  double sum = 0;
  for (const Index sequence : sequences)
    for (Index t = 1; t <= length; ++t) sum += costs[text[static_cast<std::size_t>(sequence * length + t)]];
  return sum / static_cast<double>(std::ssize(sequences) * length);
}

}  // namespace

void ByteBatch::load(Split split, std::span<const Index> examples) {
  sequences_ = static_cast<Index>(examples.size());
  const std::uint8_t* text = text_->text(split).data();
  grow(inputs_, "velo::nn::byte_inputs", sequences_ * length_);
  grow(targets_, "velo::nn::byte_targets", sequences_ * length_);
  const Index stride = length_ + 1, size = sequences_ * stride;
  const Index* places = examples.data();
  if constexpr (!device_is_host) {
    std::uint8_t* to = bytes_.stage(size);
    for (const Index example : examples) to = std::copy_n(text + example * length_, stride, to);
    bytes_.upload(size);
    text = bytes_.data();
    places = nullptr;
  }
  for_each_task("velo::nn::load_bytes", sequences_, size,
                Unpack{text, places, inputs_.data(), targets_.data(), length_});
}

ByteLanguageModel::ByteLanguageModel(std::shared_ptr<const data::TextDataSet> text, ModelPlan plan,
                                     std::unique_ptr<SequenceNetwork> network, const ByteLanguageModelOptions& options)
    : TapeWorkload(std::move(plan), options.batch_size, options.initial_scale),
      text_(std::move(text)),
      network_(std::move(network)),
      options_(options),
      training_batch_(text_, options.length),
      evaluation_batch_(text_, options.length),
      unigram_(unigram_costs(*text_)) {
  check_lengths(*text_, options_.length);
}

Index ByteLanguageModel::examples(Split split) const { return sequences_in(*text_, split, options_.length); }

double ByteLanguageModel::forward(const ForwardPass& pass, const Batch& /*batch*/) {
  const Value scores = network_->scores(tape(), training_batch_.inputs(), training_batch_.sequences(), options_.length);
  return softmax_cross_entropy(tape(), scores, training_batch_.targets(),
                               pass.label_smoothing.value_or(options_.label_smoothing), reduction());
}

std::vector<Index> ByteLanguageModel::evaluated(Split split) const {
  return evaluated_sequences(*text_, split, options_);
}

std::vector<Metric> ByteLanguageModel::evaluate(ConstVector params, ConstVector model_state, Split split) {
  const std::vector<Index> sequences = evaluated(split);
  const std::span<const Index> all(sequences);
  const auto step = static_cast<std::size_t>(options_.evaluation_batch);
  double sum = 0;
  for (std::size_t first = 0; first < all.size(); first += step) {
    evaluation_batch_.load(split, all.subspan(first, std::min(step, all.size() - first)));
    begin_evaluation(params, model_state);
    const Index count = evaluation_batch_.sequences();
    const Value scores = network_->scores(tape(), evaluation_batch_.inputs(), count, options_.length);
    sum += static_cast<double>(count) *
           softmax_cross_entropy(tape(), scores, evaluation_batch_.targets(), 0.0, reduction());
  }
  tape().end();
  const double bits = sum / static_cast<double>(all.size()) / nats_per_bit;
  return {{"bits_per_byte", bits},
          {"perplexity", std::exp2(bits)},
          {"unigram_bits_per_byte", mean_cost(unigram_, text_->text(split), sequences, options_.length)}};
}

TrivialBaseline byte_frequencies(const data::TextDataSet& text, const ByteLanguageModelOptions& options) {
  check_lengths(text, options.length);
  const Costs costs = unigram_costs(text);
  const auto bits = [&](Split split) {
    return mean_cost(costs, text.text(split), evaluated_sequences(text, split, options), options.length);
  };
  return {"bytes by their frequency in the training split", bits(Split::validation), bits(Split::test)};
}

std::vector<MetricInfo> byte_language_model_metrics() {
  return {{"bits_per_byte", "bits", false}, {"perplexity", "", false}, {"unigram_bits_per_byte", "bits", false}};
}

}  // namespace velo::nn
