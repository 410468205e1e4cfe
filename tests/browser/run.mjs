// The pages in a real browser: keyboard only, without scripts, in both themes, wide and narrow.
//
// BAILIWICK_BIN names the program; look.mjs names the rest. samples.mjs looks at the pages that no journey here comes by.

import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { LOOKS, launch, look } from "./look.mjs";
import { startDemo, startFresh } from "./servers.mjs";

let browser, demo, app, callbacks;

before(async () => {
  browser = await launch();
  callbacks = await startCallbacks();
  demo = await startDemo();
  app = demo.apps.find((it) => it.dialect === "gorgias" && it.type === "confidential");
});

after(async () => {
  await browser?.close();
  callbacks?.server.close();
  demo?.stop();
});

// ---- what a person does

async function visitor(t, { width = 1440, height = 900, colorScheme = "light", scripts = true } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, javaScriptEnabled: scripts, reducedMotion: "reduce" });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A refused form is a page with status 4xx, which the browser notes by itself.
    const noted = message.text().startsWith("Failed to load resource") && message.location().url.split("?")[0] === page.url().split("?")[0];
    if (message.type() === "error" && !noted) complaints.push(`${page.url()}: ${message.text()}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, [], "the console is clean");
  });
  return page;
}

async function signIn(page, person) {
  await page.fill("#login-email", person.email);
  await page.fill("#login-password", person.password);
  await page.click("#login-submit");
}

function authorizeUrl(client, changes = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const params = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: `http://127.0.0.1:${callbacks.port}/callback`,
    scope: "openid email profile offline tickets:read tickets:write customers:read tags:read",
    state: randomBytes(8).toString("hex"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...changes,
  };
  return `${demo.url}/oauth/authorize?${new URLSearchParams(params)}`;
}

/** The app's side: notes what arrives. */
async function startCallbacks() {
  const seen = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const url = new URL(request.url, "http://127.0.0.1");
      if (url.pathname === "/callback") seen.push(Object.fromEntries(request.method === "POST" ? new URLSearchParams(body) : url.searchParams));
      response.setHeader("content-type", "text/html");
      response.end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>The app</title><h1>The app</h1>');
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, seen, port: server.address().port, last: () => seen[seen.length - 1] };
}

