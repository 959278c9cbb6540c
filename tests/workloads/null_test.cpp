#include <catch2/catch_test_macros.hpp>

#include "harness/registry.hpp"

namespace velo {

WorkloadInfo null_workload_info();

TEST_CASE("the null workload has one parameter, a constant loss and no gradient") {
  const WorkloadInfo info = null_workload_info();
  const auto workload = info.make(Parameters::defaults(info.parameters), {});
  const Vector params("params", 1), gradient("gradient", 1);
  Kokkos::deep_copy(gradient, Scalar(3));
  ForwardPass pass;
  pass.params = params;

  CHECK(workload->layout().size() == 1);
  CHECK(workload->loss(pass, {}) == 1.0);
  CHECK(workload->gradient(pass, {}, gradient) == 1.0);
  CHECK(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), gradient)(0) == Scalar(0));
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const std::vector<Metric> metrics = workload->evaluate(params, {}, split);
    REQUIRE(metrics.size() == 1);
    CHECK(metrics[0].name == info.metrics[0].name);
    CHECK(metrics[0].value == 1.0);
  }
}

}  // namespace velo
