"""What changed between the page that somebody answered and the solution as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console.edge import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """What was shown, and what is so now."""

    label: str
    was: str
    now: str


def changes_in(form: Form, view: SolutionView) -> list[ShownChange]:
    """What the form showed, and what is so now."""
    found: list[ShownChange] = []
    shown = form.integer("revision")
    if shown != view.revision:
        found.append(ShownChange(label="Revision", was=str(shown), now=str(view.revision)))
    for step in view.steps:
        was = form.one(f"shown.{step.id}")
        now = str(step.amount) if step.amount is not None else "no money"
        if was and was != now:
            found.append(ShownChange(label=step.title, was=was, now=now))
    was = form.one("shown")
    now = " + ".join(map(str, view.totals)) or "no money"
    if was and was != now:
        found.append(ShownChange(label="In all", was=was, now=now))
    return found
