"""What an auditor asks is recorded, and names nobody for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.shop_workspace import open_shop

from sayso.audit.queries.query import loggable
from sayso.money import Money


@pytest.mark.parametrize(
    ("words", "subject", "told"),
    [
        (
            "customer:anna@example.com kind:action.failed",
            None,
            "customer:unknown kind:action.failed",
        ),
        ("customer:cus_1", "sub_abc", "customer:sub_abc"),
        ("actor:anna@example.com", None, "actor:…"),
        ("amount:>100.00USD created:2026-11-01..2026-11-24", None, None),
        ("rule:'Anna Torres lives here'", None, "rule:…"),
        ("", None, ""),
    ],
)
def test_a_query_is_kept_without_names_and_addresses(
    words: str, subject: str | None, told: str | None
) -> None:
    """Decision 7: a body can never be erased, so nothing personal gets into it."""
    assert loggable(words, subject) == (words if told is None else told)


async def test_a_query_for_a_customer_leaves_the_pseudonym_in_the_log(tmp_path: Path) -> None:
    """The question can be answered for, and the customer can still be erased."""
    async with open_shop(tmp_path) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(1000, "USD"))
        await workspace.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        found = await workspace.sayso.audit.query("customer:cus_1")
        assert found
        await workspace.sayso.audit.export(tmp_path / "bundle", "customer:cus_1")
        newest = await workspace.sayso.audit.tail(2)
        for entry in newest:
            assert entry.body["data"]["query"] == f"customer:{found[0].body['subject']}"
            assert "cus_1" not in str(entry.body)
