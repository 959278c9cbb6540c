// harness/cli/until_decided.hpp
//
// `velo run SWEEP --until decided`: studies in looks until a comparison of two entries is decided.
#pragma once

#include <string>

#include "analysis/until_decided.hpp"
#include "harness/cli/race.hpp"

namespace velo {

struct UntilChoices {
  std::string until;  ///< "decided", or empty: run what the sweep says
  std::string margin, clock;
  analysis::UntilOptions options;

  void declare(Options& o);
};

/// Runs studies 0, ..., n - 1 of the whole sweep, n growing by look_every, until a look decides or max_studies were run; prints
/// the looks and the verdict. What is stored is not run again, and decides the same. Exit codes: faster or equivalent
/// 0, slower 1, undecided 4, stopped by a signal 3.
[[nodiscard]] ExitCode run_until_decided(RaceOptions race, UntilChoices choices, Format format, const Console& console);

}  // namespace velo
