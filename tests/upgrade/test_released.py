"""A workspace of every released version is opened by this code, and goes on (upgrade.md)."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest
from actions.steps import MAIN, decide, say
from support.canaries import said
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from support.shop_workspace import ShopWorkspace
from tree import ROOT
from upgrade.kept import DATA, STORES, Kept, kept_file, unpack

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store, plan_migration

VERSIONS = sorted({path.name.partition("-")[0] for path in DATA.glob("*.tar.xz")})
LEFT = {
    "pending": "pending_approval",
    "limited": "pending_approval",
    "approved": "approved",
    "stopped": "approved",
    "executing": "executing",
    "to look up": "unknown",
    "unknown": "unknown",
    "stale": "stale",
    "succeeded": "succeeded",
    "agreed": "succeeded",
    "lowered": "succeeded",
    "rejected": "rejected",
    "refused": "refused",
    "failed": "failed",
    "expired": "expired",
    "compensated": "compensated",
}
"""How the actions were left, by the word that is kept for each."""
REQUESTS = {
    "answered": "answered",
    "asked": "needs_customer",
    "acting": "acting",
    "handed_over": "handed_over",
    "received": "received",
}


@pytest.fixture(params=[(version, store) for version in VERSIONS for store in STORES], ids="-".join)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Kept]:
    """A workspace as a released version has left it, upgraded by this code."""
    version, store = request.param
    if store == "sqlite":
        yield upgraded(unpack(kept_file(version, store), tmp_path / "kept", None))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with fresh_database(server, template="template0") as url:
        yield upgraded(unpack(kept_file(version, store), tmp_path / "kept", url))


def upgraded(found: Kept) -> Kept:
    """The same after `sayso migrate`, which `--plan` foretold."""
    plan = plan_migration(found.workspace())
    assert plan.version > 0
    asyncio.run(open_store(found.workspace(), create=True).close())
    assert not plan_migration(found.workspace()).pending
    return found


def test_there_is_a_workspace_of_the_present_version() -> None:
    """`python tests/upgrade/make.py` makes it, at each release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for store in STORES:
        assert kept_file(project["version"], store).is_file(), project["version"]


@pytest.mark.promise("upgrade:released")
async def test_everything_is_as_it_was_left(kept: Kept) -> None:
    """Each state of an action and of a request is read as what it was, and the log verifies."""
    async with kept.opened() as sayso:
        for name, status in LEFT.items():
            assert (await sayso.actions.get(kept.ids[name])).status == status, name
        for name, status in REQUESTS.items():
            view = await sayso.requests.get(kept.ids[f"request {name}"])
            assert view.status == status, name
        assert [stop.id for stop in await sayso.stops.list()] == [kept.ids["stop"]]
        assert {one.id for one in await sayso.limits.list()} == {"of-a-customer", "cards"}
        assert [dial.id for dial in await sayso.rollout.list()] == ["refunds"]
        assert [passkey.person for passkey in (await sayso.passkeys.list()).passkeys] == ["maria"]
        assert len(await sayso.webhooks.list()) == 1
        assert len(await sayso.policy.history()) == 3
        assert [hold.released_at for hold in await sayso.privacy.holds()] == [None]
        assert len(await sayso.privacy.erasures()) == 1
        assert len(await sayso.audit.segments.sealed()) == 1
        assert_verified(sayso)


@pytest.mark.promise("upgrade:released")
async def test_it_goes_on(kept: Kept, tmp_path: Path) -> None:
    """People decide and settle, the customer answers, the stop ends, each effect is there once."""
    await goes_on(kept, tmp_path / "export")


async def goes_on(kept: Kept, export: Path) -> None:
    """Everything that was left comes to its end, once, and the log verifies."""
    async with kept.opened() as sayso:
        opened = ShopWorkspace(
            sayso=sayso, shop=kept.shop, clock=kept.clock, workspace=kept.workspace()
        )
        await decide_what_waits(opened, kept)
        await settle_the_unknown(sayso, kept)
        await answer_the_question(sayso, kept)
        await resume(sayso, kept)
        kept.clock.advance(minutes=5)
        await run_all(sayso, kept)
        statuses = {
            name: str((await sayso.actions.get(kept.ids[name])).status)
            for name in ("pending", "approved", "executing", "to look up", "unknown", "stopped")
        }
        assert statuses == {
            "pending": "succeeded",
            "approved": "succeeded",
            "executing": "succeeded",
            "to look up": "succeeded",
            "unknown": "succeeded",
            "stopped": "succeeded",
        }
        references = [payout.reference for payout in kept.shop.books.payouts]
        assert len(references) == len(set(references))
        assert {kept.ids[name] for name in statuses} - {kept.ids["unknown"]} <= set(references)
        for name in ("asked", "received"):
            view = await sayso.requests.get(kept.ids[f"request {name}"])
            assert view.status == "answered", (name, view)
        assert_verified(sayso)
        await sayso.audit.export(export)
    found = verify(export)
    assert found.verdict is Verdict.VERIFIED, found


async def decide_what_waits(opened: ShopWorkspace, kept: Kept) -> None:
    """A yes to what waits, a no to the rest, and an answer to the test card."""
    sayso = opened.sayso
    card = await sayso.canaries.get(kept.ids["test card"])
    assert card.solution is not None
    caught = await sayso.canaries.answer_as(said(card.solution, "reject"))
    assert caught.status == "caught"
    view = await sayso.actions.get(kept.ids["pending"])
    assert view.approval is not None
    await decide(opened, say(view.approval))
    view = await sayso.actions.get(kept.ids["limited"])
    assert view.approval is not None
    await decide(opened, say(view.approval, choice=DecisionChoice.REJECT))


async def settle_the_unknown(sayso: Sayso, kept: Kept) -> None:
    """A person has looked at the provider."""
    await sayso.actions.settle_as(
        ManualSettlement(
            tenant=MAIN,
            action_id=kept.ids["unknown"],
            outcome="succeeded",
            evidence="seen in the till",
            receipt_id=kept.tea.books.payouts[-1].id,
            person="maria",
            via="test",
            credential="host",
        )
    )


async def answer_the_question(sayso: Sayso, kept: Kept) -> None:
    """The customer says which order they mean."""
    asked = await sayso.requests.get(kept.ids["request asked"])
    assert asked.question is not None
    choice = asked.question.choices[0].value
    await sayso.requests.answer(asked.id, choice=choice, question=asked.question.number)


async def resume(sayso: Sayso, kept: Kept) -> None:
    """Two people let it go on."""
    for person in ("maria", "noor"):
        word = Resumption(
            tenant=MAIN,
            stop_id=kept.ids["stop"],
            person=person,
            via="test",
            credential="host",
            key=person,
        )
        await sayso.stops.resume_as(word)


async def run_all(sayso: Sayso, kept: Kept) -> None:
    """What is due is done, in turn, as the dispatcher would."""
    for _ in range(6):
        await sayso.container.dispatcher.drain()
        kept.clock.advance(minutes=2)


def assert_verified(sayso: Sayso) -> None:
    """Deep: every row against the log."""
    found = sayso.audit.verify()
    assert found.verdict is Verdict.VERIFIED, found
