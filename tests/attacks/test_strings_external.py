"""Attack strings of seven public collections, in every place that somebody else fills.

Each is at once a customer's name, the description of their charge, what they wrote, and what the
person who decided wrote. Beside them goes a customer of whom nothing is strange, and the same
happens to all: the same judgement, the same money, and pages that show the words as words.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console
from support.pages import ALLOWED, ATTRIBUTES, Tags
from support.workspace import make_workspace

from sayso import Sayso
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.sandbox import Sandbox
from sayso.sandbox.seed import DemoCharge, DemoCustomer, customer_rows
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.surfaces.cli.solution import solution_panel
from sayso.surfaces.slack import build_message, check_blocks

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
STRINGS = DATA / "attacks" / "strings.jsonl"
PLAIN = "Ana Torres"

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(not STRINGS.is_file(), reason=f"no {STRINGS}; set SAYSO_TEST_DATA"),
]


@cache
def strings() -> tuple[str, ...]:
    """Them all."""
    lines = STRINGS.read_text("utf-8").splitlines()
    return tuple(cast("dict[str, str]", json.loads(line))["text"] for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedShop:
    """A workspace at a sandbox that has a customer for each string."""

    sayso: Sayso
    sandbox: Sandbox

    async def refund(self, who: str, words: str) -> ActionView:
        """Ask for $129.00, which a manager has to allow."""
        return await self.sayso.propose(
            "stripe.refund",
            {"charge": f"ch_demo_{who}_1"},
            subject=f"cus_demo_{who}",
            reason=words[:4000],
        )

    async def decide(self, approval: ApprovalView, choice: DecisionChoice, words: str) -> str:
        """What became of it."""
        decided = await self.sayso.approvals.decide_as(
            Decision(
                tenant=self.sayso.container.tenant,
                approval_id=approval.id,
                choice=choice,
                person="maria",
                via="test",
                credential="host",
                revision=approval.revision,
                digest=approval.digest,
                reason_code="not_justified" if choice is DecisionChoice.REJECT else "",
                reason=words[:500],
            )
        )
        return (await self.sayso.actions.get(decided.action.id)).status


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncGenerator[AttackedShop]:
    """The log is verified at the end, each row rebuilt from it."""
    with Sandbox.start(seed="empty") as sandbox:
        for number, text in enumerate((PLAIN, *strings())):
            charge = DemoCharge(
                amount=12_900, currency="usd", days_ago=3, order=f"{3000 + number}: {text}"[:300]
            )
            who = DemoCustomer(
                who=str(number),
                name=text[:200],
                days=400,
                brand="visa",
                last4="4242",
                charges=(charge,),
            )
            sandbox.add(*customer_rows(who, int(sandbox.now().timestamp())))
        async with Sayso(make_workspace(folder, stripe_url=sandbox.url)) as sayso:
            yield AttackedShop(sayso=sayso, sandbox=sandbox)
            assert sayso.audit.verify(deep=True).exit_status == 0


async def test_no_string_changes_what_is_decided_or_paid(tmp_path: Path) -> None:
    """The rule, the people, the amount and the payee are those of the plain customer."""
    async with open_desk(tmp_path) as shop:
        plain = await shop.refund("0", PLAIN)
        assert plain.approval is not None
        for number, text in enumerate(strings(), start=1):
            view = await shop.refund(str(number), text)
            assert view.approval is not None, text
            assert view.decision == plain.decision, text
            assert view.approval.roles == plain.approval.roles, text
            for name in ("amount", "payee", "account", "why", "guarantee", "history"):
                assert view.approval.card[name] == plain.approval.card[name], (name, text)
            choice = DecisionChoice.APPROVE if number % 2 else DecisionChoice.REJECT
            status = await shop.decide(view.approval, choice, text)
            assert status == ("succeeded" if number % 2 else "rejected"), text
        refunds = shop.sandbox.books().effects
        assert len(refunds) == len(strings()) // 2


async def test_every_page_shows_strings_as_words(tmp_path: Path) -> None:
    """Terminal, Slack and the auditor's page: nothing is drawn over, mentioned, linked or run."""
    async with open_desk(tmp_path) as shop:
        for number, text in enumerate(strings(), start=1):
            view = await shop.refund(str(number), text)
            assert view.approval is not None, text
            solution = await shop.sayso.solutions.get(view.approval.id)
            _check_terminal(solution, text)
            message = build_message(solution, outcome_of(view.approval, view))
            assert check_blocks(message.blocks) == [], text
            await shop.decide(view.approval, DecisionChoice.REJECT, text)
            page = (await shop.sayso.audit.evidence_page(view.id)).decode()
            found = Tags()
            found.feed(page)
            assert found.names <= ALLOWED, (found.names - ALLOWED, text)
            assert found.attributes <= ATTRIBUTES, (found.attributes - ATTRIBUTES, text)


def _check_terminal(view: SolutionView, text: str) -> None:
    """Every line of the card is as wide as the terminal, and holds nothing that moves a cursor."""
    out = io.StringIO()
    console = Console(file=out, width=100, color_system=None)
    console.print(solution_panel(view))
    drawn = out.getvalue()
    assert all(char.isprintable() or char == "\n" for char in drawn), text
    assert {line[:1] for line in drawn.splitlines()} <= {"╭", "│", "╰"}, text
