"""Providers of this bench: customers, objects and books, in memory or in a folder.

Who has what follows from names: customer `7` of a place owns its objects `7` and `7-…`, so that a
place that is opened anew by another process knows the same people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from sayso.actions.model.definition import Action, Args, Effect, Subject, Undo, idempotent
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.person import Person
from sayso.errors import Code, RefusedError
from sayso.money import Money

PAGE, SEEN = "https://places.example/docs", "2026-11-30"
"""Each place keeps the key beside the effect, as every run of this bench counts."""
Id = Annotated[str, Field(min_length=1, max_length=200)]


class TicketArgs(Args):
    """Which ticket."""

    ticket: Id


class OrderArgs(Args):
    """Which order."""

    order: Id


class PaymentArgs(Args):
    """How much of which payment."""

    payment: Id
    amount: Money


@dataclass(slots=True, kw_only=True)
class Place:
    """One provider.

    Attributes:
        kind: of its objects; the first argument of its actions.
        people: by bare id; None for everybody whose id begins with `knows`.
        owned: by object, whose it is; None for what follows from the names.
        folder: where effects stand, one file by key; None for this process's memory.
        asked: each bare id that it was asked about.
        ids: of a person, what their record holds of others.
    """

    name: str
    kind: str
    actions: Sequence[Action]
    version: str = "1"
    ids_hold_colons: bool = False
    people: dict[str, Person] | None = None
    knows: str = ""
    owned: dict[str, str] | None = None
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: Path | None = None
    asked: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        self.asked.append(subject.id)
        named = str(next(iter(args.model_dump().values())))
        if self._owner(named) != subject.id:
            raise RefusedError(Code.NOT_OWNER, "that is somebody else's")
        amount = args.amount if isinstance(args, PaymentArgs) else None
        given = {self.kind: named}
        return Resolved(
            args=given if amount is None else {**given, "amount": amount.to_json()},
            object_kind=self.kind,
            object_id=named,
            owner=subject.id,
            owner_proof=f"{self.name}.owner",
            account=f"{self.name}-1",
            payee="whoever paid",
            amount=amount,
            fields={self.kind: named},
        )

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        self.asked.append(call.subject_id)
        line = f"{call.action} {call.resolved.object_id} {call.subject_id} {call.action_id}"
        if self.folder is None:
            self.done.append(line)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with (self.folder / call.idempotency_key).open("x") as effect:
                    effect.write(line)
            except FileExistsError:
                pass
        return Receipt(id=call.action_id, status="done", amount=call.resolved.amount)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        self.asked.append(call.subject_id)
        if self.folder is None or not (self.folder / call.idempotency_key).exists():
            return Absence.ABSENT
        return Receipt(id=call.action_id, status="done", amount=call.resolved.amount)

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """See `Connector.list_records`."""
        self.asked.append(subject.id)
        if not self._knows(subject.id):
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that id")
        theirs = (
            [subject.id]
            if self.owned is None
            else [thing for thing, owner in self.owned.items() if owner == subject.id]
        )
        paid = Money(10_000, "USD")
        return [
            Record(
                kind=self.kind,
                id=thing,
                title=f"{self.kind} {thing}",
                facts={"amount": paid, "left": paid} if self.kind == "payment" else {},
                references=(thing,),
            )
            for thing in theirs
        ]

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`."""
        self.asked.append(subject.id)
        if not self._knows(subject.id):
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that id")
        if self.people is not None:
            return self.people[subject.id]
        number = subject.id.removeprefix(self.knows)
        held = {place: f"{prefix}{number}" for place, prefix in self.ids.items()}
        return Person(id=subject.id, ids=held)

    async def find_people(self, email: str) -> Sequence[Person]:
        """See `PersonSearch.find_people`."""
        return [one for one in (self.people or {}).values() if one.email == email]

    async def close(self) -> None:
        """Nothing is open."""

    def _knows(self, given: str) -> bool:
        return given in self.people if self.people is not None else given.startswith(self.knows)

    def _owner(self, thing: str) -> str | None:
        return thing if self.owned is None else self.owned.get(thing)


def action_of(
    name: str, args: type[Args], effect: Effect, sentence: str, undo: str | None = None
) -> Action:
    """An action of a place."""
    return Action(
        name=name,
        summary=sentence,
        args=args,
        guarantee=replace(
            idempotent(hours=24, settle_after_s=0, record="with", source=PAGE, proven=SEEN),
            keyed=True,
        ),
        effect=effect,
        reversible=undo is not None,
        sentence=sentence,
        money_arg="amount" if args is PaymentArgs else None,
        undo=None if undo is None else Undo(action=undo, args={"order": "object"}),
    )


def three(folder: Path | None) -> tuple[Place, Place, Place]:
    """A help desk, a shop and payments; a person's accounts are named by one another's records."""

    def kept(name: str) -> Path | None:
        return None if folder is None else folder / "books" / name

    return (
        Place(
            name="desk",
            kind="ticket",
            actions=(action_of("desk.reply", TicketArgs, Effect.MESSAGE, "Answer {ticket}"),),
            knows="u",
            ids={"external_id": "c"},
            folder=kept("desk"),
        ),
        Place(
            name="store",
            kind="order",
            actions=(
                action_of(
                    "store.cancel", OrderArgs, Effect.CANCELLATION, "Cancel {order}", "store.reopen"
                ),
                action_of("store.reopen", OrderArgs, Effect.CHANGE, "Reopen {order}"),
            ),
            knows="s",
            folder=kept("store"),
        ),
        Place(
            name="pay",
            kind="payment",
            actions=(
                action_of(
                    "pay.refund", PaymentArgs, Effect.MONEY_OUT, "Refund {amount} of {payment}"
                ),
            ),
            knows="c",
            ids={"store_customer": "s"},
            folder=kept("pay"),
        ),
    )


LINKS = {"desk.external_id": "pay", "pay.store_customer": "store"}
"""Which places of whose records name whom."""
