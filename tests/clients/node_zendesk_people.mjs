// node-zendesk: people, what is known of them, and what they belong to.

import { check, step } from "./journey.mjs";
import { done, has, is, one, refused, rows } from "./node_zendesk.mjs";

export async function people(client, customer) {
  await users(client, customer);
  await identities(client, customer);
  await sessions(client, customer);
  await groups(client);
  await organizations(client, customer);
  await fields(client);
  await roles(client);
}

async function users(client, customer) {
  const changed = await one(client.users.update(customer.id, { user: { phone: "+4930123456", external_id: "node-1" } }), "user");
  is(changed.phone, "+4930123456", "the number");
  has(await client.users.list(), customer, "users");
  has(await client.users.listWithFilter("role", "end-user"), customer, "customers");
  is((await one(client.users.show(customer.id), "user")).external_id, "node-1", "a user");
  has(await one(client.users.showMany([customer.id]), "users"), customer, "users by id");
  has(await client.users.search({ query: "nora@node.test" }), customer, "users found");
  is((await one(client.users.auth(), "user")).id, (await one(client.users.me(), "user")).id, "whoever calls");
  const again = await one(client.users.createOrUpdate({ user: { email: "nora@node.test", name: "Nora N" } }), "user");
  is([again.id, again.name], [customer.id, "Nora N"], "the same person");
  const made = await done(client, await client.users.createMany({ users: [{ name: "A", email: "a@node.test" }, { name: "B", email: "b@node.test" }] }));
  is(made.length, 2, "people made at once");
  await done(client, await client.users.createOrUpdateMany({ users: [{ name: "A2", email: "a@node.test" }] }));
  // With two arguments it takes the first one for the body: it still counts a callback that it no longer calls.
  const nobody = undefined;
  await done(client, await client.users.updateMany([made[0].id, made[1].id], { user: { notes: "Together" } }, nobody));
  is((await one(client.users.show(made[1].id), "user")).notes, "Together", "a note");
  is((await one(client.users.suspend(made[0].id), "user")).suspended, true, "suspended");
  is((await one(client.users.unsuspend(made[0].id), "user")).suspended, false, "not suspended");
  await client.users.setTags(customer.id, { tags: ["one"] });
  await client.users.addTags(customer.id, { tags: ["two"] });
  is((await rows(client.users.listTags(customer.id), "tags")).sort(), ["one", "two"], "tags");
  await one(client.users.merge(made[1].id, made[0].id), "user");
  // It sends what changes one's own password, and nobody else's.
  await refused(client.users.password(customer.id, "unknown", "a long enough one"), 404);
  const since = Math.floor(Date.now() / 1000) - 3600;
  check(Array.isArray(await client.users.incremental(since)), "no export of people");
  await client.users.incrementalInclude(since, "identities");
  await client.users.incrementalSample(since);
  await done(client, await client.users.destroyMany([made[0].id], null, nobody));
  step("people: lists, finds, makes, changes, tags, suspends, merges and deletes them, one by one and many at once");
}

async function identities(client, customer) {
  const second = await one(client.useridentities.create(customer.id, { type: "email", value: "nora@two.test" }), "identity");
  has(await client.useridentities.list(customer.id), second, "identities");
  is((await one(client.useridentities.show(customer.id, second.id), "identity")).value, "nora@two.test", "an identity");
  is((await one(client.useridentities.update(customer.id, second.id, { identity: { verified: true } }), "identity")).verified, true, "verified");
  await client.useridentities.verify(customer.id, second.id);
  await client.useridentities.requestVerification(customer.id, second.id);
  const all = await one(client.useridentities.makePrimary(customer.id, second.id), "identities");
  is(all.find((row) => row.primary && row.type === "email").value, "nora@two.test", "the primary one");
  const first = all.find((row) => row.value === "nora@node.test");
  await client.useridentities.makePrimary(customer.id, first.id);
  await client.useridentities.delete(customer.id, second.id);
  await refused(client.useridentities.show(customer.id, second.id), 404);
  step("identities: adds, verifies, puts first and removes them");
}

