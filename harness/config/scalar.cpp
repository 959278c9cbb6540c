#include "harness/config/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "results/text.hpp"

namespace velo {

std::optional<double> parse_number(std::string_view text) {
  if (text == ".inf" || text == "+.inf" || text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-.inf" || text == "-inf") return -std::numeric_limits<double>::infinity();
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const bool digits_only = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+';
  });
  if (text.empty() || !digits_only) return std::nullopt;
  double value = 0.0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || problem != std::errc()) return std::nullopt;
  return value;
}

namespace {

double read_number(const Tree& value, std::string_view what, std::string_view kind) {
  if (!value.is_scalar()) fail(value.at, cat(what, " must be ", kind, ", not ", value.described()));
  const std::optional<double> number = parse_number(value.scalar);
  if (value.quoted && number)
    fail(value.at, cat(what, " must be ", kind, ", but \"", value.scalar, "\" in quotes is text"));
  if (!number) fail(value.at, cat(what, " must be ", kind, ", not ", value.described()));
  return *number;
}

void check_range(const Tree& value, std::string_view what, double number, const Range& range) {
  if (!range.contains(number)) fail(value.at, cat(what, " is ", value.scalar, ", but must lie in ", range.text()));
}

}  // namespace

double read_real(const Tree& value, std::string_view what, const Range& range) {
  const double number = read_number(value, what, "a number");
  check_range(value, what, number, range);
  return number;
}

std::int64_t read_integer(const Tree& value, std::string_view what, const Range& range) {
  const double number = read_number(value, what, "a whole number");
  std::int64_t exact = 0;
  const std::string& text = value.scalar;
  const bool plain = std::from_chars(text.data(), text.data() + text.size(), exact).ptr == text.data() + text.size();
  if (!plain) {
    // Beyond 2^53 a double no longer holds every whole number.
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0)
      fail(value.at, cat(what, " must be a whole number, not ", value.described()));
    exact = static_cast<std::int64_t>(number);
  }
  check_range(value, what, number, range);
  return exact;
}

bool read_boolean(const Tree& value, std::string_view what) {
  if (value.is_scalar() && !value.quoted) {
    if (value.scalar == "true") return true;
    if (value.scalar == "false") return false;
  }
  fail(value.at, cat(what, " must be true or false, not ", value.described()));
}

std::string read_text(const Tree& value, std::string_view what) {
  if (!value.is_scalar() || value.scalar.empty()) fail(value.at, cat(what, " must be text, not ", value.described()));
  return value.scalar;
}

std::string read_choice(const Tree& value, std::string_view what, const std::vector<std::string>& choices) {
  if (value.is_scalar() && std::find(choices.begin(), choices.end(), value.scalar) != choices.end())
    return value.scalar;
  const std::string hint = value.is_scalar() ? did_you_mean(value.scalar, choices) : std::string();
  fail(value.at, cat(what, " must be ", join_words(choices, "or"), ", not ", value.described(), hint));
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

std::string yaml_number(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = number_text(value);
  if (text.find('.') != std::string::npos) return text;
  const std::size_t exponent = text.find('e');
  return exponent == std::string::npos ? text + ".0" : text.insert(exponent, ".0");
}

std::string yaml_text(std::string_view text) {
  constexpr std::array<std::string_view, 10> reserved = {"true", "false", "null", "yes", "no",
                                                         "on",   "off",   "y",    "n",   "inf"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool plain = is_name(text) && std::find(reserved.begin(), reserved.end(), lower) == reserved.end();
  if (plain) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace velo
