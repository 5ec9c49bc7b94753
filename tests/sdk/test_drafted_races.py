"""Two processes that propose the same draft, and one that dies at each boundary of doing it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from actions.policy.test_versions import token_of
from actions.steps import assert_verified
from agent.test_run import Scripted, plan, refund, stock
from support.shop import Shop
from support.shop_workspace import STORE_URLS, ShopWorkspace, open_shop

from sayso.actions.engine.engine import Boundary
from sayso.errors import Code, RefusedError
from sayso.money import Money

pytestmark = pytest.mark.promise("work:drafted")
WORDS = "please give me back $20.00 of order o1"


async def left_to_people(opened: ShopWorkspace) -> tuple[str, str]:
    """A request whose customer has not said yes for a day, and the digest of its draft."""
    stock(opened)
    asked = await opened.sayso.ask("cus_1", WORDS)
    opened.clock.advance(hours=25)
    draft = (await opened.sayso.work.get(asked.id)).draft
    assert draft is not None
    return asked.id, draft.digest


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_two_processes_one_wins(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """On both stores: one proposal, one refund, and the other one is told who was faster."""
    url = STORE_URLS[-1] if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    STORE_URLS.append(url)
    shop, confirm = Shop(), {"default": "always"}
    try:
        async with (
            open_shop(
                tmp_path, shop=shop, planner=Scripted(plan(refund(2000))), confirm=confirm
            ) as one,
            open_shop(tmp_path, shop=shop, confirm=confirm, clock=one.clock) as two,
        ):
            about, digest = await left_to_people(one)
            both = [
                (opened.sayso, await token_of(opened.sayso, person))
                for opened, person in ((one, "maria"), (two, "noor"))
            ]
            said = await asyncio.gather(
                *(
                    sayso.work.propose(about, token=token, digest=digest)
                    for sayso, token in both
                    for _ in range(3)
                ),
                return_exceptions=True,
            )
            failed = [answer for answer in said if isinstance(answer, RefusedError)]
            assert len(failed) == 5, said
            (entry,) = await one.sayso.audit.query("kind:request.proposed")
            winner = entry.actor.partition(":")[2]
            assert {error.code for error in failed} == {Code.ALREADY_IN_STATE}
            assert {error.message for error in failed} == {f"`{winner}` has proposed it already"}
            done = await two.sayso.requests.wait(about, 10)
            assert done.status == "answered"
            assert [payout.amount for payout in shop.books.payouts] == [Money(2000, "USD")]
            assert_verified(one)
    finally:
        STORE_URLS.pop()


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("boundary", Boundary, ids=lambda one: one.value)
async def test_who_dies_while_it_is_done_leaves_it_to_the_next(
    tmp_path: Path, boundary: Boundary
) -> None:
    """Whatever was reached by then, it is refunded once, and the customer is told."""
    shop, confirm = Shop(), {"default": "always"}

    def die(passed: Boundary) -> None:
        if passed is boundary:
            raise Died

    planner = Scripted(plan(refund(2000)))
    async with open_shop(tmp_path, shop=shop, planner=planner, confirm=confirm) as opened:
        about, digest = await left_to_people(opened)
        clock = opened.clock
    async with open_shop(tmp_path, shop=shop, confirm=confirm, clock=clock, passing=die) as opened:
        maria = await token_of(opened.sayso, "maria")
        request = await opened.sayso.work.propose(about, token=maria, digest=digest, wait_s=0)
        with pytest.raises(Died):
            await opened.sayso.container.engine.advance(opened.sayso.tenant, request.actions[0].id)
    clock.advance(hours=1)
    async with open_shop(tmp_path, shop=shop, confirm=confirm, clock=clock) as opened:
        for _ in range(4):
            await opened.sayso.container.engine.advance(opened.sayso.tenant, request.actions[0].id)
            await opened.sayso.container.agent.advance(opened.sayso.tenant, about)
            clock.advance(minutes=10)
        done = await opened.sayso.requests.get(about)
        assert (done.status, done.actions[0].status) == ("answered", "succeeded")
        assert len(shop.books.payouts) == 1
        assert_verified(opened)
