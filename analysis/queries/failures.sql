-- Trials that failed or broke down, by reason, with one to look at
-- metric: share
-- direction: none
-- pairing: none
-- aggregation: count over the trials of an entry
SELECT workload, nullif(workload_changes, '{}') AS variant, label, reason, trials AS failed, trials_of_all AS trials,
       1.0 * trials / trials_of_all AS share, cell, run, message
FROM failures
ORDER BY share DESC, workload, variant, label, reason;
