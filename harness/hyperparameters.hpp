// harness/hyperparameters.hpp
//
// What a module (algorithm or workload) can be told: ParameterSpec declares one hyperparameter, with type, range,
// unit and default, beside the code that reads it; Parameters holds one value for each after strict resolution.
// No YAML here: harness/config turns files into Parameters, harness/registry holds the specs.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/schedule.hpp"

namespace velo {

class Parameters;

/// A named module with its resolved parameters: `adamw` and what it was told.
struct Component;

enum class ParameterType {
  real,       ///< a Schedule; a plain number in most files
  integer,    ///< 64-bit
  boolean,    ///< true or false
  choice,     ///< one of a fixed list of words
  algorithm,  ///< another algorithm: the `inner` of a wrapper
};
[[nodiscard]] std::string_view name(ParameterType type);

/// The numbers a parameter admits. Text form as in mathematics: "[0, 1)".
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_included = true;
  bool high_included = true;

  [[nodiscard]] bool contains(double value) const;
  [[nodiscard]] std::string text() const;

  [[nodiscard]] static Range any() { return {}; }
  [[nodiscard]] static Range positive() { return {0.0, std::numeric_limits<double>::infinity(), false, false}; }
  [[nodiscard]] static Range non_negative() { return {0.0, std::numeric_limits<double>::infinity(), true, false}; }
  /// [0, 1): decay rates.
  [[nodiscard]] static Range decay() { return {0.0, 1.0, true, false}; }
  /// [0, 1]
  [[nodiscard]] static Range fraction() { return {0.0, 1.0, true, true}; }
  [[nodiscard]] static Range at_least(double low) {
    return {low, std::numeric_limits<double>::infinity(), true, false};
  }
};

/// Declares one hyperparameter. Build with the functions below, in the order the manual page shall show.
struct ParameterSpec {
  std::string name;  ///< the field's short name: lr, momentum, beta1, beta2, eps, weight_decay
  ParameterType type = ParameterType::real;
  double number = 0.0;               ///< default of real, integer and boolean (0 or 1)
  std::string word;                  ///< default of choice; empty for a required algorithm
  Range range;                       ///< real and integer
  std::vector<std::string> choices;  ///< choice
  std::string unit;                  ///< "steps", "examples", empty for pure numbers
  std::string doc;                   ///< one line
};
[[nodiscard]] ParameterSpec real(std::string name, double standard, Range range, std::string doc,
                                 std::string unit = "");
[[nodiscard]] ParameterSpec integer(std::string name, std::int64_t standard, Range range, std::string doc,
                                    std::string unit = "");
[[nodiscard]] ParameterSpec boolean(std::string name, bool standard, std::string doc);
[[nodiscard]] ParameterSpec choice(std::string name, std::string standard, std::vector<std::string> choices,
                                   std::string doc);
/// The algorithm a wrapper drives; it has no default.
[[nodiscard]] ParameterSpec inner_algorithm(std::string name, std::string doc);

/// One value for every declared parameter, typed. Reading an undeclared name, or with the wrong type, is a programming
/// error and throws std::logic_error: users cannot cause it.
class Parameters {
 public:
  using Value = std::variant<Schedule, std::int64_t, bool, std::string, std::vector<Component>>;

  /// The defaults of `specs` (a required algorithm stays absent until set).
  [[nodiscard]] static Parameters defaults(const std::vector<ParameterSpec>& specs);

  void set(std::string_view name, Value value);

  [[nodiscard]] const Schedule& real(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] const std::string& choice(std::string_view name) const;
  [[nodiscard]] const Component& algorithm(std::string_view name) const;

  /// Sorted by name.
  [[nodiscard]] const std::map<std::string, Value, std::less<>>& values() const { return values_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

struct Component {
  std::string name;
  Parameters parameters;
};

}  // namespace velo
