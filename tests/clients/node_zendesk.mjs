// What the files of the node-zendesk journey share: clients, refusals, and records out of answers.

import zendesk from "node-zendesk";

import { Browser, Failed, REDIRECT_URI, appOf, check } from "./journey.mjs";

export function clientWith(info, credentials, folder = "") {
  return zendesk.createClient({ endpointUri: `${info.url}/api/v2${folder}`, throwOriginalException: true, ...credentials });
}

/** An access token: of a person who consents in a browser, or of the app for itself. */
export async function tokenOf(info, person) {
  const { client_id, client_secret } = appOf(info, "zendesk", "confidential");
  const [scope, app] = ["read write", { client_id, client_secret }];
  let grant = { grant_type: "client_credentials" };
  if (person) {
    const asked = new URLSearchParams({ response_type: "code", client_id, redirect_uri: REDIRECT_URI, scope, state: "x" });
    const back = await new Browser().authorize(`${info.issuer}/oauth/authorizations/new?${asked}`, person);
    grant = { grant_type: "authorization_code", code: back.searchParams.get("code"), redirect_uri: REDIRECT_URI };
  }
  const answer = await fetch(`${info.issuer}/oauth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...grant, ...app, scope }),
  });
  check(answer.status === 200, `no token: ${answer.status}`);
  return (await answer.json()).access_token;
}

/** The record of an answer. Where the client does not know its name, it gives the whole body; a record may have a text of that name in it. */
export async function one(call, name) {
  const { result } = await call;
  const inner = result?.[name];
  return typeof inner === "string" ? result : (inner ?? result);
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
  const ended = await client.jobstatuses.watch(job.id, 100, 50).catch((error) => { throw new Failed(`${error} for the job ${JSON.stringify(job)}`); });
  check(ended.status === "completed", JSON.stringify(ended));
  return ended.results ?? [];
}
