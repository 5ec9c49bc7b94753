"""What Slack sends when somebody clicks, submits or writes, read at once into values of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayso.errors import Code, RefusedError


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Named(_Part):
    id: str = Field(min_length=1, max_length=40)


class _User(_Named):
    team_id: str | None = None


class _Button(_Part):
    action_id: str
    value: str = Field(default="", max_length=2000)


class _Option(_Part):
    value: str


class _Input(_Part):
    value: str | None = None
    selected_option: _Option | None = None
    selected_options: tuple[_Option, ...] | None = None


class _State(_Part):
    values: Mapping[str, Mapping[str, _Input]] = Field(
        default_factory=dict[str, Mapping[str, _Input]]
    )


class _View(_Part):
    callback_id: str
    private_metadata: str = Field(default="", max_length=3000)
    state: _State = _State()


class _Interaction(_Part):
    user: _User
    team: _Named | None = None
    enterprise: _Named | None = None


class _BlockActions(_Interaction):
    type: Literal["block_actions"]
    actions: tuple[_Button, ...] = Field(min_length=1, max_length=1)
    trigger_id: str = ""
    channel: _Named | None = None


class _ViewSubmission(_Interaction):
    type: Literal["view_submission"]
    view: _View


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccount:
    """The Slack account that did it.

    Attributes:
        owner: the enterprise's id where there is one, else the workspace's; with `user`, it is the
            key of sayso.toml.
        user: the user's id.
    """

    owner: str
    user: str

    @property
    def actor(self) -> str:
        """How an account without a person stands in the log.

        INVARIANT: no person's id has a colon or a slash, so this one decides nothing, ever.
        """
        return f"slack:{self.owner}/{self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A click on a button of a card."""

    account: SlackAccount
    action_id: str
    value: str
    trigger_id: str
    channel: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSubmission:
    """A form that was sent.

    Attributes:
        callback_id: which form. metadata: what it was opened with.
        inputs: the text or the chosen value by block id, several values with a blank between them;
            empty texts where nothing was given.
    """

    account: SlackAccount
    callback_id: str
    metadata: str
    inputs: Mapping[str, str]


def read_click(body: Mapping[str, object]) -> Click:
    """A `block_actions` payload.

    Raises:
        RefusedError: `invalid_input`, when it has another shape.
    """
    try:
        found = _BlockActions.model_validate(body)
    except ValidationError as error:
        raise _strange(error) from error
    return Click(
        account=_account(found),
        action_id=found.actions[0].action_id,
        value=found.actions[0].value,
        trigger_id=found.trigger_id,
        channel=found.channel.id if found.channel else None,
    )


def read_submission(body: Mapping[str, object]) -> FormSubmission:
    """A `view_submission` payload.

    Raises:
        RefusedError: `invalid_input`, when it has another shape.
    """
    try:
        found = _ViewSubmission.model_validate(body)
    except ValidationError as error:
        raise _strange(error) from error
    inputs: dict[str, str] = {}
    for block_id, elements in found.view.state.values.items():
        for element in elements.values():
            inputs[block_id] = _value_of(element)
    return FormSubmission(
        account=_account(found),
        callback_id=found.view.callback_id,
        metadata=found.view.private_metadata,
        inputs=inputs,
    )


def _value_of(element: _Input) -> str:
    if element.selected_options is not None:
        return " ".join(option.value for option in element.selected_options)
    return element.selected_option.value if element.selected_option else element.value or ""


def _account(found: _Interaction) -> SlackAccount:
    team = found.team.id if found.team else None
    enterprise = found.enterprise.id if found.enterprise else None
    owner = enterprise or found.user.team_id or team
    if owner is None:
        raise RefusedError(Code.INVALID_INPUT, "slack did not say whose account this is")
    return SlackAccount(owner=owner, user=found.user.id)


def _strange(error: ValidationError) -> RefusedError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return RefusedError(
        Code.INVALID_INPUT, "slack sent something that is not understood", detail=where
    )


class _Authorization(_Part):
    enterprise_id: str | None = None


class _Event(_Part):
    type: str
    subtype: str | None = None
    user: str | None = Field(default=None, max_length=40)
    user_team: str | None = Field(default=None, max_length=40)
    source_team: str | None = Field(default=None, max_length=40)
    team: str | None = Field(default=None, max_length=40)
    bot_id: str | None = None
    channel: str = Field(default="", max_length=40)
    ts: str = Field(default="", max_length=40)
    thread_ts: str = Field(default="", max_length=40)
    parent_user_id: str | None = None
    text: str = ""
    tab: str = ""


class _Callback(_Part):
    type: Literal["event_callback"]
    team_id: str | None = None
    enterprise_id: str | None = None
    is_ext_shared_channel: bool = False
    authorizations: tuple[_Authorization, ...] = ()
    event: _Event


_BY_PEOPLE = frozenset({None, "thread_broadcast", "file_share"})
"""SOURCE: Slack docs, message: every other subtype is an edit, a removal, a bot, or the channel's
own news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a person has written in a thread.

    Attributes:
        thread: the message under which it stands. parent: who posted that, as far as Slack says.
        ts: of the message, which names it in its channel however often Slack tells of it.
        text: as Slack sends it, with its markup.
    """

    account: SlackAccount
    channel: str
    thread: str
    parent: str | None
    ts: str
    text: str


def read_event(body: Mapping[str, object]) -> Written | SlackAccount | None:
    """An event: what was written in a thread, or whose Home was opened; None for any other.

    Raises:
        RefusedError: `invalid_input`, when it has another shape.
    """
    try:
        found = _Callback.model_validate(body)
    except ValidationError as error:
        raise _strange(error) from error
    if found.event.type == "app_home_opened":
        return _opened(found)
    return _written(found)


def _opened(found: _Callback) -> SlackAccount | None:
    """Who opened the Home tab; None for the other tabs.

    Source: Slack docs, app_home_opened.
    """
    owner = _owner(found, found.team_id)
    if found.event.tab != "home" or owner is None or found.event.user is None:
        return None
    return SlackAccount(owner=owner, user=found.event.user)


def _owner(found: _Callback, team: str | None) -> str | None:
    """Whose an account of ours is: the enterprise's where there is one, else the workspace's."""
    enterprises = [one.enterprise_id for one in found.authorizations if one.enterprise_id]
    return found.enterprise_id or next(iter(enterprises), None) or team


def _written(found: _Callback) -> Written | None:
    """None for what no person of ours wrote in a thread of a channel that is ours alone."""
    event = found.event
    theirs = event.type == "message" and event.subtype in _BY_PEOPLE and event.bot_id is None
    below = event.thread_ts and event.thread_ts != event.ts
    if not theirs or not below or not event.text.strip() or found.is_ext_shared_channel:
        return None
    team = event.user_team or event.source_team or event.team or found.team_id
    # Whoever is of another workspace than the one that tells of it is named by that one.
    owner = _owner(found, team) if team == found.team_id else team
    if owner is None or event.user is None:
        return None
    return Written(
        account=SlackAccount(owner=owner, user=event.user),
        channel=event.channel,
        thread=event.thread_ts,
        parent=event.parent_user_id,
        ts=event.ts,
        text=event.text,
    )
