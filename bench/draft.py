"""How right a draft is: `python -m bench.draft [--json] [--show]`.

Every action of a shipped manifest whose provider's description is in `SAYSO_TEST_DATA` (or
../shared/data) is drafted from that description alone, and each field that decides something is
compared with the manifest that people have reviewed. A field is *right* when both say the same,
also when both leave it out; *wrong* when the draft says something else; *asked* when it says
nothing, or leaves a question where the manifest has an answer or none.

Names of ours (of a read, an argument, an action) are no difference: `payment.customer_id` and
`charge.customer_id` are one path.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from sayso.connectors.describe.graphql import GraphQl
from sayso.connectors.describe.openapi import OpenApi
from sayso.connectors.draft.graphql import draft_graphql
from sayso.connectors.draft.openapi import draft_openapi
from sayso.connectors.manifest.source import read_source
from sayso.connectors.manifests import SHIPPED

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
RIGHT_BAR, WRONG_BAR = 0.75, 0.05
METHODS = ("get", "post", "put", "patch", "delete")
DESCRIBED = {
    "intercom": ("intercom_openapi_2.16.yaml.gz",),
    "jira": ("providers/jira_platform_v3.json.gz",),
    "paypal": (
        "providers/paypal_payments_v2.json.gz",
        "providers/paypal_subscriptions_v1.json.gz",
    ),
    "sendgrid": (
        "providers/sendgrid_suppressions_v3.json.gz",
        "providers/sendgrid_mail_v3.json.gz",
    ),
    "shopify": ("shopify_admin_2026-10_introspection.json.gz",),
    "square": ("providers/square_2025-08-20.json.gz",),
    "twilio": ("providers/twilio_conversations_v1.json.gz", "providers/twilio_api_v2010.json.gz"),
}
"""Stripe's description there tells no answers, and Chargebee's is of another version."""
Verdict = Literal["right", "wrong", "asked"]
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One field of one action.

    Attributes:
        where: connector and action. field: such as `owner`. verdict: what it is.
        reviewed, drafted: as they were compared; None for nothing.
    """

    where: str
    field: str
    verdict: Verdict
    reviewed: str | None
    drafted: str | None


def compare_all() -> list[Compared]:
    """Every action of every manifest whose description is here."""
    return [one for name, files in DESCRIBED.items() for one in compare(name, files)]


def compare(name: str, files: tuple[str, ...]) -> Iterator[Compared]:
    """The actions of a shipped manifest."""
    path = SHIPPED / f"{name}.toml"
    reviewed = read_source(path.read_bytes(), path.name).manifest
    manifest = reviewed.model_dump(by_alias=True, exclude_none=True)
    described = [_read(DATA / "specs" / one) for one in files]
    told = set[str]()
    for verb, action in manifest["actions"].items():
        text = _drafted(described, name, action)
        if text is None:
            continue
        draft = tomllib.loads(text)
        ((drafted_verb, drafted),) = draft["actions"].items()
        asked = set(re.findall(r"(?m)^# ASK ([\w.]+):", text))
        both = (manifest, action), (draft, drafted)
        for one in _fields(f"{name}.{verb}", *both, asked - {drafted_verb}):
            if one.field not in _OF_THE_CONNECTION or one.field not in told:
                yield one
            told.add(one.field)


def _read(path: Path) -> OpenApi | GraphQl:
    return GraphQl.read(path) if GraphQl.looks_like(path) else OpenApi.read(path)


