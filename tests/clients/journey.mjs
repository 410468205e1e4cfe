// What a client script needs besides its OAuth library: the demo, a browser made of forms, and steps that fail loudly.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// Nothing listens there: the browser stops before it. Any port is right for a loopback address (RFC 8252 section 7.3).
export const REDIRECT_URI = "http://127.0.0.1:49322/callback";

export class Failed extends Error {}

export function check(condition, otherwise) {
  if (!condition) throw new Failed(otherwise);
}

export function step(text) {
  console.log(`  ok  ${text}`);
}

/** Starts `bailiwick demo --json`, passes its JSON line on, and ends it. `BAILIWICK_BIN` names the binary. */
export async function withDemo(body) {
  const binary = process.env.BAILIWICK_BIN ?? "target/debug/bailiwick";
  const words = ["demo", "--json", "--listen", "127.0.0.1:0", "--tickets", "60"];
  const child = spawn(binary, words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve, reject) => {
    child.on("exit", resolve);
    child.on("error", reject);
  });
  try {
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([
      new Promise((resolve) => lines.once("line", resolve)),
      ended.then((code) => { throw new Failed(`${binary} ${words.join(" ")} ended with ${code} before its line`); }),
    ]);
    await body(JSON.parse(line));
  } finally {
    child.kill("SIGTERM");
    await ended.catch(() => undefined);
  }
}

export function appOf(info, dialect, type) {
  return info.apps.find((app) => app.dialect === dialect && app.type === type);
}

function unescapeHtml(text) {
  const names = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (hex || decimal) return String.fromCodePoint(parseInt(hex ?? decimal, hex ? 16 : 10));
    return names[name.toLowerCase()] ?? whole;
  });
}

function attributesOf(tag) {
  const attributes = {};
  for (const [, name, quoted, single, bare] of tag.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    attributes[name.toLowerCase()] = unescapeHtml(quoted ?? single ?? bare ?? "");
  }
  return attributes;
}

/** The forms of a page: where each goes, its fields, and its elements by id. Enough for our own pages, no HTML parser. */
function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => {
    const form = { action: "", method: "get", ...attributesOf(head), fields: [], elements: {} };
    for (const [, tag, rest] of inside.matchAll(/<(input|button)\b([^>]*)>/gi)) {
      const element = attributesOf(rest);
      const type = element.type ?? (tag.toLowerCase() === "button" ? "submit" : "text");
      if (element.id) form.elements[element.id] = element;
      const unchecked = (type === "checkbox" || type === "radio") && !("checked" in element);
      if (element.name && type !== "submit" && !unchecked) form.fields.push([element.name, element.value ?? ""]);
    }
    return form;
  });
}

/** A browser without JavaScript: cookies, redirects and forms, found by the ids of their elements. */
export class Browser {
  #cookies = new Map();

  async #send(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...options.headers, ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...options, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0\b/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return { url: String(url), status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  async #press(answer, buttonId, values) {
    const form = formsOf(answer.text).find((form) => buttonId in form.elements);
    check(form, `no form with the element ${buttonId}`);
    check(form.method.toLowerCase() === "post", `the form of ${buttonId} is sent by ${form.method}`);
    const body = new URLSearchParams(form.fields);
    for (const [id, value] of Object.entries(values)) body.set(form.elements[id].name, value);
    const button = form.elements[buttonId];
    if (button.name) body.append(button.name, button.value ?? "");
    const target = new URL(button.formaction ?? form.action, answer.url);
    // A browser names the page's origin on every form it posts.
    const headers = { origin: new URL(answer.url).origin, "sec-fetch-site": "same-origin" };
    return this.#send(target, { method: "POST", body, headers });
  }

  /** Opens a page as this person and presses a button of it. */
  async press(url, person, buttonId, values) {
    let answer = await this.#send(url);
    for (let hops = 0; hops < 8 && !answer.text.includes(`id="${buttonId}"`); hops += 1) {
      if (answer.status === 302 || answer.status === 303) {
        answer = await this.#send(new URL(answer.headers.get("location"), answer.url));
      } else {
        answer = await this.#press(answer, "login-submit", { "login-email": person.email, "login-password": person.password });
      }
    }
    answer = await this.#press(answer, buttonId, values);
    check(answer.status === 303, `${answer.status} after ${buttonId}`);
  }

  /** Goes from the authorization address to the app's redirect URI, which it gives back with its parameters. */
  async authorize(url, person, decision = "consent-allow") {
    let answer = await this.#send(url);
    for (let hops = 0; hops < 12; hops += 1) {
      if (answer.status === 302 || answer.status === 303) {
        const target = new URL(answer.headers.get("location"), answer.url);
        if (target.href.startsWith(REDIRECT_URI)) return target;
        answer = await this.#send(target);
        continue;
      }
      check(answer.status === 200, `${answer.status} at ${answer.url}`);
      if (answer.text.includes('id="login-submit"')) {
        const values = { "login-email": person.email, "login-password": person.password };
        answer = await this.#press(answer, "login-submit", values);
      } else if (answer.text.includes(`id="${decision}"`)) {
        answer = await this.#press(answer, decision, {});
      } else {
        throw new Failed(`neither sign-in nor consent at ${answer.url}`);
      }
    }
    throw new Failed("the browser was sent around without end");
  }
}

/** Runs a script's body; a failed step ends it with 1 and a line that says what was wrong. */
export async function run(body) {
  try {
    await body();
  } catch (error) {
    console.error("FAILED ", error instanceof Failed ? error.message : error);
    process.exitCode = 1;
  }
}
