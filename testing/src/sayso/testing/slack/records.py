"""What the fake Slack keeps: users, messages, answers to clickers, forms, calls and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from sayso.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackUser:
    """A user as `users.info` shows them.

    Attributes:
        team: the workspace they belong to; another than ours makes them a stranger.
        enterprise: of Enterprise Grid, or None.
        email: shown in the profile; proves nothing, as Slack's users change it themselves.
    """

    id: str
    team: str
    enterprise: str | None = None
    email: str = ""
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class PostedMessage:
    """A message in a channel.

    Attributes:
        thread_ts: the message in whose thread it stands; empty in the channel itself.
        versions: the texts it has had, oldest first.
        deleted: somebody removed it, so it can be neither clicked nor updated.
    """

    ts: str
    channel: str
    user: str
    text: str
    blocks: tuple[JsonObject, ...]
    metadata: JsonObject
    arguments: JsonObject
    thread_ts: str = ""
    versions: list[str] = field(default_factory=list[str])
    deleted: bool = False

    @property
    def buttons(self) -> dict[str, str]:
        """The values of its buttons by `action_id`."""
        found: dict[str, str] = {}
        for block in self.blocks:
            elements = block.get("elements")
            if block.get("type") != "actions" or not isinstance(elements, list | tuple):
                continue
            for element in elements:
                if isinstance(element, dict) and element.get("type") == "button":
                    found[str(element["action_id"])] = str(element.get("value", ""))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ephemeral:
    """What one user was told in a channel, and nobody else sees."""

    channel: str
    user: str
    text: str
    blocks: tuple[JsonObject, ...] = ()
    thread_ts: str = ""


@dataclass(slots=True, kw_only=True)
class OpenView:
    """A form that a user has before them.

    Attributes:
        view: as the app sent it; replaced by a `response_action: update`.
        errors: by block id, as the last answer to a submission said.
        open: whether it is still there.
    """

    id: str
    user: str
    team: str
    view: JsonObject
    errors: dict[str, str] = field(default_factory=dict[str, str])
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call of the Web API. `error` is Slack's word, or empty; `at` is monotonic seconds."""

    method: str
    arguments: JsonObject
    error: str
    at: float


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    RATE_LIMITED = "rate_limited"
    """429 with `Retry-After`; nothing is done."""
    SERVER_ERROR = "server_error"
    """503; nothing is done."""
    REFUSED = "refused"
    """200 with `ok: false` and the fault's `error`; nothing is done."""
    HANGS = "hangs"
    """No answer; nothing is done."""
    DONE_THEN_HANGS = "done_then_hangs"
    """It is done, and no answer comes."""
    DELAYED = "delayed"
    """It is done as soon as `release` is called, and then answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFault:
    """A fault that calls of one method meet.

    Attributes:
        method: such as `chat.postMessage`, or `*` for every method.
        times: how many calls meet it; None means all, until `clear_faults`.
        retry_after_s: for `RATE_LIMITED`, whole seconds.
        error: for `REFUSED`.
    """

    kind: FaultKind
    method: str | Literal["*"] = "*"
    times: int | None = 1
    retry_after_s: int = 1
    error: str = "fatal_error"
