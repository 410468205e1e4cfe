// node-zendesk, unchanged but for `endpointUri`, goes through every resource of its that is here.
//
// Not here, and so not asked: targets, sharing agreements, side conversations, app installations, Jira links, Talk, community posts and
// topics, access policies of sections. Some calls of this version cannot work against anybody's server: `views.delete` and
// `triggers.bulkDelete` call themselves, `activitystream.list`, `locales.detectBestLocale` and `webhooks.test` ask for addresses that there
// are not.
//
// Run by ./test; by hand: `npm ci`, then `BAILIWICK_BIN=path/to/bailiwick node node_zendesk_journey.mjs`.

import { check, run, step, withDemo } from "./journey.mjs";
import { clientWith, one, refused, tokenOf } from "./node_zendesk.mjs";
import { helpCenter } from "./node_zendesk_help_center.mjs";
import { people } from "./node_zendesk_people.mjs";
import { rules } from "./node_zendesk_rules.mjs";
import { more, tickets } from "./node_zendesk_tickets.mjs";

async function signsIn(info, token) {
  const { admin } = info.people;
  const byToken = { username: admin.email, token, oauth: true };
  for (const credentials of [byToken, { username: admin.email, token: admin.api_key }]) {
    const me = await one(clientWith(info, credentials).users.me(), "user");
    check(me.email === admin.email, JSON.stringify(me));
  }
  await refused(clientWith(info, { username: admin.email, token: "nonsense", oauth: true }).tickets.list(), 401);
  step("signs in with an OAuth token and with an API token, and is refused with a wrong one");
  return [clientWith(info, byToken), clientWith(info, byToken, "/help_center")];
}

await run(() =>
  withDemo(async (info) => {
    const [client, readers] = await signsIn(info, await tokenOf(info));
    const opened = await tickets(client);
    await people(client, opened.customer);
    await rules(client, opened.ticket);
    await helpCenter(readers, await one(client.users.me(), "user"));
    await more(client, info, opened);
    console.log("the node-zendesk journey ended well");
  }),
);
