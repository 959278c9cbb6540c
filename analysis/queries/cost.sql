-- What every entry has cost, all trials together
-- metric: clock_seconds, wall_seconds, example_gradients, state_bytes_per_parameter
-- direction: none
-- pairing: none
-- aggregation: sum over the trials of an entry; state: the largest
SELECT workload, nullif(workload_changes, '{}') AS variant, label, trials, example_gradients, steps, clock_seconds, data_seconds,
       step_seconds, prepare_seconds, eval_seconds, wall_seconds, state_bytes_per_parameter, peak_memory_bytes
FROM cost
ORDER BY workload, variant, label;
