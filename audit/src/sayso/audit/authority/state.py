"""What is in force by the entries of one log: people, credentials, stops, holds, the policy.

It is what a running process goes by, and what the verifier judges decisions with, so that nothing
the rows of a database say beside it can give anybody a power. At the end stands how somebody is
refused whose word it does not know, and what is said of rows that somebody else has written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from sayso.audit.authority.credentials import DECIDE, HOST, PERSON, Credential
from sayso.audit.authority.passkeys import Passkey, PasskeyRule
from sayso.audit.authority.people import KnownPerson
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, IntegrityError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStop:
    """A stop that no entry has released.

    Attributes:
        scope: `all`, `tenant`, `connector`, `action` or `customer`.
        target: which connector or action. subject: the customer's pseudonym.
        seq: the entry that engaged it. at: when, in microseconds since 1970.
        asked_by: who asked for its end; None while nobody has.
    """

    id: str
    scope: str
    target: str
    subject: str | None
    seq: int
    at: int
    asked_by: str | None = None

    def covers(self, name: str | None, subject: str | None) -> bool:
        """Whether an action of that name for that customer falls under it."""
        match self.scope:
            case "connector":
                return name is not None and name.partition(".")[0] == self.target
            case "action":
                return name == self.target
            case "customer":
                return subject is not None and subject == self.subject
            case _:  # one that this program does not know holds everything
                return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """A legal hold that no entry has released.

    Attributes:
        subject: the customer's pseudonym. seq: the entry that placed it.
        asked_by: who asked for its end; None while nobody has.
    """

    id: str
    subject: str
    seq: int
    asked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """The version of the policy that was activated last.

    Attributes:
        number: from 1. sha256: of its content. seq: the entry that activated it.
        activate, confirm: the roles that may put the next one in force, and be its second person.
        loosening_needs: how many people a change needs that loosens something.
        limits: since which version each of its limits counts; None where nobody knows.
    """

    number: int
    sha256: str
    seq: int
    activate: frozenset[str] = frozenset()
    confirm: frozenset[str] = frozenset()
    loosening_needs: int = 1
    limits: Mapping[str, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What is in force after some entries of a log; never changed in place.

    Attributes:
        adopted: the index of the entry with which the log adopted its rules; None before it.
        people, credentials, stops, holds: by id. Stops and holds: the open ones only.
        policy: the version in force; None in a log that tells of no policy.
        passkeys: by credential id. passkey_rule: which yes needs one.
        places: in which database a tenant is, by tenant; of those that were ever placed.
    """

    adopted: int | None = None
    people: Mapping[str, KnownPerson] = field(default_factory=dict[str, KnownPerson])
    credentials: Mapping[str, Credential] = field(default_factory=dict[str, Credential])
    stops: Mapping[str, OpenStop] = field(default_factory=dict[str, OpenStop])
    holds: Mapping[str, OpenHold] = field(default_factory=dict[str, OpenHold])
    policy: PolicyInForce | None = None
    passkeys: Mapping[str, Passkey] = field(default_factory=dict[str, Passkey])
    passkey_rule: PasskeyRule = field(default_factory=PasskeyRule)
    places: Mapping[str, str] = field(default_factory=dict[str, str])

    def person(self, person_id: str) -> KnownPerson | None:
        """Somebody who is known and active; None for everybody else."""
        found = self.people.get(person_id)
        return found if found is not None and found.active else None

    def credential(self, token_id: str, at: int) -> Credential | None:
        """A token that is alive at that moment, and, if it is a person's, whose person is active.

        Args:
            at: microseconds since 1970.
        """
        found = self.credentials.get(token_id)
        if found is None or not found.is_alive(at):
            return None
        if found.kind == PERSON and self.person(found.holder) is None:
            return None
        return found

    def shows(self, named: str, person_id: str, at: int, scopes: Iterable[str] = ()) -> bool:
        """Whether a credential that is named was this person's, and alive at that moment.

        Args:
            named: `tok_…`, an account in a chat such as `slack:TEAM/USER`, or `host`.
            scopes: a token needs one of them; none, when any will do.
        """
        if named == HOST:
            return True
        if ":" in named:
            found = self.person(person_id)
            return found is not None and found.speaks_by(named)
        token = self.credential(named, at)
        if token is None or token.kind != PERSON or token.holder != person_id:
            return False
        return not scopes or token.opens(scopes)

    def opens(self, named: str, by: Actor, at: int, scopes: Iterable[str]) -> bool:
        """The same for whoever acts, a service as well, whose token has one of these scopes."""
        if by.kind is ActorKind.PERSON:
            return self.shows(named, by.id, at, scopes)
        if named == HOST:
            return True
        token = self.credential(named, at)
        return token is not None and token.holder == by.id and token.opens(scopes)

    def passkey(self, passkey_id: str, person_id: str) -> Passkey | None:
        """A passkey that counts: this active person's, and confirmed."""
        found = self.passkeys.get(passkey_id)
        if found is None or found.person != person_id or not found.confirmed_by:
            return None
        return found if self.person(person_id) is not None else None

    def stop_on(self, name: str | None, subject: str | None) -> OpenStop | None:
        """The oldest open stop that an action falls under."""
        found = [stop for stop in self.stops.values() if stop.covers(name, subject)]
        return min(found, key=lambda stop: stop.seq, default=None)

    def hold_on(self, subject: str | None) -> OpenHold | None:
        """The oldest hold in force on what there is of a customer."""
        found = [hold for hold in self.holds.values() if hold.subject == subject]
        return min(found, key=lambda hold: hold.seq, default=None)


NOTHING = Authority()
"""Before the first entry."""


def check_credential(authority: Authority, credential: str, person: str, now: int) -> None:
    """Refuse a person's word by a credential that is not theirs now.

    Raises:
        RefusedError: `unauthenticated`.
    """
    if not authority.shows(credential, person, now, {DECIDE}):
        raise ended_credential()


def ended_credential() -> RefusedError:
    """What to say to somebody who acts by something that opens nothing."""
    return RefusedError(
        Code.UNAUTHENTICATED,
        "what you showed who you are by is unknown, ended or revoked",
        next_step="sign in again, or make a token with `sayso token create`",
    )


def changed_outside(what: str) -> IntegrityError:
    """What to say of a row that is not what the log says of it."""
    return IntegrityError(
        Code.TAMPERED,
        f"{what} was changed by another program than Sayso",
        next_step="run `sayso audit verify`, and restore the database from a backup",
    )


_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=Mapping[str, object])
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def as_stored(noun: str) -> Callable[[Callable[[_Row], _T]], Callable[[_Row], _T]]:
    """Have what reads a row say `tampered` of one that holds no value of its own.

    Args:
        noun: what such a row is; its `id` names it.
    """

    def wrap(read: Callable[[_Row], _T]) -> Callable[[_Row], _T]:
        @functools.wraps(read)
        def reads(row: _Row) -> _T:
            try:
                return read(row)
            except _UNREADABLE as error:
                raise changed_outside(f"the {noun} {str(row.get('id', ''))[:40]}") from error

        return reads

    return wrap


def read_body(body: str | bytes) -> Any:
    """The fields of a stored entry, decoded and not judged.

    Raises:
        IntegrityError: `tampered`, for what is no JSON: no entry of ours is.
    """
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise changed_outside("an entry of the log") from error
