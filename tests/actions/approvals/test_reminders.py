"""Timers of approvals: people are reminded, then another role may decide; rows, not tasks."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest
from actions.steps import assert_verified, bodies, propose, say, shown, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.errors import Code, ConfigError, RefusedError
from sayso.settings import parse_settings

ROLES = ("support_manager", "finance", "director")
PEOPLE = [
    {"id": "maria", "roles": ["support_manager"]},
    {"id": "finn", "roles": ["finance"]},
    {"id": "dora", "roles": ["director"]},
    {"id": "dirk", "roles": ["director"]},
]
TIMERS = {
    "roles": ROLES,
    "remind_after_minutes": 60,
    "escalate_after_minutes": 120,
    "escalate_to": "director",
}
MINUTE = 60


def timed(folder: Path, **approvals: object) -> AbstractAsyncContextManager[ShopWorkspace]:
    """A shop whose approvals have timers: 1 h, 2 h, and 8 h in all."""
    return open_shop(folder, people=PEOPLE, approvals={**TIMERS, **approvals})


async def pass_time(opened: ShopWorkspace, minutes: float) -> None:
    """Let time pass, and whatever is due be run."""
    opened.clock.advance(seconds=minutes * MINUTE)
    await opened.sayso.container.dispatcher.drain()


def told(opened: ShopWorkspace) -> list[str]:
    """The entries of timers, oldest first."""
    kinds = [str(body["kind"]) for body in bodies(opened)]
    return [kind for kind in kinds if kind in {"approval.reminded", "approval.escalated"}]


def messages(opened: ShopWorkspace) -> list[tuple[str, int]]:
    """What the surfaces are asked to tell: the approval, and how often."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
        return connection.execute(
            "select key, version from outbox where topic = 'reminder'"
        ).fetchall()


