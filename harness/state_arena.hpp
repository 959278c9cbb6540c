// harness/state_arena.hpp
//
// The state of an algorithm as named buffers. An algorithm names what it keeps, once, before the first step; the
// arena then allocates one flat vector for all of it. Checkpoints, exact resume and the bytes-per-parameter account
// work on the arena and need no code in the algorithm.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "harness/layout.hpp"

namespace velo {

/// Bytes that lie in an arena.
using ByteVector = Kokkos::View<std::uint8_t*, MemorySpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// Numbers of the workload, besides those of its layout, that state may come in: one for each of them.
struct StateSizes {
  Index examples = 0;    ///< of the training split
  Index loss_terms = 1;  ///< Workload::loss_terms
};

class StateArena {
 public:
  explicit StateArena(const ParameterLayout& layout, const StateSizes& sizes = {}) : layout_(&layout), sizes_(sizes) {}
  StateArena(const StateArena&) = delete;
  StateArena& operator=(const StateArena&) = delete;

  /// The layout of the parameters: for rules whose state or update depends on the blocks.
  [[nodiscard]] const ParameterLayout& layout() const { return *layout_; }
  /// What else a rule keeps something of.
  [[nodiscard]] const StateSizes& sizes() const { return sizes_; }

  /// A buffer laid out like the parameters. `target` is filled by allocate() and starts at zero.
  void vector(std::string_view name, Vector& target) { buffer(name, layout_->size(), target); }
  /// A buffer of `size` scalars.
  void buffer(std::string_view name, Index size, Vector& target);
  /// A buffer of `size` bytes, for quantised state. It occupies whole scalars, so up to 3 bytes more.
  void bytes(std::string_view name, Index size, ByteVector& target);
  /// A host number that is part of the state (a running product of betas, a counter). `target` keeps its value.
  void number(std::string_view name, double& target);
  void counter(std::string_view name, std::int64_t& target);

  /// Names declared inside `declare` get the prefix "scope/": wrappers use it for their inner algorithm.
  template <typename Declare>
  void scope(std::string_view name, Declare declare) {
    const std::string outer = prefix_;
    prefix_ += std::string(name) + "/";
    declare();
    prefix_ = outer;
  }

  /// Allocates everything declared so far (called once by the harness, after declare()).
  void allocate();

  struct Buffer {
    std::string name;
    Index offset = 0;
    Index size = 0;  ///< scalars
    Vector* target = nullptr;
    ByteVector* byte_target = nullptr;
    Index byte_size = 0;
  };
  struct Number {
    std::string name;
    double* real = nullptr;
    std::int64_t* integer = nullptr;
  };
  [[nodiscard]] const std::vector<Buffer>& buffers() const { return buffers_; }
  [[nodiscard]] const std::vector<Number>& numbers() const { return numbers_; }
  /// All buffers, in order of declaration.
  [[nodiscard]] const Vector& flat() const { return flat_; }
  /// Device bytes of all buffers plus eight per number: what `state_bytes` reports.
  [[nodiscard]] std::int64_t bytes() const;

 private:
  [[nodiscard]] std::string full_name(std::string_view name) const;

  const ParameterLayout* layout_;
  StateSizes sizes_;
  std::string prefix_;
  std::vector<Buffer> buffers_;
  std::vector<Number> numbers_;
  Vector flat_;
};

}  // namespace velo
