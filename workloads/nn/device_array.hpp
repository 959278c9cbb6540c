// workloads/nn/device_array.hpp
//
// Numbers that the host writes and the device reads: tables and bytes of a batch. Where the two share memory there is one
// copy.
#pragma once

#include <string>

#include "harness/device/elementwise.hpp"

namespace velo::nn {

template <typename Value>
class DeviceArray {
 public:
  /// Makes room for `size` values, and a quarter more where memory has to grow; what was there is lost. Waits until the
  /// last send() is through.
  void resize(const char* label, Index size) {
    if constexpr (!device_is_host) Kokkos::fence();
    if (static_cast<Index>(device_.extent(0)) >= size) return;
    const auto room = static_cast<std::size_t>(size + size / 4);
    device_ = Device(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing), room);
    if constexpr (device_is_host)
      host_ = device_;
    else
      host_ = Host(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing), room);
  }
  /// On the host, to be written.
  [[nodiscard]] Value* host() const { return host_.data(); }
  /// What the host wrote is there for kernels that follow.
  void send() const {
    if constexpr (!device_is_host) Kokkos::deep_copy(device_, host_);
  }
  [[nodiscard]] const Value* device() const { return device_.data(); }

 private:
  using Device = Kokkos::View<Value*, MemorySpace>;
  using Host = Kokkos::View<Value*, Kokkos::HostSpace>;

  Device device_;
  Host host_;
};

}  // namespace velo::nn
