#include "workloads/nn/image_classifier.hpp"

#include <numeric>

#include "workloads/nn/launch.hpp"
#include "workloads/nn/loss.hpp"

namespace velo::nn {

namespace {

/// One image of a batch from bytes: row `row` of the output from image examples[row].
struct Normalise {
  const std::uint8_t* pixels;
  const Index* examples;  ///< null: images lie in order
  Scalar* images;
  Index size, rows;
  Scalar slope, offset;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    prefetch(row + 4);
    const std::uint8_t* from = pixels + (examples == nullptr ? row : examples[row]) * size;
    Scalar* to = images + row * size;
    for (Index i = 0; i < size; ++i) to[i] = slope * static_cast<Scalar>(from[i]) + offset;
  }
  /// Examples lie anywhere in tens of megabytes: waiting for them would be three quarters of this pass.
  KOKKOS_INLINE_FUNCTION void prefetch(Index row) const {
#if defined(__GNUC__) && !defined(__CUDACC__)
    if (examples == nullptr || row >= rows) return;
    for (Index i = 0; i < size; i += 64) __builtin_prefetch(pixels + examples[row] * size + i);
#else
    static_cast<void>(row);
#endif
  }
};

}  // namespace

ImageBatch::ImageBatch(std::shared_ptr<const data::ImageDataSet> images)
    : data_(std::move(images)),
      slope_(static_cast<Scalar>(1 / (255 * data_->deviation()))),
      offset_(static_cast<Scalar>(-data_->mean() / data_->deviation())) {}

void ImageBatch::load(Split split, std::span<const Index> examples) {
  rows_ = static_cast<Index>(examples.size());
  const Index size = data_->shape().pixels();
  const std::uint8_t* source = data_->images(split).data();
  const std::uint8_t* source_labels = data_->labels(split).data();
  grow(images_, "velo::nn::images", rows_ * size);
  std::uint8_t* label = labels_.stage(rows_);
  for (const Index example : examples) *label++ = source_labels[example];
  labels_.upload(rows_);
  const Index* places = examples.data();
  if constexpr (!device_is_host) {
    std::uint8_t* to = pixels_.stage(rows_ * size);
    for (const Index example : examples) to = std::copy_n(source + example * size, size, to);
    pixels_.upload(rows_ * size);
    source = pixels_.data();
    places = nullptr;
  }
  for_each_task("velo::nn::load", rows_, rows_ * size,
                Normalise{source, places, images_.data(), size, rows_, slope_, offset_});
}

Tensor ImageBatch::images() const {
  const data::ImageShape& shape = data_->shape();
  return {images_.data(), {rows_, 1, shape.height, shape.width, shape.channels}};
}

ImageClassifier::ImageClassifier(std::shared_ptr<const data::ImageDataSet> images, ModelPlan plan,
                                 std::unique_ptr<Model> model, const ClassifierOptions& options)
    : TapeWorkload(std::move(plan), options.batch_size, options.initial_scale),
      data_(std::move(images)),
      model_(std::move(model)),
      options_(options),
      training_batch_(data_),
      evaluation_batch_(data_) {}

double ImageClassifier::forward(const ForwardPass& pass, const Batch& /*batch*/) {
  const Value logits = model_->logits(tape(), tape().input(training_batch_.images()));
  return softmax_cross_entropy(tape(), logits, training_batch_.labels(),
                               pass.label_smoothing.value_or(options_.label_smoothing), reduction());
}

std::vector<Metric> ImageClassifier::evaluate(ConstVector params, ConstVector model_state, Split split) {
  const Index count = examples(split);
  if (static_cast<Index>(evaluation_examples_.size()) < count) {
    evaluation_examples_.resize(static_cast<std::size_t>(count));
    std::iota(evaluation_examples_.begin(), evaluation_examples_.end(), Index{0});
  }
  ClassificationSums sums;
  for (Index first = 0; first < count; first += options_.evaluation_batch) {
    const Index size = std::min(options_.evaluation_batch, count - first);
    evaluation_batch_.load(
        split,
        std::span(evaluation_examples_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(size)));
    begin_evaluation(params, model_state);
    const Value logits = model_->logits(tape(), tape().input(evaluation_batch_.images()));
    const ClassificationSums part = classification_sums(tape(), logits, evaluation_batch_.labels(), reduction());
    sums.correct += part.correct;
    sums.cross_entropy += part.cross_entropy;
  }
  tape().end();
  const auto n = static_cast<double>(count);
  return {{"accuracy", sums.correct / n}, {"cross_entropy", sums.cross_entropy / n}};
}

std::vector<ParameterSpec> classifier_parameters() {
  return {
      choice("activation", "relu", {"relu", "gelu", "tanh"}, "nonlinearity of the hidden layers"),
      choice("normalisation", "none", {"none", "batch", "layer"}, "in front of every nonlinearity"),
      real("initial_scale", 1.0, Range::positive(), "factor on every random initial value"),
      real("dropout", 0.0, Range::decay(), "probability with which training drops an activation"),
      real("label_smoothing", 0.0, Range::decay(), "weight of the uniform distribution in the training targets"),
      integer("batch_size", 128, Range::at_least(1), "examples in a training batch", "examples"),
  };
}

ClassifierOptions classifier_options(const Parameters& parameters) {
  ClassifierOptions options;
  options.initial_scale = parameters.real("initial_scale").base;
  options.label_smoothing = parameters.real("label_smoothing").base;
  options.batch_size = parameters.integer("batch_size");
  return options;
}

std::vector<MetricInfo> classifier_metrics() {
  return {{"accuracy", "fraction", true}, {"cross_entropy", "nats", false}};
}

}  // namespace velo::nn
