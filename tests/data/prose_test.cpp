#include "workloads/data/prose.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/registry.hpp"
#include "results/error.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::Message;
using Catch::Matchers::WithinAbs;

namespace {

const DataSetInfo& descriptor() { return data_set(builtin_registry(), "prose"); }

std::string_view text_of(const TextDataSet& set, Split split) {
  const auto bytes = set.text(split);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Bits per byte of who knows how often each byte occurs in the training split, plus one.
double unigram_bits(const TextDataSet& set, Split split) {
  std::vector<double> count(256, 1);
  for (const std::uint8_t byte : set.text(Split::train)) count[byte] += 1;
  double sum = 0;
  for (const std::uint8_t byte : set.text(split))
    sum -= std::log2(count[byte] / static_cast<double>(set.text(Split::train).size() + 256));
  return sum / static_cast<double>(set.text(split).size());
}

}  // namespace

TEST_CASE("prose is registered with licence, packages and version") {
  CHECK(descriptor().package == "r-cran-janeaustenr, sword-text-kjv");
  CHECK(descriptor().bytes == 6851943 + 624585 + 673305);
  CHECK(descriptor().version.size() == 64);
  CHECK(descriptor().licence == "public domain");
}

TEST_CASE("without its files prose says how to get them") {
  const test::TemporaryFolder directory;
  const std::string sentence =
      "data set 'prose' is not installed in " + directory.path() + ": run `velo data install prose`";
  CHECK_THROWS_MATCHES(open_prose({directory.path(), false}), Error, Message(sentence));
  CHECK_THROWS_MATCHES(prose_version({directory.path(), false}), Error, Message(sentence));
}

TEST_CASE("originals of prose that are not there are named") {
  const test::TemporaryFolder directory;
  CHECK_THROWS_MATCHES(descriptor().install(directory.path(), directory / "nowhere", [](std::string_view) {}), Error,
                       Message("cannot open " + (directory / "nowhere/Rdata.rdx") + ": No such file or directory"));
  CHECK_FALSE(descriptor().installed(directory.path()));
}

TEST_CASE("synthetic prose needs no files, has the same lengths, and is learnable text") {
  const auto text = open_prose({"/nonexistent", true});
  CHECK(text->text(Split::train).size() == 6851943);
  CHECK(text->text(Split::validation).size() == 624585);
  CHECK(text->text(Split::test).size() == 673305);
  CHECK(prose_version({"/nonexistent", true}) == "synthetic-text-1");
  for (const char c : text_of(*text, Split::validation)) REQUIRE((c == ' ' || (c >= 'a' && c <= 'z')));

  // A word of training text is followed by at most four others, in every split.
  std::vector<std::set<std::string_view>> followers;
  std::vector<std::string_view> words;
  std::string_view rest = text_of(*text, Split::validation).substr(0, 100000);
  std::string_view before;
  while (rest.find(' ') != std::string_view::npos) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size() + 1);
    if (!before.empty()) {
      auto at = std::find(words.begin(), words.end(), before);
      if (at == words.end()) {
        words.push_back(before);
        followers.emplace_back();
        at = words.end() - 1;
      }
      followers[static_cast<std::size_t>(at - words.begin())].insert(word);
    }
    before = word;
  }
  CHECK(words.size() <= 256);
  CHECK(words.size() > 100);
  // Of 256 random words a few are equal, and then have the followers of both.
  std::size_t most = 0;
  for (const auto& set : followers) most = std::max(most, set.size());
  CHECK(most <= 8);
  CHECK_THAT(unigram_bits(*text, Split::validation), WithinAbs(4.4, 0.2));
}

TEST_CASE("the installed prose holds out whole works, and its trivial baseline is what the manual says") {
  const std::string directory = default_data_directory();
  if (!descriptor().installed(directory)) SKIP("data set prose is not installed");
  CHECK_NOTHROW(descriptor().verify(directory));
  CHECK(prose_version({directory, false}) == descriptor().version);
  const auto text = open_prose({directory, false});
  const auto split_with = [&](std::string_view words) {
    std::vector<Split> found;
    for (const Split split : {Split::train, Split::validation, Split::test})
      if (text_of(*text, split).find(words) != std::string_view::npos) found.push_back(split);
    return found;
  };
  using Splits = std::vector<Split>;
  CHECK(split_with("It is a truth universally acknowledged") == Splits{Split::train});
  CHECK(split_with("\nIn the beginning God created the heaven and the earth.") == Splits{Split::train});
  CHECK(split_with("No one who had ever seen Catherine Morland in her infancy") == Splits{Split::validation});
  CHECK(split_with("In the beginning was the Word") == Splits{Split::validation});
  CHECK(split_with("\nThere was a man in the land of Uz, whose name was Job") == Splits{Split::validation});
  CHECK(split_with("Sir Walter Elliot, of Kellynch Hall") == Splits{Split::test});
  CHECK(split_with("Go to the ant, thou sluggard") == Splits{Split::test});
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    CHECK(text_of(*text, split).find("  ") == std::string_view::npos);
    CHECK(text_of(*text, split).find("\n\n") == std::string_view::npos);
    CHECK(text_of(*text, split).find('<') == std::string_view::npos);
    CHECK(text_of(*text, split).back() == '\n');
  }
  CHECK_THAT(unigram_bits(*text, Split::validation), WithinAbs(4.376, 0.0005));
  CHECK_THAT(unigram_bits(*text, Split::test), WithinAbs(4.372, 0.0005));

  // Samples of 200 bytes of either held-out split do not occur in the training split.
  const std::string_view train = text_of(*text, Split::train);
  for (const Split split : {Split::validation, Split::test}) {
    const std::string_view held_out = text_of(*text, split);
    for (std::size_t at = 0; at + 200 <= held_out.size(); at += 5000)
      REQUIRE(train.find(held_out.substr(at, 200)) == std::string_view::npos);
  }
}

TEST_CASE("strings of 40 bytes that the training split shares with the others are as rare as the manual says") {
  const std::string directory = default_data_directory();
  if (!descriptor().installed(directory)) SKIP("data set prose is not installed");
  const auto text = open_prose({directory, false});
  constexpr std::size_t length = 40;
  const auto each_string = [&](Split split, auto&& act) {
    const std::string_view all = text_of(*text, split);
    for (std::size_t at = 0; at + length <= all.size(); ++at) act(all.substr(at, length));
  };
  std::unordered_map<std::string_view, bool> trained;
  std::vector<bool> may_be_there(std::size_t{1} << 24);  // by hash: most training strings need no look into the map
  const auto slot = [&](std::string_view s) { return std::hash<std::string_view>{}(s) % may_be_there.size(); };
  for (const Split split : {Split::validation, Split::test})
    each_string(split, [&](std::string_view s) {
      trained.emplace(s, false);
      may_be_there[slot(s)] = true;
    });
  each_string(Split::train, [&](std::string_view s) {
    if (!may_be_there[slot(s)]) return;
    if (const auto at = trained.find(s); at != trained.end()) at->second = true;
  });
  const auto shared = [&](Split split) {
    std::int64_t count = 0;
    each_string(split, [&](std::string_view s) { count += trained.at(s); });
    return count;
  };
  CHECK(shared(Split::validation) == 81);
  CHECK(shared(Split::test) == 464);
}
