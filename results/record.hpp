// results/record.hpp
//
// What is known about one run of one trial, as plain aggregates. TrialSummary is the unit of exchange: the training
// loop fills it, status.json and the trajectory file carry it, the index holds one row per summary, analysis reads it
// back. results/fields.hpp lists its fields once, for all four.
//
// Units: work in whole counts, time in seconds, memory in bytes. What was not measured is an empty optional, never a
// NaN and never a magic number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

/// State of a run.
enum class Status {
  planned,  ///< asked for, not begun
  running,  ///< someone holds the lease
  done,     ///< has a result, censored or not
  failed,   ///< ended without a usable result
  stale,    ///< was running; its owner is gone
};
[[nodiscard]] std::string_view name(Status status);
/// Throws Error listing the valid words.
[[nodiscard]] Status parse_status(std::string_view text);

/// Why a run ended.
enum class StopReason {
  target,            ///< the validation target was hit
  finished,          ///< the algorithm said so
  budget,            ///< steps or seconds used up
  diverged,          ///< the loss left the sane range
  nan,               ///< the loss or the parameters are not finite
  oom,               ///< out of memory
  interrupted,       ///< a signal; can be resumed
  timeout,           ///< the executor's limit
  node_lost,         ///< the machine went away
  cancelled,         ///< withdrawn by the user or the scheduler
  stopped_lossless,  ///< can no longer change the declared score
  halved,            ///< dropped by successive halving
  error,             ///< an exception; see the message
  unknown,           ///< an imported log does not say
};
[[nodiscard]] std::string_view name(StopReason reason);
/// Throws Error listing the valid words.
[[nodiscard]] StopReason parse_stop_reason(std::string_view text);

/// How alone a run was on its machine. Only a shared run is not timeable.
enum class Isolation {
  exclusive,  ///< nothing else ran
  pinned,     ///< own cores
  shared,
};
[[nodiscard]] std::string_view name(Isolation isolation);
[[nodiscard]] Isolation parse_isolation(std::string_view text);

/// Which way a metric improves.
enum class Direction {
  none,    ///< not a quality
  lower,   ///< lower is better
  higher,  ///< higher is better
};
[[nodiscard]] std::string_view name(Direction direction);
[[nodiscard]] Direction parse_direction(std::string_view text);

/// What a workload is to a score.
enum class WorkloadRole {
  base,      ///< counts
  held_out,  ///< a variant of a base workload, kept secret while algorithms were made: gates its base in AlgoPerf v0.5
  unscored,  ///< a variant that plays no part
};
[[nodiscard]] std::string_view name(WorkloadRole role);
[[nodiscard]] WorkloadRole parse_workload_role(std::string_view text);

/// What the caller knows and the machine cannot tell: how this program was built and is run.
struct BuildFacts {
  std::string velo_version;
  std::string git_commit;  ///< empty when unknown; a dirty tree ends in "+"
  std::string compiler;    ///< "GNU 12.2.0"
  std::string build_type;  ///< "Release"
  std::string isa;         ///< widest vector instructions compiled in: "avx512", "avx2", "neon", "scalar"
  std::string backend;     ///< "OpenMP", "Serial", "Cuda"
  std::string device;      ///< name of the GPU, or empty
  std::string precision = "float32";
  std::int64_t threads = 1;
  std::map<std::string, std::string> libraries;  ///< name -> version
};

/// Where and with what a run was made: provenance, and the hardware class that decides whether seconds compare.
struct Fingerprint {
  std::string hardware_class;  ///< see hardware_class()
  std::string host;
  std::string os;          ///< "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
  std::string cpu_model;   ///< as the kernel names it
  std::int64_t cores = 0;  ///< processors of the machine
  std::int64_t memory_bytes = 0;
  std::string isa;
  std::string device;
  std::string backend;
  std::int64_t threads = 1;
  std::string precision = "float32";
  std::string compiler;
  std::string build_type;
  std::map<std::string, std::string> libraries;
  std::string git_commit;
  std::string velo_version;
};

/// Reads /proc and friends. What cannot be read stays empty or 0.
[[nodiscard]] Fingerprint host_fingerprint(const BuildFacts& build);

/// The coarse class within which seconds are comparable: the device's name, or processor model without clock rates and
/// trademarks, processors and vector instructions: "intel xeon platinum 8481c x2 avx512".
[[nodiscard]] std::string hardware_class(const Fingerprint& fingerprint);

/// Deterministic counts: the same for a seed on any machine.
///
/// charged() makes one currency of them, whose unit is the gradient of one example: what scores by work are timed in, so
/// that whatever an algorithm asks for is paid for.
///   gradient of an example        1     a forward and a backward pass. One that is kept apart from the batch's
///                                       (example_gradients) takes the same two passes
///   forward pass of an example   1/3    a layer's forward pass is one matrix product, its backward pass two of the same
///                                       size, for its inputs and for its weights: a backward pass counts as two forward
///                                       passes (Kaplan et al., arXiv:2001.08361, section 2.1: 2 N and 4 N operations a
///                                       token; Hoffmann et al., arXiv:2203.15556, appendix F)
///   Hessian-vector product        2     the central difference is two gradients; the exact product is a forward and a
///                                       backward pass with tangents beside the values, about as much (Pearlmutter,
///                                       Neural Computation 6, 1994)
/// An algorithm's own arithmetic (roots of matrices, projections) is not in it: seconds have that.
struct Work {
  std::int64_t steps = 0;              ///< updates
  std::int64_t examples = 0;           ///< training examples drawn
  std::int64_t example_gradients = 0;  ///< per-example gradients computed
  std::int64_t forward_examples = 0;   ///< examples passed forward without a gradient
  std::int64_t hvps = 0;               ///< Hessian-vector products, counted in examples

