"""A colleague sees what would come of it, and proposes exactly that, as themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from surfaces.console.served_console import ServedConsole, open_console, usd

from sayso.actions.model.definition import Assurance, Subject
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.resources.compose import Composition
from sayso.sdk.resources.tokens import Token

pytestmark = pytest.mark.promise("compose:proposed")
LIMITS = """
[[limit]]
id     = "day"
say    = "refunds of the help desk"
of     = "tenant"
action = "shop.refund"
sum    = { USD = 500 }
per    = "day"
"""
REFUND = Composition(
    customer="cus_1",
    action="shop.refund",
    args={"order": "o1", "amount": usd(8_000)},
    why="The kettle leaks; I saw the photo.",
)


async def token_of(console: ServedConsole, person: str) -> Token:
    """How the console knows somebody who has signed in."""
    return (await console.sayso.sessions.check(await console.sign_in(person))).token


@asynccontextmanager
async def composing(folder: Path, **tables: Any) -> AsyncGenerator[tuple[ServedConsole, Token]]:
    """A console, and maria."""
    async with open_console(folder, **tables) as console:
        yield console, await token_of(console, "maria")


async def refused(call: Any) -> Code:
    """The code of a refusal."""
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.code


async def test_it_is_proposed_as_it_was_judged_and_never_approved_by_its_proposer(
    tmp_path: Path,
) -> None:
    """Judged before anything is stored; then a card for others; the log says by what she acted."""
    async with composing(tmp_path) as (console, maria):
        compose, sayso = console.sayso.compose, console.sayso
        seen = await compose.judge(REFUND, by=maria)
        assert (seen.verdict, seen.title) == ("asks", "Needs a support manager")
        assert seen.headline == "$80.00 to Ben Okafor"
        assert seen.why == "Above the automatic $50."
        assert await sayso.actions.list() == []
        action = await compose.propose(REFUND, by=maria, digest=seen.digest, key="k", via="console")
        assert action.status == "pending_approval"
        view = await sayso.solutions.get(action.approval.id if action.approval else "")
        assert (view.proposed_by, view.lead.quote) == ("maria", REFUND.why)

        async def say_yes(person: str) -> None:
            await sayso.solutions.answer(
                view.id,
                "approve",
                token=await console.sign_in(person),
                revision=view.revision,
                digest=view.digest,
            )

        assert await refused(say_yes("maria")) is Code.OWN_REQUEST
        await say_yes("noor")
        assert console.shop.books.paid_out_minor == 8_000
        (asked,) = [one for one in await sayso.audit.tail(20) if one.kind == "action.pending"]
        assert asked.actor == "person:maria"
        assert asked.body["data"]["via"] == "console"
        assert asked.body["data"]["credential"] == maria.id
        assert sayso.audit.verify(deep=True).exit_status == 0


async def test_what_runs_by_itself_is_done_once_however_often_it_is_sent(tmp_path: Path) -> None:
    """Two at once with one key, and once more afterwards, when it would be judged otherwise."""
    async with composing(tmp_path) as (console, maria):
        small = replace(REFUND, args={"order": "o1", "amount": usd(4_000)})
        seen = await console.sayso.compose.judge(small, by=maria)
        assert (seen.verdict, seen.title, seen.why) == ("runs", "Runs by itself", "Starts at once.")
        both = await asyncio.gather(
            *(
                console.sayso.compose.propose(small, by=maria, digest=seen.digest, key="one")
                for _ in range(2)
            )
        )
        again = await console.sayso.compose.propose(small, by=maria, digest=seen.digest, key="one")
        assert {one.id for one in (*both, again)} == {again.id}
        assert [one.amount for one in console.shop.books.payouts] == [Money(4_000, "USD")]
        other = replace(small, args={"order": "o1", "amount": usd(4_100)})
        fresh = await console.sayso.compose.judge(other, by=maria)
        conflict = console.sayso.compose.propose(other, by=maria, digest=fresh.digest, key="one")
        assert await refused(conflict) is Code.IDEMPOTENCY_CONFLICT
        noor = await token_of(console, "noor")
        hers = await console.sayso.compose.judge(small, by=noor)
        done = await console.sayso.compose.propose(small, by=noor, digest=hers.digest, key="one")
        assert done.id != again.id, "nobody hits another one's key"
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_is_judged_otherwise_meanwhile_is_shown_again(tmp_path: Path) -> None:
    """More money gone, another text, another customer, no digest: nothing is proposed."""
    async with composing(tmp_path) as (console, maria):
        compose = console.sayso.compose
        small = replace(REFUND, args={"order": "o1", "amount": usd(4_000)})
        seen = await compose.judge(small, by=maria)
        for other in (
            replace(small, why="something else"),
            replace(small, args={"order": "o1", "amount": usd(5_000)}),
            replace(small, customer="cus_2", args={"order": "o2", "amount": usd(4_000)}),
        ):
            wrong = compose.propose(other, by=maria, digest=seen.digest, key="k")
            assert await refused(wrong) is Code.DIGEST_MISMATCH
        assert await refused(compose.propose(small, by=maria, digest="", key="k")) is (
            Code.DIGEST_MISMATCH
        )
        for number in range(3):  # what runs by itself does so three times in 30 days
            await console.sayso.propose(
                "shop.refund",
                {"order": "o1", "amount": usd(100 + number)},
                subject="cus_1",
            )
        assert await refused(compose.propose(small, by=maria, digest=seen.digest, key="k")) is (
            Code.DIGEST_MISMATCH
        )
        assert (await compose.judge(small, by=maria)).verdict == "asks"
        assert len(await console.sayso.actions.list()) == 3


async def test_what_cannot_be_done_says_why_and_has_no_digest(tmp_path: Path) -> None:
    """Of somebody else, too much, nonsense, no such action; what waits already is asked once."""
    async with composing(tmp_path) as (console, maria):
        compose = console.sayso.compose

        async def why(**changed: Any) -> str:
            found = await compose.judge(replace(REFUND, **changed), by=maria)
            assert (found.verdict, found.digest) == ("cannot", ""), found
            return found.why

        assert "another customer" in await why(args={"order": "o2"})
        assert "are left" in await why(args={"order": "o1", "amount": usd(200_000)})
        assert await why(args={"order": 7})
        assert await why(args={"order": "o1", "strange": "x"})
        assert await why(action="shop.nothing")
        seen = await compose.judge(REFUND, by=maria)
        first = await compose.propose(REFUND, by=maria, digest=seen.digest, key="first")
        again = await compose.judge(REFUND, by=maria)
        assert again.unusual[0].startswith("Another is open for the same order")
        second = await compose.propose(REFUND, by=maria, digest=again.digest, key="second")
        assert second.id == first.id, "people are asked once"


async def test_limits_say_how_full_they_are_with_it(tmp_path: Path) -> None:
    """In the limit's own words, before and with this one, and what is too much."""
    (tmp_path / "limits.toml").write_text(LIMITS)
    section = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
    async with composing(tmp_path, policy_section=section) as (console, maria):
        await console.sayso.propose(
            "shop.refund", {"order": "o2", "amount": usd(4_120)}, subject="cus_2"
        )
        (met,) = (await console.sayso.compose.judge(REFUND, by=maria)).limits
        assert met.says == (
            "Refunds of the help desk, today: $41.20 of $500.00, with this one $121.20"
        )
        assert (round(met.share, 3), round(met.with_this, 3), met.over) == (0.082, 0.242, False)
        more = replace(REFUND, args={"order": "o1", "amount": usd(49_000)})
        over = await console.sayso.compose.judge(more, by=maria)
        assert over.limits[0].over
        assert over.limits[0].says.endswith("with this one $531.20: too much")


