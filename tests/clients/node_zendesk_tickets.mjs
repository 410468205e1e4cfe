// node-zendesk: tickets and all that is about them.

import { Readable } from "node:stream";

import { Browser, check, step } from "./journey.mjs";
import { clientWith, done, has, is, one, refused, rows, tokenOf } from "./node_zendesk.mjs";

const since = () => Math.floor(Date.now() / 1000) - 3600;

/** Opens the ticket that the other files need, and gives it with its customer. */
export async function tickets(client) {
  const customer = await one(client.users.create({ user: { name: "Nora Node", email: "nora@node.test" } }), "user");
  const made = await one(client.tickets.create({
    ticket: { subject: "From node", requester_id: customer.id, tags: ["node"], comment: { body: "It does not work." } },
  }), "ticket");
  const changed = await one(client.tickets.update(made.id, {
    ticket: { status: "pending", comment: { body: "Try again.", public: false } },
  }), "ticket");
  is(changed.status, "pending", "the status");
  const shown = await one(client.tickets.show(made.id), "ticket");
  is([shown.subject, shown.requester_id], ["From node", customer.id], "a ticket");
  has(await one(client.tickets.showMany([made.id]), "tickets"), made, "tickets by id");
  is((await client.tickets.getComments(made.id)).length, 2, "comments");
  const all = await client.tickets.list();
  check(all.length > 20 && new Set(all.map((row) => row.id)).size === all.length, `${all.length} tickets`);
  has(all, made, "tickets");
  is((await client.tickets.listWithFilter("external_id", "none-such")).length, 0, "tickets of a foreign id");
  has(await client.tickets.listByUserRequested(customer.id), made, "tickets of a customer");
  has(await client.requests.listByUser(customer.id), made, "requests of a customer");
  for (const list of [client.tickets.listByUserCCD(customer.id), client.tickets.listRecent(), client.tickets.listCollaborators(made.id), client.tickets.listIncidents(made.id)]) {
    check(Array.isArray(await list), "no list");
  }
  const me = await one(client.users.me(), "user");
  await client.tickets.update(made.id, { ticket: { assignee_id: me.id } });
  has(await client.tickets.listAssigned(me.id), made, "tickets assigned");
  await client.tickets.addTags(made.id, { tags: ["more"] });
  await client.tickets.updateTags(made.id, { tags: ["only", "these"] });
  is((await one(client.tickets.show(made.id), "ticket")).tags.sort(), ["only", "these"], "tags");
  check((await client.tags.list()).some((tag) => tag.name === "only"), "a tag is missing");
  step("tickets: opens, answers, lists, assigns and tags them");
  return { customer, ticket: made };
}

export async function more(client, info, { customer, ticket }) {
  await manyAtOnce(client, customer);
  await audits(client, ticket);
  await exportsAndImports(client, ticket);
  await fields(client);
  await files(client, ticket);
  await searches(client, ticket);
  await requests(client, info);
  await client.tickets.delete(ticket.id);
  await refused(client.tickets.show(ticket.id), 404);
  step("tickets: deletes one");
}

async function manyAtOnce(client, customer) {
  const made = await done(client, await client.tickets.createMany({
    tickets: [1, 2, 3].map((n) => ({ subject: `No ${n}`, requester_id: customer.id, comment: { body: "x" } })),
  }));
  const ids = made.map((row) => row.id);
  await done(client, await client.tickets.updateMany(ids, { ticket: { priority: "high" } }));
  is((await one(client.tickets.show(ids[0]), "ticket")).priority, "high", "a priority");
  await done(client, await client.tickets.merge(ids[0], { ids: [ids[1]], target_comment: "Joined", source_comment: "Goes on there" }));
  await done(client, await client.tickets.deleteMany([ids[2]]));
  await refused(client.tickets.show(ids[2]), 404);
  const known = await rows(client.jobstatuses.list(), "job_statuses");
  check(known.length >= 3, `${known.length} jobs`);
  is((await one(client.jobstatuses.showMany(known.slice(0, 2).map((job) => job.id)), "job_statuses")).length, 2, "jobs by id");
  step("tickets: makes, changes, joins and deletes many at once, and follows the jobs");
}

