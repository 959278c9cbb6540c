// The page: filters, sections, the routes #/trials?a=3&w=0 and #/trial/CELL, and drawing of what is in view.

const data = JSON.parse(document.getElementById("data").textContent);
const app = document.getElementById("app"), trialsOf = data.trials, count = trialsOf.w.length;
const everyTrial = d3.range(count), byCell = new Map(everyTrial.map((i) => [trialsOf.cell[i], i]));
const all = {
  a: d3.range(data.algorithms.length), w: d3.range(data.workloads.length),
  study: [...new Set(trialsOf.study)].sort((x, y) => x - y),
};
const keys = Object.keys(data.trials.settings);
const rate = (name) => /(^|[._])(lr|learning_rate)$/.test(name);
const state = {
  off: { a: new Set(), w: new Set(), study: new Set() }, range: { key: "", low: "", high: "" },
  clock: data.clocks.findIndex((clock) => clock.name === data.rules.clock), every: all.a.length <= 3,
  key: keys.find(rate) ?? keys[0], table: { sort: -1, down: false, page: 0 },
};

// ---- what is shown ----

const settingsOf = new Map();
function searched(a) {
  if (!settingsOf.has(a)) {
    const mine = everyTrial.filter((i) => trialsOf.a[i] === a);
    settingsOf.set(a, keys.filter((key) => new Set(mine.map((i) => trialsOf.settings[key][i])).size > 1));
  }
  return settingsOf.get(a);
}

function inRange(i) {
  const { key, low, high } = state.range;
  if (!key || (low === "" && high === "")) return true;
  const value = trialsOf.settings[key][i];
  return typeof value === "number" && (low === "" || value >= Number(low)) && (high === "" || value <= Number(high));
}

const decoded = new Map();
/// A curve on a clock: {x, y}, differences summed up.
function curve(i, clock) {
  const known = `${i}/${clock}`;
  if (!decoded.has(known)) {
    const [steps, seconds, gradients, y] = data.curves[i];
    const sum = (differences) => { let total = 0; return differences.map((d) => (total += d)); };
    const x = clock === 1 ? sum(steps) : clock === 2 ? sum(seconds) : Array.isArray(gradients) ? sum(gradients) : sum(steps).map((s) => s * gradients);
    decoded.set(known, { x, y: y.map((v) => v ?? NaN) });
  }
  return decoded.get(known);
}

function describe(i) {
  const t = trialsOf, c = state.clock, amount = `${number(t.time[c][i])} ${data.clocks[c].unit}`;
  return `${data.algorithms[t.a[i]].name}, study ${t.study[i]}, trial ${t.trial[i]}: ${t.reached[i] ? amount : `not reached after ${amount} (${t.ends[t.end[i]]})`}`;
}

function settingsText(i) {
  return searched(trialsOf.a[i]).filter((key) => trialsOf.settings[key][i] !== null)
    .map((key) => { const v = trialsOf.settings[key][i]; return `${key} ${typeof v === "number" ? number(v, 3) : v}`; }).join(" · ");
}

/// Everything a figure may ask of the page under the present filters.
function pageNow() {
  const { off, clock } = state;
  const shown = everyTrial.filter((i) => !off.a.has(trialsOf.a[i]) && !off.w.has(trialsOf.w[i]) && !off.study.has(trialsOf.study[i]) && inRange(i));
  const workloads = all.w.filter((w) => !off.w.has(w));
  const algorithms = all.a.filter((a) => !off.a.has(a) && shown.some((i) => trialsOf.a[i] === a));
  const whole = shown.length === count && data.clocks[clock].name === data.rules.clock;
  const standing = standings(data, shown, algorithms, workloads, clock, whole ? 1 : 400);
  if (whole) {
    const { board } = data;
    Object.assign(standing, { scores: board.score, low: board.low, high: board.high, rankProbability: board.rank_probability,
      taus: board.taus, bandLow: board.band_low, bandHigh: board.band_high });
    standing.order.sort((x, y) => board.score[y] - board.score[x] || x - y);
  }
  return { data, shown, workloads, algorithms, whole, standing, clock, clockName: data.clocks[clock].name, curve, searched, describe, settings: settingsText, link: (i) => `#/trial/${trialsOf.cell[i]}` };
}

