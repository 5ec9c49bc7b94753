"""What a provider's webhook says, as far as it matters here; nothing in it is believed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sayso.connectors.markup import without_markup
from sayso.connectors.signatures import Provider
from sayso.ids import is_id
from sayso.json import JsonValue
from sayso.nesting import read_json
from sayso.reading import ReadingError, read
from sayso.text import plain

MOST_ACTIONS = 5
MOST_CHARACTERS = 8_000
_OBJECT_ID = re.compile(r"[A-Za-z0-9_]{1,200}")
_REFERENCE = re.compile(rb"act_[0-9a-z]{26}")
_SUBJECTS: Mapping[Provider, str] = {
    "intercom": "data.item.contacts.contacts[0].external_id || data.item.user.external_id",
    "zendesk": "to_string(detail.requester_id)",
}
"""Where each platform says who writes, unless sayso.toml names another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a customer wrote on a support platform.

    Attributes:
        subject: the customer's id, as the platform has it.
        conversation: the platform's id of the thread.
        text: their words, without markup.
    """

    subject: str
    conversation: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One webhook.

    Attributes:
        id: the provider's own, or the body's digest where it has none.
        kind: the provider's word for it.
        actions: references of ours that stand in it, at most `MOST_ACTIONS`.
        ticket: what a customer wrote; None for everything else.
        refunded: kind and id of the object that it calls refunded; None for everything else.
    """

    id: str
    kind: str
    actions: tuple[str, ...]
    ticket: Ticket | None
    refunded: tuple[str, str] | None = None


def read_event(
    provider: Provider, headers: Mapping[str, str], body: bytes, subject: str | None = None
) -> ProviderEvent | None:
    """What a webhook says; None for a body of another form.

    Args:
        subject: a JMESPath to the customer's id, in place of the platform's usual one.
    """
    try:
        payload: object = read_json(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, Mapping):
        return None
    whole = cast("Mapping[str, JsonValue]", payload)
    own = headers.get("x-shopify-event-id") or whole.get("id")
    event_id = own if isinstance(own, str) and own else hashlib.sha256(body).hexdigest()
    kind = headers.get("x-shopify-topic") or whole.get("topic") or whole.get("type")
    found = [one.decode() for one in dict.fromkeys(_REFERENCE.findall(body))]
    return ProviderEvent(
        id=plain(event_id, limit=120),
        kind=plain(str(kind or ""), limit=120),
        actions=tuple(one for one in found if is_id("act", one))[:MOST_ACTIONS],
        ticket=_ticket(provider, whole, subject),
        refunded=_refunded(whole) if provider == "stripe" else None,
    )


def _refunded(whole: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    """SOURCE: Stripe docs: `refund.*`, `charge.refund.updated` hold a refund."""
    kind, object_id = _at("data.object.object", whole), _at("data.object.id", whole)
    if not isinstance(object_id, str) or _OBJECT_ID.fullmatch(object_id) is None:
        return None
    if kind == "refund" or (kind == "charge" and whole.get("type") == "charge.refunded"):
        return str(kind), object_id
    return None


def _ticket(
    provider: Provider, whole: Mapping[str, JsonValue], subject: str | None
) -> Ticket | None:
    """What a customer has written; nothing of the staff's, and no internal note."""
    if provider == "intercom":
        if whole.get("topic") == "conversation.user.created":
            text = _at("data.item.source.body", whole)
        elif whole.get("topic") == "conversation.user.replied":
            text = _at("data.item.conversation_parts.conversation_parts[-1].body", whole)
        else:
            return None
        thread = _at("data.item.id", whole)
    elif provider == "zendesk":
        kind = whole.get("type")
        if kind == "zen:event-type:ticket.created":
            text = _at("detail.description", whole)
        elif kind == "zen:event-type:ticket.comment_added":
            if _at("event.comment.is_public", whole) is not True:
                return None
            if _at("event.comment.author.is_staff", whole) is not False:
                return None
            text = _at("event.comment.body", whole)
        else:
            return None
        thread = _at("to_string(detail.id)", whole)
    else:
        return None
    who = _at(subject or _SUBJECTS[provider], whole)
    if not isinstance(who, str) or not isinstance(thread, str) or not isinstance(text, str):
        return None
    said = without_markup(text)[:MOST_CHARACTERS]
    return Ticket(subject=who, conversation=f"{provider}:{thread}", text=said) if said else None


def _at(path: str, whole: Mapping[str, JsonValue]) -> JsonValue:
    try:
        return read(path, whole)
    except ReadingError:
        return None
