"""A limit of customers is one for all accounts linked now, whoever links or unlinks them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from actions.controls.test_kill_switch import resume, stop
from actions.limits.limit_attacks import PERSON_DAY, LimitRows, links_passed
from actions.limits.limit_work import LIMITED, limited, refund
from actions.limits.test_counters_by_log import ATTACKS
from actions.steps import MAIN, run_due, usd
from support.linked import ENGINE, tie, untie
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, make_shop_workspace
from support.sql import run_sql
from support.trio import Place, make_trio

from sayso.actions.customers.proof import Proof
from sayso.errors import Code, IntegrityError
from sayso.ids import to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("limits:linked-accounts")

ALL_MONEY = """
@id("all") @explain("money runs by itself")
permit (principal, action in [Action::"bank.refund", Action::"card.refund", Action::"gift.refund"],
resource);
"""
ALL = ALL_MONEY.replace(
    'action in [Action::"bank.refund", Action::"card.refund", Action::"gift.refund"]',
    'action == Action::"shop.refund"',
)
NAMES = ("bank", "card", "gift")


@dataclass(slots=True)
class Payers:
    """Three providers that pay money out, each with an account `ada` and a payment of theirs."""

    sayso: Sayso
    places: tuple[Place, ...]
    clock: FakeClock

    async def pay(self, place: str, minor: int) -> ActionView:
        """Ada's payment there, paid back in part."""
        args: dict[str, JsonValue] = {"payment": f"p_{place}", "amount": usd(minor)}
        return await self.sayso.propose(f"{place}.refund", args, subject=f"{place}:ada")

    async def tie(self, a: str, b: str) -> str:
        """Tie two of the accounts now; the link's id."""
        links, now = self.sayso.container.links, to_micros(self.clock.now())
        link = await self.sayso.container.store.write(
            lambda tx: links.link(tx, MAIN, a, b, proof=Proof.RECORD, by=ENGINE, now=now)
        )
        return link.id

    async def untie(self, link: str) -> None:
        """And not any more."""
        links, now = self.sayso.container.links, to_micros(self.clock.now())
        await self.sayso.container.store.write(
            lambda tx: links.unlink(tx, MAIN, link, why="record_changed", by=ENGINE, now=now)
        )


@asynccontextmanager
async def payers(folder: Path, limits: str = PERSON_DAY) -> AsyncGenerator[Payers]:
    """A workspace with the three of them."""
    [refund] = make_trio().pay.actions
    places = tuple(
        Place(name, "payment", (replace(refund, name=f"{name}.refund"),)) for name in NAMES
    )
    for place in places:
        place.person("ada")
        place.thing(f"p_{place.name}", "ada", Money(1_000_000, "USD"))
    folder.mkdir(exist_ok=True)
    (folder / "limits.toml").write_text(limits)
    workspace = make_shop_workspace(folder, ALL_MONEY, policy_section=LIMITED)
    (folder / "playbooks" / "shop.toml").unlink()
    clock = FakeClock()
    async with Sayso(workspace, mode="decide", connectors=places, clock=clock) as sayso:
        yield Payers(sayso, places, clock)
        assert await sayso.limits.check() == []
        assert sayso.audit.verify(deep=True).all_findings == ()


async def test_one_person_at_three_providers_is_one_limit(tmp_path: Path, store_url: str) -> None:
    """What the other two have paid counts at the third, and a split gives each their own again."""
    async with payers(tmp_path) as three:
        assert (await three.pay("bank", 4_000)).status == "succeeded"
        assert (await three.pay("card", 4_000)).status == "succeeded"
        one, two = await three.tie("bank:ada", "card:ada"), await three.tie("card:ada", "gift:ada")
        refused = await three.pay("gift", 3_000)
        assert refused.status == "refused"
        assert refused.error is not None
        assert refused.error.code == Code.LIMIT_REACHED
        assert "$80.00 of $100.00" in refused.error.message
        assert (await three.pay("gift", 2_000)).status == "succeeded"
        assert (await three.pay("bank", 1)).status == "refused"
        await three.untie(two)
        assert (await three.pay("gift", 8_000)).status == "succeeded"
        assert (await three.pay("bank", 2_000)).status == "succeeded", "$80 with the card's"
        await three.untie(one)
        assert (await three.pay("card", 6_000)).status == "succeeded"
    assert [sum(done.minor for done in place.done) for place in three.places] == [
        6_000,
        10_000,
        10_000,
    ]


async def test_tying_and_untying_rewrites_no_counter(tmp_path: Path, store_url: str) -> None:
    """Counters stay by account; a judgement reads them all."""
    async with limited(tmp_path, PERSON_DAY) as shop:
        await refund(shop, 3_000, customer="cus_1")
        await refund(shop, 5_000, customer="cus_2")
        before = _counters(store_url, shop)
        link = await tie(shop, "cus_1", "cus_2")
        assert (await refund(shop, 3_000, customer="cus_1")).status == "refused"
        await untie(shop, link.id)
        assert before == _counters(store_url, shop)
        assert (await refund(shop, 3_000, customer="cus_1")).status == "succeeded"


