#include "harness/hyperparameters.hpp"

#include <array>
#include <stdexcept>

#include "results/text.hpp"

namespace velo {

std::string_view name(ParameterType type) {
  constexpr std::array<std::string_view, 5> names = {"real", "integer", "boolean", "choice", "algorithm"};
  return names[static_cast<std::size_t>(type)];
}

bool Range::contains(double value) const {
  return (low_included ? value >= low : value > low) && (high_included ? value <= high : value < high);
}

std::string Range::text() const {
  return cat(low_included && low != -std::numeric_limits<double>::infinity() ? "[" : "(", low, ", ", high,
             high_included && high != std::numeric_limits<double>::infinity() ? "]" : ")");
}

ParameterSpec real(std::string name, double standard, Range range, std::string doc, std::string unit) {
  return {.name = std::move(name),
          .type = ParameterType::real,
          .number = standard,
          .word = {},
          .range = range,
          .choices = {},
          .unit = std::move(unit),
          .doc = std::move(doc)};
}

ParameterSpec integer(std::string name, std::int64_t standard, Range range, std::string doc, std::string unit) {
  return {.name = std::move(name),
          .type = ParameterType::integer,
          .number = static_cast<double>(standard),
          .word = {},
          .range = range,
          .choices = {},
          .unit = std::move(unit),
          .doc = std::move(doc)};
}

ParameterSpec boolean(std::string name, bool standard, std::string doc) {
  return {.name = std::move(name),
          .type = ParameterType::boolean,
          .number = standard ? 1.0 : 0.0,
          .word = {},
          .range = {},
          .choices = {},
          .unit = {},
          .doc = std::move(doc)};
}

ParameterSpec choice(std::string name, std::string standard, std::vector<std::string> choices, std::string doc) {
  return {.name = std::move(name),
          .type = ParameterType::choice,
          .number = 0.0,
          .word = std::move(standard),
          .range = {},
          .choices = std::move(choices),
          .unit = {},
          .doc = std::move(doc)};
}

ParameterSpec inner_algorithm(std::string name, std::string doc) {
  return {.name = std::move(name),
          .type = ParameterType::algorithm,
          .number = 0.0,
          .word = {},
          .range = {},
          .choices = {},
          .unit = {},
          .doc = std::move(doc)};
}

Parameters Parameters::defaults(const std::vector<ParameterSpec>& specs) {
  Parameters out;
  for (const ParameterSpec& spec : specs) {
    switch (spec.type) {
      case ParameterType::real:
        out.set(spec.name, Schedule(spec.number));
        break;
      case ParameterType::integer:
        out.set(spec.name, static_cast<std::int64_t>(spec.number));
        break;
      case ParameterType::boolean:
        out.set(spec.name, spec.number != 0.0);
        break;
      case ParameterType::choice:
        out.set(spec.name, spec.word);
        break;
      case ParameterType::algorithm:
        break;
    }
  }
  return out;
}

void Parameters::set(std::string_view name, Value value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

namespace {

template <typename T>
const T& read(const Parameters& parameters, std::string_view name) {
  const auto found = parameters.values().find(name);
  if (found == parameters.values().end()) throw std::logic_error(cat("no parameter '", name, "' was declared"));
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) throw std::logic_error(cat("parameter '", name, "' has another type"));
  return *value;
}

}  // namespace

const Schedule& Parameters::real(std::string_view name) const { return read<Schedule>(*this, name); }
std::int64_t Parameters::integer(std::string_view name) const { return read<std::int64_t>(*this, name); }
bool Parameters::boolean(std::string_view name) const { return read<bool>(*this, name); }
const std::string& Parameters::choice(std::string_view name) const { return read<std::string>(*this, name); }

const Component& Parameters::algorithm(std::string_view name) const {
  return read<std::vector<Component>>(*this, name).at(0);
}

}  // namespace velo
