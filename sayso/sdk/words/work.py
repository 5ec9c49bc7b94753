"""What was tried before a person had it, in lines that a colleague reads first."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from sayso.agent.base import Message
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.rows import RequestView

_CHARS = 160


def tried(turns: Sequence[Message], request: RequestView, work: WorkView | None) -> tuple[str, ...]:
    """The questions that were asked, with their answers; what was drafted, and what was done."""
    said: list[str] = []
    for place, turn in enumerate(turns):
        if turn.role == "customer":
            continue
        said.append(f"Asked: “{shorten(turn.content, _CHARS, placeholder=' …')}”")
        answer = next((one for one in turns[place + 1 : place + 2] if one.role == "customer"), None)
        if answer is not None:
            said.append(f"They answered: “{shorten(answer.content, _CHARS, placeholder=' …')}”")
    for step in () if work is None or work.draft is None else work.draft.steps:
        why = f", not done: {step.why}" if step.why else ", drafted and not done"
        said.append(f"{step.title}{why}")
    said += [f"{one.action}: {one.status.replace('_', ' ')}" for one in request.actions]
    return tuple(said)
