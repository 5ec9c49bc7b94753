"""The customers' messages: one JSON object a line, all read and checked before anything starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import cast

import orjson

from sayso.actions.model.definition import Subject
from sayso.errors import Code, ConfigError, RefusedError, SaysoError
from sayso.json import JsonValue, doubled_field
from sayso.surfaces.cli.words import one_line

MAX_MESSAGES = 1000
MAX_ANSWERS = 3
_SHAPE = 'write {"subject": "cus_…", "text": "…"} on each line'


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMessage:
    """What one customer wrote.

    Attributes:
        subject: the verified customer's id.
        text: their words, untrusted.
        answers: what they say when they are asked back, in turn.
    """

    subject: str
    text: str
    answers: tuple[str, ...] = ()


def own_messages() -> tuple[CustomerMessage, ...]:
    """The messages that come with the demo; their customers are in the sandbox's demo seed."""
    file = resources.files("sayso.surfaces.cli.demo") / "messages.jsonl"
    return parse_messages(file.read_bytes(), "messages.jsonl")


def read_messages(name: str) -> tuple[CustomerMessage, ...]:
    """The messages of a file, or of the standard input for `-`.

    Raises:
        ConfigError: `malformed_json` naming the line, or `invalid_input`; nothing was started.
    """
    if name == "-":
        return parse_messages(sys.stdin.buffer.read(), "standard input")
    try:
        return parse_messages(Path(name).read_bytes(), name)
    except OSError as error:
        raise ConfigError(
            Code.INVALID_INPUT,
            f"`{name}` cannot be read: {error.strerror}",
            next_step="check the path, or leave --messages out for the demo's own ones",
        ) from error


def parse_messages(content: bytes, source: str) -> tuple[CustomerMessage, ...]:
    """Read lines of JSON; blank lines are passed over.

    Raises:
        ConfigError: `malformed_json`, naming the first line that is not as it should be;
            `invalid_input`, when there is none at all or one names no customer.
    """
    found: list[CustomerMessage] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            found.append(_parse_line(line, f"line {number} of {source}"))
    if not 1 <= len(found) <= MAX_MESSAGES:
        raise ConfigError(
            Code.INVALID_INPUT,
            f"{source} has {len(found)} messages; a demo takes 1 to {MAX_MESSAGES}",
            next_step=_SHAPE,
        )
    return tuple(found)


def _parse_line(line: bytes, where: str) -> CustomerMessage:
    try:
        value: JsonValue = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(
            Code.MALFORMED_JSON,
            f"{where} is not JSON: {error.msg} at character {error.pos + 1}",
            next_step=f"{_SHAPE}; nothing was started",
        ) from error
    if twice := doubled_field(line):
        raise ConfigError(
            Code.MALFORMED_JSON,
            f"{where} has `{one_line(twice, limit=40)}` twice",
            next_step=f"{_SHAPE}; nothing was started",
        )
    match value:
        case {"subject": str(subject), "text": str(text), **rest}:
            answers = _answers(cast("dict[str, object]", rest))
            if answers is not None:
                return CustomerMessage(subject=_checked(subject, where), text=text, answers=answers)
        case _:
            pass
    raise ConfigError(
        Code.MALFORMED_JSON,
        f"{where} is no object of `subject` and `text`, and perhaps `answers`",
        next_step=f"{_SHAPE}; nothing was started",
    )


def _answers(rest: dict[str, object]) -> tuple[str, ...] | None:
    """The answers that a line gives; None where it is none of our lines."""
    given = rest.pop("answers", [])
    if rest or not isinstance(given, list):
        return None
    listed = cast("list[object]", given)
    texts = [one for one in listed if isinstance(one, str)]
    return tuple(texts) if len(texts) == len(listed) <= MAX_ANSWERS else None


def _checked(subject: str, where: str) -> str:
    try:
        return Subject(id=subject).id
    except RefusedError as error:
        raise ConfigError(
            error.code, f"{where}: {error.message}", next_step=error.next_step
        ) from error


def why_refused(error: SaysoError) -> str:
    """Why a message did not even become a request."""
    return f"{error.message} [{error.code}]"