/** Presses Tab until the element has the focus, as someone without a mouse does. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 400; presses++) {
    if (await page.evaluate((it) => document.activeElement?.matches(it) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not reach ${selector}`);
}

// ---- what every page must be

async function atEachLook(page, name, looks = LOOKS) {
  for (const { width, height, colorScheme } of looks) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await look(page, name, { width, colorScheme });
  }
  await page.setViewportSize(LOOKS[0]);
  await page.emulateMedia({ colorScheme: "light" });
}

// ---- the tests

test("the set-up link makes the account and leads into the Admin Center", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-browser-"));
  const fresh = await startFresh(folder);
  t.after(() => {
    fresh.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const page = await visitor(t);

  await page.goto(fresh.link);
  await atEachLook(page, "set-up");
  await page.fill("#account", "Northwind Outfitters");
  await page.fill("#name", "Ada Winter");
  await page.fill("#email", "ada@northwind.example");
  await page.fill("#password", "northwind password");
  await page.click("#setup-submit");
  await page.waitForSelector("#password-problem");
  await atEachLook(page, "set-up-refused");
  await page.fill("#password", "seven calm grey herons");
  await page.click("#setup-submit");
  await page.waitForSelector("text=Your helpdesk is ready");
  await atEachLook(page, "home-first");
  await page.goto(`${fresh.url}/admin/apps`);
  await atEachLook(page, "apps-empty");
  await page.goto(fresh.link);
  assert.match(await page.textContent("h1"), /already set up/);
  await atEachLook(page, "set-up-used");
});

test("an app is registered with the keyboard alone", async (t) => {
  const page = await visitor(t);
  await page.goto(`${demo.url}/admin/apps`);
  await tabTo(page, "#login-email");
  await page.keyboard.type(demo.people.admin.email);
  await tabTo(page, "#login-password");
  await page.keyboard.type(demo.people.admin.password);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#register-app");

  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  await tabTo(page, "#register-app");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#app-submit");
  await tabTo(page, "#name");
  await page.keyboard.type("Keyboard Only");
  await tabTo(page, '[name="dialect"]');
  await page.keyboard.press("ArrowRight");
  await tabTo(page, "#redirect_uris");
  await page.keyboard.type("https://keyboard.example/cb");
  await tabTo(page, '.vocabulary[data-dialect="gorgias"] [value="tickets:read"]');
  await page.keyboard.press("Space");
  await tabTo(page, "#app-submit");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#new-secret");

  assert.match(await page.textContent("#new-secret"), /^bws_/);
  assert.match(await page.textContent(".top"), /Keyboard Only[^]*Gorgias dialect/);
  assert.match(page.url(), /\/admin\/apps\/\d+$/, "reloading does not register it again");
});

test("buttons copy, and choose the whole group, where scripts run", async (t) => {
  const page = await visitor(t);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: demo.url });
  await page.goto(`${demo.url}/admin`);
  await signIn(page, demo.people.admin);

  await page.click('[data-from="issuer"]');
  await page.waitForSelector('[data-from="issuer"] >> text=Copied');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto(`${demo.url}/admin/apps/new`);
  await page.check('[name="dialect"][value="zendesk"]');
  const group = page.locator('.vocabulary[data-dialect="zendesk"] [data-group]').first();
  await group.locator('[data-check="all"]').click();
  const checked = await group.locator("input:checked").count();
  await group.locator('[data-check="none"]').click();

  assert.equal(copied, demo.issuer);
  assert.ok(checked > 0);
  assert.equal(await group.locator("input:checked").count(), 0);
  assert.equal(await page.locator('.vocabulary[data-dialect="gorgias"]').isVisible(), false);
});

test("a person denies, allows, sees the app and withdraws", async (t) => {
  const page = await visitor(t);
  await page.goto(authorizeUrl(app, { state: "first" }));
  await signIn(page, demo.people.agent);
  await page.waitForSelector("#consent-allow");
  assert.notEqual(await page.evaluate(() => document.activeElement.id), "consent-allow", "Allow has no focus");
  await page.click("#consent-deny");
  await page.waitForURL(/\/callback/);
  const denied = callbacks.last();

  await page.goto(authorizeUrl(app, { state: "second" }));
  await page.click("#consent-allow");
  await page.waitForURL(/\/callback/);
  const allowed = callbacks.last();
  await page.goto(`${demo.url}/me/apps`);
  const row = page.locator("tbody tr", { hasText: app.name });
  const n_listed = await row.count();
  await row.locator(".confirm summary").click();
  await row.locator("form button").click();
  await page.waitForSelector("text=You have withdrawn");

  assert.equal(denied.error, "access_denied");
  assert.equal(denied.state, "first");
  assert.ok(allowed.code && allowed.iss === demo.issuer && allowed.state === "second");
  assert.equal(n_listed, 1);
  assert.equal(await row.count(), 0);
});

test("form_post sends itself, and has a button where no script runs", async (t) => {
  for (const scripts of [true, false]) {
    const page = await visitor(t, { scripts });
    await page.goto(authorizeUrl(app, { response_mode: "form_post", state: `form-${scripts}`, prompt: "consent" }));
    await signIn(page, demo.people.agent);
    await page.click("#consent-allow");
    if (!scripts) await page.click("#form-post button");
    await page.waitForURL(/\/callback/);

    assert.equal(callbacks.last().state, `form-${scripts}`);
    assert.ok(callbacks.last().code);
  }
});

test("everything works without scripts", async (t) => {
  const page = await visitor(t, { scripts: false });
  await page.goto(`${demo.url}/admin/apps/new`);
  await signIn(page, demo.people.admin);
  await page.fill("#name", "No Script");
  await page.check('[name="dialect"][value="gorgias"]');
  await page.check('[name="type"][value="public"]');
  await page.fill("#redirect_uris", "http://127.0.0.1/callback");
  for (const word of ["openid", "tickets:read", "tags:write"]) await page.check(`.vocabulary[data-dialect="gorgias"] [value="${word}"]`);
  await page.click("#app-submit");
  await page.waitForSelector("text=The app is registered.");
  const address = page.url().split("?")[0];
  const client_id = await page.textContent("#client-id");

  await page.goto(authorizeUrl({ client_id }, { scope: "openid tickets:read tags:write" }));
  await page.click("#consent-allow");
  await page.waitForURL(/\/callback/);
  assert.ok(callbacks.last().code);

  await page.goto(address);
  const row = page.locator("section", { hasText: "Who allowed it" }).locator("tbody tr");
  await row.locator("summary").click();
  await row.locator("form button").click();
  await page.waitForSelector("text=The access is revoked");
  await page.click("text=Delete");
  await page.click("#delete-confirm");
  await page.waitForSelector("text=The app is deleted");
  await page.goto(`${demo.url}/logout`);
  await page.click("#logout-confirm");
  await page.waitForSelector("text=You are signed out.");
});

/** The six digits that an app shows for this secret (RFC 6238), `steps` of 30 seconds from now. */
function codeOf(secret, steps = 0) {
  const bits = [...secret.replaceAll(" ", "")].map((it) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const tag = createHmac("sha1", key).update(counter).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

test("a person sets up codes and a passkey, signs in with each, and chooses a new password by mail", async (t) => {
  const own = await startDemo({ host: "localhost" });
  t.after(() => own.stop());
  const page = await visitor(t);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: false },
  });
  // The sign-in page asks for passkeys by itself: a person who is always there would be signed in before they typed a word.
  const isThere = (enabled) => devtools.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });

  await page.goto(`${own.url}/me/security`);
  await atEachLook(page, "sign-in-passkey");
  await signIn(page, own.people.agent);
  await page.waitForSelector("#totp-new");
  await atEachLook(page, "security");
  await page.click("#totp-new");
  const secret = await page.textContent("#totp-secret");
  await atEachLook(page, "codes-set-up");
  await page.fill("#code", "000000");
  await page.click("#totp-confirm");
  await page.waitForSelector("#code-problem");
  await atEachLook(page, "codes-set-up-refused");
  await page.fill("#code", codeOf(secret));
  await page.click("#totp-confirm");
  await page.waitForSelector("#recovery-codes");
  await atEachLook(page, "recovery-codes");
  const recovery = await page.locator("#recovery-codes code").allTextContents();
  await page.click("#recovery-done");

  await page.click("#passkey-new");
  await page.waitForSelector("#passkey-start:visible");
  await atEachLook(page, "passkey-new");
  await page.fill("#name", "Virtual key");
  await isThere(true);
  await page.click("#passkey-start");
  await page.waitForSelector("text=The passkey is added.");
  await isThere(false);
  await atEachLook(page, "security-full");
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");

  await page.click("#login-passkey");
  await page.waitForSelector("#passkey-start:visible");
  await atEachLook(page, "passkey-asked");
  await isThere(true);
  await page.click("#passkey-start");
  await page.waitForSelector("h1:has-text('Apps you allowed')");
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");
  // The field of the address offers the passkey, and taking it is all there is to do.
  await page.waitForSelector("h1:has-text('Apps you allowed')");
  await isThere(false);
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");

  await signIn(page, own.people.agent);
  await page.waitForSelector("#factor-code");
  await atEachLook(page, "second-factor");
  await page.fill("#factor-code", codeOf(secret, 1));
  await page.click("#factor-submit");
  await page.waitForSelector("h1:has-text('Apps you allowed')");
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");

  await page.click("#login-forgot");
  await atEachLook(page, "forgot");
  await page.fill("#address-email", own.people.agent.email);
  await page.click("#address-submit");
  await page.waitForSelector("text=Look into your mailbox");
  await atEachLook(page, "forgot-asked");
  await page.waitForTimeout(500);
  await page.goto(`${own.url}/demo/mail`);
  for (let tries = 0; tries < 20 && !(await page.locator('a[href*="/reset?token="]').count()); tries++) {
    await page.waitForTimeout(250);
    await page.reload();
  }
  await atEachLook(page, "demo-mail");
  await page.locator('a[href*="/reset?token="]').first().click();
  await atEachLook(page, "reset");
  await page.fill("#password", "seven calm grey herons");
  await page.click("#reset-submit");
  await page.waitForSelector("text=Your new password is set.");
  await signIn(page, { email: own.people.agent.email, password: "seven calm grey herons" });
  await page.fill("#factor-code", recovery[0]);
  await page.click("#factor-submit");
  await page.waitForSelector("h1:has-text('Apps you allowed')");
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");

  await signIn(page, own.people.admin);
  await page.goto(`${own.url}/admin/people`);
  await atEachLook(page, "people");
  await page.locator("tbody summary").first().click();
  await atEachLook(page, "people-help");
  await page.check("#customers_sign_in");
  await page.check("#customers_sign_up");
  await page.check("#staff_second_factor");
  await page.click("#people-submit");
  await page.waitForSelector("#factor-needed");
  await atEachLook(page, "security-needed");
  await page.goto(`${own.url}/logout`);
  await page.click("#logout-confirm");
  await page.click("#login-sign-up");
  await atEachLook(page, "sign-up");
});

