"""Whatever is done to a row by SQL is noticed, or declared with its reason; and gives no power."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from audit.column_edits import make_busy
from audit.columns import FREE_ROWS
from audit.postgres_row_attacks import make_busy_on, unnoticed_on
from audit.row_attacks import KINDS, Kind, attacks, free_edits, powers, unnoticed
from support.campaign import some

pytestmark = [
    pytest.mark.promise("audit:row-attacks"),
    pytest.mark.tampers("with rows of every table"),
]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_busy`; never changed."""
    folder = tmp_path_factory.mktemp("rows") / "busy"
    folder.mkdir()
    return asyncio.run(make_busy(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_gone_older_or_planted_is_noticed(
    busy: Path, tmp_path: Path, kind: Kind
) -> None:
    """By the verifier; or the table says why nothing follows from it."""
    made, passed = unnoticed(busy, tmp_path, kind)
    assert {table for table in passed if kind not in FREE_ROWS.get(table, {})} == set()
    assert made >= {"deleted": 20, "replayed": 4, "inserted": 12}[kind]


def test_on_postgresql_it_is_noticed_as_well(postgres_url: str, tmp_path: Path) -> None:
    """By its superuser, with every trigger and foreign key off."""
    busy = make_busy_on(postgres_url, tmp_path)
    for kind in KINDS:  # each on its own is a workspace more
        made, passed = unnoticed_on(busy, kind)
        assert {table for table in passed if kind not in FREE_ROWS.get(table, {})} == set()
        assert made >= {"deleted": 20, "replayed": 4, "inserted": 12}[kind]


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
async def test_no_row_gives_a_power(busy: Path, tmp_path: Path, kind: Kind) -> None:
    """A server that is opened on it pays nothing, takes nobody's word, and erases nobody held.

    The suite opens one on a third of them.
    """
    tried = some([attack for attack in attacks(busy) if attack.kind == kind], every=3)
    gained = {
        f"{attack.table} {at}": found
        for at, attack in enumerate(tried)
        if (found := await powers(busy, tmp_path / str(at), [attack.statement]))
    }
    assert gained == {}


@pytest.mark.campaign
async def test_no_free_column_gives_a_power(busy: Path, tmp_path: Path) -> None:
    """All free columns of a table at once; the suite takes every second table."""
    assert await powers(busy, tmp_path / "untouched", []) == []
    gained = {
        table: found
        for table, statements in some(list(free_edits(busy).items()), every=2)
        if (found := await powers(busy, tmp_path / table, statements))
    }
    assert gained == {}
