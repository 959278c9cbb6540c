// analysis/gate/baseline.hpp
//
// The baseline of a gate: one small JSON file that is reviewed like code. Only `velo gate accept --because "..."` writes
// it; it carries a seal (SHA-256 of everything else in it), so that an edit by hand is refused instead of believed.
//
//   layout     1
//   gate       name of the gate's file
//   accepted   {date, commit, because}
//   made_with  the fingerprint: hardware class, instruction set, BLAS kernels, back-end, compiler, libraries, C library
//   blocks     names of the replay problem's blocks
//   replays    one line a case (replay_digest.hpp)
//   quality    one object a case: value (geometric mean of the steps to the target), spread (standard deviation of their
//              logarithms), n, missed, and what these came from: protocol, root seed, steps by study ("+": not reached in
//              so many), and the median curve in four digits
//   history    every accepted state, oldest first: {date, commit, because, values: {case: steps}}; this one is its last
//   seal
//
// Speed is not stored: seconds do not travel between machines. It is measured against a build of the baseline's commit.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/gate/quality.hpp"

namespace velo::analysis {

inline constexpr std::int64_t baseline_layout_version = 1;

struct AcceptedState {
  std::string date;  ///< UTC
  std::string commit;
  std::string because;
  std::map<std::string, double> values;  ///< steps by quality case; a case that never reached its target has none
};

struct GateBaseline {
  std::string gate;
  std::map<std::string, std::string> made_with;
  std::vector<std::string> blocks;
  std::map<std::string, std::string> replays;
  std::vector<QualityValue> quality;   ///< in the order of the sweep
  std::vector<AcceptedState> history;  ///< at least one

  [[nodiscard]] const AcceptedState& accepted() const { return history.back(); }
  /// Null when there is none.
  [[nodiscard]] const QualityValue* find(const std::string& name) const;
};

/// Sealed, keys in fixed order, one line a replay and an array.
[[nodiscard]] std::string baseline_text(const GateBaseline& baseline);
/// Throws Error naming `where` for text that is no baseline, has a newer layout, or was changed by hand.
[[nodiscard]] GateBaseline read_baseline(std::string_view text, const std::string& where);

/// Names and both values of what differs between two fingerprints; those of the second that the first lacks included.
[[nodiscard]] std::vector<std::string> fingerprint_differences(const std::map<std::string, std::string>& baseline,
                                                               const std::map<std::string, std::string>& candidate);
/// Whether replays that depend on the BLAS kernels may be compared.
[[nodiscard]] bool same_kernels(const std::map<std::string, std::string>& baseline,
                                const std::map<std::string, std::string>& candidate);

/// What a baseline says of replays, case by case: unchanged, changed, new, gone, not comparable. `hold`: what changed,
/// is new or gone makes the verdict inconclusive until it is accepted; else it is noted and counts as equivalent.
[[nodiscard]] std::vector<GateCase> judge_replays(const std::map<std::string, std::string>& candidate,
                                                  const GateBaseline& baseline, bool kernels_agree, bool hold);

}  // namespace velo::analysis
