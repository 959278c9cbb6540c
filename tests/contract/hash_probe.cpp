// Trains every algorithm for a few steps on given gradients and prints the hash of the bits of its parameters.
// contract_test runs it with different numbers of threads.
#include <cstdio>
#include <cstring>

#include "results/text.hpp"
#include "tests/contract/riders.hpp"

namespace {

/// Enough elements for several chunks per thread, in blocks whose borders fall inside chunks.
velo::ParameterLayout large_layout() {
  velo::ParameterLayout layout;
  layout.add({.name = "matrix", .kind = velo::ParameterKind::weight, .shape = {211, 307}});
  layout.add({.name = "bias", .kind = velo::ParameterKind::bias, .shape = {30001}});
  layout.add({.name = "kernel", .kind = velo::ParameterKind::conv_weight, .shape = {101, 7, 3, 3}});
  return layout;
}

std::string bits_hash(const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return velo::sha256(bytes);
}

}  // namespace

int main(int argc, char** argv) {
  const Kokkos::ScopeGuard kokkos(argc, argv);
  const velo::ParameterLayout layout = large_layout();
  for (const velo::Component& algorithm : velo::test::every_algorithm()) {
    velo::test::GivenGradients oracle(layout, 6);
    velo::test::Rider rider(algorithm, layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 6);
    std::vector<double> all = rider.params();
    const std::vector<double> evaluated = rider.evaluation_params();
    all.insert(all.end(), evaluated.begin(), evaluated.end());
    std::printf("%s %s\n", algorithm.name.c_str(), bits_hash(all).c_str());
  }
  return 0;
}
