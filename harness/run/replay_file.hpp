// harness/run/replay_file.hpp
//
// The files of `velo replay`: what is read and what is written. results/layout.md describes the layout for others.
// Host-only: HDF5, no Kokkos.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace velo {

struct ReplayBlock {
  std::string name;  ///< path below /params: "w", "hidden1/weight"
  std::string kind;  ///< as in the file; the layout checks it
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< initial, row-major

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
};

/// loss(x) = x'Hx / 2 - b'x, gradient Hx - b + noise[step - 1].
struct QuadraticProblem {
  std::vector<double> hessian;  ///< [d, d], row-major
  std::vector<double> linear;   ///< [d]
  std::vector<double> noise;    ///< [steps, d], or empty
};

struct ReplayInput {
  std::vector<ReplayBlock> blocks;            ///< in the order of the flat vector
  std::int64_t steps = 0;                     ///< steps to make
  std::int64_t total_steps = 0;               ///< what schedules take for the length of the run
  std::vector<std::vector<float>> gradients;  ///< one [steps, size] per block; empty with a problem
  std::vector<double> losses;                 ///< [steps], or empty
  std::optional<QuadraticProblem> problem;

  /// Number of parameters.
  [[nodiscard]] std::int64_t size() const;
};

struct ReplayOutput {
  std::vector<std::vector<float>> params;             ///< one [steps + 1, size] per block, before and after every step
  std::vector<std::vector<float>> evaluation_params;  ///< likewise
  std::map<std::string, std::vector<double>> observed;  ///< one [steps] per scalar; NaN at steps that did not report it
  std::int64_t state_bytes = 0;
};

/// Throws Error with one sentence that names the file, the object in it and what would be right.
[[nodiscard]] ReplayInput read_replay_input(const std::string& path);

/// Whole or not at all. Throws Error where the file cannot be written.
void write_replay_output(const std::string& path, const ReplayInput& input, const ReplayOutput& output);

}  // namespace velo
