// harness/doctor.hpp
//
// What this machine is, and what on it would spoil a measurement: the findings of `velo doctor`. Host-only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace velo {

struct RuntimeInfo;
struct DataSetInfo;

/// One line: what was looked at, what was found, and what to do about it (empty when it is well).
struct Finding {
  std::string item;
  std::string value;
  std::string advice;
};

/// Back-end, threads, instruction sets and library versions. OpenBLAS' pthread build is advised against: beside OpenMP
/// it is 1.5 times slower, and many times when another process runs.
[[nodiscard]] std::vector<Finding> examine_program(const RuntimeInfo& runtime);

/// Clock resolution, frequency governor, huge pages, memory, and the share of the processors that other processes took
/// while `watch_seconds` passed. `system` is "/" (tests give their own proc and sys below another folder).
[[nodiscard]] std::vector<Finding> examine_machine(const std::filesystem::path& system, double watch_seconds);

/// Whether the store can be written and has room, and which data sets are installed.
[[nodiscard]] std::vector<Finding> examine_data(const std::filesystem::path& store, const std::string& data_directory,
                                                const std::vector<DataSetInfo>& sets);

}  // namespace velo
