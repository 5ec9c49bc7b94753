"""Sends codes nowhere: a connector with the role alone, which keeps what it was handed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sayso.actions.customers.contact import CodeMessage, Medium
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.errors import Code, RetryableError


@dataclass(slots=True)
class PostOffice:
    """Keeps each code; `fails` has the next ones refused, `hold` keeps them from arriving."""

    name: str = "post"
    version: str = "1"
    sends_to: Medium = "email"
    customers_of: str | None = None
    actions: Sequence[Action] = ()
    sent: list[CodeMessage] = field(default_factory=list[CodeMessage])
    fails: bool = False
    hold: asyncio.Event | None = None

    async def send_code(self, code: CodeMessage) -> None:
        """Keep it."""
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, f"no mail to {code.recipient}")
        self.sent.append(code)

    async def code(self, place: int = -1) -> str:
        """The eight digits of a letter, once it is there."""
        return (await self._found(r"[0-9]{4} [0-9]{4}", place)).replace(" ", "")

    async def link(self, place: int = -1) -> str:
        """The path of the link in it, likewise."""
        return await self._found(r"(?<=https://help\.shop\.example)/confirm/\S+", place)

    async def _found(self, pattern: str, place: int) -> str:
        found = re.search(pattern, self.sent[place].text)
        assert found is not None
        return found[0]

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        raise NotImplementedError

    async def call(self, call: Call) -> Receipt:
        raise NotImplementedError

    async def look_up(self, call: Call) -> Receipt | Absence:
        raise NotImplementedError

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return ()

    async def close(self) -> None:
        """Nothing is open."""
