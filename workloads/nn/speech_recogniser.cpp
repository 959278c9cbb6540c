#include "workloads/nn/speech_recogniser.hpp"

#include <algorithm>
#include <numeric>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

/// One row of features from bytes; zeros where no frame is.
struct Normalise {
  const std::uint8_t* bytes;
  const std::int32_t* sequence;
  const Scalar* scaling;
  Scalar* features;
  Index bins;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const std::uint8_t* from = bytes + row * bins;
    Scalar* to = features + row * bins;
    const bool frame = sequence[row] >= 0;
    for (Index i = 0; i < bins; ++i)
      to[i] = frame ? scaling[i] * static_cast<Scalar>(from[i]) + scaling[bins + i] : Scalar(0);
  }
};

/// Longest first; equals as they came.
void sort_by_length(const data::SpeechSplit& split, std::vector<Index>& utterances) {
  std::sort(utterances.begin(), utterances.end(), [&](Index a, Index b) {
    return split.frames(a) != split.frames(b) ? split.frames(a) > split.frames(b) : a < b;
  });
}

/// Frames that the shortest path takes: every label, and a blank between equal neighbours.
Index frames_needed(std::span<const std::uint8_t> labels) {
  Index needed = static_cast<Index>(labels.size());
  for (std::size_t i = 1; i < labels.size(); ++i) needed += labels[i] == labels[i - 1] ? 1 : 0;
  return needed;
}

void check_lengths(const data::SpeechCorpus& corpus) {
  for (const Split which : {Split::train, Split::validation, Split::test}) {
    const data::SpeechSplit& split = corpus.split(which);
    for (Index u = 0; u < split.utterances(); ++u) {
      const Index steps = (split.frames(u) + 3) / 4, needed = frames_needed(split.labels(u));
      if (steps < needed)
        throw Error(cat("utterance ", u, " of the ", name(which), " split has ", steps,
                        " frames at a quarter of the rate where its labels need ", needed));
    }
  }
}

}  // namespace

SpeechBatch::SpeechBatch(std::shared_ptr<const data::SpeechCorpus> corpus)
    : corpus_(std::move(corpus)), scaling_("velo::nn::scaling", static_cast<std::size_t>(2 * corpus_->bins)) {
  const auto host = Kokkos::create_mirror_view(scaling_);
  for (std::size_t i = 0; i < corpus_->mean.size(); ++i) {
    host(i) = static_cast<Scalar>(1 / corpus_->deviation[i]);
    host(corpus_->mean.size() + i) = static_cast<Scalar>(-corpus_->mean[i] / corpus_->deviation[i]);
  }
  Kokkos::deep_copy(scaling_, host);
}

void SpeechBatch::load(Split which, std::span<const Index> utterances) {
  const data::SpeechSplit& split = corpus_->split(which);
  order_.assign(utterances.begin(), utterances.end());
  sort_by_length(split, order_);
  lengths_.resize(order_.size());
  longest_ = 0;
  Index labels = 0;
  for (std::size_t b = 0; b < order_.size(); ++b) {
    lengths_[b] = split.frames(order_[b]);
    const Index count = split.entry(order_[b]).labels;
    longest_ = std::max(longest_, count);
    labels += count;
  }
  rates_[0].assign(lengths_);
  rates_[1].assign_half_of(rates_[0]);
  rates_[2].assign_half_of(rates_[1]);

  const Index bins = corpus_->bins, rows = rates_[0].rows();
  const Index sequences = rates_[0].sequences();
  std::uint8_t* bytes = bytes_.stage(rows * bins);
  std::uint8_t* label = labels_.stage(labels);
  std::int32_t* first = first_label_.stage(sequences + 1);
  if (static_cast<Index>(features_.extent(0)) < rows * bins) grow(features_, "velo::nn::features", rows * bins * 5 / 4);
  first[0] = 0;
  for (Index b = 0; b < sequences; ++b) {
    const std::uint8_t* frames = split.features(utterance(b));
    for (Index t = 0; t < rates_[0].length(b); ++t)
      std::copy_n(frames + t * bins, bins, bytes + rates_[0].row(b, t) * bins);
    const auto said = split.labels(utterance(b));
    std::ranges::copy(said, label + first[b]);
    first[b + 1] = first[b] + static_cast<std::int32_t>(said.size());
  }
  bytes_.upload(rows * bins);
  labels_.upload(labels);
  first_label_.upload(sequences + 1);
  for_each_task("velo::nn::load", rows, rows * bins,
                Normalise{bytes_.data(), rates_[0].table().sequence, scaling_.data(), features_.data(), bins});
}

