// harness/config/scalar.hpp
//
// Scalars, strictly: a number is a number, true is not yes, and text in quotes is never a number. And their canonical
// form, in which every YAML reader (PyYAML included) reads the same type back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/config/tree.hpp"
#include "harness/hyperparameters.hpp"

namespace velo {

/// A decimal number, "1e-3" and ".inf" included; nothing for anything else.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

/// Readers for one value. `what` begins the sentence of the error: "adamw.lr". All throw Error at the value's place.
[[nodiscard]] double read_real(const Tree& value, std::string_view what, const Range& range = Range::any());
/// 64-bit; 1.0e3 counts as 1000, 1.5 is an error.
[[nodiscard]] std::int64_t read_integer(const Tree& value, std::string_view what, const Range& range = Range::any());
[[nodiscard]] bool read_boolean(const Tree& value, std::string_view what);
/// Any non-empty scalar.
[[nodiscard]] std::string read_text(const Tree& value, std::string_view what);
/// One of a list.
[[nodiscard]] std::string read_choice(const Tree& value, std::string_view what,
                                      const std::vector<std::string>& choices);

/// A name that paths can address: letters, digits, '_' and '-', not beginning with a digit or '-'.
[[nodiscard]] bool is_name(std::string_view text);

/// "0.001", "1.0e-08", "1.0", ".inf": shortest digits, always recognisable as a real number.
[[nodiscard]] std::string yaml_number(double value);
/// Plain where that is unambiguous, else in double quotes.
[[nodiscard]] std::string yaml_text(std::string_view text);

}  // namespace velo