async def test_records_and_fields_come_from_the_shop_and_the_action(tmp_path: Path) -> None:
    """What the customer has; what can be done about it, with the fields that its arguments are."""
    async with composing(tmp_path) as (console, maria):
        compose = console.sayso.compose
        (order,) = await compose.records("cus_1", by=maria)
        assert (order.id, order.kind, order.left) == ("o1", "order", Money(100_000, "USD"))
        (refund,) = await compose.options(order)
        assert (refund.action, refund.target) == ("shop.refund", "order")
        (amount,) = refund.fields
        assert (amount.name, amount.kind, amount.currency) == ("amount", "money", "USD")
        assert amount.most == order.left
        without = {one.action: one for one in await compose.options(None)}
        assert "shop.refund" not in without
        assert [one.kind for one in without["shop.write"].fields] == ["line", "text"]


async def test_only_somebody_with_a_role_composes_for_whom_there_is(tmp_path: Path) -> None:
    """No role, no person, another tenant's customer, and a conversation of nobody knows whom."""
    async with composing(tmp_path) as (console, maria):
        compose, sayso = console.sayso.compose, console.sayso
        ada = await token_of(console, "ada")
        for call in (compose.judge(REFUND, by=ada), compose.records("cus_1", by=ada)):
            assert await refused(call) is Code.NOT_AN_APPROVER
        proposed = compose.propose(REFUND, by=ada, digest="x", key="k")
        assert await refused(proposed) is Code.NOT_AN_APPROVER
        service = replace(maria, kind="service")
        assert await refused(compose.records("cus_1", by=service)) is Code.FORBIDDEN
        by = By(actor=Actor(kind=ActorKind.SERVICE, id="test"))
        await sayso.people.add("other", "zoe", ("support_manager",), by=by)  # type: ignore[arg-type]
        theirs = await sayso.ask("cus_2", "I want a person", tenant="other")
        for customer in (theirs.id, "cst_none", "req_none", "act_none"):
            found = compose.records(customer, by=maria)
            assert await refused(found) is Code.NOT_FOUND, customer
            judged = compose.judge(replace(REFUND, customer=customer), by=maria)
            assert await refused(judged) is Code.NOT_FOUND, customer
        unknown = Subject(id="cus_3", assurance=Assurance.UNVERIFIED)
        request = await sayso.ask(unknown, "I want a person")
        assert await refused(compose.records(request.id, by=maria)) is Code.FORBIDDEN
        await sayso.customers.vouch(request.id, reason="called back", by=maria)
        assert [one.id for one in await compose.records(request.id, by=maria)] == ["o3"]
