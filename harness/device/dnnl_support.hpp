// harness/device/dnnl_support.hpp
//
// What the host implementations share of oneDNN: one engine, one stream, and primitives with their argument lists
// bound once. Included by *_host.cpp alone (dnnl.hpp does not compile under nvcc).
// oneDNN 3 (Debian 13) dropped the operation descriptors of oneDNN 2 (Debian 12): describe() hides the difference.
#pragma once

#include <dnnl.hpp>
#include <vector>

#include "harness/device/tensor.hpp"

namespace velo::onednn {

inline constexpr auto f32 = dnnl::memory::data_type::f32;

inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

inline dnnl::stream& stream() {
  static dnnl::stream cpu(engine());
  return cpu;
}

/// The descriptor of a primitive from the arguments of its operation.
template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), arguments..., attributes};
#else
  return {typename Primitive::desc(arguments...), attributes, engine()};
#endif
}

/// The same for the backward pass of `forward`.
template <typename Primitive, typename Forward, typename... Arguments>
typename Primitive::primitive_desc describe_backward(const Forward& forward, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), arguments..., forward};
#else
  return {typename Primitive::desc(arguments...), engine(), forward};
#endif
}

/// Adds max(x, 0) to what a primitive does with its result.
inline void append_relu(dnnl::post_ops& after) {
#if DNNL_VERSION_MAJOR >= 3
  after.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
  after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
}

/// A primitive with its arguments. The C entry point takes them as an array, so nothing is allocated per run.
class BoundPrimitive {
 public:
  BoundPrimitive() = default;
  explicit BoundPrimitive(dnnl::primitive primitive) : primitive_(std::move(primitive)) {}

  /// Adds an argument whose memory is given at each run; returns its number.
  int argument(int role, const dnnl::memory::desc& desc) { return bind(role, dnnl::memory(desc, engine(), nullptr)); }
  /// Adds an argument whose memory stays the same.
  int bind(int role, dnnl::memory memory) {
    memories_.push_back(std::move(memory));
    arguments_.push_back({role, memories_.back().get()});
    return static_cast<int>(memories_.size()) - 1;
  }
  void point(int argument, const float* data) {
    memories_[static_cast<std::size_t>(argument)].set_data_handle(const_cast<float*>(data));
  }
  void run() {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream().get(),
                                                   static_cast<int>(arguments_.size()), arguments_.data()),
                            "oneDNN failed to run a planned primitive");
  }
  [[nodiscard]] explicit operator bool() const { return !arguments_.empty(); }

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

}  // namespace velo::onednn
