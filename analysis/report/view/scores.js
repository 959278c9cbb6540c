"use strict";
// Scores of the trials that the filters leave, by the rules of analysis/score.hpp; their intervals by the study bootstrap
// of analysis/bootstrap.hpp, with fewer resamples. Unfiltered, the page shows the program's own numbers instead; a test
// compares the two.

const median = (values) => {
  if (!values.length) return NaN;
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

const quantile = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)];

// Mulberry32: a small generator with a fixed seed, so that the same filters give the same intervals.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function credit(ratio, { r_max, integral }) {
  if (!(ratio <= r_max)) return 0;
  if (integral === "exact") return (r_max - ratio) / (r_max - 1);
  if (ratio <= 1) return 1;
  const spacing = (r_max - 1) / 99;
  let jump = Math.floor((ratio - 1) / spacing);
  while (1 + jump * spacing < ratio && jump < 99) jump++;
  return (99.5 - jump) / 99;
}

/// Study times [algorithm][workload] -> [{study, time, best}], of the trials in `shown`.
function studyTimes(data, shown, clock) {
  const t = data.trials, table = data.algorithms.map(() => data.workloads.map(() => new Map()));
  const first = data.rules.selection === "first-evaluation";
  for (const i of shown) {
    if (!t.measured[i] || !data.workloads[t.w[i]].scored) continue;
    const studies = table[t.a[i]][t.w[i]];
    let study = studies.get(t.study[i]);
    if (!study) studies.set(t.study[i], (study = { study: t.study[i], time: Infinity, best: i }));
    if (!t.reached[i]) continue;
    const time = t.time[clock][i], numbered = first && t.hit[i] >= 0 && t.hit[study.best] >= 0;
    if (study.time === Infinity || (numbered ? t.hit[i] < t.hit[study.best] : time < study.time)) {
      study.time = time;
      study.best = i;
    }
  }
  return table.map((row) => row.map((studies) => [...studies.values()].sort((a, b) => a.study - b.study)));
}

/// Ratios [algorithm][base workload] from workload times, the rules' cut-offs applied.
function ratiosOf(data, times, base, heldOut) {
  const { rules, r_max } = data.rules, cut = rules !== "velodrome";
  const fastest = (w) => Math.min(...times.map((row) => (isNaN(row[w]) ? Infinity : row[w])));
  const within = (time, best) => time < Infinity && time <= r_max * best;
  const best = new Map([...base, ...heldOut].map((w) => [w, fastest(w)]));
  return times.map((row) => base.map((w) => {
    if (!(row[w] < Infinity)) return Infinity;
    if (cut && !within(row[w], best.get(w))) return Infinity;
    if (rules === "algoperf-v0.5") {
      const variant = heldOut.find((v) => data.workloads[v].base === w);
      if (variant !== undefined && !within(row[variant], best.get(variant))) return Infinity;
    }
    return row[w] === best.get(w) ? 1 : row[w] / best.get(w);
  }));
}

/// Scores, intervals, ranks and profiles of `algorithms` over `workloads`; arrays follow `algorithms`.
function standings(data, shown, algorithms, workloads, clock, resamples = 400) {
  const scored = workloads.filter((w) => data.workloads[w].scored);
  const base = scored.filter((w) => data.workloads[w].base === w);
  const heldOut = scored.filter((w) => data.workloads[w].base !== w);
  const studies = studyTimes(data, shown, clock);
  const table = algorithms.map((a) => studies[a].map((cell) => cell.map((study) => study.time)));
  const score = (rows) => rows.map((row) => (row.length ? row.reduce((sum, r) => sum + credit(r, data.rules), 0) / row.length : 0));
  const times = table.map((row) => row.map(median));
  const ratios = ratiosOf(data, times, base, heldOut);
  const scores = score(ratios);
  const rank = scores.map((s) => 1 + scores.filter((other) => other > s).length);
  const taus = d3.range(61).map((i) => 1 + ((data.rules.r_max - 1) * i) / 60);
  const draws = algorithms.map(() => []), shares = algorithms.map(() => taus.map(() => []));
  const ranks = algorithms.map(() => algorithms.map(() => 0));
  const random = generator(20240601);
  for (let b = 0; b < resamples; b++) {
    const drawn = table.map((row) => row.map((cell) => median(cell.map(() => cell[Math.floor(random() * cell.length)]))));
    const rows = ratiosOf(data, drawn, base, heldOut), again = score(rows);
    again.forEach((s, k) => {
      draws[k].push(s);
      ranks[k][again.filter((other) => other > s).length] += 1 / resamples;
      const sorted = rows[k].slice().sort((x, y) => x - y);
      taus.forEach((tau, i) => shares[k][i].push(base.length ? d3.bisectRight(sorted, tau) / base.length : 0));
    });
  }
  const tail = (1 - data.rules.level) / 2;
  const interval = (values) => { const sorted = Float64Array.from(values).sort(); return [quantile(sorted, tail), quantile(sorted, 1 - tail)]; };
  const limits = draws.map(interval), bands = shares.map((places) => places.map(interval));
  return {
    algorithms, base, studies, times, ratios, scores, rank, taus, rankProbability: ranks,
    low: limits.map((l) => l[0]), high: limits.map((l) => l[1]),
    bandLow: bands.map((band) => band.map((l) => l[0])), bandHigh: bands.map((band) => band.map((l) => l[1])),
    order: d3.range(algorithms.length).sort((x, y) => scores[y] - scores[x] || x - y),
  };
}
