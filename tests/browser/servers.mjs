// Starts the program for the tests, and ends it.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

const binary = process.env.BAILIWICK_BIN;

/** `bailiwick demo`: its JSON line, and `stop`. With `host`, it is reached by that name, as browsers want it for passkeys. */
export async function startDemo({ host } = {}) {
  const port = host ? await freePort() : 0;
  const named = host ? ["--public-url", `http://${host}:${port}`] : [];
  const { lines, stop } = start(["demo", "--json", "--listen", `127.0.0.1:${port}`, ...named, "--tickets", "20", "--seed", "1"]);
  for await (const line of lines) return { ...JSON.parse(line), stop };
  throw new Error("bailiwick demo ended before it was ready");
}

/** The product over an empty folder: the set-up link it prints, its address, and `stop`. */
export async function startFresh(folder) {
  const { lines, stop } = start(["--data", folder, "--listen", "127.0.0.1:0"]);
  for await (const line of lines) {
    const link = line.match(/https?:\/\/\S+\/setup\?token=\S+/)?.[0];
    if (link) return { link, url: new URL(link).origin, stop };
  }
  throw new Error("bailiwick ended without printing a set-up link");
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(args) {
  if (!binary) throw new Error("BAILIWICK_BIN must name the program, such as target/debug/bailiwick");
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  const stop = () => child.kill("SIGTERM");
  process.once("exit", stop);
  return { lines: createInterface({ input: child.stdout }), stop };
}
