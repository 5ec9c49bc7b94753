"""Evidence on a medium or a share that cannot be written."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from audit.small_log import SmallLog
from support.media import READ_ONLY, on_tmpfs

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.medium import StillFile, connect_read_only
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError

VERIFY = '"$PYTHON" -m sayso.audit.verify copy.db --vkey "$VKEY"'


def wal_log(path: Path) -> SmallLog:
    """A log in a file as the store makes them: in WAL mode."""
    log = SmallLog(8)
    log.write(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
    return log


@contextmanager
def no_place_beside(folder: Path) -> Generator[None]:
    """A folder in which this user, if it is no administrator, cannot write."""
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("an administrator writes everywhere")
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.promise("audit:read-only-medium")
def test_a_database_on_a_read_only_medium_is_verified(tmp_path: Path) -> None:
    """Evidence is kept where nobody can write to it; SQLite wants two files beside it."""
    source = tmp_path / "evidence"
    source.mkdir()
    log = wal_log(source / "copy.db")
    script = f'{READ_ONLY}\nVKEY="{log.signer.vkey}"\n! touch x 2> /dev/null\n{VERIFY}'
    ran = on_tmpfs(script, at=tmp_path / "mounted", folder=source)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert "verified" in ran.stdout


@pytest.mark.promise("audit:read-only-medium")
def test_what_stands_beside_a_database_is_not_left_out(tmp_path: Path) -> None:
    """The newest entries are in the -wal file; without them an older log would be verified."""
    source = tmp_path / "evidence"
    source.mkdir()
    log = wal_log(tmp_path / "live.db")
    with closing(sqlite3.connect(tmp_path / "live.db")) as writer:
        writer.execute("insert into meta values ('more', 'x')")
        writer.commit()
        for ending in ("", "-wal"):
            (source / f"copy.db{ending}").write_bytes((tmp_path / f"live.db{ending}").read_bytes())
    script = f'{READ_ONLY}\nVKEY="{log.signer.vkey}"\n{VERIFY}'
    ran = on_tmpfs(script, at=tmp_path / "mounted", folder=source)
    assert ran.returncode == 2, ran
    assert "copy both to a folder that can be written" in " ".join(ran.stdout.split())


def test_a_file_that_can_be_written_is_never_taken_for_a_still_one(tmp_path: Path) -> None:
    """Somebody may be writing to it, and `immutable` would read a torn page for a changed one."""
    wal_log(tmp_path / "live.db")
    connection, still = connect_read_only(tmp_path / "live.db", lambda connection: None)
    connection.close()
    assert still is None


def test_a_folder_that_this_user_may_not_write_is_enough(tmp_path: Path) -> None:
    """A share that is exported for reading has no place beside the file either."""
    folder = tmp_path / "share"
    folder.mkdir()
    log = wal_log(folder / "copy.db")
    with no_place_beside(folder):
        found = verify(folder / "copy.db", trust=Trust.parse([log.signer.vkey]))
    assert found.verdict is Verdict.VERIFIED


@pytest.mark.parametrize("change", ["write", "wal", "exchange"])
def test_a_still_file_that_somebody_wrote_to_is_not_judged(change: str, tmp_path: Path) -> None:
    """A read-only mount of a live folder is written to by somebody else all the same."""
    path = tmp_path / "copy.db"
    wal_log(path)
    still = StillFile.of(path)
    still.check()
    if change == "write":
        with path.open("r+b") as file:
            file.write(b"S")
    elif change == "wal":
        (tmp_path / "copy.db-wal").write_bytes(b"x")
    else:
        copy = tmp_path / "other.db"
        copy.write_bytes(path.read_bytes())
        copy.rename(path)
    with pytest.raises(IntegrityError) as caught:
        still.check()
    assert caught.value.code is Code.NOT_A_DATABASE


@pytest.mark.promise("audit:read-only-medium")
def test_an_sqlite_that_marks_no_function_as_harmless_verifies_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12's SQLite 3.40 called `->>` of the log's own columns unsafe, and judged nothing."""
    log = SmallLog(8)
    log.write(tmp_path / "copy.db")
    connect = sqlite3.connect

    def older(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.create_function("->>", 2, _member, deterministic=True)
        return connection

    monkeypatch.setattr(sqlite3, "connect", older)
    judged = verify(tmp_path / "copy.db", trust=Trust.parse([log.signer.vkey]))
    assert judged.verdict is Verdict.VERIFIED, judged.findings


def _member(body: bytes, path: str) -> Any:
    found: Any = json.loads(body)
    for name in path.removeprefix("$.").split("."):
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    return found
