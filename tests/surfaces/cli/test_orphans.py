"""Open actions whose connector is gone: said where an operator looks, with what to do."""

from __future__ import annotations

import pytest
from surfaces.cli.line import Place


def take_away_stripe(place: Place) -> str:
    """Somebody takes the connector out of the settings; what they were."""
    settings = (place.folder / "sayso.toml").read_text(encoding="utf-8")
    head, _, rest = settings.partition("[connectors.stripe]")
    following = rest.find("\n[")
    (place.folder / "sayso.toml").write_text(
        head + (rest[following:] if following >= 0 else ""), encoding="utf-8"
    )
    return settings


@pytest.mark.promise("cli:orphans")
def test_an_approved_action_whose_connector_is_gone_is_said(place: Place) -> None:
    """It keeps its yes and waits; `doctor`, `check`, `actions list` and `show` say for what."""
    place.line.done("stop", "--all", "--reason", "INC-7")
    waits = place.refund().json
    assert waits["status"] == "approved", waits
    assert place.line("doctor").err == ""
    assert place.line("actions", "list").err == ""
    settings = take_away_stripe(place)

    doctor = place.line("doctor")
    assert doctor.status == 0, "no problem of the installation"
    assert "1 open of stripe.refund" in doctor.out
    assert f"the oldest is {waits['id']} of main, since 20" in doctor.err
    assert "bring back [connectors.stripe] in sayso.toml" in doctor.err
    problems = place.line("check", "--json").json["problems"]
    assert ("unknown_action", True) in [(one["code"], one["warning"]) for one in problems]
    for words in (("list",), ("show", waits["id"])):
        told = place.line("actions", *words)
        assert told.status == 0
        assert "no connector here has `stripe.refund`, which 1 of these need" in told.err
        assert "next: bring back [connectors.stripe]" in told.err

    (place.folder / "sayso.toml").write_text(settings, encoding="utf-8")
    assert place.line.done("doctor")["facts"]["orphans"] == "none"
    assert place.line("actions", "list").err == ""


def test_nothing_is_claimed_where_a_connector_cannot_be_read(place: Place) -> None:
    """Else every action of a broken file would be said to be gone."""
    place.line.done("stop", "--all", "--reason", "INC-7")
    place.refund()
    place.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (place.folder / "actions").mkdir(exist_ok=True)
    (place.folder / "actions" / "bad.py").write_text("CONNECTORS = 1 / 0")
    assert "not known: `sayso check`" in place.line.done("doctor")["facts"]["orphans"]
    assert "no connector here" not in place.line("actions", "list").err


@pytest.mark.promise("cli:orphans")
def test_a_file_of_actions_that_hangs_holds_no_list_up(place: Place) -> None:
    """What cannot be read in time is not known, so nothing is claimed of it; issue 2, CLI."""
    place.line.done("stop", "--all", "--reason", "INC-7")
    place.refund()
    take_away_stripe(place)
    place.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    hangs = "import threading; threading.Event().wait()"
    (place.folder / "actions" / "loyalty.py").write_text(hangs, encoding="utf-8")
    listed = place.line("actions", "list")
    assert (listed.status, listed.err) == (0, "")
    assert "not known: `sayso check` says" in place.line("doctor").out
