// analysis/provenance.hpp
//
// Where an answer comes from, said below it: what was asked, of which runs, made with what, and what is not in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/load.hpp"
#include "results/index.hpp"

namespace velo::analysis {

struct Provenance {
  std::string query;            ///< first 12 digits of the SHA-256 of what was asked
  std::string runs;             ///< likewise of the runs' digests (results/summaries.hpp): the same runs, the same word
  std::int64_t n = 0;           ///< runs that the answer may use: those that speak for their cells
  std::int64_t failed = 0;      ///< of these, failed or broken down
  std::int64_t unfinished = 0;  ///< of these, still running, planned or interrupted
  std::int64_t left_out = 0;    ///< runs that others of their cell speak for
  std::string first_commit, last_commit;  ///< of the run begun first and last; empty: unknown, or see `commits`
  std::int64_t commits = 0;               ///< distinct ones, where it is not known which run began first
  std::vector<std::string> mixed;         ///< what does not compare and is in it together: one sentence each
};

/// Of everything that an index shows, a filter included.
[[nodiscard]] Provenance provenance_of(const TrialIndex& index, std::string_view asked);

/// Of the trials that a score or a comparison read. When they began is known where the race was read in full detail.
[[nodiscard]] Provenance provenance_of(const Race& race, std::string_view asked);

/// "query 1f…, runs 9a…, commits 012…..345…, n = 60, 2 failed or broke down, 0 unfinished, 1 left out (superseded or
/// unreadable)".
[[nodiscard]] std::string sentence(const Provenance& provenance);
[[nodiscard]] std::string to_json(const Provenance& provenance);

}  // namespace velo::analysis
