#include "workloads/data/synthetic_text.hpp"

#include <mutex>
#include <vector>

#include "harness/device/random.hpp"

namespace velo::data {

namespace {

constexpr std::size_t words = 256;
constexpr std::size_t successors = 4;

class SyntheticText final : public TextDataSet {
 public:
  explicit SyntheticText(const std::array<Index, 3>& bytes) : bytes_(bytes) {
    const RandomStream letters = RandomStream(0, Purpose::synthetic).fork(10);
    const RandomStream lengths = letters.fork(0), next = letters.fork(1);
    for (std::size_t w = 0; w < words; ++w) {
      const std::size_t length = 2 + lengths.below(w, 8);
      for (std::size_t i = 0; i < length; ++i) vocabulary_[w] += static_cast<char>('a' + letters.below(16 * w + i, 26));
      vocabulary_[w] += ' ';
      for (std::size_t k = 0; k < successors; ++k) next_[w][k] = next.below(successors * w + k, words);
    }
  }

  [[nodiscard]] std::span<const std::uint8_t> text(Split split) const override {
    const auto number = static_cast<std::size_t>(split);
    Part& part = parts_[number];
    std::call_once(part.made, [&] { part.text = make(number, static_cast<std::size_t>(bytes_[number])); });
    return part.text;
  }

 private:
  struct Part {
    std::once_flag made;
    std::vector<std::uint8_t> text;
  };

  [[nodiscard]] std::vector<std::uint8_t> make(std::size_t split, std::size_t size) const {
    const RandomStream choices = RandomStream(0, Purpose::synthetic).fork(11 + split);
    std::vector<std::uint8_t> text;
    text.reserve(size + 16);
    std::size_t word = split;
    for (std::uint64_t i = 0; text.size() < size; ++i) {
      text.insert(text.end(), vocabulary_[word].begin(), vocabulary_[word].end());
      word = next_[word][choices.below(i, successors)];
    }
    text.resize(size);
    return text;
  }

  std::array<Index, 3> bytes_;
  std::array<std::string, words> vocabulary_;
  std::array<std::array<std::size_t, successors>, words> next_{};
  mutable std::array<Part, 3> parts_;
};

}  // namespace

std::string synthetic_text_version() { return "synthetic-text-1"; }

std::shared_ptr<const TextDataSet> synthetic_text(const std::array<Index, 3>& bytes) {
  return std::make_shared<SyntheticText>(bytes);
}

}  // namespace velo::data
