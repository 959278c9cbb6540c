#include "harness/layout.hpp"

#include <array>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::array<std::string_view, 15> kind_names = {
    "weight",          "bias",         "conv_weight",   "batch_norm_scale", "batch_norm_bias", "layer_norm_scale",
    "layer_norm_bias", "embedding",    "attention_q",   "attention_k",      "attention_v",     "attention_out",
    "attention_qkv",   "attention_kv", "attention_bias"};

}  // namespace

std::string_view name(ParameterKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

ParameterKind parameter_kind(std::string_view text) {
  for (std::size_t i = 0; i < kind_names.size(); ++i)
    if (kind_names[i] == text) return static_cast<ParameterKind>(i);
  throw Error(cat("no parameter kind is called '", text, "'",
                  did_you_mean(text, std::vector<std::string>(kind_names.begin(), kind_names.end()))));
}

Index ParameterLayout::add(ParameterBlock block) {
  for (const auto& other : blocks_)
    if (other.name == block.name) throw Error(cat("two parameter blocks are called '", block.name, "'"));
  if (block.size() <= 0) throw Error(cat("parameter block '", block.name, "' has no elements"));
  block.offset = size_;
  size_ += block.size();
  blocks_.push_back(std::move(block));
  return static_cast<Index>(blocks_.size()) - 1;
}

Tensor ParameterLayout::tensor(Index block, const Vector& flat) const {
  const auto& b = (*this)[block];
  return {flat.data() + b.offset, b.shape};
}

Vector ParameterLayout::part(Index block, const Vector& flat) const {
  const auto& b = (*this)[block];
  return Kokkos::subview(flat, std::pair<Index, Index>(b.offset, b.offset + b.size()));
}

void initialise(const ParameterLayout& layout, const RandomStream& stream, Vector params, double scale) {
  for (Index i = 0; i < static_cast<Index>(layout.blocks().size()); ++i) {
    const Initialiser& how = layout[i].initialiser;
    const Vector part = layout.part(i, params);
    const RandomStream own = stream.fork(static_cast<std::uint64_t>(i));
    switch (how.kind) {
      case Initialiser::Kind::constant:
        Kokkos::deep_copy(part, static_cast<Scalar>(how.value));
        break;
      case Initialiser::Kind::normal:
        fill_normal(own, 0.0, scale * how.value, part);
        break;
      case Initialiser::Kind::uniform:
        fill_uniform(own, -scale * how.value, scale * how.value, part);
        break;
    }
  }
}

}  // namespace velo
