"""Who answers a card in the demo: the person at the terminal, a flag, or a click in Slack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sayso.errors import RefusedError
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView, StepView
from sayso.surfaces.cli.demo.stage import DemoStage
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.surfaces.cli.demo.slack import FakeCards


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAnswer:
    """What was said to a card.

    Attributes:
        choice: `approve`, `reject` or `edit`.
        words: what was said, for the reader.
        error: why it was not taken, when it was not.
        shown: what the place of the answer shows afterwards, where that is not the terminal.
    """

    choice: str
    words: str
    error: str = ""
    shown: str = ""


class Answers(Protocol):
    """Decides about one card at a time."""

    async def answer(self, stage: DemoStage, solution: SolutionView) -> DemoAnswer:
        """Decide; when it returns, the decision is durable or the answer has its error."""
        ...


class FlagAnswers:
    """Answers every card alike.

    Args:
        choice: `approve` or `reject`.
        reason_code: for a no.
        words: how it is told.
    """

    def __init__(self, choice: str, reason_code: str, words: str) -> None:
        self._choice = choice
        self._reason_code = reason_code
        self._words = words

    async def answer(self, stage: DemoStage, solution: SolutionView) -> DemoAnswer:
        """See `Answers.answer`."""
        return await _say(stage, solution, self._choice, self._words, self._reason_code)


class AskedAnswers:
    """Asks the person at the terminal.

    Args:
        ask: shows a question and returns the line that was typed.
        tell: says why an answer was not taken.
    """

    def __init__(self, ask: Callable[[str], str], tell: Callable[[str], None]) -> None:
        self._ask = ask
        self._tell = tell

    async def answer(self, stage: DemoStage, solution: SolutionView) -> DemoAnswer:
        """See `Answers.answer`; an empty line counts as no, and so does an end of the input."""
        smaller = [step for step in solution.steps if step.may_lower]
        choices = "yes / [no] / less" if smaller else "yes / [no]"
        while True:
            # NOTE: it blocks the loop on purpose: nothing else is to happen while one decides.
            word = self._line(f"  {choices}? ").lower()
            if word in {"y", "yes"}:
                return await _say(stage, solution, "approve", "yes")
            if word in {"n", "no", ""}:
                return await _say(stage, solution, "reject", "no", "declined_at_terminal")
            if word in {"l", "less"} and smaller:
                lowered = await self._less(stage, solution, smaller[0])
                if lowered is not None:
                    return lowered
                continue
            if word in {"l", "less"}:
                self._tell("nothing of this can be lowered: say yes or no")
                continue
            known = "yes, no or less" if smaller else "yes or no"
            self._tell(f"`{one_line(word, limit=40)}` is no answer: say {known}; Enter alone is no")

    async def _less(
        self, stage: DemoStage, solution: SolutionView, step: StepView
    ) -> DemoAnswer | None:
        """Ask for the smaller amount of a step; None when it is none, and why was said."""
        assert step.amount is not None, "only money can be less"
        most = step.amount
        text = self._line(f"  how much, less than {most} (such as 10.00)? ")
        try:
            amount = Money.parse(text, most.currency)
        except RefusedError as error:
            self._tell(f"{error.message}; {error.next_step}")
            return None
        said = await _say(stage, solution, "edit", f"less: {amount}", lower={step.id: amount})
        if not said.error:
            return said
        self._tell(said.error)
        return None

    def _line(self, question: str) -> str:
        try:
            return self._ask(question).strip()
        except EOFError:
            return "n"


class SlackAnswers:
    """Clicks every card in Slack, as flags or the terminal say.

    Args:
        cards: the channel.
        choose: yes (`approve`) or no (`reject`), from the card as Slack shows it.
    """

    def __init__(self, cards: FakeCards, choose: Callable[[str], str]) -> None:
        self._cards = cards
        self._choose = choose

    async def answer(self, stage: DemoStage, solution: SolutionView) -> DemoAnswer:
        """See `Answers.answer`."""
        choice = self._choose(await self._cards.card(solution.id, solution.revision))
        word = "yes" if choice == "approve" else "no"
        try:
            shown = await self._cards.click(solution.id, choice)
        except LookupError as error:  # Slack is no place for this decision
            return DemoAnswer(choice=choice, words=word, error=str(error))
        return DemoAnswer(choice=choice, words=f"{word}, by a click in Slack", shown=shown)


async def _say(
    stage: DemoStage,
    solution: SolutionView,
    choice: str,
    words: str,
    reason_code: str = "",
    lower: Mapping[str, Money] | None = None,
) -> DemoAnswer:
    """Answer through the SDK, bound to exactly the card that was shown."""
    try:
        await stage.sayso.solutions.answer(
            solution.id,
            choice,
            token=stage.token,
            revision=solution.revision,
            digest=solution.digest,
            via="cli",
            reason_code=reason_code,
            lower=lower,
        )
    except RefusedError as error:
        return DemoAnswer(choice=choice, words=words, error=f"{error.message} [{error.code}]")
    return DemoAnswer(choice=choice, words=words)
