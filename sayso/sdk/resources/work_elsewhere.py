"""What was seen outside Sayso becomes work: a refund that a webhook told of, a desk's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import orjson

from sayso.actions.model.snapshot import SeenEffect
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.frozen import replace
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.notes import SEEN, said_in
from sayso.store.base import Reader, Transaction, integer

if TYPE_CHECKING:
    from sayso.sdk.container import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenElsewhere:
    """What was seen outside, at a provider or a desk. `at`: when, in microseconds since 1970."""

    kind: Literal["elsewhere", "thread"]
    subject: str
    what: str
    amount: Money | None
    why: str
    at: int


def read_elsewhere(
    reader: Reader, container: Container, tenant: Tenant, about: str
) -> SeenElsewhere | None:
    """What was seen outside; None for anything else, and after an erasure."""
    row = reader.one("work.seen", tenant=tenant, about=about)
    note = None if row is None else said_in(reader, tenant, about, integer(row, "seq"), SEEN)
    said = None if note is None else container.context.personal.open(reader, tenant, note.ref)
    read = cast("Mapping[str, JsonValue]", {} if said is None else orjson.loads(said))
    match read:
        case {
            "subject": str(subject),
            "what": str(what),
            "why": str(why),
            "minor": int(minor),
            "currency": str(currency),
        } if note is not None:
            amount = Money(minor, currency) if currency else None
            return SeenElsewhere(
                kind="thread" if read.get("kind") == "thread" else "elsewhere",
                subject=subject,
                what=what,
                amount=amount,
                why=why,
                at=note.at,
            )
        case _:
            return None


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
    amount = seen.amount
    # A payment of nobody whom the provider knows is under a name of its own, the object's.
    subject = seen.owner or container.connectors.written(seen.action, seen.object_id)
    whose = "" if seen.owner else ", and the provider names no customer"
    why = f"{amount or 'money'} of {seen.title} was refunded outside Sayso ({seen.object_id})"
    told: dict[str, JsonValue] = {
        "subject": subject,
        "what": seen.action,
        "why": why + whose,
        "minor": 0 if amount is None else amount.amount_minor,
        "currency": "" if amount is None else amount.currency,
    }
    _put(
        tx,
        container,
        tenant,
        Entry(
            kind=EntryKind.EFFECT_SEEN,
            actor=Actor(kind=ActorKind.SERVICE, id=by),
            name=seen.action,
            amount=amount,
            data={"about": seen.id, "done_at": seen.at},
        ),
        told,
    )
    return True


def put_thread(
    tx: Transaction, container: Container, tenant: Tenant, *, desk: str, subject: str, why: str
) -> str:
    """Make work of what nobody but a person can go on with in a desk's thread; returns its id.

    Args:
        subject: the customer's account; where nobody can say whose, a name of the thread's own.
        why: in words; may name the thread.
    """
    about = container.context.ids.new("thr")
    told: dict[str, JsonValue] = {
        "subject": subject,
        "what": desk,
        "why": why,
        "minor": 0,
        "currency": "",
        "kind": "thread",
    }
    entry = Entry(
        kind=EntryKind.THREAD_LEFT,
        actor=Actor(kind=ActorKind.SERVICE, id=f"desk:{desk}"),
        data={"about": about},
    )
    _put(tx, container, tenant, entry, told)
    return about


def _put(
    tx: Transaction,
    container: Container,
    tenant: Tenant,
    entry: Entry,
    told: Mapping[str, JsonValue],
) -> None:
    """Append an entry with what people read of it, and list it as work."""
    context, about = container.context, str(entry.data["about"])
    now, subject = context.now(), str(told["subject"])
    ref = context.ids.new("pii")
    sealed = replace(
        entry,
        subject=context.personal.pseudonym(tx, tenant, subject, now),
        pii=context.personal.seal(tx, tenant, subject, ref, orjson.dumps(told).decode()),
    )
    seq = container.log.append(tx, tenant, sealed, at=now)
    tx.run(
        "work.put",
        tenant=tenant,
        about=about,
        assignee=None,
        ended_at=None,
        now=now,
        last_seq=seq,
    )
    tx.run("work.note", tenant=tenant, about=about, seq=seq, person="", now=now, ref=ref)