async function audits(client, ticket) {
  const own = await client.ticketaudits.list(ticket.id);
  check(own[1].events.some((event) => event.type === "Change" && event.field_name === "status"), JSON.stringify(own[1]));
  is((await client.tickets.exportAudit(ticket.id)).length, own.length, "audits");
  const first = await one(client.ticketaudits.show(ticket.id, own[0].id), "audit");
  check(first.events.some((event) => event.type === "Comment"), JSON.stringify(first));
  check((await one(client.ticketaudits.count(ticket.id), "count")).value === own.length, "audits are miscounted");
  await client.ticketaudits.makePrivate(ticket.id, own[0].id);
  is((await client.tickets.getComments(ticket.id))[0].public, false, "whether the comment is public");
  check((await rows(client.ticketaudits.listAll(), "audits")).length > 20, "hardly any audits");
  const metric = await one(client.ticketmetrics.list(ticket.id), "ticket_metric");
  is((await one(client.tickets.listMetrics(ticket.id), "ticket_metric")).id, metric.id, "metrics of a ticket");
  is((await one(client.ticketmetrics.show(metric.id), "ticket_metric")).ticket_id, ticket.id, "metrics by their number");
  check((await client.ticketmetrics.listAll()).length > 20, "hardly any metrics");
  await client.activitystream.count();
  step("tickets: reads their audits and metrics");
}

async function exportsAndImports(client, ticket) {
  // What is newer than a minute comes later.
  check((await rows(client.ticketexport.export(since() - 40 * 86_400), "tickets")).length > 20, "hardly any tickets are exported");
  await client.ticketexport.exportWithUser(since());
  await client.ticketexport.exportWithInclude(since(), "users");
  const page = (await client.ticketexport.exportCursor(since(), "")).result;
  check(page.end_of_stream !== undefined, JSON.stringify(Object.keys(page)));
  await client.ticketexport.exportAudit(ticket.id);
  await client.tickets.incremental(since());
  await client.tickets.incrementalInclude(since(), "users,groups");
  await client.tickets.incrementalSample(since());
  await client.ticketevents.incremental(since());
  await client.ticketevents.incrementalInclude(since(), "comment_events");
  await client.ticketevents.incrementalSample(since());
  const past = { subject: "From before", comments: [{ value: "Long ago", created_at: "2020-01-01T00:00:00Z" }], created_at: "2020-01-01T00:00:00Z" };
  const imported = await one(client.ticketimport.import({ ticket: past }), "ticket");
  is(imported.created_at, "2020-01-01T00:00:00Z", "when it was opened");
  await client.ticketimport.exportAudit(imported.id);
  is((await done(client, await client.ticketimport.bulkImport([past]))).length, 1, "tickets imported");
  await one(client.imports.ticket({ ticket: past }), "ticket");
  await client.imports.ticketMany({ tickets: [past] });
  step("tickets: exports and imports them");
}

async function fields(client) {
  const field = { type: "tagger", title: "Node kind", custom_field_options: [{ name: "Round", value: "node_round" }] };
  const kind = await one(client.ticketfields.create({ ticket_field: field }), "ticket_field");
  has(await client.ticketfields.list(), kind, "ticket fields");
  await client.ticketfields.listWithLocale("en-us");
  is((await one(client.ticketfields.show(kind.id), "ticket_field")).title, "Node kind", "a ticket field");
  is((await one(client.ticketfields.update(kind.id, { ticket_field: { title: "Node sort" } }), "ticket_field")).title, "Node sort", "a title");
  check((await one(client.ticketfields.count(), "count")).value > 0, "no fields are counted");
  const option = await one(client.ticketfields.createOrUpdateOption(kind.id, { custom_field_option: { name: "Flat", value: "node_flat" } }), "custom_field_option");
  has(await rows(client.ticketfields.listOptions(kind.id), "custom_field_options"), option, "choices");
  is((await one(client.ticketfields.showOption(kind.id, option.id), "custom_field_option")).value, "node_flat", "a choice");
  await client.ticketfields.deleteOption(kind.id, option.id);
  const form = await one(client.ticketforms.create({ ticket_form: { name: "Node form", ticket_field_ids: [kind.id] } }), "ticket_form");
  has(await client.ticketforms.list(), form, "ticket forms");
  has(await client.ticketforms.list({ active: true }), form, "active ticket forms");
  is((await one(client.ticketforms.show(form.id), "ticket_form")).name, "Node form", "a form");
  is((await one(client.ticketforms.update(form.id, { ticket_form: { name: "Node sheet" } }), "ticket_form")).name, "Node sheet", "a name");
  const twin = await one(client.ticketforms.clone(form.id, true), "ticket_form");
  await client.ticketforms.reorder((await client.ticketforms.list()).map((row) => row.id).reverse());
  for (const made of [twin, form]) await client.ticketforms.delete(made.id);
  await client.ticketfields.delete(kind.id);
  await refused(client.ticketfields.show(kind.id), 404);
  step("ticket fields and forms: makes, changes, copies, orders and removes them");
}

