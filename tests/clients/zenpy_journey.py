#!/usr/bin/env python3
"""zenpy, unchanged but for the base address, which its own environment variables set: every resource that is here, as scripts use it.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python zenpy_journey.py`.
"""

import os
import sys
from itertools import islice
from urllib.parse import urlsplit

import requests

from journey import Failed, app_of, check, demo, step


def token_of(info):
    """What an app is given that acts for itself."""
    app = app_of(info, "zendesk", "confidential")
    answer = requests.post(info["issuer"] + "/oauth/tokens", timeout=30, json={
        "grant_type": "client_credentials", "client_id": app["client_id"], "client_secret": app["client_secret"], "scope": "read write"})
    check(answer.status_code == 200, f"no token: {answer.status_code} {answer.text}")
    return answer.json()["access_token"]


def signs_in(info, client, Zenpy, errors):
    admin = info["people"]["admin"]
    check(client.users.me().email == admin["email"], "another person")
    by_key = Zenpy(subdomain="demo", email=admin["email"], token=admin["api_key"])
    check(by_key.users.me().email == admin["email"], "another person by API token")
    try:
        Zenpy(subdomain="demo", oauth_token="nonsense").users.me()
        raise Failed("a wrong token was taken")
    except errors.APIException:
        pass
    step("signs in with an OAuth token and with an API token, and is refused with a wrong one")


def tickets(client, objects, errors):
    customer = client.users.create(objects.User(name="Zora Zenpy", email="zora@zenpy.test", external_id="z1"))
    audit = client.tickets.create(objects.Ticket(
        subject="From zenpy", requester_id=customer.id, priority="high", type="problem", tags=["one", "two"],
        comment=objects.Comment(body="It does not work.")))
    ticket = audit.ticket
    check(ticket.subject == "From zenpy" and sorted(ticket.tags) == ["one", "two"], f"{ticket.to_dict()}")
    ticket.status = "pending"
    ticket.comment = objects.Comment(body="Try again.", public=False)
    check(client.tickets.update(ticket).ticket.status == "pending", "the status stayed")
    comments = list(client.tickets.comments(ticket.id))
    check([comment.public for comment in comments] == [True, False], f"{[comment.to_dict() for comment in comments]}")
    check(client.tickets(id=ticket.id).requester.name == "Zora Zenpy", "another requester")
    check(set(client.tickets.add_tags(ticket.id, ["three"])) >= {"one", "three"}, "a tag is missing")
    check("one" not in client.tickets.delete_tags(ticket.id, ["one"]), "a tag stayed")
    incident = client.tickets.create(objects.Ticket(
        subject="Me too", type="incident", problem_id=ticket.id, comment=objects.Comment(body="Same here."))).ticket
    check([one.id for one in client.tickets.incidents(ticket.id)] == [incident.id], "the incident is missing")
    job = client.tickets.create([objects.Ticket(subject=f"No {n}", comment=objects.Comment(body="x")) for n in range(3)])
    check(job.status in ("queued", "working", "completed"), f"{job.to_dict()}")
    check(client.job_status(id=job.id).id == job.id, "another job")
    seen = list(client.tickets())
    check(len({one.id for one in seen}) == len(seen) > 20, f"{len(seen)} tickets")
    check(len(list(client.tickets(cursor_pagination=True))) >= len(seen), "pages by cursor lose tickets")
    check(incident.id in [one.id for one in client.users.requested(incident.requester_id)], "not among those requested")
    client.tickets.delete(incident)
    try:
        client.tickets(id=incident.id)
        raise Failed("a deleted ticket is there")
    except errors.RecordNotFoundException:
        pass
    check(incident.id in [one.id for one in client.tickets.deleted()], "not among the deleted")
    client.tickets.restore(incident)
    step("opens, answers, tags, links, lists, deletes and restores tickets, and starts a bulk job")
    audits(client, ticket)
    return customer


def audits(client, ticket):
    of_ticket = list(client.tickets.audits(ticket.id))
    kinds = [[event["type"] for event in audit.to_dict()["events"]] for audit in of_ticket]
    check("Create" in kinds[0] and "Comment" in kinds[0] and "Change" in kinds[1], f"{kinds}")
    check(all(audit.ticket_id == ticket.id for audit in of_ticket), "audits of another ticket")
    some = list(islice(client.tickets.audits(), 250))
    check(len({audit.id for audit in some}) == len(some) == 250, f"{len(some)} audits of all tickets")
    step("reads the audits of a ticket, and walks through those of all")


def people(client, objects, customer):
    customer.phone = "+4930123456"
    check(client.users.update(customer).phone == "+4930123456", "the number stayed")
    check([one.id for one in client.users.search(external_id="z1")] == [customer.id], "not found by external id")
    check([one.id for one in client.users.search(query="email:zora@zenpy.test")] == [customer.id], "not found by address")
    again = client.users.create_or_update(objects.User(name="Zora Again", email="zora@zenpy.test"))
    check(again.id == customer.id and again.name == "Zora Again", f"{again.to_dict()}")
    identity = client.users.identities.create(customer, objects.Identity(type="email", value="zora@two.test"))
    check(identity.value == "zora@two.test", f"{identity.to_dict()}")
    check(len(list(client.users.identities(id=customer.id))) >= 2, "an identity is missing")
    check(client.users.related(customer).requested_tickets >= 1, "no ticket of theirs")
    group = client.groups.create(objects.Group(name="Zenpy group"))
    agent = next(iter(client.users(role="agent")))
    membership = client.group_memberships.create(objects.GroupMembership(user_id=agent.id, group_id=group.id))
    check(group.id in [one.id for one in client.users.groups(agent.id)], "not in the group")
    client.group_memberships.delete(membership)
    client.groups.delete(group)
    step("finds, changes, joins and groups people")


