"""Every text column is declared: personal, or bounded by a form that its values have."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from audit.column_edits import all_columns, make_busy
from audit.texts import TEXTS, Form, text_of

pytestmark = pytest.mark.promise("audit:texts")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_busy`; never changed."""
    return asyncio.run(make_busy(tmp_path_factory.mktemp("busy")))


def test_every_text_column_is_declared(busy: Path) -> None:
    """A new one fails here until somebody says whether it may quote a customer."""
    texts = {(table, column) for table, column, kind in all_columns(busy) if kind == "text"}
    assert [one for one in sorted(texts) if text_of(*one) is None] == []
    only_there = {"commit_mark", "migration"}
    declared = {(table, one) for table, columns in TEXTS.items() for one in columns}
    assert [one for one in sorted(declared - texts) if one[0] not in only_there] == []


def test_a_text_that_is_not_personal_has_its_form(busy: Path) -> None:
    """Whatever was written in a workspace in which everything happens."""
    strange: list[tuple[str, str, str]] = []
    seen = 0
    with contextlib.closing(sqlite3.connect(busy)) as database:
        for table, column, kind in all_columns(busy):
            text = text_of(table, column) if kind == "text" else None
            if isinstance(text, Form):
                for (value,) in database.execute(
                    f'select "{column}" from "{table}" where "{column}" is not null'
                ):
                    seen += 1
                    if not text.fits(value):
                        strange.append((table, column, value[:200]))
    assert strange == []
    assert seen > 500