// ---- figures are drawn when they come into view ----

const watched = new Map();
function draw(node) {
  const entry = watched.get(node);
  if (!entry || entry.done) return;
  entry.done = true;
  const width = Math.max(260, node.clientWidth);
  const picture = entry.paint(width);
  node.style.minHeight = "";
  node.replaceChildren(picture ?? el("p", { class: "empty" }, entry.empty));
}
const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => { if (entry.isIntersecting) draw(entry.target); }), { rootMargin: "400px" });
addEventListener("beforeprint", () => watched.forEach((_, node) => draw(node)));

function figure(title, paint, { height = 300, wide = false, empty = "Nothing to draw: no trial is left." } = {}) {
  const node = el("div", { class: "canvas", style: `min-height:${height}px` });
  watched.set(node, { paint, empty, done: false });
  watcher.observe(node);
  return el("figure", { class: wide ? "card wide" : "card" }, el("figcaption", {}, title), node);
}

// ---- sections ----

const section = (id, title, say, ...body) => el("section", { id }, el("h2", {}, title), el("p", { class: "say" }, say), body);
const choice = (id, label, values, value, change) => el("label", {}, `${label} `, el("select", { id, onchange: (event) => change(event.target.value) },
  values.map(([key, text, off]) => el("option", { value: key, selected: String(key) === String(value), disabled: off || null }, text))));
const legend = (page) => el("div", { class: "key" }, page.standing.order.map((k) => el("span", { "data-of": page.standing.algorithms[k] }, named(page, page.standing.algorithms[k]))));

function sections(page) {
  const { rules } = data, percent = Math.round(100 * rules.level);
  const drawn = page.workloads.filter((w) => page.shown.some((i) => trialsOf.w[i] === w));
  const scored = drawn.filter((w) => data.workloads[w].scored), curved = drawn.filter((w) => page.shown.some((i) => trialsOf.w[i] === w && data.curves[i]));
  const searchedNow = page.algorithms.filter((a) => searched(a).length);
  const grid = (figures) => el("div", { class: "figures" }, figures);
  const out = [
    section("leaderboard", "Leaderboard", [`Score: area under the performance profile up to a ratio of ${rules.r_max} (rules ${rules.rules}), 1 is best. Interval: ${percent}\u00a0% of the study bootstrap. P(1st), P(2nd), …: how often a resample gave that place. `,
      page.whole ? `${rules.coverage ? `${rules.coverage[0].toUpperCase()}${rules.coverage.slice(1)}.` : ""}` : el("strong", {}, `Recomputed from the ${page.shown.length} trials shown, with 400 resamples: a score depends on its pool.`)], leaderboardTable(page)),
    section("profiles", "Performance profiles", `On which share of the workloads was an algorithm at most τ times slower than the fastest? Bands: ${percent}\u00a0% of the resamples at each τ.`,
      figure("All algorithms", (width) => profileChart(page, width), { wide: true, height: 330 }),
      el("details", {}, el("summary", {}, "Each with its band"), el("div", { class: "figures small" }, page.standing.order.map((k) => figure(named(page, page.standing.algorithms[k]), (width) => profilePanel(page, k, width), { height: 210 }))))),
    section("times", "Time to the target", `Medians over studies of the fastest trial, in ${page.clockName}; the fastest on a workload is bold. Below: filled marks reached the target, hollow ones were watched that long in vain; the bar spans the studies, the tick is their median.`,
      timesTable(page), grid(scored.map((w) => figure(data.workloads[w].name, (width) => timeChart(page, w, width), { height: 58 + 26 * page.algorithms.length })))),
  ];
  if (curved.length) out.push(section("curves", "Validation curves", "Medians over trials, those that have ended counting with their last value, and the quartiles around them; or every trial. Marks on the target line: the evaluations that met it. Curves are thinned: what is left out lies within 1/400 of a figure's height of the line.",
    el("div", { class: "tools" }, choice("every", "Show", [["", "medians and quartiles"], ["1", "every trial"]], state.every ? "1" : "", (value) => { state.every = value === "1"; render("every"); })), legend(page),
    grid(curved.map((w) => figure(data.workloads[w].name, (width) => curveChart(page, w, width, { every: state.every }), { height: 300 })))));
  if (keys.length) out.push(section("sensitivity", "Sensitivity to hyperparameters", "One mark per trial against a searched value; all searched values change at once from trial to trial. Trials that missed the target stand in the strip on top.",
    el("div", { class: "tools" }, choice("key", "Against", keys.map((key) => [key, key]), state.key, (value) => { state.key = value; render("key"); })), legend(page),
    grid(scored.map((w) => figure(data.workloads[w].name, (width) => sensitivityChart(page, w, state.key, width), { height: 264, empty: `No trial shown here has searched ${state.key}.` }))),
    el("h3", {}, "Parallel coordinates"), el("p", { class: "say" }, "A line per trial through its searched values, on all workloads shown; the last axis is its time over the fastest algorithm's on that workload. Strong blue: fast. Dashed and grey: missed."),
    searchedNow.map((a) => figure(named(page, a), (width) => parallelChart(page, a, width), { wide: true, height: 250, empty: "No searched value differs among the trials shown." }))));
  const phased = drawn.filter((w) => page.shown.some((i) => trialsOf.w[i] === w && trialsOf.phases[i] && d3.sum(trialsOf.phases[i]) > 0));
  out.push(section("phases", "Where the time went", phased.length ? "Mean over all trials shown, whatever their end." : "These trials did not record their phases.",
    phased.length ? [el("div", { class: "key" }, data.phases.map((phase, p) => el("span", {}, el("i", { class: `p${p}` }), p < 4 ? phase : `${phase} (off the clock)`))),
      grid(phased.map((w) => figure(data.workloads[w].name, (width) => phaseChart(page, w, width), { height: 56 + 25 * page.algorithms.length })))] : null));
  return out;
}

