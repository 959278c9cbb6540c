// harness/sweep/uses.hpp
//
// What was given must change something: every default, grid axis, search dimension and override is counted here, and
// one that nothing uses is an error.
#pragma once

#include <string>
#include <vector>

#include "harness/config/tree.hpp"

namespace velo {

class Uses {
 public:
  /// `sentence` is the error when nothing uses it.
  int add(Origin at, std::string sentence) {
    given_.push_back({std::move(at), std::move(sentence), false});
    return static_cast<int>(given_.size()) - 1;
  }
  void mark(int use) {
    if (use >= 0) given_[static_cast<std::size_t>(use)].used = true;
  }
  /// Throws Error for the first that was never used.
  void check() const {
    for (const Given& given : given_)
      if (!given.used) fail(given.at, given.sentence);
  }

 private:
  struct Given {
    Origin at;
    std::string sentence;
    bool used;
  };
  std::vector<Given> given_;
};

}  // namespace velo
