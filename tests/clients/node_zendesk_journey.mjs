// node-zendesk, unchanged but for `endpointUri`: the resources that are here, as scripts use them.
//
// Run by ./test; by hand: `npm ci`, then `BAILIWICK_BIN=path/to/bailiwick node node_zendesk_journey.mjs`.

import zendesk from "node-zendesk";

import { Failed, appOf, check, run, step, withDemo } from "./journey.mjs";

async function tokenOf(info) {
  const app = appOf(info, "zendesk", "confidential");
  const answer = await fetch(`${info.issuer}/oauth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      grant_type: "client_credentials", client_id: app.client_id, client_secret: app.client_secret, scope: "read write",
    }),
  });
  check(answer.status === 200, `no token: ${answer.status}`);
  return (await answer.json()).access_token;
}

async function refused(call, status) {
  try {
    await call;
  } catch (error) {
    check(`${error.statusCode} ${error}`.includes(status), String(error));
    return;
  }
  throw new Failed(`not refused with ${status}`);
}

function clientWith(info, credentials) {
  return zendesk.createClient({ endpointUri: `${info.url}/api/v2`, ...credentials });
}

async function signsIn(info, token) {
  const { admin } = info.people;
  const byToken = clientWith(info, { username: admin.email, token, oauth: true });
  const byKey = clientWith(info, { username: admin.email, token: admin.api_key });
  for (const client of [byToken, byKey]) {
    const { result } = await client.users.me();
    check(result.email === admin.email, JSON.stringify(result));
  }
  const wrong = clientWith(info, { username: admin.email, token: "nonsense", oauth: true });
  await refused(wrong.tickets.list(), 401);
  step("signs in with an OAuth token and with an API token, and is refused with a wrong one");
  return byToken;
}

async function tickets(client) {
  const { result: customer } = await client.users.create({ user: { name: "Nora Node", email: "nora@node.test" } });
  const { result: made } = await client.tickets.create({
    ticket: { subject: "From node", requester_id: customer.id, tags: ["node"], comment: { body: "It does not work." } },
  });
  const { result: changed } = await client.tickets.update(made.id, {
    ticket: { status: "pending", comment: { body: "Try again.", public: false } },
  });
  check(changed.status === "pending", JSON.stringify(changed));
  const { result: shown } = await client.tickets.show(made.id);
  check(shown.subject === "From node" && shown.requester_id === customer.id, JSON.stringify(shown));
  const comments = await client.tickets.getComments(made.id);
  check(comments.length === 2, `${comments.length} comments`);
  const exported = await client.tickets.exportAudit(made.id);
  const audits = await client.ticketaudits.list(made.id);
  check(exported.length === 2 && audits.length === 2, JSON.stringify(audits));
  check(audits[1].events.some((event) => event.type === "Change" && event.field_name === "status"), JSON.stringify(audits[1]));
  const { result: one } = await client.ticketaudits.show(made.id, audits[0].id);
  check(one.events.some((event) => event.type === "Comment"), JSON.stringify(one));
  const { result: newest } = await client.ticketaudits.listAll();
  check(newest.length > 20, `${newest.length} audits`);
  const all = await client.tickets.list();
  check(all.length > 20 && new Set(all.map((one) => one.id)).size === all.length, `${all.length} tickets`);
  const { result: job } = await client.tickets.createMany({
    tickets: [1, 2, 3].map((n) => ({ subject: `No ${n}`, comment: { body: "x" } })),
  });
  check((job.job_status ?? job).id, JSON.stringify(job));
  await client.tickets.delete(made.id);
  await refused(client.tickets.show(made.id), 404);
  step("opens, answers, lists and deletes tickets, reads their audits, and starts a bulk job");
  return customer;
}

async function people(client, customer) {
  const { result: changed } = await client.users.update(customer.id, { user: { phone: "+4930123456" } });
  check(changed.phone === "+4930123456", JSON.stringify(changed));
  const users = await client.users.list();
  check(users.some((user) => user.id === customer.id), "the customer is missing");
  const identities = await client.useridentities.list(customer.id);
  check(identities.length >= 1, JSON.stringify(identities));
  const { result: group } = await client.groups.create({ group: { name: "Node group" } });
  check((await client.groups.list()).some((one) => one.id === group.id), "the group is missing");
  await client.groups.delete(group.id);
  const { result: organization } = await client.organizations.create({ organization: { name: "Node Ltd" } });
  const { result: membership } = await client.organizationmemberships.create({
    user_id: customer.id, organization_id: organization.id,
  });
  check(membership.organization_id === organization.id, JSON.stringify(membership));
  const all = await client.organizations.list();
  check(all.some((one) => one.id === organization.id), "the organization is missing");
  await client.organizations.delete(organization.id);
  step("changes people, reads their identities, makes groups, organizations and memberships");
}

await run(() =>
  withDemo(async (info) => {
    const client = await signsIn(info, await tokenOf(info));
    await people(client, await tickets(client));
    console.log("the node-zendesk journey ended well");
  }),
);
