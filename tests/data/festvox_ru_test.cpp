#include "workloads/data/festvox_ru.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "harness/registry.hpp"
#include "results/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "workloads/data/synthetic_speech.hpp"
#include "workloads/data/wav.hpp"
#include "workloads/nn/spelling.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::Message;

namespace {

const DataSetInfo& descriptor() { return data_set(builtin_registry(), "festvox_ru"); }

const char* const package_files = "/usr/share/festival/voices/russian/msu_ru_nsh_clunits";

constexpr std::array all_splits = {Split::train, Split::validation, Split::test};

/// Little-endian bytes of a WAV file.
std::string wav(int channels, int rate, int bits, const std::vector<std::int16_t>& samples) {
  const auto number = [](std::uint32_t value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out += static_cast<char>(value >> 8 * i & 0xff);
    return out;
  };
  std::string data;
  for (const std::int16_t s : samples) data += number(static_cast<std::uint16_t>(s), 2);
  const std::string format = number(1, 2) + number(static_cast<std::uint32_t>(channels), 2) +
                             number(static_cast<std::uint32_t>(rate), 4) + number(0, 4) + number(0, 2) +
                             number(static_cast<std::uint32_t>(bits), 2);
  // A chunk of odd length that nobody asked for lies in between.
  return "RIFF" + number(0, 4) + "WAVE" + "fmt " + number(16, 4) + format + "LIST" + number(3, 4) + "abc" +
         std::string(1, '\0') + "data" + number(static_cast<std::uint32_t>(data.size()), 4) + data;
}

}  // namespace

TEST_CASE("festvox-ru is registered with licence, package and version") {
  CHECK(descriptor().package == "festvox-ru");
  CHECK(descriptor().bytes == 19911098);
  CHECK(descriptor().version.size() == 64);
  CHECK_FALSE(descriptor().licence.empty());
  CHECK(phone_names().size() == 50);
  CHECK(std::ranges::is_sorted(phone_names()));
}

TEST_CASE("without its files festvox-ru says how to get them") {
  const test::TemporaryFolder directory;
  const std::string sentence =
      "data set 'festvox_ru' is not installed in " + directory.path() + ": run `velo data install festvox_ru`";
  CHECK_THROWS_MATCHES(open_festvox_ru({directory.path(), false}), Error, Message(sentence));
  CHECK_THROWS_MATCHES(festvox_ru_version({directory.path(), false}), Error, Message(sentence));
}

TEST_CASE("originals of speech that are not there are named") {
  const test::TemporaryFolder directory;
  CHECK_THROWS_MATCHES(descriptor().install(directory.path(), directory / "nowhere", [](std::string_view) {}), Error,
                       Message(directory / "nowhere/lab" + " cannot be opened"));
  CHECK_FALSE(descriptor().installed(directory.path()));
}

TEST_CASE("the recordings become three splits that share no recording") {
  if (!std::filesystem::exists(package_files)) SKIP("package festvox-ru is not installed");
  const test::TemporaryFolder directory;
  descriptor().install(directory.path(), package_files, [](std::string_view) {});
  CHECK(descriptor().installed(directory.path()));
  CHECK_NOTHROW(descriptor().verify(directory.path()));
  const auto corpus = open_festvox_ru({directory.path(), false});
  const std::array<Index, 3> recordings = {496, 62, 62}, utterances = {2280, 271, 290}, frames = {396859, 47908, 50879},
                             labels = {40504, 4861, 5161};
  std::set<std::int32_t> seen;
  for (std::size_t s = 0; s < 3; ++s) {
    const SpeechSplit& split = corpus->split(all_splits[s]);
    CHECK(split.utterances() == utterances[s]);
    CHECK(split.total_frames() == frames[s]);
    CHECK(split.total_labels() == labels[s]);
    std::set<std::int32_t> own;
    for (Index u = 0; u < split.utterances(); ++u) own.insert(split.entry(u).recording);
    CHECK(static_cast<Index>(own.size()) == recordings[s]);
    const std::size_t before = seen.size();
    seen.merge(own);
    CHECK(seen.size() == before + static_cast<std::size_t>(recordings[s]));
  }
  // The words of the sentences that were cut, without blanks, stress marks and punctuation: no two recordings have the same.
  std::ifstream transcripts(std::string(package_files) + "/etc/txt.done.data");
  std::set<std::string> texts;
  int lines = 0;
  for (std::string line; std::getline(transcripts, line); ++lines) {
    std::string words;
    for (const char c : line.substr(line.find('"')))
      if (static_cast<unsigned char>(c) >= 0x80) words += c;  // Cyrillic letters, two bytes each
    texts.insert(words);
  }
  CHECK(lines == 620);
  CHECK(texts.size() == 620);

  // "Korrespondent": what the first recording begins with.
  std::string first;
  for (const std::uint8_t label : corpus->split(Split::train).labels(0))
    first += std::string(phone_names()[label - 1u]) + " ";
  CHECK(first == "k ay rr ae s p a n dd ee n t ");
}

