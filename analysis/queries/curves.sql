-- Learning curves: quartiles over the trials of an entry, step by step
-- metric: median
-- direction: none
-- pairing: none
-- aggregation: quartiles over the trials evaluated at the step
SELECT workload, nullif(workload_changes, '{}') AS variant, label, metric, step, trials, low, median, high
FROM curves
WHERE metric LIKE 'validation/%'
ORDER BY workload, variant, label, metric, step;
