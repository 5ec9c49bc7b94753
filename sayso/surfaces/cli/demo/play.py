"""The demo itself: each message planned, judged, decided, done and answered, in order."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from sayso.errors import SaysoError
from sayso.ids import monotonic_s
from sayso.sdk.views.rows import QuestionView, RequestView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.cli.demo.answers import Answers, DemoAnswer
from sayso.surfaces.cli.demo.messages import CustomerMessage
from sayso.surfaces.cli.demo.stage import DemoStage
from sayso.surfaces.cli.demo.tally import MessageTally, Tally, compare_books
from sayso.surfaces.cli.problem import INTERRUPTED
from sayso.surfaces.cli.workspace import run

_MAX_CARDS = 24


class Watcher(Protocol):
    """Is told what happens, as it happens."""

    def asked(self, number: int, message: CustomerMessage) -> None:
        """A message is about to be planned; numbers start at 1."""
        ...

    def questioned(self, question: QuestionView, answer: str) -> None:
        """The customer is asked back; `answer` is what they say, empty when they do not."""
        ...

    def judged(self, request: RequestView, handed_over: str) -> None:
        """It is planned and judged; what nobody needs to decide is done."""
        ...

    def card(self, solution: SolutionView) -> None:
        """A card is about to be answered."""
        ...

    def answered(self, answer: DemoAnswer) -> None:
        """A card was answered."""
        ...

    def ended(self, told: MessageTally) -> None:
        """It is over, with the reply that is true now."""
        ...


async def play(
    stage: DemoStage, messages: Sequence[CustomerMessage], answers: Answers, watcher: Watcher
) -> Tally:
    """Play all messages, then verify the log and compare the books."""
    begin = monotonic_s()
    told: list[MessageTally] = []
    for number, message in enumerate(messages, start=1):
        watcher.asked(number, message)
        one = await _play_one(stage, number, message, answers, watcher)
        watcher.ended(one)
        told.append(one)
    seconds = monotonic_s() - begin
    books = await compare_books(stage.sayso, stage.provider.books())
    return Tally(told=tuple(told), books=books, log=stage.sayso.audit.verify(), seconds=seconds)


async def _play_one(
    stage: DemoStage, number: int, message: CustomerMessage, answers: Answers, watcher: Watcher
) -> MessageTally:
    try:
        request = await stage.sayso.ask(
            message.subject, message.text, idempotency_key=f"demo-{number}"
        )
        request = await _converse(stage, request, message.answers, watcher)
    except SaysoError as error:
        return MessageTally(message=message, request=None, refused=error)
    if request.question is not None:
        return MessageTally(message=message, request=request)
    reason = "" if request.error is None else request.error.message
    watcher.judged(request, reason)
    said: list[DemoAnswer] = []
    seen: set[tuple[str, int]] = set()
    while (card := await _next_card(stage, request, seen)) and len(said) < _MAX_CARDS:
        seen.add((card.id, card.revision))
        watcher.card(card)
        answer = await answers.answer(stage, card)
        watcher.answered(answer)
        said.append(answer)
        # The same key is the same request: this only carries it on, whoever decided where.
        request = await stage.sayso.ask(
            message.subject, message.text, idempotency_key=f"demo-{number}"
        )
    return MessageTally(message=message, request=request, handed_over=reason, answers=tuple(said))


async def _converse(
    stage: DemoStage, request: RequestView, answers: Sequence[str], watcher: Watcher
) -> RequestView:
    """Let the customer answer what they are asked, as long as they have an answer."""
    left = list(answers)
    while request.question is not None:
        words = left.pop(0) if left else ""
        watcher.questioned(request.question, words)
        if not words:
            break
        request = await stage.sayso.requests.answer(
            request.id, words, question=request.question.number
        )
    return request


async def _next_card(
    stage: DemoStage, request: RequestView, seen: set[tuple[str, int]]
) -> SolutionView | None:
    """The first card of the request that waits and was not answered yet in this revision."""
    for action in request.actions:
        if action.status != "pending_approval" or action.approval is None:
            continue
        card = await stage.sayso.solutions.get(action.approval.id)
        # A lowered card carries the answer already; only somebody else could add to it.
        if (card.id, card.revision) not in seen and not card.agreed:
            return card
    return None


_TOLD_BY = (signal.SIGTERM, signal.SIGHUP)
"""A service manager, and a terminal that is closed. Ctrl-C is seen to by asyncio."""
_LOOK_UP_S = 0.2


class _GoneError(Exception):
    """The terminal was closed, and the signal that says so is still on its way."""


class Ending:
    """Ends one demo in order when a signal says so, also in the midst of a question."""

    def __init__(self) -> None:
        self._told: int | None = None

    def run(self, work: Coroutine[Any, Any, int]) -> int:
        """Run the demo; the exit status, which is 128 and the signal's number if one ended it."""
        try:
            return run(self._heeding(work))
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self._told is None:
                return INTERRUPTED
            if self._told != signal.SIGHUP:  # else nobody is there to read it
                sys.stderr.write("stopped\n")
            return 128 + self._told

    async def _heeding(self, work: Coroutine[Any, Any, int]) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def tell(number: int) -> None:
            # NOTE: a question was broken off by the same signal already, and is being cleared up.
            if self._told is None:
                self._told = number
                task.cancel()

        for told_by in _TOLD_BY:
            loop.add_signal_handler(told_by, tell, told_by)
        return await work

    def ask(self, question: str, read: Callable[[str], str] | None = None) -> str:
        """A line from the terminal; a signal ends the demo at once.

        NOTE: asyncio's own handlers only cancel the task, and a blocking read goes on after that.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_TOLD_BY)}
        for number in before:
            signal.signal(number, self._break_off)
        try:
            return (read or _read_line)(question)
        except _GoneError:
            self._break_off(signal.SIGHUP, None)
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _break_off(self, number: int, frame: object) -> None:
        if self._told is None and number != signal.SIGINT:
            self._told = number
        raise KeyboardInterrupt


def _read_line(question: str) -> str:
    """As `input`, but it looks up from its waiting now and then.

    NOTE: of a signal that comes after the last instruction before a read, Python hears only when
    the read ends; and whoever sees the question may send one at once.
    """
    sys.stdout.write(question)
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], _LOOK_UP_S)[0]:
        pass
    try:
        return input()
    except (EOFError, OSError):
        if sys.stdin.isatty():
            raise
        raise _GoneError from None
