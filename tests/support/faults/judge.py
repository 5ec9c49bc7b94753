"""Judging a workspace after the worst: one effect, books that agree, a log that verifies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.money import Money

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso
    from sayso.sdk.views.rows import ActionView

_OPEN = frozenset({"executing", "unknown"})
_MAY_GO_ON = frozenset({"planned", "pending_approval", "approved", "stale", *_OPEN})
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect by the provider's own books.

    Attributes:
        action_id: the action whose reference it carries.
        amount: what moved; None where no money did.
    """

    action_id: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a caller has been told about an action."""

    action_id: str
    status: str


async def find_problems(
    sayso: Sayso,
    effects: Iterable[Effect],
    *,
    told: Iterable[Told] = (),
    may_stay_open: bool = False,
) -> list[str]:
    """What is wrong between the provider's books, the rows, the log and what callers were told.

    Args:
        sayso: an open workspace that has come to rest, with at most 200 actions.
        effects: all that the provider's books hold.
        told: every status that a caller was given, in any order.
        may_stay_open: whether an outcome may stay `unknown`, as with an action at most once.

    Returns:
        One sentence for each; empty when one effect, books, log and words agree.
    """
    by_action: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        by_action[effect.action_id].append(effect)
    views = {view.id: view for view in await sayso.actions.list(limit=_MOST)}
    problems = [f"an effect of no action: {name}" for name in by_action if name not in views]
    for view in views.values():
        problems += _of_action(view, by_action[view.id], may_stay_open)
    for word in told:
        problems += _of_word(word, views.get(word.action_id))
    found = sayso.audit.verify()
    if found.verdict != "verified":
        problems.append(f"the log does not verify: {found.all_findings}")
    return problems


def _of_action(view: ActionView, effects: list[Effect], may_stay_open: bool) -> list[str]:
    name = f"{view.id} ({view.status})"
    problems: list[str] = []
    if len(effects) > 1:
        problems.append(f"{name} had {len(effects)} effects")
    match view.status:
        case "succeeded":
            if not effects:
                problems.append(f"{name} has no effect")
            if any(effect.amount != view.amount for effect in effects):
                problems.append(f"{name} moved another amount than was approved")
        case "executing" | "unknown":
            if not may_stay_open:
                problems.append(f"{name} stays open")
        case "compensated":
            pass  # its effect was taken back, by another effect
        case _:
            if effects:
                problems.append(f"{name} had an effect")
    return problems


def _of_word(word: Told, view: ActionView | None) -> list[str]:
    if view is None:
        return [f"{word.action_id} was told to somebody and is lost"]
    if word.status in _MAY_GO_ON or word.status == view.status:
        return []
    if (word.status, view.status) == ("succeeded", "compensated"):
        return []
    return [f"{word.action_id} was told to be {word.status} and is {view.status}"]
