// results/diff.hpp
//
// Compares two stores cell by cell: configuration, results and every series, bit for bit. Timings and provenance
// (seconds, dates, fingerprint, attempts, memory) stay aside: two runs of one cell on one machine, interrupted or not,
// must show no difference.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/store.hpp"

namespace velo {

struct Difference {
  std::string cell;
  std::string label;  ///< workload / algorithm entry, for people
  std::string what;   ///< "missing", "config", "unreadable", a field such as "status", a series such as
                      ///< "evaluations/validation/accuracy"
  std::string text;   ///< one sentence with both values
};

struct StoreDifference {
  std::vector<Difference> differences;  ///< ordered by cell
  std::size_t compared = 0;             ///< cells present in both stores
};

/// Compares the current run of each cell. A cell in one store only is a difference.
[[nodiscard]] StoreDifference diff_stores(const Store& a, const Store& b);

/// Compares one run of a store with one of another: configuration, results and series as diff_stores does. Throws Error
/// where a file cannot be read.
[[nodiscard]] std::vector<Difference> diff_runs(const Store& a, const RunRef& run_a, const Store& b,
                                                const RunRef& run_b);

}  // namespace velo
