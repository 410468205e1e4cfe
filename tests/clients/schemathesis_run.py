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
from pathlib import Path

import requests

from gorgias_dialect import NOT_THERE_YET, Api, install, is_there
from journey import Failed, check, demo, step

SECONDS = 120
SEED = 20261129
# What the document cannot say, or the dialect does on purpose: rules between fields, unknown fields of a body that are ignored.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "ignored_auth", "unsupported_method", "allow_header_conformance", "use_after_free"]
HERE = Path(__file__).resolve().parent
IDS = "BAILIWICK_SCHEMATHESIS_IDS"


def furnish(api):
    """Adds one of each thing that the demo has none of, so that calls meet something."""
    text = {"data_type": "text", "input_settings": {"input_type": "input"}}
    rule = {"name": "Tag", "code": "if (eq(ticket.status, 'open')) { Action('addTags', { tags: 'seen' }) }", "event_types": "ticket-created"}
    for path, new in [("custom-fields", {"object_type": "Ticket", "label": "Size", "definition": text}),
                      ("custom-fields", {"object_type": "Customer", "label": "Shop", "definition": text}),
                      ("rules", rule), ("jobs", {"type": "exportTicket", "params": {}})]:
        api.call("POST", path, 201, json=new)


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
            found.setdefault(path, []).extend(key for key in keys[-8:] if key is not None)
    return found


def check_not_there(api, document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not (is_there(operation["tags"][0]) and is_there(operation["operationId"])):
                answer = requests.request(method, api.root + re.sub(r"\{.*?\}", "987654321", path), json={}, timeout=30)
                check(answer.status_code in (404, 405), f"{operation['operationId']} is there: {answer.status_code}")


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
        check_not_there(api, document)
        furnish(api)
        with tempfile.TemporaryDirectory() as folder:
            ids = Path(folder) / "ids.json"
            ids.write_text(json.dumps(ids_of(api, document)))
            command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "run", info["url"] + "/openapi/gorgias.json",
                       "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--seed", str(SEED),
                       "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS), "--workers", "1", "--continue-on-failure",
                       "--generation-database", "none", "--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off"]
            for name in NOT_THERE_YET:
                command += ["--exclude-operation-id" if "." in name else "--exclude-tag", name]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_run", "PYTHONPATH": str(HERE), IDS: str(ids)}
            ended = subprocess.run(command + sys.argv[1:], cwd=folder, env=environment, timeout=SECONDS * 3)
        check(ended.returncode == 0, f"Schemathesis found something: it ended with {ended.returncode}")
        api.call("GET", "account", 200)
        step("no answer of 500 or above, none that differs from the document, none without a credential")
    print("the Schemathesis run ended well")


if IDS in os.environ:
    # Loaded by Schemathesis as its hooks: two of three ids in paths are those of real objects.
    import schemathesis

    KNOWN = json.loads(Path(os.environ[IDS]).read_text())

    @schemathesis.hook
    def map_path_parameters(context, path_parameters):
        path = context.operation.path if context.operation is not None else ""
        chance = random.Random(json.dumps([path, path_parameters], sort_keys=True, default=str))
        changed = dict(path_parameters or {})
        for name in changed:
            known = KNOWN.get(path.split("{" + name)[0].rstrip("/"))
            if known and chance.random() < 0.66:
                changed[name] = chance.choice(known)
        return changed


elif __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
