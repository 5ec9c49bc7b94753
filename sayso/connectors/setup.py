"""What a connector is made from, and what it may ask of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from sayso.actions.action import Subject
from sayso.connectors.base import Connector
from sayso.connectors.secret import Secret, no_secret
from sayso.errors import Code, ConfigError
from sayso.ids import Clock
from sayso.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a customer is written to, as a provider has it on file.

    Attributes:
        email: the address.
        name: the person's name, or empty.
    """

    email: str
    name: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the wiring hands to a connector's factory.

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
            no_secret(name)
        return self.secret(self.text(name))

    def invalid(self, name: str, wanted: str) -> ConfigError:
        """The error for a setting that is something else."""
        return ConfigError(
            Code.INVALID_SETTING,
            f"the connector's setting `{name}` is not {wanted}",
            next_step=f"set `{name}` to {wanted} in sayso.toml",
        )


Factory = Callable[[Setup], Connector]
"""What an entry point of the group `sayso.connectors` names: makes the connector, without IO."""
