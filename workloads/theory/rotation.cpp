#include "workloads/theory/rotation.hpp"

#include <cmath>

#include "harness/device/elementwise.hpp"

namespace velo::theory {

namespace {

constexpr int reflections_of_a_block = 3;

}  // namespace

Rotation::Rotation(ParameterLayout layout, const RandomStream& problem) : layout_(std::move(layout)) {
  const auto blocks = static_cast<Index>(layout_.blocks().size());
  for (Index b = 0; b < blocks; ++b)
    for (int r = 0; r < reflections_of_a_block; ++r) {
      const Vector along("theory::reflection", static_cast<std::size_t>(layout_[b].size()));
      fill_normal(problem.fork(1 + reflections_.size()), 0.0, 1.0, along);
      scale(along, 1.0 / std::sqrt(reduction_.squared_norm(along)));
      reflections_.push_back({b, along});
    }
}

void Rotation::to_parameters(const Vector& v) {
  for (auto r = reflections_.rbegin(); r != reflections_.rend(); ++r) reflect(*r, v);
}

void Rotation::to_eigenbasis(const Vector& v) {
  for (const Reflection& r : reflections_) reflect(r, v);
}

void Rotation::reflect(const Reflection& reflection, const Vector& v) {
  const Vector part = layout_.part(reflection.block, v);
  axpy(-2.0 * reduction_.dot(reflection.along, part), reflection.along, part);
}

}  // namespace velo::theory
