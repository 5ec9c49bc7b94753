"""The turns of a conversation: what may come in, and how they are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import orjson

from sayso.agent.base import MAX_MESSAGE_CHARS, Choice, Message, Question
from sayso.agent.incoming import Ask
from sayso.agent.question import question_from_json
from sayso.agent.request_row import RequestRow, read_request
from sayso.audit.personal import Personal
from sayso.audit.request_digests import question_digest
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader

MAX_MESSAGES = 50
MAX_CONVERSATION_CHARS = 65_536
"""Of all messages together: what a planner reads of them is read at once."""


def read_turn(turn: Sequence[Any]) -> Message:
    """One sealed turn: role, content, and for ours the question, for the customer's the choice."""
    role, content, *more = turn
    extra = more[0] if more else None
    if role == "customer":
        return Message(role="customer", content=content, choice=extra)
    if extra is None:
        return Message(role="agent", content=content)
    return Message(
        role="agent",
        content=content,
        question=question_from_json(extra),
        asked=question_digest(extra),
    )


def read_turns(reader: Reader, row: RequestRow, personal: Personal) -> list[list[Any]]:
    """A request's turns as they are sealed, oldest first; none when the subject was erased."""
    plain = personal.open(reader, row.tenant, row.messages_ref)
    if plain is None:
        return []
    turns = list(cast("list[list[Any]]", orjson.loads(plain)))
    for ref in row.turns:
        later = personal.open(reader, row.tenant, ref)
        turns += cast("list[list[Any]]", orjson.loads(later)) if later is not None else []
    return turns


def read_messages(reader: Reader, row: RequestRow, personal: Personal) -> tuple[Message, ...]:
    """A request's conversation; empty when the subject was erased."""
    return tuple(map(read_turn, read_turns(reader, row, personal)))


def picked_choice(question: Question, choice: str | None, content: str) -> Choice | None:
    """The choice that an answer names, by its value or in its very words."""
    if choice is not None:
        for offered in question.choices:
            if choice == offered.value:
                return offered
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{choice[:40]}` is none of the question's choices",
            next_step="pass the `value` of one of them, or the customer's own words",
        )
    said = content.strip().casefold()
    return next((c for c in question.choices if c.label and c.label.casefold() == said), None)


def check_messages(messages: tuple[Message, ...]) -> None:
    """Refuse a conversation that is too long, or whose last message is not the customer's words.

    Raises:
        RefusedError: `invalid_input`, `empty_message`, `message_too_long`.
    """
    if not messages or messages[-1].role != "customer":
        raise RefusedError(
            Code.INVALID_INPUT,
            "the last message must be the customer's",
            next_step='end with {"role": "customer", "content": "…"}',
        )
    if len(messages) > MAX_MESSAGES:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a conversation has at most {MAX_MESSAGES} messages",
            next_step="send the newest ones",
        )
    if not messages[-1].content.strip():
        raise RefusedError(
            Code.EMPTY_MESSAGE, "the message is empty", next_step="send what the customer wrote"
        )
    for message in messages:
        if len(message.content) > MAX_MESSAGE_CHARS:
            raise RefusedError(
                Code.MESSAGE_TOO_LONG,
                f"a message has at most {MAX_MESSAGE_CHARS:,} characters, "
                f"this one has {len(message.content):,}",
                next_step="shorten it, or hand it to a person",
            )
    whole = sum(len(message.content) for message in messages)
    if whole > MAX_CONVERSATION_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a conversation has at most {MAX_CONVERSATION_CHARS:,} characters, "
            f"this one has {whole:,}",
            next_step="send the newest messages",
        )


def writer_of(reader: Reader, tenant: Tenant, conversation: str) -> str | None:
    """Whose a desk's thread is that has one customer alone; None before anybody has written."""
    row = reader.one("request.of_desk_thread", tenant=tenant, conversation=conversation)
    return None if row is None else read_request(row).subject.id


def check_writer(reader: Reader, ask: Ask) -> None:
    """Refuse another customer where a conversation is one customer's.

    Raises:
        RefusedError: `not_owner`.
    """
    if not ask.is_one_customers or ask.conversation is None:
        return
    if writer_of(reader, ask.tenant, ask.conversation) not in (None, ask.subject.id):
        raise RefusedError(
            Code.NOT_OWNER,
            "another customer writes in this thread",
            next_step="give each customer a thread of their own",
        )
