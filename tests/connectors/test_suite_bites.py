"""The shipped suite fails what breaks the contract: one broken connector per promise."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Action, Args, Subject, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.define import OwnConnector, action
from sayso.connectors.person import Person
from sayso.errors import Code, OutcomeUnknownError, RefusedError
from sayso.testing.suites.connector import Case, ConnectorBench, ConnectorSuite


class GiveArgs(Args):
    """How many."""

    points: int


class Sound(OwnConnector):
    """Keeps the contract; each subclass breaks one promise."""

    name = "give"

    def __init__(self) -> None:
        super().__init__()
        self.effects: list[str] = []

    @action(summary="Give points", guarantee=verifiable(settle_after_s=1), facts={"n": "long"})
    async def points(self, args: GiveArgs, subject: Subject) -> Resolved:
        """Read."""
        if subject.id != "ana":
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody")
        facts = {"n": args.points}
        return self.resolved(
            args, subject, kind="member", account="here", payee="them", facts=facts
        )

    @points.calls
    async def give(self, call: Call) -> Receipt:
        """Do."""
        self.effects.append(call.action_id)
        return Receipt(id=call.action_id, status="given")

    @points.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find."""
        there = call.action_id in self.effects
        return Receipt(id=call.action_id, status="given") if there else Absence.ABSENT


class SpeaksOddly(Sound):
    """Tells the customer a value that no template knows."""

    @property
    def actions(self) -> Sequence[Action]:
        """With words."""
        words = {"en": CustomerWords(thing="{price} points", done="we gave you points")}
        return [replace(one, words=words) for one in super().actions]


class ResolvesWithEffect(Sound):
    """Does it while resolving."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read, and do."""
        self.effects.append("early")
        return await super().resolve(action, args, subject)


class ResolvesAnothers(Sound):
    """Resolves for somebody else."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read another's."""
        return replace(await super().resolve(action, args, subject), owner="ben")


class ForgetsAFact(Sound):
    """Leaves out a fact that a policy may ask for."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read too little."""
        return replace(await super().resolve(action, args, subject), facts={})


class TellsPersonalThings(Sound):
    """Puts the customer's name where the log keeps it."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read too much."""
        found = await super().resolve(action, args, subject)
        return replace(found, payee="Ana Torres", personal={"name": "Ana Torres"})


class KnowsAnybody(Sound):
    """Vouches for whoever is asked about."""

    async def knows(self, subject: Subject) -> bool:
        """Say yes."""
        return True


class NamesAnybody(Sound):
    """Says who somebody is whom there is not."""

    async def person_of(self, subject: Subject) -> Person:
        """Say that they are."""
        return Person(id=subject.id)


class LosesItsOwn(Sound):
    """Does not find a customer by the address that it has of them."""

    async def person_of(self, subject: Subject) -> Person:
        """Know Ana alone."""
        if subject.id != "ana":
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody")
        return Person(id=subject.id, email="ana@example.com")

    async def find_people(self, email: str) -> list[Person]:
        """Find nobody."""
        return []


class DoesItTwice(Sound):
    """One call, two effects."""

    async def call(self, call: Call) -> Receipt:
        """Do, and do."""
        await super().call(call)
        return await super().call(call)


class FindsNothing(Sound):
    """Its look-up is blind."""

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See nothing."""
        return Absence.ABSENT


class FindsAnything(Sound):
    """Takes another action's effect for its own."""

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See whatever is there."""
        return Receipt(id="x", status="given") if self.effects else Absence.ABSENT


class DropsEqualOnes(Sound):
    """Takes a second equal action for a repetition."""

    async def call(self, call: Call) -> Receipt:
        """Do only the first."""
        if self.effects:
            return Receipt(id=self.effects[0], status="given")
        return await super().call(call)


class ServesAnybody(Sound):
    """Resolves for a subject that nobody knows."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read whoever it is."""
        found = await super().resolve(action, args, Subject(id="ana"))
        return replace(found, owner=subject.id)


class ListsTooMuch(Sound):
    """Floods the planner."""

    async def list_records(self, subject: Subject) -> list[Record]:
        """Too many."""
        return [Record(kind="x", id=str(number), title="t") for number in range(51)]


class PanicsUnplugged(Sound):
    """Says "perhaps" when nothing can have left."""

    async def call(self, call: Call) -> Receipt:
        """Nobody is there."""
        raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "perhaps")


def suite_on(kind: type[Sound], away: type[Sound] | None = None) -> ConnectorSuite:
    @asynccontextmanager
    async def bench() -> AsyncGenerator[ConnectorBench, None]:
        connector = kind()
        case = Case(action="give.points", args={"points": 5}, subject=Subject(id="ana"))
        yield ConnectorBench(
            connector=connector,
            cases=(case,),
            effects=lambda: len(connector.effects),
            unreachable=away() if away is not None else None,
        )

    class Suite(ConnectorSuite):
        def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
            return bench()

    return Suite()


def broken_promises(suite: ConnectorSuite) -> set[str]:
    broken: set[str] = set()
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)()
            except AssertionError:
                broken.add(name)
    return broken


def test_a_sound_connector_passes() -> None:
    """Nothing is asked that the contract does not promise."""
    assert not broken_promises(suite_on(Sound))


@pytest.mark.promise("connectors:suite-bites")
@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (SpeaksOddly, "test_resolving_changes_nothing_and_tells_all"),
        (ResolvesWithEffect, "test_resolving_changes_nothing_and_tells_all"),
        (ResolvesAnothers, "test_resolving_changes_nothing_and_tells_all"),
        (ForgetsAFact, "test_resolving_changes_nothing_and_tells_all"),
        (TellsPersonalThings, "test_resolving_changes_nothing_and_tells_all"),
        (DoesItTwice, "test_one_key_is_one_effect"),
        (FindsNothing, "test_a_look_up_finds_what_the_call_did_and_nothing_else"),
        (FindsAnything, "test_a_look_up_finds_what_the_call_did_and_nothing_else"),
        (DropsEqualOnes, "test_two_equal_actions_stay_two"),
        (ServesAnybody, "test_an_unknown_subject_is_refused"),
        (ListsTooMuch, "test_records_are_well_formed"),
        (KnowsAnybody, "test_who_is_known_is_told_apart_from_nobody"),
        (NamesAnybody, "test_who_a_customer_is_is_said_of_that_one_alone"),
        (LosesItsOwn, "test_who_a_customer_is_is_said_of_that_one_alone"),
    ],
)
def test_a_broken_promise_is_found(kind: type[Sound], promise: str) -> None:
    """Each broken connector fails the test of its promise."""
    assert promise in broken_promises(suite_on(kind))


def test_an_unplugged_connector_that_says_perhaps_is_found() -> None:
    """No connection is never an unknown outcome."""
    broken = broken_promises(suite_on(Sound, PanicsUnplugged))
    assert broken == {"test_with_nobody_at_the_other_end_it_says_that_nothing_was_done"}


def test_the_suite_wants_a_case_for_every_action() -> None:
    """An action that nobody judges is a broken promise too."""

    class Two(Sound):
        @action(summary="Take points", guarantee=verifiable(settle_after_s=1))
        async def take(self, args: GiveArgs, subject: Subject) -> Resolved:
            raise NotImplementedError

        @take.calls
        async def taken(self, call: Call) -> Receipt:
            raise NotImplementedError

        @take.looks_up
        async def seen(self, call: Call) -> Receipt | Absence:
            raise NotImplementedError

    broken = broken_promises(suite_on(Two))
    assert "test_the_registry_takes_it_and_every_action_has_a_case" in broken
