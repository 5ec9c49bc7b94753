"""Every connector of one tenant, by name, and every action, by name: how the engine reaches them.

A connector comes from a Python file or a manifest of the workspace, from an entry point of the
group `sayso.connectors` (its value is a `Factory`), or from a manifest that ships; or it is passed
in. Nothing is imported or read before a connector of that name is set up.
"""

from __future__ import annotations

import asyncio
import difflib
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeVar

from sayso.actions.customers.account import AccountId, AccountNames, no_account
from sayso.actions.customers.contact import CodeMessage, Medium
from sayso.actions.model.attempt import reading
from sayso.actions.model.definition import Action, Args, Fact, Subject, with_signed
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved, SeenEffect
from sayso.connectors.arguments import ECHO_LIMIT, read_args
from sayso.connectors.base import Connector, EffectBook, RefundBook, SubjectBook, Warmable
from sayso.connectors.code_sender import CodeSender
from sayso.connectors.customers import account_names_of, owner_of
from sayso.connectors.email_address import is_address
from sayso.connectors.isolation import Hiding, contained
from sayso.connectors.person import (
    Person,
    PersonBook,
    PersonSearch,
    checked_people,
    checked_person,
)
from sayso.connectors.setup import AddressBook, AskedSettings, Factory, Setup
from sayso.connectors.sources import Sources, installed_points, invalid_connector, no_connector
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import Clock
from sayso.json import JsonObject, JsonValue
from sayso.secret import Secret
from sayso.text import plain

T = TypeVar("T")

_NAMED = 12
"""So many actions a next step names; `sayso actions types` lists them all."""

READ_S = 120.0
"""So long a connector may take to read its provider: some requests, each with its own time-out and
its own repetitions."""


