"""Customers who were erased and are back from a backup, and the list that tells of them."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sdk.customers import ANA, MAIN, MARIA, OneRefund, everything_stored, live, live_again, verdict
from support.shop import ShopFault
from support.shop_workspace import open_shop

from sayso.audit.verifier.verification import Verdict
from sayso.errors import ConfigError
from sayso.money import Money
from sayso.sdk.privacy.eraser import ErasedList


@pytest.mark.promise("subjects:restored")
async def test_a_restored_backup_is_told_whom_to_erase_again(tmp_path: Path) -> None:
    """Whoever was erased since the backup was made does not come back unnoticed."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(opened)
        with (
            closing(sqlite3.connect(opened.workspace.store_path)) as source,
            closing(sqlite3.connect(tmp_path / "backup.db")) as backup,
        ):
            source.backup(backup)
        await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
        listed = (opened.workspace.folder / ".sayso" / "erased.jsonl").read_text()
        assert ANA not in listed
    for path in opened.workspace.folder.glob("sayso.db*"):
        path.unlink()
    (tmp_path / "backup.db").rename(opened.workspace.store_path)
    async with open_shop(tmp_path / "shop", shop=opened.shop, clock=opened.clock) as restored:
        assert ANA in await everything_stored(restored)
        again = await restored.sayso.privacy.erase_restored()
        assert (again.erased, again.left) == (1, ())
        assert ANA not in await everything_stored(restored)
        assert (await restored.sayso.privacy.erasures())[0].reason == "restored_backup"
        assert verdict(restored) is Verdict.VERIFIED
        assert (await restored.sayso.privacy.erase_restored()).erased == 0


async def test_a_customer_who_cannot_be_erased_again_now_is_said(tmp_path: Path) -> None:
    """Such as when the backup holds an outcome that is unknown; it is tried again later."""
    async with open_shop(tmp_path / "shop") as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        opened.shop.faults.append(ShopFault.LOST_AFTER)
        await live_again(opened)
        subject = await opened.sayso.container.store.read(
            lambda reader: reader.one("personal.subject", tenant=MAIN, id=ANA)
        )
        assert subject is not None
        opened.sayso.container.eraser.listed.add(MAIN, str(subject["pseudonym"]), 1)
        found = await opened.sayso.privacy.erase_restored()
        assert found.erased == 0
        assert found.left[0][0] == subject["pseudonym"]
        assert "has to be known first" in found.left[0][1]


@pytest.mark.promise("subjects:erased:crash")
def test_a_line_that_a_crash_cut_off_takes_no_other_line_with_it(tmp_path: Path) -> None:
    """The list is all that tells of an erasure when a backup comes back."""
    path = tmp_path / "erased.jsonl"
    listed = ErasedList(path)
    listed.add(MAIN, "sub_one", 1)
    with path.open("ab") as file:
        file.write(b'{"tenant":"main","pseu')
    listed.add(MAIN, "sub_two", 2)
    assert list(listed.read()) == [(MAIN, "sub_one"), (MAIN, "sub_two")]


@pytest.mark.promise("subjects:erased:crash")
def test_a_disk_that_takes_half_a_line_lets_no_erasure_end(tmp_path: Path) -> None:
    """A short write is no error of its own; the line must be whole before the erasure goes on."""
    path = tmp_path / "erased.jsonl"
    path.write_bytes(b" " * 999_999 + b"\n")  # one line: each is read again and again
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_020, hard))
    try:
        with pytest.raises(ConfigError):
            ErasedList(path).add(MAIN, "sub_one", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    ErasedList(path).add(MAIN, "sub_two", 2)
    ErasedList(path).add(MAIN, "sub_one", 3)
    assert list(ErasedList(path).read()) == [(MAIN, "sub_two"), (MAIN, "sub_one")]
