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

template <typename View>
void grow(View& view, const char* label, Index size) {
  if (static_cast<Index>(view.extent(0)) < size)
    view = View(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing), static_cast<std::size_t>(size));
}

constexpr double nats_per_bit = std::numbers::ln2;

}  // namespace

void ByteBatch::load(Split split, std::span<const Index> examples) {
  sequences_ = static_cast<Index>(examples.size());
  const std::uint8_t* text = text_->text(split).data();
  grow(inputs_, "velo::nn::byte_inputs", sequences_ * length_);
  grow(targets_, "velo::nn::byte_targets", sequences_ * length_);
  const Index stride = length_ + 1, size = sequences_ * stride;
  if constexpr (device_is_host) {
    for_each_task("velo::nn::load_bytes", sequences_, size,
                  Unpack{text, examples.data(), inputs_.data(), targets_.data(), length_});
    return;
  }
  grow(staging_, "velo::nn::byte_staging", size);
  grow(bytes_, "velo::nn::bytes", size);
  Kokkos::fence();  // the last batch may still be on its way out of the staging buffer
  for (Index i = 0; i < sequences_; ++i)
    std::copy_n(text + examples[static_cast<std::size_t>(i)] * length_, stride, staging_.data() + i * stride);
  const std::pair<Index, Index> used(0, size);
  Kokkos::deep_copy(Kokkos::subview(bytes_, used), Kokkos::subview(staging_, used));
  for_each_task("velo::nn::load_bytes", sequences_, size,
                Unpack{bytes_.data(), nullptr, inputs_.data(), targets_.data(), length_});
}

ByteLanguageModel::ByteLanguageModel(std::shared_ptr<const data::TextDataSet> text, ModelPlan plan,
                                     std::unique_ptr<SequenceNetwork> network, const ByteLanguageModelOptions& options)
    : text_(std::move(text)),
      plan_(std::move(plan)),
      network_(std::move(network)),
      options_(options),
      training_batch_(text_, options.length),
      evaluation_batch_(text_, options.length) {
  for (const Split split : {Split::train, Split::validation, Split::test})
    if (examples(split) < 1)
      throw Error(cat("a sequence of ", options_.length, " bytes is longer than the ", name(split),
                      " split, which has ", text_->text(split).size(), "; shorten sequence_length"));
  std::array<Index, byte_values> counts{};
  for (const std::uint8_t byte : text_->text(Split::train)) ++counts[byte];
  const auto all = static_cast<double>(text_->text(Split::train).size() + byte_values);
  std::transform(counts.begin(), counts.end(), unigram_.begin(),
                 [all](Index count) { return -std::log2(static_cast<double>(count + 1) / all); });
}

Index ByteLanguageModel::examples(Split split) const {
  return (static_cast<Index>(text_->text(split).size()) - 1) / options_.length;
}

void ByteLanguageModel::init(const RandomStream& stream, Vector params, Vector model_state) {
  initialise(layout(), stream, params, options_.initial_scale);
  plan_.initialise_state(model_state);
}

void ByteLanguageModel::load(const Batch& batch) {
  if (batch.id == loaded_ && loaded_ != 0) return;
  training_batch_.load(batch.split, batch.examples);
  loaded_ = batch.id;
}

double ByteLanguageModel::forward(const ForwardPass& pass, const Batch& batch, Recording recording) {
  load(batch);
  tape_.begin(layout(), pass, recording);
  const Value scores = network_->scores(tape_, training_batch_.inputs(), training_batch_.sequences(), options_.length);
  return softmax_cross_entropy(tape_, scores, training_batch_.targets(),
                               pass.label_smoothing.value_or(options_.label_smoothing), reduction_);
}

double ByteLanguageModel::loss(const ForwardPass& pass, const Batch& batch) {
  const double value = forward(pass, batch, Recording::off);
  tape_.end();
  return value;
}

double ByteLanguageModel::gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) {
  const double value = forward(pass, batch, Recording::on);
  tape_.backward(gradient);
  return value;
}

std::vector<Index> ByteLanguageModel::evaluated(Split split) const {
  const Index all = examples(split), count = std::min(options_.evaluation_sequences, all);
  std::vector<Index> sequences(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) sequences[static_cast<std::size_t>(i)] = i * all / count;
  return sequences;
}

double ByteLanguageModel::unigram_bits(Split split, const std::vector<Index>& sequences) const {
  const auto text = text_->text(split);
  double sum = 0;
  for (const Index sequence : sequences)
    for (Index t = 1; t <= options_.length; ++t)
      sum += unigram_[text[static_cast<std::size_t>(sequence * options_.length + t)]];
  return sum / static_cast<double>(static_cast<Index>(sequences.size()) * options_.length);
}

std::vector<Metric> ByteLanguageModel::evaluate(ConstVector params, ConstVector model_state, Split split) {
  const std::vector<Index> sequences = evaluated(split);
  const std::span<const Index> all(sequences);
  const auto step = static_cast<std::size_t>(options_.evaluation_batch);
  ForwardPass pass;
  pass.params = params;
  pass.model_state = model_state;
  pass.train_mode = false;
  double sum = 0;
  for (std::size_t first = 0; first < all.size(); first += step) {
    evaluation_batch_.load(split, all.subspan(first, std::min(step, all.size() - first)));
    tape_.begin(layout(), pass, Recording::off);
    const Index count = evaluation_batch_.sequences();
    const Value scores = network_->scores(tape_, evaluation_batch_.inputs(), count, options_.length);
    sum +=
        static_cast<double>(count) * softmax_cross_entropy(tape_, scores, evaluation_batch_.targets(), 0.0, reduction_);
  }
  tape_.end();
  const double bits = sum / static_cast<double>(all.size()) / nats_per_bit;
  return {{"bits_per_byte", bits},
          {"perplexity", std::exp2(bits)},
          {"unigram_bits_per_byte", unigram_bits(split, sequences)}};
}

std::vector<MetricInfo> byte_language_model_metrics() {
  return {{"bits_per_byte", "bits", false}, {"perplexity", "", false}, {"unigram_bits_per_byte", "bits", false}};
}

}  // namespace velo::nn
