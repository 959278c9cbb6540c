// harness/run/step_profile.hpp
//
// Where the time of a training step goes: what `velo profile` prints. The workload announces its operations
// (harness/operations.hpp); what lies between them is the algorithm's: its update, and drawing the batch.
//
// Steps with and without a listener alternate. Of either kind the faster half counts, by its mean: what others do on the
// machine only ever makes a step slower. Operations then add up to `profiled_seconds`; by how much that misses
// `step_seconds`, the time of a step that nobody listens to, is the error of the profile. Bookkeeping of the listener is
// on nobody's account. Plain C++: the command includes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/hyperparameters.hpp"
#include "harness/operations.hpp"

namespace velo {

class Registry;

struct ProfiledOperation {
  std::string operation;
  std::string layer;
  bool backward = false;
  double calls = 0.0;    ///< per step
  double seconds = 0.0;  ///< per step
  OperationCost cost;    ///< per step
};

struct StepProfile {
  std::vector<ProfiledOperation> operations;  ///< in the order of a step; the algorithm's is the first
  double step_seconds = 0.0;
  double profiled_seconds = 0.0;
  double trial_seconds = 0.0;  ///< of the same steps, by the clock of a trial; bookkeeping included
  double foreign_share = 0.0;  ///< of the machine, used by others meanwhile (foreign_load.hpp)

  std::int64_t parameter_bytes = 0;   ///< parameters, their gradient and model state
  std::int64_t state_bytes = 0;       ///< of the algorithm
  std::int64_t batch_bytes = 0;       ///< what the model reads of the examples
  std::int64_t activation_bytes = 0;  ///< the most that lived at once
  std::int64_t arena_bytes = 0;       ///< what is held for them
  std::int64_t memory_bytes = 0;      ///< memory taken for all of it, data aside; 0: not known, or not asked
  /// What a trial before this one left behind in the process, data aside: kernels that libraries compiled, their
  /// caches, stacks of threads. A process pays it once, whatever the size of its models.
  std::int64_t library_bytes = 0;

  [[nodiscard]] double error() const { return profiled_seconds / step_seconds - 1; }
  [[nodiscard]] std::int64_t needed_bytes() const {
    return parameter_bytes + state_bytes + batch_bytes + activation_bytes;
  }
};

struct ProfileRequest {
  Component workload, algorithm;
  std::string data_directory;  ///< as DataSource has it
  bool synthetic = false;
  std::int64_t steps = 20;  ///< of either kind, at least 2; two more in front do not count
  bool memory = false;      ///< also what memory is taken, which needs a rehearsal of all steps
};

/// Throws Error when the data are missing.
[[nodiscard]] StepProfile profile_steps(const ProfileRequest& request, const Registry& registry);

/// The same operations without regard to their layer: those of one kind and direction added up.
[[nodiscard]] std::vector<ProfiledOperation> by_kind(const std::vector<ProfiledOperation>& operations);

}  // namespace velo
