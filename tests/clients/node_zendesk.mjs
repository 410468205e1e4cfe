// What the files of the node-zendesk journey share: clients, refusals, and records out of answers.

import zendesk from "node-zendesk";

import { Failed, check } from "./journey.mjs";

export function clientWith(info, credentials, folder = "") {
  return zendesk.createClient({ endpointUri: `${info.url}/api/v2${folder}`, ...credentials });
}

/** The record of an answer. Where the client does not know its name, it gives the whole body. */
export async function one(call, name) {
  const { result } = await call;
  return result?.[name] ?? result;
}

/** The rows of a list: the client gives pages whole where it does not know their name. */
export async function rows(call, name) {
  const answer = await call;
  const pages = [answer?.result ?? answer].flat();
  return pages.flatMap((page) => page?.[name] ?? page);
}

export function has(list, record, what) {
  check(list.some((row) => String(row.id) === String(record.id)), `${what}: ${record.id} is missing among ${list.length}`);
}

export function is(got, wanted, what) {
  check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

export async function refused(call, ...statuses) {
  try {
    await call;
  } catch (error) {
    check(statuses.some((status) => `${error.statusCode} ${error}`.includes(status)), String(error));
    return;
  }
  throw new Failed(`not refused with ${statuses.join(" or ")}`);
}

/** Waits for a bulk job, and gives what became of its rows. */
export async function done(client, answer) {
  const job = answer?.result?.job_status ?? answer?.job_status ?? answer?.result ?? answer;
  check(job?.id, `no job: ${JSON.stringify(answer)}`);
  const ended = await client.jobstatuses.watch(job.id, 100, 50);
  check(ended.status === "completed", JSON.stringify(ended));
  return ended.results ?? [];
}
