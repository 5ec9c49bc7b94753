"""What a person reads in a terminal, and what a program reads without one."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator

import pytest
from surfaces.cli.cli_workspace import CliWorkspace, Line
from surfaces.cli.terminal import Terminal

from sayso.errors import Code, RefusedError
from sayso.sdk.views.rows import EventView
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.unfinished import noting
from sayso.surfaces.cli.words import counted, width_of

LISTS = (
    ("approvals", "list", "--status", "all"),
    ("actions", "list"),
    ("requests", "list"),
    ("stop", "list", "--ended"),
    ("token", "list"),
    ("audit", "tail"),
)
_ALL_LISTS = f"""
from sayso.__main__ import main

for words in {LISTS}:
    main(words)
    print("\\f")
"""


@pytest.fixture
def lived(cli: CliWorkspace) -> CliWorkspace:
    """A workspace in which something of each kind was done."""
    cli.pending()
    cli.refund(minor=100)
    cli.refund(minor=9_999_999)
    cli.line("ask", "Where is my parcel?", "--subject", "cus_demo_ana")
    words = "INC-7: refunds go out twice, so please nobody let this go on before we know why"
    cli.line.done("stop", "--connector", "stripe", "--reason", words)
    return cli


@pytest.mark.promise("cli:readable")
@pytest.mark.parametrize("columns", [80, 160])
def test_a_list_breaks_no_id_and_no_state(lived: CliWorkspace, columns: int) -> None:
    """Whatever the terminal's width: each cell that is no sentence stands whole on one line."""
    terminal = Terminal(cwd=lived.folder, columns=columns, program=("-c", _ALL_LISTS))
    *drawn, rest = terminal.end().split("\f\n")
    assert rest == ""
    for words, shown in zip(LISTS, drawn, strict=True):
        _assert_whole(lived.line(*words).out.splitlines(), shown.splitlines(), columns)


def _assert_whole(plain: list[str], lines: list[str], columns: int) -> None:
    """Whether what stands in the lines that a program gets stands in a terminal's as well."""
    cells = {cell for line in plain[1:] for cell in re.split(r"  +", line.strip())}
    whole = {cell for cell in cells if re.fullmatch(r"[a-z]+_[0-9a-z_]+|[a-z_.]+", cell)}
    # A block for each row, as a wide list has it, leaves out what is empty in all of them.
    heads = {
        head.group().lower()
        for head in re.finditer(r"\S+(?: \S+)*", plain[0])
        if any(line[head.start() : head.end()].strip() for line in plain[1:])
    }
    assert all(width_of(line.rstrip()) <= columns for line in lines), lines
    for word in whole | heads if columns == 160 else whole:
        assert any(re.search(rf"(^|\s){re.escape(word)}($|\s|`)", line) for line in lines), word


def test_a_narrow_terminal_gets_a_block_for_each_row() -> None:
    """Labels as the heads of the table, in the same order; what is empty is left out."""
    screen = _Screen()
    out = Out(as_json=False, stdout=screen)
    rows = [["act_" + "0" * 26, "succeeded", "x" * 40, ""], ["act_" + "1" * 26, "failed", "y", "z"]]
    out.table(["id", "status", "customer", "reason"], rows)
    first, second = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).strip().split("\n\n")
    assert [line.split()[0] for line in first.splitlines()] == ["id", "status", "customer"]
    assert [line.split()[0] for line in second.splitlines()][-1] == "reason"


class _Screen(io.StringIO):
    """Text that is written to a terminal of 80 columns."""

    def isatty(self) -> bool:
        """A person reads it."""
        return True


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no real terminal says it."""
    monkeypatch.setenv("COLUMNS", "80")


async def test_whoever_waits_at_a_terminal_is_told_where_it_stands() -> None:
    """Each state once, on stderr; what breaks the telling off breaks nothing else."""

    async def changes() -> AsyncIterator[EventView]:
        for message in ("We are working on it.", None, "We are working on it.", "Done."):
            yield EventView.model_construct(message=message)
        raise RefusedError(Code.NOT_FOUND, "it is gone")

    screen, pipe = _Screen(), io.StringIO()
    for stderr in (screen, pipe):
        async with noting(Out(as_json=True, stderr=stderr), changes()):
            await asyncio.sleep(0)
    assert screen.getvalue() == "We are working on it.\nDone.\n"
    assert pipe.getvalue() == ""


def test_one_is_no_plural() -> None:
    """Numbers with nouns, as people read them."""
    found = [counted(count, "entry") for count in (0, 1, 2)] + [counted(1234, "action")]
    assert found == ["0 entries", "1 entry", "2 entries", "1,234 actions"]


def test_a_customer_with_one_of_each_is_told_so(cli: CliWorkspace) -> None:
    """`1 action, 1 approval`."""
    cli.pending()
    told = cli.line("privacy", "subject", "cus_demo_ana", "-o", "ana.json").out
    assert "1 action, 1 approval, " in told


@pytest.mark.promise("cli:readable")
def test_piped_output_has_no_blanks_at_the_ends_of_lines(
    line: Line, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For `diff` and editors: the demo's boxes and tables as well."""
    monkeypatch.chdir(tmp_path_factory.mktemp("demo"))
    shown = line("demo", "--no").out.splitlines()
    assert len(shown) > 100
    assert [one for one in shown if one != one.rstrip()] == []