test("a stranger registers an app, installs it, sees what it uses, shrinks it and revokes it, by keyboard", async (t) => {
  const page = await visitor(t);
  const press = async (selector) => {
    await tabTo(page, selector);
    await page.keyboard.press("Enter");
  };
  await page.goto(`${demo.url}/admin/apps/new`);
  await signIn(page, demo.people.admin);
  await page.waitForSelector("#app-submit");
  await tabTo(page, "#name");
  await page.keyboard.type("Stranger's App");
  await tabTo(page, '[name="dialect"]');
  await page.keyboard.press("ArrowRight");
  await tabTo(page, "#redirect_uris");
  await page.keyboard.type("http://127.0.0.1/callback");
  for (const word of ["tickets:read", "tickets:write", "tags:read"]) {
    await tabTo(page, `.vocabulary[data-dialect="gorgias"] [value="${word}"]`);
    await page.keyboard.press("Space");
  }
  await press("#app-submit");
  await page.waitForSelector("#new-secret");
  const address = page.url();
  const secret = await page.textContent("#new-secret");
  const client_id = await page.textContent("#client-id");

  const verifier = randomBytes(32).toString("base64url");
  const code_challenge = createHash("sha256").update(verifier).digest("base64url");
  await page.goto(authorizeUrl({ client_id }, { scope: "tickets:read tickets:write tags:read", code_challenge }));
  await page.waitForSelector("#consent-allow");
  assert.match(await page.textContent(".asks"), /20 tickets today/);
  await tabTo(page, '[name="lasting"]:checked');
  await page.keyboard.press("ArrowLeft");
  await atEachLook(page, "consent-choices");
  await press("#consent-allow");
  await page.waitForURL(/\/callback/);
  const answer = await fetch(`${demo.url}/oauth/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client_id}:${secret}`)}` },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: callbacks.last().code,
      redirect_uri: `http://127.0.0.1:${callbacks.port}/callback`,
      code_verifier: verifier,
    }),
  });
  const headers = { authorization: `Bearer ${(await answer.json()).access_token}` };
  assert.equal((await fetch(`${demo.url}/api/tickets`, { headers })).status, 200);
  assert.equal((await fetch(`${demo.url}/api/customers`, { headers })).status, 403);

  await page.goto(address);
  for (let looks = 0; looks < 20; looks++) {
    // What was used is written a moment later.
    await page.goto(`${address}/usage`);
    if (await page.locator("#shrink-apply").count()) break;
    await page.waitForTimeout(500);
  }
  await atEachLook(page, "app-usage");
  await press("#shrink-apply");
  await page.waitForSelector("text=The app may now do just what it uses.");
  assert.equal((await fetch(`${demo.url}/api/tags`, { headers })).status, 403);
  assert.equal((await fetch(`${demo.url}/api/tickets`, { headers })).status, 200);

  await page.goto(address);
  assert.match(await page.textContent("section:has(#grants) tbody"), /No longer: tickets:write, tags:read/);
  await press("section:has(#grants) tbody summary");
  await press("section:has(#grants) tbody form button");
  await page.waitForSelector("text=The access is revoked");
  assert.equal((await fetch(`${demo.url}/api/tickets`, { headers })).status, 401);
  await press("#app-history");
  await page.waitForSelector("text=withdrew what Stranger");
  await page.locator(".log summary").first().click();
  await atEachLook(page, "audit");
  await page.goto(`${demo.url}/admin/audit?person=nobody@demo.test`);
  await atEachLook(page, "audit-refused");
  await page.goto(`${demo.url}/admin/api-keys`);
  await atEachLook(page, "api-keys");
  await page.goto(`${demo.url}/admin/app-rules`);
  await atEachLook(page, "app-rules");
});

