"""A customer with several accounts is erased, held and shown as one person, each account named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from sdk.customers import MARIA, NOOR, WORDS, everything_stored, refund_of, texts_deleted
from sdk.test_several_accounts import LINKS, Whole, say_yes, tied
from sdk.test_several_accounts import WORDS as ASKED
from sdk.test_several_accounts import opened as opened_trio
from support.linked import tie, untie
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.agent.phrases import DEFAULT_LANGUAGE, phrases_of
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.privacy.eraser import STEPS

pytestmark = pytest.mark.promise("subjects:every-account")
ACCOUNTS = ("cus_ada_main", "cus_ada_old", "cus_ada_shop")
UNCHANGED = phrases_of(DEFAULT_LANGUAGE).unchanged


async def ada(opened: ShopWorkspace, *accounts: str) -> list[str]:
    """Each of Ada's accounts has a refund that is done, and they are tied in a row."""
    done: list[str] = []
    for account in accounts or ACCOUNTS:
        opened.shop.books.add(f"o_{account}", account, Money(30_000, "USD"))
        view = await opened.sayso.propose(
            "shop.refund", refund_of(f"o_{account}", 1_000), subject=account, reason=WORDS
        )
        done.append(view.id)
    for one, other in pairwise(ACCOUNTS):
        await tie(opened, one, other)
    return done


async def test_every_account_is_erased_and_named(opened: ShopWorkspace) -> None:
    """Each by an erasure of its own; nothing of any is left in a table or in the log."""
    await ada(opened)
    before = await everything_stored(opened)
    assert all(account in before for account in ACCOUNTS)
    erased = await opened.sayso.privacy.erase("cus_ada_old", reason="subject_request", by=MARIA)
    told = (erased, *erased.beside)
    assert erased.account == "cus_ada_old"
    assert sorted(str(one.account) for one in told) == sorted(ACCOUNTS)
    assert {one.status for one in told} == {"erased"}
    assert len({one.id for one in told}) == len({one.subject for one in told}) == 3
    after = await everything_stored(opened)
    for gone in (*ACCOUNTS, "Quispe", "funeral"):
        assert gone not in after, after[max(after.index(gone) - 400, 0) : after.index(gone) + 200]
    for one in told:
        assert await opened.sayso.container.store.write(partial(texts_deleted, of=one.subject)) == 0
    kinds = [entry.kind for entry in await opened.sayso.audit.tail(100)]
    assert kinds.count("subject.erasing") == kinds.count("subject.erased") == 3
    assert kinds.count("customer.unlinked") == 2


async def test_the_same_call_again_is_the_same_erasures(opened: ShopWorkspace) -> None:
    """Nothing keeps what the accounts were called, so only their pseudonyms are told."""
    await ada(opened)
    erase = partial(
        opened.sayso.privacy.erase, ACCOUNTS[0], reason="subject_request", by=MARIA, key="once"
    )
    first, again = await erase(), await erase()
    assert [one.id for one in first.beside] == [one.id for one in again.beside]
    assert len(again.beside) == 2
    assert [one.account for one in again.beside] == [None, None]


async def test_a_hold_on_one_account_keeps_them_all(opened: ShopWorkspace) -> None:
    """Also one that was linked after the hold, also where one account alone is named."""
    await ada(opened, "cus_ada_main", "cus_ada_old")
    await untie(opened, (await tie(opened, "cus_ada_old", "cus_ada_shop")).id)
    held = await opened.sayso.privacy.hold("cus_ada_main", reason="litigation", by=MARIA)
    assert held.account == "cus_ada_main"
    assert [one.account for one in held.beside] == ["cus_ada_old"]
    await tie(opened, "cus_ada_main", "cus_ada_shop")
    for only in (False, True):
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.privacy.erase("cus_ada_shop", reason="asked", by=MARIA, only=only)
        assert caught.value.code is Code.LEGAL_HOLD
        assert "`cus_ada_main` is the same customer's" in caught.value.message
        assert held.id in caught.value.message
    left = await everything_stored(opened)
    assert all(account in left for account in ACCOUNTS)
    for one in (held, *held.beside):
        await opened.sayso.privacy.release(one.id, by=MARIA)
        await opened.sayso.privacy.release(one.id, by=NOOR)
    erased = await opened.sayso.privacy.erase("cus_ada_shop", reason="asked", by=MARIA)
    assert len(erased.beside) == 2


