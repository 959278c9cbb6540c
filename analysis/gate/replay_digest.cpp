#include "analysis/gate/replay_digest.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "analysis/counter_random.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr std::size_t digest_digits = 32;
constexpr std::size_t sketch_bytes = 6;
constexpr std::uint64_t sketch_seed = 0x7e10;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_bytes(std::string& out, std::span<const float> values) {
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value);
    for (int byte = 0; byte < 4; ++byte) out.push_back(static_cast<char>(bits >> (8 * byte) & 0xff));
  }
}

int hex_value(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

char first_byte_of_digest(const std::string& bytes) {
  const std::string digest = sha256(bytes);
  return static_cast<char>(16 * hex_value(digest[0]) + hex_value(digest[1]));
}

double sketch_of(std::span<const float> params) {
  CounterStream signs(sketch_seed, 0);
  double sum = 0;
  for (std::size_t i = 0; i < params.size(); i += 64) {
    std::uint64_t bits = signs.bits();
    for (std::size_t j = i; j < std::min(i + 64, params.size()); ++j, bits >>= 1) {
      const auto x = static_cast<double>(params[j]);
      sum += (bits & 1) != 0 ? x : -x;
    }
  }
  return std::isnan(sum) ? std::numeric_limits<double>::quiet_NaN() : sum;
}

std::string base64(const std::string& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      word = word << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    for (int digit = 3; digit >= 0; --digit) out.push_back(alphabet[word >> (6 * digit) & 63]);
  }
  return out;
}

/// Empty for text that is not base64 of whole triples.
std::string from_base64(std::string_view text) {
  std::string out;
  if (text.size() % 4 != 0) return {};
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t j = i; j < i + 4; ++j) {
      const auto value = alphabet.find(text[j]);
      if (value == std::string_view::npos) return {};
      word = word << 6 | static_cast<std::uint32_t>(value);
    }
    for (int byte = 2; byte >= 0; --byte) out.push_back(static_cast<char>(word >> (8 * byte) & 0xff));
  }
  return out;
}

double sketch_in(const std::string& bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sketch_bytes; ++i)
    bits = bits << 8 | static_cast<unsigned char>(bytes[most_replay_groups + i]);
  return std::bit_cast<double>(bits << 16);
}

struct Line {
  std::string digest;
  bool star = false;
  std::vector<std::string> words;  ///< decoded
};

Line parse(const std::string& name, std::string_view text) {
  const auto refuse = [&] {
    throw Error(cat("the replay '", name, "' has the line '", text.substr(0, 40),
                    "...', which is not one: make the baseline anew with `velo gate accept`"));
  };
  Line out;
  out.digest = std::string(text.substr(0, digest_digits));
  if (out.digest.size() < digest_digits || out.digest.find_first_not_of("0123456789abcdef") != std::string::npos)
    refuse();
  text.remove_prefix(digest_digits);
  out.star = text.starts_with('*');
  if (out.star) text.remove_prefix(1);
  while (!text.empty()) {
    if (text.front() != ' ') refuse();
    text.remove_prefix(1);
    out.words.push_back(from_base64(text.substr(0, text.find(' '))));
    if (out.words.back().size() != most_replay_groups + sketch_bytes) refuse();
    text.remove_prefix(std::min(text.find(' '), text.size()));
  }
  return out;
}

std::optional<double> size_at(const Line& a, const Line& b, std::size_t step) {
  const double size = std::abs(sketch_in(a.words[step]) - sketch_in(b.words[step]));
  if (!(size > 0)) return std::nullopt;
  return size;
}

}  // namespace

ReplayRecorder::ReplayRecorder(std::vector<ReplayGroup> groups) : groups_(std::move(groups)) {
  if (groups_.size() > most_replay_groups) throw std::logic_error("a replay digest has at most 6 groups");
}

void ReplayRecorder::step(std::span<const float> params, std::span<const float> evaluation_params) {
  std::string word;
  std::size_t at = 0;
  for (const ReplayGroup& group : groups_) {
    std::string bytes;
    append_bytes(bytes, params.subspan(at, group.size));
    append_bytes(bytes, evaluation_params.subspan(at, group.size));
    word.push_back(first_byte_of_digest(bytes));
    at += group.size;
  }
  word.resize(most_replay_groups, '\0');
  const auto bits = std::bit_cast<std::uint64_t>(sketch_of(params));
  for (std::size_t byte = 0; byte < sketch_bytes; ++byte)
    word.push_back(static_cast<char>(bits >> (56 - 8 * byte) & 0xff));
  words_.push_back(base64(word));
  append_bytes(bytes_, params);
  append_bytes(bytes_, evaluation_params);
}

std::string ReplayRecorder::line(bool kernel_dependent) const {
  std::string out = with_star(sha256(bytes_).substr(0, digest_digits), kernel_dependent);
  for (const std::string& word : words_) out += " " + word;
  return out;
}

std::string with_star(std::string_view line, bool kernel_dependent) {
  const std::string_view rest = line.substr(std::min(line.size(), digest_digits + (has_star(line) ? 1 : 0)));
  return cat(line.substr(0, digest_digits), kernel_dependent ? "*" : "", rest);
}

bool has_star(std::string_view line) { return line.size() > digest_digits && line[digest_digits] == '*'; }

ReplayDifference compare_replays(const std::string& name, std::string_view baseline, std::string_view candidate,
                                 const std::vector<std::string>& groups) {
  const Line a = parse(name, baseline), b = parse(name, candidate);
  ReplayDifference out;
  out.kernel_dependent = a.star || b.star;
  out.changed = a.digest != b.digest;
  if (!out.changed || a.words.size() != b.words.size() || a.words.empty()) return out;
  for (std::size_t step = 0; step < a.words.size() && !out.step; ++step) {
    if (a.words[step] == b.words[step]) continue;
    out.step = step + 1;
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (a.words[step][g] != b.words[step][g]) out.groups.push_back(groups[g]);
    out.size = size_at(a, b, step);
  }
  out.final_size = size_at(a, b, a.words.size() - 1);
  return out;
}

}  // namespace velo::analysis