TEST_CASE("no sentence is read in two splits") {
  if (!descriptor().installed(default_data_directory())) SKIP("data set festvox_ru is not installed");
  const auto corpus = open_festvox_ru({});
  std::array<std::map<std::int32_t, std::vector<std::uint8_t>>, 3> sentences;  // by recording
  for (std::size_t s = 0; s < 3; ++s) {
    const SpeechSplit& split = corpus->split(all_splits[s]);
    for (Index u = 0; u < split.utterances(); ++u) {
      auto& sentence = sentences[s][split.entry(u).recording];
      sentence.insert(sentence.end(), split.labels(u).begin(), split.labels(u).end());
    }
  }
  // A sentence read twice would differ in a few phones; these differ in two of three.
  nn::EditDistance distance;
  double least = 1;
  for (const auto& [a, b] : {std::pair(0, 1), std::pair(0, 2), std::pair(1, 2)})
    for (const auto& [number, said] : sentences[static_cast<std::size_t>(a)])
      for (const auto& [other, heard] : sentences[static_cast<std::size_t>(b)])
        least = std::min(least, static_cast<double>(distance(said, heard)) /
                                    static_cast<double>(std::max(said.size(), heard.size())));
  CHECK(least > 0.6);
}

TEST_CASE("synthetic speech needs no files, has the same symbols, and enough frames for its labels") {
  const auto corpus = open_festvox_ru({"/nonexistent", true});
  CHECK(festvox_ru_version({"/nonexistent", true}) == "synthetic-speech-1");
  CHECK(corpus->bins == 40);
  CHECK(corpus->symbols == 50);
  for (const Split which : all_splits) {
    const SpeechSplit& split = corpus->split(which);
    CHECK(split.utterances() == (which == Split::train ? 2048 : 256));
    for (Index u = 0; u < split.utterances(); ++u) {
      REQUIRE(split.frames(u) >= 5 * static_cast<Index>(split.labels(u).size()));
      for (const std::uint8_t label : split.labels(u)) REQUIRE((label >= 1 && label <= 50));
    }
  }
}

TEST_CASE("speech models see mean 0 and deviation 1 in every bin of the training split") {
  const auto corpus = synthetic_speech(3, 5, {40, 1, 1});
  const SpeechSplit& split = corpus->split(Split::train);
  for (std::size_t b = 0; b < 3; ++b) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < split.total_frames(); ++i) {
      const double x =
          (split.features(0)[static_cast<std::size_t>(i) * 3 + b] - corpus->mean[b]) / corpus->deviation[b];
      sum += x;
      squares += x * x;
    }
    const auto count = static_cast<double>(split.total_frames());
    CHECK_THAT(sum / count, Catch::Matchers::WithinAbs(0, 1e-12));
    CHECK_THAT(squares / count, Catch::Matchers::WithinAbs(1, 1e-12));
  }
}

TEST_CASE("utterances that do not add up are refused") {
  const std::vector<UtteranceEntry> entries = {{1, 2, 1}};
  const std::vector<std::uint8_t> labels(1), features(5);
  CHECK_THROWS_MATCHES(SpeechSplit(entries, labels, features, 3), Error,
                       Message("the utterances of a speech data set add up to 1 labels and 2 frames where 1 and 1 are "
                               "there"));
}

TEST_CASE("WAV files are read as they are, and others refused by name") {
  const test::TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  const std::vector<std::int16_t> samples = {0, 1, -1, 32767, -32768};
  write("right.wav", wav(1, 16000, 16, samples));
  CHECK(read_wav(folder / "right.wav", 16000) == samples);
  const std::string sentence = " is not one channel of 16-bit samples at 16000 Hz";
  write("stereo.wav", wav(2, 16000, 16, samples));
  CHECK_THROWS_MATCHES(read_wav(folder / "stereo.wav", 16000), Error, Message(folder / "stereo.wav" + sentence));
  write("slow.wav", wav(1, 8000, 16, samples));
  CHECK_THROWS_MATCHES(read_wav(folder / "slow.wav", 16000), Error, Message(folder / "slow.wav" + sentence));
  write("bytes.wav", wav(1, 16000, 8, samples));
  CHECK_THROWS_MATCHES(read_wav(folder / "bytes.wav", 16000), Error, Message(folder / "bytes.wav" + sentence));
  const std::string whole = wav(1, 16000, 16, samples);
  write("short.wav", whole.substr(0, whole.size() - 1));
  CHECK_THROWS_MATCHES(read_wav(folder / "short.wav", 16000), Error, Message(folder / "short.wav" + " is cut short"));
  write("text.wav", "hello, this is text");
  CHECK_THROWS_MATCHES(read_wav(folder / "text.wav", 16000), Error,
                       Message(folder / "text.wav" + " is not a WAV file"));
  CHECK_THROWS_MATCHES(read_wav(folder / "none.wav", 16000), Error, Message(folder / "none.wav" + " cannot be opened"));
}
