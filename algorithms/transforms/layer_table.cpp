#include "algorithms/transforms/layer_table.hpp"

#include "results/text.hpp"

namespace velo {

namespace {

bool is_scale(ParameterKind kind) {
  return kind == ParameterKind::batch_norm_scale || kind == ParameterKind::layer_norm_scale;
}

}  // namespace

void LayerTable::prepare(StateArena& state, Index limit, bool normalisations) {
  layers_.clear();
  of_block_.clear();
  offsets_.clear();
  for (const ParameterBlock& block : state.layout().blocks()) {
    const bool matrix = block.shape.rank >= 2 && block.kind != ParameterKind::embedding;
    const bool scale = normalisations && is_scale(block.kind);
    Layer layer;
    layer.block = static_cast<Index>(of_block_.size());
    layer.name = block.name;
    layer.offset = block.offset;
    layer.rows = scale ? block.size() : block.shape[0];
    layer.columns = block.size() / layer.rows;
    layer.normalisation = scale;
    const bool taken = scale || (matrix && layer.rows <= limit && layer.largest_side() <= limit);
    of_block_.push_back(taken ? static_cast<int>(layers_.size()) : -1);
    offsets_.push_back(block.offset);
    if (taken) layers_.push_back(layer);
  }
  for (Layer& layer : layers_) state.counter(cat(layer.name, "/bias"), layer.bias);
}

int LayerTable::see(const LayerRecord& record) {
  const int number = of_block_[static_cast<std::size_t>(record.weight)];
  if (number < 0) return number;
  Layer& layer = layers_[static_cast<std::size_t>(number)];
  layer.bias = record.bias ? static_cast<std::int64_t>(*record.bias) : no_bias;
  if (record.bias) layer.bias_offset = offsets_[static_cast<std::size_t>(*record.bias)];
  return number;
}

void LayerTable::locate_biases() {
  for (Layer& layer : layers_)
    if (layer.has_bias()) layer.bias_offset = offsets_[static_cast<std::size_t>(layer.bias)];
}

}  // namespace velo
