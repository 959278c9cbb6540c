#include "harness/sweep/explain.hpp"

#include <algorithm>
#include <map>

#include "harness/config/scalar.hpp"
#include "harness/sweep/expansion.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

const Origin command_line{Origin::Kind::override, "explain", 0, 0};

std::string value_text(const Dimension& dimension) {
  if (dimension.values.empty())
    return cat(dimension.min, " to ", dimension.max,
               dimension.scale == Dimension::Scale::linear ? ""
               : dimension.scale == Dimension::Scale::log  ? ", log"
                                                           : ", one_minus_log");
  std::string out;
  for (const SlotValue& value : dimension.values) out += cat(out.empty() ? "one of " : ", ", text(value));
  return out;
}

std::string standard_text(const ParameterSpec& spec, const std::string& slot) {
  const std::size_t dot = slot.find('.');
  if (dot == std::string::npos)
    return spec.type == ParameterType::choice    ? spec.word
           : spec.type == ParameterType::boolean ? (spec.number != 0.0 ? "true" : "false")
                                                 : number_text(spec.number);
  const std::string key = slot.substr(dot + 1);
  if (key == "value") return number_text(spec.number);
  return key == "schedule" ? "constant" : "not given";
}

class Explainer {
 public:
  Explainer(const Expansion& expansion, std::vector<std::string> path)
      : expansion_(&expansion), path_(std::move(path)) {}

  [[nodiscard]] std::vector<ExplainedLayer> run() {
    const std::string& first = path_.front();
    const auto& keys = sweep_keys();
    const bool of_sweep = std::find(keys.begin(), keys.end(), first) != keys.end();
    if (of_sweep && !is_setting(first)) {
      explain_key();
      return std::move(out_);
    }
    Assignment meant;
    meant.path = path_;
    for (const SearchedPair& pair : expansion_->pairs) {
      if (concerns(meant, pair.entries.workload)) explain_workload(pair.entries.workload);
      if (concerns(meant, pair.entries.algorithm)) explain_algorithm(pair);
    }
    if (out_.empty()) nothing_meant();
    return std::move(out_);
  }

 private:
  void add(std::vector<ExplainedLayer> layers) {
    if (layers.empty()) return;
    layers.back().decides = true;
    // The same entry stands in many pairs.
    const auto same = [&](const ExplainedLayer& a) {
      return a.subject == layers.back().subject && a.key == layers.back().key && a.place == layers.back().place &&
             a.value == layers.back().value && a.decides;
    };
    if (std::any_of(out_.begin(), out_.end(), same)) return;
    for (ExplainedLayer& layer : layers) out_.push_back(std::move(layer));
  }

  void explain_key() {
    const Tree* here = &expansion_->document.root;
    std::string key;
    for (const std::string& piece : path_) {
      here = here == nullptr ? nullptr : here->find(piece);
      key += cat(key.empty() ? "" : ".", piece);
    }
    const std::map<std::string, std::string> standards = {{"ruleset", "external"},
                                                          {"studies", "3"},
                                                          {"trials", expansion_->sweep.ruleset == "self" ? "1" : "5"},
                                                          {"seeds", "0"},
                                                          {"stop", "target"},
                                                          {"checkpoint_every", "0"},
                                                          {"executor.kind", "local"},
                                                          {"executor.workers", "1"},
                                                          {"executor.threads", "1"},
                                                          {"executor.pin", "true"},
                                                          {"executor.timeout_seconds", "0"}};
    std::vector<ExplainedLayer> layers;
    if (const auto standard = standards.find(key); standard != standards.end())
      layers.push_back({"sweep", key, standard->second, "default", "built in"});
    if (here != nullptr)
      layers.push_back(
          {"sweep", key, here->text(), std::string(name(rank_at(here->at, Rank::sweep))), here->at.text()});
    if (layers.empty()) throw Error(cat("the sweep gives no '", key, "'"));
    add(std::move(layers));
  }

  void explain_slot(const std::string& subject, const std::string& key, const Slots& slots, const std::string& slot,
                    std::vector<ExplainedLayer> layers) {
    for (const Layer& layer : slots.layers(slot))
      layers.push_back({subject, key, text(layer.value), std::string(name(layer.rank)), layer.at.text()});
    add(std::move(layers));
  }

  void explain_workload(const WorkloadEntry& entry) {
    std::vector<std::string> path = path_;
    if (!is_setting(path.front())) path.erase(path.begin());
    if (path.empty()) return explain_all(entry.draft, entry.draft.name, nullptr);
    if (!is_setting(path.front())) return explain_parameter(entry.draft, path, entry.draft.name, nullptr);
    std::string prefix;
    for (const std::string& piece : path) prefix += cat(prefix.empty() ? "" : ".", piece);
    for (const auto& [slot, layers] : entry.settings.all())
      if (slot == prefix || slot.starts_with(prefix + "."))
        explain_slot(entry.draft.name, slot, entry.settings, slot, {});
    if (out_.empty()) throw Error(cat("nothing gives '", prefix, "' for '", entry.draft.name, "'"));
  }

