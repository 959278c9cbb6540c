-- Budgets in gradients of one example.

ALTER TABLE races ADD COLUMN budget_work INTEGER;

DROP VIEW trials;

CREATE VIEW trials AS
SELECT cell, run, label, workload, workload_parameters, workload_changes, workload_version, data_version, synthetic,
       algorithm, algorithm_parameters, algorithm_changes, algorithm_version, study, trial, root_seed, seed, ruleset,
       division, metric, direction, validation_target, test_target, confirm, budget_steps, budget_seconds, step_hint,
       stop_rule, evaluate_every_steps, evaluate_every_seconds, status, stop_reason, message, target_reached,
       result_reason, steps_to_result, examples_to_result, example_gradients_to_result, seconds_to_result,
       best_validation, best_validation_step, final_validation, result_test, final_test, final_training_loss, steps,
       examples, example_gradients, forward_examples, hvps, init_seconds, data_seconds, step_seconds, prepare_seconds,
       eval_seconds, log_seconds, checkpoint_seconds, wall_seconds, isolation, timeable, attempt, resumed, lost_steps,
       lost_seconds, parameters, state_bytes, peak_memory_bytes, hardware_class, host, os, cpu_model, cores,
       memory_bytes, isa, device, backend, threads, precision, compiler, build_type, libraries, git_commit, velo_version,
       started_at, finished_at, init_seconds + data_seconds + step_seconds + prepare_seconds + lost_seconds AS seconds,
       workload_role, base_workload, evaluations_to_result, work_to_result,
       (3 * example_gradients + forward_examples + 6 * hvps) / 3.0 AS work, budget_work, speaks
FROM runs LEFT JOIN entries ON entries.id = runs.entry LEFT JOIN races ON races.id = entries.race
     LEFT JOIN machines ON machines.id = runs.machine;
