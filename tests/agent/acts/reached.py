"""Every shipped action on its own provider's double, in one workspace for each connector."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.manifest.stand import Stand, shipped, stand
from support.shop_workspace import make_shop_workspace

from sayso import Sayso
from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Record
from sayso.connectors.base import Connector
from sayso.connectors.define import OwnConnector
from sayso.connectors.manifest.schema import Manifest
from sayso.sdk.setup.scaffold_tables import rules_of
from sayso.testing.clock import FakeClock
from sayso.testing.manifests import CaseTable, GeneratedProvider


@dataclass(kw_only=True)
class Reached:
    """A workspace with one connector, whose provider is that of one case after another."""

    sayso: Sayso
    stand: Stand
    clock: FakeClock

    @property
    def manifest(self) -> Manifest:
        """The connector's."""
        return self.stand.source.manifest

    def at(self, case: CaseTable) -> GeneratedProvider:
        """Its provider as the case finds it."""
        self.stand.wire.provider = GeneratedProvider(
            source=self.stand.source, cases=self.stand.cases, case=case, clock=self.clock
        )
        return self.stand.wire.provider


SHOP = """
[plans.basic]
any = ["basic"]
[plans.plus]
any = ["plus"]
[ids.plus]
stripe_billing = "price_big"
"""


class Subscriptions(OwnConnector):
    """What the Stripe connector lists for the one that only acts."""

    name = "stripe"

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """A subscription and a payment."""
        subscription = {"status": "active"}
        return (
            Record(
                kind="subscription",
                id="sub_1",
                title="Basic plan, active",
                label="Basic plan",
                facts=subscription,
            ),
            Record(kind="charge", id="ch_1", title="$25.00, Order 1042", references=("1042",)),
        )


@asynccontextmanager
async def reached(folder: Path, name: str) -> AsyncGenerator[Reached]:
    """A workspace as `sayso init --with NAME` judges: a person agrees to everything."""
    source, cases = shipped(name)
    made = stand(source, cases, cases.case[0])
    clock = FakeClock()
    policy = "\n".join(rules_of({name: source.manifest}).values())
    confirming = {"confirm": {"default": "always"}}
    workspace = make_shop_workspace(folder, policy, planner=confirming)
    (folder / "playbooks" / "shop.toml").unlink()
    (folder / "shop.toml").write_text(SHOP, "utf-8")
    connectors: list[Connector] = [made.connector]
    if name == "stripe_billing":
        connectors.append(Subscriptions())
    async with Sayso(workspace, mode="decide", connectors=connectors, clock=clock) as sayso:
        yield Reached(sayso=sayso, stand=made, clock=clock)
