-- What many runs share is written once (races, entries, machines), and what people ask of an entry is kept ready in
-- summary tables, which the index brings up to date with every run it takes in: a million trials fit a gigabyte, and a
-- question about them is answered in a tenth of a second. The views keep the names and columns of the first schema.
-- An index of an older schema is emptied here and filled again from the files (TrialIndex::open).

DROP VIEW best_trials;
DROP VIEW time_to_target;
DROP VIEW current_trials;
DROP TABLE trials;
DROP TABLE evaluations;

CREATE TABLE races (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  workload TEXT NOT NULL,
  workload_parameters TEXT NOT NULL,
  workload_changes TEXT NOT NULL,
  workload_version INTEGER NOT NULL,
  data_version TEXT NOT NULL,
  synthetic INTEGER NOT NULL,
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
  workload_role TEXT NOT NULL,
  base_workload TEXT NOT NULL
);

CREATE TABLE entries (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  race INTEGER NOT NULL,
  label TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  algorithm_version TEXT NOT NULL
);

CREATE TABLE machines (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
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
  velo_version TEXT NOT NULL
);

-- The long texts come last: a row is read only as far as it is asked for.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  entry INTEGER NOT NULL,
  machine INTEGER NOT NULL,
  speaks INTEGER NOT NULL,
  digest INTEGER NOT NULL,
  cell TEXT NOT NULL,
  run TEXT NOT NULL,
  study INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  status TEXT NOT NULL,
  stop_reason TEXT,
  target_reached INTEGER NOT NULL,
  result_reason TEXT NOT NULL,
  steps_to_result INTEGER NOT NULL,
  examples_to_result INTEGER NOT NULL,
  example_gradients_to_result INTEGER NOT NULL,
  work_to_result REAL,
  seconds_to_result REAL NOT NULL,
  evaluations_to_result INTEGER NOT NULL,
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
  lost_seconds REAL NOT NULL,
  lost_steps INTEGER NOT NULL,
  isolation TEXT NOT NULL,
  timeable INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  resumed INTEGER NOT NULL,
  parameters INTEGER NOT NULL,
  state_bytes INTEGER NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  root_seed INTEGER NOT NULL,
  seed TEXT NOT NULL,
  message TEXT NOT NULL,
  algorithm_changes TEXT NOT NULL,
  algorithm_parameters TEXT NOT NULL
);
CREATE UNIQUE INDEX runs_by_name ON runs (cell, run);
CREATE INDEX runs_by_entry ON runs (entry);
-- What a score reads of every run, in the order of the runs: a fraction of the row's bytes, and none of the row itself.
-- The columns are those of TrialDetail::results that belong to a run; a test holds the two together.
CREATE INDEX runs_for_scores ON runs (
  cell, run, entry, machine, study, trial, status, stop_reason, target_reached, steps_to_result,
  example_gradients_to_result, work_to_result, seconds_to_result, best_validation, timeable, resumed,
  evaluations_to_result);