async def test_what_is_under_way_of_one_account_keeps_them_all(opened: ShopWorkspace) -> None:
    """And it is said of which; nothing of any is ended."""
    await ada(opened)
    stop = await opened.sayso.stops.engage("customer", "cus_ada_shop", reason="look first")
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.erase("cus_ada_main", reason="subject_request", by=MARIA)
    assert caught.value.code is Code.SUBJECT_IN_USE
    assert "`cus_ada_shop` is the same customer's" in caught.value.message
    assert stop.id in caught.value.message
    kinds = {entry.kind for entry in await opened.sayso.audit.tail(100)}
    assert not kinds & {"subject.erasing", "customer.unlinked"}


async def test_one_account_alone_is_erased_where_a_link_was_wrong(opened: ShopWorkspace) -> None:
    """Its links end with it, and the others are whose they were."""
    await ada(opened)
    erased = await opened.sayso.privacy.erase(
        "cus_ada_old", reason="subject_request", by=MARIA, only=True
    )
    assert erased.beside == ()
    left = await everything_stored(opened)
    assert "cus_ada_old" not in left
    assert "cus_ada_main" in left
    assert "cus_ada_shop" in left
    assert await opened.sayso.privacy.accounts_of("cus_ada_main", by=MARIA) == ["cus_ada_main"]


class Unplugged(Exception):  # noqa: N818  (stands for a power cut)
    """The power is cut."""


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_in_between_leaves_no_account_behind(tmp_path: Path, step: str) -> None:
    """Whoever opens the workspace next takes each erasure to its end."""
    async with open_shop(tmp_path) as opened:
        await ada(opened)
        wired = opened.sayso.container
        eraser = wired.eraser

        def pull(at: str) -> None:
            if at == step:
                raise Unplugged

        object.__setattr__(wired, "eraser", replace(eraser, passing=pull))
        with pytest.raises(Unplugged):
            await opened.sayso.privacy.erase("cus_ada_main", reason="subject_request", by=MARIA)
        object.__setattr__(wired, "eraser", eraser)
        await opened.sayso.privacy.finish()
        left = await everything_stored(opened)
        assert not any(account in left for account in ACCOUNTS)
        assert {one.status for one in await opened.sayso.privacy.erasures()} == {"erased"}


async def test_an_access_request_holds_every_account_by_name(opened: ShopWorkspace) -> None:
    """And it is an entry for each."""
    await ada(opened)
    found = await opened.sayso.privacy.export("cus_ada_shop", by=MARIA)
    assert [found["subject"], *(one["subject"] for one in found["beside"])] == [
        "cus_ada_shop",
        "cus_ada_main",
        "cus_ada_old",
    ]
    assert all(len(one["actions"]) == 1 for one in (found, *found["beside"]))
    kinds = [entry.kind for entry in await opened.sayso.audit.tail(10)]
    assert kinds.count("subject.exported") == 3


async def test_nothing_of_a_person_at_three_providers_is_left(tmp_path: Path) -> None:
    """Cards say `writes from`, requests and links name accounts: every id is gone."""
    trio, planner = tied(), Whole(6_000)
    trio.pay.things["p1"].amount = Money(9_000, "USD")
    async with opened_trio(tmp_path, trio, planner, links=LINKS, by_email=False) as sayso:
        asked = await sayso.ask("desk:7723", ASKED.replace("$20.00", "$60.00"))
        for one in asked.actions:
            await say_yes(sayso, one)
        ids = ("desk:7723", "pay:cus_ada", "store:1001", "cus_ada", "ada@example.com")
        erased = await sayso.privacy.erase("store:1001", reason="subject_request", by=MARIA)
        assert len(erased.beside) == 2
        with closing(sqlite3.connect(tmp_path / "sayso.db")) as connection:
            left = "\n".join(connection.iterdump())
        for gone in ids:
            assert gone not in left, left[max(left.index(gone) - 300, 0) : left.index(gone) + 100]


async def test_unchanged_is_said_only_where_nothing_was_done_on_any_account(
    tmp_path: Path,
) -> None:
    """A customer who was paid at one provider is not told by another that nothing was changed."""
    trio = tied()
    async with opened_trio(tmp_path, trio, None, links=LINKS, by_email=False) as sayso:
        first = await sayso.ask("desk:7723", "My lamp sings at night, what is that?")
        assert UNCHANGED in first.reply
        args: dict[str, JsonValue] = {"payment": "p1", "amount": Money(1_000, "USD").to_json()}
        paid = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert paid.status == "succeeded"
        told = await sayso.ask("desk:7723", "My lamp sings again, what is that?")
        assert told.status == "handed_over"
        assert UNCHANGED not in told.reply
        assert UNCHANGED not in (await sayso.requests.get(first.id)).reply