def _drafted(described: list[OpenApi | GraphQl], name: str, action: Table) -> str | None:
    """A draft of the one action; None where no description has its operation."""
    call = cast("Table", action["call"])
    for one in described:
        if isinstance(one, GraphQl):
            top = re.search(r"\{\s*(\w+)", str(call["mutation"]))
            if top is not None:
                return draft_graphql(one, name, "schema", [top[1]]).text
            continue
        method, path = _request(call)
        wanted = re.sub(r"\{[^{}]*\}", "{}", path or "")
        for operation in one.operations:
            whole = {
                re.sub(r"\{[^{}]*\}", "{}", prefix + operation.path) for prefix in _prefixes(one)
            }
            if operation.method == method and (
                wanted in whole or any(each.endswith(wanted) for each in whole)
            ):
                named = f"{operation.method} {operation.path}"
                return draft_openapi(one, name, "spec", [named]).text
    return None


def _prefixes(described: OpenApi) -> list[str]:
    return ["", *described.prefixes]


def _request(table: Table) -> tuple[str, str | None]:
    for method in METHODS:
        if method in table:
            path = str(table[method])
            return method.upper(), urlsplit(path).path if path.startswith("https:") else path
    return "", None


# ---- what is compared --------------------------------------------------------------------------

_OF_THE_CONNECTION = ("base", "auth", "account", "errors_at.message", "errors_at.code")


def _fields(
    where: str, reviewed: tuple[Table, Table], drafted: tuple[Table, Table], asked: set[str]
) -> Iterator[Compared]:
    mine, theirs = _values(*reviewed), _values(*drafted)
    objects = _reads(*reviewed)
    for field, truth in mine.items():
        said = theirs.get(field)
        same = said == truth
        if field == "object":
            same = said in objects if said is not None else truth is None
        elif field == "base" and said is not None and truth is not None:
            same = re.fullmatch(re.escape(truth).replace(r"\{\}", "[a-z0-9-]+"), said) is not None
        verdict: Verdict = "right" if same else "wrong"
        if said is None and (truth is not None or _is_asked(field, asked)):
            # NOTE: a question about what there is not costs as much as one about what there is.
            verdict = "asked"
        yield Compared(where=where, field=field, verdict=verdict, reviewed=truth, drafted=said)
    sent, guessed = _keys(reviewed[1]["call"]), _keys(drafted[1]["call"])
    for key in sorted(sent | guessed):
        verdict = "right" if key in sent & guessed else "wrong" if key in guessed else "asked"
        told = (key if key in sent else None, key if key in guessed else None)
        yield Compared(
            where=where, field="call.body", verdict=verdict, reviewed=told[0], drafted=told[1]
        )


def _is_asked(field: str, asked: set[str]) -> bool:
    return any(
        one == field or one.startswith(f"{field}.") or one.endswith(f".{field}") for one in asked
    )


def _values(manifest: Table, action: Table) -> dict[str, str | None]:
    connection = cast("Table", manifest.get("connection", {}))
    account = cast("Table", connection.get("account", {}))
    errors = cast("Table", manifest.get("errors_at", {}))
    call = cast("Table", action.get("call", {}))
    receipt = cast("Table", call.get("receipt", {}))
    owner = cast("Table", action.get("owner", {}))
    look_up = cast("Table", action.get("look_up", {}))
    found: dict[str, object] = {
        "base": _host(connection.get("base")),
        "auth": connection.get("auth", {}).get("kind"),
        "account": _request(account)[1] or _top(account.get("query")),
        "errors_at.message": errors.get("message"),
        "errors_at.code": errors.get("code"),
        "effect": action.get("effect"),
        "object": next(iter(_reads(manifest, action)), None),
        "object.id": action.get("object", {}).get("id"),
        "owner": owner.get("path") or owner.get("any") or ("none" if owner else None),
        "money.unit": manifest.get("money", {}).get("unit") if action.get("amount") else None,
        "amount.arg": action.get("amount", {}).get("arg"),
        "call": _request(call)[1] or _top(call.get("mutation")),
        "key": call.get("key", {}).get("at"),
        "reference": call.get("reference", {}).get("at"),
        "receipt.id": receipt.get("id"),
        "receipt.status": receipt.get("status"),
        "receipt.ours": receipt.get("ours"),
        "look_up": _request(look_up)[1] or _top(look_up.get("query")),
        "look_up.items": look_up.get("items"),
        "records": _records(manifest, action),
    }
    return {name: None if value is None else _bare(str(value)) for name, value in found.items()}


