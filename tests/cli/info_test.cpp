// `velo info`: what a workload's target is worth.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "harness/data_set.hpp"
#include "harness/registry.hpp"
#include "tests/support/command.hpp"

using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A folder whose own file gives the workload a target.
void write_target(const ScratchFolder& folder) {
  folder.file("configs/workloads/fashion_mnist_mlp.yaml", R"(workload: fashion_mnist_mlp
step_hint: 10
evaluate_every: 5
budget: {steps: 20}
target: {metric: accuracy, validation: 0.75, test: 0.71234}
)");
}

}  // namespace

TEST_CASE("info shows a workload's target, and without the data says that the trivial prediction needs them") {
  const ScratchFolder folder;
  write_target(folder);
  const Outcome info =
      run_velo({"info", "fashion_mnist_mlp"}, folder.path(), {"VELO_DATA_DIR=" + folder.path().string()});
  CHECK(info.exit == 0);
  CHECK_THAT(info.out, ContainsSubstring("\ntarget accuracy 0.75 on validation, 0.7123 on test\n"));
  CHECK_THAT(info.out, !ContainsSubstring("trivial"));
  CHECK(info.err ==
        "the trivial prediction's accuracy is computed from the data: data set 'fashion_mnist' is not installed in " +
            folder.path().string() + ": run `velo data install fashion_mnist`\n");
}

TEST_CASE("info shows beside the target what a prediction that does not look scores") {
  using namespace velo;
  if (!data_set(builtin_registry(), "fashion_mnist").installed(default_data_directory()))
    SKIP("data set fashion_mnist is not installed");
  const ScratchFolder folder;
  write_target(folder);
  const Outcome info = run_velo({"info", "fashion_mnist_mlp"}, folder.path());
  CHECK(info.exit == 0);
  CHECK(info.err.empty());
  CHECK_THAT(info.out, ContainsSubstring("\ntarget accuracy 0.75 on validation, 0.7123 on test\n"
                                         "trivial accuracy 0.0955 on validation, 0.1 on test: class 7, always\n"));
}

TEST_CASE("info says what a workload offers, as it usually is and at most") {
  CHECK_THAT(run_velo({"info", "fashion_resnet"}).out,
             ContainsSubstring("\noffers hessian_vector_products, layer_statistics and micro_batches; with other "
                               "parameters hessian_vector_products, per_example_gradients, layer_statistics and "
                               "micro_batches\n"));
  CHECK_THAT(run_velo({"info", "quadratic"}).out, ContainsSubstring("\noffers hessian_vector_products\n"));
}

TEST_CASE("info of a workload without input or target names neither") {
  const Outcome info = run_velo({"info", "quadratic"});
  CHECK(info.exit == 0);
  CHECK(info.err.empty());
  CHECK_THAT(info.out, !ContainsSubstring("trivial"));
  CHECK_THAT(info.out, !ContainsSubstring("target"));
}