async function sessions(client, customer) {
  check(Array.isArray(await client.sessions.list()), "no sessions");
  is((await rows(client.sessions.getByUserId(customer.id), "sessions")).length, 0, "sessions of a customer");
  // The token was granted to an app for itself: there is no session.
  await refused(client.sessions.getMyAuthenticatedSession(), 404);
  await client.sessions.bulkDeleteByUserId(customer.id);
  step("sessions: lists and ends them");
}

async function groups(client) {
  const group = await one(client.groups.create({ group: { name: "Node group" } }), "group");
  has(await client.groups.list(), group, "groups");
  has(await client.groups.assignable(), group, "assignable groups");
  is((await one(client.groups.update(group.id, { group: { name: "Node team" } }), "group")).name, "Node team", "a name");
  is((await one(client.groups.show(group.id), "group")).name, "Node team", "a group");
  check((await one(client.groups.count(), "count")).value >= 1, "no groups are counted");
  const agents = await client.users.listWithFilter("role", "agent");
  const [agent, other] = agents;
  const membership = await one(client.groupmemberships.create({ group_membership: { user_id: agent.id, group_id: group.id } }), "group_membership");
  has(await client.groupmemberships.list(), membership, "memberships");
  has(await client.groupmemberships.listByUser(agent.id), membership, "memberships of a user");
  has(await client.groupmemberships.listByGroup(group.id), membership, "memberships of a group");
  has(await client.groupmemberships.listAssignable(), membership, "assignable memberships");
  has(await client.groupmemberships.listAssignableByGroup(group.id), membership, "assignable memberships of a group");
  is((await one(client.groupmemberships.show(membership.id), "group_membership")).user_id, agent.id, "a membership");
  is((await one(client.groupmemberships.showByUser(agent.id, membership.id), "group_membership")).id, membership.id, "a membership of a user");
  has(await client.users.listByGroup(group.id), agent, "users of the group");
  check((await one(client.groups.countByUser(agent.id), "count")).value >= 1, "no groups of a user are counted");
  await client.groupmemberships.makeDefault(agent.id, membership.id);
  await client.groupmemberships.delete(membership.id);
  const back = await one(client.groupmemberships.createByUser(agent.id, { group_membership: { group_id: group.id } }), "group_membership");
  await client.groupmemberships.deleteByUser(agent.id, back.id);
  if (other) {
    const made = await done(client, await client.groupmemberships.bulkCreate([{ user_id: other.id, group_id: group.id }]));
    await done(client, await client.groupmemberships.bulkDelete(made.map((row) => row.id)));
  }
  await client.groups.delete(group.id);
  await refused(client.groups.show(group.id), 404);
  step("groups and their memberships: everything that the client can do with them");
}

