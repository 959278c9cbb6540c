#include "workloads/data/speech.hpp"

#include <cmath>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

SpeechSplit::SpeechSplit(std::span<const UtteranceEntry> entries, std::span<const std::uint8_t> labels,
                         std::span<const std::uint8_t> features, Index bins)
    : entries_(entries), labels_(labels), features_(features), bins_(bins) {
  for (const UtteranceEntry& entry : entries_) {
    first_label_.push_back(first_label_.back() + entry.labels);
    first_frame_.push_back(first_frame_.back() + entry.frames);
  }
  if (total_labels() != static_cast<Index>(labels.size()) ||
      total_frames() * bins != static_cast<Index>(features.size()))
    throw Error(cat("the utterances of a speech data set add up to ", total_labels(), " labels and ", total_frames(),
                    " frames where ", labels.size(), " and ", features.size() / static_cast<std::size_t>(bins),
                    " are there"));
}

std::span<const std::uint8_t> SpeechSplit::labels(Index utterance) const {
  const Index first = first_label_[place(utterance)];
  return labels_.subspan(place(first), place(entry(utterance).labels));
}

std::vector<double> bin_statistics(std::span<const std::uint8_t> features, Index bins) {
  const auto width = static_cast<std::size_t>(bins);
  std::vector<std::uint64_t> sums(width), squares(width);
  for (std::size_t i = 0; i < features.size(); ++i) {
    const std::uint64_t value = features[i];
    sums[i % width] += value;
    squares[i % width] += value * value;
  }
  std::vector<double> out(2 * width);
  const std::size_t frames = features.size() / width;
  const auto count = static_cast<double>(frames);
  for (std::size_t b = 0; b < width; ++b) {
    out[b] = static_cast<double>(sums[b]) / count;
    out[width + b] = std::sqrt(static_cast<double>(squares[b]) / count - out[b] * out[b]);
  }
  return out;
}

}  // namespace velo::data
