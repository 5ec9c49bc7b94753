"""A list that was cut says so, and by which command it goes on."""

from __future__ import annotations

import shlex

import pytest
from surfaces.cli.cli_workspace import CliWorkspace


def followed(cli: CliWorkspace, out: str) -> str:
    """What the command prints that a list names for its next page."""
    (line,) = [line for line in out.splitlines() if line.startswith(("more: ", "there may be"))]
    _, _, command = line.partition(": ")
    name, *words = shlex.split(command)
    assert name == "sayso"
    return cli.line(*words).out


@pytest.mark.promise("cli:pages")
@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("approvals", "list"), "next: "),
        (("approvals", "list", "--status", "all"), "next: "),
        (("actions", "list", "--subject", "cus_demo_ana", "--action", "stripe.refund"), ""),
        (("stop", "list", "--ended"), ""),
    ],
)
def test_a_cut_list_names_the_command_for_the_rest(
    cli: CliWorkspace, words: tuple[str, ...], last: str
) -> None:
    """Following it shows each row once, under the same filters; the last page names none."""
    for minor in (12900, 12800, 12700):
        assert cli.refund("ch_demo_ana_1", minor).status == 0
        cli.line.done("stop", "--customer", f"cus_{minor}")
    whole = [line.split()[0] for line in cli.line(*words).out.splitlines()[1:4]]
    cut = cli.line(*words, "-n", "2").out
    rest = followed(cli, cut)
    seen = [line.split()[0] for line in cut.splitlines()[1:3] + rest.splitlines()[1:2]]
    assert seen == whole
    assert "more: " not in rest
    assert cut.splitlines()[-1].startswith(last or "more: ")
    first = cli.line.done(*words, "-n", "2")
    assert first["after"] == first["items"][-1]["id"]
    assert cli.line.done(*words, "-n", "3")["after"] is None, "a full page may be the last"


@pytest.mark.promise("cli:pages")
def test_a_cut_query_says_it_with_its_words(cli: CliWorkspace) -> None:
    """The words of the query stay one each."""
    for _ in range(3):
        cli.refund(minor=100)
    cut = cli.line(
        "audit", "query", "kind:action.succeeded", "customer:cus_demo_ana", "-n", "2"
    ).out
    rest = followed(cli, cut)
    assert len(rest.splitlines()) == 2
    assert cut.splitlines()[1] not in rest
