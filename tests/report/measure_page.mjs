// measure_page.mjs BUILD PAGE.html: seconds from opening a report to its first complete view, the median of seven times.
//   build/release/tests/report/report_pages /tmp/pages 2000 && node tests/report/measure_page.mjs build/release /tmp/pages/large.html
import { resolve } from "node:path";
import { browser, open } from "./browser.mjs";

const [build, file] = process.argv.slice(2);
const { instance } = await browser(resolve(build, "tests/report/browser.json"));
const times = [];
for (let n = 0; n < 7; n++) {
  const page = await open(instance, resolve(file));
  await page.waitForSelector("html[data-ready]");
  times.push(await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now() / 1000))))));
  await page.context().close();
}
times.sort((a, b) => a - b);
console.log(`median ${times[3].toFixed(3)} s, least ${times[0].toFixed(3)} s, most ${times[6].toFixed(3)} s`);
await instance.close();
