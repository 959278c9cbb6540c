// harness/layout.hpp
//
// Where each named block of a model lies in the flat parameter vector, what it is, and how it starts.
// Parameters, gradients and every state vector of an algorithm share one layout.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/device/random.hpp"
#include "harness/device/tensor.hpp"

namespace velo {

/// AlgoPerf's fifteen parameter types, declared by the layer that owns the block and never guessed from its name.
enum class ParameterKind {
  weight,
  bias,
  conv_weight,
  batch_norm_scale,
  batch_norm_bias,
  layer_norm_scale,
  layer_norm_bias,
  embedding,
  attention_q,
  attention_k,
  attention_v,
  attention_out,
  attention_qkv,
  attention_kv,
  attention_bias,
};
[[nodiscard]] std::string_view name(ParameterKind kind);
/// Throws Error naming the nearest kind.
[[nodiscard]] ParameterKind parameter_kind(std::string_view name);

/// How a block starts.
struct Initialiser {
  enum class Kind { constant, normal, uniform };
  Kind kind = Kind::constant;
  double value = 0.0;  ///< the constant, the standard deviation, or the half-width around zero

  [[nodiscard]] static Initialiser constant(double value) { return {Kind::constant, value}; }
  [[nodiscard]] static Initialiser normal(double deviation) { return {Kind::normal, deviation}; }
  [[nodiscard]] static Initialiser uniform(double half_width) { return {Kind::uniform, half_width}; }
};

struct ParameterBlock {
  std::string name;  ///< unique, path-like: "hidden1/weight"
  ParameterKind kind = ParameterKind::weight;
  Shape shape;  ///< weights are [fan_out, fan_in]; convolutions [out, in, height, width]
  Index fan_in = 1;
  Index fan_out = 1;
  Initialiser initialiser = {};
  /// Whose it is in a game of several players (Capability::players): its gradient is the derivative of this player's own
  /// loss.
  Index player = 0;
  Index offset = 0;  ///< first element in the flat vector; set by ParameterLayout::add

  [[nodiscard]] Index size() const { return shape.size(); }
};

class ParameterLayout {
 public:
  /// Appends a block directly behind the last one (the flat vector has no gaps, so its length is the parameter count)
  /// and returns its number. Throws Error on a duplicate name or an empty shape.
  Index add(ParameterBlock block);

  [[nodiscard]] const std::vector<ParameterBlock>& blocks() const { return blocks_; }
  [[nodiscard]] const ParameterBlock& operator[](Index block) const { return blocks_[static_cast<std::size_t>(block)]; }
  /// Length of the flat vector = number of parameters.
  [[nodiscard]] Index size() const { return size_; }

  /// The part of a flat vector that belongs to one block, as a shaped tensor or as a subview.
  [[nodiscard]] Tensor tensor(Index block, const Vector& flat) const;
  [[nodiscard]] Vector part(Index block, const Vector& flat) const;

 private:
  std::vector<ParameterBlock> blocks_;
  Index size_ = 0;
};

/// Writes every block's initial value. Block b draws from stream.fork(b): adding a block leaves the others as they are.
/// `scale` multiplies every random (not constant) initialiser: the "initial scale" variant of the workloads.
void initialise(const ParameterLayout& layout, const RandomStream& stream, Vector params, double scale = 1.0);

}  // namespace velo
