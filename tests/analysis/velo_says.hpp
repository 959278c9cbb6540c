// tests/analysis/velo_says.hpp
//
// The command within the test, without algorithms and workloads: for verbs that ask.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "harness/cli/verb.hpp"

namespace velo::analysis::testing {

struct Said {
  int code;
  std::string out, err;
};

inline Said velo_says(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  const int code = run_cli(nullptr, words, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace velo::analysis::testing
