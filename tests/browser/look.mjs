// Looks at a page as people with different screens and needs do: pictures, axe, and what axe does not see.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { walk } from "./keyboard.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = fileURLToPath(new URL("../out/screens", import.meta.url));
mkdirSync(folder, { recursive: true });

const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Rules that ask for colours: the others find the same in every scheme. */
const OF_COLOURS = ["color-contrast", "link-in-text-block"];

async function check(page, name, runOnly) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly, resultTypes: ["violations"] }), runOnly);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, [], name);
}

/**
 * Pictures in light, dark and 320 pixels (`tests/out/screens/<name>-….png`), and everything that must hold in each.
 * The product's pages also keep what axe calls best practice; the demo's need not.
 */
export async function look(page, name, { isDemo = false } = {}) {
  const tags = isDemo ? WCAG : [...WCAG, "best-practice"];
  const picture = (kind, more = {}) => page.screenshot({ path: join(folder, `${name}-${kind}.png`), ...more });
  const size = page.viewportSize();
  assert.ok(await page.locator("html").getAttribute("lang"), `${name}: no language`);
  // Asked again when a page is just being left.
  await page.waitForFunction(() => document.title !== "");
  assert.equal(await page.locator("h1:visible").count(), 1, `${name}: not one h1`);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await picture(colorScheme, { fullPage: true });
    await check(page, `${name}, ${colorScheme}`, colorScheme === "light" ? { type: "tag", values: tags } : { type: "rule", values: OF_COLOURS });
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 320, height: 640 });
  await picture("320", { fullPage: true });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 320, `${name}: ${width} pixels wide on a screen of 320`);
  await page.setViewportSize({ width: 2560, height: 1440 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 2560, `${name}: ${wide} pixels wide on a screen of 2560`);
  await page.setViewportSize(size);
  if (!isDemo) await walk(page, name);
}