CREATE TABLE metrics (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE points (
  run_id INTEGER NOT NULL,
  metric INTEGER NOT NULL,
  step INTEGER NOT NULL,
  example_gradients INTEGER NOT NULL,
  seconds REAL NOT NULL,
  value REAL NOT NULL,
  work REAL NOT NULL,
  PRIMARY KEY (run_id, metric, step)
) WITHOUT ROWID;

-- Runs whose files could not be read, so that answers can say how many are not in them.
CREATE TABLE left_out (
  cell TEXT NOT NULL,
  run TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (cell, run)
) WITHOUT ROWID;

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
       (3 * example_gradients + forward_examples + 6 * hvps) / 3.0 AS work, speaks
FROM runs LEFT JOIN entries ON entries.id = runs.entry LEFT JOIN races ON races.id = entries.race
     LEFT JOIN machines ON machines.id = runs.machine;

CREATE VIEW evaluations AS
SELECT runs.cell AS cell, runs.run AS run, metrics.name AS metric, points.step AS step,
       points.example_gradients AS example_gradients, points.seconds AS seconds, points.value AS value,
       points.work AS work
FROM runs JOIN points ON points.run_id = runs.id JOIN metrics ON metrics.id = points.metric;

-- The run that speaks for its cell: the last done one, else the last one.
CREATE VIEW current_trials AS
SELECT * FROM trials WHERE speaks;

-- Censored times: amounts are empty where the target was not reached, and censored_by says why watching ended.
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

-- Summaries, one group of rows an entry, over the runs that speak for their cells.

CREATE TABLE entry_summaries (
  entry INTEGER PRIMARY KEY,
  runs INTEGER NOT NULL,
  trials INTEGER NOT NULL,
  done INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  unfinished INTEGER NOT NULL,
  trials_hit INTEGER NOT NULL,
  studies INTEGER NOT NULL,
  studies_hit INTEGER NOT NULL,
  work REAL,
  work_low REAL,
  work_high REAL,
  steps REAL,
  steps_low REAL,
  steps_high REAL,
  seconds REAL,
  seconds_low REAL,
  seconds_high REAL,
  timeable INTEGER NOT NULL,
  hardware_classes INTEGER NOT NULL,
  best_run INTEGER,
  clock_seconds REAL NOT NULL,
  data_seconds REAL NOT NULL,
  step_seconds REAL NOT NULL,
  prepare_seconds REAL NOT NULL,
  eval_seconds REAL NOT NULL,
  wall_seconds REAL NOT NULL,
  total_steps INTEGER NOT NULL,
  total_example_gradients INTEGER NOT NULL,
  state_bytes_per_parameter REAL,
  peak_memory_bytes INTEGER NOT NULL,
  first_started TEXT NOT NULL,
  first_commit TEXT NOT NULL,
  last_started TEXT NOT NULL,
  last_commit TEXT NOT NULL,
  digest INTEGER NOT NULL
);

CREATE TABLE failure_summaries (
  entry INTEGER NOT NULL,
  reason TEXT NOT NULL,
  trials INTEGER NOT NULL,
  example INTEGER NOT NULL,
  PRIMARY KEY (entry, reason)
) WITHOUT ROWID;

CREATE TABLE setting_summaries (
  entry INTEGER NOT NULL,
  parameter TEXT NOT NULL,
  bin INTEGER NOT NULL,
  low REAL NOT NULL,
  high REAL NOT NULL,
  trials INTEGER NOT NULL,
  trials_hit INTEGER NOT NULL,
  best REAL,
  median REAL,
  PRIMARY KEY (entry, parameter, bin)
) WITHOUT ROWID;

CREATE TABLE curve_summaries (
  entry INTEGER NOT NULL,
  metric INTEGER NOT NULL,
  step INTEGER NOT NULL,
  trials INTEGER NOT NULL,
  low REAL NOT NULL,
  median REAL NOT NULL,
  high REAL NOT NULL,
  PRIMARY KEY (entry, metric, step)
) WITHOUT ROWID;

-- The best trial of every entry, by its best validation value.
CREATE VIEW best_trials AS
SELECT cell, run, label, workload, workload_changes, workload_version, division, algorithm, algorithm_changes, study,
       trial, metric, direction, best_validation, best_validation_step, validation_target, s.trials AS trials,
       s.failed AS failed
FROM entry_summaries AS s JOIN runs ON runs.id = s.best_run JOIN entries ON entries.id = s.entry
     JOIN races ON races.id = entries.race;

-- A study's time is that of its fastest trial; here the median over the studies, empty where it is not reached. Low and
-- high are the least and the greatest study time, which hold the true median with probability 1 - 2^(1 - studies).
CREATE VIEW time_to_result AS
SELECT workload, workload_changes, workload_version, division, validation_target, label, algorithm, s.studies AS studies,
       s.studies_hit AS studies_hit, s.trials AS trials, s.trials_hit AS trials_hit,
       s.work AS work, s.work_low AS work_low, s.work_high AS work_high, s.steps AS steps, s.steps_low AS steps_low,
       s.steps_high AS steps_high,
       CASE WHEN s.timeable AND s.hardware_classes = 1 THEN s.seconds END AS seconds,
       CASE WHEN s.timeable AND s.hardware_classes = 1 THEN s.seconds_low END AS seconds_low,
       CASE WHEN s.timeable AND s.hardware_classes = 1 THEN s.seconds_high END AS seconds_high,
       1 - 2.0 / (1 << min(s.studies, 40)) AS covers, s.failed AS failed
FROM entry_summaries AS s JOIN entries ON entries.id = s.entry JOIN races ON races.id = entries.race;

-- Quartiles over the trials of an entry that were evaluated at a step.
CREATE VIEW curves AS
SELECT workload, workload_changes, workload_version, division, label, algorithm, metrics.name AS metric, c.step AS step,
       c.trials AS trials, c.low AS low, c.median AS median, c.high AS high
FROM curve_summaries AS c JOIN entries ON entries.id = c.entry JOIN races ON races.id = entries.race
     JOIN metrics ON metrics.id = c.metric;

-- What a numeric hyperparameter does: its values in at most ten bins of equally many trials.
CREATE VIEW sensitivity AS
SELECT workload, workload_changes, workload_version, division, label, algorithm, direction, v.parameter AS parameter,
       v.bin AS bin, v.low AS low, v.high AS high, v.trials AS trials, v.trials_hit AS trials_hit, v.best AS best,
       v.median AS median
FROM setting_summaries AS v JOIN entries ON entries.id = v.entry JOIN races ON races.id = entries.race;

-- Trials that failed or broke down (diverged, nan, oom), by reason, with the first of them.
CREATE VIEW failures AS
SELECT workload, workload_changes, workload_version, division, label, algorithm, f.reason AS reason, f.trials AS trials,
       s.trials AS trials_of_all, runs.cell AS cell, runs.run AS run, runs.message AS message
FROM failure_summaries AS f JOIN entry_summaries AS s ON s.entry = f.entry JOIN runs ON runs.id = f.example
     JOIN entries ON entries.id = f.entry JOIN races ON races.id = entries.race;

-- What an entry has cost altogether.
CREATE VIEW cost AS
SELECT workload, workload_changes, workload_version, division, label, algorithm, s.trials AS trials,
       s.total_example_gradients AS example_gradients, s.total_steps AS steps, s.clock_seconds AS clock_seconds,
       s.data_seconds AS data_seconds, s.step_seconds AS step_seconds, s.prepare_seconds AS prepare_seconds,
       s.eval_seconds AS eval_seconds, s.wall_seconds AS wall_seconds,
       s.state_bytes_per_parameter AS state_bytes_per_parameter, s.peak_memory_bytes AS peak_memory_bytes
FROM entry_summaries AS s JOIN entries ON entries.id = s.entry JOIN races ON races.id = entries.race;
