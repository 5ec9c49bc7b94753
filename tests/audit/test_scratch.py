"""What a verification puts aside is gone with it."""

from __future__ import annotations

import sqlite3

import pytest

from sayso.audit.verifier.medium import open_scratch


class _Owner:
    """Whatever a verification keeps."""


def test_it_is_closed_with_its_owner() -> None:
    """Without it each deep verification would leave files open; Python 3.13 warns of that."""
    owner = _Owner()
    scratch = open_scratch(owner, "create table noted (id text);")
    scratch.execute("insert into noted values ('a')")
    assert scratch.execute("select count(*) from noted").fetchone() == (1,)
    del owner
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        scratch.execute("select 1")
