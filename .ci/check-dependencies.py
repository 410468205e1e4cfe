#!/usr/bin/env python3
"""Checks every dependency against deny.toml: licences, banned crates, sources, wildcards, the committed lock file.

It reads the rules from deny.toml, so cargo-deny and this script cannot disagree. It exists because building cargo-deny
takes longer than building the product. It does not know security advisories: `cargo deny check advisories` does.
`--self-test` checks the parser of licence expressions.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit("check-dependencies: needs Python 3.11 or newer (for tomllib)")

ROOT = Path(__file__).resolve().parent.parent


class BadExpression(Exception):
    """A licence expression that is not SPDX."""


def allowed(expression: str, allow: set[str]) -> bool:
    """Whether somebody who accepts exactly the licences of `allow` can accept this SPDX expression.

    Grammar (SPDX 2.3, annex D): `or := and (OR and)*`, `and := simple (AND simple)*`,
    `simple := '(' or ')' | id [WITH exception]`. Old manifests write `/` for OR.
    """
    tokens = re.findall(r"[()]|[A-Za-z0-9.+:-]+", expression.replace("/", " OR "))
    if re.sub(r"[()\sA-Za-z0-9.+:/-]", "", expression):
        raise BadExpression(f"strange characters in {expression!r}")
    position = 0

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def take() -> str:
        nonlocal position
        token = peek()
        if token is None:
            raise BadExpression(f"{expression!r} ends too early")
        position += 1
        return token

    def either() -> bool:
        verdict = both()
        while peek() == "OR":
            take()
            # Both sides are parsed, whatever the verdict so far, so that a bad right side is found.
            right = both()
            verdict = verdict or right
        return verdict

    def both() -> bool:
        verdict = simple()
        while peek() == "AND":
            take()
            right = simple()
            verdict = verdict and right
        return verdict

    def simple() -> bool:
        token = take()
        if token == "(":
            verdict = either()
            if take() != ")":
                raise BadExpression(f"{expression!r} lacks a closing bracket")
            return verdict
        if token in (")", "OR", "AND", "WITH"):
            raise BadExpression(f"{token} at a wrong place in {expression!r}")
        if peek() == "WITH":
            take()
            return f"{token} WITH {take()}" in allow
        # `+` is "or later": acceptable when the named version is.
        return token in allow or token.removesuffix("+") in allow

    verdict = either()
    if peek() is not None:
        raise BadExpression(f"{expression!r} goes on after its end")
    return verdict


def self_test() -> None:
    allow = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}
    for expression, verdict in {
        "MIT": True,
        "GPL-3.0": False,
        "MIT OR GPL-3.0": True,
        "GPL-3.0 OR MIT": True,
        "MIT AND GPL-3.0": False,
        "MIT/Apache-2.0": True,
        "(MIT OR GPL-3.0) AND Apache-2.0": True,
        "MIT OR Apache-2.0 AND GPL-3.0": True,
        "(MIT OR Apache-2.0) AND GPL-3.0": False,
        "Apache-2.0 WITH LLVM-exception": True,
        "MIT WITH LLVM-exception": False,
        "GPL-2.0 WITH Classpath-exception-2.0 OR MIT": True,
    }.items():
        assert allowed(expression, allow) is verdict, expression
    for expression in ("", "MIT OR", "(MIT", "MIT MIT", "AND", "MIT, Apache-2.0"):
        try:
            allowed(expression, allow)
        except BadExpression:
            continue
        raise AssertionError(f"{expression!r} was parsed")


def problems_of(package: dict, rules: dict, dependants: dict[str, set[str]]) -> list[str]:
    """Everything deny.toml has against one package of `cargo metadata`."""
    name, found = package["name"], []
    allow = set(rules["licenses"]["allow"])
    for exception in rules["licenses"].get("exceptions", []):
        if exception.get("crate", exception.get("name")) == name:
            allow |= set(exception["allow"])
    if not package["license"]:
        found.append("has no licence expression; read its licence file and add an exception or do without it")
    else:
        try:
            if not allowed(package["license"], allow):
                found.append(f"is licensed {package['license']!r}, which deny.toml does not allow")
        except BadExpression as problem:
            found.append(str(problem))
    for ban in rules["bans"]["deny"]:
        if ban.get("crate", ban.get("name")) == name:
            outsiders = dependants.get(package["id"], set()) - set(ban.get("wrappers", []))
            if outsiders or not ban.get("wrappers"):
                wanted_by = ", ".join(sorted(outsiders)) or "nothing"
                found.append(f"is banned ({ban.get('reason', 'no reason given')}); wanted by {wanted_by}")
    source = package["source"]
    if source is not None and source.removeprefix("registry+") not in rules["sources"]["allow-registry"]:
        found.append(f"comes from {source}, which deny.toml does not allow")
    if source is None and rules["bans"].get("wildcards") == "deny":
        for dependency in package["dependencies"]:
            if dependency["req"] == "*" and not dependency.get("path"):
                found.append(f"wants any version of {dependency['name']}")
    return found


def cargo(*arguments: str) -> str:
    """What cargo prints, with the committed lock file as it is."""
    return subprocess.run(["cargo", *arguments, "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def name_and_version(package: dict) -> tuple[str, str]:
    return package["name"], package["version"]


def built_packages() -> set[tuple[str, str]]:
    """What some build, on some platform, with some feature really compiles.

    `cargo metadata` also resolves optional dependencies that no feature turns on (`ring` through `rustls-webpki`);
    `cargo tree` does not.
    """
    tree = cargo("tree", "--workspace", "--all-features", "--target", "all", "--edges", "normal,build,dev", "--prefix", "none",
                 "--format", "{p}")
    words = (line.split() for line in tree.splitlines() if line.strip())
    return {(line[0], line[1].removeprefix("v")) for line in words}


def main() -> int:
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        return 0
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    failures = []
    tracked = subprocess.run(["git", "ls-files", "--error-unmatch", "Cargo.lock"], cwd=ROOT, capture_output=True)
    if tracked.returncode != 0:
        failures.append("Cargo.lock is not committed")
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--all-features"))
    packages = {package["id"]: package for package in metadata["packages"]}
    built = built_packages()
    dependants: dict[str, set[str]] = {}
    for node in metadata["resolve"]["nodes"]:
        if name_and_version(packages[node["id"]]) in built:
            for dependency in node["deps"]:
                dependants.setdefault(dependency["pkg"], set()).add(packages[node["id"]]["name"])
    checked = [package for package in packages.values() if name_and_version(package) in built]
    for package in checked:
        for problem in problems_of(package, rules, dependants):
            failures.append(f"{package['name']} {package['version']} {problem}")
    if len(checked) < len(built):
        failures.append(f"cargo tree names {len(built)} packages, cargo metadata knows {len(checked)} of them")
    for failure in sorted(failures):
        print(f"check-dependencies: {failure}", file=sys.stderr)
    print(f"check-dependencies: {len(checked)} packages, {len(failures)} problems")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
