"""Tying and untying accounts of a shop workspace, as whoever finds a proof does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actions.steps import MAIN
from support.shop_workspace import ShopWorkspace

from sayso.actions.customers.link import AccountLink
from sayso.actions.customers.proof import Proof
from sayso.audit.authority.by import By
from sayso.audit.customer_codes import CODE_MICROS, ToldCode, VerifiedBy
from sayso.audit.entry import Actor, ActorKind
from sayso.ids import to_micros
from sayso.store.base import Transaction

ENGINE = By(actor=Actor(kind=ActorKind.SYSTEM, id="engine"))
MARIA = By(actor=Actor(kind=ActorKind.PERSON, id="maria"), via="cli")


def now_of(shop: ShopWorkspace) -> int:
    """The shop's clock, in microseconds since 1970."""
    return to_micros(shop.clock.now())


async def tie(
    shop: ShopWorkspace, a: str, b: str, proof: Proof = Proof.RECORD, by: By = ENGINE, **more: Any
) -> AccountLink:
    """Tie two accounts now; by a code after it was sent, and came back."""
    container, now = shop.sayso.container, now_of(shop)

    def work(tx: Transaction) -> AccountLink:
        if proof is Proof.CODE and more.get("request_id") and more.get("until"):
            names = [container.personal.pseudonym(tx, MAIN, one, now) for one in (a, b)]
            told = ToldCode(
                request=more["request_id"], account=names[1], written_as=names[0], to="email"
            )
            container.log.append(tx, MAIN, told.sent(ENGINE.actor, now + CODE_MICROS))
            known = told.verified(ENGINE.actor, VerifiedBy.CODE, more["until"])
            container.log.append(tx, MAIN, known)
        return container.links.link(tx, MAIN, a, b, proof=proof, by=by, now=now, **more)

    return await container.store.write(work, about=MAIN)


async def untie(
    shop: ShopWorkspace, link: str, why: str = "record_changed", by: By = ENGINE, reason: str = ""
) -> bool:
    """End a link now; whether it was in force."""
    links, now = shop.sayso.container.links, now_of(shop)
    return await shop.sayso.container.store.write(
        lambda tx: links.unlink(tx, MAIN, link, why=why, by=by, now=now, reason=reason),
        about=MAIN,
    )


async def links_of(shop: ShopWorkspace, account: str) -> Sequence[AccountLink]:
    """The links in force that lead to or from an account."""
    links, now = shop.sayso.container.links, now_of(shop)
    return await shop.sayso.container.store.read(
        lambda reader: links.of(reader, MAIN, account, now)
    )
