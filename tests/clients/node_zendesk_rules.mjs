// node-zendesk: what an account is set up with: views, macros, triggers, automations, promises, webhooks, brands, texts, apps.

import { check, step } from "./journey.mjs";
import { has, is, one, refused, rows } from "./node_zendesk.mjs";

const OPEN = [{ field: "status", operator: "is", value: "open" }];

export async function rules(client, ticket) {
  await views(client);
  await macros(client, ticket);
  await triggers(client);
  await automations(client);
  await policies(client);
  await webhooks(client);
  await brands(client);
  await dynamicContent(client);
  await account(client);
  await oauth(client);
}

async function views(client) {
  const view = await one(client.views.create({ view: { title: "Node view", all: OPEN } }), "view");
  has(await client.views.list(), view, "views");
  has(await client.views.listActive(), view, "active views");
  check((await client.views.listCompact()).length > 0, "no compact views");
  is((await one(client.views.show(view.id), "view")).title, "Node view", "a view");
  is((await one(client.views.update(view.id, { view: { title: "Node list" } }), "view")).title, "Node list", "a title");
  check(Array.isArray(await client.views.execute(view.id, { sort_by: "created" })), "a view is not executed");
  check(Array.isArray(await client.views.tickets(view.id)), "a view has no tickets");
  is((await one(client.views.showCount(view.id), "view_count")).view_id, view.id, "a count");
  is((await one(client.views.showCounts([view.id]), "view_counts")).length, 1, "counts");
  await client.views.export(view.id);
  // `views.delete` of this version calls itself without end.
  step("views: makes, changes, opens, counts and exports them");
}

async function macros(client, ticket) {
  const macro = await one(client.macros.create({ macro: { title: "Node macro", actions: [{ field: "priority", value: "urgent" }] } }), "macro");
  has(await rows(client.macros.list(), "macros"), macro, "macros");
  has(await rows(client.macros.listActive(), "macros"), macro, "active macros");
  has(await rows(client.macros.listByParams({ access: "shared" }), "macros"), macro, "shared macros");
  has(await rows(client.macros.search("Node"), "macros"), macro, "macros found");
  is((await one(client.macros.show(macro.id), "macro")).title, "Node macro", "a macro");
  is((await one(client.macros.apply(macro.id), "result")).ticket.priority, "urgent", "what it would do");
  is((await one(client.macros.applyTicket(ticket.id, macro.id), "result")).ticket.priority, "urgent", "what it would do to a ticket");
  is((await one(client.macros.update(macro.id, { macro: { title: "Node::Macro" } }), "macro")).title, "Node::Macro", "a title");
  check((await rows(client.macros.categories(), "categories")).includes("Node"), "a category is missing");
  await client.macros.updateMany([{ id: macro.id, position: 1 }]);
  await client.macros.delete(macro.id);
  await refused(client.macros.show(macro.id), 404);
  step("macros: makes, finds, tries, changes, orders and removes them");
}

async function triggers(client) {
  const record = { title: "Node trigger", conditions: { all: [{ field: "status", operator: "is", value: "solved" }], any: [] }, actions: [{ field: "priority", value: "low" }] };
  const trigger = await one(client.triggers.create({ trigger: record }), "trigger");
  has(await client.triggers.list(), trigger, "triggers");
  has(await client.triggers.list({ active: true }), trigger, "triggers that are on");
  has(await client.triggers.listActive(), trigger, "active triggers");
  has(await one(client.triggers.search("Node"), "triggers"), trigger, "triggers found");
  is((await one(client.triggers.show(trigger.id), "trigger")).title, "Node trigger", "a trigger");
  is((await one(client.triggers.update(trigger.id, { trigger: { title: "Node rule" } }), "trigger")).title, "Node rule", "a title");
  check((await rows(client.triggers.definitions(), "definitions")).length > 0, "no definitions");
  await client.triggers.updateMany([{ id: trigger.id, active: false }]);
  const revisions = await rows(client.triggers.listRevisions(trigger.id), "trigger_revisions");
  check(revisions.length >= 2, `${revisions.length} revisions`);
  await client.triggers.showRevision(trigger.id, revisions[0].id);
  await client.triggers.reorder((await client.triggers.list()).map((row) => row.id)).catch((error) => check(String(error).includes("422"), String(error)));
  await client.triggers.delete(trigger.id);
  await refused(client.triggers.show(trigger.id), 404);
  step("triggers: makes, finds, changes and removes them, and reads their revisions");
}