def _host(base: object) -> str | None:
    return re.sub(r"\{[^{}]*\}", "{}", urlsplit(str(base)).netloc) if base else None


def _reads(manifest: Table, action: Table) -> list[str]:
    """What is read before, by path, without our names."""
    found: list[str] = []
    for name in action.get("resolve", ()):
        read = action.get("reads", {}).get(name) or manifest.get("reads", {}).get(name)
        path = (_request(read)[1] or _top(read.get("query"))) if read else None
        found += [_bare(path)] if path else []
    return found


def _records(manifest: Table, action: Table) -> str | None:
    kind = action.get("object", {}).get("kind")
    table = manifest.get("records", {}).get(kind, {})
    return _request(table)[1] or _top(table.get("query"))


def _keys(call: Table) -> set[str]:
    """What is sent, by its outermost names."""
    body = cast("Table", call.get("json") or call.get("form") or call.get("variables") or {})
    key = str(cast("Table", call.get("key", {})).get("at", "")).partition(".")
    own = {key[2]} if key[0] in ("json", "form", "variables") else set[str]()
    return {re.sub(r"\[.*", "", name) for name in body} | own


def _top(document: object) -> str | None:
    found = re.search(r"\{\s*(\w+)", str(document)) if document else None
    return found[1] if found else None


def _bare(text: str) -> str:
    """Without our own names: placeholders empty, a path from what it was read as."""
    if re.fullmatch(r"'[^']*'", text):
        return "'a word of ours'"
    if "/" in text or "{" in text or re.fullmatch(r"[a-z0-9.-]+\.(com|net|io)", text):
        return re.sub(r"\{[^{}]*\}", "{}", text)
    text = re.sub(r"to_string\((.*?)\)", r"\1", text)
    text = re.sub(r" \|\| .*", "", text)
    return re.sub(r"^(?!header|json|form|variables)[a-z_]+\.(?=[A-Za-z_])", "", text)


def main(arguments: list[str]) -> int:
    """Compare, print, and say whether the aims are met."""
    if not (DATA / "specs").is_dir():
        sys.stderr.write(f"no public descriptions in {DATA}; set SAYSO_TEST_DATA\n")
        return 2
    found = compare_all()
    count = Counter(one.verdict for one in found)
    share = {name: count[name] / len(found) for name in ("right", "wrong", "asked")}
    ok = share["right"] >= RIGHT_BAR and share["wrong"] < WRONG_BAR
    by_field: dict[str, Counter[str]] = {}
    for one in found:
        by_field.setdefault(one.field, Counter())[one.verdict] += 1
    if "--json" in arguments:
        rows = [{"case": name, "value": value, "unit": "share"} for name, value in share.items()]
        sys.stdout.write(json.dumps({"name": "draft", "rows": rows, "ok": ok}) + "\n")
        return 0 if ok else 1
    if "--show" in arguments:
        for one in found:
            if one.verdict != "right":
                sys.stdout.write(
                    f"{one.verdict:6} {one.where:34} {one.field:18} "
                    f"{one.reviewed!s:44.44} {one.drafted!s:44.44}\n"
                )
    actions = len({one.where for one in found})
    sys.stdout.write(f"{len(found)} fields of {actions} actions of {len(DESCRIBED)} providers\n")
    for field, verdicts in by_field.items():
        shown = "  ".join(f"{verdicts[name]:3} {name}" for name in ("right", "wrong", "asked"))
        sys.stdout.write(f"  {field:18} {shown}\n")
    shown = ", ".join(f"{value:.0%} {name}" for name, value in share.items())
    sys.stdout.write(f"{shown}; aims: {RIGHT_BAR:.0%} right, under {WRONG_BAR:.0%} wrong\n")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
