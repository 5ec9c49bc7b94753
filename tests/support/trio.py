"""A help desk, a shop and a payment provider in memory, each with its own customers and books.

Each counts whose objects it was asked about: `asked` has every bare id that reached it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    Guarantee,
    Subject,
    Undo,
    idempotent,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.person import Person
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money


def _promise() -> Guarantee:
    return replace(
        idempotent(hours=24, settle_after_s=0),
        record="with",
        source="https://trio.example/docs",
        keyed=True,
        proven="2026-01-01",
    )


Id = Annotated[str, Field(min_length=1, max_length=64)]


class TicketArgs(Args):
    """Which ticket."""

    ticket: Id


class OrderArgs(Args):
    """Which order."""

    order: Id


class PayArgs(Args):
    """How much of which payment."""

    payment: Id
    amount: Money


@dataclass(slots=True)
class Thing:
    """An object of one customer."""

    id: str
    owner: str
    amount: Money | None = None
    state: str = "open"


@dataclass(frozen=True, slots=True)
class Done:
    """One effect."""

    id: str
    action: str
    thing: str
    customer: str
    reference: str
    minor: int = 0


@dataclass(slots=True)
class Place:
    """One provider.

    Attributes:
        kind: of its things.
        people: by bare id. is_away: nobody can be read now.
        things: by id.
        done: every effect, in order.
        asked: every bare id that reached it.
        lose: so many answers of the next calls are lost.
        says_no: whether every call is refused, and nothing done.
    """

    name: str
    kind: str
    actions: Sequence[Action]
    version: str = "1"
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    is_away: bool = False
    things: dict[str, Thing] = field(default_factory=dict[str, Thing])
    done: list[Done] = field(default_factory=list[Done])
    asked: list[str] = field(default_factory=list[str])
    lose: int = 0
    says_no: bool = False
    keys: dict[str, Done] = field(default_factory=dict[str, Done])

    def person(self, given: str, **more: object) -> None:
        """Put somebody in."""
        self.people[given] = Person(id=given, **more)  # type: ignore[arg-type]

    def thing(self, given: str, owner: str, amount: Money | None = None) -> None:
        """Put an object in."""
        self.things[given] = Thing(given, owner, amount)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        self.asked.append(subject.id)
        named = next(iter(args.model_dump().values()))
        found = self.things.get(named)
        if found is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, "there is no such thing")
        if found.owner != subject.id:
            raise RefusedError(Code.NOT_OWNER, "that is somebody else's")
        amount = args.amount if isinstance(args, PayArgs) else None
        given = {self.kind: found.id}
        return Resolved(
            args=given if amount is None else {**given, "amount": amount.to_json()},
            object_kind=self.kind,
            object_id=found.id,
            owner=subject.id,
            owner_proof=f"{self.name}.owner",
            account=f"{self.name}-1",
            payee="the card that paid",
            amount=amount,
            preconditions={"state": found.state},
            fields={self.kind: found.id},
        )

    async def call(self, call: Call) -> Receipt:
        self.asked.append(call.subject_id)
        if self.says_no:
            raise RefusedError(Code.PROVIDER_REFUSED, "no")
        known = self.keys.get(call.idempotency_key)
        if known is None:
            amount = call.resolved.amount
            minor = 0 if amount is None else amount.amount_minor
            number = f"{self.name}_{len(self.done) + 1}"
            known = Done(
                number,
                call.action,
                call.resolved.object_id,
                call.subject_id,
                call.action_id,
                minor,
            )
            self.done.append(known)
            self.keys[call.idempotency_key] = known
            self.things[known.thing].state = call.action.partition(".")[2]
        if self.lose:
            self.lose -= 1
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        return Receipt(id=known.id, status="done", amount=call.resolved.amount)

    async def look_up(self, call: Call) -> Receipt | Absence:
        self.asked.append(call.subject_id)
        known = self.keys.get(call.idempotency_key)
        if known is None:
            return Absence.ABSENT
        return Receipt(id=known.id, status="done", amount=call.resolved.amount)

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        self.asked.append(subject.id)
        if subject.id not in self.people:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that id")
        return [
            Record(
                kind=self.kind,
                id=one.id,
                title=f"{one.id} at {self.name}",
                facts={} if one.amount is None else {"amount": one.amount, "left": one.amount},
                references=(one.id,),
            )
            for one in self.things.values()
            if one.owner == subject.id
        ]

    async def person_of(self, subject: Subject) -> Person:
        self.asked.append(subject.id)
        if self.is_away:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, f"{self.name} is away")
        found = self.people.get(subject.id)
        if found is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that id")
        return found

    async def find_people(self, email: str) -> Sequence[Person]:
        return [one for one in self.people.values() if one.email == email]

    async def close(self) -> None:
        """Nothing is open."""


def _action(
    name: str, args: type[Args], effect: Effect, sentence: str, undo: str | None = None
) -> Action:
    return Action(
        name=name,
        summary=sentence,
        args=args,
        guarantee=_promise(),
        effect=effect,
        reversible=undo is not None,
        sentence=sentence,
        money_arg="amount" if args is PayArgs else None,
        undo=None if undo is None else Undo(action=undo, args={"order": "object"}),
        changes={"state": ()},
    )


@dataclass(slots=True)
class Trio:
    """The three of them."""

    desk: Place
    store: Place
    pay: Place

    @property
    def all(self) -> tuple[Place, ...]:
        """Each as a connector."""
        return (self.desk, self.store, self.pay)


def make_trio() -> Trio:
    """Three empty providers."""
    return Trio(
        desk=Place(
            "desk",
            "ticket",
            (_action("desk.reply", TicketArgs, Effect.MESSAGE, "Answer {ticket}"),),
        ),
        store=Place(
            "store",
            "order",
            (
                _action(
                    "store.cancel",
                    OrderArgs,
                    Effect.CANCELLATION,
                    "Cancel order {order}",
                    "store.reopen",
                ),
                _action("store.reopen", OrderArgs, Effect.CHANGE, "Reopen order {order}"),
            ),
        ),
        pay=Place(
            "pay",
            "payment",
            (_action("pay.refund", PayArgs, Effect.MONEY_OUT, "Refund {amount} of {payment}"),),
        ),
    )


POLICY = """
@id("small") @explain("up to 50 runs by itself")
permit (principal, action == Action::"pay.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };

@id("manager") @explain("up to 500 once a support manager says yes")
permit (principal, action == Action::"pay.refund", resource)
when {
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};

@id("cancel") @explain("cancels by itself")
permit (principal, action in [Action::"store.cancel", Action::"store.reopen"], resource);

@id("reply") @explain("answers by itself")
permit (principal, action == Action::"desk.reply", resource);
"""
"""What runs by itself at the three, and what a manager has to agree to."""
