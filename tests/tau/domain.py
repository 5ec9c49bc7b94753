"""What τ²-bench's domains have in common: records, tasks, cases, and a workspace for them."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.shop_workspace import make_shop_workspace

from sayso import Sayso, Subject
from sayso.actions.model.definition import Assurance
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.base import Connector
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ActionView

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TAU = DATA / "tau"
EXAMPLES = Path(__file__).parents[2] / "examples" / "tau2"
NEEDS_TAU = [
    pytest.mark.external_data,
    pytest.mark.skipif(not TAU.is_dir(), reason=f"no τ²-bench in {TAU}; set SAYSO_TEST_DATA"),
]
Json = dict[str, Any]


@cache
def records_of(domain: str) -> Json:
    """The records that every task begins with."""
    records: Json = json.loads(gzip.decompress((TAU / f"{domain}_db.json.gz").read_bytes()))
    return records


@cache
def tasks_of(domain: str) -> dict[str, Json]:
    """Its tasks by id; none where there is no data."""
    if not TAU.is_dir():
        return {}
    found = json.loads((TAU / f"{domain}_tasks_dev.json").read_text("utf-8"))
    return {task["id"]: task for task in found["tasks"]}


@cache
def cases_of(domain: str) -> list[Json]:
    """Its cases, each one call of a tool; none where there is no data."""
    if not TAU.is_dir():
        return []
    with gzip.open(TAU / f"{domain}_cases_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass(slots=True, kw_only=True)
class Confirming:
    """An open workspace with a domain's policy, and who passes on what customers confirm."""

    sayso: Sayso
    token: str

    async def ask(self, name: str, args: Json, session: str | None, stated: str) -> ActionView:
        """Ask for what a tool does, as the bot in a session with that customer.

        Whose profile it is about is never an argument: where it is the session's customer it is
        left out, and where it is another one it is passed on as the foreign argument that it is.

        Args:
            stated: whom it is about; without a session the customer is stated to be this one.
        """
        if stated == session or session is None:
            args.pop("user_id", None)
        assurance = Assurance.SIGNED_IN if session else Assurance.UNVERIFIED
        subject = Subject(id=session or stated, assurance=assurance)
        return await self.sayso.propose(name, args, subject=subject)

    async def confirm(self, view: ActionView, digest: str) -> ActionView:
        """The customer's yes to what was listed under that digest."""
        assert view.approval is not None, view
        return await self.sayso.approvals.decide(
            view.approval.id,
            "approve",
            token=self.token,
            revision=view.approval.revision,
            digest=digest,
        )

    async def reasons(self) -> set[str]:
        """Why the newest refusal was one, by the log: the policy's rules, else its code."""
        (entry,) = await self.sayso.audit.query("kind:action.refused", limit=1)
        rule = entry.body.get("rule")
        return set(rule.split(",")) if rule else {entry.body["data"]["code"]}


@asynccontextmanager
async def open_domain(
    folder: Path, domain: str, connector: Connector
) -> AsyncGenerator[Confirming]:
    """A new workspace with the domain's policy; its log is verified at the end."""
    workspace = make_shop_workspace(
        folder,
        (EXAMPLES / f"{domain}.cedar").read_text("utf-8"),
        approvals={"roles": ["confirmation"]},
        people=[{"id": "desk", "roles": ["confirmation"]}],
    )
    async with Sayso(workspace, connectors=[connector]) as sayso:
        scopes = frozenset({Scope.DECIDE, Scope.READ})
        by = Actor(kind=ActorKind.SERVICE, id="test")
        tenant = sayso.container.tenant
        _, token = await sayso.tokens.create(tenant, "person", "desk", scopes, days=1, by=by)
        yield Confirming(sayso=sayso, token=token)
        assert sayso.audit.verify(deep=True).exit_status == 0


def counts(cases: Sequence[Json]) -> tuple[int, int, int]:
    """What is to be permitted, what refused, and what of that the benchmark's backend would do."""
    refused = [case for case in cases if case["expect"] == "refuse"]
    assert {case["cls"] for case in cases if case["expect"] != "refuse"} == {"gold"}
    accepted = sum(case["backend_accepts"] for case in refused)
    return len(cases) - len(refused), len(refused), accepted


def counted_in_docs(domain: str) -> tuple[int, int, int]:
    """The same by the row of that domain in the docs."""
    page = EXAMPLES.parents[1] / "docs" / "reference" / "policy.md"
    row = re.search(
        rf"^\| {domain} \|.*\| ([\d,]+) of \1 \| ([\d,]+) of \2 \| ([\d,]+) \|$",
        page.read_text("utf-8"),
        re.MULTILINE,
    )
    assert row is not None
    permitted, refused, accepted = (int(number.replace(",", "")) for number in row.groups())
    return permitted, refused, accepted
