"""Output that gets lost: a full disk, a reader that has gone, a stream that was closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import run_command
from surfaces.cli.cli_workspace import CliWorkspace, clean_environment

FULL = Path("/dev/full")
COMMANDS = (
    ("--help",),
    ("--version",),
    ("audit", "--help"),
    ("audit", "verify"),
    ("audit", "tail", "--json"),
)
SAYSO, VERIFIER = ("-m", "sayso"), ("-m", "sayso.audit.verify", "sayso.db")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
either_way = pytest.mark.parametrize("unbuffered", ["", "1"])


def ran(cli: CliWorkspace, *words: str, stdout: int, unbuffered: str = "") -> tuple[int, str]:
    """Run Python with that as its standard output; its exit status, and what it said of it."""
    done = run_command(
        *words[2:],
        program=words[:2],
        cwd=cli.folder,
        env=clean_environment() | {"PYTHONUNBUFFERED": unbuffered},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )
    os.close(stdout)
    return done.returncode, done.stderr


def full() -> int:
    """A disk that takes nothing."""
    return os.open(FULL, os.O_WRONLY)


def unread() -> int:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@needs_full
@either_way
@pytest.mark.promise("cli:lost-output")
def test_output_that_cannot_be_written_is_said(cli: CliWorkspace, unbuffered: str) -> None:
    """It was `internal`, to be reported, or a traceback; for every command, with the next step."""
    cli.line("audit", "query", "name:x")
    for words in COMMANDS:
        status, told = ran(cli, *SAYSO, *words, stdout=full(), unbuffered=unbuffered)
        first, second = told.splitlines()
        assert (status, first.endswith("[store_full]")) == (2, True), told
        assert first.startswith("error: the output cannot be written: no space left"), told
        assert second.startswith("next: free some disk space; what the command did is done"), told
    refused = ran(cli, *SAYSO, "nonsense", "--json", stdout=full(), unbuffered=unbuffered)
    assert refused[0] == 2
    assert refused[1].startswith("error: no such command `nonsense` [invalid_input]\nnext: ")


@either_way
@pytest.mark.promise("cli:lost-output")
def test_a_reader_that_has_gone_ends_a_command_quietly(cli: CliWorkspace, unbuffered: str) -> None:
    """`… | head -1`: no word, and no status that would be a verdict of `audit verify`."""
    cli.line("audit", "query", "name:x")
    for words in COMMANDS:
        assert ran(cli, *SAYSO, *words, stdout=unread(), unbuffered=unbuffered) == (141, "")


@needs_full
@pytest.mark.promise("cli:lost-output")
def test_the_offline_verifier_has_no_verdict_that_nobody_hears(cli: CliWorkspace) -> None:
    """A traceback ended it with 1, which says that the log was tampered with."""
    cli.line("audit", "query", "name:x")
    for more in ((), ("--json",)):
        told = "the output cannot be written: No space left on device\n"
        assert ran(cli, *VERIFIER, *more, stdout=full()) == (2, told)
        assert ran(cli, *VERIFIER, *more, stdout=unread()) == (2, "")


def test_what_is_closed_leads_nowhere(cli: CliWorkspace) -> None:
    """Who wants the exit status alone closes the streams (`>&- 2>&-`)."""
    cli.line("audit", "query", "name:x")
    for words, status in (((*SAYSO, "audit", "verify"), 0), (VERIFIER, 0), ((*SAYSO, "none"), 2)):
        line = ["sh", "-c", '"$@" >&- 2>&-', "sh", sys.executable, *words]
        assert subprocess.run(line, cwd=cli.folder, check=False).returncode == status


def test_no_signal_can_be_raised_inside_of_a_write() -> None:
    """A question that was asked when Ctrl-C came was asked twice: the write had been done, and what
    Python ran after it broke off, so it was held back to be done again."""
    program = (
        "import sys; from sayso.surfaces.cli.output import watched_stdout\n"
        "with watched_stdout(): print(type(sys.stdout.buffer.raw).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.stdout == b"FileIO\n"
