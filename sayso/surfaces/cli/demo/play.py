"""The demo itself: each message planned, judged, decided, done and answered, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sayso.errors import SaysoError
from sayso.ids import monotonic_s
from sayso.sdk.views import ApprovalView, RequestView
from sayso.surfaces.cli.demo.answers import Answer, Answers
from sayso.surfaces.cli.demo.messages import CustomerMessage
from sayso.surfaces.cli.demo.stage import Stage
from sayso.surfaces.cli.demo.tally import Tally, Told, compare_books

_MAX_CARDS = 24


class Watcher(Protocol):
    """Is told what happens, as it happens."""

    def asked(self, number: int, message: CustomerMessage) -> None:
        """A message is about to be planned; numbers start at 1."""
        ...

    def judged(self, request: RequestView, handed_over: str) -> None:
        """It is planned and judged; what nobody needs to decide is done."""
        ...

    def card(self, approval: ApprovalView) -> None:
        """A card is about to be answered."""
        ...

    def answered(self, answer: Answer) -> None:
        """A card was answered."""
        ...

    def ended(self, told: Told) -> None:
        """It is over, with the reply that is true now."""
        ...


async def play(
    stage: Stage, messages: Sequence[CustomerMessage], answers: Answers, watcher: Watcher
) -> Tally:
    """Play all messages, then verify the log and compare the books."""
    begin = monotonic_s()
    told: list[Told] = []
    for number, message in enumerate(messages, start=1):
        watcher.asked(number, message)
        one = await _play_one(stage, number, message, answers, watcher)
        watcher.ended(one)
        told.append(one)
    seconds = monotonic_s() - begin
    books = await compare_books(stage.sayso, stage.provider.books())
    return Tally(told=tuple(told), books=books, log=stage.sayso.audit.verify(), seconds=seconds)


async def _play_one(
    stage: Stage, number: int, message: CustomerMessage, answers: Answers, watcher: Watcher
) -> Told:
    try:
        request = await stage.sayso.ask(message.subject, message.text, key=f"demo-{number}")
    except SaysoError as error:
        return Told(message=message, request=None, refused=error)
    reason = "" if request.error is None else request.error.message
    watcher.judged(request, reason)
    said: list[Answer] = []
    seen: set[tuple[str, int]] = set()
    while (card := _next_card(request, seen)) and len(said) < _MAX_CARDS:
        seen.add((card.id, card.revision))
        watcher.card(card)
        answer = await answers.answer(stage, card)
        watcher.answered(answer)
        said.append(answer)
        # The same key is the same request: this only carries it on, whoever decided where.
        request = await stage.sayso.ask(message.subject, message.text, key=f"demo-{number}")
    return Told(message=message, request=request, handed_over=reason, answers=tuple(said))


def _next_card(request: RequestView, seen: set[tuple[str, int]]) -> ApprovalView | None:
    """The first card of the request that waits and was not answered yet in this revision."""
    for action in request.actions:
        card = action.approval
        if (
            card is not None
            and card.status == "pending"
            and (card.id, card.revision) not in seen
            # A lowered card carries the answer already; only somebody else could add to it.
            and not any(vote.revision == card.revision for vote in card.votes)
        ):
            return card
    return None
