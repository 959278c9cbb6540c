-- Held-out variants of workloads, and the number of the evaluation that met the target (AlgoPerf's rules need both).

ALTER TABLE trials ADD COLUMN workload_role TEXT NOT NULL DEFAULT 'base';
ALTER TABLE trials ADD COLUMN base_workload TEXT NOT NULL DEFAULT '';
ALTER TABLE trials ADD COLUMN evaluations_to_result INTEGER NOT NULL DEFAULT 0;
