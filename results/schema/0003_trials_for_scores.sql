-- What a score reads of every run, in the order of the runs: an eighth of the row's bytes, and none of the row itself.
-- The columns are those of TrialDetail::results; a test holds the two together.

CREATE INDEX trials_for_scores ON trials (
  cell, run, label, workload, workload_changes, workload_version, algorithm, study, trial, division, metric, direction,
  validation_target, status, stop_reason, target_reached, steps_to_result, example_gradients_to_result,
  seconds_to_result, best_validation, timeable, resumed, hardware_class, workload_role, base_workload,
  evaluations_to_result);
