"""What a verification puts aside is gone with it."""

from __future__ import annotations

import gc
import sqlite3

import pytest

from sayso.audit.rules.replayed import ActionLife, Lives
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


def test_of_a_long_log_few_lives_are_in_memory() -> None:
    """All that 100,000 actions left in memory took 34 MB; the rest of them is read when needed."""
    lives = Lives(ActionLife)
    for number in range(3_000):
        lives.of(f"act_{number}").requesters.append(f"bot-{number}")
    kept = sum(type(one) is ActionLife for one in gc.get_objects())
    assert kept <= 600, "beside those of others in this process"
    assert lives.of("act_0").requesters == ["bot-0"]
    assert lives.of("act_2999").requesters == ["bot-2999"]
