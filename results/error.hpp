// results/error.hpp
//
// The one exception type of the project and the exit codes of the command.
// The library never prints and never aborts: it throws Error, and harness/cli turns it into one sentence on
// stderr and an exit status.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace velo {

/// Exit status of every `velo` verb. Never a count.
enum class ExitCode : int {
  ok = 0,                ///< everything asked for was done
  verdict = 1,           ///< a comparison came out against the candidate
  usage = 2,             ///< bad command line, configuration, input file or environment
  some_failed = 3,       ///< trials ran, some of them failed
  inconclusive = 4,      ///< too few or too noisy results to answer
  nothing_measured = 5,  ///< there was nothing to answer from
};

/// One clear sentence: what is wrong, where, and what would be right.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& sentence, ExitCode code = ExitCode::usage)
      : std::runtime_error(sentence), code_(code) {}

  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace velo