async function files(client, ticket) {
  const file = () => Readable.from([Buffer.from("two\nlines")]);
  const { upload } = await client.attachments.upload(file(), { filename: "a.txt", binary: true });
  await client.tickets.update(ticket.id, { ticket: { comment: { body: "See the file", uploads: [upload.token] } } });
  const comment = (await client.tickets.getComments(ticket.id)).at(-1);
  is(comment.attachments.map((row) => row.file_name), ["a.txt"], "files");
  is((await one(client.attachments.show(comment.attachments[0].id), "attachment")).size, 9, "a size");
  await client.attachments.updateAttachmentForMalware(comment.attachments[0].id, true);
  const other = (await client.attachments.upload(file(), { filename: "b.txt", binary: true })).upload;
  await client.attachments.deleteUpload(other.token);
  step("attachments: sends them, shows them and takes one back");
}

async function searches(client, ticket) {
  has(await one(client.search.query("type:ticket \"from node\""), "results"), ticket, "tickets found");
  has(await client.search.queryAll("type:ticket subject:node -status:closed order_by:status sort:asc"), ticket, "all found");
  check((await one(client.search.showResultsCount("type:ticket"), "count")) > 20, "too few are counted");
  has(await client.search.exportResults("tags:only", "ticket"), ticket, "results exported");
  has(await client.search.exportResults("name:nora", "user", 10), { id: ticket.requester_id }, "people exported");
  step("search: finds, counts and exports");
}

async function requests(client, info) {
  const { admin, customer } = info.people;
  await new Browser().press(`${info.url}/admin/people`, admin, "people-submit", { customers_sign_in: "1" });
  const asCustomer = clientWith(info, { username: customer.email, token: await tokenOf(info, customer), oauth: true });
  const asked = await one(asCustomer.requests.create({ request: { subject: "Node asks", comment: { body: "Where is it?" } } }), "request");
  await asCustomer.requests.update(asked.id, { request: { comment: { body: "Still nothing." } } });
  is((await one(asCustomer.requests.show(asked.id), "request")).subject, "Node asks", "a request");
  is((await one(asCustomer.requests.getRequest(asked.id), "request")).id, asked.id, "a request by its other name");
  for (const list of ["list", "listOpen"]) has(await asCustomer.requests[list](), asked, `requests: ${list}`);
  for (const list of ["listSolved", "listCCD"]) check(Array.isArray(await asCustomer.requests[list]()), list);
  has(await one(asCustomer.requests.search({ query: "node" }), "requests"), asked, "requests found");
  const comments = await rows(asCustomer.requests.listComments(asked.id), "comments");
  is(comments.length, 2, "comments of a request");
  const comment = (await rows(asCustomer.requests.getComment(asked.id, comments[0].id), "comment"))[0];
  is(comment.id, comments[0].id, "a comment of a request");
  await refused(asCustomer.tickets.list(), 403);
  await client.tickets.update(asked.id, { ticket: { status: "solved", comment: { body: "Here it is." } } });
  const rating = await one(asCustomer.satisfactionratings.create(asked.id, { satisfaction_rating: { score: "good", comment: "Thanks" } }), "satisfaction_rating");
  is(rating.score, "good", "a score");
  has(await client.satisfactionratings.list(), rating, "ratings");
  has(await client.satisfactionratings.received(), rating, "ratings that were given");
  is((await one(client.satisfactionratings.show(rating.id), "satisfaction_rating")).comment, "Thanks", "a rating");
  await client.tickets.delete(asked.id);
  step("requests: a customer asks, writes, looks for and rates them, and is kept from tickets");
  await suspended(client, asCustomer);
}

async function suspended(client, asCustomer) {
  const customer = await one(asCustomer.users.me(), "user");
  await client.users.suspend(customer.id);
  for (const subject of ["Held 1", "Held 2", "Held 3", "Held 4"]) {
    await asCustomer.requests.create({ request: { subject, comment: { body: "Let me in" } } });
  }
  const held = await client.suspendedtickets.list();
  check(held.length >= 4, `${held.length} suspended tickets`);
  is((await one(client.suspendedtickets.show(held[0].id), "suspended_ticket")).id, held[0].id, "a suspended ticket");
  await client.suspendedtickets.recover(held[0].id);
  await client.suspendedtickets.recoverMany([held[1].id]);
  await client.suspendedtickets.delete(held[2].id);
  await client.suspendedtickets.deleteMany([held[3].id]);
  is((await client.suspendedtickets.list()).length, held.length - 4, "suspended tickets left");
  await client.suspendedtickets.exportTickets();
  await client.users.unsuspend(customer.id);
  step("suspended tickets: shows, recovers, deletes and exports them");
}
