#include "analysis/gate/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/gate/replay_digest.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

using Json = nlohmann::ordered_json;

/// Arrays of scalars and objects of at most `short_object` bytes on one line, everything else one entry a line.
constexpr std::size_t short_object = 110;
void write(std::string& out, const Json& json, std::size_t indent) {
  const bool flat = std::none_of(json.begin(), json.end(), [](const Json& item) { return item.is_structured(); });
  if (!json.is_structured() || (json.is_array() && flat) || (flat && json.dump().size() <= short_object)) {
    out += json.dump();
    return;
  }
  out += json.is_array() ? "[" : "{";
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    out += cat(first ? "\n" : ",\n", std::string(indent + 1, ' '));
    if (json.is_object()) out += cat(Json(key).dump(), ": ");
    write(out, value, indent + 1);
    first = false;
  }
  out += cat("\n", std::string(indent, ' '), json.is_array() ? "]" : "}");
}

/// Four significant digits, so that a curve stays short.
double short_value(double value) {
  return std::isfinite(value) ? std::strtod(rounded(value, 4).c_str(), nullptr) : value;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json times_to_json(const std::vector<QualityStudy>& studies) {
  Json out = Json::array();
  for (const QualityStudy& study : studies)
    out.push_back(cat(study.study, ":", study.time.value, study.time.reached ? "" : "+"));
  return out;
}

QualityStudy study_from(const std::string& text) {
  const auto colon = text.find(':');
  char* end = nullptr;
  QualityStudy out;
  if (colon == std::string::npos) throw Error(cat("'", text, "' is no study's time"));
  out.study = std::strtoll(text.c_str(), nullptr, 10);
  out.time.value = std::strtod(text.c_str() + colon + 1, &end);
  out.time.reached = *end == '\0';
  if (!(out.time.value > 0) || (*end != '\0' && std::string_view(end) != "+"))
    throw Error(cat("'", text, "' is no study's time"));
  return out;
}

Json quality_to_json(const QualityValue& value) {
  Json out = Json::object();
  out["workload"] = value.workload;
  out["algorithm"] = value.label;
  out["value"] = number(value.value());
  out["spread"] = short_value(value.spread());
  out["n"] = value.studies.size();
  out["missed"] = value.missed();
  out["protocol"] = value.protocol;
  out["root_seed"] = value.root_seed;
  out["steps"] = times_to_json(value.studies);
  out["metric"] = value.metric;
  out["higher_is_better"] = value.higher_is_better;
  out["target"] = value.target ? Json(*value.target) : Json(nullptr);
  Json curve_steps = Json::array(), curve_values = Json::array();
  for (const double step : value.curve.steps) curve_steps.push_back(number(step));
  for (const double v : value.curve.values) curve_values.push_back(number(short_value(v)));
  out["curve_steps"] = curve_steps;
  out["curve_values"] = curve_values;
  return out;
}

std::vector<double> numbers_from(const Json& json) {
  std::vector<double> out;
  for (const Json& item : json) out.push_back(item.is_null() ? std::nan("") : item.get<double>());
  return out;
}

QualityValue quality_from_json(const Json& json) {
  QualityValue out;
  json.at("workload").get_to(out.workload);
  json.at("algorithm").get_to(out.label);
  json.at("protocol").get_to(out.protocol);
  json.at("root_seed").get_to(out.root_seed);
  for (const Json& text : json.at("steps")) out.studies.push_back(study_from(text.get<std::string>()));
  json.at("metric").get_to(out.metric);
  json.at("higher_is_better").get_to(out.higher_is_better);
  if (!json.at("target").is_null()) out.target = json.at("target").get<double>();
  out.curve = {numbers_from(json.at("curve_steps")), numbers_from(json.at("curve_values"))};
  return out;
}

Json state_to_json(const AcceptedState& state) {
  Json out = {{"date", state.date}, {"commit", state.commit}, {"because", state.because}};
  out["values"] = Json::object();
  for (const auto& [name, value] : state.values) out["values"][name] = value;
  return out;
}

std::string seal_of(Json object) {
  object.erase("seal");
  return sha256(object.dump());
}

bool says_kernels(const std::string& key) { return key == "blas_kernels" || key == "isa" || key == "libraries"; }

std::string value_or(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? "" : found->second;
}

}  // namespace

const QualityValue* GateBaseline::find(const std::string& wanted) const {
  const auto found =
      std::find_if(quality.begin(), quality.end(), [&](const QualityValue& value) { return value.name() == wanted; });
  return found == quality.end() ? nullptr : &*found;
}

