// Trains every variant of every algorithm for an epoch and prints the hash of the bits of all it has made. contract_test
// runs it with different numbers of threads.
#include <cstdio>

#include "tests/contract/riders.hpp"

namespace {

/// Enough elements for several chunks per thread, in blocks whose borders fall inside chunks.
velo::ParameterLayout large_layout() {
  velo::ParameterLayout layout;
  layout.add({.name = "matrix", .kind = velo::ParameterKind::weight, .shape = {97, 131}});
  layout.add({.name = "bias", .kind = velo::ParameterKind::bias, .shape = {97}});
  layout.add({.name = "table", .kind = velo::ParameterKind::embedding, .shape = {18001}, .player = 1});
  layout.add({.name = "kernel", .kind = velo::ParameterKind::conv_weight, .shape = {41, 7, 3, 3}});
  return layout;
}

}  // namespace

int main(int argc, char** argv) {
  const Kokkos::ScopeGuard kokkos(argc, argv);
  const velo::ParameterLayout layout = large_layout();
  velo::test::Landscape landscape(layout, velo::test::variant_steps);
  for (const velo::test::Variant& variant : velo::test::every_variant()) {
    velo::test::LandscapeRider rider(variant.algorithm, layout);
    rider.start(landscape);
    rider.steps(landscape, 1, velo::test::variant_steps);
    std::printf("%s %s\n", variant.name.c_str(), velo::test::bits_of(rider).c_str());
  }
  return 0;
}
