"""Every read of a manifest, run at the real provider before anybody reviews it.

A review compares a file with a provider's pages. What the provider really answers is seen here:
who it says we are, what it lists of a customer, what each action would read of one of those, and
what its look-up says of an effect that never was. Nothing is written there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal, cast

from sayso.actions.model.definition import Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Record, Resolved
from sayso.connectors.arguments import read_args
from sayso.connectors.manifest.connector import ManifestConnector
from sayso.connectors.manifest.definition import Defined
from sayso.connectors.manifest.factory import factory_of
from sayso.connectors.manifest.probe import next_pages, other_object
from sayso.connectors.manifest.review import Review, Reviewed, find_source
from sayso.connectors.manifest.schema import Arg, EnumArg, ListArg, MoneyArg, RefArg
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.person import (
    Person,
    PersonBook,
    PersonSearch,
    checked_people,
    checked_person,
)
from sayso.connectors.setup import AskedSettings, Setup
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError, SaysoError
from sayso.ids import Clock, IdSource
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace

State = Literal["read", "refused", "wrong", "untried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What came of one part of a manifest.

    Attributes:
        where: its key in the file, such as `records.order` or `actions.refund`.
        state: `read`; `refused`, where the file itself says no to this customer or object; `wrong`,
            where the answer is another than the file says; `untried`, where nothing was asked.
        what: in words, without what the provider holds of a person.
    """

    where: str
    state: State
    what: str


def hosts_of(workspace: Workspace, name: str) -> tuple[str, ...]:
    """The hosts that the key of a manifest would be sent to.

    Raises:
        ConfigError: `invalid_manifest`.
        RefusedError: `wrong_state`, where there is no such manifest.
    """
    connection = _reviewed(workspace, name).source.manifest.connection
    return (connection.base or "the MCP server", *connection.hosts)


async def try_reads(
    workspace: Workspace,
    clock: Clock,
    name: str,
    subject: str,
    args: Mapping[str, JsonObject] | None = None,
) -> AsyncIterator[TrialResult]:
    """Run every read of a manifest for a customer, and say what fits and what doesn't.

    Args:
        subject: a customer of the provider's.
        args: by action, in place of what is made up: the first of the customer's objects, and the
            least of everything else.

    Raises:
        ConfigError: `invalid_manifest`, `invalid_setting`, `missing_secret`.
        RefusedError: `wrong_state`, where there is no such manifest.
    """
    reviewed = _reviewed(workspace, name)
    connections = Connections(workspace, clock)
    others = load_connectors(workspace, clock, connections=connections, without=name)
    table = cast("Mapping[str, JsonValue]", workspace.settings.connector_tables.get(name, {}))

    def connect(source: ManifestSource) -> ManifestConnector:
        setup = Setup(
            clock=clock,
            settings=AskedSettings(name, table),
            secret=workspace.secret,
            peer=others.connector,
            bearer=connections.bearer_for_call,
            base=workspace.folder,
        )
        return factory_of(replace(reviewed, source=source))(setup)

    try:
        connector = connect(reviewed.source)
        asking = connect(next_pages(reviewed.source) or reviewed.source)
        try:
            trial = _Trial(connector, asking, clock, Subject(id=subject), args or {})
            async for one in trial.all():
                yield one
        finally:
            await asking.close()
            await connector.close()
    finally:
        await others.close()
        await connections.close()


def _reviewed(workspace: Workspace, name: str) -> Reviewed:
    """The manifest as it stands: it is tried before somebody reviews it."""
    found = find_source(name, workspace.folder)
    if found is None:
        raise RefusedError(
            Code.WRONG_STATE,
            f"there is no manifest `{name[:40]}`",
            next_step="put it into connectors/ of the workspace",
        )
    review = Review(digest=found[0].digest, by="nobody", at=datetime(1970, 1, 1, tzinfo=UTC))
    return Reviewed(source=found[0], review=review)


