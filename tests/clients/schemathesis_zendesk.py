#!/usr/bin/env python3
"""Schemathesis attacks the Zendesk dialect with what its document allows and with what it does not (`attack.py`).

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python schemathesis_zendesk.py`. Further
arguments go to Schemathesis, for example `--include-operation-id ListTickets`.
"""

import sys

import requests

from attack import attack
from journey import Failed, check, demo, step
from zenpy_journey import token_of

# The end of the token that calls, of its app or of the person it acts for: nothing would be open any more.
LEFT_OUT = ["RevokeCurrentOAuthToken", "RevokeOAuthToken", "DeleteClient", "UpdateClient", "DeleteUser", "DestroyManyUsers", "UpdateUser",
            "UpdateManyUsers", "MergeEndUsers", "DeleteAuthenticatedSession", "LogoutManyUsers", "BulkDeleteSessionsByUserId",
            "CreateOrUpdateUser", "CreateOrUpdateManyUsers", "UpdateAccountSettings", "SetUserPassword", "MarkTicketAsSpamAndSuspendRequester"]
NOTHING_THERE = ()
# There are several hundred calls for a bounded time, and many want names that only chance finds.
ONE_OF = 2
EXAMPLES = 6
SECONDS = 240
# The dialect knows no wrong method: such a call is no call of the vendor's, and answers 404.
UNCHECKED = ["unsupported_method", "allow_header_conformance"]
# Whose ids stand below a key, in a query or in a body.
LISTS = {"requester_id": "users", "assignee_id": "users", "submitter_id": "users", "author_id": "users", "user_id": "users",
         "email_cc_ids": "users", "follower_ids": "users", "collaborator_ids": "users", "group_id": "groups", "brand_id": "brands",
         "organization_id": "organizations", "problem_id": "tickets", "ticket_id": "tickets", "ticket_form_id": "ticket_forms",
         "custom_status_id": "custom_statuses", "custom_fields": "ticket_fields", "trigger_category_id": "trigger_categories",
         "category_id": "categories", "section_id": "sections", "article_id": "articles"}


def furnish(http, root):
    """Adds what the demo has none of, so that calls meet something."""
    def call(path, record):
        answer = http.post(root + path, json=record, timeout=30)
        check(answer.ok, f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    for n in range(3):
        organization = call("organizations", {"organization": {"name": f"House {n}"}})["organization"]["id"]
        user = call("users", {"user": {"name": f"Una {n}", "email": f"una{n}@attack.test", "organization_id": organization}})["user"]["id"]
        call("groups", {"group": {"name": f"Row {n}"}})
        call("tickets", {"ticket": {"subject": "Una asks", "requester_id": user, "comment": {"body": "x"}, "tags": ["una"], "type": "problem"}})
        call("macros", {"macro": {"title": f"Macro {n}", "actions": [{"field": "priority", "value": "low"}]}})
        call("views", {"view": {"title": f"View {n}", "all": [{"field": "status", "operator": "is", "value": "open"}]}})
        call("brands", {"brand": {"name": f"Brand {n}", "subdomain": f"brand{n}"}})
        call("custom_statuses", {"custom_status": {"status_category": "open", "agent_label": f"Waits {n}"}})
        call("ticket_fields", {"ticket_field": {"type": "text", "title": f"Size {n}"}})
        call("dynamic_content/items", {"item": {"name": f"Hello {n}", "default_locale_id": 1, "content": "Hello"}})
        call("slas/policies", {"sla_policy": {"title": f"Soon {n}", "filter": {"all": []}, "policy_metrics": [
            {"priority": "high", "metric": "first_reply_time", "target": 60}]}})
        call("recipient_addresses", {"recipient_address": {"email": f"help{n}@attack.test"}})


def ids_of(http, info, document):
    """Some ids of each list, by its path; not of the person that the token acts for."""
    me = http.get(info["url"] + "/api/v2/users/me", timeout=30).json()["user"]["id"]
    found = {}
    for path, methods in document["paths"].items():
        if "get" not in methods or "{" in path or not path.startswith("/api/v2/"):
            continue
        answer = http.get(info["url"] + path, timeout=30)
        lists = answer.json().values() if answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/json") else ()
        rows = next((rows for rows in lists if isinstance(rows, list) and rows), [])
        keys = [row.get("id") for row in rows if isinstance(row, dict)]
        found[path] = [key for key in keys[-8:] if key is not None and key != me]
    return found


def main():
    with demo() as info:
        address = info["url"] + "/openapi/zendesk.json"
        answer = requests.get(address, timeout=30)
        check(answer.status_code == 200, f"the document: {answer.status_code}")
        document = answer.json()
        http = requests.Session()
        token = token_of(info)
        http.headers["Authorization"] = f"Bearer {token}"
        furnish(http, info["url"] + "/api/v2/")
        step("a token that reads and writes, and something to read")
        attack(address, document, token, ids_of(http, info, document), LISTS, LEFT_OUT, NOTHING_THERE, SECONDS, ONE_OF, EXAMPLES, UNCHECKED)
        check(http.get(info["url"] + "/api/v2/users/me", timeout=30).status_code == 200, "the token opens nothing any more")
        step("no answer of 500 or above, none that differs from the document, none without a credential")
    print("the Schemathesis run ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
