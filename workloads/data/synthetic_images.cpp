#include "workloads/data/synthetic_images.hpp"

#include <mutex>
#include <vector>

#include "harness/device/random.hpp"

namespace velo::data {

namespace {

constexpr Index grid = 7;
constexpr Index prototypes = 4;

class SyntheticImages final : public ImageDataSet {
 public:
  SyntheticImages(const ImageShape& shape, const std::array<Index, 3>& examples) : shape_(shape), examples_(examples) {
    const RandomStream stream = RandomStream(0, Purpose::synthetic).fork(0);
    squares_.resize(static_cast<std::size_t>(shape.classes * prototypes * shape.channels * grid * grid));
    for (std::size_t i = 0; i < squares_.size(); ++i) squares_[i] = static_cast<std::uint8_t>(stream.bits(i) >> 56);
  }

  [[nodiscard]] const ImageShape& shape() const override { return shape_; }
  [[nodiscard]] Index examples(Split split) const override { return examples_[static_cast<std::size_t>(split)]; }
  [[nodiscard]] std::span<const std::uint8_t> images(Split split) const override { return part(split).images; }
  [[nodiscard]] std::span<const std::uint8_t> labels(Split split) const override { return part(split).labels; }

  // Of the distribution, over prototypes too: E w^2 = 0.02511 and E (1 - w)^2 = 0.71652 times the variance 1/12 of a
  // uniform; division rounds down, by half a grey level on average.
  [[nodiscard]] double mean() const override { return 0.498; }
  [[nodiscard]] double deviation() const override { return 0.2486; }

 private:
  struct Part {
    std::once_flag made;
    std::vector<std::uint8_t> images;
    std::vector<std::uint8_t> labels;
  };

  const Part& part(Split split) const {
    Part& p = parts_[static_cast<std::size_t>(split)];
    std::call_once(p.made, [&] {
      const Index count = examples(split);
      const RandomStream stream = RandomStream(0, Purpose::synthetic).fork(1 + static_cast<std::uint64_t>(split));
      p.images.resize(static_cast<std::size_t>(count * shape_.pixels()));
      p.labels.resize(static_cast<std::size_t>(count));
      for (Index e = 0; e < count; ++e)
        p.labels[static_cast<std::size_t>(e)] = draw(stream, e, p.images.data() + e * shape_.pixels());
    });
    return p;
  }

  /// Writes image number `e` and returns its label. Blocks of a stream: one for the choices, then noise, 16 bytes each.
  std::uint8_t draw(const RandomStream& stream, Index e, std::uint8_t* out) const {
    const Index blocks = 1 + (shape_.pixels() + 15) / 16;
    const auto first = static_cast<std::uint64_t>(e * blocks);
    const PhiloxBlock choice = stream.block(first);
    const auto label = static_cast<Index>(
        static_cast<std::uint64_t>(choice.word[0]) * static_cast<std::uint64_t>(shape_.classes) >> 32);
    const Index prototype = choice.word[1] % prototypes;
    const Index weight = 24 + (choice.word[1] >> 8) % 32;
    const Index down = choice.word[2] % 5 - 2 + shape_.height, right = choice.word[3] % 5 - 2 + shape_.width;
    const std::uint8_t* squares = squares_.data() + (label * prototypes + prototype) * shape_.channels * grid * grid;

    PhiloxBlock noise{};
    for (Index k = 0; k < shape_.pixels(); ++k) {
      if (k % 16 == 0) noise = stream.block(first + 1 + static_cast<std::uint64_t>(k / 16));
      const Index channel = k / (shape_.height * shape_.width);
      const Index row = (k / shape_.width % shape_.height + down) % shape_.height;
      const Index column = (k % shape_.width + right) % shape_.width;
      const Index square = (channel * grid + row * grid / shape_.height) * grid + column * grid / shape_.width;
      const Index grey = noise.word[k % 16 / 4] >> 8 * (k % 4) & 0xff;
      out[k] = static_cast<std::uint8_t>((weight * squares[square] + (256 - weight) * grey) / 256);
    }
    return static_cast<std::uint8_t>(label);
  }

  ImageShape shape_;
  std::array<Index, 3> examples_;
  std::vector<std::uint8_t> squares_;  ///< [classes, prototypes, channels, 7, 7]
  mutable std::array<Part, 3> parts_;
};

}  // namespace

std::string synthetic_version() { return "synthetic-1"; }

std::shared_ptr<const ImageDataSet> synthetic_images(const ImageShape& shape, const std::array<Index, 3>& examples) {
  return std::make_shared<SyntheticImages>(shape, examples);
}

}  // namespace velo::data