async function organizations(client, customer) {
  const node = await one(client.organizations.create({ organization: { name: "Node Ltd", external_id: "node-o" } }), "organization");
  has(await client.organizations.list(), node, "organizations");
  is((await one(client.organizations.show(node.id), "organization")).name, "Node Ltd", "an organization");
  is((await one(client.organizations.update(node.id, { organization: { notes: "Big" } }), "organization")).notes, "Big", "a note");
  has(await client.organizations.showMany([node.id]), node, "organizations by id");
  has(await client.organizations.showManyByExternalIds(["node-o"]), node, "organizations by foreign id");
  has(await client.organizations.search("node-o"), node, "organizations found");
  has(await client.organizations.autocomplete({ name: "Node" }), node, "organizations that begin so");
  is((await one(client.organizations.createOrUpdate({ organization: { id: node.id, details: "D" } }), "organization")).id, node.id, "the same one");
  is((await one(client.organizations.upsert({ organization: { external_id: "node-o", details: "E" } }), "organization")).details, "E", "the same again");
  const made = await done(client, await client.organizations.createMany({ organizations: [{ name: "N1", external_id: "n1" }, { name: "N2", external_id: "n2" }] }));
  await done(client, await client.organizations.updateMany({ organizations: made.map((row) => ({ id: row.id, notes: "M" })) }));
  await done(client, await client.organizations.bulkDelete([made[0].id]));
  await done(client, await client.organizations.bulkDeleteByExternalId(["n2"]));
  const membership = await one(client.organizationmemberships.create({ user_id: customer.id, organization_id: node.id }), "organization_membership");
  is(membership.organization_id, node.id, "a membership");
  has(await client.organizationmemberships.list(), membership, "memberships");
  has(await client.organizationmemberships.listByUser(customer.id), membership, "memberships of a user");
  has(await client.organizationmemberships.listByOrganization(node.id), membership, "memberships of an organization");
  is((await one(client.organizationmemberships.show(membership.id), "organization_membership")).user_id, customer.id, "whose it is");
  await client.organizationmemberships.showByUser(customer.id, membership.id);
  await client.organizationmemberships.makeDefault(customer.id, membership.id);
  has(await client.organizations.listByUser(customer.id), node, "organizations of a user");
  has(await client.users.listByOrganization(node.id), customer, "users of an organization");
  check((await one(client.organizations.related(node.id), "organization_related")).users_count === 1, "nobody is related");
  await client.organizations.count();
  await client.organizations.countByUser(customer.id);
  await client.organizationmemberships.deleteByUser(customer.id, membership.id);
  const back = await one(client.organizationmemberships.createByUser(customer.id, { organization_id: node.id }), "organization_membership");
  await client.organizationmemberships.delete(back.id);
  const many = await done(client, await client.organizationmemberships.createMany([{ user_id: customer.id, organization_id: node.id }]));
  await done(client, await client.organizationmemberships.deleteMany(many.map((row) => row.id)));
  const since = Math.floor(Date.now() / 1000) - 3600;
  await client.organizations.incremental(since);
  await client.organizations.incrementalInclude(since, "users");
  await client.organizations.incrementalSample(since);
  await client.organizations.delete(node.id);
  await refused(client.organizations.show(node.id), 404);
  step("organizations and their memberships: everything that the client can do with them");
}

async function fields(client) {
  const text = await one(client.userfields.create({ user_field: { type: "text", title: "Shoe", key: "shoe" } }), "user_field");
  const plan = { type: "dropdown", title: "Plan", key: "node_plan", custom_field_options: [{ name: "Gold", value: "gold" }] };
  const choice = await one(client.userfields.create({ user_field: plan }), "user_field");
  has(await client.userfields.list(), text, "user fields");
  is((await one(client.userfields.show(text.id), "user_field")).key, "shoe", "a user field");
  is((await one(client.userfields.update(text.id, { user_field: { title: "Shoes" } }), "user_field")).title, "Shoes", "a title");
  await client.userfields.reorder([choice.id, text.id]);
  const option = await one(client.userfields.createOrUpdateOption(choice.id, { custom_field_option: { name: "Tin", value: "tin" } }), "custom_field_option");
  has(await rows(client.userfields.listOptions(choice.id), "custom_field_options"), option, "choices");
  is((await one(client.userfields.showOption(choice.id, option.id), "custom_field_option")).value, "tin", "a choice");
  await client.userfields.deleteOption(choice.id, option.id);
  for (const field of [text, choice]) await client.userfields.delete(field.id);
  await refused(client.userfields.show(text.id), 404);
  const size = await one(client.organizationfields.create({ organization_field: { type: "integer", title: "Size", key: "node_size" } }), "organization_field");
  has(await client.organizationfields.list(), size, "organization fields");
  is((await one(client.organizationfields.show(size.id), "organization_field")).key, "node_size", "an organization field");
  await client.organizationfields.update(size.id, { organization_field: { title: "Heads" } });
  await client.organizationfields.reorder([size.id]);
  await client.organizationfields.delete(size.id);
  step("user and organization fields: makes, changes, orders and removes them and their choices");
}

async function roles(client) {
  const made = await one(client.customagentroles.create({ name: "Node role", description: "For tests", configuration: { macro_access: "readonly" } }), "custom_role");
  has(await rows(client.customagentroles.list(), "custom_roles"), made, "roles");
  is((await one(client.customagentroles.show(made.id), "custom_role")).name, "Node role", "a role");
  is((await one(client.customagentroles.update(made.id, { description: "Changed" }), "custom_role")).description, "Changed", "a description");
  await client.customagentroles.delete(made.id);
  await refused(client.customagentroles.show(made.id), 404);
  step("roles: makes, changes and removes them");
}
