-- What each numeric hyperparameter does to the best validation value
-- metric: median
-- direction: by row
-- within: workload, variant, label, parameter
-- pairing: none
-- aggregation: median over the trials of a bin of values; ten bins of equally many trials, or one a value
SELECT workload, nullif(workload_changes, '{}') AS variant, label, parameter, low, high, trials, trials_hit, best, median, direction
FROM sensitivity
ORDER BY workload, variant, label, parameter, bin;
