"""`sayso people`: who may decide, and what is told when nobody is left who may."""

from __future__ import annotations

from surfaces.cli.cli_workspace import CliWorkspace


def test_a_role_that_nobody_holds_any_more_is_told_with_a_next_step_that_works(
    cli: CliWorkspace,
) -> None:
    """Cards of that role would expire unread; who has left by the log still stands in the file."""
    cli.line.done("people", "add", "noor", "--role", "support_manager")
    [first] = {one["id"] for one in cli.line.done("people", "list")["items"]} - {"noor"}
    left = cli.line("people", "deactivate", first)
    assert "nobody holds the role `finance`" in left.err
    assert "`support_manager`" not in left.err
    assert "next: sayso people add ID --role finance" in left.err
    left = cli.line("people", "role", "noor", "--none")
    assert "nobody holds the role `support_manager`" in left.err
    cli.line("people", "role", "noor", "--role", "support_manager")
    back = cli.line("people", "add", first, "--role", "finance")
    assert (back.status, back.err) == (0, "")
