// Stands in for the generated table: the one algorithm that `velo new` would have written.
#include "harness/registry.hpp"

namespace velo {

AlgorithmInfo pattern_rule_info();

const Registry& builtin_registry() {
  static const Registry registry = [] {
    Registry r;
    r.add(pattern_rule_info());
    return r;
  }();
  return registry;
}

}  // namespace velo
