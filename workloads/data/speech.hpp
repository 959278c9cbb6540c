// workloads/data/speech.hpp
//
// Transcribed speech of one data set, all three splits: log-mel frames as bytes (log_mel.hpp) and label sequences, in
// memory mapped from the converted files (shared between all processes that train on them) or generated. Host memory:
// a workload gathers the utterances of a batch and hands them to the device.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "harness/workload.hpp"

namespace velo::data {

/// What is known of an utterance beside its frames and labels; the form in which files keep it.
struct UtteranceEntry {
  std::int32_t recording;  ///< number of the recording that it was cut from: no recording is in two splits
  std::int32_t frames;
  std::int32_t labels;
};

class SpeechSplit {
 public:
  SpeechSplit() = default;
  /// `labels` and `features` hold all utterances one after another, `bins` bytes a frame. Throws Error unless their
  /// lengths are what the entries add up to.
  SpeechSplit(std::span<const UtteranceEntry> entries, std::span<const std::uint8_t> labels,
              std::span<const std::uint8_t> features, Index bins);

  [[nodiscard]] Index utterances() const { return static_cast<Index>(entries_.size()); }
  [[nodiscard]] const UtteranceEntry& entry(Index utterance) const { return entries_[place(utterance)]; }
  [[nodiscard]] Index frames(Index utterance) const { return entry(utterance).frames; }
  /// Each label is 1 ... symbols: 0 is CTC's blank.
  [[nodiscard]] std::span<const std::uint8_t> labels(Index utterance) const;
  /// [frames, bins]
  [[nodiscard]] const std::uint8_t* features(Index utterance) const {
    return features_.data() + first_frame_[place(utterance)] * bins_;
  }
  /// Of all utterances together.
  [[nodiscard]] Index total_labels() const { return first_label_.back(); }
  [[nodiscard]] Index total_frames() const { return first_frame_.back(); }

 private:
  static std::size_t place(Index i) { return static_cast<std::size_t>(i); }

  std::span<const UtteranceEntry> entries_;
  std::span<const std::uint8_t> labels_, features_;
  std::vector<Index> first_label_ = {0}, first_frame_ = {0};
  Index bins_ = 0;
};

struct SpeechCorpus {
  Index bins = 0;     ///< numbers in a frame
  Index symbols = 0;  ///< labels besides the blank
  std::array<SpeechSplit, 3> splits;
  /// Of every bin, over the frames of the training split: models see (byte - mean) / deviation.
  std::vector<double> mean, deviation;
  std::shared_ptr<const void> owner;  ///< of the memory behind the splits

  [[nodiscard]] const SpeechSplit& split(Split which) const { return splits[static_cast<std::size_t>(which)]; }
};

/// Means, then deviations, of `bins` numbers over all frames: sums of integers, exact before the last roundings.
[[nodiscard]] std::vector<double> bin_statistics(std::span<const std::uint8_t> features, Index bins);

}  // namespace velo::data
