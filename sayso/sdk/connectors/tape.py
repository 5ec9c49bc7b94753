"""A tape: what was sent and what came back, without headers and without people in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from sayso.connectors.http import HttpAnswer, HttpRequest, Sender
from sayso.errors import Code, OutcomeUnknownError
from sayso.json import JsonObject, JsonValue
from sayso.nesting import read_json

_PERSONAL = re.compile(
    r"name|mail|phone|address|street|city|zip|postal|token|secret|password|key|signature|birth|ip$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")


class Tape:
    """Keeps what was sent and what came back, without headers and without people in it."""

    def __init__(self) -> None:
        self.exchanges: list[JsonObject] = []
        self.drop_next_answer = False
        self.dropped = False

    def between(self, sender: Sender) -> Sender:
        """A sender that is recorded, and loses the answer to a write where that is wanted."""
        return _Recording(sender, self)


class _Recording:
    def __init__(self, sender: Sender, tape: Tape) -> None:
        self._sender = sender
        self._tape = tape

    async def send(self, request: HttpRequest) -> HttpAnswer:
        answer = await self._sender.send(request)
        self._tape.exchanges.append(
            {
                "request": {
                    "method": request.method,
                    "url": _EMAIL.sub(_stand_in, request.url),
                    "body": _body(request.body or b""),
                },
                "answer": {"status": answer.status, "body": _body(answer.body)},
            }
        )
        # What was refused has had no effect, so there is nothing to be found again.
        if request.writing and self._tape.drop_next_answer and answer.status < 400:
            self._tape.dropped = True
            raise OutcomeUnknownError(
                Code.OUTCOME_UNKNOWN, "the answer was dropped, to see whether the effect is found"
            )
        return answer

    async def close(self) -> None:
        await self._sender.close()


def _body(raw: bytes) -> JsonValue:
    try:
        return without_people(cast("JsonValue", read_json(raw)))
    except ValueError:
        return _EMAIL.sub(_stand_in, raw.decode(errors="replace"))


def without_people(value: JsonValue, key: str = "") -> JsonValue:
    """An answer with stand-ins for names, addresses and secrets, of the same length and kind."""
    if isinstance(value, Mapping):
        return {name: without_people(one, name) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_people(one, key) for one in value]
    if isinstance(value, str):
        if _EMAIL.fullmatch(value):
            return "x@example.com"
        if key and _PERSONAL.search(key):
            return re.sub(r"[A-Za-z]", "x", re.sub(r"[0-9]", "0", value))
        return _EMAIL.sub(_stand_in, value)
    return value


def _stand_in(_found: re.Match[str]) -> str:
    return "x@example.com"
