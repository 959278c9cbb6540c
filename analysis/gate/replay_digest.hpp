// analysis/gate/replay_digest.hpp
//
// A trajectory in one line of text: enough to say whether it changed, at which step first, in which block, and by how
// much, without keeping the trajectory.
//
//   adamw: "4f0c...9a Kx3fA0b1C2d3e4F5 ..."
//
// First the digest: 32 hexadecimal digits, the beginning of the SHA-256 of all points in order (float32, little-endian,
// trained parameters before evaluation parameters; every NaN counts as the same). It alone decides between unchanged
// and changed. A star behind it: the bits depend on the kernels of the BLAS library (see below).
//
// Then one word for every step, in base64 (RFC 4648, alphabet of section 4):
//   one byte for each of the (at most 6) groups of blocks, of the SHA-256 of the group's bytes at that step: a
//     difference in one group goes unseen at one step with probability 1/256, so the step that is named may be late by
//     one, rarely more; the verdict does not depend on it
//   six bytes of a sketch, the upper 48 bits of the double s = sum_i r_i x_i over the trained parameters, r_i = +-1 from
//     a counter-based stream: E (s - s')^2 = ||x - x'||^2 (Alon, Matias and Szegedy, J. Comput. Syst. Sci. 58:137, 1999,
//     section 2.2; a random projection). |s - s'| is within a factor of 10 of the norm of the difference for 9 in 10
//     differences. Differences below 1e-11 of |s| do not show in it.
//
// Which machines must agree: no contraction is compiled in, reductions are fixed trees and random numbers are integers,
// so updates have the same bits on every instruction set. Exceptions are dense products, decompositions and whatever
// else BLAS does: those cases are found when a baseline is accepted, by replaying with other kernels, and marked. On
// a machine with other kernels a marked case that differs is not comparable; an unmarked one has changed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace velo::analysis {

inline constexpr std::size_t most_replay_groups = 6;

/// A group of neighbouring elements of the flat vector: a parameter block.
struct ReplayGroup {
  std::string name;
  std::size_t size = 0;
};

/// Takes the points of one trajectory and writes its line.
class ReplayRecorder {
 public:
  /// Throws std::logic_error for more than most_replay_groups.
  explicit ReplayRecorder(std::vector<ReplayGroup> groups);

  /// The point after the next step; both have as many elements as the groups together.
  void step(std::span<const float> params, std::span<const float> evaluation_params);
  [[nodiscard]] std::string line(bool kernel_dependent = false) const;

 private:
  std::vector<ReplayGroup> groups_;
  std::string bytes_;  ///< of all points
  std::vector<std::string> words_;
};

/// What two lines of the same case say about each other.
struct ReplayDifference {
  bool changed = false;
  bool kernel_dependent = false;  ///< by either line's star
  std::optional<std::size_t>
      step;  ///< first that differs, from 1; nothing: the lines' words agree or cannot be compared
  std::vector<std::string> groups;   ///< that differ at that step
  std::optional<double> size;        ///< estimated norm of the difference at that step; nothing: below resolution
  std::optional<double> final_size;  ///< at the last step
};

/// Throws Error naming `name` for text that is not such a line.
[[nodiscard]] ReplayDifference compare_replays(const std::string& name, std::string_view baseline,
                                               std::string_view candidate, const std::vector<std::string>& groups);
/// The line with its star, or without.
[[nodiscard]] std::string with_star(std::string_view line, bool kernel_dependent);
[[nodiscard]] bool has_star(std::string_view line);

}  // namespace velo::analysis
