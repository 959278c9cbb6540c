// The text form of a TrialSummary: one JSON object, one field a line, in the order of fields.hpp.
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::int64_t status_layout_version = 1;

template <typename T>
concept NamedEnum = std::is_enum_v<T>;

// JSON has no infinities or NaN; a diverged loss is recorded as text.
Json real_to_json(double value) { return std::isfinite(value) ? Json(value) : Json(number_text(value)); }

double real_from_json(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto& text = json.get_ref<const std::string&>();
  if (text == "nan") return std::nan("");
  if (text == "inf") return HUGE_VAL;
  if (text == "-inf") return -HUGE_VAL;
  throw Error(cat("'", text, "' is not a number"));
}

template <typename T>
Json to_json_value(const T& value) {
  return Json(value);
}
Json to_json_value(double value) { return real_to_json(value); }
template <NamedEnum T>
Json to_json_value(const T& value) {
  return Json(std::string(name(value)));
}
template <typename T>
Json to_json_value(const std::optional<T>& value) {
  return value ? to_json_value(*value) : Json(nullptr);
}

template <typename T>
void from_json_value(const Json& json, T& out) {
  json.get_to(out);
}
void from_json_value(const Json& json, double& out) { out = real_from_json(json); }
template <NamedEnum T>
void from_json_value(const Json& json, T& out) {
  parse_word(json.get_ref<const std::string&>(), out);
}
template <typename T>
void from_json_value(const Json& json, std::optional<T>& out) {
  out.reset();
  if (!json.is_null()) from_json_value(json, out.emplace());
}

}  // namespace

std::string summary_to_json(const TrialSummary& summary) {
  Json object = Json::object();
  object["layout_version"] = status_layout_version;
  visit_fields(summary, [&](const Field& field, const auto& member) {
    object[std::string(field.name)] = to_json_value(member);
  });
  return object.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

TrialSummary summary_from_json(std::string_view text, const std::string& where) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("layout_version") || !object["layout_version"].is_number_integer())
    throw Error(cat("'", where, "' is not a status file of velo; move it away or restore it"));
  if (const auto version = object["layout_version"].get<std::int64_t>(); version > status_layout_version)
    throw Error(cat("'", where, "' has layout ", version, ", newer than the ", status_layout_version,
                    " this velo reads; use the newer velo"));
  TrialSummary summary;
  visit_fields(summary, [&](const Field& field, auto& member) {
    const auto entry = object.find(field.name);
    if (entry == object.end() && field.added) return;
    if (entry == object.end())
      throw Error(cat("'", where, "' lacks the field '", field.name, "'; restore it or run the trial again"));
    try {
      from_json_value(*entry, member);
    } catch (const std::exception& problem) {
      throw Error(cat("field '", field.name, "' of '", where, "' is unusable: ", problem.what()));
    }
  });
  return summary;
}

}  // namespace velo
