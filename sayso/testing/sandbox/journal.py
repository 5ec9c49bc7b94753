"""The books file: one JSON line per call, appended before the call is answered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from sayso.errors import Code, ConfigError
from sayso.testing.sandbox.books import Effect
from sayso.testing.sandbox.rows import StoredRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The answer that is kept for an idempotency key.

    Attributes:
        key: the `Idempotency-Key` header.
        endpoint: method and path of the first call.
        fingerprint: its parameters (`Params.fingerprint`).
        at: when, seconds since 1970, by the sandbox's clock.
        status: HTTP status.
        body: the JSON text.
        request_id: the first call's `Request-Id`.
    """

    key: str
    endpoint: str
    fingerprint: str
    at: int
    status: int
    body: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One change of the books: whatever of these a call changed, all of it or nothing.

    Attributes:
        rows: new or replaced objects.
        effects: what happened.
        saved: the answer kept for the call's key.
        called: an idempotency key that one more call came with.
        clock_offset_s: how far the clock is ahead from now on.
        serial: the last number an id was made from.
    """

    rows: tuple[StoredRow, ...] = ()
    effects: tuple[Effect, ...] = ()
    saved: Saved | None = None
    called: str = ""
    clock_offset_s: float | None = None
    serial: int = 0


_LINE = TypeAdapter(Line)


class Journal:
    """An append-only file of lines.

    Args:
        path: the file, made when absent.

    Raises:
        ConfigError: `invalid_setting`, when it cannot be opened.

    Guarantees: a line is in the operating system's hands when `append` returns, so killing the
    process loses nothing; the end of a torn line is cut off on the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the books file `{path}` cannot be opened",
                next_step="name a file in a folder that can be written",
                detail=str(error),
            ) from error

    def replay(self) -> Iterator[Line]:
        """All whole lines, oldest first.

        Raises:
            ConfigError: `invalid_setting`, when a whole line is not of these books.
        """
        whole = self._path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            os.ftruncate(self._file, end)
        for number, text in enumerate(whole[:end].splitlines(), start=1):
            try:
                yield _LINE.validate_json(text)
            except ValidationError as error:
                raise ConfigError(
                    Code.INVALID_SETTING,
                    f"line {number} of `{self._path}` is no line of sandbox books",
                    next_step="name another file, or delete this one",
                    detail=str(error),
                ) from error

    def append(self, line: Line) -> None:
        """Add one line."""
        text = orjson.dumps(line) + b"\n"
        while text:
            text = text[os.write(self._file, text) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
