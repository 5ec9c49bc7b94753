"""Reading desks: what the rest asks of them, with customers as they are written everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sayso.actions.model.attempt import reading
from sayso.actions.model.definition import Subject
from sayso.connectors.desk import (
    Changes,
    Desk,
    DeskFinding,
    DeskMessage,
    DeskParts,
    Ringing,
    SelfChecking,
    Thread,
)
from sayso.connectors.registry import Connectors
from sayso.connectors.setup import AccountBook
from sayso.errors import Code, ConfigError, RefusedError, SaysoError
from sayso.frozen import replace


class Desks:
    """The desks among a tenant's connectors, each by its connector's name."""

    def __init__(self, registry: Connectors) -> None:
        self._registry = registry

    def desk(self, name: str) -> Desk:
        """The desk that a connector is.

        Raises:
            ConfigError: `invalid_setting`, where there is no such connector, or it is no desk.
        """
        found = self._registry.connector(name)
        if isinstance(found, Desk) and found.desk is not None:
            return found
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the connector `{name}` is no desk",
            next_step="name one whose manifest has `[desk]`; `sayso connector list` shows them",
        )

    def parts(self, name: str) -> DeskParts:
        """Its parts; raises as `desk`."""
        parts = self.desk(name).desk
        assert parts is not None, "asked just now"
        return parts

    def ringing(self, name: str) -> Ringing | None:
        """The desk as one that says itself when something may have changed."""
        found = self.desk(name)
        return found if isinstance(found, Ringing) else None

    async def check(self, name: str) -> Sequence[DeskFinding]:
        """How it is set up; see `SelfChecking.check`.

        Where a desk has nothing to say of that, its changes are read, and that is said.
        """
        found = self.desk(name)
        try:
            if isinstance(found, SelfChecking):
                with reading(f"connector `{name}`", f"{name} in check"):
                    return await self._registry.read(found.check())
            await self.changes(name, "")
        except SaysoError as error:
            step = error.next_step or "try again later"
            return (DeskFinding(says=error.message, is_fine=False, next_step=step),)
        return (DeskFinding(says=f"what changes at `{name}` can be read"),)

    async def account(self, name: str) -> str:
        """As whom we are known there; empty where the desk cannot say.

        Raises:
            RefusedError, RetryableError: as `AccountBook.who_am_i`.
        """
        found = self._registry.connector(name)
        if not isinstance(found, AccountBook):
            return ""
        with reading(f"connector `{name}`", f"{name} in who_am_i"):
            return (await self._registry.read(found.who_am_i())).id

    async def changes(
        self,
        name: str,
        cursor: str,
        begun: datetime | None = None,
        *,
        customers: str | None = None,
    ) -> Changes:
        """See `Desk.changes`; `customers` as in `read_thread`."""
        with reading(f"connector `{name}`", f"{name} in changes"):
            found = await self._registry.read(self.desk(name).changes(cursor, begun))
        return replace(
            found, messages=tuple(self._known(name, one, customers) for one in found.messages)
        )

    async def read_thread(self, name: str, thread: str, *, customers: str | None = None) -> Thread:
        """See `Desk.read_thread`.

        Args:
            customers: whose accounts its writers have, where they are not the connector's own.
        """
        with reading(f"connector `{name}`", f"{name} in read_thread"):
            found = await self._registry.read(self.desk(name).read_thread(thread))
        if found.id != thread:
            raise RefusedError(
                Code.UNKNOWN_OBJECT, f"{name} answered about another thread than the one asked for"
            )
        messages = tuple(
            self._known(name, one, customers) for one in found.messages if one.thread == thread
        )
        return replace(found, messages=messages)

    def _known(self, name: str, message: DeskMessage, customers: str | None) -> DeskMessage:
        """The message with its writer as they are written here; None where that cannot be."""
        said = message.subject
        if said is None:
            return message
        try:
            if said.provider or customers:
                subject = replace(said, provider=said.provider or customers or "")
                return replace(message, subject=self._registry.subject(subject))
            own = self._registry.customers_of(name)
            subject = Subject(id=said.id, provider=own or "", assurance=said.assurance)
            return replace(message, subject=self._registry.subject(subject))
        except RefusedError:
            return replace(message, subject=None)