function trialsSection(page) {
  const query = new URLSearchParams((location.hash.match(/^#\/trials\?(.*)$/) ?? [])[1] ?? "");
  const a = query.get("a"), w = query.get("w"), study = query.get("study"), reached = query.get("reached"), chosen = [...query.keys()].length;
  const list = page.shown.filter((i) => (a === null || trialsOf.a[i] === Number(a)) && (w === null || trialsOf.w[i] === Number(w)) && (study === null || trialsOf.study[i] === Number(study)) && (reached === null || trialsOf.reached[i] === Number(reached)));
  const words = [a === null ? null : data.algorithms[a].name, w === null ? null : `on ${data.workloads[w].name}`, study === null ? null : `in study ${study}`, reached === null ? null : "that reached the target"].filter(Boolean).join(" ");
  const out = section("trials", "Trials", "", el("p", { class: "chosen", "aria-live": "polite" }, chosen ? [`${list.length} trials of ${words}. `, el("a", { href: "#/trials" }, "Show all")] : `${list.length} of ${count} trials. A time in brackets is how long a trial was watched without reaching the target.`),
    trialsTable(page, list, { ...state.table }));
  out.setAttribute("tabindex", "-1");
  return out;
}

/// The page of one trial.
function trialView(page, i) {
  const t = trialsOf, a = t.a[i], w = t.w[i], workload = data.workloads[w], siblings = everyTrial.filter((j) => t.a[j] === a && t.w[j] === w), at = siblings.indexOf(i);
  const everything = { ...page, shown: siblings, algorithms: [a] };
  const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  const step = (to, text) => (siblings[to] === undefined ? null : el("a", { href: page.link(siblings[to]) }, text));
  const rows = searched(a).filter((key) => t.settings[key][i] !== null).map((key) => {
    const value = t.settings[key][i], others = siblings.map((j) => t.settings[key][j]).filter((v) => typeof v === "number"), [low, high] = d3.extent(others);
    const share = typeof value !== "number" || !(high > low) ? null : low > 0 && high >= 5 * low ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return el("tr", {}, el("th", { scope: "row" }, key), cell(typeof value === "number" ? number(value, 5) : value, "n"), cell(share === null ? "" : el("span", { class: "where", style: `--at:${share}` }), null), cell(share === null ? "" : `${number(low, 3)} to ${number(high, 3)}`, "range"));
  });
  const spent = t.phases[i] ? data.phases.map((phase, p) => [phase, t.phases[i][p]]).filter(([, seconds]) => seconds > 0) : [];
  const folder = `trials/${t.cell[i].slice(0, 2)}/${t.cell[i]}/${t.run[i]}`;
  return el("section", { id: "trial", tabindex: "-1" }, el("p", {}, el("a", { href: "#/" }, "← the whole race"), " · ", trialsLink(`all ${siblings.length} trials of ${data.algorithms[a].name} on ${workload.name}`, { a, w }), " ", step(at - 1, "· previous "), step(at + 1, "· next")),
    el("h2", {}, named(page, a), ` on ${workload.name}, study ${t.study[i]}, trial ${t.trial[i]}`),
    el("p", { class: t.reached[i] ? "outcome good" : "outcome" }, t.reached[i] ? `Reached ${workload.metric} ${number(workload.target)}.` : `Did not reach the target${workload.target === null ? "" : ` of ${workload.metric} ${number(workload.target)}`}: ended by ${t.ends[t.end[i]]}.`, t.resumed[i] ? " It was resumed." : ""),
    el("dl", { class: "facts" }, data.clocks.map((clock, c) => el("div", {}, fact(clock.name, number(t.time[c][i], 5)))), el("div", {}, fact(`best ${workload.metric}`, number(t.best[i] ?? NaN, 5)))),
    data.curves[i] ? figure(`Validation ${workload.metric}; the other trials faint`, (width) => curveChart(everything, w, width, { only: i }), { wide: true }) : el("p", { class: "empty" }, "It left no trajectory."),
    rows.length ? [el("h3", {}, "Searched values"), table("Searched values", [head("name", true), head("value"), head("among its algorithm's trials", true), head("range", true)], rows)] : null,
    spent.length ? [el("h3", {}, "Seconds by phase"), table("Seconds by phase", [head("phase", true), head("seconds")], spent.map(([phase, seconds]) => el("tr", {}, el("th", { scope: "row" }, phase), cell(number(seconds, 4), "n"))))] : null,
    el("h3", {}, "Where it lies"), el("dl", { class: "provenance" }, fact("folder", el("code", {}, `${data.store}/${folder}`)), fact("rule", data.algorithms[a].rule || "–"), fact("commit", t.commits[t.commit[i]] || "–"), fact("hardware", t.hardwares[t.hardware[i]] || "–"), fact("started", t.started[i] || "–")));
}

// ---- filters ----

function filters() {
  const group = (title, kind, values, label) => el("fieldset", {}, el("legend", {}, title), values.map((value) => el("label", {},
    el("input", { type: "checkbox", checked: !state.off[kind].has(value), "data-kind": kind, value, onchange: (event) => { state.off[kind][event.target.checked ? "delete" : "add"](value); render(); } }), label(value))),
  values.length > 2 ? el("p", { class: "quick" }, ["all", "none"].map((which) => el("button", { type: "button", "aria-label": `${which} ${title.toLowerCase()}`, onclick: () => { state.off[kind] = new Set(which === "none" ? values : []); refill(); render(); } }, which))) : null);
  const range = (which, text) => el("label", {}, `${text} `, el("input", { type: "number", step: "any", id: which, value: state.range[which], oninput: (event) => { state.range[which] = event.target.value; later(); } }));
  return [
    el("fieldset", {}, el("legend", {}, "Times in"), choice("clock", "Clock", data.clocks.map((clock, c) => [c, clock.name, clock.refused]), state.clock, (value) => { state.clock = Number(value); render(); }),
      data.clocks.filter((clock) => clock.refused).map((clock) => el("details", { class: "refused" }, el("summary", {}, `why not ${clock.name}?`), el("p", {}, clock.refused)))),
    group("Algorithms", "a", all.a, (a) => el("span", {}, swatch(a), data.algorithms[a].name)),
    group("Workloads", "w", all.w, (w) => data.workloads[w].name),
    all.study.length > 1 ? group("Studies", "study", all.study, (study) => `study ${study}`) : null,
    keys.length ? el("fieldset", {}, el("legend", {}, "Hyperparameter"), choice("range", "Only where", [["", "any value"], ...keys.map((key) => [key, key])], state.range.key, (value) => { state.range.key = value; render(); }), range("low", "from"), range("high", "to")) : null,
    el("fieldset", {}, el("legend", {}, "Page"), choice("theme", "Theme", [["", "system"], ["light", "light"], ["dark", "dark"]], document.documentElement.dataset.theme ?? "", (value) => { if (value) document.documentElement.dataset.theme = value; else delete document.documentElement.dataset.theme; }),
      el("button", { type: "button", id: "reset", onclick: () => { Object.values(state.off).forEach((off) => off.clear()); state.range = { key: "", low: "", high: "" }; refill(); render(); } }, "reset filters")),
  ];
}
let waiting = 0;
function later() { clearTimeout(waiting); waiting = setTimeout(render, 150); }
const form = document.querySelector("#filters form");
function refill() { form.replaceChildren(...filters().filter(Boolean)); }

// ---- rendering and routes ----

let page;
function render(focus) {
  page = pageNow();
  watched.forEach((_, node) => watcher.unobserve(node));
  watched.clear();
  const trial = location.hash.match(/^#\/trial\/(.+)$/), i = trial ? byCell.get(trial[1]) : undefined;
  document.body.classList.toggle("one", Boolean(trial));
  if (trial) app.replaceChildren(i === undefined ? el("p", { class: "empty" }, `There is no trial ${trial[1]} in this report. `, el("a", { href: "#/" }, "The whole race")) : trialView(page, i));
  else if (!page.shown.length || !page.algorithms.length) app.replaceChildren(el("p", { class: "empty" }, "No trial is left. Widen the filters."));
  else app.replaceChildren(...sections(page), trialsSection(page));
  document.getElementById("counted").textContent = `${page.shown.length} of ${count} trials shown`;
  if (typeof focus === "string") document.getElementById(focus)?.focus();
}

let place = 0;
function route(event) {
  const before = event ? new URL(event.oldURL).hash : "";
  if (!/^#\/trial\//.test(before)) place = scrollY;
  const inPage = location.hash.match(/^#([a-z]+)$/);
  if (inPage && !document.body.classList.contains("one") && event) return document.getElementById(inPage[1])?.scrollIntoView();
  render();
  if (/^#\/trial\//.test(location.hash)) { scrollTo(0, 0); document.getElementById("trial")?.focus({ preventScroll: true }); }
  else if (/^#\/trials/.test(location.hash)) { document.getElementById("trials")?.scrollIntoView(); document.getElementById("trials")?.focus({ preventScroll: true }); }
  else if (inPage) document.getElementById(inPage[1])?.scrollIntoView();
  else if (event) scrollTo(0, place);
}
addEventListener("hashchange", route);

let wide = innerWidth;
addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; later(); } });

// The words of a mark, at the pointer or at the focus.
const tip = document.body.appendChild(el("div", { id: "tip", "aria-hidden": "true" }));
function say(owner, x, y) {
  tip.classList.toggle("on", Boolean(owner));
  if (!owner) return;
  tip.textContent = owner.dataset.tip ?? owner.getAttribute("aria-label");
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18}px`;
}
const mark = "figure a[aria-label], figure [data-tip]";
document.addEventListener("pointermove", (event) => say(event.target.closest?.(mark), event.clientX, event.clientY));
document.addEventListener("focusin", (event) => { const owner = event.target.closest?.(mark), box = owner?.getBoundingClientRect(); say(owner, box?.right, box?.top); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") say(null); });
document.addEventListener("pointerover", (event) => {
  const of = event.target.closest?.("[data-of]")?.dataset.of;
  if (of === undefined) delete document.body.dataset.of; else document.body.dataset.of = of;
  document.querySelectorAll(".series").forEach((group) => group.classList.toggle("dim", of !== undefined && !group.classList.contains(`of-${of}`)));
});

document.querySelector("#filters details").open = matchMedia("(min-width: 1080px)").matches;
refill();
route();
document.documentElement.dataset.ready = "1";