class _Trial:
    def __init__(
        self,
        connector: ManifestConnector,
        asking: ManifestConnector,
        clock: Clock,
        subject: Subject,
        args: Mapping[str, JsonObject],
    ) -> None:
        self._connector = connector
        self._asking = asking
        self._clock = clock
        self._subject = subject
        self._args = args

    async def all(self) -> AsyncIterator[TrialResult]:
        """The account, the lists, and each action."""
        try:
            account = await self._connector.who_am_i()
            yield TrialResult(where="connection.account", state="read", what=account.shown)
        except SaysoError as error:
            yield _failed("connection.account", error)
            return
        records: list[Record] = []
        try:
            records = list(await self._connector.list_records(self._subject))
            asked = await self._asking.list_records(self._subject)
            kinds = sorted({one.kind for one in records})
            counted = [f"{sum(one.kind == kind for one in records)} {kind}" for kind in kinds]
            if len(asked) > len(records):
                what = "a list goes on after what is taken for its last page: look at `size`"
                yield TrialResult(where="records", state="wrong", what=what)
            else:
                yield TrialResult(where="records", state="read", what=", ".join(counted) or "none")
        except SaysoError as error:
            yield _failed("records", error)
        async for one in self._person():
            yield one
        for defined in self._connector.defined.values():
            async for one in self._action(defined, records):
                yield one

    async def _person(self) -> AsyncIterator[TrialResult]:
        """Who the customer is, and whether they are found by their own address."""
        book = self._connector
        if not isinstance(book, PersonBook):
            return
        try:
            told = await book.person_of(self._subject)
            person = checked_person(book.name, self._subject, told)
        except SaysoError as error:
            yield _failed("person", error)
            return
        yield TrialResult(where="person", state="read", what=_told(person))
        if not isinstance(book, PersonSearch):
            return
        where = "person.find"
        if not person.email:
            yield TrialResult(where=where, state="untried", what="the customer has no address")
            return
        try:
            people = await book.find_people(person.email)
            found = checked_people(book.name, person.email, people)
        except SaysoError as error:
            yield _failed(where, error)
            return
        if person.id in {one.id for one in found}:
            yield TrialResult(where=where, state="read", what=f"{len(found)} of that address")
            return
        what = (
            "it doesn't find the customer by their own address: look at `items`, or at who is new"
        )
        yield TrialResult(where=where, state="wrong", what=what)

    async def _action(self, defined: Defined, records: list[Record]) -> AsyncIterator[TrialResult]:
        verb = defined.action.name.partition(".")[2]
        where = f"actions.{verb}"
        given = self._args.get(verb)
        try:
            made = given if given is not None else _made_up(defined, records)
        except LookupError as error:
            yield TrialResult(
                where=where, state="untried", what=f"the customer has no {error.args[0]}"
            )
            return
        try:
            args: Args = read_args(defined.action, made)
            resolved = await self._connector.resolve(defined.action, args, self._subject)
        except SaysoError as error:
            yield _failed(where, error, listed=given is None)
            return
        other = other_object(defined.table, resolved)
        if other:
            yield TrialResult(where=where, state="wrong", what=other)
            return
        yield TrialResult(where=where, state="read", what=_summary(resolved))
        if defined.look_up is not None:
            yield await self._look_up(f"{where}.look_up", defined, resolved)

    async def _look_up(self, where: str, defined: Defined, resolved: Resolved) -> TrialResult:
        """It must find nothing of a call that never was."""
        call = Call(
            tenant="trial",
            action_id=IdSource(self._clock).new("act"),
            action=defined.action.name,
            subject_id=self._subject.id,
            resolved=resolved,
            idempotency_key=token_hex(32),
        )
        try:
            found = await self._asking.look_up(call)
        except SaysoError as error:
            return _failed(where, error)
        if not isinstance(found, Absence):
            what = "it finds an effect of a call that was never made"
            return TrialResult(where=where, state="wrong", what=what)
        return TrialResult(where=where, state="read", what=f"nothing there: {found.value}")


def _failed(where: str, error: SaysoError, *, listed: bool = False) -> TrialResult:
    """A refusal is the file's own word; an answer that can't be read is a mistake of the file.

    Args:
        listed: the object was taken from the customer's own list, so it is there, and theirs.
    """
    wrong = isinstance(error, RetryableError | OutcomeUnknownError) or error.code in _OURS
    what = f"{error.message} [{error.code}]"
    if listed and error.code in _NOT_THERE:
        what = f"{what}, and `records` lists it: look at `root` and `owner`"
        return TrialResult(where=where, state="wrong", what=what)
    return TrialResult(where=where, state="wrong" if wrong else "refused", what=what)


_NOT_THERE = frozenset({Code.UNKNOWN_OBJECT, Code.NOT_OWNER})
_OURS = frozenset({Code.NEEDS_REAUTH, Code.NEEDS_PERMISSION, Code.INVALID_INPUT})


def _told(person: Person) -> str:
    """What was read of somebody, without what they are called or where they live."""
    named = [word for word in ("name", "email", "phone", "since") if getattr(person, word)]
    if person.email:
        named[named.index("email")] = (
            "email (verified)" if person.email_verified else "email (not verified)"
        )
    if person.address_changed_at is not None:
        named.append("address_changed")
    return ", ".join(["id", *named, *(f"ids.{place}" for place in person.ids)])


def _summary(resolved: Resolved) -> str:
    """What an action would be, by the names of what was read and nothing that is personal."""
    amount = "" if resolved.amount is None else f"; it moves {resolved.amount}"
    names = sorted({*resolved.fields, *resolved.facts, *resolved.preconditions})
    return f"{resolved.object_kind} is the customer's by {resolved.owner_proof}; read: " + (
        ", ".join(names) + amount
    )


def _made_up(defined: Defined, records: list[Record]) -> JsonObject:
    """Arguments for a trial: the customer's first objects, and the least of what must be there.

    Raises:
        LookupError: for the kind of an object that the customer has none of.
    """
    found: dict[str, JsonValue] = {}
    for name, arg in defined.table.args.items():
        if not arg.optional and getattr(arg, "default", None) is None:
            found[name] = _value(arg, records)
    return found


def _value(arg: Arg, records: list[Record]) -> JsonValue:
    match arg:
        case RefArg():
            parts = [part for one in records for part in one.parts]
            first = next((one for one in (*records, *parts) if one.kind == arg.kind), None)
            if first is None:
                raise LookupError(arg.kind)
            return first.id
        case EnumArg():
            return arg.words[0]
        case MoneyArg():
            facts = (value for one in records for value in one.facts.values())
            currency = next((one.currency for one in facts if isinstance(one, Money)), "USD")
            return {"amount_minor": 1, "currency": currency}
        case ListArg():
            return [{name: _value(inner, records) for name, inner in arg.of.items()}]
        case _:
            least = {"int": getattr(arg, "min", 0), "bool": False, "date": "2030-01-01"}
            return cast("JsonValue", least.get(arg.type, "x"))
