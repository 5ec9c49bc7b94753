"""The types of action that a workspace has, also where its connectors cannot be opened."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic.errors import PydanticInvalidForJsonSchema

from sayso.actions.model.definition import Action, with_signed
from sayso.connectors.base import Connector
from sayso.connectors.registry import Connectors
from sayso.connectors.sources import is_installed
from sayso.errors import Code, ConfigError, SaysoError
from sayso.ids import SystemClock
from sayso.json import JsonValue
from sayso.sdk.connectors.load import load_actions_file, load_actions_files
from sayso.sdk.views.base import View
from sayso.sdk.workspace import Workspace
from sayso.secret import Secret, is_reference, no_value

_IDLE_S, _LONGEST_S, _LOOK_S = 3.0, 60.0, 0.05
"""How long a team's own code may do nothing while it is loaded, how long that may take in all, and
how often it is looked at. A machine that is busy with other things is slow, and moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTypes:
    """The definitions that are known, and what they could not be read from.

    Attributes:
        actions: sorted by name.
        connectors: names of those that sayso.toml sets up or a definition belongs to.
        unread: why not, by the connector's name or the file's path; a connector that is unread may
            have any action, a file that is unread any connector.
    """

    actions: tuple[Action, ...]
    connectors: frozenset[str]
    unread: Mapping[str, str]

    @property
    def names(self) -> frozenset[str]:
        """The names of the actions."""
        return frozenset(action.name for action in self.actions)

    def doubt(self, connector: str) -> str:
        """Why a connector of that name may have actions that are not known; else empty."""
        if connector in self.unread:
            return f"`{connector}` cannot be loaded: {self.unread[connector]}"
        if connector in self.connectors:
            return ""
        files = [place for place in self.unread if place not in self.connectors]
        return f"`{files[0]}` cannot be loaded: {self.unread[files[0]]}" if files else ""


class ActionCatalog:
    """The types of one open workspace.

    Args:
        opened: the open connectors, of which all is known; None when none was opened.
        own: connectors that were passed in.
    """

    def __init__(
        self, workspace: Workspace, opened: Connectors | None, own: Sequence[Connector]
    ) -> None:
        self._workspace = workspace
        self._own = own
        self._types: ActionTypes | None = None
        if opened is not None:
            self._types = ActionTypes(
                actions=tuple(opened.actions), connectors=frozenset(opened.names), unread={}
            )

    async def read(self) -> ActionTypes:
        """The types; where no connector is open, they are read without a secret, once."""
        if self._types is None:
            self._types = await read_action_types(self._workspace, self._own)
        return self._types

    async def read_quickly(self) -> ActionTypes:
        """The types, as far as they can be read by somebody who must not wait."""
        if self._types is not None:
            return self._types
        types = await read_action_types(self._workspace, self._own, Patience(longest_s=_IDLE_S))
        if not types.unread:
            self._types = types
        return types


@dataclass(slots=True, kw_only=True)
class Patience:
    """How long code is waited for: as long as it does something, up to a longest time.

    Attributes:
        idle_s: how long it may do nothing. longest_s: how long it may take in all.
    """

    idle_s: float = _IDLE_S
    longest_s: float = _LONGEST_S
    _began: float | None = None
    _moved: float = 0.0
    _mark: object = None

    def lost(self, now: float, mark: object) -> str:
        """Why it is waited for no longer; empty as long as it is.

        Args:
            now: in seconds, by any clock that only grows. mark: where the code is; while it does
                nothing, that is the same.
        """
        if self._began is None:
            self._began = self._moved = now
        if mark != self._mark:
            self._mark, self._moved = mark, now
        if now - self._began >= self.longest_s:
            return f"it took longer than {self.longest_s:g} s"
        if now - self._moved >= self.idle_s:
            return f"it did nothing for {self.idle_s:g} s"
        return ""


async def read_action_types(
    workspace: Workspace, own: Sequence[Connector] = (), patience: Patience | None = None
) -> ActionTypes:
    """Read the definitions without a secret, a provider or an open connector.

    Guarantees: raises nothing, and ends within `patience`, whatever a connector's code does short
    of ending the process; what is not read by then is named as unread.
    """
    settings = workspace.settings
    places: dict[str, Callable[[], Sequence[Action]]] = {
        name: partial(actions_of_connector, workspace, name, table)
        for name, table in settings.connector_tables.items()
    }
    for pattern in settings.actions:
        for path in sorted(workspace.folder.glob(pattern)):
            name = path.relative_to(workspace.folder).as_posix()
            places[name] = partial(actions_of_file, workspace, path)
    read: dict[str, Sequence[Action] | str] = {}
    late = await _in_time(places, read, Patience() if patience is None else patience)
    actions = [action for connector in own for action in connector.actions]
    unread: dict[str, str] = {}
    for place in places:
        found = read.get(place, late)
        if isinstance(found, str):
            unread[place] = found
        else:
            actions += found
    actions = [with_signed(action, workspace.signed_facts) for action in actions]
    return ActionTypes(
        actions=tuple(sorted(actions, key=lambda action: action.name)),
        connectors=frozenset(settings.connector_tables)
        | {action.connector for action in actions}
        | {connector.name for connector in own},
        unread=unread,
    )