SpeechRecogniser::SpeechRecogniser(std::shared_ptr<const data::SpeechCorpus> corpus, ModelPlan plan,
                                   std::unique_ptr<AcousticModel> model, const RecogniserOptions& options)
    : TapeWorkload(std::move(plan), options.batch_size, options.initial_scale),
      corpus_(std::move(corpus)),
      model_(std::move(model)),
      options_(options),
      labels_per_utterance_(static_cast<double>(corpus_->split(Split::train).total_labels()) /
                            static_cast<double>(corpus_->split(Split::train).utterances())),
      training_batch_(corpus_),
      evaluation_batch_(corpus_) {
  check_lengths(*corpus_);
}

double SpeechRecogniser::forward(const ForwardPass& /*pass*/, const Batch& batch) {
  const FrameRates& rates = training_batch_.rates();
  const Value logits = model_->logits(tape(), tape().input(training_batch_.features()), rates);
  return ctc_loss(tape(), logits, rates[2], training_batch_.labels(),
                  labels_per_utterance_ * static_cast<double>(batch.size()), reduction());
}

Index SpeechRecogniser::errors(Split split, const std::uint8_t* best) {
  const Frames& frames = evaluation_batch_.rates()[2];
  const auto rows = static_cast<std::size_t>(frames.rows());
  if constexpr (!device_is_host) {
    host_best_.resize(rows);
    Kokkos::deep_copy(Kokkos::View<std::uint8_t*, Kokkos::HostSpace>(host_best_.data(), rows),
                      Kokkos::View<const std::uint8_t*, MemorySpace>(best, rows));
    best = host_best_.data();
  }
  Index sum = 0;
  for (Index b = 0; b < frames.sequences(); ++b) {
    path_.clear();
    for (Index t = 0; t < frames.length(b); ++t) path_.push_back(best[frames.row(b, t)]);
    collapse(path_);
    sum += distance_(corpus_->split(split).labels(evaluation_batch_.utterance(b)), path_);
  }
  return sum;
}

std::vector<Metric> SpeechRecogniser::evaluate(ConstVector params, ConstVector model_state, Split which) {
  const data::SpeechSplit& split = corpus_->split(which);
  std::vector<Index>& order = by_length_[static_cast<std::size_t>(which)];
  if (order.empty()) {
    order.resize(static_cast<std::size_t>(split.utterances()));
    std::iota(order.begin(), order.end(), Index{0});
    sort_by_length(split, order);
  }
  double loss = 0;
  Index wrong = 0;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    for (Index frames = 0;
         last < order.size() && (last == first || frames + split.frames(order[last]) <= options_.evaluation_frames);
         ++last)
      frames += split.frames(order[last]);
    evaluation_batch_.load(which, std::span(order).subspan(first, last - first));
    begin_evaluation(params, model_state);
    const FrameRates& rates = evaluation_batch_.rates();
    const Value logits = model_->logits(tape(), tape().input(evaluation_batch_.features()), rates);
    loss += ctc_loss(tape(), logits, rates[2], evaluation_batch_.labels(), 1.0, reduction());
    wrong += errors(which, best_labels(tape(), logits));
    first = last;
  }
  tape().end();
  const auto labels = static_cast<double>(split.total_labels());
  return {{"phone_error_rate", static_cast<double>(wrong) / labels}, {"ctc_loss", loss / labels}};
}

std::vector<MetricInfo> recogniser_metrics() {
  return {{"phone_error_rate", "fraction", false}, {"ctc_loss", "nats", false}};
}

}  // namespace velo::nn
