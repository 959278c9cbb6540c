// algorithms/transforms/batch_gradients.hpp
//
// For wrappers that act on the gradient of a batch: around a rule that asks for gradients of single examples instead
// they would silently do nothing.
#pragma once

#include <memory>

#include "harness/algorithm.hpp"
#include "harness/registry.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

/// The algorithm that `wrapper` drives. Throws Error where it, or one inside it, needs gradients of single examples.
inline std::unique_ptr<TrainingAlgorithm> make_inner_of_batches(std::string_view wrapper, const Parameters& parameters,
                                                                const Registry& registry) {
  const Component& inner = parameters.algorithm("inner");
  if (registry.needs(inner).has(Capability::per_example_gradients))
    throw Error(cat(wrapper, " acts on gradients of a batch, and '", inner.name,
                    "' asks for those of single examples; leave ", wrapper, " out, or put it inside '", inner.name,
                    "' where that wraps another algorithm"));
  return registry.make(inner);
}

}  // namespace velo
