#include "workloads/data/festvox_ru.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/log_mel.hpp"
#include "workloads/data/package.hpp"
#include "workloads/data/raw_files.hpp"
#include "workloads/data/synthetic_speech.hpp"
#include "workloads/data/wav.hpp"

namespace velo {

namespace data {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 50> phones = {
    "a",  "aa",  "ae", "ay", "b", "bb", "c", "ch", "d",  "dd", "e",  "ee", "f",  "ff", "g",  "gg", "h",
    "hh", "i",   "ii", "j",  "k", "kk", "l", "ll", "m",  "mm", "n",  "nn", "oo", "p",  "pp", "r",  "rr",
    "s",  "sch", "sh", "ss", "t", "tt", "u", "ur", "uu", "v",  "vv", "y",  "yy", "z",  "zh", "zz"};
static_assert(std::ranges::is_sorted(phones));

constexpr std::string_view pause = "pau";
constexpr double longest_margin = 0.05;                              // seconds of a pause that an utterance keeps
constexpr std::array<std::size_t, 3> utterances = {2280, 271, 290};  // train, validation, test
constexpr std::array<const char*, 3> split_files = {"train.raw", "validation.raw", "test.raw"};

/// One file per split, and the training split's bin statistics: 40 means and 40 deviations as doubles.
const RawSet& raw_set() {
  static const RawSet set{
      "festvox_ru",
      {{split_files[0], 15942224, "2b57c82527c63a7ff2005f216de191947d696d03399b53af3cb292fa0536b299"},
       {split_files[1], 1924433, "6fcd9e6a85480b39580f179cc12b9483b2b39c1242deeae17a7ca99cba7b2391"},
       {split_files[2], 2043801, "af60fd139ba91e89c577fba1b3c7793d441f969224b0bdf629581a12772f9d16"},
       {"normalisation.raw", 640, "b2e1a429641204b670900ef2d41d1e2eebe0ccdc01eeb19f91400280a880cc64"}}};
  return set;
}

// --- conversion ---

struct Phone {
  double end = 0;  ///< seconds
  std::string name;
};

/// A line "#", then a line "end-time number phone" for every phone.
std::vector<Phone> read_phones(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(cat(path, " cannot be opened"));
  std::vector<Phone> out;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    Phone phone;
    std::string number;
    if (!(words >> phone.end >> number >> phone.name)) throw Error(cat(path, ": '", line, "' is not a phone"));
    out.push_back(std::move(phone));
  }
  return out;
}

std::uint8_t label_of(const std::string& phone, const std::string& path) {
  const auto* const found = std::ranges::lower_bound(phones, phone);
  if (found == phones.end() || *found != phone)
    throw Error(cat(path, ": no phone of this voice is called '", phone, "'"));
  return static_cast<std::uint8_t>(1 + (found - phones.begin()));
}

struct Part {
  std::vector<UtteranceEntry> entries;
  std::vector<std::uint8_t> labels, features;
};

/// Appends the utterances of a recording. A frame belongs to an utterance if its middle does.
void cut(std::int32_t recording, const std::vector<Phone>& spoken, const std::vector<std::uint8_t>& frames,
         const std::string& path, Part& part) {
  const auto frame_at = [&](double seconds) {
    const double place = std::ceil((seconds * samples_per_second - frame_samples / 2.0) / frame_step);
    return std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(place), 0, std::ssize(frames) / mel_bins);
  };
  const auto end = [&](std::size_t i) { return i == 0 ? 0.0 : spoken[i - 1].end; };  // of what comes before phone i
  for (std::size_t first = 0; first < spoken.size();) {
    if (spoken[first].name == pause) {
      ++first;
      continue;
    }
    std::size_t last = first;
    while (last < spoken.size() && spoken[last].name != pause) ++last;
    const double before = first == 0 ? 0.0 : end(first) - end(first - 1);
    const double behind = last == spoken.size() ? 0.0 : end(last + 1) - end(last);
    const auto begin = frame_at(end(first) - std::min(longest_margin, before / 2));
    const auto stop = frame_at(end(last) + std::min(longest_margin, behind / 2));
    for (std::size_t i = first; i < last; ++i) part.labels.push_back(label_of(spoken[i].name, path));
    part.features.insert(part.features.end(), frames.begin() + begin * mel_bins, frames.begin() + stop * mel_bins);
    part.entries.push_back(
        {recording, static_cast<std::int32_t>(stop - begin), static_cast<std::int32_t>(last - first)});
    first = last;
  }
}

