#include "harness/state_arena.hpp"

#include <stdexcept>

#include "harness/device/memory.hpp"
#include "results/text.hpp"

namespace velo {

std::string StateArena::full_name(std::string_view name) const {
  std::string full = prefix_ + std::string(name);
  const auto taken = [&](const auto& list) {
    for (const auto& entry : list)
      if (entry.name == full) return true;
    return false;
  };
  if (taken(buffers_) || taken(numbers_)) throw std::logic_error(cat("state '", full, "' is declared twice"));
  return full;
}

void StateArena::buffer(std::string_view name, Index size, Vector& target) {
  const Index offset = buffers_.empty() ? 0 : buffers_.back().offset + buffers_.back().size;
  buffers_.push_back({.name = full_name(name), .offset = offset, .size = size, .target = &target});
}

void StateArena::bytes(std::string_view name, Index size, ByteVector& target) {
  constexpr Index per_scalar = sizeof(Scalar);
  const Index offset = buffers_.empty() ? 0 : buffers_.back().offset + buffers_.back().size;
  buffers_.push_back({.name = full_name(name),
                      .offset = offset,
                      .size = (size + per_scalar - 1) / per_scalar,
                      .byte_target = &target,
                      .byte_size = size});
}

void StateArena::number(std::string_view name, double& target) {
  numbers_.push_back({full_name(name), &target, nullptr});
}

void StateArena::counter(std::string_view name, std::int64_t& target) {
  numbers_.push_back({full_name(name), nullptr, &target});
}

void StateArena::allocate() {
  const Index total = buffers_.empty() ? 0 : buffers_.back().offset + buffers_.back().size;
  flat_ = zeros("state", total);
  for (const Buffer& b : buffers_) {
    if (b.target != nullptr)
      *b.target = Kokkos::subview(flat_, std::pair<Index, Index>(b.offset, b.offset + b.size));
    else
      *b.byte_target =
          ByteVector(reinterpret_cast<std::uint8_t*>(flat_.data() + b.offset), static_cast<std::size_t>(b.byte_size));
  }
}

std::int64_t StateArena::bytes() const {
  return static_cast<std::int64_t>(flat_.size() * sizeof(Scalar) + 8 * numbers_.size());
}

}  // namespace velo