async function automations(client) {
  const record = { title: "Node automation", all: [{ field: "status", operator: "is", value: "solved" }, { field: "SOLVED", operator: "greater_than", value: "96" }], actions: [{ field: "status", value: "closed" }] };
  const automation = await one(client.automations.create({ automation: record }), "automation");
  has(await client.automations.list(), automation, "automations");
  has(await client.automations.listActive(), automation, "active automations");
  has(await client.automations.search({ query: "Node" }), automation, "automations found");
  is((await one(client.automations.show(automation.id), "automation")).title, "Node automation", "an automation");
  is((await one(client.automations.update(automation.id, { automation: { title: "Node clock" } }), "automation")).title, "Node clock", "a title");
  await client.automations.updateMany([{ id: automation.id, position: 1 }]);
  const second = await one(client.automations.create({ automation: { ...record, title: "Node second" } }), "automation");
  await client.automations.bulkDelete([second.id]);
  await client.automations.delete(automation.id);
  await refused(client.automations.show(automation.id), 404);
  step("automations: makes, finds, changes, orders and removes them");
}

async function policies(client) {
  const record = { title: "Node promise", filter: { all: [{ field: "type", operator: "is", value: "incident" }], any: [] },
                   policy_metrics: [{ priority: "urgent", metric: "first_reply_time", target: 30, business_hours: false }] };
  const policy = await one(client.policies.create({ sla_policy: record }), "sla_policy");
  has(await rows(client.policies.list(), "sla_policies"), policy, "policies");
  is((await one(client.policies.show(policy.id), "sla_policy")).title, "Node promise", "a policy");
  is((await one(client.policies.update(policy.id, { sla_policy: { title: "Node word" } }), "sla_policy")).title, "Node word", "a title");
  await client.policies.reorder((await rows(client.policies.list(), "sla_policies")).map((row) => row.id));
  check((await one(client.policies.getDefinitions(), "definitions")).all, "no definitions");
  await client.policies.delete(policy.id);
  await refused(client.policies.show(policy.id), 404);
  step("SLA policies: makes, changes, orders and removes them");
}

async function webhooks(client) {
  const record = { name: "Node hook", endpoint: "https://node.invalid/hook", http_method: "POST", request_format: "json", status: "active", subscriptions: ["conditional_ticket_events"] };
  const hook = await one(client.webhooks.create({ webhook: record }), "webhook");
  has(await client.webhooks.list(), hook, "webhooks");
  is((await one(client.webhooks.show(hook.id), "webhook")).name, "Node hook", "a webhook");
  await client.webhooks.update(hook.id, { webhook: { ...record, name: "Node line" } });
  await client.webhooks.patch(hook.id, { webhook: { status: "inactive" } });
  const shown = await one(client.webhooks.show(hook.id), "webhook");
  is([shown.name, shown.status], ["Node line", "inactive"], "a changed webhook");
  const secret = await one(client.webhooks.getSigningSecret(hook.id), "signing_secret");
  const next = await one(client.webhooks.resetSigningSecret(hook.id), "signing_secret");
  check(secret.secret && next.secret && secret.secret !== next.secret, "the secret stayed");
  check(Array.isArray(await rows(client.webhooks.listInvocations(hook.id), "invocations")), "no invocations");
  await client.webhooks.delete(hook.id);
  await refused(client.webhooks.show(hook.id), 404);
  step("webhooks: makes, changes, signs and removes them");
}

async function brands(client) {
  const brand = await one(client.brand.create({ brand: { name: "Node brand", subdomain: "node-brand" } }), "brand");
  has(await rows(client.brand.list(), "brands"), brand, "brands");
  is((await one(client.brand.show(brand.id), "brand")).subdomain, "node-brand", "a brand");
  is((await one(client.brand.update({ brand: { name: "Node mark" } }, brand.id), "brand")).name, "Node mark", "a name");
  await client.brand.checkHostMapping("help.node.test", "node-brand");
  await client.brand.checkHostMappingForExistingBrand(brand.id);
  await client.brand.delete(brand.id);
  step("brands: makes, changes and removes them");
}

