// workloads/data/images.hpp
//
// Labelled images of one data set, all three splits: 8-bit pixels and labels, in memory mapped from the converted
// files (shared between all processes that train on them) or generated. Host memory: a workload gathers the examples
// of a batch and hands them to the device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "harness/workload.hpp"

namespace velo::data {

struct ImageShape {
  Index channels = 1;
  Index height = 0;
  Index width = 0;
  Index classes = 0;

  /// Bytes of one image.
  [[nodiscard]] Index pixels() const { return channels * height * width; }
};

class ImageDataSet {
 public:
  virtual ~ImageDataSet() = default;

  [[nodiscard]] virtual const ImageShape& shape() const = 0;
  [[nodiscard]] virtual Index examples(Split split) const = 0;
  /// [examples, channels, height, width]; valid as long as this object.
  [[nodiscard]] virtual std::span<const std::uint8_t> images(Split split) const = 0;
  /// [examples], each below shape().classes
  [[nodiscard]] virtual std::span<const std::uint8_t> labels(Split split) const = 0;

  /// Mean and standard deviation of pixel / 255 over the training split: models see (pixel / 255 - mean) / deviation.
  [[nodiscard]] virtual double mean() const = 0;
  [[nodiscard]] virtual double deviation() const = 0;
};

/// The trivial baseline of classification: accuracies of always naming the training split's most frequent class (of equal
/// ones the lowest).
[[nodiscard]] TrivialBaseline majority_class(const ImageDataSet& images);

}  // namespace velo::data
