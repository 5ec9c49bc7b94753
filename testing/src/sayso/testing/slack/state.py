"""The fake's memory, shared by its server thread and the test; every touch takes the lock."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from sayso.ids import monotonic_s
from sayso.testing.slack.records import (
    ApiCall,
    Ephemeral,
    OpenView,
    PostedMessage,
    SlackFault,
    SlackUser,
)
from sayso.testing.slack.sockets import Sockets

SCOPES = (
    "chat:write,users:read,groups:read,groups:history,metadata.message:read,im:write,im:history"
)
"""Of our manifest."""


class SlackState:
    """Everything that the fake Slack knows."""

    def __init__(self, team: str, channel: str, patience_s: float) -> None:
        self.team = team
        self.channels: dict[str, dict[str, bool]] = {channel: {}}
        self.users: dict[str, SlackUser] = {}
        self.messages: list[PostedMessage] = []
        self.ephemerals: list[Ephemeral] = []
        self.views: list[OpenView] = []
        self.outside: set[str] = set()
        self.homes: dict[str, OpenView] = {}
        self.calls: list[ApiCall] = []
        self.scopes = SCOPES
        self.changed = threading.Condition(threading.RLock())
        self.sockets = Sockets(self.changed)
        self.gate = threading.Event()
        self.delayed = 0
        self._patience_s = patience_s
        self._faults: list[SlackFault] = []
        self._triggers: dict[str, tuple[float, str, str]] = {}
        self._count = 0

    def next_ts(self) -> str:
        """A new message's `ts`: seconds with six digits, unique in order."""
        self._count += 1
        return f"1790000000.{self._count:06d}"

    def new_trigger(self, user: str, team: str) -> str:
        """A trigger id for one form.

        Source: Slack docs, Modals: it opens one, and soon.
        """
        trigger = f"{secrets.randbelow(10**12)}.{secrets.token_hex(8)}"
        with self.changed:
            self._triggers[trigger] = (monotonic_s() + self._patience_s, user, team)
        return trigger

    def take_trigger(self, trigger: str) -> tuple[str, str] | str:
        """Whose trigger it is, or Slack's word for what is wrong with it."""
        known = self._triggers.get(trigger)
        if known is None:
            return "invalid_trigger_id"
        until, user, team = known
        if not user:
            return "exchanged_trigger_id"
        if monotonic_s() > until:
            return "expired_trigger_id"
        self._triggers[trigger] = (until, "", "")
        return user, team

    def message(self, channel: str, ts: str) -> PostedMessage | None:
        """A message that is still there."""
        for message in self.messages:
            if (message.channel, message.ts) == (channel, ts) and not message.deleted:
                return message
        return None

    def add_faults(self, faults: tuple[SlackFault, ...]) -> None:
        """Queue faults behind those that wait."""
        with self.changed:
            self._faults += faults

    def clear_faults(self) -> None:
        """Forget all faults."""
        with self.changed:
            self._faults.clear()

    def count_delayed(self) -> None:
        """One more call waits for the release; wake whoever waits for it to come."""
        with self.changed:
            self.delayed += 1
            self.changed.notify_all()

    def release(self) -> None:
        """Let delayed calls go on; later ones are not delayed any more."""
        self.gate.set()

    def take_fault(self, method: str) -> SlackFault | None:
        """The fault that this call meets, if any."""
        with self.changed:
            for place, fault in enumerate(self._faults):
                if fault.method not in {"*", method}:
                    continue
                if fault.times is not None:
                    left = fault.times - 1
                    self._faults[place : place + 1] = [replace(fault, times=left)] if left else []
                return fault
        return None

    def record(self, call: ApiCall) -> None:
        """Keep a call, and wake whoever waits for something to happen."""
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()

    def wait_until(self, happened: Callable[[], bool], timeout_s: float) -> bool:
        """Block until it has happened; False when it has not in time."""
        with self.changed:
            return self.changed.wait_for(happened, timeout_s)