def _counters(url: str, shop: ShopWorkspace) -> dict[object, object]:
    said = "select key, count, held_minor, settled_minor from limit_counter"
    return {row[0]: row[1:] for row in run_sql(url, shop, said)}


async def test_what_was_there_before_the_limit_counts_of_each_account(tmp_path: Path) -> None:
    """A new limit is filled by account, and read over all of them, though no entry tells of it."""
    async with limited(tmp_path, PERSON_DAY.replace("100 ", "9000 ")) as shop:
        assert (await refund(shop, 4_000, customer="cus_1")).status == "succeeded"
        await tie(shop, "cus_1", "cus_2")
    later = PERSON_DAY.replace("person-day", "new-day")
    async with limited(tmp_path, later, shop=shop.shop, clock=shop.clock) as shop:
        assert (await refund(shop, 7_000, customer="cus_2")).status == "refused"
        assert (await refund(shop, 6_000, customer="cus_2")).status == "succeeded"


async def test_a_claim_holds_back_what_a_merge_has_put_over_the_cap(
    tmp_path: Path, store_url: str
) -> None:
    """Both were allowed while they were two customers; one of them is judged anew, and refused."""
    async with limited(tmp_path, PERSON_DAY) as shop:
        stopped = await stop(shop)
        held = [await refund(shop, 6_000, customer=one) for one in ("cus_1", "cus_2")]
        assert [one.status for one in held] == ["approved", "approved"]
        await tie(shop, "cus_1", "cus_2")
        await resume(shop, stopped)
        await run_due(shop)
        states = [(await shop.sayso.actions.get(one.id)).status for one in held]
        assert sorted(states) == ["refused", "succeeded"]
        assert shop.shop.books.paid_out_minor == 6_000


async def test_a_limit_of_open_cards_counts_the_cards_of_every_account(tmp_path: Path) -> None:
    """Or whoever has three accounts has three times as many questions open."""
    cards = """
[[limit]]
id = "cards"
say = "One question of a customer at a time"
of = "customer"
action = "shop.refund"
cards = 1
"""
    async with limited(tmp_path, cards) as shop:
        await tie(shop, "cus_1", "cus_2")
        assert (await refund(shop, 60_000, customer="cus_1")).status == "pending_approval"
        refused = await refund(shop, 60_000, customer="cus_2")
        assert refused.status == "refused"
        assert refused.error is not None
        assert refused.error.code == Code.LIMIT_REACHED


@pytest.mark.tampers("counters of a linked account are deleted and lowered")
async def test_a_lowered_counter_of_a_linked_account_is_refused(
    tmp_path: Path, store_url: str
) -> None:
    """Whichever account is judged; nothing is paid, and what is put back goes on."""
    async with limited(tmp_path, PERSON_DAY) as shop:
        assert (await refund(shop, 4_000, customer="cus_1")).status == "succeeded"
        assert (await refund(shop, 4_000, customer="cus_2")).status == "succeeded"
        await tie(shop, "cus_1", "cus_2")
        rows = LimitRows(store_url, shop)
        for attack in ATTACKS[:5]:
            rows.change(*attack)
            with pytest.raises(IntegrityError) as caught:
                await refund(shop, 4_000, customer="cus_1")
            assert caught.value.code is Code.TAMPERED
            rows.put_back()
        # Of the other one alone: the own counter is as the log says.
        other = "key in (select u.key from limit_use u join action a on a.id = u.action_id"
        other += " where a.subject_id = 'cus_2')"
        for one in (
            f"update limit_counter set settled_minor = 0 where {other}",
            f"delete from limit_counter where {other}",
        ):
            rows.change(one)
            with pytest.raises(IntegrityError):
                await refund(shop, 4_000, customer="cus_1")
            rows.put_back()
        assert (await refund(shop, 4_000, customer="cus_1")).status == "refused"
        assert (await refund(shop, 2_000, customer="cus_1")).status == "succeeded"


@pytest.mark.tampers("links are deleted, ended and edited in the database, and told otherwise")
async def test_whoever_unties_accounts_in_the_database_raises_no_limit(
    tmp_path: Path, store_url: str
) -> None:
    """A link that is gone, or another than its entry says, is noticed before anything is paid."""
    async with limited(tmp_path, PERSON_DAY, judge=False) as shop:
        tried = [one async for one in links_passed(shop, store_url)]
        assert [attack for attack, is_paid in tried if is_paid] == []
        assert shop.shop.books.paid_out_minor == 10_000


