"""What a connector is made from, and what it may ask of the others."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.errors import Code, ConfigError
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.secret import Secret, is_reference, no_secret, no_value
from sayso.settings import FILE_NAME, of_the_top
from sayso.text import plain

_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a customer is written to, as a provider has it on file.

    Attributes:
        email: the address.
        name: the person's name, or empty.
    """

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """Who we are at the provider.

    Attributes:
        id, title: stable, and as cards show it.
        live: whether it is real; None where the provider does not say.
    """

    id: str
    title: str
    live: bool | None = None

    @property
    def shown(self) -> str:
        """As it stands on a card and in the snapshot."""
        return self.id if self.title in ("", self.id) else f"{self.id} ({self.title})"


@runtime_checkable
class AccountBook(Protocol):
    """A connector that can say as whom it is known at its provider."""

    async def who_am_i(self) -> AccountSeen:
        """The account that the credentials belong to, asked now.

        Raises:
            RefusedError: `needs_reauth`, `needs_permission`: the credentials are not accepted.
            RetryableError: the provider cannot be read now.
        """
        ...


@runtime_checkable
class Reachable(Protocol):
    """A connector that has no account to name, and can yet be asked whether it would work now."""

    async def reach(self) -> str:
        """What was reached, in a sentence; nothing is sent and nothing changed.

        Raises:
            RefusedError: `needs_reauth` and others: it does not take us.
            RetryableError: it cannot be reached now.
        """
        ...


@runtime_checkable
class AddressBook(Protocol):
    """A connector that knows its customers' addresses."""

    async def address_of(self, subject: Subject) -> Address:
        """The address on file; never one that somebody passed in.

        Raises:
            RefusedError: `unknown_subject`; `wrong_state` when there is no address.
            RetryableError: the provider cannot be read now.
        """
        ...


@runtime_checkable
class PhoneBook(Protocol):
    """A connector that knows its customers' phone numbers."""

    async def phone_of(self, subject: Subject) -> str:
        """The number on file, as the provider has it; never one that somebody passed in.

        Raises:
            RefusedError: `unknown_subject`; `wrong_state` when there is none.
            RetryableError: the provider cannot be read now.
        """
        ...


class AskedSettings(Mapping[str, JsonValue]):
    """A connector's table of sayso.toml, which remembers the names that a factory asked for.

    A factory that goes through all of it has asked for all of it, and judges the names by itself.

    Args:
        connector: the connector's name.
        table: its table.
    """

    def __init__(self, connector: str, table: Mapping[str, JsonValue]) -> None:
        self._connector = connector
        self._table = table
        self._asked: set[str] = {"rate"}  # every connector has it; the settings judge it

    def __getitem__(self, name: str) -> JsonValue:
        self._asked.add(name)
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        self._asked.update(self._table)
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def refuse_the_rest(self) -> None:
        """Refuse the names that nobody asked for.

        Raises:
            ConfigError: `invalid_setting`, with every such name and what may be meant by it.
        """
        rest = [name for name in self._table if name not in self._asked]
        if not rest:
            return
        shown = [f"`connectors.{self._connector}.{_shown(name)}`" for name in rest]
        steps = dict.fromkeys(self._step(name) for name in rest)
        what = "there is no such setting" if len(rest) == 1 else "there are no such settings"
        raise ConfigError(
            Code.INVALID_SETTING,
            f"{', '.join(shown)} in {FILE_NAME}: {what}",
            next_step="; ".join(steps),
        )

    def _step(self, name: str) -> str:
        if top := of_the_top(name, FILE_NAME):
            return top
        near = difflib.get_close_matches(name[:_SHOWN_CHARACTERS], self._asked, 1)
        if near:
            return f"did you mean `{near[0]}`?"
        return f"remove `{_shown(name)}`; there are: {', '.join(sorted(self._asked))}"

    def near(self, name: str) -> str | None:
        """A name of the table that nobody asked for, and that may be meant for this one."""
        rest = [_shown(other) for other in self._table if other not in self._asked]
        near = difflib.get_close_matches(name, rest, 1)
        return near[0] if near else None


def _shown(name: str) -> str:
    return plain(name, limit=_SHOWN_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the wiring hands to a connector's factory.

    A name of the table that the factory does not ask for is refused as a misspelt one, so a factory
    asks for every setting that it has, or names those that it does not need now by `also`.

    Attributes:
        clock: the time.
        settings: the connector's table of sayso.toml.
        secret: reads the secret that a reference names (`resolve_reference`, bound to a workspace).
        peer: another connector of the same tenant by name; to be asked at the first call, since
            it may not be made yet when a factory runs.
        bearer: a fresh access token of a connection that the token broker keeps, by name.
        base: the workspace's folder, where relative paths start.
    """

    clock: Clock
    settings: Mapping[str, JsonValue]
    secret: Callable[[str], Secret]
    peer: Callable[[str], Connector]
    bearer: Callable[[str], Awaitable[Secret]]
    base: Path

    def also(self, *names: str) -> None:
        """Say that there are these settings too, though nothing depends on them now."""
        for name in names:
            self.settings.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A setting that is a text.

        Raises:
            ConfigError: `invalid_setting`, when it is missing or no text.
        """
        value = self.settings.get(name, default)
        if not isinstance(value, str):
            raise self.invalid(name, "a text")
        return value

    def number(self, name: str, default: float) -> float:
        """A setting that is a number above zero.

        Raises:
            ConfigError: `invalid_setting`.
        """
        value = self.settings.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise self.invalid(name, "a number above zero")
        return float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A setting that is a list of texts; empty when absent.

        Raises:
            ConfigError: `invalid_setting`.
        """
        value = self.settings.get(name, ())
        if isinstance(value, (str, Mapping)) or not isinstance(value, (list, tuple)):
            raise self.invalid(name, "a list of texts")
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) != len(value):
            raise self.invalid(name, "a list of texts")
        return tuple(texts)

    def secret_at(self, name: str) -> Secret:
        """The secret that the setting refers to.

        Raises:
            ConfigError: `missing_secret`.
        """
        if name not in self.settings:
            no_secret(name, self._near(name))
        reference = self.text(name)
        if not is_reference(reference):
            no_value(name)
        return self.secret(reference)

    def invalid(self, name: str, wanted: str) -> ConfigError:
        """The error for a setting that is something else."""
        near = self._near(name) if name not in self.settings else None
        return ConfigError(
            Code.INVALID_SETTING,
            f"the connector's setting `{name}` is not {wanted}",
            next_step=f"set `{name}` to {wanted} in {FILE_NAME}"
            + (f"; is `{near}` meant for it?" if near else ""),
        )

    def _near(self, name: str) -> str | None:
        return self.settings.near(name) if isinstance(self.settings, AskedSettings) else None


Factory = Callable[[Setup], Connector]
"""What an entry point of the group `sayso.connectors` names: makes the connector, without IO."""
