"""An id that was stored without a provider is never taken for somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sdk.test_several_accounts import stocked, usd
from support.shop_workspace import FOLLOWS, make_shop_workspace
from support.trio import POLICY, Place
from support.workspace import ENVIRONMENT, make_workspace

from sayso.errors import Code, ConfigError
from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.setup.check import check_workspace
from sayso.sdk.setup.scaffold_tables import template
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("identity:bare-ids")


STORED: list[str] = []
"""How the customers of the last workspace's actions stand there, newest first."""


async def run_with(
    folder: Path,
    *places: Place,
    default: str | None = None,
    act: bool = False,
    who: str = "pay:cus_ada",
) -> None:
    """Open the workspace with these connectors; `act` asks to have Ada paid back."""
    said = {} if default is None else {"customers": {"default": default}}
    policy = POLICY if len(places) > 1 else POLICY.split('@id("cancel")', maxsplit=1)[0]
    workspace = make_shop_workspace(folder, policy, policy_section=FOLLOWS, **said)
    (folder / "playbooks" / "shop.toml").unlink()
    async with Sayso(workspace, mode="decide", connectors=places, clock=FakeClock()) as sayso:
        if act:
            args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
            await sayso.propose("pay.refund", args, subject=who)
            STORED[:] = [one.subject for one in await sayso.actions.list()]


async def test_several_connectors_are_refused_until_somebody_says_whose_ids_are(
    tmp_path: Path, store_url: str
) -> None:
    """The sentence names an id, and the line to write; then it opens, and keeps it in mind."""
    trio = stocked()
    await run_with(tmp_path, trio.pay, act=True)
    assert STORED == ["cus_ada"]
    await run_with(tmp_path, trio.pay)
    with pytest.raises(ConfigError) as caught:
        await run_with(tmp_path, *trio.all)
    assert caught.value.code is Code.INVALID_SETTING
    assert "`cus_ada`" in caught.value.message
    assert 'default = "pay"' in (caught.value.next_step or "")
    await run_with(tmp_path, *trio.all, default="pay", act=True)
    with pytest.raises(ConfigError) as caught:
        await run_with(tmp_path, *trio.all, default="store")
    assert "are those of `pay`" in caught.value.message
    await run_with(tmp_path, *trio.all, default="pay")


async def test_a_new_workspace_of_several_needs_no_default(tmp_path: Path) -> None:
    """Nothing is stored that could be somebody else's."""
    trio = stocked()
    await run_with(tmp_path, *trio.all)


async def test_ids_that_name_their_provider_go_on_so(tmp_path: Path, store_url: str) -> None:
    """Also where one connector is left; else one customer would become two, with two limits."""
    trio = stocked()
    await run_with(tmp_path, *trio.all, act=True)
    with pytest.raises(ConfigError) as caught:
        await run_with(tmp_path, *trio.all, default="pay")
    assert "`pay:cus_ada`" in caught.value.message
    assert "remove `default`" in (caught.value.next_step or "")
    await run_with(tmp_path, trio.pay, act=True)
    assert STORED == ["pay:cus_ada"] * 2
    await run_with(tmp_path, *trio.all, default="store")


async def test_a_default_of_before_there_was_anybody_holds(tmp_path: Path) -> None:
    """A help desk's customers come first, and a payment's later."""
    trio = stocked()
    await run_with(tmp_path, *trio.all, default="pay", who="desk:7723", act=True)
    await run_with(tmp_path, *trio.all, default="pay")


async def test_check_says_what_opening_would_refuse(tmp_path: Path) -> None:
    """Without noting anything, and without the provider being asked; so does a link to nowhere."""
    with Sandbox.start(seed="demo") as sandbox:
        workspace = make_workspace(
            tmp_path, stripe_url=sandbox.url, more='[customers.links]\n"desk.id" = "stripe"\n'
        )
        args: dict[str, JsonValue] = {"charge": "ch_demo_1042", "amount": usd(1_00)}
        async with Sayso(workspace, mode="decide") as sayso:
            await sayso.propose("stripe.refund", args, subject="cus_demo_ana")
        async with Sayso(workspace, mode="decide"):
            pass  # whose the ids are is noted when it is opened again
        _, problems = await check_workspace(tmp_path, ENVIRONMENT)
        assert [one.place for one in problems] == ["[customers.links]"]
        assert "no connector `desk` here has customers" in problems[0].message
        (tmp_path / "actions").mkdir()
        own = template("action.py").replace('    customers_of = "stripe"', "    # ")
        (tmp_path / "actions" / "points.py").write_text(own)
        toml = (tmp_path / "sayso.toml").read_text()
        toml = toml.replace('default = "stripe"', 'default = "points"')
        (tmp_path / "sayso.toml").write_text('actions = ["actions/*.py"]\n' + toml)
        _, problems = await check_workspace(tmp_path, ENVIRONMENT)
        assert "[customers]" in [one.place for one in problems]
        assert any("are those of `stripe`" in one.message for one in problems)
