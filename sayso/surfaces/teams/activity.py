"""What Teams sends when somebody clicks or writes, read at once into values of our own."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sayso.audit.authority.credentials import account_in
from sayso.errors import Code, RefusedError
from sayso.surfaces.teams.settings import CHANNEL


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class _Named(_Part):
    id: str = Field(min_length=1, max_length=300)


class _Account(_Named):
    object_id: str | None = Field(default=None, alias="aadObjectId", max_length=60)


class _Conversation(_Named):
    tenant: str | None = Field(default=None, alias="tenantId", max_length=60)
    kind: str = Field(default="", alias="conversationType", max_length=40)


class _ChannelData(_Part):
    tenant: _Named | None = None


class _Entity(_Part):
    type: str = ""
    text: str = ""
    mentioned: _Named | None = None


class _Action(_Part):
    type: str = ""
    verb: str = Field(default="", max_length=100)
    data: Mapping[str, JsonValue] = Field(default_factory=dict)


class _Invoked(_Part):
    action: _Action


class _Activity(_Part):
    type: str
    id: str = Field(default="", max_length=300)
    name: str = Field(default="", max_length=100)
    service_url: str = Field(alias="serviceUrl", max_length=500)
    channel_id: str = Field(alias="channelId", max_length=40)
    sender: _Account = Field(alias="from")
    recipient: _Named
    conversation: _Conversation
    channel_data: _ChannelData = Field(default=_ChannelData(), alias="channelData")
    reply_to: str = Field(default="", alias="replyToId", max_length=300)
    text: str = ""
    entities: tuple[_Entity, ...] = ()
    value: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsAccount:
    """The account that did it: its tenant and its object id there, `user` as Teams calls it."""

    tenant: str
    object_id: str
    user: str

    @property
    def named(self) -> str:
        """As people are linked with it: `TENANT/OBJECT`."""
        return f"{self.tenant}/{self.object_id}"

    @property
    def actor(self) -> str:
        """How an account without a person stands in the log.

        INVARIANT: no person's id has a colon or a slash, so this one decides nothing, ever.
        """
        return account_in(CHANNEL, self.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPlace:
    """A message: its conversation and its id there."""

    conversation: str
    activity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An activity.

    Attributes:
        type, name: which kind. service: where its answer would go. recipient: whom it is for.
        tenants: every tenant that it names; of its conversation, its channel.
        account: who; None where Teams names no object id, as for other bots.
        verb, data: of a click. text: of a message, without the bot's own name.
        personal: in the conversation between one person and the bot.
    """

    id: str
    type: str
    name: str
    service: str
    channel: str
    recipient: str
    tenants: frozenset[str]
    account: TeamsAccount | None
    conversation: str
    reply_to: str
    personal: bool
    verb: str = ""
    data: Mapping[str, JsonValue]
    text: str = ""


def read_activity(raw: bytes) -> Incoming:
    """An activity as it came.

    Raises:
        RefusedError: `invalid_input`, when it has another shape.
    """
    try:
        found = _Activity.model_validate_json(raw)
        click = _Invoked.model_validate(found.value) if found.type == "invoke" else None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(
            Code.INVALID_INPUT,
            "teams sent something that is not understood",
            detail=".".join(str(part) for part in first["loc"]),
        ) from error
    said = (found.conversation.tenant, found.channel_data.tenant and found.channel_data.tenant.id)
    tenants = frozenset(one for one in said if one)
    object_id, tenant = found.sender.object_id, next(iter(tenants), "")
    account = (
        None
        if object_id is None
        else TeamsAccount(tenant=tenant, object_id=object_id, user=found.sender.id)
    )
    return Incoming(
        id=found.id,
        type=found.type,
        name=found.name,
        service=found.service_url,
        channel=found.channel_id,
        recipient=found.recipient.id,
        tenants=tenants,
        account=account,
        conversation=found.conversation.id,
        reply_to=found.reply_to,
        personal=found.conversation.kind == "personal",
        verb="" if click is None else click.action.verb,
        data={} if click is None else click.action.data,
        text=_plain(found),
    )


def _plain(found: _Activity) -> str:
    """A message as its reader sees it, without the mention of the bot that brought it to us."""
    text = found.text
    for entity in found.entities:
        if entity.type == "mention" and entity.mentioned is not None and entity.text:
            own = entity.mentioned.id == found.recipient.id
            words = entity.text.removeprefix("<at>").removesuffix("</at>")
            text = text.replace(entity.text, "" if own else f"@{words}")
    return html.unescape(text).strip()


def base_of(conversation: str) -> str:
    """The channel of a thread in it; any other conversation as it is."""
    return conversation.partition(";")[0]


def root_of(conversation: str) -> str:
    """The message that a thread of a channel hangs on; empty for any other conversation."""
    return conversation.partition(";messageid=")[2]
