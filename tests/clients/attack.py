"""Schemathesis over one dialect: what both runs share, and the hooks that it loads from here.

It looks for answers of 500 and above, for answers that differ from the document, and for calls that are let in without a credential. The seed is
fixed and the time is bounded. Two of three ids that it sends are those of real objects, so that calls meet something.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from journey import check

SECONDS = 240
SEED = 20261129
# What the document cannot say, or the dialects do on purpose: rules between fields, unknown fields of a body that are ignored.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "ignored_auth", "unsupported_method", "allow_header_conformance", "use_after_free"]
# Of so many calls one may never go well: one call may take away what another needs.
ONE_OF = 20
HERE = Path(__file__).resolve().parent
HOOKED = "BAILIWICK_ATTACK"


def called(document, left_out):
    calls = [(f"{method.upper()} {path}", told) for path, methods in document["paths"].items() for method, told in methods.items()]
    return {call for call, told in calls if told["operationId"] not in left_out}


def attack(address, document, token, ids, lists, left_out, nothing_there, seconds=SECONDS, one_of=ONE_OF, examples=None, unchecked=()):
    """Runs Schemathesis over the document at the address.

    `ids`: known ids by the path of their list; `lists`: which list a key of a query or body means, by its last word; `left_out`: ids of
    operations that are not called; `nothing_there`: parts of paths that cannot go well here; `examples`: only so many cases of each call, where
    there are too many calls to try all that the document tells apart. Arguments of the script go to Schemathesis.
    """
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.json"
        known.write_text(json.dumps({"ids": ids, "lists": lists}))
        phases = "examples,coverage,fuzzing" if examples is None else "examples,fuzzing"
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "run", address,
                   "--header", f"Authorization: Bearer {token}", "--checks", ",".join(check for check in CHECKS if check not in unchecked), "--seed", str(SEED),
                   "--phases", phases, *([] if examples is None else ["--max-examples", str(examples)]), "--max-time", str(seconds), "--workers", "1", "--continue-on-failure",
                   *(part for one in left_out for part in ("--exclude-operation-id", one)), "--generation-database", "none",
                   "--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "attack", "PYTHONPATH": str(HERE), HOOKED: str(known)}
        ended = subprocess.run(command + sys.argv[1:], cwd=folder, env=environment, timeout=seconds * 3)
        well = known.with_name("well.txt")
        never = called(document, left_out) - set(well.read_text().splitlines() if well.exists() else [])
        never = {call for call in never if not any(part in call for part in nothing_there)}
    check(ended.returncode == 0, f"Schemathesis found something: it ended with {ended.returncode}")
    # What only ever refuses has not been tried.
    check(sys.argv[1:] or len(never) * one_of <= len(called(document, left_out)), f"never answered with success: {sorted(never)}")


if HOOKED in os.environ:
    # Loaded by Schemathesis as its hooks.
    import schemathesis

    KNOWN = json.loads(Path(os.environ[HOOKED]).read_text())
    IDS, LISTS = KNOWN["ids"], KNOWN["lists"]
    # Lists by their last word.
    NAMED = {path.rsplit("/", 1)[-1]: known for path, known in IDS.items() if "{" not in path}

    def real(value, path, chance, below=None):
        """The same value, with real ids in the places of some."""
        if isinstance(value, dict):
            return {key: real(inner, path, chance, below if key == "id" else LISTS.get(key, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [real(inner, path, chance, below) for inner in value]
        # Plain ids are of what the path ends with.
        name = re.sub("/(un)?archive$", "", path).rsplit("/", 1)[-1] if below == "ids" else below
        known = NAMED.get(name)
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
            known = IDS.get(path.split("{" + name)[0].rstrip("/"))
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
            with Path(os.environ[HOOKED]).with_name("well.txt").open("a") as file:
                file.write(case.operation.label + "\n")