async def test_what_was_done_before_is_told_of_every_account(tmp_path: Path) -> None:
    """In `context.count30d` and `amount30d`, and on the card."""
    policy = """
@id("twice") @explain("twice by itself")
permit (principal, action == Action::"shop.refund", resource) when { context.count30d < 2 };
@id("more") @explain("then a support manager")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvedBy.contains("support_manager") };
"""
    async with limited(tmp_path, "", policy=policy) as shop:
        await refund(shop, 1_000, customer="cus_1")
        await refund(shop, 2_000, customer="cus_2")
        assert (await refund(shop, 500, customer="cus_3")).status == "succeeded"
        link = await tie(shop, "cus_1", "cus_2")
        asked = await refund(shop, 3_000, customer="cus_1")
        assert asked.status == "pending_approval"
        assert asked.approval is not None
        card = (await shop.sayso.approvals.get(asked.approval.id)).card
        assert "$10.00 today, $20.00 today" in str(card)
        await untie(shop, link.id)
        assert (await refund(shop, 1_000, customer="cus_2")).status == "succeeded"


async def test_a_customer_of_one_account_costs_no_further_statement(tmp_path: Path) -> None:
    """Whether anything links an account is told by a statement that is asked anyway."""
    statements: list[str] = []
    (tmp_path / "limits.toml").write_text(PERSON_DAY)
    workspace = make_shop_workspace(tmp_path, ALL, policy_section=LIMITED)
    store = SqliteStore(
        workspace.store_path,
        prepare=lambda writer: writer.set_trace_callback(statements.append),
    )
    shop, clock = Shop(), FakeClock()
    sayso = Sayso(workspace, mode="decide", connectors=[shop], clock=clock, store=store)
    async with sayso:
        opened = ShopWorkspace(sayso=sayso, shop=shop, clock=clock, workspace=workspace)
        counts: list[int] = []
        for customer in ("cus_1", "cus_1", "cus_1", "cus_2", "cus_1"):
            if customer == "cus_2":
                await tie(opened, "cus_2", "cus_3")
            before = len(statements)
            assert (await refund(opened, 1_000, customer=customer)).status == "succeeded"
            about = [one for one in statements[before:] if "linked_with" in one]
            counts.append(sum("as linked" not in one for one in about))
    await store.close()
    assert counts == [0, 0, 0, 4, 0], "but for the customer who has another account"


async def test_two_hundred_at_once_while_accounts_merge_and_split(
    tmp_path: Path, store_url: str
) -> None:
    """Of no customer, as the links are at that entry, is more reserved than the cap."""
    chance = random.Random(20)
    accounts = [f"cus_{number}" for number in range(6)]
    limits = PERSON_DAY.replace("100", "500")
    async with limited(tmp_path, limits) as shop:
        links: list[str] = []

        async def change() -> None:
            for _ in range(40):
                if links and chance.random() < 0.4:
                    await untie(shop, links.pop(chance.randrange(len(links))))
                else:
                    one, other = chance.sample(accounts, 2)
                    link = await tie(shop, one, other)
                    links[:] = [*(known for known in links if known != link.id), link.id]

        async def ask() -> str:
            return (await refund(shop, 2_000, customer=chance.choice(accounts))).status

        done = await asyncio.gather(change(), *(ask() for _ in range(200)))
        assert {"succeeded", "refused"} == set(done[1:])
        rows = run_sql(store_url, shop, "select body from log_entry order by seq")
        assert above([orjson.loads(row[0]) for row in rows], 50_000) == []


HOLDING = {"approved", "executing", "accepted", "unknown", "succeeded"}


def above(entries: Sequence[Mapping[str, Any]], cap: int) -> list[str]:
    """Actions that were reserved although their customer, as links were then, had no room."""
    links: dict[str, tuple[str, str]] = {}
    held: dict[str, tuple[str, int]] = {}
    found: list[str] = []
    for entry in entries:
        data, action = entry["data"], str(entry.get("action"))
        match entry["kind"]:
            case "customer.linked":
                links[data["link"]] = (entry["subject"], data["linked_with"])
            case "customer.unlinked":
                links.pop(data["link"], None)
            case _ if entry.get("status") in HOLDING and data.get("limits"):
                held[action] = (entry["subject"], sum(one["minor"] for one in data["limits"]))
                same = _component(links.values(), entry["subject"])
                if sum(minor for whose, minor in held.values() if whose in same) > cap:
                    found.append(action)
            case _ if entry.get("status") not in HOLDING:
                held.pop(action, None)
    return found


def _component(links: Iterable[tuple[str, str]], start: str) -> set[str]:
    known, ends = {start}, [set(link) for link in links]
    for _ in ends:
        for pair in ends:
            known |= pair if pair & known else set()
    return known
