"""`after`: a provider that lets two do the same at once is read again; what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from connectors.manifest.purse import MANIFEST, Purse, serving
from connectors.manifest.purse_workspace import make_workspace

from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.testing.clock import FakeClock

AFTER = 'after = [{ that = "customer.given <= `3500`", says = "more was given than $35" }]'
BOUNDED = MANIFEST.replace("args.amount =", f"{AFTER}\nargs.amount =")


@pytest.mark.promise("engine:after-paying:fits")
@pytest.mark.parametrize(("beside", "code"), [(0, None), (3400, "does_not_fit")])
async def test_what_somebody_else_did_at_the_same_moment_is_seen(
    tmp_path: Path, beside: int, code: str | None
) -> None:
    """$69 were refunded of one payment of $35 by a person and Sayso, and nobody was told."""
    with serving(Purse(beside=beside)) as purse:
        workspace, clock = make_workspace(tmp_path, purse.url, BOUNDED), FakeClock()
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            view = await sayso.propose(
                "purse.credit",
                {"amount": {"amount_minor": 3500, "currency": "USD"}},
                subject="cus_1",
                reason="it broke",
            )
            clock.advance(seconds=1)
            await sayso.container.engine.advance(Tenant("main"), view.id)
            view = await sayso.actions.get(view.id)
            assert (view.status, view.error and view.error.code) == ("succeeded", code)
            assert [one.why for one in await sayso.work.list()] == (
                ["more was given than $35"] if code else []
            )
            assert sayso.audit.verify(deep=True).verdict == "verified"
