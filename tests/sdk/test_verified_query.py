"""Queries by the SDK: recorded, searched by words, and each row proven against the signed head."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.shop_workspace import open_shop

from sayso.audit.signed_note.note import Verifier
from sayso.audit.tree.proof import EntryProof
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.money import Money


async def test_each_row_of_a_verified_query_proves_itself(tmp_path: Path) -> None:
    """audit-log.md 4.7: the proof leads from the stored bytes to the head, with the pinned key."""
    async with open_shop(tmp_path) as opened:
        audit = opened.sayso.audit
        for number in range(3):
            opened.shop.books.add(f"o{number}", "cus_1", Money(1000, "USD"))
            await opened.sayso.propose("shop.refund", {"order": f"o{number}"}, subject="cus_1")
        found = await audit.query("name:shop.refund", verified=True)
        assert len(found) >= 6
        keys = [Verifier.parse(audit.vkey())]
        for entry in found:
            proof = EntryProof.parse(entry.proof or "")
            stored = _body(opened.workspace.store_path, entry.seq)
            assert proof.verify(stored, keys).size > entry.seq
            with pytest.raises(IntegrityError):
                proof.verify(stored.replace(b"shop.refund", b"shop.refond"), keys)
        assert {entry.proof for entry in await audit.query("name:shop.refund")} == {None}


@pytest.mark.tampers("the database is written behind the log's back")
async def test_a_changed_row_is_rejected_when_it_is_read(tmp_path: Path) -> None:
    """Not only reported later: a verified query gives no row that the head does not cover."""
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", "cus_1", Money(1000, "USD"))
        await opened.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        assert await opened.sayso.audit.query("rule:small", verified=True)
        with closing(sqlite3.connect(opened.workspace.store_path)) as database, database:
            database.execute("drop trigger log_entry_is_never_changed")
            database.execute(
                "update log_entry set body = replace(body, '\"amount_minor\":1000', "
                "'\"amount_minor\":9000')"
            )
        with pytest.raises(IntegrityError) as refused:
            await opened.sayso.audit.query("rule:small", verified=True)
        assert refused.value.code is Code.TAMPERED


async def test_words_are_found_and_not_kept(tmp_path: Path) -> None:
    """Full text over what is not personal; what was looked for may be a name, so it is not said."""
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", "cus_1", Money(1000, "USD"))
        await opened.sayso.propose(
            "shop.refund", {"order": "o1"}, subject="cus_1", reason="secretword"
        )
        audit = opened.sayso.audit
        assert await audit.query("'three times in 30 days' name:shop.refund")
        assert not await audit.query("secretword")
        told = (await audit.tail(1))[0].body["data"]
        assert told == {"query": "text:…", "found": 0}


async def test_the_index_is_only_a_copy(tmp_path: Path) -> None:
    """Deleted, spoiled or not writable: the answers are the same."""
    folder = tmp_path / ".sayso" / "index"
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", "cus_1", Money(1000, "USD"))
        await opened.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        first = await opened.sayso.audit.query("rule:small")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    async with open_shop(tmp_path) as opened:
        assert await opened.sayso.audit.query("rule:small") == first
    folder.unlink()
    folder.mkdir()
    (folder / "main.db").write_bytes(b"no database" * 1000)
    async with open_shop(tmp_path) as opened:
        assert await opened.sayso.audit.query("rule:small", verified=True)


async def test_an_index_that_takes_no_more_is_only_behind(tmp_path: Path) -> None:
    """On a full disk, or while another process fills it: what is missing is read from the log, by
    queries and by exports, and what cannot do without says whose trouble it is."""
    async with open_shop(tmp_path) as opened:
        for number in range(2):
            opened.shop.books.add(f"o{number}", "cus_1", Money(1000, "USD"))
            await opened.sayso.propose("shop.refund", {"order": f"o{number}"}, subject="cus_1")
            assert len(await opened.sayso.audit.query("rule:small")) > number
            if number == 0:
                with closing(sqlite3.connect(tmp_path / ".sayso/index/main.db")) as index:
                    index.execute("alter table zone rename to no_more")
        count = await opened.sayso.audit.export(tmp_path / "some", "rule:small")
        assert count >= 2
        assert verify(tmp_path / "some").verdict is Verdict.VERIFIED
        with pytest.raises(ConfigError) as refused:
            await opened.sayso.audit.query("rule:small", verified=True)
        assert "index" in refused.value.message


def _body(path: Path, seq: int) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("select body from log_entry where seq = ?", (seq,)).fetchone()
    return str(found[0]).encode()
