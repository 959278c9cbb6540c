-- Best trial of every entry, by its best validation value
-- metric: best_validation
-- direction: by row
-- within: workload
-- pairing: none
-- aggregation: best over the trials of an entry
SELECT workload, nullif(workload_changes, '{}') AS variant, label, metric, best_validation, validation_target AS target,
       best_validation_step AS step, trials, failed, study, trial, algorithm_changes AS hyperparameters, cell, run,
       direction
FROM best_trials
ORDER BY workload, variant, metric, CASE direction WHEN 'higher' THEN -best_validation ELSE best_validation END, label;
