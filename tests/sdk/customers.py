"""A shop with two customers, what they live through, and what is stored of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from audit.small_log import plain_entry
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.agent.base import Handles, Message
from sayso.audit.verifier.verification import Verdict
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Transaction

MAIN = Tenant("main")
ANA = "cus_ana_4711"
WORDS = "Refund me $90, it broke on the day of my mother's funeral, says Ana Quispe"
REASON = "Quispe sounded upset"


def refund_of(order: str, minor: int) -> dict[str, JsonValue]:
    """The arguments of a refund."""
    return {"order": order, "amount": {"amount_minor": minor, "currency": "USD"}}


class OneRefund:
    """A planner that always wants the same refund of the customer's first order."""

    name = "scripted"

    def __init__(self, minor: int = 9_000) -> None:
        self._minor = minor

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        args = refund_of("order#1", self._minor)
        return Plan(
            steps=(Step(id="s1", action="shop.refund", args=args, reason=WORDS),),
            planner="scripted",
        )


class Thoughtful(OneRefund):
    """Plans once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        self.began.set()
        await self.may_end.wait()
        return await super().plan(messages, handles, actions)


def token_of(person: str, tenant: Tenant = MAIN) -> Token:
    """A person's token, as a program hands it down that has the workspace open."""
    return Token(
        tenant=tenant,
        id="host",
        kind="person",
        holder=person,
        scopes=frozenset({Scope.DECIDE}),
        created_at=0,
        expires_at=1,
        revoked_at=None,
    )


MARIA, NOOR, FINN = map(token_of, ("maria", "noor", "finn"))


async def decide(
    opened: ShopWorkspace, action: ActionView, choice: DecisionChoice = DecisionChoice.APPROVE
) -> None:
    """Maria decides, with words of her own."""
    assert action.approval is not None
    await opened.sayso.approvals.decide_as(
        Decision(
            tenant=MAIN,
            approval_id=action.approval.id,
            revision=action.approval.revision,
            digest=action.approval.digest,
            choice=choice,
            person="maria",
            via="test",
            credential="host",
            reason=REASON if choice is DecisionChoice.REJECT else "",
            reason_code="not_covered" if choice is DecisionChoice.REJECT else "",
        )
    )


async def live(opened: ShopWorkspace) -> list[str]:
    """A life of a customer: allowed, approved, refused, waiting, and asked in words."""
    sayso = opened.sayso
    small = refund_of("o_ana", 1000)
    big = refund_of("o_ana", 9000)
    done = await sayso.propose(
        "shop.refund", small, subject=ANA, reason=WORDS, idempotency_key=f"k1-{ANA}"
    )
    yes = await sayso.propose(
        "shop.refund", big, subject=ANA, reason=WORDS, idempotency_key=f"k2-{ANA}"
    )
    await decide(opened, yes)
    no = await sayso.propose(
        "shop.refund", big, subject=ANA, reason=WORDS, idempotency_key=f"k3-{ANA}"
    )
    await decide(opened, no, DecisionChoice.REJECT)
    another = refund_of("o_ana", 8900)  # what is asked in words would join an equal one
    waits = await sayso.propose(
        "shop.refund", another, subject=ANA, reason=WORDS, idempotency_key=f"k4-{ANA}"
    )
    asked = await sayso.ask(ANA, WORDS, idempotency_key=f"r1-{ANA}")
    return [done.id, yes.id, no.id, waits.id, asked.actions[0].id]


async def live_as_bo(opened: ShopWorkspace) -> str:
    """Somebody else's life, which nobody may touch."""
    other = await opened.sayso.propose(
        "shop.refund", refund_of("o_bo", 2000), subject="cus_bo", reason="Bo's words"
    )
    return other.id


async def live_again(opened: ShopWorkspace) -> None:
    """The customer asks for something new."""
    small = refund_of("o_ana", 1000)
    await opened.sayso.propose("shop.refund", small, subject=ANA, idempotency_key="while")


async def pass_days(opened: ShopWorkspace, days: int) -> None:
    """Let time pass, also by the log: it has an entry of a day before the end."""
    opened.clock.advance(days=days - 1)
    await opened.sayso.container.store.write(
        lambda tx: opened.sayso.container.log.append(tx, MAIN, plain_entry())
    )
    opened.clock.advance(days=1)


async def live_as_new(opened: ShopWorkspace) -> None:
    """Something that is not old yet."""
    small = refund_of("o_ana", 1100)
    await opened.sayso.propose(
        "shop.refund", small, subject=ANA, idempotency_key="new", reason=WORDS
    )


async def everything_stored(opened: ShopWorkspace) -> str:
    """Each row of each table, as text, with whatever is sealed as it stands."""
    if not str(opened.workspace.store_url).startswith("sqlite"):
        return await _everything_on_postgres(opened)
    with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
        return "\n".join(connection.iterdump())


async def _everything_on_postgres(opened: ShopWorkspace) -> str:
    from sayso.store.postgres.connection import connect_plainly  # needs an extra

    with connect_plainly(str(opened.workspace.store_url)) as connection:
        tables = connection.execute(
            "select tablename from pg_tables where schemaname = 'sayso'"
        ).fetchall()
        return "\n".join(
            str(row)
            for (name,) in tables
            for row in connection.execute(f'select t::text from sayso."{name}" t'.encode())
        )


def texts_deleted(tx: Transaction, *, of: str) -> int:
    """How many sealed texts of a pseudonym were still there; they are not any more."""
    return tx.run("erasure.delete_texts", tenant=MAIN, pseudonym=of, limit=9)


def verdict(opened: ShopWorkspace) -> Verdict:
    """Of all logs of the database, deeply."""
    return opened.sayso.audit.verify(deep=True).verdict
