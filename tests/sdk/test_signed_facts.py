"""Facts that a caller signs: rules and tables read them, and nobody's bare word is one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from actions.steps import assert_verified, decide, say, shown
from sdk.test_identity import NOW, SECRET, signed
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.model.definition import Subject
from sayso.errors import ConfigError, RefusedError
from sayso.money import Money
from sayso.sdk.views.rows import ActionView

TABLE = """
action   = "shop.refund"
currency = "USD"

[[allow]]
id    = "vip"
say   = "Up to $200 for a VIP"
vip   = true
up_to = 200
"""
GOOD: Mapping[str, object] = {
    "user_id": "cus_1",
    "aud": "shop",
    "iat": NOW,
    "exp": NOW + 300,
    "vip": True,
    "channel": "chat",
}


@asynccontextmanager
async def opened(
    folder: Path, missing: str = "ask", **fact: object
) -> AsyncGenerator[ShopWorkspace]:
    """A shop that believes Intercom, and two facts that it signs."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "identity.key").write_text(SECRET)
    (folder / "vip.toml").write_text(TABLE)
    desk = {"kind": "intercom", "secret": "file:keys/identity.key", "audience": "shop"}
    facts: dict[str, object] = {
        "vip": {"type": "bool", "missing": missing},
        "channel": {"type": "string", "words": ["chat", "phone"], "missing": "ask"},
        **fact,
    }
    section: dict[str, object] = {"files": ["policy.cedar", "vip.toml"], "follow": "files"}
    async with open_shop(
        folder,
        policy=POLICY,
        policy_section=section,
        identity={"desk": desk},
        facts={"signed": facts},
    ) as shop:
        yield shop


async def refund(shop: ShopWorkspace, subject: str | Subject) -> ActionView:
    """A refund of $150.00, which a VIP gets at once."""
    order = f"o{len(shop.shop.books.orders)}"
    shop.shop.books.add(order, "cus_1", Money(15_000, "USD"))
    return await shop.sayso.propose("shop.refund", {"order": order}, subject=subject)


async def customer(shop: ShopWorkspace, **claims: object) -> Subject:
    """Who an assertion says that the customer is."""
    return await shop.sayso.identity.checked(
        Subject(id="cus_1"), "desk", signed({**GOOD, **claims})
    )


@pytest.mark.promise("facts:signed")
async def test_a_table_reads_what_the_caller_signed(tmp_path: Path) -> None:
    """A VIP by signature gets $150 at once; by the bot's word a person is asked."""
    async with opened(tmp_path) as shop:
        vip = await customer(shop)
        assert dict(vip.signed) == {"vip": True, "channel": "chat"}
        assert (await refund(shop, vip)).status == "succeeded"
        told = await refund(shop, "cus_1")
        assert told.status == "pending_approval"
        assert (await refund(shop, await customer(shop, vip=False))).status == "pending_approval"
        question = (await shop.sayso.analysis.explain(told.id)).question
        assert "vip not known" in question
        assert_verified(shop)


@pytest.mark.promise("facts:signed")
@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"aud": ["shop", "other"]}, {"vip": True, "channel": "chat"}),
        ({"iat": NOW - 301 - 30}, {}),
        ({"iat": None}, {}),
        ({"vip": "yes", "channel": "fax"}, {}),
        ({"vip": 1}, {"channel": "chat"}),
        ({"admin": True}, {"vip": True, "channel": "chat"}),
    ],
)
async def test_only_fresh_declared_facts_of_this_workspace_count(
    tmp_path: Path, claims: dict[str, object], told: dict[str, object]
) -> None:
    """At most five minutes old, of the declared type and words; anything else is missing."""
    async with opened(tmp_path) as shop:
        given = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
        found = await shop.sayso.identity.subject("desk", signed(given))
        assert dict(found.signed) == told
        with pytest.raises(RefusedError):
            await customer(shop, aud="another shop")
        with pytest.raises(RefusedError):
            await customer(shop, user_id="cus_2")


@pytest.mark.promise("facts:signed")
async def test_without_it_an_action_is_denied_where_the_workspace_says_so(tmp_path: Path) -> None:
    """`missing = "deny"`, which it is unless said; actions without a rule about it do without."""
    async with opened(tmp_path, missing="deny") as shop:
        refused = await refund(shop, "cus_1")
        assert refused.status == "refused"
        assert refused.error is not None
        assert (await refund(shop, await customer(shop))).status == "succeeded"


@pytest.mark.promise("facts:signed")
async def test_what_was_judged_by_it_is_done_by_it_after_a_yes(tmp_path: Path) -> None:
    """The snapshot keeps it, so a later claim does not ask for a signature again."""
    async with opened(tmp_path) as shop:
        vip = await customer(shop)
        order = "big"
        shop.shop.books.add(order, "cus_1", Money(30_000, "USD"))
        view = await shop.sayso.propose("shop.refund", {"order": order}, subject=vip)
        assert view.status == "pending_approval"
        shop.clock.advance(minutes=30)
        await decide(shop, say(await shown(shop, view)))
        assert (await shop.sayso.actions.get(view.id)).status == "succeeded"


@pytest.mark.promise("facts:signed")
async def test_a_connector_tells_no_fact_that_callers_sign(tmp_path: Path) -> None:
    """One name has one source: the workspace does not open."""
    with pytest.raises(ConfigError, match=r"rename it in \[facts.signed\]"):
        async with opened(tmp_path, paid={"type": "long"}) as shop:
            await refund(shop, "cus_1")
