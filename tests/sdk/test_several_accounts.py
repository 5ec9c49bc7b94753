"""One customer with accounts at a help desk, a shop and a payment provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from sdk.customers import MAIN
from support.shop_workspace import FOLLOWS, make_shop_workspace
from support.trio import POLICY, Place, Trio, make_trio

from bench.ask import longest_chain
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.plan import Handoff, OnFailure, Plan, Step
from sayso.actions.model.snapshot import Record, Resolved
from sayso.agent.base import Handles, Message
from sayso.audit.verifier.verification import Verdict
from sayso.connectors.person import Person
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock


async def say_yes(sayso: Sayso, asked: ActionView) -> None:
    """Maria, to what she was shown."""
    assert asked.approval is not None
    await sayso.approvals.decide_as(
        Decision(
            tenant=MAIN,
            approval_id=asked.approval.id,
            revision=asked.approval.revision,
            digest=asked.approval.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="test",
            credential="host",
        )
    )


T = TypeVar("T")
WORDS = "Please cancel order o_ada, refund $20.00 of payment p1 and answer ticket t1"
PLAYBOOKS = {
    "cancel": ("order", "store.cancel", "", ["cancel*"]),
    "back": ("payment", "pay.refund", ", amount = '{amount}'", ["refund*"]),
    "reply": ("ticket", "desk.reply", "", ["answer*", "reply*"]),
}
LINKS = {"desk.external_id": "pay", "pay.store_customer": "store"}


def usd(minor: int) -> JsonObject:
    return Money(minor, "USD").to_json()


def stocked() -> Trio:
    """Ada is 7723 at the desk, `cus_ada` at the payments and 7723 is somebody else at the shop."""
    trio = make_trio()
    trio.desk.person("7723", email="ada@example.com", email_verified=True)
    trio.pay.person("cus_ada", email="ada@example.com")
    trio.store.person("7723", email="eve@example.com")
    trio.store.person("1001", email="ada@example.com")
    trio.desk.thing("t1", "7723")
    trio.pay.thing("p1", "cus_ada", Money(3_000, "USD"))
    trio.store.thing("o_eve", "7723")
    trio.store.thing("o_ada", "1001")
    return trio


class Whole:
    """A planner that wants the whole solution: cancel, pay back, answer."""

    name = "scripted"

    def __init__(self, minor: int, on_failure: OnFailure = OnFailure.UNDO) -> None:
        self._minor, self._on_failure = minor, on_failure
        self.seen: list[str] = []

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        self.seen = sorted(handles.records)
        back: dict[str, JsonValue] = {"payment": "payment#1", "amount": usd(self._minor)}
        return Plan(
            steps=(
                Step(id="a", action="store.cancel", args={"order": "order#1"}, reason="as asked"),
                Step(id="b", action="pay.refund", args=back, after=("a",), reason="as asked"),
                Step(
                    id="c",
                    action="desk.reply",
                    args={"ticket": "ticket#1"},
                    after=("b",),
                    reason="as asked",
                ),
            ),
            planner="scripted",
            on_failure=self._on_failure,
        )


@asynccontextmanager
async def opened(
    folder: Path,
    trio: Trio,
    planner: Whole | None = None,
    passkey_from: str = "",
    **customers: object,
) -> AsyncGenerator[Sayso]:
    tables: dict[str, object] = {"customers": customers}
    if passkey_from:
        tables["approvals"] = {"passkey_from": {"USD": passkey_from}}
    workspace = make_shop_workspace(folder, POLICY, policy_section=FOLLOWS, **tables)
    (folder / "playbooks" / "shop.toml").unlink()
    for name, (slot, action, more, ask) in PLAYBOOKS.items():
        money = "[slots.amount]\ntype = 'money'\nof = 'payment'\n" if more else ""
        (folder / "playbooks" / f"{name}.toml").write_text(
            f"version = 2\nname = '{name}'\nsummary = '{name}'\n"
            f"[slots.{slot}]\ntype = 'object'\nkind = '{slot}'\n{money}"
            f"[[steps]]\naction = '{action}'\nargs = {{ {slot} = '{{{slot}}}'{more} }}\n"
            f"[words.en]\nask = {ask}\n"
        )
    sayso = Sayso(workspace, mode="decide", connectors=trio.all, clock=FakeClock(), planner=planner)
    async with sayso:
        yield sayso
        assert sayso.audit.verify(deep=True).verdict is Verdict.VERIFIED


async def test_the_same_digits_elsewhere_are_somebody_else(tmp_path: Path) -> None:
    """Who is 7723 at the help desk never has the shop asked about its own 7723."""
    trio = stocked()
    trio.desk.people.clear()
    trio.desk.person("7723", email="nobody@example.com", email_verified=True)
    async with opened(tmp_path, trio) as sayso:
        refused = await sayso.propose("store.cancel", {"order": "o_eve"}, subject="desk:7723")
        assert refused.status == "refused"
        assert refused.error is not None
        assert refused.error.code == Code.NO_ACCOUNT
        with pytest.raises(RefusedError) as caught:
            await sayso.propose("store.cancel", {"order": "o_eve"}, subject="7723")
        assert caught.value.code is Code.INVALID_INPUT
    assert trio.store.asked == []
    assert trio.store.done == []


async def test_a_record_ties_accounts_and_money_moves_by_the_policy(tmp_path: Path) -> None:
    """A place that only the shop can write is enough by itself, over two hops too."""
    trio = stocked()
    trio.desk.person(
        "7723", email="ada@example.com", email_verified=True, ids={"external_id": "cus_ada"}
    )
    trio.pay.person("cus_ada", ids={"store_customer": "1001"})
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        paid = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert (paid.status, paid.subject) == ("succeeded", "pay:cus_ada")
        cancelled = await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        assert (cancelled.status, cancelled.subject) == ("succeeded", "store:1001")
        theirs = await sayso.propose("store.cancel", {"order": "o_eve"}, subject="desk:7723")
        assert theirs.status == "refused"
    assert [one.customer for one in trio.pay.done] == ["cus_ada"]
    assert "7723" not in trio.store.asked


async def test_a_record_that_names_somebody_else_now_ends_the_link(tmp_path: Path) -> None:
    """Read again at each action, never believed from storage."""
    trio = stocked()
    trio.desk.person("7723", ids={"external_id": "cus_ada"})
    trio.pay.person("cus_bo")
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
        assert (await sayso.propose("pay.refund", args, subject="desk:7723")).status == "succeeded"
        trio.desk.person("7723", ids={"external_id": "cus_bo"})
        refused = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert refused.status == "refused"
        kinds = [
            entry.kind
            for entry in await sayso.audit.query(limit=100)
            if entry.kind.startswith("customer.")
        ]
        assert sorted(kinds) == ["customer.linked", "customer.linked", "customer.unlinked"]


async def test_an_equal_address_lets_people_decide_about_money(tmp_path: Path) -> None:
    """Where the desk has verified it, and exactly one account bears it; the card says so first."""
    trio = stocked()
    async with opened(tmp_path, trio) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        asked = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert asked.status == "pending_approval"
        assert asked.approval is not None
        card = (await sayso.approvals.get(asked.approval.id)).card
        assert "an equal e-mail address alone" in card["reason"]
        assert ["writes from", "desk:7723"] in card["customer"]
        assert str(card["unusual"][0]).startswith("Known to be this customer's by")


async def test_two_with_the_address_are_never_chosen_between(tmp_path: Path) -> None:
    """Nobody is linked, nothing is done."""
    trio = stocked()
    trio.pay.person("cus_twin", email="ada@example.com")
    async with opened(tmp_path, trio) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        refused = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert refused.error is not None
        assert refused.error.code == Code.NO_ACCOUNT


async def test_an_address_that_the_desk_has_not_verified_ties_nothing(tmp_path: Path) -> None:
    """Anybody can write one into their own profile."""
    trio = stocked()
    trio.desk.person("7723", email="ada@example.com", email_verified=False)
    async with opened(tmp_path, trio) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        refused = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert refused.status == "refused"


async def test_a_link_that_ends_while_a_card_waits_holds_the_money_back(tmp_path: Path) -> None:
    """What was approved rests on it, so it is judged anew and refused."""
    trio = stocked()
    async with opened(tmp_path, trio) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        asked = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert asked.approval is not None
        trio.desk.person("7723", email="other@example.com", email_verified=True)
        later = await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        assert later.status == "refused"
        await say_yes(sayso, asked)
        assert (await sayso.actions.get(asked.id)).status == "refused"
    assert trio.pay.done == []


async def test_the_writer_s_own_account_needs_no_link(tmp_path: Path) -> None:
    """And nobody is asked about any other."""
    trio = stocked()
    async with opened(tmp_path, trio, default="pay") as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
        paid = await sayso.propose("pay.refund", args, subject="cus_ada")
        assert (paid.status, paid.subject) == ("succeeded", "cus_ada")
        named = Subject(id="cus_ada", provider="pay")
        again = await sayso.propose("pay.refund", args, subject=named)
        assert again.subject == "cus_ada"
    assert trio.desk.asked == trio.store.asked == []


def tied() -> Trio:
    """Ada's three accounts, each named by another's record."""
    trio = stocked()
    trio.desk.person("7723", ids={"external_id": "cus_ada"})
    trio.pay.person("cus_ada", ids={"store_customer": "1001"})
    return trio


async def test_one_solution_over_three_providers(tmp_path: Path) -> None:
    """Cancelled in the shop, paid back at the payments, answered at the desk: by one yes."""
    trio, planner = tied(), Whole(6_000)
    trio.pay.things["p1"].amount = Money(9_000, "USD")
    async with opened(tmp_path, trio, planner, links=LINKS, by_email=False) as sayso:
        asked = await sayso.ask("desk:7723", WORDS.replace("$20.00", "$60.00"))
        assert asked.status == "acting", [(a.action, a.status, a.error) for a in asked.actions]
        assert [(one.action, one.subject) for one in asked.actions] == [
            ("store.cancel", "store:1001"),
            ("pay.refund", "pay:cus_ada"),
            ("desk.reply", "desk:7723"),
        ]
        assert {one.status for one in asked.actions} == {"pending_approval"}
        for one in asked.actions:
            await say_yes(sayso, one)
        told = await sayso.requests.get(asked.id)
        assert told.status == "answered"
    assert planner.seen == ["order#1", "payment#1", "ticket#1"]
    assert [len(place.done) for place in trio.all] == [1, 1, 1]
    assert set(trio.store.asked) == {"1001"}
    assert set(trio.pay.asked) == {"cus_ada"}
    assert set(trio.desk.asked) == {"7723"}


async def test_a_no_of_a_later_provider_takes_back_what_an_earlier_one_did(tmp_path: Path) -> None:
    """The shop reopens the order, on the same account, by the same links."""
    trio, planner = tied(), Whole(2_000)
    trio.pay.says_no = True
    async with opened(tmp_path, trio, planner, links=LINKS, by_email=False) as sayso:
        asked = await sayso.ask("desk:7723", WORDS)
        told = await sayso.requests.get(asked.id)
        states = {one.action: one.status for one in told.actions}
        assert states["pay.refund"] == "failed", [
            (a.action, a.status, a.error) for a in told.actions
        ]
        assert states["store.cancel"] == "compensated"
        assert states["store.reopen"] == "succeeded"
    assert [one.action for one in trio.store.done] == ["store.cancel", "store.reopen"]
    assert trio.pay.done == trio.desk.done == []


class Noted(Place):
    """Answers after a while, and notes when."""

    times: ClassVar[list[tuple[float, float]]] = []

    async def _noting(self, work: Awaitable[T]) -> T:
        began = time.monotonic()
        for _ in range(50):  # what else was asked begins meanwhile
            await asyncio.sleep(0)
        found = await work
        self.times.append((began, time.monotonic()))
        return found

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        return await self._noting(super().resolve(action, args, subject))

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return await self._noting(super().list_records(subject))

    async def person_of(self, subject: Subject) -> Person:
        return await self._noting(super().person_of(subject))


async def test_three_connectors_cost_three_rounds(tmp_path: Path) -> None:
    """What ties accounts is read while their objects are, and again while the steps are."""
    trio = tied()
    trio.desk.person("7723", ids={"external_id": "cus_ada", "shop": "1001"})
    places = [
        Noted(**{one.name: getattr(place, one.name) for one in fields(place)}) for place in trio.all
    ]
    noted = Trio(*places)
    links = {"desk.external_id": "pay", "desk.shop": "store"}
    async with opened(tmp_path, noted, Whole(2_000), links=links, by_email=False) as sayso:
        Noted.times.clear()
        asked = await sayso.ask("desk:7723", WORDS)
        assert {one.status for one in asked.actions} == {"succeeded"}
    assert longest_chain(Noted.times) <= 3


async def kinds_of_links(sayso: Sayso) -> list[str]:
    """What the log says of links, oldest first."""
    entries = await sayso.audit.query(limit=200)
    kinds = [one.kind for one in entries if one.kind in {"customer.linked", "customer.unlinked"}]
    return kinds[::-1]


PAID: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}


async def test_an_address_ties_from_where_it_is_verified_alone(tmp_path: Path) -> None:
    """Whoever gives somebody else's address at a checkout gets nothing of that person's."""
    trio = stocked()
    async with opened(tmp_path, trio) as sayso:
        asked = await sayso.propose("pay.refund", PAID, subject="desk:7723")
        assert asked.status == "pending_approval"
        back = await sayso.propose("desk.reply", {"ticket": "t1"}, subject="pay:cus_ada")
        assert back.error is not None
        assert back.error.code == Code.NO_ACCOUNT
        paying = sayso.container.connectors.subject("pay:cus_ada")
        records = await sayso.container.agent.records.of(MAIN, paying)
        assert [one.id for one in records] == ["p1"]
        trio.pay.person("cus_ada", email="ada@example.com", email_verified=True)
        both = await sayso.propose("desk.reply", {"ticket": "t1"}, subject="pay:cus_ada")
        assert both.status == "succeeded"


async def test_a_second_account_with_the_address_ends_what_it_tied(tmp_path: Path) -> None:
    """That it is one account's alone is read again, like all that a link rests on."""
    trio = stocked()
    async with opened(tmp_path, trio) as sayso:
        assert (await sayso.propose("pay.refund", PAID, subject="desk:7723")).status != "refused"
        trio.pay.person("cus_twin", email="ada@example.com")
        refused = await sayso.propose("pay.refund", PAID, subject="desk:7723")
        assert refused.status == "refused"
        assert "customer.unlinked" in await kinds_of_links(sayso)


