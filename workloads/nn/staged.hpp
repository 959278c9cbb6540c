// workloads/nn/staged.hpp
//
// What a batch brings along: written on the host, read on the device. One memory where those are the same.
#pragma once

#include <string>
#include <utility>

#include "harness/device/elementwise.hpp"

namespace velo::nn {

template <typename Value>
class Staged {
 public:
  /// Place for `count` values on the host. Memory grows to the largest batch and stays. What was uploaded before is
  /// gone.
  [[nodiscard]] Value* stage(Index count) {
    if (static_cast<Index>(device_.extent(0)) < count) {
      device_ = Device(Kokkos::view_alloc(std::string("velo::nn::staged"), Kokkos::WithoutInitializing),
                       static_cast<std::size_t>(count));
      host_ = Kokkos::create_mirror_view(device_);
    }
    if constexpr (!device_is_host) Kokkos::fence();  // the last batch may still be on its way
    return host_.data();
  }
  /// Copies the first `count` values to the device.
  void upload(Index count) {
    if constexpr (!device_is_host) {
      const std::pair<Index, Index> part(0, count);
      Kokkos::deep_copy(Kokkos::subview(device_, part), Kokkos::subview(host_, part));
    }
  }
  [[nodiscard]] const Value* host() const { return host_.data(); }
  [[nodiscard]] Value* data() const { return device_.data(); }

 private:
  using Device = Kokkos::View<Value*, MemorySpace>;
  using Host = decltype(Kokkos::create_mirror_view(std::declval<const Device&>()));

  Device device_;
  Host host_;
};

}  // namespace velo::nn
