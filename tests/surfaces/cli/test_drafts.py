"""`sayso work`: what is drafted for a request that people take, shown and proposed."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace

pytestmark = pytest.mark.promise("work:drafted")


def left_to_people(cli: CliWorkspace) -> str:
    """A request whose plan the roll-out leaves to people; its id."""
    files = 'files = ["policies/*"]'
    cli.edit_settings(files, f'follow = "files"\n{files}')
    (cli.folder / "policies" / "rollout.toml").write_text('others = "off"', "utf-8")
    asked = cli.line("ask", "Please refund order 1042", *SUBJECT, "--json").json
    assert asked["status"] == "handed_over", asked
    return str(asked["id"])


def test_it_is_shown_and_proposed(cli: CliWorkspace) -> None:
    """What, to whom, why not; then less of it, as the person's whose token this is."""
    about = left_to_people(cli)
    shown = cli.line("work", "show", about).out
    assert "drafted by" in shown
    assert "not done: a person does this for now" in shown
    assert f"sayso work propose {about}" in shown
    draft = cli.line.done("work", "show", about)["draft"]
    (step,) = draft["steps"]
    assert f"{step['id']} {step['title']}" in shown
    cli.line("work", "propose", about).refused("invalid_input", 2)  # nobody is there to be asked
    wrong = cli.line("work", "propose", about, "--yes", "--digest", "0" * 12)
    wrong.refused("digest_mismatch")
    cli.line("work", "propose", about, "--yes", "--lower", "s9=1.00").refused("invalid_input", 2)
    ran = cli.line("work", "propose", about, "--yes", "--lower", "s1=15.00", "--json")
    proposed = ran.json
    waiting = [one for one in proposed["actions"] if one["status"] == "pending_approval"]
    assert [one["amount"]["amount_minor"] for one in waiting] == [1500]
    cli.line("work", "propose", about, "--yes").refused("not_found")
    cli.line("approvals", "approve", waiting[0]["approval"]["id"], "--yes").refused("own_request")
    assert cli.line("audit", "verify").status == 0
