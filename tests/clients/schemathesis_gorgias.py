#!/usr/bin/env python3
"""Schemathesis attacks the Gorgias dialect with what its document allows and with what it does not.

It reads /openapi/gorgias.json from a demo, holds a token with every scope, and looks for answers of 500 and above, for answers that differ
from the document, and for calls that are let in without a credential (`attack.py`).

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python schemathesis_gorgias.py`. Further
arguments go to Schemathesis, for example `--include-operation-id tags.create`.
"""

import sys
import time
from datetime import datetime, timedelta, timezone

import requests

from attack import attack
from gorgias_dialect import Api, install
from journey import Failed, check, demo, step

# A stream that goes on; and the end of the app that calls, whose token would open nothing any more.
LEFT_OUT = ["tickets.live", "apps.delete"]
# What cannot go well here: the demo has had no calls by telephone, which come from outside, and a signed address is not guessed.
NOTHING_THERE = ("/api/phone/", "/file", "/download/")
# Whose ids stand below a key, in a query or in a body.
LISTS = {"customer_id": "customers", "source_id": "customers", "target_id": "customers", "customer": "customers", "sender": "customers",
         "receiver": "customers", "ticket_id": "tickets", "ticket_ids": "tickets", "object_id": "tickets", "source_tickets_ids": "tickets",
         "message_ids": "messages", "user_ids": "users", "agents": "users", "members": "users", "assignee_user": "users",
         "mention_ids": "users", "assignee_team": "teams", "rule_id": "rules", "priorities": "rules", "source_tags_ids": "tags",
         "custom_fields": "custom-fields", "view_id": "views", "integration_id": "integrations"}


def furnish(api):
    """Adds what the demo has none of, so that calls meet something."""
    text = {"data_type": "text", "input_settings": {"input_type": "input"}}
    for kind, path in (("Ticket", "tickets"), ("Customer", "customers")):
        made = [api.call("POST", "custom-fields", 201, json={"object_type": kind, "label": f"Size {n}", "definition": text}) for n in range(4)]
        for row in api.get(path)["data"]:
            api.call("PUT", f"{path}/{row['id']}/custom-fields", 200, json=[{"id": one["id"], "value": "Large"} for one in made])
    api.call("POST", "rules", 201, json={"name": "Tag", "event_types": "ticket-created",
                                         "code": "if (eq(ticket.status, 'open')) { Action('addTags', { tags: 'seen' }) }"})
    soon = (datetime.now(timezone.utc) + timedelta(minutes=50)).isoformat()
    for n in range(3):
        changes = {"ticket_ids": [api.get("tickets", limit=1)["data"][0]["id"]], "updates": {"priority": ("low", "high", "normal")[n]}}
        done = api.call("POST", "jobs", 201, json={"type": "updateTicket", "params": changes})
        for _ in range(200):
            if api.get(f"jobs/{done['id']}")["status"] == "done":
                break
            time.sleep(0.05)
    for _ in range(3):
        api.call("POST", "jobs", 201, json={"type": "exportTicket", "params": {}, "scheduled_datetime": soon})


def ids_of(api, document):
    """Some ids of each list, by its path."""
    found = {}
    for path, methods in document["paths"].items():
        if "get" not in methods or "{" in path:
            continue
        for query in ("?object_type=Ticket", "?object_type=Customer") if path == "/api/custom-fields" else ("",):
            answer = api.http.get(api.root + path + query, timeout=30)
            rows = answer.json().get("data", []) if answer.status_code == 200 else []
            keys = [row.get("id", row.get("slug")) for row in rows if isinstance(row, dict)]
            keys = [key for key in keys[-8:] if key is not None]
            found.setdefault(path, []).extend(keys)
            if query:
                kind = query.rpartition("=")[2].lower()
                found[f"/api/{kind}s/{{{kind}_id}}/custom-fields"] = keys
    return found


def main():
    with demo() as info:
        answer = requests.get(info["url"] + "/openapi/gorgias.json", timeout=30)
        check(answer.status_code == 200, f"the document: {answer.status_code}")
        document = answer.json()
        scopes = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]["scopes"]
        granted = install(info, " ".join(scopes))
        token = granted["access_token"]
        check(set(granted["scope"].split()) == set(scopes), f"granted {granted['scope']}")
        step("a token with every scope of the document")
        api = Api(info, token)
        furnish(api)
        attack(info["url"] + "/openapi/gorgias.json", document, token, ids_of(api, document), LISTS, LEFT_OUT, NOTHING_THERE)
        api.call("GET", "account", 200)
        step("no answer of 500 or above, none that differs from the document, none without a credential")
    print("the Schemathesis run ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
