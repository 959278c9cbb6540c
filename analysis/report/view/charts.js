// The figures, drawn by Observable Plot as SVG whose colours are the style sheet's. A mark that stands for a trial is a
// link to it; within a figure the arrow keys go from link to link, so that a figure is one stop of the Tab key.

const dashes = ["none", "8 3", "3 2.5", "10 3 2 3", "14 4", "6 2 2 2 2 2", "1.5 3", "5 5", "12 3 3 3 3 3", "2 4", "18 3", "7 2 1 2"];
const shapes = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond, d3.symbolStar, d3.symbolCross, d3.symbolWye, d3.symbolDiamond2, d3.symbolSquare2];
const colour = (a) => `var(--c${a % 12})`;
const dash = (a) => dashes[a % dashes.length];
const shape = (a) => shapes[a % shapes.length];

function number(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [limit, by, unit] of [[1e9, 1e9, "G"], [1e6, 1e6, "M"], [1e4, 1e3, "k"]]) {
    if (size >= limit) return trimmed((value / by).toPrecision(digits)) + unit;
  }
  if (size > 0 && size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e");
  return trimmed(value.toPrecision(digits));
}
const trimmed = (text) => (text.includes("e") ? String(Number(text)) : text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/// The SVG of one figure: its links get names and one stop of the Tab key.
function finished(svg) {
  svg.setAttribute("role", "group");
  // Plot's own labels of groups without a role would be forbidden attributes.
  svg.querySelectorAll("g[aria-label]").forEach((g) => g.removeAttribute("aria-label"));
  svg.querySelectorAll("a").forEach((a, n) => {
    const mark = a.firstElementChild, link = a.getAttributeNS("http://www.w3.org/1999/xlink", "href") ?? a.getAttribute("href");
    a.setAttribute("href", link);
    a.setAttribute("aria-label", mark.getAttribute("aria-label"));
    mark.removeAttribute("aria-label");
    a.setAttribute("tabindex", n ? "-1" : "0");
  });
  svg.querySelectorAll("[aria-label]:not(a):not(svg)").forEach((mark) => {
    mark.setAttribute("data-tip", mark.getAttribute("aria-label"));
    mark.removeAttribute("aria-label");
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const links = [...svg.querySelectorAll("a")], at = links.indexOf(event.target);
    if (at < 0 || !(step || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const next = links[event.key === "Home" ? 0 : event.key === "End" ? links.length - 1 : (at + step + links.length) % links.length];
    links[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
  return svg;
}

function plotted(label, options) {
  const figure = Plot.plot({ style: { fontFamily: "inherit", fontSize: "12px", overflow: "visible", background: "none" }, ...options, ariaLabel: label });
  return finished(figure);
}

const axis = { tickSize: 4, fill: "var(--soft)", stroke: "var(--soft)" };
const xAxis = (label, more = {}) => Plot.axisX({ ...axis, label, labelAnchor: "center", labelArrow: "none", labelOffset: 38, tickFormat: (v) => number(v, 3), ...more });
const yAxis = (label, more = {}) => Plot.axisY({ ...axis, label, labelAnchor: "center", labelArrow: "none", tickFormat: (v) => number(v, 3), ...more });
const grids = [Plot.gridY, Plot.gridX];
const grid = (which) => grids[which]({ stroke: "var(--line)", strokeOpacity: 0.55 });

/// Options of a scale for positive values: logarithmic where they span `factor`; few enough ticks that none touch.
function positiveScale(values, factor = 20) {
  const finite = values.filter((v) => Number.isFinite(v)), low = d3.min(finite), high = d3.max(finite);
  if (!finite.length) return { type: "linear", domain: [0, 1] };
  if (low > 0 && high >= factor * low) return { type: "log", domain: [low / 1.15, high * 1.15] };
  return { type: "linear", domain: [0, high > 0 ? 1.04 * high : 1] };
}

/// Ticks of a scale, at most `count` with labels that are apart.
function ticksOf({ type, domain }, count) {
  if (type !== "log") return d3.ticks(domain[0], domain[1], count);
  const decades = Math.log10(domain[1] / domain[0]);
  const digits = decades < 1 ? [1, 2, 3, 5, 7] : decades < 2.2 ? [1, 2, 5] : decades < 3.2 ? [1, 3] : [1];
  const all = d3.range(Math.floor(Math.log10(domain[0])), Math.ceil(Math.log10(domain[1])) + 1)
    .flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`))).filter((v) => v >= domain[0] && v <= domain[1]);
  if (all.length < 2) return d3.ticks(domain[0], domain[1], count);
  const stride = Math.ceil(all.length / Math.max(2, count));
  return all.filter((_, k) => k % stride === 0);
}

const stepped = (ratios, r_max) => {
  const sorted = ratios.filter((r) => r <= r_max).sort((x, y) => x - y), n = ratios.length || 1;
  const points = [{ x: 1, y: sorted.filter((r) => r <= 1).length / n }];
  sorted.forEach((r, k) => { if (r > 1) points.push({ x: r, y: (k + 1) / n }); });
  return [...points, { x: r_max, y: sorted.length / n }];
};

/// All profiles, named at their right ends; names that would touch are moved apart.
function profileChart(page, width) {
  const { standing, data, clockName } = page, { r_max } = data.rules;
  const roomy = width > 640, names = standing.algorithms.map((a) => data.algorithms[a].name);
  const right = roomy ? 34 + 7.2 * Math.max(4, ...names.map((name) => name.length)) : 16;
  const height = Math.max(320, 70 + 17 * names.length), top = 14, bottom = 46;
  const svg = plotted("Performance profiles of all algorithms", {
    width, height, marginLeft: 52, marginRight: right, marginTop: top, marginBottom: bottom,
    x: { domain: [1, r_max] }, y: { domain: [0, 1] },
    marks: [
      grid(0), grid(1), xAxis(`τ: ${clockName} relative to the fastest`), yAxis("share of workloads", { labelOffset: 44 }),
      standing.algorithms.map((a, k) => Plot.line(stepped(standing.ratios[k], r_max), {
        x: "x", y: "y", curve: "step-after", stroke: colour(a), strokeWidth: 2.2, strokeDasharray: dash(a),
        className: `series of-${a}`, ariaLabel: () => `${names[k]}: score ${standing.scores[k].toFixed(4)}`,
      })),
    ],
  });
  if (!roomy) return svg;
  const scale = (share) => top + (1 - share) * (height - top - bottom);
  const ends = standing.algorithms.map((a, k) => ({ a, k, y: scale(stepped(standing.ratios[k], r_max).at(-1).y) }))
    .sort((one, other) => one.y - other.y || standing.scores[other.k] - standing.scores[one.k]);
  let at = -Infinity;
  ends.forEach((end) => { at = end.at = Math.max(end.y, at + 16); });
  let limit = height - bottom;
  [...ends].reverse().forEach((end) => { limit = end.at = Math.min(end.at, limit); limit -= 16; });
  const edge = width - right, group = d3.select(svg).append("g").attr("class", "ends");
  for (const { a, k, y, at: place } of ends) {
    const one = group.append("g").attr("class", `series of-${a}`);
    one.append("path").attr("d", `M${edge + 1} ${y}L${edge + 9} ${place}H${edge + 24}`).attr("fill", "none").attr("stroke", colour(a)).attr("stroke-width", 1.6);
    one.append("text").attr("x", edge + 28).attr("y", place + 4).attr("text-anchor", "start").attr("fill", "var(--ink)").text(names[k]);
  }
  return svg;
}

/// One profile with its band, the others faint.
function profilePanel(page, k, width) {
  const { standing, data } = page, { r_max } = data.rules, a = standing.algorithms[k];
  const band = standing.taus.map((tau, i) => ({ tau, low: standing.bandLow[k][i], high: standing.bandHigh[k][i] }));
  return plotted(`Performance profile of ${data.algorithms[a].name} with its band`, {
    width, height: 210, marginLeft: 46, marginRight: 12, marginTop: 10, marginBottom: 42,
    x: { domain: [1, r_max] }, y: { domain: [0, 1] },
    marks: [
      grid(0), xAxis("τ", { ticks: 4 }), yAxis("share of workloads", { ticks: 4, labelOffset: 40 }),
      standing.algorithms.map((_, other) => other === k ? null : Plot.line(stepped(standing.ratios[other], r_max), { x: "x", y: "y", curve: "step-after", stroke: "var(--line)", strokeWidth: 1.1 })),
      Plot.areaY(band, { x: "tau", y1: "low", y2: "high", curve: "step-after", fill: colour(a), fillOpacity: 0.2 }),
      Plot.line(stepped(standing.ratios[k], r_max), { x: "x", y: "y", curve: "step-after", stroke: colour(a), strokeWidth: 2.2, strokeDasharray: dash(a) }),
    ],
  });
}

/// Score and interval on a track from 0 to 1.
function scoreTrack(a, score, low, high) {
  const x = (v) => 6 + 168 * v, svg = d3.create("svg").attr("width", 180).attr("height", 22).attr("aria-hidden", "true").attr("class", "track");
  for (const v of [0, 0.25, 0.5, 0.75, 1]) svg.append("line").attr("x1", x(v)).attr("x2", x(v)).attr("y1", 5).attr("y2", 17).attr("stroke", "var(--line)");
  svg.append("line").attr("x1", x(low)).attr("x2", x(high)).attr("y1", 11).attr("y2", 11).attr("stroke", colour(a)).attr("stroke-width", 3);
  svg.append("path").attr("transform", `translate(${x(score)} 11)`).attr("d", d3.symbol(shape(a), 60)()).attr("fill", colour(a)).attr("stroke", "var(--panel)");
  return svg.node();
}

/// Time to the target of every trial on a workload: a row per algorithm, its median and the range of its studies.
function timeChart(page, w, width) {
  const { standing, data, shown, clock, clockName } = page, t = data.trials;
  const trials = shown.filter((i) => t.w[i] === w && t.measured[i]);
  if (!trials.length) return null;
  const of = (k) => standing.times[k][w];
  const rows = d3.range(standing.algorithms.length).filter((k) => standing.studies[standing.algorithms[k]][w].length)
    .sort((x, y) => of(x) - of(y) || x - y);
  const names = rows.map((k) => data.algorithms[standing.algorithms[k]].name), nameOf = (i) => data.algorithms[t.a[i]].name;
  // What broke down at once shall not stretch the axis: on a logarithmic one it stands at the edge.
  const hits = trials.filter((i) => t.reached[i]), scale = positiveScale((hits.length ? hits : trials).map((i) => t.time[clock][i]));
  scale.domain[1] = Math.max(scale.domain[1], 1.04 * d3.max(trials, (i) => t.time[clock][i]));
  const left = Math.min(0.36 * width, 22 + 7 * Math.max(...names.map((name) => name.length)));
  const summary = rows.map((k, r) => {
    const times = standing.studies[standing.algorithms[k]][w].map((s) => s.time), far = scale.domain[1];
    return { k, name: names[r], low: d3.min(times), high: Math.min(far, d3.max(times)), middle: median(times) };
  }).filter((row) => row.low < Infinity);
  return plotted(`Time to the target of every trial on ${data.workloads[w].name}`, {
    width, height: 26 * rows.length + 58, marginLeft: left, marginRight: 18, marginTop: 6, marginBottom: 44,
    x: scale, y: { type: "band", domain: names, padding: 0.1 },
    marks: [
      grid(1), Plot.axisY({ label: null, tickSize: 0, fill: "var(--ink)", tickFormat: (name) => (7 * name.length > left - 14 ? `${name.slice(0, Math.floor((left - 20) / 7))}…` : name) }),
      xAxis(`${clockName} to the target`, { ticks: ticksOf(scale, Math.floor(width / 90)) }),
      summary.map((row) => Plot.ruleY([row], { x1: "low", x2: "high", y: "name", stroke: colour(standing.algorithms[row.k]), strokeWidth: 9, strokeOpacity: 0.22 })),
      [0, 1].map((reached) => standing.algorithms.map((a) => Plot.dot(trials.filter((i) => t.a[i] === a && t.reached[i] === reached), {
        x: (i) => Math.max(scale.domain[0], t.time[clock][i]), y: nameOf, symbol: shape(a), r: 3.6, fill: reached ? colour(a) : "var(--panel)",
        stroke: reached ? "var(--panel)" : colour(a), strokeWidth: reached ? 0.6 : 1.2, href: page.link, ariaLabel: page.describe,
      }))),
      summary.filter((row) => row.middle < Infinity).map((row) => Plot.tickX([row], { x: "middle", y: "name", stroke: "var(--ink)", strokeWidth: 2.2 })),
    ],
  });
}

/// The value of a curve at a place, between its evaluations on the line, after its end its last.
function valueAt(curve, place) {
  const at = d3.bisectRight(curve.x, place);
  if (at === 0) return NaN;
  if (at === curve.x.length) return curve.y.at(-1);
  const share = (place - curve.x[at - 1]) / (curve.x[at] - curve.x[at - 1]);
  return curve.y[at - 1] + share * (curve.y[at] - curve.y[at - 1]);
}

/// Validation metric over work: medians and quartiles, or every trial; the target and the hits on it.
function curveChart(page, w, width, { every, only } = {}) {
  const { data, shown, clock, clockName } = page, t = data.trials, workload = data.workloads[w];
  const trials = shown.filter((i) => t.w[i] === w && data.curves[i]);
  const curves = new Map(trials.map((i) => [i, page.curve(i, clock)]));
  const most = d3.max(trials, (i) => curves.get(i).x.at(-1));
  if (!(most > 0)) return null;
  const algorithms = page.algorithms.filter((a) => trials.some((i) => t.a[i] === a));
  const points = (i) => curves.get(i).x.map((x, k) => ({ i, x, y: curves.get(i).y[k] }));
  const middles = only !== undefined ? [] : algorithms.map((a) => {
    const mine = trials.filter((i) => t.a[i] === a).map((i) => curves.get(i));
    const end = d3.max(mine, (c) => c.x.at(-1)), begin = d3.min(mine, (c) => c.x[0]);
    return d3.range(101).map((k) => begin + ((end - begin) * k) / 100).map((x) => {
      const values = mine.map((c) => valueAt(c, x)).filter(Number.isFinite).sort((p, q) => p - q);
      return { x, low: d3.quantileSorted(values, 0.25), y: median(values), high: d3.quantileSorted(values, 0.75) };
    });
  });
  const hits = trials.filter((i) => t.reached[i] && workload.target !== null);
  const lines = every || only !== undefined;
  const faint = only === undefined ? 0.38 : 0.16;
  return plotted(`Validation ${workload.metric} on ${workload.name} against ${clockName}`, {
    width, height: 300, marginLeft: 62, marginRight: 16, marginTop: 16, marginBottom: 46,
    x: { domain: [0, 1.02 * most] }, y: { domain: [workload.low, workload.high] },
    marks: [
      grid(0), xAxis(clockName, { ticks: Math.floor(width / 90) }), yAxis(`validation ${workload.metric}`, { labelOffset: 58, ticks: 6 }),
      lines ? algorithms.map((a) => Plot.line(trials.filter((i) => t.a[i] === a && i !== only).flatMap(points), {
        x: "x", y: "y", z: "i", stroke: colour(a), strokeWidth: 1.1, strokeOpacity: faint, clip: true,
        className: `series of-${a}`, href: ({ i }) => page.link(i), ariaLabel: ({ i }) => page.describe(i) })) : null,
      lines ? null : algorithms.map((a, k) => Plot.areaY(middles[k], { x: "x", y1: "low", y2: "high", fill: colour(a), fillOpacity: 0.13, clip: true, className: `series of-${a}` })),
      middles.map((middle, k) => Plot.line(middle, { x: "x", y: "y", stroke: colour(algorithms[k]), strokeWidth: 2.1, strokeDasharray: dash(algorithms[k]), clip: true,
        className: `series of-${algorithms[k]}`, ariaLabel: () => `${data.algorithms[algorithms[k]].name}: median of ${trials.filter((i) => t.a[i] === algorithms[k]).length} trials` })),
      only === undefined ? null : Plot.line(points(only), { x: "x", y: "y", stroke: colour(t.a[only]), strokeWidth: 2.4, clip: true }),
      workload.target === null ? null : [
        Plot.ruleY([workload.target], { stroke: "var(--ink)", strokeDasharray: "2 3", strokeWidth: 1.2 }),
        Plot.text([`target ${number(workload.target)}`], { frameAnchor: "right", y: () => workload.target, textAnchor: "end", dy: workload.higher ? -8 : 10, fill: "var(--soft)", stroke: "var(--panel)", strokeWidth: 4 }),
      ],
      (only === undefined ? algorithms : []).map((a) => Plot.dot(hits.filter((i) => t.a[i] === a), { x: (i) => t.time[clock][i], y: () => workload.target, symbol: shape(a), r: 3.4, fill: colour(a), stroke: "var(--panel)", strokeWidth: 0.7,
        className: `series of-${a}`, href: page.link, ariaLabel: page.describe })),
      only !== undefined && t.reached[only] ? Plot.dot([only], { x: (i) => t.time[clock][i], y: () => workload.target, symbol: shape(t.a[only]), r: 5, fill: colour(t.a[only]), stroke: "var(--panel)" }) : null,
    ],
  });
}

/// What a hyperparameter does on a workload: a mark per trial; those that missed the target in a strip of their own.
function sensitivityChart(page, w, key, width) {
  const { data, shown, clock, clockName } = page, t = data.trials, values = data.trials.settings[key];
  const trials = shown.filter((i) => t.w[i] === w && t.measured[i] && values[i] !== null);
  if (!trials.length) return null;
  const numeric = trials.every((i) => typeof values[i] === "number");
  const hits = trials.filter((i) => t.reached[i]), missed = trials.filter((i) => !t.reached[i]);
  const y = positiveScale(hits.map((i) => t.time[clock][i])), height = 264, strip = missed.length ? 24 : 0, top = 10 + strip;
  const all = shown.filter((i) => values[i] !== null).map((i) => values[i]);
  const x = numeric ? positiveScale(all, 5) : { type: "point", domain: [...new Set(all.map(String))].sort(), padding: 0.5 };
  if (numeric && x.type === "linear") { const [low, high] = d3.extent(all), pad = 0.06 * (high - low || Math.abs(low) || 1); x.domain = [low - pad, high + pad]; }
  const mark = { r: 3.6, href: page.link, ariaLabel: (i) => `${page.describe(i)}; ${key} ${typeof values[i] === "number" ? number(values[i]) : values[i]}` };
  const at = (i) => (numeric ? values[i] : String(values[i]));
  return plotted(`Effect of ${key} on ${data.workloads[w].name}`, {
    width, height, marginLeft: 62, marginRight: 14, marginTop: top, marginBottom: 44, x, y,
    marks: [
      hits.length ? [grid(0), yAxis(`${clockName} to target`, { labelOffset: 58, ticks: ticksOf(y, 5) })] : Plot.text(["no trial reached the target"], { frameAnchor: "middle", fill: "var(--soft)" }),
      numeric ? xAxis(key, { ticks: ticksOf(x, Math.floor(width / 80)) }) : Plot.axisX({ ...axis, label: key, labelAnchor: "center", labelArrow: "none", labelOffset: 38 }),
      strip ? Plot.text(["missed"], { frameAnchor: "top-left", textAnchor: "end", dx: -8, dy: -strip / 2 - 9, fill: "var(--soft)" }) : null,
      strip ? Plot.frame({ anchor: "top", stroke: "var(--line)" }) : null,
      page.algorithms.map((a) => Plot.dot(missed.filter((i) => t.a[i] === a), { ...mark, x: at, frameAnchor: "top", dy: -strip / 2 - 1, symbol: shape(a), fill: "var(--panel)", stroke: colour(a), strokeWidth: 1.2, className: `series of-${a}` })),
      page.algorithms.map((a) => Plot.dot(hits.filter((i) => t.a[i] === a), { ...mark, x: at, y: (i) => t.time[clock][i], symbol: shape(a), fill: colour(a), stroke: "var(--panel)", strokeWidth: 0.6, className: `series of-${a}` })),
    ],
  });
}

/// Parallel coordinates of one algorithm: an axis per searched hyperparameter, the last the time over the fastest one of
/// its workload. Dark: fast. Dashed and grey: missed.
function parallelChart(page, a, width) {
  const { data, shown, clock, standing } = page, t = data.trials;
  const trials = shown.filter((i) => t.a[i] === a && t.measured[i]);
  const keys = page.searched(a).filter((key) => new Set(trials.map((i) => data.trials.settings[key][i])).size > 1);
  if (!keys.length || !trials.length) return null;
  const best = data.workloads.map((_, w) => d3.min(standing.times, (row) => row[w]));
  const slow = (i) => (t.reached[i] && best[t.w[i]] > 0 && best[t.w[i]] < Infinity ? t.time[clock][i] / best[t.w[i]] : Infinity);
  const ratios = trials.map(slow).filter(Number.isFinite);
  const axes = keys.map((key) => {
    const values = trials.map((i) => data.trials.settings[key][i]).filter((v) => v !== null);
    if (values.every((v) => typeof v === "number")) {
      const [low, high] = d3.extent(values), log = low > 0 && high >= 5 * low;
      const scale = (log ? d3.scaleLog : d3.scaleLinear)([low, high], [0, 1]);
      return { key, low: number(low, 3), high: number(high, 3), at: (i) => (data.trials.settings[key][i] === null ? NaN : scale(data.trials.settings[key][i])) };
    }
    const words = [...new Set(values.map(String))].sort(), scale = d3.scalePoint(words, [0, 1]);
    return { key, low: words[0], high: words.at(-1), at: (i) => scale(String(data.trials.settings[key][i])) };
  });
  const [fast, worst] = ratios.length ? d3.extent(ratios) : [1, 4];
  const scale = d3.scaleLog([Math.min(1, fast), Math.max(2, worst)], [0, 1]);
  axes.push({ key: "time ÷ fastest", low: number(Math.min(1, fast), 3), high: number(Math.max(2, worst), 3), at: (i) => (Number.isFinite(slow(i)) ? scale(slow(i)) : 1.12) });
  const rows = (list) => list.flatMap((i) => axes.map((one, x) => ({ i, x, y: one.at(i), colour: `color-mix(in oklab, var(--accent) ${Math.round(100 - 85 * Math.min(1, Math.max(0, scale(slow(i)) || 0)))}%, var(--line))` })));
  const missed = trials.filter((i) => !Number.isFinite(slow(i))), hits = trials.filter((i) => Number.isFinite(slow(i))).sort((p, q) => slow(q) - slow(p));
  const places = axes.map((one, x) => ({ ...one, x })), link = { href: ({ i }) => page.link(i), ariaLabel: ({ i }) => page.describe(i), z: "i", x: "x", y: "y" };
  return plotted(`Hyperparameters of ${data.algorithms[a].name} in parallel coordinates`, {
    width, height: 250, marginLeft: 56, marginRight: 60, marginTop: 50, marginBottom: 24,
    x: { domain: [0, axes.length - 1], axis: null }, y: { domain: [0, 1.12], axis: null },
    marks: [
      Plot.line(rows(missed), { ...link, stroke: "var(--soft)", strokeOpacity: 0.35, strokeDasharray: "3 3", strokeWidth: 1 }),
      Plot.line(rows(hits), { ...link, stroke: { value: "colour", scale: null }, strokeWidth: 1.5, strokeOpacity: 0.85 }),
      Plot.ruleX(places, { x: "x", y1: 0, y2: 1, stroke: "var(--soft)" }),
      Plot.text(places, { x: "x", y: 1.12, dy: -24, text: "key", fill: "var(--ink)", fontWeight: 600, lineWidth: Math.max(6, (width - 116) / Math.max(1, axes.length - 1) / 13), lineAnchor: "bottom" }),
      Plot.text(places, { x: "x", y: 1, dx: 5, dy: -6, textAnchor: "start", text: "high", fill: "var(--soft)", stroke: "var(--panel)", strokeWidth: 3 }),
      Plot.text(places, { x: "x", y: 0, dy: 13, text: "low", fill: "var(--soft)" }),
      missed.length ? Plot.text(["missed"], { x: () => axes.length - 1, y: () => 1.12, dx: 8, textAnchor: "start", fill: "var(--soft)" }) : null,
    ],
  });
}

/// Mean seconds of a trial by phase.
function phaseChart(page, w, width) {
  const { data, shown } = page, t = data.trials;
  const rows = [], names = [];
  for (const a of page.algorithms) {
    const trials = shown.filter((i) => t.a[i] === a && t.w[i] === w && t.phases[i]);
    if (!trials.length) continue;
    names.push(data.algorithms[a].name);
    data.phases.forEach((phase, p) => rows.push({ name: data.algorithms[a].name, phase, p, seconds: d3.mean(trials, (i) => t.phases[i][p]) }));
  }
  if (!d3.sum(rows, (row) => row.seconds)) return null;
  const left = Math.min(0.36 * width, 22 + 7 * Math.max(...names.map((name) => name.length)));
  return plotted(`Seconds of a trial by phase on ${data.workloads[w].name}`, {
    width, height: 25 * names.length + 56, marginLeft: left, marginRight: 20, marginTop: 6, marginBottom: 44,
    x: { nice: true }, y: { type: "band", domain: names, padding: 0.25 },
    marks: [
      grid(1), Plot.axisY({ label: null, tickSize: 0, fill: "var(--ink)" }), xAxis("mean seconds of a trial", { ticks: Math.floor(width / 90) }),
      Plot.barX(rows.filter((row) => row.seconds > 0), { x: "seconds", y: "name", fill: { value: (row) => `var(--p${row.p})`, scale: null }, stroke: "var(--panel)", strokeWidth: 0.7, order: "p",
        ariaLabel: (row) => `${row.name}, ${row.phase}: ${number(row.seconds, 3)} s` }),
    ],
  });
}
