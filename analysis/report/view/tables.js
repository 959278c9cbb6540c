// Tables whose every number leads to its trials, and the small pieces of the page.

/// el("a", {href: "#/"}, "text", node, ...): attributes that are null are left out.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value); else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function swatch(a) {
  const svg = d3.create("svg").attr("class", "swatch").attr("width", 34).attr("height", 14).attr("aria-hidden", "true");
  svg.append("line").attr("x1", 1).attr("x2", 33).attr("y1", 7).attr("y2", 7).attr("stroke", colour(a)).attr("stroke-width", 2.2).attr("stroke-dasharray", dash(a));
  svg.append("path").attr("transform", "translate(17 7)").attr("d", d3.symbol(shape(a), 46)()).attr("fill", colour(a)).attr("stroke", "var(--bg)");
  return svg.node();
}

const named = (page, a) => [swatch(a), page.data.algorithms[a].name];
const trialsLink = (text, where) => el("a", { href: `#/trials?${new URLSearchParams(where)}` }, text);
const table = (caption, heads, rows, more = {}) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption, ...more },
  el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)));
const head = (text, left) => el("th", { scope: "col", class: left ? null : "n" }, text);
const cell = (content, className) => el("td", { class: className }, content);

function ordinal(n) {
  const last = Math.floor(n / 10) % 10 === 1 ? 0 : n % 10;
  return n + (["th", "st", "nd", "rd"][last] ?? "th");
}

function leaderboardTable(page) {
  const { standing, data } = page;
  const heads = [head("rank"), head("algorithm", true), head("score"), head("interval"), head("0 to 1", true), head("reached"),
    standing.algorithms.map((_, k) => head(`P(${ordinal(k + 1)})`))];
  const rows = standing.order.map((k) => {
    const a = standing.algorithms[k], where = { a };
    const reached = standing.ratios[k].filter(Number.isFinite).length;
    return el("tr", {}, cell(trialsLink(standing.rank[k], where), "n"), el("th", { scope: "row", class: "name" }, named(page, a)),
      cell(trialsLink(standing.scores[k].toFixed(4), where), "n best"),
      cell(trialsLink(`${standing.low[k].toFixed(4)} – ${standing.high[k].toFixed(4)}`, where), "n range"),
      cell(scoreTrack(a, standing.scores[k], standing.low[k], standing.high[k])),
      cell(trialsLink(`${reached} of ${standing.base.length}`, where), "n"),
      standing.rankProbability[k].map((p) => el("td", { class: "heat", style: `--p:${p}` }, p ? trialsLink(p.toFixed(2), where) : "·")));
  });
  return table("Leaderboard", heads, rows);
}

function timesTable(page) {
  const { standing, data, workloads } = page, scored = workloads.filter((w) => data.workloads[w].scored);
  const best = new Map(scored.map((w) => [w, d3.min(standing.times, (row) => row[w])]));
  const rows = standing.order.map((k) => {
    const a = standing.algorithms[k];
    return el("tr", {}, el("th", { scope: "row", class: "name" }, named(page, a)), scored.map((w) => {
      const studies = standing.studies[a][w], time = standing.times[k][w], hits = studies.filter((s) => s.time < Infinity).length;
      if (!studies.length) return cell("–", "n miss");
      const text = time < Infinity ? number(time) : "not reached";
      return cell([trialsLink(text, { a, w }), el("div", { class: "range" }, trialsLink(`${hits} of ${studies.length} studies`, { a, w, reached: 1 }))], time < Infinity ? (time === best.get(w) ? "n best" : "n") : "n miss");
    }));
  });
  return table("Median time to the target", [head("algorithm", true), scored.map((w) => head(data.workloads[w].name))], rows);
}

const columns = [
  { name: "workload", left: true, value: (page, i) => page.data.workloads[page.data.trials.w[i]].name },
  { name: "algorithm", left: true, value: (page, i) => page.data.algorithms[page.data.trials.a[i]].name, show: (page, i) => named(page, page.data.trials.a[i]) },
  { name: "study", value: (page, i) => page.data.trials.study[i] },
  { name: "trial", value: (page, i) => page.data.trials.trial[i], show: (page, i) => el("a", { href: page.link(i), "aria-label": `trial ${page.data.trials.trial[i]}: ${page.describe(i)}` }, page.data.trials.trial[i]) },
  { name: "ended by", left: true, value: (page, i) => page.data.trials.ends[page.data.trials.end[i]], show: (page, i) => page.data.trials.ends[page.data.trials.end[i]] + (page.data.trials.resumed[i] ? ", resumed" : "") },
  ...[0, 1, 2].map((c) => ({ name: ["example-gradients", "steps", "seconds"][c], value: (page, i) => page.data.trials.time[c][i],
    show: (page, i) => el("a", { href: page.link(i), class: page.data.trials.reached[i] ? null : "miss" }, page.data.trials.reached[i] ? number(page.data.trials.time[c][i]) : `(${number(page.data.trials.time[c][i])})`) })),
  { name: "best metric", value: (page, i) => page.data.trials.best[i] ?? NaN, show: (page, i) => el("a", { href: page.link(i) }, number(page.data.trials.best[i] ?? NaN)) },
  { name: "settings", left: true, value: (page, i) => page.settings(i) },
];

/// Trials, 50 at a time; headings sort.
function trialsTable(page, trials, state) {
  const per = 50, by = columns[state.sort];
  const list = by ? [...trials].sort((p, q) => {
    const x = by.value(page, p), y = by.value(page, q), order = typeof x === "number" ? (isNaN(x) - isNaN(y)) || x - y : x.localeCompare(y);
    return (state.down ? -order : order) || p - q;
  }) : trials;
  const pages = Math.max(1, Math.ceil(list.length / per)), at = Math.min(state.page, pages - 1);
  const body = el("div", {});
  const again = (change) => () => { Object.assign(state, change); const next = trialsTable(page, trials, state); body.replaceWith(next); next.querySelector(`[data-focus="${change.focus}"]`)?.focus(); };
  const heads = columns.map((column, c) => el("th", { scope: "col", class: column.left ? null : "n", "aria-sort": state.sort === c ? (state.down ? "descending" : "ascending") : null },
    el("button", { type: "button", "data-focus": `sort${c}`, onclick: again({ sort: c, down: state.sort === c && !state.down, page: 0, focus: `sort${c}` }) }, column.name)));
  const rows = list.slice(at * per, (at + 1) * per).map((i) => el("tr", {}, columns.map((column) => cell((column.show ?? column.value)(page, i), column.left ? (column.name === "settings" ? "wrap" : null) : "n"))));
  body.append(list.length ? table("Trials", heads, rows) : el("p", { class: "empty" }, "No trial is left. Widen the filters."));
  if (pages > 1) body.append(el("p", { class: "pager" },
    el("button", { type: "button", disabled: at === 0, "data-focus": "back", onclick: again({ page: at - 1, focus: "back" }) }, "← back"),
    ` ${at * per + 1} to ${Math.min(list.length, (at + 1) * per)} of ${list.length} `,
    el("button", { type: "button", disabled: at === pages - 1, "data-focus": "on", onclick: again({ page: at + 1, focus: "on" }) }, "on →")));
  return body;
}
