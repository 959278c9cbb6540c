// workloads/nn/staged.hpp
//
// Memory of a batch: written on the host and read on the device, or on the device alone. It grows to the largest batch
// and stays.
#pragma once

#include <string>
#include <utility>

#include "harness/device/elementwise.hpp"

namespace velo::nn {

/// Room for `size` values, not initialised; what was there is lost where memory has to grow.
template <typename View>
void grow(View& view, const char* label, Index size) {
  if (static_cast<Index>(view.extent(0)) < size)
    view = View(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing), static_cast<std::size_t>(size));
}

/// Values that the host writes and kernels read. One memory where host and device share it.
template <typename Value>
class Staged {
 public:
  /// Place for `count` values on the host, with a quarter more where memory grows. What was uploaded before is gone.
  [[nodiscard]] Value* stage(Index count) {
    if constexpr (!device_is_host) Kokkos::fence();  // the last batch may still be on its way
    if (static_cast<Index>(device_.extent(0)) < count) {
      grow(device_, "velo::nn::staged", count + count / 4);
      host_ = Kokkos::create_mirror_view(device_);
    }
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
