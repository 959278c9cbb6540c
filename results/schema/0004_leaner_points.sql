-- An evaluation's work is kept only where it differs from its example-gradients (rules that ask for forward passes or
-- Hessian-vector products), and runs are found by name in the index the scores read: a tenth of a million trials' bytes.

DROP VIEW evaluations;
DROP TABLE points;
DROP INDEX runs_by_name;

CREATE TABLE points (
  run_id INTEGER NOT NULL,
  metric INTEGER NOT NULL,
  step INTEGER NOT NULL,
  example_gradients INTEGER NOT NULL,
  seconds REAL NOT NULL,
  value REAL NOT NULL,
  work REAL,
  PRIMARY KEY (run_id, metric, step)
) WITHOUT ROWID;

CREATE VIEW evaluations AS
SELECT runs.cell AS cell, runs.run AS run, metrics.name AS metric, points.step AS step,
       points.example_gradients AS example_gradients, points.seconds AS seconds, points.value AS value,
       coalesce(points.work, CAST(points.example_gradients AS REAL)) AS work
FROM runs JOIN points ON points.run_id = runs.id JOIN metrics ON metrics.id = points.metric;
