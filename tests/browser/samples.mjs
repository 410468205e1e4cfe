// Every page and state, with sample data, in both themes, wide and narrow: those too that no journey of run.mjs comes by.
//
// SAMPLES names the folder that `WEB_SAMPLES=folder cargo test --workspace --lib the_pages_can_be_written` wrote; look.mjs names the rest.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { LOOKS, launch, look } from "./look.mjs";

const TYPES = { css: "text/css", js: "text/javascript", svg: "image/svg+xml", html: "text/html; charset=utf-8" };
// It sends itself away as soon as a script runs, and is looked at in run.mjs.
const LEAVES = "form-post.html";

const folder = process.env.SAMPLES;
let browser, server, base;

before(async () => {
  assert.ok(folder, "SAMPLES must name the folder of the sample pages");
  browser = await launch();
  server = createServer((request, response) => {
    const path = request.url.split("?")[0].slice(1);
    try {
      const file = readFileSync(join(folder, path));
      response.setHeader("content-type", TYPES[path.split(".").pop()] ?? "application/octet-stream");
      response.end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Where the Tab key leads is seen: each of the first stops has an outline or a border of its own. */
async function focusIsSeen(page, name) {
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return true;
      const rings = [at, at.closest(".choice, .segments label"), at.nextElementSibling].filter(Boolean);
      return rings.some((it) => getComputedStyle(it).outlineStyle !== "none") || `${at.tagName} ${at.id} ${at.className}`;
    });
    assert.equal(seen, true, `${name}: the focus is seen`);
  }
}

test("every sample page is readable in both themes, wide and narrow, and shows where the focus is", async () => {
  const names = readdirSync(folder).filter((file) => file.endsWith(".html") && file !== LEAVES);
  assert.ok(50 < names.length, "the samples were written");
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const page = await context.newPage();
  const complaints = [];
  for (const file of names) {
    const name = file.replace(".html", "");
    await page.setViewportSize(LOOKS[0]);
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(`${base}/${file}`);
    // All that a theme changes is colour.
    for (const it of LOOKS) {
      await page.setViewportSize(it);
      await page.emulateMedia({ colorScheme: it.colorScheme });
      const rules = it.colorScheme === "dark" ? ["color-contrast"] : undefined;
      await look(page, `sample-${name}`, it, rules).catch((error) => complaints.push(error.message));
    }
    await page.setViewportSize(LOOKS[0]);
    await focusIsSeen(page, name).catch((error) => complaints.push(error.message));
  }
  await context.close();

  assert.deepEqual(complaints, []);
});

test("on a narrow screen the rooms open from a button, by keyboard and without a script", async (t) => {
  const context = await browser.newContext({ viewport: LOOKS[2], javaScriptEnabled: false });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${base}/keys.html`);
  const rooms = page.locator("#rooms");
  assert.equal(await rooms.isVisible(), false);

  await page.locator(".menu").focus();
  await page.keyboard.press("Enter");
  assert.equal(await rooms.isVisible(), true);
  await page.keyboard.press("Tab");
  const reached = await page.locator(":focus").getAttribute("href");
  await page.keyboard.press("Escape");

  assert.equal(reached, "/admin");
  assert.equal(await rooms.isVisible(), false);
});
