// results/fields.hpp
//
// The fields of a TrialSummary, listed once: status.json, the attributes of /summary in a trajectory file, the columns
// of the table `trials` and the comparison of stores all follow this list. A new field is added here, in
// schema/ (a new numbered file) and in layout.md; tests compare the three.
#pragma once

#include <string_view>

#include "results/record.hpp"

namespace velo {

/// What a field is, and so whether two runs of one cell must agree on it.
enum class FieldRole {
  key,         ///< names the run
  request,     ///< what was asked for
  result,      ///< deterministic outcome: must agree
  timing,      ///< seconds
  provenance,  ///< where, when, how often tried
};

struct Field {
  std::string_view name;
  std::string_view unit;  ///< empty for text and pure numbers
  FieldRole role;
  bool added = false;  ///< since the first release: an older file lacks it, and it then keeps its default
};

/// Reads the word of an enumeration, for visitors that meet any of them.
inline void parse_word(std::string_view text, Status& out) { out = parse_status(text); }
inline void parse_word(std::string_view text, StopReason& out) { out = parse_stop_reason(text); }
inline void parse_word(std::string_view text, Isolation& out) { out = parse_isolation(text); }
inline void parse_word(std::string_view text, Direction& out) { out = parse_direction(text); }
inline void parse_word(std::string_view text, WorkloadRole& out) { out = parse_workload_role(text); }

/// Calls visit(Field, member) for every stored field, in column order. Members have one of the types bool,
/// std::int64_t, std::uint64_t, double, std::string, std::optional of std::int64_t, double or StopReason, an
/// enumeration of record.hpp, or std::map<std::string, std::string> (the libraries).
template <typename Summary, typename Visitor>
void visit_fields(Summary& s, Visitor&& visit) {
  using enum FieldRole;
  visit(Field{"cell", "", key}, s.id.cell);
  visit(Field{"run", "", key}, s.id.run);
  visit(Field{"label", "", provenance}, s.label);
  visit(Field{"workload", "", request}, s.workload);
  visit(Field{"workload_parameters", "JSON", request}, s.workload_parameters);
  visit(Field{"workload_changes", "JSON", request}, s.workload_changes);
  visit(Field{"workload_version", "", request}, s.workload_version);
  visit(Field{"data_version", "", request}, s.data_version);
  visit(Field{"synthetic", "", request}, s.synthetic);
  visit(Field{"algorithm", "", request}, s.algorithm);
  visit(Field{"algorithm_parameters", "JSON", request}, s.algorithm_parameters);
  visit(Field{"algorithm_changes", "JSON", request}, s.algorithm_changes);
  visit(Field{"algorithm_version", "", request}, s.algorithm_version);
  visit(Field{"study", "", request}, s.study);
  visit(Field{"trial", "", request}, s.trial);
  visit(Field{"root_seed", "", request}, s.root_seed);
  visit(Field{"seed", "", request}, s.seed);
  visit(Field{"ruleset", "", request}, s.ruleset);
  visit(Field{"division", "", request}, s.division);
  visit(Field{"metric", "", request}, s.metric);
  visit(Field{"direction", "", request}, s.direction);
  visit(Field{"validation_target", "metric", request}, s.validation_target);
  visit(Field{"test_target", "metric", request}, s.test_target);
  visit(Field{"confirm", "evaluations", request}, s.confirm);
  visit(Field{"budget_steps", "steps", request}, s.budget_steps);
  visit(Field{"budget_seconds", "s", request}, s.budget_seconds);
  visit(Field{"step_hint", "steps", request}, s.step_hint);
  visit(Field{"stop_rule", "", request}, s.stop_rule);
  visit(Field{"evaluate_every_steps", "steps", request}, s.evaluate_every_steps);
  visit(Field{"evaluate_every_seconds", "s", request}, s.evaluate_every_seconds);
  visit(Field{"status", "", result}, s.status);
  visit(Field{"stop_reason", "", result}, s.stop_reason);
  visit(Field{"message", "", provenance}, s.message);
  visit(Field{"target_reached", "", result}, s.result.reached);
  visit(Field{"result_reason", "", result}, s.result.reason);
  visit(Field{"steps_to_result", "steps", result}, s.result.steps);
  visit(Field{"examples_to_result", "examples", result}, s.result.examples);
  visit(Field{"example_gradients_to_result", "example gradients", result}, s.result.example_gradients);
  visit(Field{"seconds_to_result", "s", timing}, s.result.seconds);
  visit(Field{"best_validation", "metric", result}, s.best_validation);
  visit(Field{"best_validation_step", "steps", result}, s.best_validation_step);
  visit(Field{"final_validation", "metric", result}, s.final_validation);
  visit(Field{"result_test", "metric", result}, s.result_test);
  visit(Field{"final_test", "metric", result}, s.final_test);
  visit(Field{"final_training_loss", "loss", result}, s.final_training_loss);
  visit(Field{"steps", "steps", result}, s.work.steps);
  visit(Field{"examples", "examples", result}, s.work.examples);
  visit(Field{"example_gradients", "example gradients", result}, s.work.example_gradients);
  visit(Field{"forward_examples", "examples", result}, s.work.forward_examples);
  visit(Field{"hvps", "examples", result}, s.work.hvps);
  visit(Field{"init_seconds", "s", timing}, s.seconds.init);
  visit(Field{"data_seconds", "s", timing}, s.seconds.data);
  visit(Field{"step_seconds", "s", timing}, s.seconds.step);
  visit(Field{"prepare_seconds", "s", timing}, s.seconds.prepare);
  visit(Field{"eval_seconds", "s", timing}, s.seconds.eval);
  visit(Field{"log_seconds", "s", timing}, s.seconds.log);
  visit(Field{"checkpoint_seconds", "s", timing}, s.seconds.checkpoint);
  visit(Field{"wall_seconds", "s", timing}, s.seconds.wall);
  visit(Field{"isolation", "", provenance}, s.isolation);
  visit(Field{"timeable", "", provenance}, s.timeable);
  visit(Field{"attempt", "", provenance}, s.attempt);
  visit(Field{"resumed", "times", provenance}, s.resumed);
  visit(Field{"lost_steps", "steps", provenance}, s.lost_steps);
  visit(Field{"lost_seconds", "s", timing}, s.lost_seconds);
  visit(Field{"parameters", "scalars", result}, s.parameters);
  visit(Field{"state_bytes", "B", result}, s.state_bytes);
  visit(Field{"peak_memory_bytes", "B", provenance}, s.peak_memory_bytes);
  visit(Field{"hardware_class", "", provenance}, s.fingerprint.hardware_class);
  visit(Field{"host", "", provenance}, s.fingerprint.host);
  visit(Field{"os", "", provenance}, s.fingerprint.os);
  visit(Field{"cpu_model", "", provenance}, s.fingerprint.cpu_model);
  visit(Field{"cores", "", provenance}, s.fingerprint.cores);
  visit(Field{"memory_bytes", "B", provenance}, s.fingerprint.memory_bytes);
  visit(Field{"isa", "", provenance}, s.fingerprint.isa);
  visit(Field{"device", "", provenance}, s.fingerprint.device);
  visit(Field{"backend", "", request}, s.fingerprint.backend);
  visit(Field{"threads", "", request}, s.fingerprint.threads);
  visit(Field{"precision", "", request}, s.fingerprint.precision);
  visit(Field{"compiler", "", provenance}, s.fingerprint.compiler);
  visit(Field{"build_type", "", provenance}, s.fingerprint.build_type);
  visit(Field{"libraries", "JSON", provenance}, s.fingerprint.libraries);
  visit(Field{"git_commit", "", provenance}, s.fingerprint.git_commit);
  visit(Field{"velo_version", "", provenance}, s.fingerprint.velo_version);
  visit(Field{"started_at", "UTC", provenance}, s.started_at);
  visit(Field{"finished_at", "UTC", provenance}, s.finished_at);
  visit(Field{"workload_role", "", request, true}, s.workload_role);
  visit(Field{"base_workload", "", request, true}, s.base_workload);
  visit(Field{"evaluations_to_result", "evaluations", result, true}, s.result.evaluations);
  visit(Field{"work_to_result", "example gradients", result, true}, s.result.work);
  visit(Field{"budget_work", "example gradients", request, true}, s.budget_work);
}

}  // namespace velo
