"""What holds, counts or is told for one account of a customer, beside their others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sdk.customers import MAIN, MARIA
from sdk.test_several_accounts import LINKS, WORDS, Whole, opened, say_yes, tied, usd
from support.shop_workspace import FOLLOWS, make_shop_workspace
from support.trio import POLICY, Place, make_trio

from sayso.actions.customers.proof import Proof
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Resolved, SeenEffect
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.person import Person
from sayso.connectors.registry import Connectors
from sayso.errors import Code, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.work_elsewhere import put_elsewhere
from sayso.sdk.tools.look_ups import LookUps
from sayso.sdk.tools.tool import Caller
from sayso.testing.clock import FakeClock

REFUND: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}


async def test_a_stop_of_one_account_holds_what_is_done_on_the_others(tmp_path: Path) -> None:
    """And whoever releases it lets all of it go on."""
    trio = tied()
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        stop = await sayso.stops.engage("customer", "store:1001", reason="a dispute")
        held = await sayso.propose("pay.refund", REFUND, subject="desk:7723")
        assert (held.status, held.subject) == ("approved", "pay:cus_ada")
        assert held.held is not None
        assert held.held.by == stop.id
        stranger = await sayso.propose("desk.reply", {"ticket": "t1"}, subject="desk:7723")
        assert stranger.held is not None
        assert stranger.held.by == stop.id
    assert trio.pay.done == trio.desk.done == []


async def test_a_card_tells_of_a_stop_of_another_account(tmp_path: Path) -> None:
    """What a yes does is that it waits; where nothing is tied any more, it starts at once."""
    trio = tied()
    large: dict[str, JsonValue] = {"payment": "p1", "amount": usd(6_000)}
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        asked = await sayso.propose("pay.refund", large, subject="desk:7723")
        assert asked.approval is not None
        await sayso.stops.engage("customer", "store:1001", reason="a dispute")
        lead = (await sayso.solutions.get(asked.approval.id)).lead
        told = "stopped (customer store:1001, who is the same as pay:cus_ada)"
        assert lead.on_yes.startswith(f"{told}: it waits until two people")
        await say_yes(sayso, asked)
        held = (await sayso.actions.get(asked.id)).held
        assert held is not None
        assert held.reason == f"{told}: a dispute"
    assert trio.pay.done == []


async def test_a_stop_of_somebody_whom_nobody_knows_is_taken_and_says_so(tmp_path: Path) -> None:
    """A brake holds whatever it is told; it says loudly that the id may be mistyped."""
    trio = tied()
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        stop = await sayso.stops.engage("customer", "pay:cus_adda", reason="a dispute")
        assert "no customer `pay:cus_adda` is known here yet" in stop.doubt
        (listed,) = await sayso.stops.list()
        assert listed.doubt == stop.doubt
        await sayso.propose("pay.refund", REFUND, subject="pay:cus_adda")
        assert (await sayso.stops.list())[0].doubt == ""
        # Whom links alone lead to is known, too.
        await sayso.propose("pay.refund", REFUND, subject="desk:7723")
        assert (await sayso.stops.engage("customer", "store:1001")).doubt == ""
        assert (await sayso.stops.engage("connector", "pay")).doubt == ""


async def test_what_people_take_says_whom_it_is_of(tmp_path: Path) -> None:
    """By the name that the provider had when it was handed over; nothing where it can't say."""
    trio = tied()
    trio.pay.person("cus_ada", name="Ada Lovelace")
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        named = await sayso.ask("pay:cus_ada", "I want to talk to a person")
        unnamed = await sayso.ask("desk:7723", "I want to talk to a person")
        work = {one.about: one.name for one in await sayso.work.list()}
        assert work == {named.id: "Ada Lovelace", unnamed.id: ""}
        assert b"Lovelace" not in (tmp_path / "sayso.db").read_bytes()
        await sayso.privacy.erase("pay:cus_ada", reason="asked", by=MARIA, only=True)
        assert (await sayso.work.get(named.id)).name == ""


class Failing(Place):
    """Cannot be asked who its customers are."""

    __slots__ = ()

    async def person_of(self, subject: Subject) -> Person:
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it is down", next_step="wait")

    async def find_people(self, email: str) -> Sequence[Person]:
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it is down", next_step="wait")


