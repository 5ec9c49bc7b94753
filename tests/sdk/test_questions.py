"""The ten questions of a workspace: as its export answers them, and not at all where it was cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sdk.customers import MARIA
from sdk.test_deciding import ask_for, decide
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.questions.answer import QuestionScope
from sayso.audit.questions.catalog import questions
from sayso.audit.questions.exports import ask_export
from sayso.audit.verifier.checks import Trust
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.money import Money

pytestmark = pytest.mark.promise("audit:questions")


async def lived_in(opened: ShopWorkspace) -> None:
    """A refund of two people, one of nobody, one that is refused, and a customer who is erased."""
    asked = await ask_for(opened, paid=80_000)
    await decide(opened, asked, "maria", "approve")
    await decide(opened, asked, "finn", "approve")
    opened.shop.books.add("o2", "cus_2", Money(1000, "USD"))
    await opened.sayso.propose("shop.refund", {"order": "o2"}, subject="cus_2")
    await opened.sayso.propose("shop.refund", {"order": "none"}, subject="cus_2")
    await opened.sayso.privacy.erase("cus_2", reason="subject_request", by=MARIA)


async def test_a_workspace_and_its_export_answer_alike(tmp_path: Path, store_url: str) -> None:
    """Each of the ten, row by row; what was done is in them, and the question is an entry."""
    async with open_shop(tmp_path) as opened:
        await lived_in(opened)
        audit = opened.sayso.audit
        await audit.export(tmp_path / "out")
        trust = Trust.parse([audit.vkey()])
        found = {
            name: ask_export(tmp_path / "out", name, QuestionScope(), trust=trust)
            for name in questions()
        }
        for name, alone in found.items():
            asked = await audit.ask(name)
            assert list(asked.items) == alone.items, name
            assert (asked.nothing or "") == alone.nothing
        (four,) = found["four-eyes"].items
        assert (four["what"], four["agreed"], four["held"]) == (
            "shop.refund $800.00",
            "maria,finn",
            "yes",
        )
        (month,) = found["refunds"].items
        assert (month["refunds"], month["sum"], month["agreed to by people"]) == (2, "$810.00", 1)
        assert [row["code"] for row in found["denied"].items] == ["unknown_object"]
        assert [row["reason"] for row in found["erased"].items] == ["subject_request"]
        assert {row["whom"] for row in found["people-changes"].items} == {"maria", "noor", "finn"}
        assert [row["yes"] for row in found["tokens"].items] == [1, 1]
        assert not found["gaps"].rows
        later = await audit.ask("refunds", over="100USD", since="2026-01-01")
        assert [row["refunds"] for row in later.items] == [1]
        (newest,) = await audit.tail(1)
        assert newest.says == "question:refunds since:2026-01-01 over:100USD, 1 found"
        with pytest.raises(RefusedError):
            await audit.ask("who-knows")


@pytest.mark.tampers("changes or takes away an entry")
@pytest.mark.parametrize(
    "attack",
    [
        """update log_entry set body = replace(body, '"maria"', '"noora"') where seq = 1""",
        "delete from log_entry where seq = 2",
        "delete from log_entry where seq = (select max(seq) from log_entry)",
    ],
    ids=["changed", "missing", "cut"],
)
async def test_a_log_that_does_not_fit_its_head_answers_nothing(
    tmp_path: Path, attack: str
) -> None:
    """Not one row of it, and nothing is recorded as if it had been answered."""
    async with open_shop(tmp_path) as opened:
        await ask_for(opened)
        with closing(sqlite3.connect(tmp_path / "sayso.db", isolation_level=None)) as database:
            for (trigger,) in database.execute(
                "select name from sqlite_master where type = 'trigger'"
            ).fetchall():
                database.execute(f"drop trigger {trigger}")
            database.execute("pragma foreign_keys = off")
            database.execute(attack)
        with pytest.raises(IntegrityError) as refused:
            await opened.sayso.audit.ask("people-changes")
        assert refused.value.code is Code.TAMPERED