def organizations(client, objects, customer):
    organization = client.organizations.create(objects.Organization(name="Zenpy Ltd", external_id="o1", tags=["big"]))
    membership = client.organization_memberships.create(
        objects.OrganizationMembership(user_id=customer.id, organization_id=organization.id))
    check(membership.organization_id == organization.id, f"{membership.to_dict()}")
    check([one.id for one in client.organizations.users(organization)] == [customer.id], "not a member")
    organization.details = "Big"
    check(client.organizations.update(organization).details == "Big", "the details stayed")
    client.organization_memberships.delete(membership)
    client.organizations.delete(organization)
    check("two" in [tag.name for tag in client.tags()], "a tag is missing")
    step("makes, finds, fills and deletes organizations, and reads tags")


def rules(client, objects):
    conditions = {"all": [{"field": "status", "operator": "is", "value": "solved"}], "any": []}
    close = [{"field": "priority", "value": "low"}]
    trigger = client.triggers.create(objects.Trigger(title="Zenpy trigger", conditions=conditions, actions=close))
    check(client.triggers(id=trigger.id).title == "Zenpy trigger", f"{trigger.to_dict()}")
    client.triggers.delete(trigger)
    waits = [*conditions["all"], {"field": "SOLVED", "operator": "greater_than", "value": "96"}]
    automation = client.automations.create(objects.Automation(title="Zenpy automation", all=waits, actions=[{"field": "status", "value": "closed"}]))
    check(automation.id in [one.id for one in client.automations()], "the automation is missing")
    client.automations.delete(automation)
    hook = client.webhooks.create(objects.Webhook(
        name="Zenpy hook", endpoint="https://zenpy.invalid/hook", http_method="POST", request_format="json", status="active",
        subscriptions=["conditional_ticket_events"]))
    check(client.webhooks(id=hook.id).name == "Zenpy hook", f"{hook.to_dict()}")
    check(client.webhooks.show_secret(hook).secret, "no secret to sign with")
    client.webhooks.delete(hook)
    step("makes, finds and deletes triggers, automations and webhooks")


def help_center(client, objects):
    category = client.help_center.categories.create(objects.Category(name="Zenpy", locale="en-us"))
    section = client.help_center.sections.create(objects.Section(name="Snakes", locale="en-us", category_id=category.id))
    segment = next(iter(client.help_center.user_segments()))
    article = client.help_center.articles.create(section, objects.Article(
        title="How long is a python", body="<p>Six metres.</p>", locale="en-us", permission_group_id=1, user_segment_id=segment.id))
    check(client.help_center.articles(id=article.id).title == "How long is a python", f"{article.to_dict()}")
    check(article.id in [one.id for one in client.help_center.articles.search(query="python")], "the article is not found")
    check(article.id in [one.id for one in client.help_center.sections.articles(section)], "the article is missing in its section")
    client.help_center.articles.archive(article)
    client.help_center.categories.delete(category)
    step("writes, finds and deletes articles")


def lists(client):
    names = ("activities", "automations", "brands", "custom_statuses", "dynamic_content", "group_memberships", "groups", "locales", "macros",
             "organization_fields", "organization_memberships", "organizations", "recipient_addresses", "requests", "satisfaction_ratings",
             "skips", "sla_policies", "suspended_tickets", "tags", "ticket_fields", "ticket_forms", "ticket_metrics", "triggers",
             "user_fields", "users", "views", "webhooks")
    for name in names:
        rows = list(islice(getattr(client, name)(), 150))
        check(len({str(getattr(row, "id", row)) for row in rows}) == len(rows) or name == "tags", f"{name} repeats itself")
    for name in ("articles", "categories", "labels", "permission_groups", "sections", "user_segments"):
        list(islice(getattr(client.help_center, name)(), 150))
    step(f"walks {len(names) + 6} lists")


def main():
    with demo() as info:
        address = urlsplit(info["url"])
        # zenpy reads them when it is imported.
        os.environ.update(ZENPY_FORCE_NETLOC=address.netloc, ZENPY_FORCE_SCHEME=address.scheme)
        from zenpy import Zenpy
        from zenpy.lib import api_objects, exception
        from zenpy.lib.api_objects import help_centre_objects
        # Its cache takes a ticket for a user of the same number, which the vendor's accounts never have.
        client = Zenpy(subdomain="demo", oauth_token=token_of(info), disable_cache=True)
        signs_in(info, client, Zenpy, exception)
        customer = tickets(client, api_objects, exception)
        people(client, api_objects, customer)
        organizations(client, api_objects, customer)
        rules(client, api_objects)
        help_center(client, help_centre_objects)
        lists(client)
    print("zenpy's journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"zenpy_journey: {failed}")
