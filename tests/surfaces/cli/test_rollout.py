"""`sayso rollout`: a dial is moved, and the line that takes it back does so."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

DIALS = """
[[dial]]
id     = "refunds"
say    = "Refunds"
action = "stripe.refund"
stage  = "suggest"
share  = 100
"""
MOVES = (
    ("auto",),
    ("auto", "--share", "10", "--else", "suggest"),
    ("auto", "--share", "50"),
    ("auto", "--share", "50%", "--else", "auto"),
)


@pytest.fixture
def dials(cli: CliWorkspace) -> CliWorkspace:
    """A workspace with one dial."""
    (cli.folder / "policies" / "rollout.toml").write_text(DIALS, encoding="utf-8")
    cli.line.done("policy", "activate")
    return cli


def dial(cli: CliWorkspace) -> dict[str, Any]:
    """What is in force."""
    (found,) = cli.line.done("rollout", "list")["items"]
    return {name: found[name] for name in ("stage", "share", "otherwise")}


@pytest.mark.promise("rollout:stages")
def test_the_line_that_takes_a_move_back_takes_it_back(dials: CliWorkspace) -> None:
    """`rollout set … auto --share 50` after 10 said `rollout set … auto`, which changed nothing."""
    backs = 0
    for move in MOVES:
        before = dial(dials)
        moved = dials.line("rollout", "set", "refunds", *move)
        assert moved.status == 0, moved.err
        after = dial(dials)
        back = re.search(r"^back at once: (?:.* )?sayso (.*)$", moved.out, re.MULTILINE)
        if "(looser)" not in moved.out:
            assert back is None, "the other way is a loosening, and for its own reasons"
            continue
        backs += 1
        assert back is not None, moved.out
        dials.line(*shlex.split(back[1]))
        assert dial(dials) == before, back[1]
        assert dials.line("rollout", "set", "refunds", *move).status == 0
        assert dial(dials) == after
    assert backs == 3


def test_a_dial_that_there_is_not_names_the_command_that_lists_them(dials: CliWorkspace) -> None:
    """And that command is one."""
    ran = dials.line("rollout", "set", "refnuds", "auto").refused("not_found")
    assert "rollout list` lists them" in ran.err


@pytest.mark.promise("rollout:stages")
def test_a_dial_that_is_turned_off_pulls_the_others_along(dials: CliWorkspace) -> None:
    """`off` beside others at `suggest` was refused as a mistake of an untouched file."""
    assert dials.line("rollout", "set", "refunds", "auto", "--else", "suggest").status == 0
    dials.line("rollout", "set", "refunds", "suggest", "--else", "auto").refused("invalid_input")
    moved = dials.line("rollout", "set", "refunds", "off")
    assert moved.status == 0, moved.err
    assert dial(dials) == {"stage": "off", "share": 100, "otherwise": "off"}
