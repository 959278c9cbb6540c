// workloads/nn/image_classifier.hpp
//
// What the workloads that classify images share: data, batches, loss, metrics and the common variants. A workload adds
// its model, which turns images into logits.
//
//   loss      softmax cross-entropy with optional label smoothing
//   metrics   accuracy (the target metric, a fraction) and cross_entropy (nats, without smoothing)
//   inputs    (pixel / 255 - mean) / deviation with the constants of the training split
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/data/images.hpp"
#include "workloads/nn/staged.hpp"
#include "workloads/nn/tape_workload.hpp"

namespace velo::nn {

/// A model whose layers draw random numbers or keep statistics finds both on the tape's pass.
class Model {
 public:
  virtual ~Model() = default;
  /// images [rows, 1, height, width, channels] -> [rows, classes]
  [[nodiscard]] virtual Value logits(Tape& tape, Value images) const = 0;
};

/// Examples of one batch on the device: images as scalars, labels as bytes.
class ImageBatch {
 public:
  explicit ImageBatch(std::shared_ptr<const data::ImageDataSet> images);

  /// Gathers and normalises. Memory grows to the largest batch and stays.
  void load(Split split, std::span<const Index> examples);

  /// [rows, 1, height, width, channels]
  [[nodiscard]] Tensor images() const;
  [[nodiscard]] const std::uint8_t* labels() const { return labels_.data(); }

 private:
  std::shared_ptr<const data::ImageDataSet> data_;
  Scalar slope_, offset_;        ///< input = slope pixel + offset
  Staged<std::uint8_t> pixels_;  ///< only where the device's memory is not the host's
  Staged<std::uint8_t> labels_;
  Vector images_;
  Index rows_ = 0;
};

struct ClassifierOptions {
  Index batch_size = 128;
  Index evaluation_batch = 1000;
  double label_smoothing = 0.0;
  double initial_scale = 1.0;
};

class ImageClassifier final : public TapeWorkload {
 public:
  ImageClassifier(std::shared_ptr<const data::ImageDataSet> images, ModelPlan plan, std::unique_ptr<Model> model,
                  const ClassifierOptions& options);

  [[nodiscard]] Index examples(Split split) const override { return data_->examples(split); }
  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override;

 private:
  void gather(const Batch& batch) override { training_batch_.load(batch.split, batch.examples); }
  double forward(const ForwardPass& pass, const Batch& batch) override;

  std::shared_ptr<const data::ImageDataSet> data_;
  std::unique_ptr<Model> model_;
  ClassifierOptions options_;
  ImageBatch training_batch_, evaluation_batch_;
  std::vector<Index> evaluation_examples_;
};

/// The parameters that every image classifier has: activation, normalisation, initial_scale, dropout, label_smoothing,
/// batch_size.
[[nodiscard]] std::vector<ParameterSpec> classifier_parameters();
[[nodiscard]] ClassifierOptions classifier_options(const Parameters& parameters);
[[nodiscard]] std::vector<MetricInfo> classifier_metrics();

}  // namespace velo::nn
