"""`sayso limits`: shown, and given other caps by a person."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

LIMITS = """
# ours
[[limit]]
id     = "day"
say    = "At most $900 of refunds a day"
of     = "workspace"
action = "stripe.refund"
sum    = { USD = 900 }  # of all bots
per    = "day"
"""


@pytest.mark.promise("limits:set")
def test_a_cap_is_set_and_a_limit_dropped_on_the_command_line(cli: CliWorkspace) -> None:
    """The file follows, with its comments; what somebody has drafted in it meanwhile stays."""
    file = cli.folder / "policies" / "limits.toml"
    file.write_text(LIMITS)
    cli.line.done("policy", "activate")
    assert "nothing is used" in cli.line("limits", "--limit", "5").out
    said = " ".join(cli.line("doctor").out.split())
    for invariant in ("the sum of its uses", "has its uses of each limit", "more than its cap"):
        assert invariant in said
    done = cli.line("limits", "set", "day", "--sum", "usd=600", "--note", "INC-7")
    assert done.status == 0, done.err
    assert done.out.startswith("`day` has other caps: version ")
    assert "(tighter)" in done.out
    assert file.read_text() == LIMITS.replace("900", "600")
    file.write_text(file.read_text() + "# a draft\n")
    raised = cli.line.done("limits", "set", "day", "--sum", "USD=650")
    assert (raised["version"] or raised["waits"])["direction"] == "looser"
    assert "600 }" in file.read_text()
    cli.line("limits", "set", "day", "--sum", "USD=ten").refused("invalid_input", 2)
    cli.line("limits", "set", "day", "--count", "3").refused("invalid_input")
    cli.line("limits", "drop", "night").refused("not_found")
    dropped = cli.line.done("limits", "drop", "day")
    assert (dropped["version"] or dropped["waits"])["direction"] == "looser"


def test_limits_are_listed_as_every_other_noun_is(cli: CliWorkspace) -> None:
    """`limits list` is `limits`."""
    (cli.folder / "policies" / "limits.toml").write_text(LIMITS, encoding="utf-8")
    cli.line.done("policy", "activate")
    assert cli.line("limits", "list", "--limit", "5").out == cli.line("limits", "--limit", "5").out
    assert cli.line.done("limits", "list") == cli.line.done("limits")