  void explain_algorithm(const SearchedPair& pair) {
    const AlgorithmEntry& entry = pair.entries.algorithm;
    const std::string label = entry.label.substr(0, entry.label.find('['));
    std::size_t number = 0;
    for_each_part(entry.draft, [&](const Draft& part) {
      const ModuleSpace& space = pair.plan.spaces.at(number++);
      const bool root = &part == &entry.draft;
      if (part.name == path_.front() || (root && label == path_.front()))
        explain_parameter(part, {path_.begin() + 1, path_.end()}, entry.label, &space);
    });
    if (path_.size() > 1) explain_through_wrapper(pair);
  }

  /// lookahead.inner.adamw.lr means the parameter lr of the adamw inside.
  void explain_through_wrapper(const SearchedPair& pair) {
    const Draft* here = &pair.entries.algorithm.draft;
    if (here->name != path_.front() && pair.entries.algorithm.label != path_.front()) return;
    std::size_t next = 1;
    while (next < path_.size() && here->inner.count(path_[next]) != 0) {
      here = &here->inner.at(path_[next++]).front();
      if (next < path_.size() && path_[next] == here->name) ++next;
    }
    if (next == 1) return;
    std::size_t number = 0;
    for_each_part(pair.entries.algorithm.draft, [&](const Draft& part) {
      const ModuleSpace& space = pair.plan.spaces.at(number++);
      if (&part == here)
        explain_parameter(part, {path_.begin() + static_cast<std::ptrdiff_t>(next), path_.end()},
                          pair.entries.algorithm.label, &space);
    });
  }

  void explain_all(const Draft& part, const std::string& subject, const ModuleSpace* space) {
    for (const ParameterSpec& spec : *part.specs)
      if (spec.type != ParameterType::algorithm) explain_parameter(part, {spec.name}, subject, space);
  }

  void explain_parameter(const Draft& part, const std::vector<std::string>& path, const std::string& subject,
                         const ModuleSpace* space) {
    if (path.empty()) return explain_all(part, subject, space);
    const ParameterSpec* spec = find_spec(part, path.front());
    if (spec != nullptr && spec->type == ParameterType::algorithm) return;
    const std::string slot = slot_of(part, path, command_line);
    std::string key = part.name;
    for (const std::string& piece : path) key += cat(".", piece);
    std::vector<ExplainedLayer> layers = {{subject, key, standard_text(*spec, slot), "default", "registry"}};
    std::vector<ExplainedLayer> searched;
    if (space != nullptr && !is_pinned(part, slot, space->rank)) {
      for (const Dimension& dimension : space->dimensions)
        if (dimension.slot == slot)
          searched.push_back(
              {subject, key, value_text(dimension), std::string(name(Rank::search)), dimension.at.text()});
      for (const ModuleSpace::Point& point : space->points)
        for (const auto& [searched_slot, value] : point)
          if (searched_slot == slot && searched.empty())
            searched.push_back(
                {subject, key, "the points of a list", std::string(name(Rank::search)), space->at.text()});
    }
    for (const Layer& layer : part.slots.layers(slot))
      layers.push_back({subject, key, text(layer.value), std::string(name(layer.rank)), layer.at.text()});
    layers.insert(layers.end(), searched.begin(), searched.end());
    add(std::move(layers));
  }

  [[noreturn]] void nothing_meant() const {
    std::vector<std::string> names = sweep_keys();
    for (const SearchedPair& pair : expansion_->pairs) {
      names.push_back(pair.entries.workload.draft.name);
      names.push_back(pair.entries.algorithm.label);
      for_each_part(pair.entries.algorithm.draft, [&](const Draft& part) { names.push_back(part.name); });
    }
    throw Error(cat("nothing in the sweep is called '", path_.front(), "'", did_you_mean(path_.front(), names)));
  }

  const Expansion* expansion_;
  std::vector<std::string> path_;
  std::vector<ExplainedLayer> out_;
};

}  // namespace

std::vector<ExplainedLayer> explain(const std::string& sweep_path, const std::vector<std::string>& overrides,
                                    const std::string& path, const Catalogue& catalogue) {
  const Expansion expansion = expand(sweep_path, overrides, catalogue);
  return Explainer(expansion, split_path(path, command_line)).run();
}

}  // namespace velo