async def test_addresses_that_tie_no_more_by_settings_tie_no_more(tmp_path: Path) -> None:
    """Also those that were tied before."""
    trio = stocked()
    async with opened(tmp_path, trio) as sayso:
        assert (await sayso.propose("pay.refund", PAID, subject="desk:7723")).status != "refused"
    async with opened(tmp_path, trio, by_email=False) as sayso:
        refused = await sayso.propose("pay.refund", PAID, subject="desk:7723")
        assert refused.status == "refused"


async def test_who_lacks_a_connector_neither_uses_nor_ends_what_it_cannot_read(
    tmp_path: Path,
) -> None:
    """A process without the help desk leaves its links to those that have it."""
    trio = tied()
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        assert (await sayso.propose("pay.refund", PAID, subject="desk:7723")).status == "succeeded"
        before = await kinds_of_links(sayso)
    policy = POLICY.partition('@id("reply")')[0]
    workspace = make_shop_workspace(
        tmp_path, policy, policy_section=FOLLOWS, customers={"links": LINKS, "by_email": False}
    )
    (tmp_path / "playbooks" / "shop.toml").unlink()
    (tmp_path / "playbooks" / "reply.toml").unlink()
    two = (trio.store, trio.pay)
    async with Sayso(workspace, mode="decide", connectors=two, clock=FakeClock()) as lacking:
        paying = lacking.container.connectors.subject("pay:cus_ada")
        records = await lacking.container.agent.records.of(MAIN, paying)
        assert {one.id for one in records} == {"p1", "o_ada"}
        assert await kinds_of_links(lacking) == before
