"""What is asked for twice is asked of people once: an equal proposal joins the open card."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from actions.steps import (
    ASKED,
    MAIN,
    advance,
    assert_verified,
    bodies,
    code_of,
    decide,
    open_rows,
    propose,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.plan import Step
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.json import JsonObject
from sayso.sdk.views.rows import ActionView

BOT = Actor(kind=ActorKind.SERVICE, id="bot")
OTHER_BOT = Actor(kind=ActorKind.SERVICE, id="other-bot")
MARIA = Actor(kind=ActorKind.PERSON, id="maria")
NOOR = Actor(kind=ActorKind.PERSON, id="noor")
REFUND = Step(id="s1", action="shop.refund", args={"order": "o1", "amount": usd(ASKED)})


async def waiting(opened: ShopWorkspace) -> int:
    """How many approvals wait."""
    return len(await opened.sayso.approvals.list(status="pending"))


async def rows(opened: ShopWorkspace) -> list[ActionView]:
    """Every action, oldest first."""
    return list(reversed(await opened.sayso.actions.list()))


def joins(opened: ShopWorkspace) -> list[tuple[str, str]]:
    """Which actions were joined by the log, and who joined them."""
    found = cast("list[dict[str, Any]]", bodies(opened))
    said = [(body["data"], body["actor"]["id"]) for body in found]
    return [(data["joins"], who) for data, who in said if data.get("code") == "joined"]


@pytest.mark.promise("approvals:one-card")
async def test_an_equal_proposal_joins_the_open_card_and_both_keys_stand_for_it(
    tmp_path: Path,
) -> None:
    """One object, one open card; the second caller gets the same action, done once."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        first = await propose(opened, key="k1", requester=BOT)
        second = await propose(opened, key="k2", requester=OTHER_BOT)
        assert second.id == first.id
        assert second.approval is not None
        assert await waiting(opened) == 1
        assert joins(opened) == [(first.id, "other-bot")]
        await decide(opened, say(await shown(opened, first)))
        for key in ("k1", "k2"):
            again = await propose(opened, key=key)
            assert (again.id, again.status) == (first.id, "succeeded")
        assert len(opened.shop.books.payouts) == 1
        anew = await propose(opened, key="k3")
        assert anew.id != first.id
        assert anew.status == "pending_approval"
        assert_verified(opened)


@pytest.mark.promise("approvals:one-card")
async def test_ten_equal_proposals_at_once_are_one_card(tmp_path: Path) -> None:
    """Whoever commits first is joined by the others."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        views = await asyncio.gather(*(propose(opened, key=f"k{n}") for n in range(10)))
        assert len({view.id for view in views}) == 1
        assert await waiting(opened) == 1
        assert_verified(opened)


@pytest.mark.promise("approvals:one-card")
async def test_a_key_that_has_joined_still_refuses_other_content(tmp_path: Path) -> None:
    """A key stands for what was asked for under it."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened, key="k1")
        await propose(opened, key="k2")
        with pytest.raises(RefusedError) as refused:
            await propose(opened, ASKED + 1, key="k2")
        assert refused.value.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.promise("approvals:one-card")
async def test_another_amount_for_the_same_object_stands_and_its_card_says_so(
    tmp_path: Path,
) -> None:
    """They aren't equal; whoever decides sees that another is open."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", "o2")
        first = await propose(opened, ASKED)
        second = await propose(opened, ASKED + 100)
        elsewhere = await propose(opened, ASKED, order="o2")
        assert len({first.id, second.id, elsewhere.id}) == 3
        line = "Another is open for the same order: shop.refund, $129.00"
        assert line in (await shown(opened, second)).card["unusual"]
        for other in (first, elsewhere):
            found = (await shown(opened, other)).card["unusual"]
            assert not any("open for the same" in said for said in found)
        assert_verified(opened)


@pytest.mark.promise("approvals:one-card")
async def test_a_persons_request_is_never_put_under_another_name(tmp_path: Path) -> None:
    """Else they could approve what they asked for themselves."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        bots = await propose(opened, requester=BOT)
        marias = await propose(opened, requester=MARIA)
        assert marias.id != bots.id
        assert (await propose(opened, requester=MARIA)).id in {bots.id, marias.id}
        assert await code_of(opened, say(await shown(opened, marias))) == "own_request"
        assert_verified(opened)


@pytest.mark.promise("approvals:one-card")
async def test_a_service_joins_a_persons_card_and_the_person_still_may_not_decide(
    tmp_path: Path,
) -> None:
    """Who asked first stays who asked."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        marias = await propose(opened, requester=MARIA)
        assert (await propose(opened, requester=MARIA)).id == marias.id
        assert (await propose(opened, requester=BOT)).id == marias.id
        assert await code_of(opened, say(await shown(opened, marias))) == "own_request"
        assert await code_of(opened, say(await shown(opened, marias), "noor")) == "done"


@pytest.mark.promise("approvals:one-card")
async def test_two_steps_of_one_plan_are_not_joined_to_each_other(tmp_path: Path) -> None:
    """The customer asked for both, and one yes is for all of a plan."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        twin = Step(id="s2", action="shop.refund", args={"order": "o1", "amount": usd(ASKED)})
        steps = await submit_plan(opened, REFUND, twin)
        for step in steps:
            await opened.sayso.container.engine.advance(MAIN, step.id)
        assert [one.status for one in await rows(opened)] == ["pending_approval"] * 2


@pytest.mark.promise("approvals:one-card")
async def test_a_request_for_what_waits_already_makes_no_second_card(tmp_path: Path) -> None:
    """Its only step ends as joined, and names the action that waits."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        first = await propose(opened)
        (step,) = await submit_plan(opened, REFUND)
        view = await advance(opened, (await opened.sayso.actions.get(step.id)))
        assert view.status == "refused"
        assert view.error is not None
        assert (view.error.code, first.id in view.error.message) == ("joined", True)
        assert await waiting(opened) == 1
        assert_verified(opened)


@pytest.mark.promise("approvals:one-card")
async def test_a_dry_run_says_what_would_be_asked_and_joins_nothing(tmp_path: Path) -> None:
    """Whoever looks only is told what the policy says."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened)
        args: JsonObject = {"order": "o1", "amount": usd(ASKED)}
        judged = await opened.sayso.propose("shop.refund", args, subject="cus_1", dry_run=True)
        assert judged.status == "pending_approval"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:one-card")
async def test_whoever_writes_the_database_cannot_lead_a_key_to_another_action(
    tmp_path: Path,
) -> None:
    """The verifier notices, and the key opens nothing."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened, key="k1")
        await propose(opened, key="k2")
        other = await propose(opened, ASKED + 100)
        rows = open_rows(opened)
        (stored,) = rows.execute(
            "select error from action where idempotency_key like 'k2'"
        ).fetchone()
        changed = orjson.dumps({**orjson.loads(stored), "joins": other.id}).decode()
        rows.execute("update action set error = ? where idempotency_key = 'k2'", (changed,))
        rows.close()
        with pytest.raises(IntegrityError):
            await propose(opened, key="k2")
        assert opened.sayso.audit.verify(deep=True).verdict != "verified"
