"""Parts of a plan: which of its steps are judged, shown and decided together.

Steps that wait for each other belong together, and so does all that is given to the customer in one
request: money, credit and what is written about it. An end or a change of something that hangs on
nothing else is a part of its own, so that nobody has to agree to a refund before it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Effect
from sayso.actions.model.plan import OnFailure

GIVEN = frozenset({Effect.MONEY_OUT, Effect.CREDIT, Effect.MESSAGE})
"""What is given to a customer."""

EffectOf = Callable[[str], "Effect | None"]
"""The effect of an action by its name; None for one that nobody knows."""


def parts_of(rows: Sequence[ActionRow], effect_of: EffectOf) -> list[tuple[ActionRow, ...]]:
    """The parts of a plan, in the order of their first steps.

    Args:
        rows: steps of one plan, in its order.
    """
    part: dict[str, int] = {row.id: place for place, row in enumerate(rows)}

    def join(one: ActionRow, other: ActionRow) -> None:
        was, to = sorted((part[one.id], part[other.id]), reverse=True)
        for key, place in part.items():
            if place == was:
                part[key] = to

    by_step = {row.step: row for row in rows if row.step is not None}
    given: ActionRow | None = None
    for row in rows:
        for step in row.after:
            if step in by_step:
                join(row, by_step[step])
        if row.on_failure is not OnFailure.CONTINUE:
            join(row, rows[0])  # one that fails ends them all
        if effect_of(row.name) in GIVEN:
            if given is not None:
                join(row, given)
            given = row
    parts: dict[int, list[ActionRow]] = {}
    for row in rows:
        parts.setdefault(part[row.id], []).append(row)
    return [tuple(found) for _, found in sorted(parts.items())]
