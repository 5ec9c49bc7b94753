"""Every shipped action on its own provider's double, in one workspace for each connector."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.manifest.stand import Stand, shipped, stand
from support.shop_workspace import make_shop_workspace

from sayso import Sayso
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
    async with Sayso(workspace, mode="decide", connectors=[made.connector], clock=clock) as sayso:
        yield Reached(sayso=sayso, stand=made, clock=clock)
