#include "algorithms/transforms/weight_decay.hpp"

namespace velo {

bool is_norm_or_bias(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::bias:
    case ParameterKind::batch_norm_scale:
    case ParameterKind::batch_norm_bias:
    case ParameterKind::layer_norm_scale:
    case ParameterKind::layer_norm_bias:
    case ParameterKind::attention_bias:
      return true;
    default:
      return false;
  }
}

WeightDecay::WeightDecay(const Parameters& parameters, DecayForm form)
    : weight_decay_(parameters.real("weight_decay")),
      norms_and_biases_(parameters.boolean("decay_norms_and_biases")),
      form_(form) {}

WeightDecay::WeightDecay(const Parameters& parameters)
    : WeightDecay(parameters, parameters.choice("decay") == "coupled" ? DecayForm::coupled : DecayForm::decoupled) {}

void WeightDecay::declare(std::vector<ParameterSpec>& specs, double standard) {
  specs.push_back(real("weight_decay", standard, Range::non_negative(), "strength of the decay towards zero"));
  specs.push_back(boolean("decay_norms_and_biases", true, "decay biases and the scales of normalisation layers too"));
}

void WeightDecay::declare_form(std::vector<ParameterSpec>& specs, DecayForm standard) {
  specs.push_back(choice("decay", standard == DecayForm::coupled ? "coupled" : "decoupled", {"coupled", "decoupled"},
                         "added to the gradient, or subtracted from the parameters times lr"));
}

void WeightDecay::prepare(const ParameterLayout& layout) {
  runs_.clear();
  for (const ParameterBlock& block : layout.blocks()) {
    const bool decayed = norms_and_biases_ || !is_norm_or_bias(block.kind);
    if (runs_.empty() || runs_.back().decayed != decayed) runs_.push_back({block.offset, block.offset, decayed});
    runs_.back().last = block.offset + block.size();
  }
}

DecayFactors WeightDecay::factors(double weight_decay, double lr) const {
  if (form_ == DecayForm::coupled) return {static_cast<Scalar>(weight_decay), Scalar(1)};
  return {Scalar(0), static_cast<Scalar>(1.0 - lr * weight_decay)};
}

}  // namespace velo
