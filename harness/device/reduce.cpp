#include "harness/device/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "results/text.hpp"

namespace velo {

namespace reduce {

void Workspace::grow(Index count) {
  const auto wanted = static_cast<std::size_t>(count);
  if (host_.size() >= wanted) return;
  host_.resize(wanted);
  if constexpr (!device_is_host) {
    partial_ = Kokkos::View<double*, MemorySpace>("velo::reduce::partial", wanted);
    lane_ = Kokkos::View<double*, MemorySpace>("velo::reduce::lane", wanted * static_cast<std::size_t>(lanes));
  }
}

}  // namespace reduce

namespace {

// The four questions that both kinds of reduction answer, as functions of a position.

struct Value {
  ConstVector x;
  KOKKOS_INLINE_FUNCTION double operator()(Index i) const { return static_cast<double>(x(i)); }
};

struct ElementProduct {
  ConstVector x, y;
  KOKKOS_INLINE_FUNCTION double operator()(Index i) const {
    return static_cast<double>(x(i)) * static_cast<double>(y(i));
  }
};

void check_lengths(Index expected, const ConstVector& x) {
  if (static_cast<Index>(x.extent(0)) != expected)
    throw std::logic_error(cat("reduction over ", expected, " elements of a vector of length ", x.extent(0)));
}

}  // namespace

double Reduction::sum(const ConstVector& x) { return sum("velo::sum", static_cast<Index>(x.extent(0)), Value{x}); }

double Reduction::dot(const ConstVector& x, const ConstVector& y) {
  check_lengths(static_cast<Index>(x.extent(0)), y);
  return sum("velo::dot", static_cast<Index>(x.extent(0)), ElementProduct{x, y});
}

double Reduction::squared_norm(const ConstVector& x) { return dot(x, x); }

double Reduction::max_abs(const ConstVector& x) {
  return max_abs("velo::max_abs", static_cast<Index>(x.extent(0)), Value{x});
}

BlockReduction::BlockReduction(const ParameterLayout& layout)
    : size_(layout.size()), first_chunk_{0}, result_(layout.blocks().size()) {
  std::vector<reduce::Stretch> stretches;
  for (const ParameterBlock& block : layout.blocks()) {
    const Index end = block.offset + block.size();
    for (Index begin = block.offset; begin < end; begin += reduce::chunk)
      stretches.push_back({begin, std::min(begin + reduce::chunk, end)});
    first_chunk_.push_back(static_cast<Index>(stretches.size()));
  }
  table_ = Kokkos::View<reduce::Stretch*, MemorySpace>("velo::reduce::table", stretches.size());
  Kokkos::deep_copy(table_,
                    Kokkos::View<const reduce::Stretch*, Kokkos::HostSpace>(stretches.data(), stretches.size()));
}

const std::vector<double>& BlockReduction::sum(const ConstVector& x) {
  check_lengths(size_, x);
  return sum("velo::block_sum", Value{x});
}

const std::vector<double>& BlockReduction::dot(const ConstVector& x, const ConstVector& y) {
  check_lengths(size_, x);
  check_lengths(size_, y);
  return sum("velo::block_dot", ElementProduct{x, y});
}

const std::vector<double>& BlockReduction::squared_norm(const ConstVector& x) { return dot(x, x); }

const std::vector<double>& BlockReduction::max_abs(const ConstVector& x) {
  check_lengths(size_, x);
  return max_abs("velo::block_max_abs", Value{x});
}

}  // namespace velo
