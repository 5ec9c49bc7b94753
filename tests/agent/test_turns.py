"""How many turns a clear request takes: what a person decides about is not restated first."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.workspace import make_workspace

from sayso import Sayso
from sayso.actions.policy.cedar import read_default_policy
from sayso.sandbox import Sandbox

POLICY = "\n".join(read_default_policy(["stripe", "email"]).values())
NAMED = '[planner.confirm]\ndefault = "named"\n'


@asynccontextmanager
async def shop(folder: Path, more: str = "") -> AsyncGenerator[tuple[Sayso, Sandbox]]:
    """A workspace as `sayso init` makes it, with the default policy."""
    with Sandbox.start(seed="demo") as sandbox:
        workspace = make_workspace(folder / "ws", stripe_url=sandbox.url, policy=POLICY, more=more)
        async with Sayso(workspace) as sayso:
            yield sayso, sandbox


@pytest.mark.promise("agent:few-turns")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("The mugs arrived broken, please refund order 1042.", "pending_approval"),
        ("Please give me a $10 credit for the trouble", "succeeded"),
        ("Please cancel my subscription, I hardly use it", "succeeded"),
    ],
)
async def test_a_named_plan_is_not_restated(tmp_path: Path, words: str, status: str) -> None:
    """Where a person decides anyway, and where it can be taken back and the policy allows it."""
    async with shop(tmp_path) as (sayso, sandbox):
        view = await sayso.ask("cus_demo_ana", words)
        assert [action.status for action in view.actions] == [status], view
        assert len(sandbox.books().effects) == (status == "succeeded")
        assert sayso.audit.verify(deep=True).exit_status == 0


@pytest.mark.promise("agent:few-turns")
@pytest.mark.parametrize(("more", "status"), [("", "needs_customer"), (NAMED, "answered")])
async def test_a_small_refund_goes_by_the_policy_where_the_workspace_says_so(
    tmp_path: Path, more: str, status: str
) -> None:
    """It cannot be taken back, so it is restated unless `named` is set."""
    async with shop(tmp_path, more) as (sayso, sandbox):
        view = await sayso.ask("cus_demo_ana", "The towels lost their colour, refund them please")
        assert view.status == status, view
        assert len(sandbox.books().effects) == (status == "answered")


@pytest.mark.promise("agent:doubted")
async def test_a_word_against_the_plan_needs_more_than_a_bare_yes(tmp_path: Path) -> None:
    """Restated, and after the yes a person decides about what the policy would have allowed."""
    async with shop(tmp_path, NAMED) as (sayso, sandbox):
        words = "Refund the towels please. Can you refund half used ones in general?"
        asked = await sayso.ask("cus_demo_ana", words)
        if asked.question is None or asked.question.plan is None:
            pytest.fail(f"not restated: {asked}")
        done = await sayso.requests.answer(asked.id, "yes", question=asked.question.number)
        assert [action.status for action in done.actions] == ["pending_approval"]
        assert (done.actions[0].planner or "").endswith("@yes")
        assert sandbox.books().effects == ()
