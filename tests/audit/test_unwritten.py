"""A disk that takes no more, below whatever writes a new file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sayso.audit.atomic_files import new_file
from sayso.errors import Code, ConfigError, RefusedError
from sayso.sdk.workspace import write_secret_file


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (errno.ENOSPC, Code.STORE_FULL),
        (errno.EDQUOT, Code.STORE_FULL),
        (errno.EROFS, Code.INVALID_SETTING),
    ],
)
def test_what_an_export_met_is_said_and_nothing_stays(
    tmp_path: Path, reason: int, code: Code
) -> None:
    """It was `internal`, to be reported, for a disk that an operator has to make room on."""

    def write() -> None:
        with new_file(tmp_path / "ex.json") as file:
            file.write(b"half")
            raise OSError(reason, os.strerror(reason))

    with pytest.raises(ConfigError) as refused:
        write()
    assert refused.value.code is code
    assert os.strerror(reason).lower() in refused.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files have names from the start")
def test_a_file_has_no_name_before_it_is_whole(tmp_path: Path) -> None:
    """What is killed in between leaves nothing, which may be a customer's data in clear."""
    path = tmp_path / "subject.json"
    with new_file(path, mode=0o600) as file:
        file.write(b"whole")
        assert list(tmp_path.iterdir()) == []
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("named", [False, True])
def test_a_file_that_came_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """Two exports to one path at once: the second one hears of it, also without nameless files."""
    path = tmp_path / "ex.json"
    if named:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    def write() -> None:
        with new_file(path) as file:
            file.write(b"second")
            path.write_bytes(b"first")

    with pytest.raises(RefusedError) as refused:
        write()
    assert refused.value.code is Code.INVALID_INPUT
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_no_half_key_stays(tmp_path: Path) -> None:
    """`make-key` on a full disk left an empty file, which the next one took for a key."""
    with pytest.raises(UnicodeEncodeError):
        write_secret_file(tmp_path / "next.key", "\ud800")
    assert list(tmp_path.iterdir()) == []
