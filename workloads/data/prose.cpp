#include "workloads/data/prose.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/package.hpp"
#include "workloads/data/r_strings.hpp"
#include "workloads/data/raw_files.hpp"
#include "workloads/data/sword_text.hpp"
#include "workloads/data/synthetic_text.hpp"

namespace velo {

namespace data {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view novels_package = "r-cran-janeaustenr", bible_package = "sword-text-kjv";
constexpr std::string_view novels_folder = "/usr/lib/R/site-library/janeaustenr/data";
constexpr std::string_view bible_folder = "/usr/share/sword/modules/texts/ztext/engKJV2006eb";

constexpr std::array<std::string_view, 6> novels = {"sensesensibility", "prideprejudice", "mansfieldpark", "emma",
                                                    "northangerabbey",  "persuasion"};

/// One file per split.
const RawSet& raw_set() {
  static const RawSet set{
      "prose",
      {{"train.txt", 6851943, "f031d27aac1073c8eb1b5b21cc7755086d3e675f1da32e784c955c3fc50e8c60"},
       {"validation.txt", 624585, "963fa20af6137917fefcc3a9ac0fa6ee9844ab5b42b9637088a5de7fef2830f1"},
       {"test.txt", 673305, "e82862e6d05bb04a619fbaf6779275de7c3b4a012f101109014bd965995cbb25"}}};
  return set;
}

class Prose final : public TextDataSet {
 public:
  explicit Prose(const std::string& folder)
      : files_{MappedFile(folder + "/" + raw_set().files[0].name), MappedFile(folder + "/" + raw_set().files[1].name),
               MappedFile(folder + "/" + raw_set().files[2].name)} {}

  [[nodiscard]] std::span<const std::uint8_t> text(Split split) const override {
    return files_[static_cast<std::size_t>(split)].bytes();
  }

 private:
  MappedFile files_[3];
};

Split split_of(std::string_view work) {
  if (work == "northangerabbey" || work == "Job" || work == "John") return Split::validation;
  if (work == "persuasion" || work == "Prov" || work == "Acts") return Split::test;
  return Split::train;
}

/// Lines without blanks at their ends, single blanks inside, and no empty line.
void append_tidy(std::string& out, std::string_view text) {
  bool blank = false, empty = true;
  for (const char c : text) {
    if (c == '\n') {
      if (!empty) out += '\n';
      blank = false;
      empty = true;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      blank = !empty;
    } else {
      if (blank) out += ' ';
      out += c;
      blank = empty = false;
    }
  }
  if (!empty) out += '\n';
}

/// Lines of a novel as paragraphs, which empty lines part.
std::string paragraphs(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line.find_first_not_of(" \t\r") == std::string::npos ? "\n" : line + " ";
  return text;
}

void convert(const std::string& novels_at, const std::string& bible_at, const std::string& folder) {
  std::array<std::string, 3> splits;
  const auto split = [&](std::string_view work) -> std::string& {
    return splits[static_cast<std::size_t>(split_of(work))];
  };
  for (const std::string_view novel : novels)
    append_tidy(split(novel), paragraphs(read_r_strings(novels_at + "/Rdata", std::string(novel))));
  for (const char* testament : {"/ot", "/nt"})
    for (const SwordBook& book : read_sword_books(bible_at + testament))
      append_tidy(split(book.id), osis_text(book.markup));
  for (std::size_t i = 0; i < splits.size(); ++i)
    write_file(folder + "/" + raw_set().files[i].name, {bytes_of(splits[i])});
}

void install_prose(const std::string& directory, const std::string& from, const Say& say) {
  install(
      raw_set(), directory,
      [&](const std::string& folder) {
        const auto originals = [&](std::string_view package, std::string_view where) {
          if (!from.empty()) return from;
          const fs::path scratch = fs::path(folder).parent_path() / package;
          return package_folder(std::string(package), std::string(where), scratch, say);
        };
        const std::string novels_at = originals(novels_package, novels_folder);
        const std::string bible_at = originals(bible_package, bible_folder);
        say(cat("converting prose from ", novels_at, " and ", bible_at));
        convert(novels_at, bible_at, folder);
      },
      say);
}

}  // namespace

std::shared_ptr<const TextDataSet> open_prose(const DataSource& source) {
  if (source.synthetic) {
    // Generated once per process: the content is fixed, and making it takes a moment.
    static const auto generated =
        synthetic_text({raw_set().files[0].bytes, raw_set().files[1].bytes, raw_set().files[2].bytes});
    return generated;
  }
  const std::string directory = directory_of(source);
  check(raw_set(), directory);
  return std::make_shared<Prose>(raw_set().folder(directory));
}

std::string prose_version(const DataSource& source) {
  if (source.synthetic) return synthetic_text_version();
  check(raw_set(), directory_of(source));
  return raw_set().version();
}

}  // namespace data

DataSetInfo prose_data_set() {
  using namespace data;
  return {.name = raw_set().name,
          .summary = "English prose in the public domain: six novels by Jane Austen and the King James Bible",
          .licence = "public domain",
          .package = cat(novels_package, ", ", bible_package),
          .homepage = "https://www.gutenberg.org, https://ebible.org",
          .bytes = raw_set().bytes(),
          .version = raw_set().version(),
          .install = install_prose,
          .verify = [](const std::string& directory) { verify(raw_set(), directory); },
          .installed = [](const std::string& directory) { return is_installed(raw_set(), directory); }};
}

}  // namespace velo
