"""A version of the policy whose entry is pruned counts; one that never had an entry does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import open_rows, propose, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.policy.versions import get_version
from sayso.errors import Code, IntegrityError

PRUNED_TO = 256
"""Entries below are sealed in a file, and gone from the database."""


async def number_with_its_entry_at(opened: ShopWorkspace, seq: int) -> int:
    """A version whose entry is said to stand there, in a log that is pruned; its number."""
    stock(opened)
    await propose(opened)  # with which the policy of the files is activated
    number = (await opened.sayso.policy.history())[0].version
    rows = open_rows(opened)
    rows.execute(
        "insert into log_segment (tenant, first, count, root, tile, rotations, file, bytes, sha256,"
        " sealed_seq, pruned_to, pruned_seq)"
        " values ('main', 0, ?, zeroblob(32), zeroblob(32), '[]', 'f', 1, '', 1, ?, 2)",
        (PRUNED_TO, PRUNED_TO),
    )
    rows.execute("update policy_version set last_seq = ? where number = ?", (seq, number))
    rows.close()
    return number


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("policy:tampered")
async def test_a_version_whose_entry_is_pruned_counts(tmp_path: Path) -> None:
    """The last entry that the pruning took: only its sealed file has it, and nobody is accused."""
    async with open_shop(tmp_path) as opened:
        number = await number_with_its_entry_at(opened, PRUNED_TO - 1)
        read = opened.sayso.container.store.read
        version, _ = await read(lambda reader: get_version(reader, number))
        assert version.last_seq == PRUNED_TO - 1


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("policy:tampered")
@pytest.mark.parametrize("seq", [PRUNED_TO, PRUNED_TO + 1])
async def test_a_version_without_an_entry_that_was_not_pruned_is_tampered_with(
    tmp_path: Path, seq: int
) -> None:
    """The first entry that the pruning left, and what is after it, has to be there."""
    async with open_shop(tmp_path) as opened:
        number = await number_with_its_entry_at(opened, seq)
        with pytest.raises(IntegrityError) as refused:
            await opened.sayso.container.store.read(lambda reader: get_version(reader, number))
        assert refused.value.code is Code.TAMPERED
