// harness/run/checkpoint.hpp
//
// Everything a trial needs to go on bit for bit, as one file: step, work, data position, phase seconds, parameters,
// model state and the algorithm's state arena. Evaluations are not in it: they are in the journal, and the checkpoint
// holds the journal's length at its moment. Random streams need nothing: they are functions of (seed, step).
//
// The file is written under a temporary name, synced and renamed, and carries a CRC-32, so whatever instant a process
// is killed at, the last whole checkpoint is there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/run/trial_oracle.hpp"
#include "harness/state_arena.hpp"

namespace velo {

/// The scalar part of a checkpoint.
struct CheckpointHeader {
  std::string cell;                 ///< id of the cell it belongs to
  std::uint64_t journal_bytes = 0;  ///< length of the journal at this moment
  Work work;
  std::int64_t position = 0;  ///< examples drawn
  std::uint64_t batches = 0;  ///< batches drawn
  std::array<double, phase_count> seconds{};
  double lost_seconds = 0.0;
};

/// Writes the checkpoint of a trial. Throws Error when the disk refuses.
void save_checkpoint(const std::string& path, const CheckpointHeader& header, const TrialOracle& oracle,
                     const StateArena& state);

/// Reads a checkpoint into the oracle's vectors and the arena (which must have been declared and allocated alike).
/// Empty when there is no such file; throws Error naming the file when it is damaged or of another cell.
[[nodiscard]] std::optional<CheckpointHeader> load_checkpoint(const std::string& path, const std::string& cell,
                                                              TrialOracle& oracle, StateArena& state);

}  // namespace velo
