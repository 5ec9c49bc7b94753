"""The policy in plain words: what is in force, what each rule says, and every version before."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.responses import Response

from sayso.errors import RefusedError
from sayso.nesting import read_toml
from sayso.sdk.resources.policy import PolicyTextView
from sayso.surfaces.console.rollout import SHARES, dials_by_action, limit_lines
from sayso.surfaces.console.rule import new_tables
from sayso.surfaces.console.visit import Visit

_RULE = re.compile(r"@id\(\"(?P<id>[^\"]{1,80})\"\)\s*@explain\(\"(?P<say>[^\"]{1,400})\"\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """A rule and what it says; `query` asks the log what it decided."""

    id: str
    say: str
    query: str


async def show_policy(visit: Visit) -> Response:
    """The page; `?version=N` shows what that version changed."""
    policy = visit.sayso.policy
    text = await policy.in_force()
    history = await policy.history(limit=50)
    said = visit.request.query_params.get("version", "")
    if not (said.isascii() and said.isdecimal() and len(said) < 7):
        said = ""
    changed: tuple[str, ...] = ()
    if said:
        try:
            changed = await _diff(visit, int(said))
        except RefusedError as error:
            return visit.refused(error)
    return visit.show(
        "policy.html",
        visit.page("Policy", "policy"),
        text=text,
        rules=() if text is None else rules_of(text),
        history=history,
        waits=[one for one in await policy.changes() if one.status == "waiting"],
        lacking=await policy.lacking(),
        tables={} if text is None else await new_tables(visit, text),
        limits=await limit_lines(visit),
        dials=() if text is None else await dials_by_action(visit),
        shares=SHARES,
        moved=visit.request.query_params.get("moved", ""),
        me=visit.person.id,
        shown=said,
        diff=changed,
    )


def rules_of(text: PolicyTextView) -> tuple[RulePage, ...]:
    """Every rule and every row that explains itself, in the order of the files."""
    return tuple(
        RulePage(id=name, say=say, query=f"rule:{name}")
        for file, content in sorted(text.files.items())
        for name, say in (
            _rows(PurePosixPath(file).stem, content)
            if file.endswith(".toml")
            else [(found["id"], found["say"]) for found in _RULE.finditer(content)]
        )
    )


def _rows(table: str, content: str) -> list[tuple[str, str]]:
    """The rows of a table with their sentences; limits and dials are no rows."""
    read = read_toml(content)
    return [
        (f"{table}.{row['id']}", row["say"])
        for sort in ("allow", "ask", "never")
        for row in read.get(sort, ())
    ]


async def _diff(visit: Visit, number: int) -> tuple[str, ...]:
    """What a version changed in its files, as lines."""
    now = await visit.sayso.policy.version(number)
    parent = now.version.parent
    before: Mapping[str, str] = {}
    if parent is not None:
        before = (await visit.sayso.policy.version(parent)).files
    lines: list[str] = []
    for name in sorted({*before, *now.files}):
        lines += difflib.unified_diff(
            before.get(name, "").splitlines(),
            now.files.get(name, "").splitlines(),
            f"{name} before",
            f"{name} in version {number}",
            lineterm="",
            n=2,
        )
    return tuple(lines[:600])