class Connectors:
    """The connectors of one tenant.

    Guarantees: nothing that a connector raises says a secret that it was given; and nobody waits
    for one without end.

    Args:
        connectors: each with its own name.
        read_s: after so many seconds a connector that only reads is given up for now.
        signed: facts that callers sign, of every action.
        customers: whose an account id is that names no provider; None for the only connector that
            has customers.
        places: further names before an account id, such as a help desk that only writes to us.

    Raises:
        ConfigError: `invalid_action`, when two connectors or two actions have one name, or an
            action's name does not begin with its connector's.
    """

    def __init__(
        self,
        connectors: Iterable[Connector],
        *,
        read_s: float = READ_S,
        signed: Mapping[str, Fact] | None = None,
        customers: str | None = None,
        places: Iterable[str] = (),
    ) -> None:
        self._read_s = read_s
        self._customers = customers
        self._places = tuple(places)
        self._names: AccountNames | None = None
        self._owners: dict[str, str | None] = {}
        self._signed = signed or {}
        self._hiding = Hiding()
        self._connectors: dict[str, Connector] = {}
        self._actions: dict[str, Action] = {}
        for connector in connectors:
            self._add(connector)

    @classmethod
    def load(
        cls,
        settings: Mapping[str, Mapping[str, JsonValue]],
        *,
        clock: Clock,
        secret: Callable[[str], Secret],
        base: Path = Path(),
        bearer: Callable[[str], Awaitable[Secret]] | None = None,
        own: Iterable[Connector] = (),
        own_factories: Mapping[str, Factory] | None = None,
        installed: Iterable[EntryPoint] | None = None,
        signed: Mapping[str, Fact] | None = None,
        customers: str | None = None,
        places: Iterable[str] = (),
    ) -> Connectors:
        """Make the connectors that a workspace names, and add its own ones.

        Args:
            settings: `[connectors.NAME]` of sayso.toml, by name.
            clock: the time.
            secret: reads the secret a reference names (`resolve_reference`, bound to a workspace).
            base: the workspace's folder, where relative paths start.
            bearer: gives a fresh access token of a named connection; None when there is no broker.
            own: further connectors, such as those of the workspace's `actions/*.py`.
            own_factories: those of such files that take settings, by name.
            installed: entry points to look in; those of the group `GROUP` unless a test says so.
            signed: facts that callers sign, of every action.
            customers, places: as for the class.

        Raises:
            ConfigError: `invalid_setting` for a connector that is not installed, a wrong setting or
                one that the connector does not have, `missing_secret`, `missing_extra` when its
                package cannot be imported, `invalid_action`, `invalid_manifest`, `not_reviewed`.
        """
        found = installed_points(tuple(sys.path)) if installed is None else installed
        sources = Sources(base, {point.name: point for point in found}, own_factories or {})
        registry = cls((), signed=signed, customers=customers, places=places)

        def peer(name: str) -> Connector:
            return registry.connector(name)

        for name in settings:
            sources.check(name)
        without: dict[str, Mapping[str, JsonValue]] = {
            name: {} for name in sources.own if name not in settings
        }
        for name, table in {**settings, **without}.items():
            asked = AskedSettings(name, table)
            setup = Setup(
                clock=clock,
                settings=asked,
                secret=registry._hiding.reading(secret),
                peer=peer,
                bearer=registry._hiding.fetching(bearer or _no_bearer),
                base=base,
            )
            connector = sources.factory(name)(setup)
            asked.refuse_the_rest()
            if connector.name != name:
                raise invalid_connector(
                    f"`{name}`", f"it calls itself `{connector.name[:ECHO_LIMIT]}`"
                )
            registry._add(connector)
        for connector in own:
            registry._add(connector)
        registry._hiding.listen()
        return registry

    def _add(self, connector: Connector) -> None:
        if connector.name in self._connectors:
            raise invalid_connector(f"`{connector.name}`", "two connectors have this name")
        for action in connector.actions:
            if action.connector != connector.name:
                raise invalid_connector(
                    f"`{connector.name}`",
                    f"its action `{action.name}` does not begin with `{connector.name}.`",
                )
            if action.name in self._actions:
                raise invalid_connector(
                    f"`{connector.name}`", f"two actions are called `{action.name}`"
                )
            self._actions[action.name] = with_signed(action, self._signed)
        for action in connector.actions:
            self._check_undo(action)
        self._connectors[connector.name] = connector
        self._names = None
        self._owners.clear()

    def _check_undo(self, action: Action) -> None:
        if action.undo is None:
            return
        name = action.undo.action
        undo = self._actions.get(name)
        if undo is None:
            raise invalid_connector(
                f"`{action.connector}`", f"it has no `{name}` to undo `{action.name}`"
            )
        if not set(action.undo.args) <= set(undo.args.model_fields):
            raise invalid_connector(
                f"`{action.connector}`", f"`{name}` does not take what undoes by it"
            )
        if not set(action.undo.only) <= set(action.args.model_fields):
            raise invalid_connector(
                f"`{action.connector}`", f"`{action.name}` has no argument that its undo asks for"
            )

    @property
    def actions(self) -> Sequence[Action]:
        """Every action, by name."""
        return [self._actions[name] for name in sorted(self._actions)]

    @property
    def accounts(self) -> AccountNames:
        """How account ids are read and written here.

        Raises:
            ConfigError: `invalid_setting`, for a default that has no customers.
        """
        if not self._connectors:  # opened for looking only: what is stored is believed
            return AccountNames(providers={}, default=self._customers)
        if self._names is None:
            known = self.account_names(self._customers)
            providers = dict.fromkeys(self._places, False) | dict(known.providers)
            self._names = replace(known, providers=providers)
        return self._names

    def believe(self, default: str | None) -> None:
        """Take ids without a provider for this connector's, where settings do not say whose."""
        self._customers, self._names = self._customers or default, None

    @property
    def default_is_said(self) -> bool:
        """Whether somebody has said whose an id without a provider is."""
        return self._customers is not None

    def read_as(self, names: AccountNames) -> None:
        """Have account ids be read and written so from here on."""
        self._names = names

    def subject(self, said: str | Subject) -> Subject:
        """A customer as this workspace writes them; what came in is read here and nowhere else.

        Raises:
            RefusedError: `invalid_input`; see `AccountNames.read`.
        """
        given = Subject.of(said)
        names = self.accounts
        if not names.providers:
            return replace(given, id=_bare(given, names.default), provider="")
        account = names.named(given.provider, given.id) if given.provider else names.read(given.id)
        written = names.write(account)
        if written == given.id and not given.provider:
            return given
        return replace(given, id=written, provider="")

    def stored(self, said: str) -> str:
        """An account as it is stored, also of a connector that is not here any more.

        Raises:
            RefusedError: `invalid_input`, for what is no customer's id.
        """
        before, colon, _ = said.partition(":")
        providers = self.accounts.providers
        if colon and providers and before not in providers:
            return Subject(id=said).id
        return self.subject(said).id

    def provider_of(self, action: str) -> str | None:
        """Whose customers an action is for; None where it has to do with nobody's.

        Raises:
            RefusedError: `unknown_action`.
        """
        return self._owner(self._of(action), action)

    def _owner(self, connector: Connector, action: str = "") -> str | None:
        name = action or connector.name
        if name not in self._owners:
            self._owners[name] = owner_of(connector.name, self._connectors.get, action)
        return self._owners[name]

    def _own(self, connector: Connector, subject: Subject, action: str = "") -> Subject:
        """The subject as the connector knows them; as they are written, where it knows nobody.

        INVARIANT: the one gate to connectors. An id of another provider's is never handed on, by
        whatever way it came here: who is 7723 at the help desk is nobody here (invariant 4).

        Raises:
            RefusedError: `no_account`.
        """
        owner = self._owner(connector, action)
        if owner is None:
            return subject
        account = self.accounts.stored(subject.id)
        if account.provider != owner:
            raise no_account(owner)
        return replace(subject, id=account.id, provider=account.provider)

    def _own_call(self, connector: Connector, call: Call) -> Call:
        theirs = self._own(connector, Subject(id=call.subject_id), call.action).id
        if theirs == call.subject_id:
            return call
        return replace(call, subject_id=theirs, resolved=replace(call.resolved, owner=theirs))

    def written(self, action: str, theirs: str) -> str:
        """What the provider of an action calls something, as an account of theirs is stored."""
        found = self._connectors.get(action.partition(".")[0])
        return theirs if found is None else self._written(found, theirs, action)

    def _written(self, connector: Connector, theirs: str, action: str = "") -> str:
        """What a connector calls somebody, as everybody else writes them; empty for nobody.

        INVARIANT: no bare id of another provider than the default's comes out of here, as none of
        another one's goes in by `_own`.
        """
        owner = self._owner(connector, action)
        if owner is None or not theirs:
            return theirs
        try:
            return self.accounts.write(AccountId(owner, theirs))
        except RefusedError:  # nobody can ask in the name of what looks so
            return f"{owner}:{theirs}"

    @property
    def names(self) -> Sequence[str]:
        """The names of the connectors, sorted."""
        return sorted(self._connectors)

    def connector(self, name: str) -> Connector:
        """The connector of that name.

        Raises:
            ConfigError: `invalid_setting`, when there is none.
        """
        found = self._connectors.get(name)
        if found is None:
            raise no_connector(name, self._connectors)
        return found

    def knows(self, name: str) -> bool:
        """Whether there is an action of that name."""
        return name in self._actions

    def action(self, name: str) -> Action:
        """The action of that name.

        Raises:
            RefusedError: `unknown_action`, with the nearest name.
        """
        found = self._actions.get(name)
        if found is None:
            near = difflib.get_close_matches(name[:200], self._actions, 1)
            raise RefusedError(
                Code.UNKNOWN_ACTION,
                f"there is no action `{plain(name, limit=ECHO_LIMIT)}`",
                next_step=f"did you mean `{near[0]}`?" if near else self._use_another(),
            )
        return found

    def _use_another(self) -> str:
        if not self._actions:
            return "set up a connector in sayso.toml; there is none"
        names = sorted(self._actions)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(f"`{known}`" for known in names[:_NAMED])
        return f"use {listed}{more}; `sayso actions types` says what they do"

    def version_of(self, name: str) -> str:
        """The version of the action's connector.

        Raises:
            RefusedError: `unknown_action`.
        """
        return self._of(name).version

    def validate_args(self, name: str, args: JsonObject) -> Args:
        """The arguments, read by the action's model.

        Raises:
            RefusedError: `unknown_action`, `invalid_input`.
        """
        return read_args(self.action(name), args)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        connector = self._of(action.name)
        own = self._own(connector, subject, action.name)
        found = await self.read(connector.resolve(action, args, own))
        is_theirs = found.owner == own.id  # others are spoken of by how they are written
        written = subject.id if is_theirs else self.written(action.name, found.owner)
        return found if written == found.owner else replace(found, owner=written)

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        connector = self._of(call.action)
        return await self._ask(connector.call(self._own_call(connector, call)))

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        connector = self._of(call.action)
        return await self._ask(connector.look_up(self._own_call(connector, call)))

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """What an account has at each connector of its provider, in the connectors' order of names.

        All are asked at once. It need be known at one of them: a member may have bought nothing.

        Raises:
            RefusedError: `unknown_subject`, when a connector says so and no other one knows them:
                by an object of theirs, or as a `SubjectBook`.
            RetryableError: a provider cannot be read now; `connector_failed`, when a connector
                raised what its contract does not know.
        """
        provider = self.accounts.stored(subject.id).provider
        asked = [one for one in self._connectors.values() if self._owner(one) in (None, provider)]
        asked.sort(key=lambda one: one.name)
        answers = await asyncio.gather(*(self._listed(one, subject) for one in asked))
        found: list[Record] = []
        unknown: RefusedError | None = None
        silent: list[Connector] = []
        for connector, listed in zip(asked, answers, strict=True):
            if isinstance(listed, RefusedError):
                unknown = unknown or listed
                continue
            found += listed
            if not listed:
                silent.append(connector)
        if unknown is not None and not found and not await self._is_known(silent, subject):
            raise unknown
        return found

    async def _listed(
        self, connector: Connector, subject: Subject
    ) -> Sequence[Record] | RefusedError:
        """What one connector lists, or that it knows no such customer."""
        try:
            with _reading(connector):
                listed = await self.read(connector.list_records(self._own(connector, subject)))
                return tuple(replace(one, connector=connector.name) for one in listed)
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            return error

    async def _is_known(self, silent: Iterable[Connector], subject: Subject) -> bool:
        """Whether one of those that listed nothing knows the subject all the same."""
        for connector in silent:
            if isinstance(connector, SubjectBook):
                with _reading(connector):
                    if await self.read(connector.knows(self._own(connector, subject))):
                        return True
        return False

    async def warm(self) -> None:
        """Have each connector that can open what its first call would; failures are told then."""
        ready = [one for one in self._connectors.values() if isinstance(one, Warmable)]
        await asyncio.gather(*(self.read(one.warm()) for one in ready), return_exceptions=True)

    async def effects_of(
        self, action: str, subject: Subject, since: int
    ) -> Sequence[SeenEffect] | None:
        """What an action's provider shows of a customer; None where it cannot say.

        Raises: as `EffectBook.effects_of`; `unknown_action`.
        """
        connector = self._of(action)
        if not isinstance(connector, EffectBook):
            return None
        with _reading(connector):
            own = self._own(connector, subject)
            return self._told(connector, await self.read(connector.effects_of(own, since)))

    async def refunds_told(self, connector: str, kind: str, object_id: str) -> Sequence[SeenEffect]:
        """What a webhook speaks of; empty where nobody can say, or no such connector is here.

        Raises: as `RefundBook.refunds_told`.
        """
        found = self._connectors.get(connector)
        if not isinstance(found, RefundBook):
            return ()
        with _reading(found):
            return self._told(found, await self.read(found.refunds_told(kind, object_id)))

    def _told(self, connector: Connector, seen: Iterable[SeenEffect]) -> Sequence[SeenEffect]:
        return tuple(replace(one, owner=self._written(connector, one.owner)) for one in seen)

    def customers_of(self, name: str) -> str | None:
        """The connector whose customers the one of that name takes; None for nobody's."""
        return owner_of(name, self._connectors.get)

    def account_names(self, default: str | None = None) -> AccountNames:
        """How account ids are read and written here.

        Args:
            default: whose an id without a provider is; None for the only one that has customers.

        Raises:
            ConfigError: `invalid_setting`, for a default that is no connector or has no customers.
        """
        return account_names_of(self._connectors, default)

    async def person_of(self, provider: str, subject: Subject) -> Person | None:
        """How a customer of a provider reads there; None where it cannot say, or is not here.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: the provider cannot be read now; `connector_failed`, when the connector
                answered about somebody else, or raised what its contract does not know.
        """
        found = self._connectors.get(provider)
        if not isinstance(found, PersonBook):
            return None
        own = self._own(found, subject)
        with _reading(found, "person_of"):
            return checked_person(provider, own, await self.read(found.person_of(own)))

    async def address_of(self, provider: str, subject: Subject) -> str | None:
        """The e-mail address on file, of a connector that knows no more of its customers.

        Raises:
            RefusedError: `unknown_subject`, `wrong_state`. RetryableError: as `person_of`.
        """
        found = self._connectors.get(provider)
        if not isinstance(found, AddressBook):
            return None
        with _reading(found, "address_of"):
            return (await self.read(found.address_of(self._own(found, subject)))).email

    def code_sender(self, medium: Medium) -> CodeSender | None:
        """The connector that sends codes there; None where there is none."""
        senders = (one for one in self._connectors.values() if isinstance(one, CodeSender))
        return next((one for one in senders if one.sends_to == medium), None)

    async def send_code(self, sender: CodeSender, code: CodeMessage) -> None:
        """See `CodeSender.send_code`."""
        await self._ask(sender.send_code(code))

    async def find_people(self, provider: str, email: str) -> Sequence[Person] | None:
        """The provider's customers of that very address, ten at most; None where it cannot say.

        Raises:
            RetryableError: the provider cannot be read now; `connector_failed`, as `person_of`.
        """
        found = self._connectors.get(provider)
        if not isinstance(found, PersonSearch):
            return None
        if not is_address(email):
            return ()
        with _reading(found, "find_people"):
            return checked_people(provider, email, await self.read(found.find_people(email)))

    async def close(self) -> None:
        """Close every connector, in their order; one that fails does not keep the others open.

        Raises: what the last one of those that failed raised, whatever it was.
        """
        async with AsyncExitStack() as ends:
            ends.callback(self._hiding.stop)
            for connector in reversed(self._connectors.values()):
                ends.push_async_callback(self._close, connector)

    async def read(self, work: Awaitable[T]) -> T:
        """What a connector reads; not for ever, and without its secrets in an error."""
        bound = asyncio.timeout(self._read_s)
        try:
            async with bound:
                return await self._ask(work)
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE,
                f"the provider could not be read within {self._read_s:g} s",
                next_step="try again later; give the connector a time-out of its own",
            ) from error

    async def _ask(self, work: Awaitable[T]) -> T:
        return await self._hiding.over(contained(work))

    async def _close(self, connector: Connector) -> None:
        await self._hiding.over(connector.close())

    def _of(self, action_name: str) -> Connector:
        return self._connectors[self.action(action_name).connector]


def _bare(given: Subject, default: str | None) -> str:
    """A customer as they are stored, where no connector is at hand that says who has customers."""
    if given.provider:
        return given.id if given.provider == default else f"{given.provider}:{given.id}"
    return given.id if default is None else given.id.removeprefix(f"{default}:")


def _reading(connector: Connector, doing: str = "list_records") -> AbstractContextManager[None]:
    return reading(f"connector `{connector.name}`", f"{connector.name} in {doing}")


async def _no_bearer(connection: str) -> Secret:
    raise RefusedError(
        Code.NEEDS_REAUTH,
        f"there is no connection `{plain(connection, limit=ECHO_LIMIT)}`",
        next_step="name it under [connections] in sayso.toml",
    )
