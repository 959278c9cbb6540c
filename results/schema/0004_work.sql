-- What an algorithm asked for, in one currency (Work::charged in results/record.hpp): gradients, forward passes at a
-- third, Hessian-vector products at two. For an older row whose run asked for more than gradients and went on after its
-- result, work_to_result is an upper bound, and an evaluation's work empty, until `velo index` reads the files again.

ALTER TABLE trials ADD COLUMN work_to_result REAL;
ALTER TABLE trials ADD COLUMN work REAL
  GENERATED ALWAYS AS ((3 * example_gradients + forward_examples + 6 * hvps) / 3.0) VIRTUAL;
ALTER TABLE evaluations ADD COLUMN work REAL;

UPDATE trials SET work_to_result = example_gradients_to_result + (forward_examples + 6 * hvps) / 3.0;
UPDATE evaluations SET work = example_gradients
WHERE (cell, run) IN (SELECT cell, run FROM trials WHERE forward_examples = 0 AND hvps = 0);

DROP VIEW time_to_target;
CREATE VIEW time_to_target AS
SELECT cell, run, label, workload, algorithm, study, trial, root_seed, target_reached,
       CASE WHEN target_reached THEN steps_to_result END AS steps_to_target,
       CASE WHEN target_reached THEN examples_to_result END AS examples_to_target,
       CASE WHEN target_reached THEN example_gradients_to_result END AS example_gradients_to_target,
       CASE WHEN target_reached THEN work_to_result END AS work_to_target,
       CASE WHEN target_reached THEN seconds_to_result END AS seconds_to_target,
       CASE WHEN NOT target_reached THEN result_reason END AS censored_by,
       CASE WHEN NOT target_reached THEN steps_to_result END AS censored_at_steps
FROM current_trials;

DROP INDEX trials_for_scores;
CREATE INDEX trials_for_scores ON trials (
  cell, run, label, workload, workload_changes, workload_version, algorithm, study, trial, division, metric, direction,
  validation_target, status, stop_reason, target_reached, steps_to_result, example_gradients_to_result,
  seconds_to_result, best_validation, timeable, resumed, hardware_class, workload_role, base_workload,
  evaluations_to_result, work_to_result);
