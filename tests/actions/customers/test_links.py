"""Links: which accounts are one customer's, by the log, and who may say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from actions.steps import MAIN
from sdk.customers import token_of
from support.busy_shop import erase
from support.linked import ENGINE, MARIA, links_of, now_of, tie, untie
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.customers.link import customer_of, reached
from sayso.actions.customers.proof import Proof
from sayso.audit.authority.by import By
from sayso.audit.customer_links import reach_data
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import Code, RefusedError, RetryableError

HOUR = 3_600_000_000


@pytest.fixture
async def shop(tmp_path: Path, store_url: str) -> AsyncGenerator[ShopWorkspace]:
    """A workspace on either store, whose whole log is verified when it closes."""
    async with open_shop(tmp_path) as opened:
        yield opened


async def entries(shop: ShopWorkspace) -> list[Mapping[str, Any]]:
    """The bodies of the entries about links, oldest first."""
    found = [entry.body for entry in await shop.sayso.audit.tail(200)]
    return sorted(
        (body for body in found if body["kind"].startswith("customer.")), key=lambda one: one["seq"]
    )


async def test_two_accounts_are_one_customers_from_the_entry_on(shop: ShopWorkspace) -> None:
    """Both ends find the link; both pseudonyms, the providers and the proof stand in the log."""
    made = await tie(shop, "zendesk:7723", "cus_9", reason="the ticket names the shop's id")
    for account in ("zendesk:7723", "cus_9"):
        assert await links_of(shop, account) == (made,)
    assert [end.account for end in made.ends] == ["zendesk:7723", "cus_9"]
    (said,) = await entries(shop)
    assert said["subject"] == made.ends[0].pseudonym
    data = said["data"]
    assert data["linked_with"] == made.ends[1].pseudonym
    assert (data["providers"], data["proof"]) == (["zendesk", "shop"], "record")
    assert "7723" not in str(said)
    assert "cus_9" not in str(said)


async def test_the_same_statement_again_is_the_same_link(shop: ShopWorkspace) -> None:
    """Either way around; another proof of the same two is another link."""
    made = await tie(shop, "zendesk:7723", "cus_9")
    assert await tie(shop, "cus_9", "zendesk:7723") == made
    more = await tie(shop, "cus_9", "zendesk:7723", Proof.PERSON, MARIA, reason="rang up")
    assert more.id != made.id
    assert len(await entries(shop)) == 2


async def test_a_link_that_ended_is_gone_and_may_begin_anew(shop: ShopWorkspace) -> None:
    """Ending it twice ends it once."""
    made = await tie(shop, "zendesk:7723", "cus_9")
    assert await untie(shop, made.id)
    assert not await untie(shop, made.id)
    assert await links_of(shop, "cus_9") == ()
    again = await tie(shop, "zendesk:7723", "cus_9")
    assert again.id != made.id
    assert [body["kind"] for body in await entries(shop)] == [
        *("customer.linked", "customer.unlinked", "customer.linked"),
    ]


async def test_a_code_holds_for_one_conversation_and_a_while(shop: ShopWorkspace) -> None:
    """Its end needs no entry; another conversation doesn't reach over it."""
    until = now_of(shop) + HOUR
    made = await tie(shop, "zendesk:7723", "cus_9", Proof.CODE, until=until, request_id="req_1")
    links = await links_of(shop, "zendesk:7723")
    assert links == (made,)
    assert reached(links, "zendesk:7723", "req_1")["cus_9"].ids == (made.id,)
    assert "cus_9" not in reached(links, "zendesk:7723", "req_2")
    assert "cus_9" not in reached(links, "zendesk:7723")
    shop.clock.advance(hours=1)
    assert await links_of(shop, "zendesk:7723") == ()
    later = await tie(
        shop, "zendesk:7723", "cus_9", Proof.CODE, until=until + 2 * HOUR, request_id="req_1"
    )
    assert later.id != made.id


async def test_a_customer_is_every_account_that_links_lead_to(shop: ShopWorkspace) -> None:
    """Their id is that of the account that was seen first, and stays when one more is tied."""
    first = await tie(shop, "zendesk:1", "shopify:1")
    shop.clock.advance(minutes=1)
    await tie(shop, "shopify:1", "cus_1", Proof.EMAIL)
    await tie(shop, "zendesk:1", "cus_1", Proof.PERSON, MARIA, reason="rang up")
    links = await links_of(shop, "cus_1")
    assert len(links) == 3
    ids = {customer_of(links, end.pseudonym) for link in links for end in link.ends}
    assert ids == {customer_of((first,), first.ends[0].pseudonym)}
    paths = reached(links, "cus_1")
    assert set(paths) == {"cus_1", "zendesk:1", "shopify:1"}
    assert paths["cus_1"].weakest is None
    assert paths["zendesk:1"].weakest is Proof.PERSON
    assert (
        paths["shopify:1"].weakest is Proof.PERSON
    )  # over two links, since the short one is weaker
    assert len(paths["shopify:1"].ids) == 2


