"""What a process is told whose database cannot be opened: by what stands on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.media import FULL, READ_ONLY, on_tmpfs

from sayso.errors import Code, ConfigError
from sayso.store.sqlite.store import SqliteStore

OPEN = """
from pathlib import Path
from sayso.errors import SaysoError
from sayso.store.sqlite.store import SqliteStore
try:
    SqliteStore(Path("sayso.db"), create=CREATE)
except SaysoError as error:
    print(error.code, error.message, error.next_step, sep="|")
"""


def told(script: str, folder: Path, *, create: bool = False) -> list[str]:
    """Code, message and next step of a new process in a copy of a folder."""
    program = OPEN.replace("CREATE", str(create))
    script = f"{script}\n\"$PYTHON\" -c '{program}'"
    ran = on_tmpfs(script, at=folder.parent / "mounted", folder=folder)
    assert ran.returncode == 0, ran
    return ran.stdout.strip().split("|")


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder with a database of this version that nobody has open."""
    (tmp_path / "shop").mkdir()
    store = SqliteStore(tmp_path / "shop" / "sayso.db", create=True)
    await store.close()
    return tmp_path / "shop"


@pytest.mark.promise("store:cannot-open")
def test_a_database_on_a_read_only_disk_is_told_as_such(folder: Path) -> None:
    """`store_read_only` (errors.md), also for who would make it there."""
    for create in (False, True):
        code, message, step = told(READ_ONLY, folder, create=create)
        assert (code, message) == ("store_read_only", "the database `sayso.db` cannot be written")
        assert "write access" in step
    (folder / "sayso.db").unlink()
    for create in (False, True):
        code, message, _ = told(READ_ONLY, folder, create=create)
        assert (code, "is not there" in message) == ("store_read_only", True)


@pytest.mark.promise("store:cannot-open")
def test_the_one_file_that_cannot_be_written_is_named(folder: Path) -> None:
    """What SQLite made beside a database that was read-only keeps its mode; who had given access
    to the file and its folder was told to give access to them."""
    shared = "sayso.db-shm"
    closed = f"touch {shared}\nmount --bind {shared} {shared}\nmount -o remount,bind,ro {shared}"
    code, _, step = told(closed, folder, create=True)
    assert code == "store_read_only"
    assert f"{shared}`" in step
    assert "sayso.db`" not in step


@pytest.mark.promise("store:cannot-open")
def test_a_new_process_on_a_full_disk_is_told_as_such(folder: Path) -> None:
    """`store_full` (errors.md), and not that the path is wrong."""
    code, _, step = told(FULL, folder)
    assert (code, step) == ("store_full", "free some disk space")
    (folder / "sayso.db").unlink()
    assert told(FULL, folder, create=True)[0] == "store_full"


@pytest.mark.promise("store:cannot-open")
def test_a_missing_database_is_told_with_what_makes_it(tmp_path: Path) -> None:
    """`sayso init` says `workspace_exists` where only the database is gone; `migrate` helps."""
    with pytest.raises(ConfigError) as caught:
        SqliteStore(tmp_path / "sayso.db")
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert "sayso migrate" in caught.value.next_step
    assert "init" not in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("nowhere/sayso.db", Code.STORE_UNAVAILABLE, "is no folder"),
        ("file/sayso.db", Code.STORE_UNAVAILABLE, "is no folder"),
        ("folder", Code.NOT_A_DATABASE, "is a folder"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(
    name: str, code: Code, words: str, tmp_path: Path
) -> None:
    """A wrong `store.url` is no wrong disk."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for create in (False, True):
        with pytest.raises(ConfigError) as caught:
            SqliteStore(tmp_path / name, create=create)
        assert caught.value.code is code
        assert words in caught.value.message


async def test_an_empty_file_is_told_as_such(tmp_path: Path) -> None:
    """What a full disk or a broken copy leaves is no other program's, and `migrate` fills it."""
    path = tmp_path / "sayso.db"
    path.touch()
    with pytest.raises(ConfigError) as caught:
        SqliteStore(path)
    assert caught.value.code is Code.NOT_A_DATABASE
    assert "is an empty file" in caught.value.message
    assert "sayso migrate" in caught.value.next_step
    store = SqliteStore(path, create=True)
    await store.close()