test("every page is readable in both themes, wide and narrow", async (t) => {
  const page = await visitor(t);
  await page.goto(authorizeUrl(app, { prompt: "consent" }));
  await atEachLook(page, "sign-in");
  await signIn(page, { email: demo.people.admin.email, password: "wrong" });
  await page.waitForSelector("#login-problem");
  await atEachLook(page, "sign-in-refused");
  await signIn(page, demo.people.admin);
  await page.waitForSelector("#consent-allow");
  await atEachLook(page, "consent");
  await page.click("#consent-allow");
  await page.waitForURL(/\/callback/);
  await page.goto(authorizeUrl(app, { scope: "openid write:all events:read", prompt: "consent" }));
  await atEachLook(page, "consent-more");
  await page.goto(`${demo.url}/oauth/authorize?client_id=unknown`);
  await atEachLook(page, "authorization-error");

  await page.goto(`${demo.url}/admin`);
  await atEachLook(page, "home");
  await page.goto(`${demo.url}/admin/apps`);
  await atEachLook(page, "apps");
  await page.click(`a:has-text("${app.name}")`);
  await page.waitForSelector("#client-id");
  const address = page.url();
  await atEachLook(page, "app");
  await page.locator("section", { hasText: "Who allowed it" }).locator("summary").first().click();
  await atEachLook(page, "app-revoke");
  await page.goto(`${address}/edit`);
  await atEachLook(page, "app-edit");
  await page.goto(`${address}/delete`);
  await atEachLook(page, "app-delete");
  await page.goto(`${demo.url}/admin/apps/new`);
  await atEachLook(page, "app-new");
  await page.fill("#redirect_uris", "http://parcels.example/cb");
  await page.click("#app-submit");
  await page.waitForSelector("#redirect_uris-problem");
  await atEachLook(page, "app-new-refused");
  await page.fill("#name", "Parcel Mirror");
  await page.fill("#redirect_uris", "https://parcels.example/cb");
  await page.check('.vocabulary[data-dialect="standard"] [value="tickets:read"]');
  await page.click("#app-submit");
  await page.waitForSelector("#new-secret");
  await atEachLook(page, "app-secret");
  await page.goto(`${demo.url}/me/apps`);
  await atEachLook(page, "my-apps");
  await page.goto(`${demo.url}/nothing-here`);
  await atEachLook(page, "not-found");
  await page.goto(`${demo.url}/logout`);
  await atEachLook(page, "sign-out");
});

test("every room of the navigation is readable over a helpdesk that is in use", async (t) => {
  const page = await visitor(t);
  await page.goto(`${demo.url}/admin`);
  await signIn(page, demo.people.admin);
  await page.waitForSelector("#rooms");
  const rooms = await page.locator("#rooms a").evaluateAll((links) => links.map((it) => it.getAttribute("href")));
  assert.ok(20 < rooms.length, "an administrator sees every room");
  for (const room of rooms) {
    await page.goto(`${demo.url}${room}`);
    assert.equal(await page.locator("#rooms [aria-current]").getAttribute("href"), room, `${room} is marked in the navigation`);
    await atEachLook(page, `room${room.replaceAll("/", "-")}`);
  }
});
