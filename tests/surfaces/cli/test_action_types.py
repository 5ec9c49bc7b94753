"""`sayso actions types`: what can be proposed, for whoever has not done it before."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import CliWorkspace


@pytest.mark.promise("cli:kinds")
def test_every_kind_is_listed_without_a_secret(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name, card, arguments and guarantee; no provider has to be reachable or paid for."""
    monkeypatch.delenv("STRIPE_API_KEY")
    shown = cli.line("actions", "types")
    assert (shown.status, shown.err) == (0, "")
    block = shown.out.partition("stripe.refund\n")[2].partition("\n\n")[0]
    assert "Refund {amount} of {charge}" in block
    assert "done once (idempotent, 24 h, claimed)" in block
    assert "the payment, such as ch_123 · a text" in block
    assert '· {"amount_minor": 500, "currency": "USD"}' in block
    kinds = {kind["name"]: kind for kind in cli.line.done("actions", "types")["items"]}
    assert kinds["stripe.cancel_subscription"]["args"][1]["form"] == '"now" or "period_end"'
    assert kinds["stripe.credit"]["undone_by"] == "stripe.take_back_credit"
    assert kinds["stripe.refund"]["args_schema"]["required"] == ["charge"]


def test_the_kinds_are_those_that_can_be_proposed(cli: CliWorkspace) -> None:
    """`unknown_action` names them, and each name is known to `propose`."""
    refused = cli.line("propose", "xyz", "--subject", "cus_demo_ana").refused("unknown_action")
    names = [kind["name"] for kind in cli.line.done("actions", "types")["items"]]
    assert all(f"`{name}`" in refused.err for name in names)
    assert "sayso actions types" in refused.err


def test_what_cannot_be_read_is_named_beside_the_others(cli: CliWorkspace) -> None:
    """A broken file hides nothing of what works, and is said on stderr."""
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (cli.folder / "actions" / "loyalty.py").write_text("1 / 0", encoding="utf-8")
    shown = cli.line("actions", "types")
    assert "stripe.refund" in shown.out
    assert "`actions/loyalty.py` cannot be read, and may have more" in shown.err
    assert "ZeroDivisionError" in cli.line.done("actions", "types")["unread"]["actions/loyalty.py"]
