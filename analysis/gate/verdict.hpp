// analysis/gate/verdict.hpp
//
// What a gate says: one verdict a case, and one for everything.
//
//   part      case                     what it compares
//   replay    adamw{amsgrad=true}      bits of the trajectory under given gradients (replay_digest.hpp)
//   quality   fashion_mnist_mlp/adamw  steps to the target over fixed seeds (quality.hpp)
//   speed     adamw                    seconds of a step, candidate and baseline in turn (speed.hpp)
//
// The whole: regressed if a case is; else inconclusive if a case is; else improved if a case is; else equivalent.
// Nothing measured when no case says anything, or when a case that was asked for could not be measured at all.
// Exit status: improved and equivalent 0, regressed 1, inconclusive 4, nothing measured 5.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "results/error.hpp"
#include "results/table.hpp"

namespace velo::analysis {

enum class GateVerdict { improved, equivalent, regressed, inconclusive, nothing_measured };
enum class GatePart { replay, quality, speed };

[[nodiscard]] std::string name(GateVerdict verdict);
[[nodiscard]] std::string name(GatePart part);
[[nodiscard]] ExitCode exit_code(GateVerdict verdict);

/// A curve of the failing case's page: median over studies.
struct GateCurve {
  std::vector<double> steps, values;
};

struct GateCase {
  GatePart part = GatePart::quality;
  std::string name;
  GateVerdict verdict = GateVerdict::inconclusive;
  std::string word;                 ///< what tables show: the verdict, or unchanged, changed, new, gone, not comparable
  std::string sentence;             ///< what was found, in full
  std::optional<double> effect;     ///< speedup - 1 of the candidate: -0.1 is a tenth slower
  std::optional<double> low, high;  ///< its interval
  std::optional<double> margin;     ///< as a fraction
  std::optional<double> visible;  ///< smallest effect that the planned sample sees with 80 % probability, as a fraction
  std::size_t pairs = 0;
  std::string metric;  ///< of the curves
  std::optional<double> target;
  GateCurve baseline_curve, candidate_curve;
};

struct GateReport {
  std::string gate;             ///< its name
  std::string baseline;         ///< "main.json of 2026-11-26, 3fa9c1d"
  std::string candidate;        ///< commit
  std::string date;             ///< UTC
  std::vector<GateCase> cases;  ///< replay, quality, speed
  std::vector<std::string> notes;
  double seconds = 0;

  [[nodiscard]] GateVerdict verdict() const;
};

/// One row per case that is not an unchanged replay, those counted in one row of their own.
[[nodiscard]] Table gate_table(const GateReport& report);
/// "regressed: quality of fashion_mnist_mlp/adamw (...)": the whole in one sentence.
[[nodiscard]] std::string gate_sentence(const GateReport& report);

/// "-3.1 %", "10 %".
[[nodiscard]] std::string percent_text(double fraction, bool with_sign = false);

}  // namespace velo::analysis
