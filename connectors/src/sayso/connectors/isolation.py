"""Isolation: what a connector raises ends nothing but its own call, and shows no secret.

Providers repeat a wrong key in their answer, and libraries put URLs and headers into exceptions.
Such words reach people: an error's message stands in the action's row and in answers over HTTP, and
an exception that nobody expected is logged with all that caused it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar
from urllib.parse import quote

from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError
from sayso.secret import HIDDEN, Secret

T = TypeVar("T")
_LEAST: Final = 6
"""Shorter secrets would take ordinary words away; whoever sets one gets no more than the type."""
_CHATTY: Final = ("stripe", "httpx", "httpcore")
"""Loggers of libraries that write what a provider said."""


async def contained(work: Awaitable[T]) -> T:
    """What the work gives; what foreign code raises stays one of its errors, whatever it is.

    `SystemExit` of a connector's library would end the process, with the work of every other one.
    A `CancelledError` that nobody asked for looks like the end of whoever called, so that the same
    action would be run again at once, and again. Neither says anything about what was done.

    Raises:
        RuntimeError: for what is no `Exception`; not where this task is to be cancelled, or the
            process to be interrupted.
        Exception: as the work raised it.
    """
    try:
        return await work
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise RuntimeError(f"it raised {type(error).__name__}") from error


class Hiding:
    """Keeps the secrets that connectors were given, and takes them out of what they raise."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._masks = _Masks(self)

    def reading(self, secret: Callable[[str], Secret]) -> Callable[[str], Secret]:
        """The same reader of references, of which every answer is kept."""

        def read(reference: str) -> Secret:
            return self.keep(secret(reference))

        return read

    def fetching(
        self, bearer: Callable[[str], Awaitable[Secret]]
    ) -> Callable[[str], Awaitable[Secret]]:
        """The same for access tokens."""

        async def fetch(connection: str) -> Secret:
            return self.keep(await bearer(connection))

        return fetch

    def keep(self, secret: Secret) -> Secret:
        """Remember a secret, in the forms in which it leaves."""
        value = secret.reveal()
        if len(value) >= _LEAST:
            basic = base64.b64encode(f"{value}:".encode()).decode()
            self._values |= {value, quote(value, safe=""), basic}
        return secret

    def without(self, words: str) -> str:
        """The words with every secret hidden."""
        for value in self._values:
            if value in words:
                words = words.replace(value, HIDDEN)
        return words

    def shows(self, words: str) -> bool:
        """Whether a secret stands in the words."""
        return any(value in words for value in self._values)

    async def over(self, work: Awaitable[T]) -> T:
        """What the work gives; what it raises says no secret, nor does what caused it."""
        try:
            return await work
        except Exception as error:
            if not any(self.shows(words) for words in _words_of(error)):
                raise
            failed = self._clean(error)
        # NOTE: raised out here, so that the error that holds the secret is no longer its context.
        raise failed

    def _clean(self, error: Exception) -> Exception:
        if not isinstance(error, SaysoError):
            return RuntimeError(f"{type(error).__name__}: {self.without(str(error))}")
        found = type(error)(
            error.code,
            self.without(error.message),
            next_step=self.without(error.next_step),
            detail=self.without(error.detail),
        )
        if isinstance(error, RetryableError) and isinstance(found, RetryableError):
            found.retry_after_s = error.retry_after_s
        if isinstance(error, OutcomeUnknownError) and isinstance(found, OutcomeUnknownError):
            found.look_up_after_s = error.look_up_after_s
        return found

    def listen(self) -> None:
        """Hide secrets in what the libraries of connectors write to their logs."""
        for name in _CHATTY:
            logging.getLogger(name).addFilter(self._masks)

    def stop(self) -> None:
        """Leave the libraries' logs alone again."""
        for name in _CHATTY:
            logging.getLogger(name).removeFilter(self._masks)


class _Masks(logging.Filter):
    """Lets every record through, without secrets."""

    def __init__(self, hiding: Hiding) -> None:
        super().__init__()
        self._hiding = hiding

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if self._hiding.shows(message):
            record.msg, record.args = self._hiding.without(message), None
        if record.exc_info and record.exc_info[1] is not None:
            words = _words_of(record.exc_info[1])
            if any(map(self._hiding.shows, words)):
                record.exc_info = record.exc_text = None
        return True


def _words_of(error: BaseException) -> Iterator[str]:
    """What an error and all that led to it say."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield str(one)
        yield repr(one)
        if isinstance(one, SaysoError):
            yield from (one.message, one.next_step, one.detail)
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions  # pyright: ignore[reportUnknownMemberType]
        left += (one.__cause__, one.__context__)
