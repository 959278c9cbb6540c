// page_test.mjs BROWSER.json REPORT_PAGES: the report's page as a reader meets it. Exits with 1 and the failures.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browser, open } from "./browser.mjs";

const [settings, pages] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "velo_report_"));
execFileSync(pages, [folder], { stdio: "inherit" });
const { instance, axe } = await browser(settings);
const failures = [];
let name = "";
const check = (truth, words) => { if (!truth) failures.push(`${name}: ${words}`); };
async function test(title, body) {
  name = title;
  const started = Date.now();
  try { await body(); } catch (error) { failures.push(`${title}: ${error.message.split("\n").slice(0, 3).join(" ")}`); }
  console.log(`${failures.some((f) => f.startsWith(title)) ? "FAILED" : "passed"}  ${title} (${Date.now() - started} ms)`);
}

const large = join(folder, "large.html"), race = join(folder, "race.html"), small = join(folder, "small.html"), plain = join(folder, "static.html");
const interactive = readFileSync(race, "utf8").includes('id="data"');
if (!interactive) console.log("the program was built without the plotting library: only the static page is tested");

/// Draws every figure, also those out of view, and gives each with a fingerprint of its picture.
const pictures = (page) => page.evaluate(async () => {
  watched.forEach((_, node) => draw(node));
  await new Promise(requestAnimationFrame);
  return Object.fromEntries([...document.querySelectorAll("figure")].map((figure) => [
    `${figure.closest("section").id}/${figure.querySelector("figcaption").textContent}`, figure.querySelector(".canvas").innerHTML.replace(/plot-clip-\d+/g, "")]));
});
const audit = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 160)}`);
};

if (interactive) {
  const page = await open(instance, race);
  await page.waitForSelector("html[data-ready]");

  await test("2,000 trials load in under a second of the processor", async () => {
    const fresh = await open(instance, large);
    const session = await fresh.context().newCDPSession(fresh);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await fresh.reload();
    await fresh.waitForSelector("html[data-ready]");
    const { metrics } = await session.send("Performance.getMetrics");
    const seconds = metrics.find((m) => m.name === "TaskDuration").value;
    console.log(`        ${seconds.toFixed(2)} s of the main thread, ${(statSync(large).size / 1e6).toFixed(2)} MB`);
    check(seconds < 1, `the main thread worked ${seconds} s`);
    await fresh.context().close();
  });

  await test("every filter changes every figure", async () => {
    const before = await pictures(page);
    check(Object.keys(before).length > 15, "figures are missing");
    const fill = (id, value) => page.locator(`#${id}`).fill(value);
    const filters = {
      algorithm: () => page.locator("#filters input[data-kind=a]").first().click(),
      workload: () => page.locator("#filters input[data-kind=w]").first().click(),
      study: () => page.locator("#filters input[data-kind=study]").first().click(),
      clock: () => page.locator("#clock").selectOption({ label: "steps" }),
      hyperparameter: async () => { await page.locator("#range").selectOption("learning_rate"); await fill("low", "0.002"); await fill("high", "0.01"); await page.waitForTimeout(300); },
    };
    for (const [filter, apply] of Object.entries(filters)) {
      await apply();
      const after = await pictures(page);
      // Another workload's own figures have nothing to do with one that is hidden, nor seconds by phase with the clock.
      const exempt = (figure) => (filter === "workload" && /\/workload_[1-9]/.test(figure)) || (filter === "clock" && figure.startsWith("phases"));
      const same = Object.keys(before).filter((figure) => after[figure] === before[figure] && !exempt(figure));
      check(!same.length, `${filter} leaves ${same.length} as they were: ${same.slice(0, 3).join(", ")}`);
      await page.locator("#reset").click();
      await page.locator("#clock").selectOption({ label: "example-gradients" });
    }
    const again = await pictures(page);
    check(Object.keys(before).every((figure) => before[figure] === again[figure]), "resetting does not bring the figures back");
  });

  await test("scores computed in the page are the program's", async () => {
    const [scores, low, high] = await page.evaluate(() => {
      const own = standings(data, everyTrial, all.a, all.w, state.clock, 1000);
      return ["scores", "low", "high"].map((key, n) => own[key].map((value, k) => value - data.board[["score", "low", "high"][n]][k]));
    });
    check(scores.every((d) => Math.abs(d) < 1e-7), `scores differ by ${scores}`);
    // Limits of 95 % from 1,000 resamples each: their standard error is about a fortieth of the width of the interval.
    check([...low, ...high].every((d) => Math.abs(d) < 0.02), `limits differ by ${low} and ${high}`);
  });

  await test("every number and every mark leads to trials that exist", async () => {
    const lost = await page.evaluate(async () => {
      watched.forEach((_, node) => draw(node));
      const routes = new Set([...document.querySelectorAll("#app a")].map((a) => a.getAttribute("href"))), wrong = [];
      for (const route of routes) {
        const trial = route.match(/^#\/trial\/(.+)$/), list = route.match(/^#\/trials\?(.+)$/);
        const query = list && new URLSearchParams(list[1]), column = { a: trialsOf.a, w: trialsOf.w, reached: trialsOf.reached };
        const there = trial ? byCell.has(trial[1]) : list ? everyTrial.some((i) => [...query].every(([key, value]) => column[key][i] === Number(value))) : false;
        if (!there && route !== "#/") wrong.push(route);
      }
      const bare = [...document.querySelectorAll("#leaderboard td, #times td")].filter((td) => /\d/.test(td.textContent) && !td.querySelector("a"));
      return { wrong, routes: routes.size, bare: bare.length };
    });
    check(lost.routes > 400, `only ${lost.routes} routes`);
    check(!lost.wrong.length, `${lost.wrong.length} routes lead nowhere: ${lost.wrong.slice(0, 3)}`);
    check(lost.bare === 0, `${lost.bare} numbers of the tables lead nowhere`);
    // The page answers a change of its address when the browser comes round to telling it.
    const shown = (locator) => locator.first().waitFor({ timeout: 5000 }).then(() => true, () => false);
    await page.locator("#times tbody td a").first().click();
    check(await shown(page.locator(".chosen", { hasText: /25 trials of algorithm_\d on workload_0/ })), "a number's trials are not listed");
    await page.locator("#trials tbody a").first().click();
    check(await shown(page.locator("#trial h2", { hasText: "on workload_0, study" })), "a trial has no page");
    await page.goBack();
    check(await shown(page.locator("#trials tbody tr:nth-child(25):last-child")), "going back loses the list");
    await page.goto(`file://${race}#/`);
  });

  await test("the keyboard reaches filters, figures and their marks", async () => {
    await page.evaluate(() => { watched.forEach((_, node) => draw(node)); document.querySelector(".skip").focus(); });
    const reached = new Set(), figures = await page.locator("figure:has(a)").count();
    for (let n = 0; n < 1500; n++) {
      await page.keyboard.press("Tab");
      const where = await page.evaluate(() => {
        const at = document.activeElement, figure = at?.closest("figure");
        return figure ? `figure ${[...document.querySelectorAll("figure")].indexOf(figure)}` : at?.dataset.kind ?? at?.id ?? "";
      });
      reached.add(where);
      if (where === "" && (await page.evaluate(() => document.activeElement === document.body))) break;
    }
    check(["a", "w", "study", "clock", "range", "theme", "reset", "every", "key"].every((id) => reached.has(id)), `Tab reaches only ${[...reached].filter((w) => !w.startsWith("figure"))}`);
    check([...reached].filter((where) => where.startsWith("figure")).length === figures, "Tab does not stop at every figure");
    const first = page.locator("#times figure a").first();
    await first.focus();
    await page.keyboard.press("ArrowRight");
    check(await page.evaluate(() => document.activeElement === document.querySelectorAll("#times figure a")[1]), "arrows do not go from mark to mark");
    const route = await page.evaluate(() => document.activeElement.getAttribute("href"));
    await page.keyboard.press("Enter");
    await page.waitForSelector("#trial");
    check(page.url().endsWith(route), "Enter does not open the trial");
    await page.goto(`file://${race}#/`);
  });

  for (const scheme of ["light", "dark"]) {
    await test(`axe finds nothing serious in ${scheme}`, async () => {
      const fresh = await open(instance, small, { colorScheme: scheme });
      await fresh.waitForSelector("html[data-ready]");
      check(!(await audit(fresh)).length, `small page: ${(await audit(fresh)).join("; ")}`);
      await fresh.context().close();
      await page.emulateMedia({ colorScheme: scheme });
      await page.evaluate(() => { all.w.slice(2).forEach((w) => state.off.w.add(w)); refill(); render(); watched.forEach((_, node) => draw(node)); });
      const whole = await audit(page);
      check(!whole.length, whole.join("; "));
      await page.evaluate(() => { location.hash = `#/trial/${trialsOf.cell[0]}`; });
      await page.waitForSelector("#trial");
      const one = await audit(page);
      check(!one.length, `trial: ${one.join("; ")}`);
      await page.goto(`file://${race}#/`);
    });
  }

  await test("nothing left and an unknown trial are said", async () => {
    await page.locator("#reset").click();
    await page.locator("button[aria-label='none algorithms']").click();
    check((await page.locator("#app").textContent()).includes("No trial is left"), "an empty selection is not said");
    await page.locator("#reset").click();
    await page.evaluate(() => { location.hash = "#/trial/none"; });
    await page.waitForFunction(() => document.getElementById("app").textContent.includes("There is no trial none"));
  });

  await test("no console error, no request", async () => check(!page.problems.length, page.problems.slice(0, 3).join("; ")));
}

await test("the static page needs no script", async () => {
  const page = await open(instance, plain, { javaScriptEnabled: false });
  check(await page.locator("svg.plot").count() > 5, "it has no figures");
  check((await page.locator("main").textContent()).includes("install npm"), "it does not say how to get interactive ones");
  check(!page.problems.length, page.problems.join("; "));
});

await instance.close();
rmSync(folder, { recursive: true });
failures.forEach((failure) => console.error(failure));
process.exit(failures.length ? 1 : 0);
