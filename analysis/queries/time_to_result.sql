-- Time to the validation target, per workload and entry
-- metric: work, steps, seconds
-- direction: lower
-- interval: work_low..work_high, steps_low..steps_high, seconds_low..seconds_high
-- within: workload, variant
-- pairing: none
-- aggregation: median over studies of the study's fastest trial; low and high are the fastest and slowest study
SELECT workload, nullif(workload_changes, '{}') AS variant, validation_target AS target, label, work, work_low, work_high,
       steps, steps_low, steps_high, seconds, seconds_low, seconds_high, covers, studies_hit, studies, trials_hit, trials
FROM time_to_result
ORDER BY workload, variant, work IS NULL, work, label;
