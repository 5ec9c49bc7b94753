"""Every text column is declared: personal, or bounded by a form that its values have."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from audit.column_edits import all_columns, make_busy
from audit.texts import TEXTS, Form, text_of
from sdk.desk.chats import open_chat, words
from sdk.desk.desks import open_desk

from sayso.sdk.desk.conversation import WrittenMessage

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
    seen, strange = forms_in(busy)
    assert strange == []
    assert sum(seen.values()) > 500


async def test_a_text_of_a_desk_has_its_form(tmp_path: Path) -> None:
    """Whatever is kept of a help desk and of a desk of your own, where a colleague takes over."""
    helped, own = tmp_path / "helped", tmp_path / "own"
    for folder in (helped, own):
        folder.mkdir()
    async with open_desk(helped) as help_desk:
        await help_desk.says("t1", "Please refund order order_1")
        help_desk.desk.faults = ["says_no"]
        await help_desk.says("t2", "Please refund order order_2", "bob")
        help_desk.desk.write("t2", "I have it.", author="colleague")
        await help_desk.says("t2", "Thanks!", "bob")
        help_desk.desk.write("t1", "", author="machine", undelivered="another's")
        await help_desk.settle()
        help_desk.desk.unreadable = True
        await help_desk.settle()
    async with open_chat(own) as chat:
        await chat.says("c-1", words("Please refund order order_2", "bob"))
        await chat.says("c-1", WrittenMessage(id="m2", author="colleague"))
        await chat.says("c-1", words("Please refund order order_2 now", "bob", "m3"))
    seen = Counter[tuple[str, str]]()
    for folder in (helped, own):
        found, strange = forms_in(folder / "sayso.db")
        assert strange == []
        seen += found
    tables = ("desk", "desk_message", "desk_said", "desk_thread")
    assert {(table, one) for table in tables for one in TEXTS[table]} <= seen.keys()


def forms_in(path: Path) -> tuple[Counter[tuple[str, str]], list[tuple[str, str, str]]]:
    """How many values each column has whose form is declared, and those that have another one."""
    seen, strange = Counter[tuple[str, str]](), list[tuple[str, str, str]]()
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table, column, kind in all_columns(path):
            text = text_of(table, column) if kind == "text" else None
            if isinstance(text, Form):
                for (value,) in database.execute(
                    f'select "{column}" from "{table}" where "{column}" is not null'
                ):
                    seen[table, column] += 1
                    if not text.fits(value):
                        strange.append((table, column, value[:200]))
    return seen, strange
