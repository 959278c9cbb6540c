// A headless Chromium, from the browser.json that CMake wrote.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export async function browser(file) {
  const { chromium: path, playwright, axe } = JSON.parse(readFileSync(file, "utf8"));
  const { chromium } = require(playwright);
  // Chromium's own sandbox needs rights that containers and root lack; the pages are ours.
  const instance = await chromium.launch({ executablePath: path, args: ["--no-sandbox"] });
  return { instance, axe: readFileSync(`${axe}/axe.min.js`, "utf8") };
}

/// Opens a page offline and gathers what goes wrong in it.
export async function open(instance, file, options = {}) {
  const context = await instance.newContext({ viewport: { width: 1400, height: 900 }, offline: true, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) page.problems.push(message.text()); });
  page.on("pageerror", (error) => page.problems.push(error.message));
  page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) page.problems.push(`asks for ${request.url()}`); });
  await page.goto(`file://${file}`);
  return page;
}
