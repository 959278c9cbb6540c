// workloads/nn/speech_recogniser.hpp
//
// What the workloads that transcribe speech share: data, batches, loss and metrics. A workload adds its model, which
// turns frames of features into logits at a quarter of their rate.
//
//   inputs    (byte - mean) / deviation of every bin with the constants of the training split (workloads/data/speech.hpp)
//   loss      CTC (ctc.hpp), summed over the batch and divided by batch size times the mean number of labels of a training
//             utterance: nats per label. AlgoPerf divides by the batch's own number of labels, which is the same in
//             expectation but makes the loss of a batch another thing than the mean over its examples
//   metrics   phone_error_rate (the target metric): edit distances between what the best path spells and what was said,
//             summed over the split, over the number of labels. ctc_loss: nats per label of the split
//
// An utterance means the same in any batch: there is no padding to reach anything (frames.hpp). Only batch statistics,
// taken over all frames of a batch, tie its utterances together.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "workloads/data/speech.hpp"
#include "workloads/nn/ctc.hpp"
#include "workloads/nn/frames.hpp"
#include "workloads/nn/spelling.hpp"
#include "workloads/nn/staged.hpp"
#include "workloads/nn/tape_workload.hpp"

namespace velo::nn {

/// The layouts of a batch at the rate of the features, half of it, and a quarter.
using FrameRates = std::array<Frames, 3>;

class AcousticModel {
 public:
  virtual ~AcousticModel() = default;
  /// features [rates[0].rows(), bins] -> [rates[2].rows(), symbols + 1]
  [[nodiscard]] virtual Value logits(Tape& tape, Value features, const FrameRates& rates) const = 0;
};

/// Utterances of one batch on the device, longest first.
class SpeechBatch {
 public:
  explicit SpeechBatch(std::shared_ptr<const data::SpeechCorpus> corpus);

  /// Sorts, lays out, gathers and normalises. Memory grows to the largest batch and stays.
  void load(Split split, std::span<const Index> utterances);

  /// [rates()[0].rows(), bins]
  [[nodiscard]] Tensor features() const { return {features_.data(), {rates_[0].rows(), corpus_->bins}}; }
  [[nodiscard]] const FrameRates& rates() const { return rates_; }
  [[nodiscard]] LabelTable labels() const { return {labels_.data(), first_label_.data(), longest_}; }
  /// The utterance of the split that is sequence `b` here.
  [[nodiscard]] Index utterance(Index b) const { return order_[static_cast<std::size_t>(b)]; }

 private:
  std::shared_ptr<const data::SpeechCorpus> corpus_;
  std::vector<Index> order_, lengths_;
  FrameRates rates_;
  Vector scaling_;  ///< [2, bins]: factors, then offsets
  Staged<std::uint8_t> bytes_, labels_;
  Staged<std::int32_t> first_label_;
  Vector features_;
  Index longest_ = 0;
};

struct RecogniserOptions {
  Index batch_size = 16;
  Index evaluation_frames = 8192;  ///< of features, that an evaluation batch holds at most
  double initial_scale = 1.0;
};

class SpeechRecogniser final : public TapeWorkload {
 public:
  /// Throws Error for an utterance with fewer frames, at a quarter of the rate, than its labels need.
  SpeechRecogniser(std::shared_ptr<const data::SpeechCorpus> corpus, ModelPlan plan,
                   std::unique_ptr<AcousticModel> model, const RecogniserOptions& options);

  [[nodiscard]] Index examples(Split split) const override { return corpus_->split(split).utterances(); }
  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override;

 private:
  void gather(const Batch& batch) override { training_batch_.load(batch.split, batch.examples); }
  double forward(const ForwardPass& pass, const Batch& batch) override;
  /// Edit distances of the utterances of the loaded evaluation batch, summed.
  Index errors(Split split, const std::uint8_t* best);

  std::shared_ptr<const data::SpeechCorpus> corpus_;
  std::unique_ptr<AcousticModel> model_;
  RecogniserOptions options_;
  double labels_per_utterance_;
  SpeechBatch training_batch_, evaluation_batch_;
  std::array<std::vector<Index>, 3> by_length_;  ///< utterances of each split, longest first; made when first evaluated
  std::vector<std::uint8_t> path_, host_best_;
  EditDistance distance_;
};

[[nodiscard]] std::vector<MetricInfo> recogniser_metrics();

}  // namespace velo::nn
