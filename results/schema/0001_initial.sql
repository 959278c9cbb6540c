-- The index of a store. Made from the files of the runs; may be deleted and rebuilt at any time.
-- results/layout.md says what every column means. Status and reasons are unconstrained words: later versions add some.

CREATE TABLE trials (
  cell TEXT NOT NULL,
  run TEXT NOT NULL,
  label TEXT NOT NULL,
  workload TEXT NOT NULL,
  workload_parameters TEXT NOT NULL,
  workload_changes TEXT NOT NULL,
  workload_version INTEGER NOT NULL,
  data_version TEXT NOT NULL,
  synthetic INTEGER NOT NULL,
  algorithm TEXT NOT NULL,
  algorithm_parameters TEXT NOT NULL,
  algorithm_changes TEXT NOT NULL,
  algorithm_version TEXT NOT NULL,
  study INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  root_seed INTEGER NOT NULL,
  seed TEXT NOT NULL,
  ruleset TEXT NOT NULL,
  division TEXT NOT NULL,
  metric TEXT NOT NULL,
  direction TEXT NOT NULL,
  validation_target REAL,
  test_target REAL,
  confirm INTEGER NOT NULL,
  budget_steps INTEGER,
  budget_seconds REAL,
  step_hint INTEGER NOT NULL,
  stop_rule TEXT NOT NULL,
  evaluate_every_steps INTEGER,
  evaluate_every_seconds REAL,
  status TEXT NOT NULL,
  stop_reason TEXT,
  message TEXT NOT NULL,
  target_reached INTEGER NOT NULL,
  result_reason TEXT NOT NULL,
  steps_to_result INTEGER NOT NULL,
  examples_to_result INTEGER NOT NULL,
  example_gradients_to_result INTEGER NOT NULL,
  seconds_to_result REAL NOT NULL,
  best_validation REAL,
  best_validation_step INTEGER,
  final_validation REAL,
  result_test REAL,
  final_test REAL,
  final_training_loss REAL,
  steps INTEGER NOT NULL,
  examples INTEGER NOT NULL,
  example_gradients INTEGER NOT NULL,
  forward_examples INTEGER NOT NULL,
  hvps INTEGER NOT NULL,
  init_seconds REAL NOT NULL,
  data_seconds REAL NOT NULL,
  step_seconds REAL NOT NULL,
  prepare_seconds REAL NOT NULL,
  eval_seconds REAL NOT NULL,
  log_seconds REAL NOT NULL,
  checkpoint_seconds REAL NOT NULL,
  wall_seconds REAL NOT NULL,
  isolation TEXT NOT NULL,
  timeable INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  resumed INTEGER NOT NULL,
  lost_steps INTEGER NOT NULL,
  lost_seconds REAL NOT NULL,
  parameters INTEGER NOT NULL,
  state_bytes INTEGER NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  hardware_class TEXT NOT NULL,
  host TEXT NOT NULL,
  os TEXT NOT NULL,
  cpu_model TEXT NOT NULL,
  cores INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  isa TEXT NOT NULL,
  device TEXT NOT NULL,
  backend TEXT NOT NULL,
  threads INTEGER NOT NULL,
  precision TEXT NOT NULL,
  compiler TEXT NOT NULL,
  build_type TEXT NOT NULL,
  libraries TEXT NOT NULL,
  git_commit TEXT NOT NULL,
  velo_version TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  seconds REAL GENERATED ALWAYS AS (init_seconds + data_seconds + step_seconds + prepare_seconds + lost_seconds) VIRTUAL,
  PRIMARY KEY (cell, run)
) WITHOUT ROWID;

CREATE INDEX trials_by_entry ON trials (workload, algorithm, study, trial);

CREATE TABLE evaluations (
  cell TEXT NOT NULL,
  run TEXT NOT NULL,
  metric TEXT NOT NULL,
  step INTEGER NOT NULL,
  example_gradients INTEGER NOT NULL,
  seconds REAL NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (cell, run, metric, step)
) WITHOUT ROWID;

CREATE TABLE sweeps (
  sweep TEXT NOT NULL,
  cell TEXT NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (sweep, cell, label)
) WITHOUT ROWID;

CREATE INDEX sweeps_by_cell ON sweeps (cell);

-- The run that speaks for its cell: the last done one, else the last one.
CREATE VIEW current_trials AS
SELECT * FROM trials AS t
WHERE t.run = (SELECT c.run FROM trials AS c WHERE c.cell = t.cell
               ORDER BY c.status = 'done' DESC, length(c.run) DESC, c.run DESC LIMIT 1);

-- Censored times: amounts are empty where the target was not reached, and censored_by says why watching ended.
CREATE VIEW time_to_target AS
SELECT cell, run, label, workload, algorithm, study, trial, root_seed, target_reached,
       CASE WHEN target_reached THEN steps_to_result END AS steps_to_target,
       CASE WHEN target_reached THEN examples_to_result END AS examples_to_target,
       CASE WHEN target_reached THEN example_gradients_to_result END AS example_gradients_to_target,
       CASE WHEN target_reached THEN seconds_to_result END AS seconds_to_target,
       CASE WHEN NOT target_reached THEN result_reason END AS censored_by,
       CASE WHEN NOT target_reached THEN steps_to_result END AS censored_at_steps
FROM current_trials;

-- The best trial of every entry, by its best validation value.
CREATE VIEW best_trials AS
SELECT cell, run, label, workload, algorithm, algorithm_changes, study, trial, metric, best_validation, best_validation_step
FROM (SELECT *, row_number() OVER (
        PARTITION BY label, workload, workload_changes
        ORDER BY CASE direction WHEN 'higher' THEN -best_validation ELSE best_validation END, cell) AS place
      FROM current_trials WHERE best_validation IS NOT NULL)
WHERE place = 1;
