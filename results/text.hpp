// results/text.hpp
//
// Text building blocks that every room may use, device code included (fmt does not compile under nvcc).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

/// Shortest decimal text that reads back as the same double ("0.001", "1e-08", "inf", "nan").
/// The same bytes on every machine: the canonical form of numbers in resolved configurations.
[[nodiscard]] std::string number_text(double value);
[[nodiscard]] std::string number_text(std::int64_t value);

/// One argument of cat().
class Piece {
 public:
  Piece(std::string_view text) : text_(text) {}
  Piece(const char* text) : text_(text) {}
  Piece(const std::string& text) : text_(text) {}
  Piece(std::floating_point auto value) : text_(number_text(static_cast<double>(value))) {}
  Piece(std::integral auto value) : text_(number_text(static_cast<std::int64_t>(value))) {}

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Concatenates strings and numbers: cat("block '", name, "' has ", n, " values").
template <typename... Pieces>
[[nodiscard]] std::string cat(const Pieces&... pieces) {
  std::string out;
  (out.append(Piece(pieces).text()), ...);
  return out;
}

/// "a, b and c"; "nothing" when empty.
[[nodiscard]] std::string join_words(const std::vector<std::string>& words, std::string_view last = "and");

/// The candidate nearest to `word` by edit distance (Damerau-Levenshtein, insert/delete/substitute/swap cost 1),
/// or an empty string when none is within a third of the word's length (at least 2).
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or an empty string; for the end of an error sentence.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// Lower-case hexadecimal SHA-256 (FIPS 180-4) of a byte string.
[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace velo
