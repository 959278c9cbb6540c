#include "workloads/data/synthetic_speech.hpp"

#include "harness/device/random.hpp"

namespace velo::data {

namespace {

constexpr std::uint32_t fewest_symbols = 4, most_symbols = 24, fewest_frames = 5, most_frames = 12;
constexpr Index fade = 4;

struct Generated {
  std::vector<UtteranceEntry> entries;
  std::vector<std::uint8_t> labels, features;
};

/// Numbers drawn one after another.
class Draws {
 public:
  explicit Draws(const RandomStream& stream) : stream_(stream) {}
  std::uint32_t word() {
    if (next_ % 4 == 0) block_ = stream_.block(next_ / 4);
    return block_.word[next_++ % 4];
  }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + word() % (high - low + 1); }

 private:
  RandomStream stream_;
  PhiloxBlock block_{};
  std::uint64_t next_ = 0;
};

class Generator {
 public:
  Generator(Index bins, Index symbols) : bins_(bins), symbols_(symbols), levels_(size(bins * (symbols + 1))) {
    Draws draws(RandomStream(0, Purpose::synthetic).fork(10));
    for (std::uint8_t& level : levels_) level = static_cast<std::uint8_t>(draws.word() >> 24);
  }

  [[nodiscard]] Generated split(std::uint64_t salt, Index utterances) const {
    Generated out;
    Draws draws(RandomStream(0, Purpose::synthetic).fork(salt));
    for (Index u = 0; u < utterances; ++u) {
      UtteranceEntry entry{static_cast<std::int32_t>(u), 0, 0};
      entry.labels = static_cast<std::int32_t>(draws.between(fewest_symbols, most_symbols));
      std::size_t last = 0;  // the blank's pattern
      for (std::int32_t l = 0; l < entry.labels; ++l) {
        const std::size_t symbol = 1 + draws.word() % size(symbols_);
        const auto frames = static_cast<Index>(draws.between(fewest_frames, most_frames));
        out.labels.push_back(static_cast<std::uint8_t>(symbol));
        for (Index f = 0; f < frames; ++f) write_frame(last, symbol, f, draws, out.features);
        entry.frames += static_cast<std::int32_t>(frames);
        last = symbol;
      }
      out.entries.push_back(entry);
    }
    return out;
  }

 private:
  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }

  void write_frame(std::size_t last, std::size_t symbol, Index frame, Draws& draws,
                   std::vector<std::uint8_t>& out) const {
    const auto share = static_cast<std::uint32_t>(frame < fade ? frame + 1 : fade);
    for (std::size_t b = 0; b < size(bins_); ++b) {
      const std::uint32_t from = levels_[last * size(bins_) + b], to = levels_[symbol * size(bins_) + b];
      const std::uint32_t level = (share * to + (fade - share) * from) / fade;
      out.push_back(static_cast<std::uint8_t>((160 * level + 96 * (draws.word() >> 24)) / 256));
    }
  }

  Index bins_, symbols_;
  std::vector<std::uint8_t> levels_;  ///< [symbols + 1, bins]
};

}  // namespace

std::string synthetic_speech_version() { return "synthetic-speech-1"; }

std::shared_ptr<const SpeechCorpus> synthetic_speech(Index bins, Index symbols,
                                                     const std::array<Index, 3>& utterances) {
  const Generator generator(bins, symbols);
  const auto parts = std::make_shared<std::array<Generated, 3>>();
  auto corpus = std::make_shared<SpeechCorpus>();
  corpus->bins = bins;
  corpus->symbols = symbols;
  for (std::size_t s = 0; s < 3; ++s) {
    (*parts)[s] = generator.split(11 + s, utterances[s]);
    const Generated& part = (*parts)[s];
    corpus->splits[s] = SpeechSplit(part.entries, part.labels, part.features, bins);
  }
  const std::vector<double> statistics = bin_statistics((*parts)[0].features, bins);
  corpus->mean.assign(statistics.begin(), statistics.begin() + bins);
  corpus->deviation.assign(statistics.begin() + bins, statistics.end());
  corpus->owner = parts;
  return corpus;
}

}  // namespace velo::data
