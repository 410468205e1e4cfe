#!/usr/bin/env python3
"""Schemathesis attacks the Gorgias dialect with what its document allows and with what it does not.

It reads /openapi/gorgias.json from a demo, holds a token with every scope, and looks for answers of 500 and above, for answers that differ
from the document, and for calls that are let in without a credential. The seed is fixed and the time is bounded.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python schemathesis_run.py`. Further
arguments go to Schemathesis, for example `--include-operation-id tags.create`.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import requests

from gorgias_dialect import Api, install
from journey import Failed, check, demo, step

SECONDS = 120
SEED = 20261129
# What the document cannot say, or the dialect does on purpose: rules between fields, unknown fields of a body that are ignored.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "ignored_auth", "unsupported_method", "allow_header_conformance", "use_after_free"]
# A stream that goes on; and the end of the app that calls, whose token would open nothing any more.
LEFT_OUT = ["tickets.live", "apps.delete"]
# What cannot go well here: the demo has had no calls by telephone, which come from outside, and a signed address is not guessed.
NOTHING_THERE = ("/api/phone/", "/file", "/download/")
# Of so many others one may never go well: one call may take away what another needs.
ONE_OF = 20
HERE = Path(__file__).resolve().parent
IDS = "BAILIWICK_SCHEMATHESIS_IDS"


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


def called(document):
    calls = [(f"{method.upper()} {path}", told) for path, methods in document["paths"].items() for method, told in methods.items()]
    return {call for call, told in calls if told["operationId"] not in LEFT_OUT}


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
        with tempfile.TemporaryDirectory() as folder:
            ids = Path(folder) / "ids.json"
            ids.write_text(json.dumps(ids_of(api, document)))
            command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "run", info["url"] + "/openapi/gorgias.json",
                       "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--seed", str(SEED),
                       "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS), "--workers", "1", "--continue-on-failure",
                       *(part for one in LEFT_OUT for part in ("--exclude-operation-id", one)), "--generation-database", "none", "--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off"]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_run", "PYTHONPATH": str(HERE), IDS: str(ids)}
            ended = subprocess.run(command + sys.argv[1:], cwd=folder, env=environment, timeout=SECONDS * 3)
            well = ids.with_name("well.txt")
            never = called(document) - set(well.read_text().splitlines() if well.exists() else [])
            never = {call for call in never if not any(part in call for part in NOTHING_THERE)}
        check(ended.returncode == 0, f"Schemathesis found something: it ended with {ended.returncode}")
        # What only ever refuses has not been tried.
        check(sys.argv[1:] or len(never) * ONE_OF <= len(called(document)), f"never answered with success: {sorted(never)}")
        api.call("GET", "account", 200)
        step("no answer of 500 or above, none that differs from the document, none without a credential")
    print("the Schemathesis run ended well")


if IDS in os.environ:
    # Loaded by Schemathesis as its hooks: two of three ids are those of real objects, so that calls meet something.
    import schemathesis

    KNOWN = json.loads(Path(os.environ[IDS]).read_text())
    # Whose ids stand below a key, in a query or in a body.
    LISTS = {"customer_id": "customers", "source_id": "customers", "target_id": "customers", "customer": "customers", "sender": "customers",
             "receiver": "customers", "ticket_id": "tickets", "ticket_ids": "tickets", "object_id": "tickets", "source_tickets_ids": "tickets",
             "message_ids": "messages", "user_ids": "users", "agents": "users", "members": "users", "assignee_user": "users",
             "mention_ids": "users", "assignee_team": "teams", "rule_id": "rules", "priorities": "rules", "source_tags_ids": "tags",
             "custom_fields": "custom-fields", "view_id": "views", "integration_id": "integrations"}

    def real(value, path, chance, below=None):
        """The same value, with real ids in the places of some."""
        if isinstance(value, dict):
            return {key: real(inner, path, chance, below if key == "id" else LISTS.get(key, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [real(inner, path, chance, below) for inner in value]
        # Plain ids are of what the path ends with.
        name = re.sub("/(un)?archive$", "", path).rsplit("/", 1)[-1] if below == "ids" else below
        known = KNOWN.get(f"/api/{name}")
        number = isinstance(value, int) and not isinstance(value, bool)
        return chance.choice(known) if known and number and chance.random() < 0.66 else value

    def chance_of(context, value):
        path = context.operation.path if context.operation is not None else ""
        return path, random.Random(json.dumps([path, value], sort_keys=True, default=repr))

    @schemathesis.hook
    def map_path_parameters(context, path_parameters):
        path, chance = chance_of(context, path_parameters)
        changed = dict(path_parameters or {})
        for name in changed:
            known = KNOWN.get(path.split("{" + name)[0].rstrip("/"))
            if known and chance.random() < 0.66:
                changed[name] = chance.choice(known)
        return changed

    @schemathesis.hook
    def map_query(context, query):
        path, chance = chance_of(context, query)
        return real(query, path, chance) if isinstance(query, dict) else query

    @schemathesis.hook
    def map_body(context, body):
        path, chance = chance_of(context, body)
        return real(body, path, chance, "custom-fields") if isinstance(body, (dict, list)) else body

    @schemathesis.hook
    def before_call(context, case, kwargs):
        # The field that a value belongs to stands in the path and in the body.
        if case.path.endswith("/custom-fields/{id}") and isinstance(case.body, dict) and isinstance(case.body.get("id"), int):
            case.body["id"] = case.path_parameters.get("id")

    WENT_WELL = set()

    @schemathesis.hook
    def after_call(context, case, response):
        if 200 <= response.status_code < 300 and case.operation.label not in WENT_WELL:
            WENT_WELL.add(case.operation.label)
            with Path(os.environ[IDS]).with_name("well.txt").open("a") as file:
                file.write(case.operation.label + "\n")


elif __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
