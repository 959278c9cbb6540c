// workloads/nn/byte_language_model.hpp
//
// What workloads that predict the next byte of a text share: data, batches, loss, metrics. A workload adds its network,
// which turns sequences of bytes into scores of the byte that follows each.
//
//   example   number i: bytes iL ... iL + L of its split, L the sequence length; the network sees the first L, and the
//             targets are the last L. Sequences do not overlap but for that byte, and bring no context along.
//   loss      mean softmax cross-entropy over all positions of the batch, in nats, with optional label smoothing
//   metrics   bits_per_byte (the target metric): the same mean without smoothing, in bits; perplexity, 2 to that power;
//             unigram_bits_per_byte: the trivial baseline, bits on the same targets for who predicts byte b with
//             probability (its count in the training split + 1) / (bytes of it + 256)
//   evaluate  at most `evaluation_sequences` of a split, evenly spaced from its beginning to its end, always the same
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "workloads/data/text.hpp"
#include "workloads/nn/staged.hpp"
#include "workloads/nn/tape_workload.hpp"

namespace velo::nn {

inline constexpr Index byte_values = 256;

/// Every byte of a batch may depend on the ones before it in its sequence, and on no other.
class SequenceNetwork {
 public:
  virtual ~SequenceNetwork() = default;
  /// bytes [sequences length] on the device, as indices -> [sequences length, 256]
  [[nodiscard]] virtual Value scores(Tape& tape, const std::int32_t* bytes, Index sequences, Index length) const = 0;
};

/// Sequences of one batch on the device: inputs as indices, targets as labels.
class ByteBatch {
 public:
  ByteBatch(std::shared_ptr<const data::TextDataSet> text, Index length) : text_(std::move(text)), length_(length) {}

  /// Memory grows to the largest batch and stays.
  void load(Split split, std::span<const Index> examples);

  [[nodiscard]] Index sequences() const { return sequences_; }
  [[nodiscard]] const std::int32_t* inputs() const { return inputs_.data(); }
  [[nodiscard]] const std::uint8_t* targets() const { return targets_.data(); }

 private:
  std::shared_ptr<const data::TextDataSet> text_;
  Index length_;
  Index sequences_ = 0;
  Staged<std::uint8_t> bytes_;  ///< [sequences, length + 1]; only where the device's memory is not the host's
  Kokkos::View<std::int32_t*, MemorySpace> inputs_;
  Kokkos::View<std::uint8_t*, MemorySpace> targets_;
};

struct ByteLanguageModelOptions {
  Index length = 128;
  Index batch_size = 16;
  Index evaluation_sequences = 512;
  Index evaluation_batch = 32;
  double label_smoothing = 0.0;
  double initial_scale = 1.0;
};

class ByteLanguageModel final : public TapeWorkload {
 public:
  /// Throws Error when a split is shorter than one sequence.
  ByteLanguageModel(std::shared_ptr<const data::TextDataSet> text, ModelPlan plan,
                    std::unique_ptr<SequenceNetwork> network, const ByteLanguageModelOptions& options);

  [[nodiscard]] Index examples(Split split) const override;
  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override;

  /// The sequences that evaluate() reads.
  [[nodiscard]] std::vector<Index> evaluated(Split split) const;

 private:
  void gather(const Batch& batch) override { training_batch_.load(batch.split, batch.examples); }
  double forward(const ForwardPass& pass, const Batch& batch) override;

  std::shared_ptr<const data::TextDataSet> text_;
  std::unique_ptr<SequenceNetwork> network_;
  ByteLanguageModelOptions options_;
  ByteBatch training_batch_, evaluation_batch_;
  std::array<double, byte_values> unigram_;  ///< bits that each byte costs the trivial baseline
};

/// What unigram_bits_per_byte is on either split. Throws Error when a split is shorter than one sequence.
[[nodiscard]] TrivialBaseline byte_frequencies(const data::TextDataSet& text, const ByteLanguageModelOptions& options);

[[nodiscard]] std::vector<MetricInfo> byte_language_model_metrics();

}  // namespace velo::nn