async def _in_time(
    places: Mapping[str, Callable[[], Sequence[Action]]],
    read: dict[str, Sequence[Action] | str],
    patience: Patience,
) -> str:
    """Read place after place in a thread of their own, which may be left behind; why, if it is."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        for place, actions in places.items():
            try:
                read[place] = _read(actions)
            except SaysoError as error:
                read[place] = error.message
            except SystemExit:
                read[place] = "it ends the process"
        if not loop.is_closed():
            loop.call_soon_threadsafe(done.set)

    # NOTE: no executor: its threads are waited for at the end, and code that hangs never ends.
    thread = threading.Thread(target=work, name="sayso-action-types", daemon=True)
    thread.start()
    while not done.is_set():
        try:
            async with asyncio.timeout(_LOOK_S):
                await done.wait()
        except TimeoutError:
            if late := patience.lost(loop.time(), _mark(thread.ident)):
                return late
    return ""


def _mark(thread: int | None) -> tuple[object, ...]:
    """Where a thread is in its code, and how much this process has worked, in tenths of a second.

    The second is for one long call, of which a thread that waits for a processor shows no more.
    """
    # Documented, for debuggers; threading has nothing else to say where a thread is.
    frame = sys._current_frames().get(thread or 0)  # pyright: ignore[reportPrivateUsage]
    where = (None, 0) if frame is None else (id(frame), frame.f_lasti)
    return *where, int(time.process_time() * 10)


def _read(actions: Callable[[], Sequence[Action]]) -> Sequence[Action]:
    try:
        return actions()
    except SaysoError:
        raise
    except Exception as error:
        # A team's own code may raise whatever it likes; a stop is not to fail by it.
        raise ConfigError(Code.INVALID_ACTION, type(error).__name__) from error


def actions_of_connector(
    workspace: Workspace, name: str, table: Mapping[str, JsonValue]
) -> Sequence[Action]:
    """The actions of a connector, made without its secrets.

    Raises:
        SaysoError: it cannot be made.
    """
    is_own = not is_installed(name, workspace.folder)
    made = Connectors.load(
        cast("Mapping[str, Mapping[str, JsonValue]]", {name: table}),
        clock=SystemClock(),
        secret=_unread,
        base=workspace.folder,
        own_factories={
            own: factory
            for own, factory in load_actions_files(workspace).factories.items()
            if own == name
        }
        if is_own
        else {},
    )
    return made.actions


def actions_of_file(workspace: Workspace, path: Path) -> Sequence[Action]:
    """The actions of one of the workspace's Python files, made without a secret.

    What it makes with a table of sayso.toml counts as that table's, and not as the file's.

    Raises:
        SaysoError: it cannot be loaded.
    """
    found = load_actions_file(path)
    tables = workspace.settings.connector_tables
    made = Connectors.load(
        {},
        clock=SystemClock(),
        secret=_unread,
        base=workspace.folder,
        own=found.connectors,
        own_factories={
            name: factory for name, factory in found.factories.items() if name not in tables
        },
    )
    return made.actions


def _unread(reference: str) -> Secret:
    if not is_reference(reference):
        no_value()
    return Secret("not read")


class ArgumentView(View):
    """One argument of a type of action.

    Attributes:
        form: how it is written in JSON, such as `"now" or "period_end"`; empty where only the
            schema can say it.
    """

    name: str
    required: bool
    description: str
    form: str


class ActionTypeView(View):
    """One type of action.

    Attributes:
        name: such as `stripe.refund`. summary: what it does, in a line.
        sentence: what the card says, with the fields that the connector fills in.
        effect: `money_out`, `credit`, `cancellation`, `change` or `message`.
        guarantee: `idempotent`, `verifiable` or `at_most_once`. promise: the same in words.
        undone_by: the type that takes it back when another step of its plan fails; None for none.
        args_schema: JSON Schema of the arguments; empty where it cannot say them.
    """

    name: str
    summary: str
    sentence: str
    effect: str
    guarantee: str
    promise: str
    reversible: bool
    undone_by: str | None
    args: tuple[ArgumentView, ...]
    args_schema: Mapping[str, Any]


class ActionTypesView(View):
    """The types of action of a workspace.

    Attributes:
        unread: why a connector or a file could not be read, by its name; it may have more.
    """

    items: tuple[ActionTypeView, ...]
    unread: Mapping[str, str]


def show_action_types(types: ActionTypes) -> ActionTypesView:
    """The external form of the types."""
    return ActionTypesView(items=tuple(map(_show, types.actions)), unread=dict(types.unread))


def _show(action: Action) -> ActionTypeView:
    schema = _schema(action)
    args = tuple(
        ArgumentView(
            name=name,
            required=field.is_required(),
            description=str(field.description or ""),
            form=_form(schema.get("properties", {}).get(name, {})),
        )
        for name, field in action.args.model_fields.items()
    )
    return ActionTypeView(
        name=action.name,
        summary=action.summary,
        sentence=action.sentence or action.summary,
        effect=action.effect.value,
        guarantee=action.guarantee.kind,
        promise=action.guarantee.sentence,
        reversible=action.reversible,
        undone_by=None if action.undo is None else action.undo.action,
        args=args,
        args_schema=schema,
    )


def _schema(action: Action) -> Mapping[str, Any]:
    try:
        return action.args.model_json_schema()
    except PydanticInvalidForJsonSchema:  # a type of a team's own that JSON Schema cannot say
        return {}


_FORMS = {"string": "a text", "integer": "a whole number", "boolean": "true or false"}


def _form(schema: Mapping[str, Any]) -> str:
    """How a value of this schema is written, in words."""
    choices: Sequence[Mapping[str, Any]] = schema.get("anyOf", [schema])
    given = [one for one in choices if one.get("type") != "null"]
    if len(given) != 1:
        return ""
    if "enum" in given[0]:
        return " or ".join(f'"{word}"' for word in given[0]["enum"][:12])
    if set(given[0].get("properties", {})) == {"amount_minor", "currency"}:
        return '{"amount_minor": 500, "currency": "USD"}'
    return _FORMS.get(str(given[0].get("type")), "")
