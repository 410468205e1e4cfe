#!/usr/bin/env python3
"""python-zendesk, which is generated from the vendor's own description and validates each answer by its models: it reads every list, count
and record that both know, unchanged but for its server address.

A call that is refused, or whose answer its models do not take, fails the run; so does a run in which too few calls went well. What only the
vendor has (custom objects, telephony, sandboxes) answers "no such address", and that is counted apart.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python python_zendesk_journey.py`.
"""

import inspect
import sys

import requests

from journey import Failed, check, demo, step

# Calls that read.
READING = ("list_", "show_", "count_", "get_", "search_", "autocomplete_", "incremental_")
# Where its models differ from what the vendor's answers were seen to be: a list in the place of one record, names in the place of records.
NOT_AS_SEEN = ("satisfaction_ratings.show_satisfaction_rating", "ticket_metrics.show_ticket_metrics", "tags.list_tags",
               "macros.show_ticket_after_changes")
# An API token has no session.
NOT_THERE = ("sessions.show_currently_authenticated_session",)
# Arguments that it takes for optional, and that the calls need.
NEEDED = {"ids", "query", "name", "text", "identifiers", "macro_id"}
# Least calls that go well.
LEAST = 100


def made(info):
    """Records of each kind, by the name that an argument has for their id."""
    admin = info["people"]["admin"]
    http = requests.Session()
    http.auth = (admin["email"] + "/token", admin["api_key"])

    def call(method, path, body=None):
        answer = http.request(method, f"{info['issuer']}/api/v2/{path}", json=body, timeout=30)
        check(answer.ok, f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else {}

    def create(path, name, record, id_key="id"):
        return call("POST", path, {name: record})[name][id_key]

    me = call("GET", "users/me")["user"]["id"]
    organization = create("organizations", "organization", {"name": "Validated"})
    user = create("users", "user", {"name": "Vera", "email": "vera@validated.test", "organization_id": organization})
    group = create("groups", "group", {"name": "Validators"})
    create("group_memberships", "group_membership", {"user_id": me, "group_id": group})
    field = create("ticket_fields", "ticket_field", {"type": "tagger", "title": "Reason", "custom_field_options": [{"name": "Late", "value": "late"}]})
    ticket = create("tickets", "ticket", {
        "subject": "Validated", "requester_id": user, "assignee_id": me, "type": "problem", "tags": ["v"], "priority": "low",
        "email_cc_ids": [user], "follower_ids": [me], "custom_fields": [{"id": field, "value": "late"}], "comment": {"body": "Hello"}})
    call("PUT", f"tickets/{ticket}", {"ticket": {"status": "solved", "comment": {"body": "Done", "public": False}}})
    create("tickets", "ticket", {"subject": "Too", "type": "incident", "problem_id": ticket, "comment": {"body": "x"}})
    macro = create("macros", "macro", {"title": "Reply", "actions": [{"field": "status", "value": "open"}]})
    view = create("views", "view", {"title": "Mine", "all": [{"field": "status", "operator": "less_than", "value": "closed"}]})
    brand = create("brands", "brand", {"name": "Second", "subdomain": "second"})
    item = create("dynamic_content/items", "item", {"name": "Greeting", "default_locale_id": 1, "content": "Hello"})
    job = call("POST", "tickets/create_many", {"tickets": [{"subject": "Many", "comment": {"body": "x"}}]})["job_status"]["id"]
    known = {
        "ticket_id": ticket, "request_id": ticket, "user_id": user, "organization_id": organization, "group_id": group, "ticket_field_id": field,
        "macro_id": macro, "view_id": view, "brand_id": brand, "dynamic_content_item_id": item, "dynamic_content_item_id_": item,
        "job_status_id": job, "query": "Validated", "name": "Vali", "ids": str(ticket), "start_time": 1, "external_id": "none",
        "view_ids": str(view), "text": "Val", "identifiers": "demo", "locale_id": 1, "role": "agent", "per_page": 2, "start_time_": 1, "page_size": 2,
    }
    lists = {
        "ticket_audit_id": f"tickets/{ticket}/audits", "ticket_comment_id": f"tickets/{ticket}/comments", "comment_id": f"tickets/{ticket}/comments",
        "ticket_metric_id": "ticket_metrics", "group_membership_id": "group_memberships", "user_identity_id": f"users/{user}/identities",
        "organization_membership_id": "organization_memberships", "custom_status_id": "custom_statuses", "audit_log_id": "audit_logs",
        "sla_policy_id": "slas/policies", "custom_role_id": "custom_roles", "dynamic_content_variant_id": f"dynamic_content/items/{item}/variants",
        "dynamic_content_item_variant_id": f"dynamic_content/items/{item}/variants", "support_address_id": "recipient_addresses",
"satisfaction_rating_id": "satisfaction_ratings", "activity_id": "activities", "trigger_id": "triggers",
        "automation_id": "automations", "trigger_category_id": "trigger_categories", "ticket_form_id": "ticket_forms",
        "user_field_id": "user_fields", "organization_field_id": "organization_fields", "oauth_client_id": "oauth/clients",
        "ticket_field_option_id": f"ticket_fields/{field}/options",
    }
    for name, path in lists.items():
        rows = next((rows for rows in call("GET", path).values() if isinstance(rows, list)), [])
        if rows:
            known[name] = rows[0]["id"]
    return known


def readers(client):
    """Every call of the client that reads, with the arguments it cannot do without."""
    for part in sorted(client._sub_sdk_map):
        resource = getattr(client, part)
        for name, method in inspect.getmembers(resource, inspect.ismethod):
            if not name.startswith(READING) or name.endswith("_async"):
                continue
            parameters = inspect.signature(method).parameters.values()
            needed = {one.name: one.annotation for one in parameters if one.default is inspect.Parameter.empty or one.name in NEEDED}
            yield f"{part}.{name}", method, needed


def main():
    import zendesk
    from zendesk import errors, models

    with demo() as info:
        admin = info["people"]["admin"]
        security = models.Security(username=admin["email"] + "/token", password=admin["api_key"])
        client = zendesk.Zendesk(security=security, server_url=info["issuer"])
        known = made(info)
        step("one record of each kind")
        well, wrong, foreign, unasked = [], [], [], []
        for name, method, needed in readers(client):
            if any(argument not in known for argument in needed):
                unasked.append(f"{name}({', '.join(argument for argument in needed if argument not in known)})")
                continue
            try:
                method(**{argument: str(known[argument]) if "str" in str(kind) else known[argument] for argument, kind in needed.items()})
                well.append(name)
            except errors.ResponseValidationError as error:
                wrong.append(f"{name}: {str(error.cause or error)[:600]}")
            except errors.APIError as error:
                if error.status_code == 404 and ("InvalidEndpoint" in error.body or "/api/v2/" not in str(error.raw_response.url)):
                    foreign.append(name)
                else:
                    wrong.append(f"{name}: {error.status_code} {error.body[:300]}")
        wrong = [one for one in wrong if not one.startswith(NOT_AS_SEEN + NOT_THERE)]
        print(f"  --  {len(foreign)} calls are the vendor's alone; {len(unasked)} need something that was not made")
        if "-v" in sys.argv:
            print("\n".join(["", *foreign, "", *unasked]))
        check(not wrong, "\n".join([f"{len(wrong)} answers were not taken:", *wrong]))
        check(len(well) >= LEAST, f"only {len(well)} calls went well")
        step(f"{len(well)} lists, counts and records, each as its models say")
    print("python-zendesk's journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
