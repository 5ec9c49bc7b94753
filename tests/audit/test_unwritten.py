"""A disk that takes no more, below whatever writes a new file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sayso.audit.exports.rows import new_file
from sayso.errors import Code, ConfigError
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


def test_no_half_key_stays(tmp_path: Path) -> None:
    """`make-key` on a full disk left an empty file, which the next one took for a key."""
    with pytest.raises(UnicodeEncodeError):
        write_secret_file(tmp_path / "next.key", "\ud800")
    assert list(tmp_path.iterdir()) == []
