"""Each thief of the threat model tries what they have the means for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from audit.column_edits import make_busy
from audit.thieves import plant, read_copy, sign_by_key, write_database, write_files

pytestmark = pytest.mark.promise("audit:thieves")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_busy`; never changed."""
    return asyncio.run(make_busy(tmp_path_factory.mktemp("busy")))


def test_a_copy_of_the_database_opens_no_text(busy: Path) -> None:
    """Nothing beside a sealed text is its key."""
    tried = read_copy(busy)
    assert tried.attempted > 10
    assert tried.passed == ()


def test_whoever_writes_the_database_is_noticed(busy: Path) -> None:
    """Everything that was once called verified."""
    assert write_database(busy).passed == ()


@pytest.mark.tampers("plants rows")
async def test_planted_rows_open_and_pay_nothing(tmp_path: Path) -> None:
    """Tokens, sessions, votes, approvals, people: a row that no entry made gives no power."""
    assert (await plant(tmp_path)).passed == ()


async def test_who_writes_the_files_stands_in_the_log(tmp_path: Path) -> None:
    """They may add people, and not unseen."""
    assert (await write_files(tmp_path)).passed == ()


def test_whoever_has_the_signing_key_breaks_no_rule_unseen() -> None:
    """Each way to break each rule."""
    tried = sign_by_key()
    assert tried.attempted > 50
    assert tried.passed == ()
