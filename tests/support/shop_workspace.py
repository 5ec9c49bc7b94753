"""A workspace in a temporary folder with the in-memory shop, for tests of the floors below."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from support.database import make_database
from support.shop import Shop

from sayso.actions.engine.engine import Boundary
from sayso.agent.base import Planner
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.base import Connector
from sayso.connectors.vault import new_key
from sayso.ids import Clock
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import is_postgres
from sayso.sdk.workspace import Workspace
from sayso.settings import parse_settings
from sayso.telemetry import Telemetry
from sayso.testing.clock import FakeClock

POLICY = """
@id("small") @explain("up to 50 runs by itself, three times in 30 days")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) && context.count30d < 3 };

@id("manager") @explain("up to 500 once a support manager says yes")
permit (principal, action == Action::"shop.refund", resource)
when {
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};

@id("two") @explain("more once two people say yes, one of them from finance")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvals >= 2 && context.approvedBy.contains("finance") };
"""
PLAYBOOK = """
version = 2
name = "shop"
summary = "the customer wants money back for an order"

[slots.order]
type = "object"
kind = "order"

[slots.amount]
type = "money"
of = "order"

[[steps]]
action = "shop.refund"
args = { order = "{order}", amount = "{amount}" }

[words.en]
ask = ["refund*", "give/pay _ back", "money back", "$ back", "back $", "broke"]
"""
"""What customers ask of the shop: a plan whose steps nobody asked for is a person's."""
STORE_URLS = ["sqlite:///sayso.db"]
"""The last is where a new shop keeps its rows; a PostgreSQL database must be migrated already."""

PEOPLE = (
    {"id": "maria", "roles": ["support_manager"], "slack": "T1/U1"},
    {"id": "noor", "roles": ["support_manager"]},
    {"id": "finn", "roles": ["finance"], "slack": "T1/U2"},
    {"id": "idle", "roles": ["support_manager"], "active": False},
)


BEGUN = 1 + sum(bool(person.get("active", True)) for person in PEOPLE)
"""So many entries a log begins with: its rules, and its people."""

FOLLOWS: Mapping[str, object] = {"files": ["policy.cedar"], "follow": "files"}
"""What the file says is in force with the first judgement of whoever opens the workspace."""


def make_shop_workspace(
    folder: Path,
    policy: str = POLICY,
    *,
    policy_section: Mapping[str, object] = FOLLOWS,
    **tables: object,
) -> Workspace:
    """A workspace whose only connector is to be passed in; key, policy and database are made.

    A plan is not restated to the customer, unless `planner` says so.
    """
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    key = folder / "keys" / "log.key"
    if not key.exists():
        key.write_text(Ed25519Signer.generate("test").to_text())
        (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(policy)
    (folder / "playbooks").mkdir(exist_ok=True)
    (folder / "playbooks" / "shop.toml").write_text(PLAYBOOK)
    values: dict[str, object] = {
        "workspace": {"name": "test"},
        "store": {"url": STORE_URLS[-1]},
        "policy": dict(policy_section),
        "people": list(PEOPLE),
        "planner": {"confirm": {"default": "never"}},
        **tables,
    }
    workspace = Workspace(
        folder=folder, settings=parse_settings(values, "sayso.toml"), environment={}
    )
    if not is_postgres(workspace) and not workspace.store_path.exists():
        make_database(workspace.store_path)
    return workspace


@dataclass(kw_only=True)
class ShopWorkspace:
    """An open workspace with its shop and its clock."""

    sayso: Sayso
    shop: Shop
    clock: FakeClock
    workspace: Workspace


@asynccontextmanager
async def open_shop(
    folder: Path,
    *,
    shop: Shop | None = None,
    clock: Clock | None = None,
    work: bool = False,
    policy: str = POLICY,
    passing: Callable[[Boundary], None] | None = None,
    planner: Planner | None = None,
    confirm: Mapping[str, str] | None = None,
    telemetry: Telemetry | None = None,
    policy_section: Mapping[str, object] = FOLLOWS,
    planner_section: Mapping[str, object] | None = None,
    answer_within: str = "",
    **tables: object,
) -> AsyncGenerator[ShopWorkspace]:
    """Open a shop workspace; `work=False` runs only what a call asks for.

    Args:
        confirm: when a plan is restated to the customer; never, unless said.
        planner_section: more of `[planner]`. answer_within: of `[work]`.
    """
    if answer_within:
        tables["work"] = {"answer_within": answer_within}
    if confirm is not None or planner_section is not None:
        confirming = dict(confirm or {"default": "never"})
        tables["planner"] = {"confirm": confirming, **(planner_section or {})}
    store_shop = shop or Shop()
    fake = clock if isinstance(clock, FakeClock) else FakeClock()
    connector: Connector = store_shop
    workspace = make_shop_workspace(folder, policy, policy_section=policy_section, **tables)
    sayso = Sayso(
        workspace,
        mode="run" if work else "decide",
        connectors=[connector],
        clock=clock or fake,
        passing=passing,
        planner=planner,
        telemetry=telemetry,
    )
    async with sayso:
        yield ShopWorkspace(sayso=sayso, shop=store_shop, clock=fake, workspace=workspace)
