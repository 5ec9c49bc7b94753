"""`sayso customers find|show|link|unlink|merge`: who somebody is, from the command line."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

ANA = "stripe:cus_demo_ana"
DESK = """
from support.trio import make_trio

trio = make_trio()
trio.desk.person("7723", email="ana@example.com", email_verified=True, name="Ana Q.")
CONNECTORS = [trio.desk]
"""
WHY = ("--reason", "she told the number on the invoice")


def with_a_desk(cli: CliWorkspace) -> None:
    """A help desk beside Stripe, whose accounts tie themselves to nobody's."""
    (cli.folder / "actions").mkdir(exist_ok=True)
    (cli.folder / "actions" / "desk.py").write_text(DESK, encoding="utf-8")
    settings = cli.folder / "sayso.toml"
    text = settings.read_text(encoding="utf-8")
    own = "" if "\nactions =" in text else 'actions = ["actions/*.py"]\n'
    assert 'default = "stripe"' in text
    text = text.replace('default = "stripe"', "by_email = false")
    settings.write_text(f"{own}{text}", encoding="utf-8")


@pytest.mark.promise("customers:tied-by-people")
def test_somebody_is_found_linked_shown_and_unlinked(cli: CliWorkspace) -> None:
    """Each with what it means, and what to type next."""
    with_a_desk(cli)
    found = cli.line("customers", "find", "desk:7723")
    assert "Ana Q.  never seen here" in found.out, found
    assert "a…@example.com (verified by desk)" in found.out
    made = cli.line("customers", "link", "desk:7723", ANA, *WHY)
    assert made.status == 0, made
    assert "Nothing is rewritten" in made.out
    shown = cli.line("customers", "show", ANA)
    assert "by a colleague's word alone (person:maria" in shown.out, shown
    assert "she told the number" in shown.out
    assert "open: nothing" in shown.out
    cli.line("customers", "link", ANA, "desk:7723", *WHY).refused("already_in_state")
    cli.line("customers", "merge", ANA, "desk:7723", *WHY).refused("already_in_state")
    (link,) = cli.line.done("customers", "show", ANA)["links"]
    ended = cli.line("customers", "unlink", link["id"], "--reason", "another Ana")
    assert "are not linked any more" in ended.out
    cli.line("customers", "unlink", link["id"], *WHY).refused("already_in_state")
    assert cli.line("audit", "verify").status == 0
    assert "she told" not in cli.dump()


def test_what_is_no_customer_is_refused_with_what_to_do(cli: CliWorkspace) -> None:
    """An id that may be two accounts', nobody, and no reason."""
    with_a_desk(cli)
    bare = cli.line("customers", "link", "7723", ANA, *WHY).refused("invalid_input")
    assert "write desk:7723" in bare.err
    cli.line("customers", "show", "desk:1").refused("unknown_subject")
    cli.line("customers", "show", "Ana Quispe").refused("invalid_input")
    cli.line("customers", "show", "cst_none").refused("not_found")
    cli.line("customers", "unlink", "lnk_none", *WHY).refused("not_found")
    cli.line("customers", "link", "desk:7723", ANA, "--reason", " ").refused("reason_required")
    assert "Nobody was found." in cli.line("customers", "find", "nobody@example.com").out