async function dynamicContent(client) {
  const record = { name: "Node words", default_locale_id: 1, variants: [{ locale_id: 1, content: "Hello", default: true }] };
  const item = await one(client.dynamiccontent.createItem({ item: record }), "item");
  has(await rows(client.dynamiccontent.listItems(), "items"), item, "items");
  has(await rows(client.dynamiccontent.listAllItems(), "items"), item, "all items");
  is((await one(client.dynamiccontent.showItem(item.id), "item")).name, "Node words", "an item");
  await client.dynamiccontent.showManyItems(["node_words"]);
  is((await one(client.dynamiccontent.updateItem(item.id, { item: { name: "Node texts" } }), "item")).name, "Node texts", "a name");
  const variants = client.dynamiccontentvariants;
  const german = await one(variants.create(item.id, { variant: { locale_id: 8, content: "Hallo", active: true, default: false } }), "variant");
  has(await rows(variants.list(item.id), "variants"), german, "variants");
  is((await one(variants.show(item.id, german.id), "variant")).content, "Hallo", "a variant");
  is((await one(variants.update(item.id, german.id, { variant: { content: "Moin" } }), "variant")).content, "Moin", "its text");
  const many = await one(variants.createMany(item.id, [{ locale_id: 16, content: "Bonjour" }, { locale_id: 2, content: "Hola" }]), "variants");
  is(many.map((variant) => variant.content), ["Bonjour", "Hola"], "two variants at once");
  const changed = await one(variants.updateMany(item.id, many.map(({ id }) => ({ id, active: false }))), "variants");
  is(changed.map((variant) => variant.active), [false, false], "two variants changed");
  await variants.delete(item.id, german.id);
  await client.dynamiccontent.deleteItem(item.id);
  await refused(client.dynamiccontent.showItem(item.id), 404);
  step("dynamic content: makes, changes and removes texts in several languages");
}

async function account(client) {
  check((await one(client.accountsettings.show(), "settings")).api, "no settings");
  await client.accountsettings.update({ settings: {} });
  const locales = await client.locales.list();
  check(locales.length > 0, "no languages");
  is((await one(client.locales.show(locales[0].id), "locale")).locale, locales[0].locale, "a language");
  is((await one(client.locales.current(), "locale")).id, (await one(client.locales.showCurrent(), "locale")).id, "the language");
  check((await client.locales.listForAgent()).length > 0 && (await client.locales.listPublicLocales()).length > 0, "no languages to choose");
  const groups = await client.permissiongroups.list();
  const made = await one(client.permissiongroups.create({ permission_group: { name: "Node writers", edit: [], publish: [] } }), "permission_group");
  is((await one(client.permissiongroups.show(made.id), "permission_group")).name, "Node writers", "a permission group");
  await client.permissiongroups.update(made.id, { permission_group: { name: "Node authors" } });
  await client.permissiongroups.delete(made.id);
  check(groups.length > 0, "no permission groups");
  step("the account: reads settings and languages, and has permission groups made and removed");
}

async function oauth(client) {
  const app = await one(client.oauthclients.create({ name: "Node app", identifier: "node-app", kind: "confidential", redirect_uri: ["https://node.test/back"] }), "client");
  has(await rows(client.oauthclients.list(), "clients"), app, "apps");
  is((await one(client.oauthclients.show(app.id), "client")).identifier, "node-app", "an app");
  is((await one(client.oauthclients.update(app.id, { name: "Node tool" }), "client")).name, "Node tool", "a name");
  check((await one(client.oauthclients.generateSecret(app.id), "client")).secret, "no secret");
  const token = await one(client.oauthtokens.create({ token: { client_id: app.id, scopes: ["read"] } }), "token");
  check(token.full_token, JSON.stringify(token));
  has(await rows(client.oauthtokens.list(), "tokens"), token, "tokens");
  is((await one(client.oauthtokens.show(token.id), "token")).id, token.id, "a token");
  await client.oauthtokens.current();
  await client.oauthtokens.revoke(token.id);
  await client.oauthclients.delete(app.id);
  await refused(client.oauthclients.show(app.id), 404);
  step("OAuth: makes apps and tokens, and takes them away");
}