  /// All of it in gradients of one example. Rounded once: the sum is taken in whole thirds.
  [[nodiscard]] double charged() const {
    return static_cast<double>(3 * example_gradients + forward_examples + 6 * hvps) / 3.0;
  }

  friend bool operator==(const Work&, const Work&) = default;
};

/// Where the wall time went. Work that was lost to a kill is not in the phases: TrialSummary::lost_seconds has it.
struct PhaseSeconds {
  double init = 0;
  double data = 0;
  double step = 0;
  double prepare = 0;
  double eval = 0;
  double log = 0;
  double checkpoint = 0;
  double wall = 0;

  /// init + data + step + prepare: with lost_seconds, what the race is timed by.
  [[nodiscard]] double on_clock() const { return init + data + step + prepare; }
};

/// Time to the validation target, a censored quantity: when `reached`, the amounts are those of the (first) hit;
/// otherwise they are those at which watching ended, and `reason` says why it did.
struct TimeToResult {
  bool reached = false;
  StopReason reason = StopReason::error;  ///< target when reached
  std::int64_t steps = 0;
  std::int64_t examples = 0;
  std::int64_t example_gradients = 0;
  double seconds = 0;            ///< on the clock
  std::int64_t evaluations = 0;  ///< evaluations until then, that of the hit included; 0: not recorded
  std::optional<double> work;    ///< Work::charged() then; empty in records older than the charge
};

/// Names one run: `STORE/trials/<cell, 2 digits>/<cell>/<run>`.
struct RunRef {
  std::string cell;  ///< hexadecimal digits
  std::string run;   ///< "0001", "0002", ...

  friend auto operator<=>(const RunRef&, const RunRef&) = default;
  /// "3fa9c1.../0001"
  [[nodiscard]] std::string text() const { return cell + "/" + run; }
};

/// Everything one row of the index holds.
struct TrialSummary {
  // Identity.
  RunRef id;
  std::int64_t attempt = 1;         ///< processes that worked on this run
  std::int64_t resumed = 0;         ///< times it was continued from a checkpoint; 0: ran through
  std::int64_t lost_steps = 0;      ///< steps computed twice because of it
  double lost_seconds = 0;          ///< clock spent on them; stays charged
  std::vector<std::string> sweeps;  ///< that asked for the cell; filled by the index, not stored in the run
  std::string label;                ///< what tables call the entry
  std::string workload;
  std::string workload_parameters = "{}";  ///< JSON object, all
  std::string workload_changes = "{}";     ///< JSON object, those that differ from the defaults
  std::int64_t workload_version = 1;
  WorkloadRole workload_role = WorkloadRole::base;
  std::string base_workload;  ///< of which it is a variant by another name; else empty
  std::string data_version;
  bool synthetic = false;
  std::string algorithm;                    ///< short form: "adamw", "lookahead(adamw)"
  std::string algorithm_parameters = "{}";  ///< JSON object, all
  std::string algorithm_changes = "{}";     ///< JSON object, those that differ from the defaults
  std::string algorithm_version;            ///< "lookahead@1(adamw@1)"
  std::int64_t study = 0;
  std::int64_t trial = 0;
  std::int64_t root_seed = 0;
  std::uint64_t seed = 0;
  std::string ruleset = "external";
  std::string division = "closed";

  // The rules of the race.
  std::string metric;                      ///< the target metric
  Direction direction = Direction::lower;  ///< of the target metric
  std::optional<double> validation_target;
  std::optional<double> test_target;
  std::int64_t confirm = 1;  ///< consecutive hits that make one
  std::optional<std::int64_t> budget_steps;
  std::optional<double> budget_seconds;
  std::optional<std::int64_t> budget_work;  ///< as Work::charged
  std::int64_t step_hint = 0;
  std::string stop_rule = "target";
  std::optional<std::int64_t> evaluate_every_steps;
  std::optional<double> evaluate_every_seconds;

  // What came out.
  Status status = Status::planned;
  std::optional<StopReason> stop_reason;  ///< empty until it ended
  std::string message;                    ///< of an error; else empty
  TimeToResult result;                    ///< for the validation target
  std::optional<double> best_validation;
  std::optional<std::int64_t> best_validation_step;
  std::optional<double> final_validation;
  std::optional<double> result_test;  ///< test metric at the hit
  std::optional<double> final_test;
  std::optional<double> final_training_loss;
  Work work;
  /// result.work. Of an older record: exact where only gradients were asked for, or where the run ended at its result;
  /// else an upper bound.
  [[nodiscard]] double work_to_result() const {
    return result.work.value_or(static_cast<double>(result.example_gradients) + work.charged() -
                                static_cast<double>(work.example_gradients));
  }
  PhaseSeconds seconds;
  Isolation isolation = Isolation::shared;
  bool timeable = false;         ///< seconds may enter comparisons
  std::int64_t parameters = 0;   ///< trained scalars
  std::int64_t state_bytes = 0;  ///< the algorithm's own state
  std::int64_t peak_memory_bytes = 0;

  // Where it was made.
  Fingerprint fingerprint;
  std::string started_at;   ///< UTC, ISO 8601: "2026-02-03T04:05:06Z"
  std::string finished_at;  ///< empty until it ended
};

/// Now, UTC: "2026-02-03T04:05:06Z".
[[nodiscard]] std::string utc_now();

/// One JSON object, one field a line, keys as in results/fields.hpp: the content of status.json.
[[nodiscard]] std::string summary_to_json(const TrialSummary& summary);
/// Throws Error naming `where` for text that is not one, lacks a field or has a newer layout.
[[nodiscard]] TrialSummary summary_from_json(std::string_view json, const std::string& where);

}  // namespace velo