@pytest.mark.parametrize(
    ("a", "b", "proof", "more", "code"),
    [
        ("cus_1", "cus_1", Proof.RECORD, {}, Code.INVALID_INPUT),
        ("cus_1", "zendesk:1", Proof.CODE, {}, Code.INVALID_INPUT),
        ("cus_1", "zendesk:1", Proof.RECORD, {"until": 1}, Code.INVALID_INPUT),
        ("cus_1", "zendesk:1", Proof.PERSON, {}, Code.FORBIDDEN),
        ("cus_1", "zendesk:1", Proof.PERSON, {"by": "nobody"}, Code.FORBIDDEN),
    ],
)
async def test_what_is_no_link_leaves_nothing(
    shop: ShopWorkspace, a: str, b: str, proof: Proof, more: dict[str, Any], code: Code
) -> None:
    """Bad input, and whoever may not vouch, are refused before anything is written."""
    if "by" in more:
        more = {"by": By(actor=Actor(kind=ActorKind.PERSON, id=more["by"]))}
    with pytest.raises(RefusedError) as caught:
        await tie(shop, a, b, proof, **more)
    assert caught.value.code is code
    assert await entries(shop) == []


async def test_a_customer_has_twenty_accounts_at_most(shop: ShopWorkspace) -> None:
    """The one beyond is refused when it is tied, so that no look-up grows without an end."""
    for number in range(19):
        await tie(shop, "cus_1", f"zendesk:{number}")
    await tie(shop, "cus_2", "shopify:2")
    for other in ("zendesk:19", "cus_2"):
        with pytest.raises(RefusedError) as caught:
            await tie(shop, "zendesk:7", other)
        assert caught.value.code is Code.TOO_MANY_ACCOUNTS


async def test_erasing_an_account_ends_its_links(shop: ShopWorkspace) -> None:
    """The other account stays, and nothing names the one that went."""
    made = await tie(shop, "zendesk:7723", "cus_9", reason="Ada rang up")
    await tie(shop, "zendesk:7723", "shopify:4")
    await erase(shop, "cus_9")
    (left,) = await links_of(shop, "zendesk:7723")
    assert {end.account for end in left.ends} == {"zendesk:7723", "shopify:4"}
    assert await links_of(shop, "cus_9") == ()
    ended = (await entries(shop))[-1]
    assert (ended["data"]["link"], ended["data"]["why"]) == (made.id, "erased")
    assert not await untie(shop, made.id)


async def test_who_asks_what_is_held_of_them_sees_their_links(shop: ShopWorkspace) -> None:
    """From either end, with the entries that tell of them; the other account is named apart."""
    made = await tie(shop, "zendesk:7723", "cus_9", reason="rang up")
    for account, other in (("zendesk:7723", "cus_9"), ("cus_9", "7723")):
        held = await shop.sayso.privacy.export(account, by=token_of("maria"))
        assert [link["id"] for link in held["links"]] == [made.id]
        assert [e["kind"] for e in held["entries"] if "link" in e["data"]] == ["customer.linked"]
        (beside,) = held.pop("beside")
        assert other in beside["subject"]
        assert other not in str(held)


async def test_a_clock_that_is_behind_ties_nothing(shop: ShopWorkspace) -> None:
    """The entry would be dated before the one before it, which the verifier convicts."""
    await tie(shop, "zendesk:7723", "cus_9")
    links = shop.sayso.container.links
    early = now_of(shop) - HOUR
    with pytest.raises(RefusedError) as caught:
        await shop.sayso.container.store.write(
            lambda tx: links.link(tx, MAIN, "a:1", "b:1", proof=Proof.RECORD, by=ENGINE, now=early)
        )
    assert caught.value.code is Code.WRONG_STATE


async def test_what_rests_on_a_link_that_ended_meanwhile_is_not_begun(
    shop: ShopWorkspace,
) -> None:
    """Between the look-up and the commit: nothing is signed that would accuse the log for ever."""
    made = await tie(shop, "zendesk:7723", "cus_9")
    await untie(shop, made.id)
    entry = Entry(
        kind=EntryKind.ACTION_PROPOSED,
        actor=ENGINE.actor,
        action="act_1",
        subject=made.ends[1].pseudonym,
        status="planned",
        data=reach_data(made.ends[0].pseudonym, [made.id]),
    )
    container = shop.sayso.container
    with pytest.raises(RetryableError):
        await container.store.write(lambda tx: container.log.append(tx, MAIN, entry))
    assert [body["kind"] for body in await entries(shop)][-1] == "customer.unlinked"


async def test_several_at_once_tie_two_accounts_once(shop: ShopWorkspace) -> None:
    """Whoever comes second finds the link of the first."""
    made = await asyncio.gather(*(tie(shop, "zendesk:7723", "cus_9") for _ in range(8)))
    assert len({link.id for link in made}) == 1
    ended = await asyncio.gather(*(untie(shop, made[0].id) for _ in range(8)))
    assert sum(ended) == 1