async def test_a_provider_that_is_down_blocks_what_rests_on_it_alone(tmp_path: Path) -> None:
    """An action at another one goes on; what the links lead to through it waits, and is not refused
    for good; no link ends by it."""
    trio = tied()
    ada = "ada@example.com"
    trio.desk.person("7723", email=ada, ids={"external_id": "cus_ada"})
    trio.pay.person("cus_ada", email=ada)
    trio.store.person("1001", email=ada, ids={"pay_id": "cus_ada"})
    links = {"desk.external_id": "pay", "store.pay_id": "pay"}
    large: dict[str, JsonValue] = {"payment": "p1", "amount": usd(6_000)}
    async with opened(tmp_path, trio, links=links, by_email=False) as sayso:
        card = await sayso.propose("pay.refund", large, subject="desk:7723")
        whole = await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        assert (card.status, whole.status) == ("pending_approval", "succeeded")
        store = trio.store
        try:
            store.__class__ = Failing
            await say_yes(sayso, card)
            assert (await sayso.actions.get(card.id)).status == "succeeded"
            paid = await sayso.propose("pay.refund", REFUND, subject="desk:7723")
            assert (paid.status, paid.subject) == ("succeeded", "pay:cus_ada")
            with pytest.raises(RetryableError):
                await sayso.propose("store.cancel", {"order": "o_ada"}, subject="desk:7723")
        finally:
            store.__class__ = Place
        told = [one.kind for one in await sayso.audit.query(limit=200)]
        assert "customer.unlinked" not in told
    assert len(trio.pay.done) == 2


class Telling(Place):
    """Shows what was done at it by others."""

    async def refunds_told(self, kind: str, object_id: str) -> list[SeenEffect]:
        seen = SeenEffect(
            action="store.cancel", object_id=object_id, amount=None, at=0, is_ours=False, id="re_1"
        )
        return [replace(seen, owner="7723"), replace(seen, id="re_2")]

    async def effects_of(self, subject: Subject, since: int) -> list[SeenEffect]:
        return await self.refunds_told("order", "o_1")


def telling() -> Connectors:
    """The desk's customers need no provider, the shop's do."""
    trio = make_trio()
    shop = Telling("store", "order", trio.store.actions)
    return Connectors([trio.desk, shop], customers="desk")


async def test_whose_a_refund_is_is_told_with_its_provider(tmp_path: Path) -> None:
    """7723 of the shop's webhook is the shop's, and nobody at the desk."""
    told = await telling().refunds_told("store", "order", "o_1")
    assert [one.owner for one in told] == ["store:7723", ""]
    shown = await telling().effects_of("store.cancel", Subject(id="store:7723"), 0)
    assert shown is not None
    assert [one.owner for one in shown] == ["store:7723", ""]
    trio = tied()
    async with opened(tmp_path, trio, default="desk") as sayso:
        nobodys = replace(told[1], object_id="7723")
        container = sayso.container
        await container.store.write(
            lambda tx: put_elsewhere(tx, container, MAIN, nobodys, "inbound:shop")
        )
        (work,) = await sayso.work.list(kinds=["elsewhere"])
        assert work.subject == "store:7723"


class Naming(Place):
    """Says of each object whose it is, whoever asks."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        found = await Place.resolve(self, action, args, replace(subject, id="store:7723"))
        return replace(found, owner="store:7723")


async def test_an_owner_who_is_called_like_an_account_is_somebody_else() -> None:
    """The shop's customer `store:7723` is not its customer 7723."""
    trio = make_trio()
    shop = Naming("store", "order", trio.store.actions)
    shop.thing("o_1", "store:7723")
    both = Connectors([trio.desk, shop])
    cancel = both.action("store.cancel")
    subject = Subject(id="store:7723")
    found = await both.resolve(
        cancel, both.validate_args("store.cancel", {"order": "o_1"}), subject
    )
    assert found.owner != subject.id


BIG: dict[str, JsonValue] = {"payment": "p1", "amount": usd(6_000)}