@pytest.mark.promise("approvals:reminded")
async def test_people_are_reminded_once_and_then_somebody_else_is_asked(tmp_path: Path) -> None:
    """An entry and a message each; the card, its state and its deadline stay as they are."""
    async with timed(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        card = await shown(opened, view)
        await pass_time(opened, 59)
        assert told(opened) == []
        await pass_time(opened, 1)
        assert told(opened) == ["approval.reminded"]
        await pass_time(opened, 59)
        assert told(opened) == ["approval.reminded"]
        await pass_time(opened, 1)
        assert told(opened) == ["approval.reminded", "approval.escalated"]
        assert messages(opened) == [(card.id, 2)]
        now = await shown(opened, view)
        assert now.escalated is not None
        assert now.model_copy(update={"escalated": None}) == card
        await pass_time(opened, 6 * 60)
        assert (await opened.sayso.actions.get(view.id)).status == "expired"
        assert len(told(opened)) == 2
        assert_verified(opened)


@pytest.mark.promise("approvals:reminded")
async def test_a_restart_forgets_no_timer(tmp_path: Path) -> None:
    """All of it while nothing ran: the next process tells, each once."""
    async with timed(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        clock, shop = opened.clock, opened.shop
    clock.advance(seconds=121 * MINUTE)
    for _ in range(2):
        async with open_shop(
            tmp_path, shop=shop, clock=clock, people=PEOPLE, approvals=TIMERS
        ) as later:
            await later.sayso.container.dispatcher.drain()
            assert told(later) == ["approval.reminded", "approval.escalated"]
            assert (await later.sayso.actions.get(view.id)).status == "pending_approval"


@pytest.mark.promise("approvals:escalated")
async def test_after_an_escalation_the_other_role_may_decide(tmp_path: Path) -> None:
    """Not before it; and then their yes counts for the role that was asked."""
    async with timed(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        card = await shown(opened, view)
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.approvals.decide_as(say(card, "dora"))
        assert caught.value.code is Code.NOT_AN_APPROVER
        await pass_time(opened, 120)
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.approvals.decide_as(
                say(card, "finn")
            )  # neither asked nor escalated to
        assert caught.value.code is Code.NOT_AN_APPROVER
        await opened.sayso.approvals.decide_as(say(card, "dora"))
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"
        assert len(opened.shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("approvals:escalated")
async def test_an_escalation_does_not_lower_how_many_people_are_needed(tmp_path: Path) -> None:
    """Two were asked, one of them from finance: one director alone is not two people."""
    async with timed(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 80_000)
        card = await shown(opened, view)
        await pass_time(opened, 120)
        await opened.sayso.approvals.decide_as(say(card, "dora"))
        assert (await opened.sayso.actions.get(view.id)).status == "pending_approval"
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.approvals.decide_as(say(card, "dora"))
        assert caught.value.code is Code.ALREADY_DECIDED
        await opened.sayso.approvals.decide_as(say(card, "dirk"))
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:escalated")
async def test_an_escalation_that_only_the_row_knows_counts_nothing(tmp_path: Path) -> None:
    """Somebody with the database points the row at another entry: no director may decide."""
    async with timed(tmp_path) as opened:
        stock(opened, "o1", "o2")
        first, second = await propose(opened), await propose(opened, order="o2")
        await pass_time(opened, 120)
        third = await propose(opened, 13_000)
        with closing(sqlite3.connect(opened.workspace.store_path)) as connection, connection:
            connection.execute(
                "update approval set escalated_seq = (select max(escalated_seq) from approval)"
            )
        place = _escalated(opened)
        for view in (third, second, first):
            card = await shown(opened, view)
            (escalated,) = [one["approval"] for one in bodies(opened) if one["seq"] == place]
            if card.id == escalated:
                continue
            with pytest.raises(RefusedError) as caught:
                await opened.sayso.approvals.decide_as(say(card, "dora"))
            assert caught.value.code is Code.NOT_AN_APPROVER


def _escalated(opened: ShopWorkspace) -> int:
    with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
        return int(connection.execute("select max(escalated_seq) from approval").fetchone()[0])


@pytest.mark.promise("approvals:escalated")
async def test_a_new_revision_is_not_escalated_yet(tmp_path: Path) -> None:
    """What was shown anew has its own time: people are reminded of it, and only then others."""
    async with timed(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 80_000)
        await pass_time(opened, 120)
        await opened.sayso.approvals.decide_as(
            say(
                await shown(opened, view),
                "maria",
                DecisionChoice.EDIT,
                args={"amount": {"amount_minor": 70_000, "currency": "USD"}},
            )
        )
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.approvals.decide_as(say(await shown(opened, view), "dora"))
        assert caught.value.code is Code.NOT_AN_APPROVER
        await pass_time(opened, 60)
        assert told(opened) == ["approval.reminded", "approval.escalated", "approval.reminded"]
        await pass_time(opened, 60)
        await opened.sayso.approvals.decide_as(say(await shown(opened, view), "dora"))
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"


async def test_without_timers_nothing_is_looked_at_before_the_end(tmp_path: Path) -> None:
    """Off by default: the row is due when the time to decide is over, and not before."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
            due, ends = connection.execute(
                "select a.due_at, p.expires_at from action a join approval p on p.action_id = a.id"
            ).fetchone()
        assert due == ends
        await pass_time(opened, 479)
        assert told(opened) == []
        await pass_time(opened, 1)
        assert (await opened.sayso.actions.get(view.id)).status == "expired"


@pytest.mark.parametrize(
    "wrong",
    [
        {"escalate_after_minutes": 60},
        {"escalate_to": "finance"},
        {"escalate_after_minutes": 60, "escalate_to": "director"},
        {"remind_after_minutes": 480},
        {"remind_after_minutes": 0},
        {"escalate_after_minutes": 900, "escalate_to": "finance"},
    ],
    ids=str,
)
def test_timers_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """`sayso check` says so, before anything waits for them."""
    with pytest.raises(ConfigError) as caught:
        parse_settings({"approvals": wrong}, "sayso.toml")
    assert caught.value.code is Code.INVALID_SETTING
