"""What a customer can be told of their request now: something in every state, and never untrue.

It is written anew whenever it is read, from the rows as they are then. What is sealed with the
request is what they were told when it got there, and the log names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sayso.actions.model.action_row import ActionRow
from sayso.agent.base import Message
from sayso.agent.conversation import read_messages
from sayso.agent.phrases import LANGUAGES, phrases_of
from sayso.agent.question import AskedText
from sayso.agent.reply import (
    HandedOver,
    followed,
    may_say_unchanged,
    outcomes_of,
    was_touched,
    write_hand_over,
    write_reply,
    write_withdrawn,
)
from sayso.agent.request_row import RequestRow, RequestStatus, get_request, in_force, steps_of
from sayso.agent.telling import Told, read_beside
from sayso.audit.personal import Personal
from sayso.store.base import Reader

LanguageOf: TypeAlias = Callable[[Sequence[Message]], str]
RequestKind = Literal["action", "talk", "status", "answer"]
"""What a message is: something is to be done or looked at, or one of `RemarkKind`."""
SLOW_AFTER = 2
"""From the second run on, whoever reads is told that it takes longer than usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a request's customer can be told now.

    Attributes:
        reply: all of it. kind: what the newest message is; None as long as nobody has read it.
        asked: of an open question, what they read. handed: of a hand-over, what
            was kept of it.
    """

    reply: str
    kind: RequestKind | None = None
    asked: AskedText | None = None
    handed: HandedOver | None = None


def standing_of(
    reader: Reader,
    row: RequestRow,
    actions: Sequence[ActionRow],
    personal: Personal,
    language_of: LanguageOf,
) -> Standing:
    """What can be told of a request, in the words of its customer's language.

    Args:
        actions: all of the request.
        language_of: the language of a conversation that nobody has planned yet.
    """
    steps = in_force(row, actions)
    match row.status:
        case RequestStatus.NEEDS_CUSTOMER:
            sealed = _opened(reader, row, personal)
            if sealed is None or not isinstance(row.question, Mapping):
                return _erased(row)
            asked = AskedText.read(sealed)
            return Standing(reply=asked.reply(row.question), kind="action", asked=asked)
        case RequestStatus.HANDED_OVER:
            sealed = _opened(reader, row, personal)
            return _erased(row) if sealed is None else _handed_over(reader, row, steps, sealed)
        case (
            RequestStatus.RECEIVED
            | RequestStatus.ACTING
            | RequestStatus.ANSWERED
            | RequestStatus.WITHDRAWN
        ):
            if row.erased_seq is not None:
                return _erased(row)
            if steps:
                taken_back = row.status is RequestStatus.WITHDRAWN
                told = outcomes_of(reader, steps, row.words, taken_back=taken_back)
                reply, beside = write_reply(told, row.language), read_beside(reader, row, personal)
                if beside is not None:
                    reply = f"{reply}\n\n{beside.reply}"
                return Standing(reply=reply, kind="action")
            if row.status is RequestStatus.ANSWERED:
                return _told(reader, row, personal)
            return _received(reader, row, personal, language_of)


def _told(reader: Reader, row: RequestRow, personal: Personal) -> Standing:
    """What was told where nothing was to be done."""
    sealed = _opened(reader, row, personal)
    if sealed is None:
        return _erased(row)
    told = Told.read(sealed)
    return Standing(reply=sealed) if told is None else Standing(reply=told.reply, kind=told.kind)


def _opened(reader: Reader, row: RequestRow, personal: Personal) -> str | None:
    return None if row.reply_ref is None else personal.open(reader, row.tenant, row.reply_ref)


def _erased(row: RequestRow) -> Standing:
    """Nobody is there any more to be told of it, and nothing to tell."""
    return Standing(reply=phrases_of(row.language).erased)


def _handed_over(
    reader: Reader, row: RequestRow, steps: Sequence[ActionRow], sealed: str
) -> Standing:
    handed = HandedOver.read(sealed)
    language = handed.language or _language_of(handed.reply) or row.language
    unchanged = may_say_unchanged(reader, row.tenant, row.subject)
    reply = write_hand_over(language, unchanged=unchanged)
    told = outcomes_of(reader, _touched(reader, steps), row.words)
    for one in handed.about:
        about = get_request(reader, row.tenant, one)
        if about.subject.id == row.subject.id:
            begun = _touched(reader, steps_of(reader, about))
            told += outcomes_of(reader, begun, about.words, taken_back=True)
    if told:
        reply = f"{reply}\n\n{write_reply(told, language)}"
    return Standing(reply=reply, kind="action", handed=handed)


def _touched(reader: Reader, steps: Sequence[ActionRow]) -> list[ActionRow]:
    return [step for step in steps if was_touched(followed(reader, step) or step)]


def _language_of(reply: str) -> str | None:
    """The language of an older hand-over, which was kept without it."""
    found = (one for one in LANGUAGES if reply.startswith(phrases_of(one).hand_over))
    return next(found, None)


def _received(
    reader: Reader, row: RequestRow, personal: Personal, language_of: LanguageOf
) -> Standing:
    messages = read_messages(reader, row, personal)
    if not messages:
        return _erased(row)
    language = language_of(messages)
    if row.status is RequestStatus.WITHDRAWN:
        return Standing(reply=write_withdrawn(language), kind="action")
    phrases = phrases_of(language)
    slow = row.attempts >= SLOW_AFTER
    return Standing(reply=phrases.slow if slow else phrases.received)
