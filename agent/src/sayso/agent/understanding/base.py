"""What understanding a conversation comes to: a plan, a question, or a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sayso.actions.model.plan import Plan
from sayso.agent.base import Choice, Question, Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What a conversation asks for, as far as the rules can tell.

    Exactly one of `plan`, `question` and `hand_over` is set.

    Attributes:
        plan: over handles; `plan.certain` where the words leave nothing open.
        question: its choices name handles.
        hand_over: why a person has to take it.
        language: of the newest message.
        remark: beside `hand_over`, where nothing is to be done at all.
    """

    plan: Plan | None = None
    question: Question | None = None
    hand_over: str = ""
    language: str = "en"
    remark: Remark | None = None


class HandOverError(Exception):
    """A person has to take it; the text says why."""


class UnclearError(Exception):
    """One question has to be asked first: about an act's slot, with these choices.

    Args:
        open_: nothing that was said is wrong; it is merely not said which one.
    """

    def __init__(
        self, act: str, slot: str, values: Iterable[str], why: str, *, open_: bool = False
    ) -> None:
        super().__init__(why)
        self.open = open_
        self.act, self.slot, self.why = act, slot, why
        self.choices = tuple(Choice(slot=slot, value=value) for value in dict.fromkeys(values))