/// Names "ru_0001" ... of all recordings, sorted.
std::vector<std::string> recordings(const std::string& originals) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(originals + "/lab", failed))
    if (entry.path().extension() == ".lab") names.push_back(entry.path().stem());
  if (failed) throw Error(cat(originals, "/lab cannot be opened"));
  std::ranges::sort(names);
  return names;
}

void convert(const std::string& originals, const std::string& folder) {
  std::array<Part, 3> parts;
  const LogMel log_mel;
  std::size_t position = 0;
  for (const std::string& name : recordings(originals)) {
    const std::string path = cat(originals, "/lab/", name, ".lab");
    const std::size_t tenth = position++ % 10;
    const auto frames = log_mel(read_wav(cat(originals, "/wav/", name, ".wav"), samples_per_second));
    cut(static_cast<std::int32_t>(std::stoi(name.substr(name.find('_') + 1))), read_phones(path), frames, path,
        parts[tenth < 8 ? 0 : tenth - 7]);
  }
  for (std::size_t s = 0; s < 3; ++s)
    write_file(folder + "/" + split_files[s], {bytes_of(parts[s].entries), parts[s].labels, parts[s].features});
  write_file(folder + "/normalisation.raw", {bytes_of(bin_statistics(parts[0].features, mel_bins))});
}

void install_festvox_ru(const std::string& directory, const std::string& from, const Say& say) {
  install(
      raw_set(), directory,
      [&](const std::string& folder) {
        const std::string originals =
            from.empty() ? package_folder("festvox-ru", "/usr/share/festival/voices/russian/msu_ru_nsh_clunits",
                                          fs::path(folder).parent_path() / "package", say)
                         : from;
        say("converting the recordings of festvox-ru from " + originals);
        convert(originals, folder);
      },
      say);
}

// --- reading ---

struct Files {
  explicit Files(const std::string& folder)
      : splits{MappedFile(folder + "/" + split_files[0]), MappedFile(folder + "/" + split_files[1]),
               MappedFile(folder + "/" + split_files[2])},
        normalisation(folder + "/normalisation.raw") {}

  std::array<MappedFile, 3> splits;
  MappedFile normalisation;
};

SpeechSplit split_in(std::span<const std::uint8_t> bytes, std::size_t count) {
  const std::size_t table = count * sizeof(UtteranceEntry);
  const std::span<const UtteranceEntry> entries(reinterpret_cast<const UtteranceEntry*>(bytes.data()), count);
  std::size_t labels = 0;
  for (const UtteranceEntry& entry : entries) labels += static_cast<std::size_t>(entry.labels);
  return {entries, bytes.subspan(table, labels), bytes.subspan(table + labels), mel_bins};
}

}  // namespace

std::span<const std::string_view> phone_names() { return phones; }

std::shared_ptr<const SpeechCorpus> open_festvox_ru(const DataSource& source) {
  if (source.synthetic) {
    // Generated once per process: the content is fixed.
    static const auto generated = synthetic_speech(mel_bins, phones.size(), {2048, 256, 256});
    return generated;
  }
  const std::string directory = directory_of(source);
  check(raw_set(), directory);
  const auto files = std::make_shared<Files>(raw_set().folder(directory));
  auto corpus = std::make_shared<SpeechCorpus>();
  corpus->bins = mel_bins;
  corpus->symbols = static_cast<Index>(phones.size());
  for (std::size_t s = 0; s < 3; ++s) corpus->splits[s] = split_in(files->splits[s].bytes(), utterances[s]);
  for (std::vector<double>* numbers : {&corpus->mean, &corpus->deviation}) {
    numbers->resize(mel_bins);
    const std::size_t offset = numbers == &corpus->mean ? 0 : mel_bins * sizeof(double);
    std::memcpy(numbers->data(), files->normalisation.bytes().data() + offset, mel_bins * sizeof(double));
  }
  corpus->owner = files;
  return corpus;
}

std::string festvox_ru_version(const DataSource& source) {
  if (source.synthetic) return synthetic_speech_version();
  check(raw_set(), directory_of(source));
  return raw_set().version();
}

}  // namespace data

DataSetInfo festvox_ru_data_set() {
  using namespace data;
  return {.name = raw_set().name,
          .summary = "Russian read speech with phones: 620 sentences of one voice cut into 2,841 utterances",
          .licence = "BSD-like, N. V. Shmyrev",
          .package = "festvox-ru",
          .homepage = "https://sourceforge.net/projects/festlang.berlios",
          .bytes = raw_set().bytes(),
          .version = raw_set().version(),
          .install = install_festvox_ru,
          .verify = [](const std::string& directory) { verify(raw_set(), directory); },
          .installed = [](const std::string& directory) { return is_installed(raw_set(), directory); }};
}

}  // namespace velo
