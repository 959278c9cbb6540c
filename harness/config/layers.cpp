#include "harness/config/layers.hpp"

#include <algorithm>
#include <array>

#include "results/text.hpp"

namespace velo {

std::string_view name(Rank rank) {
  constexpr std::array<std::string_view, 9> names = {"default",      "module file", "defaults", "defaults", "sweep",
                                                     "search_space", "entry",       "grid",     "override"};
  return names[static_cast<std::size_t>(rank)];
}

namespace {

struct ToText {
  std::string operator()(std::monostate) const { return "none"; }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(std::int64_t value) const { return number_text(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const std::vector<double>& values) const {
    std::string out;
    for (const double value : values) out += cat(out.empty() ? "" : ", ", value);
    return cat("[", out, "]");
  }
};

}  // namespace

std::string text(const SlotValue& value) { return std::visit(ToText{}, value); }

void Slots::put(const std::string& slot, Layer layer) {
  std::vector<Layer>& layers = slots_[slot];
  const auto above = std::upper_bound(layers.begin(), layers.end(), layer.rank,
                                      [](Rank rank, const Layer& other) { return rank < other.rank; });
  layers.insert(above, std::move(layer));
}

const Layer* Slots::top(std::string_view slot) const {
  const auto found = slots_.find(slot);
  return found == slots_.end() ? nullptr : &found->second.back();
}

const std::vector<Layer>& Slots::layers(std::string_view slot) const {
  static const std::vector<Layer> none;
  const auto found = slots_.find(slot);
  return found == slots_.end() ? none : found->second;
}

}  // namespace velo
