// tests/support/self_run.hpp
//
// Runs a hidden test case of this very program in a child process with another number of threads and returns what it
// printed between "<<" and ">>": Kokkos starts once per process, so thread counts are compared across processes.
#pragma once

#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace velo::test {

inline std::string run_self(const std::string& test_case, int threads) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  REQUIRE(length > 0);
  const std::string command = "OMP_NUM_THREADS=" + std::to_string(threads) + " OMP_PROC_BIND=false '" +
                              std::string(self, static_cast<std::size_t>(length)) + "' '" + test_case + "' 2>/dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  char part[4096];
  for (std::size_t n = 0; (n = std::fread(part, 1, sizeof part, pipe)) > 0;) said.append(part, n);
  CHECK(pclose(pipe) == 0);
  const auto begin = said.find("<<"), end = said.find(">>");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  return said.substr(begin + 2, end - begin - 2);
}

/// The other side: what the hidden test case hands to its parent.
inline void tell_parent(const std::string& text) {
  std::printf("<<%s>>\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace velo::test
