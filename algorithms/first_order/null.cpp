// algorithms/first_order/null.cpp
//
// Does nothing and asks for nothing, not even a batch. A trial of it measures what the harness costs.
#include "harness/registry.hpp"

namespace velo {

namespace {

class Null final : public TrainingAlgorithm {
 public:
  void declare(StateArena&) override {}
  void step(Oracle&, Vector) override {}
};

}  // namespace

AlgorithmInfo null_info() {
  AlgorithmInfo info;
  info.name = "null";
  info.summary = "does nothing: measures the harness";
  info.make = [](const Parameters&, const Registry&) { return std::make_unique<Null>(); };
  return info;
}

}  // namespace velo