async def test_a_yes_to_a_solution_counts_what_each_of_its_accounts_got(tmp_path: Path) -> None:
    """Whatever account its first step is on: the verifier adds up by each step's own."""
    trio = tied()
    trio.pay.things["p1"].amount = Money(20_000, "USD")
    rules = {"links": LINKS, "by_email": False}
    async with opened(tmp_path, trio, Whole(6_000), "100.00", **rules) as sayso:
        await say_yes(sayso, await sayso.propose("pay.refund", BIG, subject="desk:7723"))
        asked = await sayso.ask("desk:7723", WORDS.replace("$20.00", "$60.00"))
        first = asked.actions[0]
        assert (first.action, first.subject) == ("store.cancel", "store:1001")
        assert first.approval is not None
        assert (await sayso.solutions.get(first.approval.id)).passkey
        for one in asked.actions:
            with pytest.raises(RefusedError) as caught:
                await say_yes(sayso, one)
            assert caught.value.code is Code.PASSKEY_REQUIRED


async def test_no_sum_is_made_smaller_by_spreading_it_over_accounts(tmp_path: Path) -> None:
    """What one account was given counts for a yes about another one of the same customer."""
    trio = tied()
    trio.pay.person("cus_two")
    trio.pay.thing("p2", "cus_two", Money(9_000, "USD"))
    async with opened(tmp_path, trio, None, "100.00", default="pay", by_email=False) as sayso:
        await say_yes(sayso, await sayso.propose("pay.refund", BIG, subject="cus_ada"))
        other = await sayso.propose("pay.refund", {**BIG, "payment": "p2"}, subject="cus_two")
        assert other.approval is not None
        assert not (await sayso.solutions.get(other.approval.id)).passkey
        container = sayso.container
        now = container.context.now()
        by = By(actor=Actor(kind=ActorKind.SYSTEM, id="sayso"), via="test")
        await container.store.write(
            lambda tx: container.links.link(
                tx, MAIN, "cus_ada", "cus_two", proof=Proof.RECORD, by=by, now=now
            )
        )
        assert (await sayso.solutions.get(other.approval.id)).passkey
        with pytest.raises(RefusedError) as caught:
            await say_yes(sayso, other)
        assert caught.value.code is Code.PASSKEY_REQUIRED


@pytest.mark.parametrize("default", ["pay", None])
async def test_who_is_looked_for_without_connectors_is_found(
    tmp_path: Path, default: str | None
) -> None:
    """A brake and a look that load none read an account with its provider as it is stored."""
    trio = tied()
    said = {} if default is None else {"customers": {"default": default}}
    policy = POLICY if default else POLICY.split('@id("cancel")', maxsplit=1)[0]
    workspace = make_shop_workspace(tmp_path, policy, policy_section=FOLLOWS, **said)
    (tmp_path / "playbooks" / "shop.toml").unlink()
    places = trio.all if default else (trio.pay,)
    for _ in range(2):  # whose the bare ids are is kept when there are some
        async with Sayso(workspace, mode="decide", connectors=places, clock=FakeClock()) as sayso:
            asked = await sayso.propose("pay.refund", BIG, subject="pay:cus_ada")
            assert asked.subject == "cus_ada"
    async with Sayso(workspace, mode="read", clock=FakeClock()) as sayso:
        assert len(await sayso.actions.list(subject="pay:cus_ada")) == 2
        stop = await sayso.stops.engage("customer", "pay:cus_ada", reason="a dispute")
        assert (await sayso.stops.list())[0].target == stop.target == "cus_ada"
        assert (await sayso.stops.engage("customer", "desk:7723")).target == "desk:7723"


async def test_an_open_action_on_a_linked_account_is_listed_to_who_wrote(tmp_path: Path) -> None:
    """And only to them: what another account asked for itself stays as absent as before."""
    trio = tied()
    async with opened(tmp_path, trio, links=LINKS, by_email=False) as sayso:
        mine = await sayso.propose("pay.refund", BIG, subject="desk:7723")
        own = await sayso.propose("pay.refund", BIG, subject="pay:cus_ada", idempotency_key="own")
        assert (mine.status, own.status) == ("pending_approval", "pending_approval")
        caller = Caller(
            tenant=MAIN,
            requester=Actor(kind=ActorKind.SERVICE, id="bot"),
            subject=Subject(id="desk:7723"),
        )
        found = await LookUps(sayso).open_actions(caller)
        assert [one["id"] for one in found] == [mine.id]
