"""What was done outside Sayso becomes work, such as a refund that a webhook told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from sayso.actions.model.snapshot import SeenEffect
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.ids import Tenant
from sayso.store.base import Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container


def put_elsewhere(
    tx: Transaction, container: Container, tenant: Tenant, seen: SeenEffect, by: str
) -> bool:
    """Make work of something that was done outside Sayso, as part of the caller's transaction.

    Args:
        by: the id of the service that heard of it.

    Returns:
        False where it was made before: one effect is one piece of work, also one that is ended.
    """
    if tx.one("work.by_about", tenant=tenant, about=seen.id) is not None:
        return False
    context, amount = container.context, seen.amount
    now = context.now()
    # A payment of nobody whom the provider knows is under a name of its own, the object's.
    subject = seen.owner or container.connectors.written(seen.action, seen.object_id)
    whose = "" if seen.owner else ", and the provider names no customer"
    why = f"{amount or 'money'} of {seen.title} was refunded outside Sayso ({seen.object_id})"
    told = {
        "subject": subject,
        "what": seen.action,
        "why": why + whose,
        "minor": 0 if amount is None else amount.amount_minor,
        "currency": "" if amount is None else amount.currency,
    }
    pseudonym = context.personal.pseudonym(tx, tenant, subject, now)
    ref = context.ids.new("pii")
    entry = Entry(
        kind=EntryKind.EFFECT_SEEN,
        actor=Actor(kind=ActorKind.SERVICE, id=by),
        subject=pseudonym,
        name=seen.action,
        amount=amount,
        data={"about": seen.id, "done_at": seen.at},
        pii=context.personal.seal(tx, tenant, subject, ref, orjson.dumps(told).decode()),
    )
    seq = container.log.append(tx, tenant, entry, at=now)
    tx.run(
        "work.put",
        tenant=tenant,
        about=seen.id,
        assignee=None,
        ended_at=None,
        now=now,
        last_seq=seq,
    )
    tx.run("work.note", tenant=tenant, about=seen.id, seq=seq, person="", now=now, ref=ref)
    return True
