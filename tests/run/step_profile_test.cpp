#include "harness/run/step_profile.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "harness/registry.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinRel;

Component standard(const std::string& name, const std::vector<ParameterSpec>& specs) {
  return {name, Parameters::defaults(specs)};
}

ProfileRequest request_for(const std::string& workload) {
  const Registry& registry = builtin_registry();
  ProfileRequest request{.workload = standard(workload, registry.workload(workload).parameters),
                         .algorithm = standard("adamw", registry.algorithm("adamw").parameters),
                         .data_directory = {},
                         .synthetic = true,
                         .steps = 10};
  return request;
}

const ProfiledOperation& find(const StepProfile& profile, const std::string& operation, const std::string& layer,
                              bool backward) {
  for (const ProfiledOperation& o : profile.operations)
    if (o.operation == operation && o.layer == layer && o.backward == backward) return o;
  FAIL("no operation " << operation << " of layer '" << layer << "'");
  return profile.operations.front();
}

TEST_CASE("operations of a profile add up to the step that the trial's clock measures") {
  const StepProfile profile = profile_steps(request_for("fashion_mnist_mlp"), builtin_registry());
  double sum = 0;
  for (const ProfiledOperation& operation : profile.operations) sum += operation.seconds;
  CHECK_THAT(sum, WithinRel(profile.profiled_seconds, 1e-12));
  // Half is for what the machine's other guests may take just while the listener keeps its books; alone it is 2 %.
  CHECK(profile.profiled_seconds < 1.02 * profile.trial_seconds);
  CHECK(profile.profiled_seconds > 0.5 * profile.trial_seconds);
  CHECK_THAT(profile.profiled_seconds, WithinRel(profile.step_seconds * (1 + profile.error()), 1e-12));
}

TEST_CASE("a profile counts the arithmetic of a product and the bytes that it cannot save") {
  const StepProfile profile = profile_steps(request_for("fashion_mnist_mlp"), builtin_registry());
  const double rows = 128, in = 784, out = 128;
  const ProfiledOperation& first = find(profile, "linear", "hidden1", false);
  CHECK(first.calls == 1.0);
  CHECK_THAT(first.cost.flops, WithinRel(2 * rows * in * out, 1e-12));
  CHECK_THAT(first.cost.bytes, WithinRel(sizeof(Scalar) * (rows * in + in * out + rows * out), 1e-12));
  // Nobody asks for the gradient of images: one product back, and two in the second layer.
  CHECK_THAT(find(profile, "linear", "hidden1", true).cost.flops, WithinRel(2 * rows * in * out, 1e-12));
  CHECK_THAT(find(profile, "linear", "hidden2", true).cost.flops, WithinRel(4 * rows * out * out, 1e-12));
  const double parameters = 118282;
  CHECK_THAT(find(profile, "algorithm", "", false).cost.bytes, WithinRel(7 * sizeof(Scalar) * parameters, 1e-3));
}

TEST_CASE("operations of one kind and direction add up over layers") {
  const StepProfile profile = profile_steps(request_for("fashion_mnist_mlp"), builtin_registry());
  const std::vector<ProfiledOperation> kinds = by_kind(profile.operations);
  double seconds = 0, calls = 0;
  for (const ProfiledOperation& kind : kinds) {
    CHECK(kind.layer.empty());
    seconds += kind.seconds;
    if (kind.operation == "linear" && !kind.backward) calls = kind.calls;
  }
  CHECK(calls == 3.0);
  CHECK_THAT(seconds, WithinRel(profile.profiled_seconds, 1e-12));
}

TEST_CASE("a profile says how much memory a step needs") {
  const StepProfile profile = profile_steps(request_for("fashion_mnist_mlp"), builtin_registry());
  const std::int64_t parameters = 118282;
  CHECK(profile.parameter_bytes == 2 * parameters * static_cast<std::int64_t>(sizeof(Scalar)));
  CHECK(profile.state_bytes >= profile.parameter_bytes);
  // Outputs of three layers of 128 images at least, their gradients not all at once; held is what an arena loses to gaps.
  CHECK(profile.activation_bytes > 128 * (128 + 128 + 10) * static_cast<std::int64_t>(sizeof(Scalar)));
  CHECK(profile.batch_bytes == 128 * 784 * static_cast<std::int64_t>(sizeof(Scalar)));
  CHECK(profile.arena_bytes >= profile.activation_bytes);
  CHECK(profile.arena_bytes < 13 * profile.activation_bytes / 10);
}

TEST_CASE("nobody listens when no profile is taken, and a listener goes with its scope") {
  struct Deaf : OperationListener {
    void begin(const OperationStart&) override {}
    void end() override {}
    void memory(const PassMemory&) override {}
  } deaf;
  CHECK(operation_listener() == nullptr);
  {
    const ListenToOperations listening(deaf);
    CHECK(operation_listener() == &deaf);
  }
  CHECK(operation_listener() == nullptr);
}

}  // namespace
}  // namespace velo