std::string baseline_text(const GateBaseline& baseline) {
  Json object = Json::object();
  object["layout"] = baseline_layout_version;
  object["gate"] = baseline.gate;
  const AcceptedState& state = baseline.accepted();
  object["accepted"] = {{"date", state.date}, {"commit", state.commit}, {"because", state.because}};
  object["made_with"] = baseline.made_with;
  object["blocks"] = baseline.blocks;
  object["replays"] = baseline.replays;
  object["quality"] = Json::array();
  for (const QualityValue& value : baseline.quality) object["quality"].push_back(quality_to_json(value));
  object["history"] = Json::array();
  for (const AcceptedState& one : baseline.history) object["history"].push_back(state_to_json(one));
  object["seal"] = seal_of(object);
  std::string out;
  write(out, object, 0);
  return out + "\n";
}

GateBaseline read_baseline(std::string_view text, const std::string& where) {
  const Json object = Json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("layout") || !object["layout"].is_number_integer() ||
      !object.contains("seal"))
    throw Error(cat("'", where, "' is no baseline of a gate; `velo gate accept` writes one"));
  if (const auto layout = object["layout"].get<std::int64_t>(); layout > baseline_layout_version)
    throw Error(cat("'", where, "' has layout ", layout, ", newer than the ", baseline_layout_version,
                    " this velo reads; use the newer velo"));
  if (object["seal"] != seal_of(object))
    throw Error(cat("'", where,
                    "' was changed by other means than `velo gate accept`: its seal does not fit; restore it, then "
                    "accept what should change"));
  try {
    GateBaseline out;
    object.at("gate").get_to(out.gate);
    object.at("made_with").get_to(out.made_with);
    object.at("blocks").get_to(out.blocks);
    object.at("replays").get_to(out.replays);
    for (const Json& one : object.at("quality")) out.quality.push_back(quality_from_json(one));
    for (const Json& one : object.at("history"))
      out.history.push_back({one.at("date").get<std::string>(), one.at("commit").get<std::string>(),
                             one.at("because").get<std::string>(),
                             one.at("values").get<std::map<std::string, double>>()});
    if (out.history.empty()) throw Error("its history is empty");
    return out;
  } catch (const std::exception& error) {
    throw Error(cat("'", where, "' is no whole baseline (", error.what(), "); make it anew with `velo gate accept`"));
  }
}

std::vector<std::string> fingerprint_differences(const std::map<std::string, std::string>& baseline,
                                                 const std::map<std::string, std::string>& candidate) {
  std::vector<std::string> out;
  for (const auto& [key, value] : candidate)
    if (value_or(baseline, key) != value)
      out.push_back(cat(key, " '", value_or(baseline, key), "', now '", value, "'"));
  return out;
}

bool same_kernels(const std::map<std::string, std::string>& baseline,
                  const std::map<std::string, std::string>& candidate) {
  return std::all_of(candidate.begin(), candidate.end(), [&](const auto& entry) {
    return !says_kernels(entry.first) || value_or(baseline, entry.first) == entry.second;
  });
}

std::vector<GateCase> judge_replays(const std::map<std::string, std::string>& candidate, const GateBaseline& baseline,
                                    bool kernels_agree, bool hold) {
  std::vector<GateCase> out;
  const auto add = [&](const std::string& name, const std::string& word, bool differs, const std::string& sentence) {
    GateCase one;
    one.part = GatePart::replay;
    one.name = name;
    one.word = word;
    one.verdict = differs && hold ? GateVerdict::inconclusive : GateVerdict::equivalent;
    one.sentence = sentence;
    out.push_back(std::move(one));
  };
  for (const auto& [name, line] : candidate) {
    const auto before = baseline.replays.find(name);
    if (before == baseline.replays.end()) {
      add(name, "new", true, "the baseline does not have this case: accept it");
      continue;
    }
    const ReplayDifference difference = compare_replays(name, before->second, line, baseline.blocks);
    if (!difference.changed) {
      add(name, "unchanged", false, "every bit of the trajectory is the baseline's");
      continue;
    }
    if (difference.kernel_dependent && !kernels_agree) {
      add(name, "not comparable", false,
          "its bits depend on the kernels of the BLAS library, and those are not the baseline's here");
      continue;
    }
    std::string sentence = "the update's bits changed";
    if (difference.step) {
      sentence += cat(", first at step ", *difference.step, " in ", join_words(difference.groups));
      sentence += difference.size ? cat(", by about ", rounded(*difference.size, 2), " there")
                                  : ", by less than the sketch resolves there";
      if (difference.final_size) sentence += cat(" and ", rounded(*difference.final_size, 2), " at the last step");
    }
    add(name, "changed", true, sentence);
  }
  for (const auto& [name, line] : baseline.replays)
    if (!candidate.contains(name)) add(name, "gone", true, "the baseline has this case and the candidate does not");
  return out;
}

}  // namespace velo::analysis
