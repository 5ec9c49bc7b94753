"""Cases: found by a customer's name, which no entry keeps and nobody finds once it is erased."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sdk.customers import MARIA
from sdk.test_deciding import ask_for, decide
from support.parcel_shop import ParcelShop
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.errors import Code, IntegrityError, RefusedError
from sayso.money import Money
from sayso.sdk.audit.case_words import read_case_words
from sayso.sdk.audit.cases import CasesFoundView
from sayso.sdk.resources.tokens import Scope

pytestmark = pytest.mark.promise("audit:cases")


def test_words_are_read_in_any_order() -> None:
    """The latest November that has begun; an amount in any currency; the rest are names."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    read = read_case_words("$139.00 Zoë November", now)
    assert (read.words, read.amounts) == (("zoe",), (Decimal("139.00"),))
    assert read.chips[-1] == "decided 2025-11-01 to 2025-11-30, UTC, both included"
    assert read_case_words("#1042", now).numbers == ("1042",)
    assert read_case_words("2026-03-02 Mia", now).chips[-1].startswith("decided 2026-03-02 to 2026")
    for odd in ("", "2026-13", " ".join(["a"] * 13)):
        with pytest.raises(RefusedError):
            read_case_words(odd, now)


def shop() -> ParcelShop:
    """One that knows what its customers are called."""
    made = ParcelShop()
    made.names |= {"cus_1": "Mia Fontaine", "cus_2": "Miá Otto", "cus_3": "Ida Berg"}
    return made


async def found(opened: ShopWorkspace, words: str) -> CasesFoundView:
    """What an auditor finds."""
    return await opened.sayso.audit.cases.find(words, by=replace(MARIA, scopes=frozenset(Scope)))


async def test_a_case_is_found_by_name_and_the_name_stands_nowhere(
    tmp_path: Path, store_url: str
) -> None:
    """By accent, case, amount, person and month; who looked is an entry, and never for whom."""
    async with open_shop(tmp_path, shop=shop()) as opened:
        asked = await ask_for(opened, paid=13_900)
        await decide(opened, asked, "maria", "approve")
        opened.shop.books.add("o2", "cus_2", Money(1000, "USD"))
        await opened.sayso.propose("shop.refund", {"order": "o2"}, subject="cus_2")
        opened.shop.books.add("order 1042", "cus_3", Money(1000, "USD"))
        await opened.sayso.propose("shop.refund", {"order": "order 1042"}, subject="cus_3")
        month = f"{opened.clock.now():%B}"
        (one,) = (await found(opened, f"139 mia {month}")).items
        assert (one.customer, one.by, one.about) == ("Mia Fontaine", ("maria",), asked.action_id)
        assert [str(total) for total in one.totals] == ["$139.00"]
        assert len((await found(opened, "mia")).items) == 2
        assert not (await found(opened, "mia 2020-01")).items
        for order in ("1042", "#1042", "cus_3"):
            assert [one.customer for one in (await found(opened, order)).items] == ["Ida Berg"]
        assert not (await found(opened, "104")).items, "no part of an order"
        assert not (await found(opened, "mia noor")).items
        assert len((await found(opened, "MARIA fontaine")).items) == 1
        newest = (await opened.sayso.audit.tail(1))[0]
        assert (newest.kind, newest.body["data"]["by"]) == ("customer.searched", "name")
        for entry in await opened.sayso.audit.tail(1000):
            assert "fontaine" not in str(entry.body).casefold()
            assert "Miá" not in str(entry.body)


async def test_who_is_erased_is_found_by_name_no_more(tmp_path: Path, store_url: str) -> None:
    """Neither the name nor that there was somebody of it; the case still shows what moved."""
    async with open_shop(tmp_path, shop=shop()) as opened:
        asked = await ask_for(opened, paid=13_900)
        await decide(opened, asked, "maria", "approve")
        await opened.sayso.privacy.erase("cus_1", reason="subject_request", by=MARIA)
        gone, never = await found(opened, "fontaine"), await found(opened, "nobody")
        assert not gone.items
        assert (gone.looked_at, gone.more) == (never.looked_at, never.more)
        by = replace(MARIA, scopes=frozenset(Scope))
        case = await opened.sayso.audit.cases.show(asked.action_id, by=by)
        assert case.erased is not None
        assert "succeeded" in [entry.body.get("status") for entry in case.entries]
        assert "Fontaine" not in case.model_dump_json()


@pytest.mark.tampers("changes an entry")
async def test_a_case_is_proven_and_its_opening_is_an_entry(tmp_path: Path) -> None:
    """Who decided with which role since when, by which version; nobody without the scope."""
    async with open_shop(tmp_path, shop=shop()) as opened:
        asked = await ask_for(opened, paid=13_900)
        await decide(opened, asked, "maria", "approve")
        cases, by = opened.sayso.audit.cases, replace(MARIA, scopes=frozenset(Scope))
        case = await cases.show(asked.action_id, by=by)
        assert all(entry.proof for entry in case.entries)
        assert case.people["maria"].kind == "person.added"
        assert case.policy is not None
        (newest,) = await opened.sayso.audit.tail(1)
        assert newest.seq == case.entry
        assert newest.body["data"]["unmasked"] is True
        for refused in (
            cases.find("mia", by=replace(by, scopes=frozenset())),
            cases.show("act_1", by=by),
        ):
            with pytest.raises(RefusedError) as why:
                await refused
            assert why.value.code in {Code.FORBIDDEN, Code.NOT_FOUND}
        with closing(sqlite3.connect(tmp_path / "sayso.db", isolation_level=None)) as database:
            database.execute("drop trigger log_entry_is_never_changed")
            changed = "update log_entry set body = replace(body, '13900', '13901') where seq = ?"
            database.execute(changed, (case.entries[0].seq,))
        with pytest.raises(IntegrityError):
            await cases.show(asked.action_id, by=by)
