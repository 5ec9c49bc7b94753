"""Several solutions that the same things asked about, answered with one yes.

Its digest has each of them and the total.

Nothing new is decided here: each solution is answered by itself, in a transaction of its own, as
if its own button had been pressed. What the one digest adds is that the person has seen exactly
these, and what they come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.model.digest import hash_of
from sayso.actions.policy.card import WITH_REASONS, Card
from sayso.audit.entry import Json
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView

MOST_IN_BULK = 20
"""At most this many are answered at once: more are not looked at."""
_MOST_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionGroup:
    """Solutions that wait for one person, and that the very same things asked about.

    Attributes:
        rule: what asked, by name: every rule, limit and dial, with the facts of its conditions.
        why: the same in words; empty where the words differ, such as `Customer for 12 days`.
        items: the soonest first, `MOST_IN_BULK` at most.
        totals: what all of them move, by currency, the largest number of units first.
    """

    rule: str
    why: str
    items: tuple[SolutionView, ...]

    @property
    def totals(self) -> tuple[Money, ...]:
        """What all of it comes to, by currency."""
        found: dict[str, Money] = {}
        for money in (money for item in self.items for money in item.totals):
            before = found.get(money.currency)
            found[money.currency] = money if before is None else before + money
        return tuple(sorted(found.values(), key=lambda money: (-money.decimal, money.currency)))

    @property
    def digest(self) -> str:
        """Over each one's id, revision and digest, how many they are, and the totals."""
        items: list[Json] = [
            [item.id, item.revision, item.digest]
            for item in sorted(self.items, key=lambda item: item.id)
        ]
        totals: list[Json] = [[money.currency, money.amount_minor] for money in self.totals]
        parts: dict[str, Json] = {"rule": self.rule, "items": items, "count": len(items)}
        return hash_of({**parts, "totals": totals})


def rule_of(view: SolutionView) -> str:
    """All that asks about a solution, joined by `+`; empty while nobody is asked."""
    cards = [Card.from_json(step.card) for step in view.steps if step.asks and step.card]
    asking = {
        one.asking.words for card in cards for one in card.reasons if one.asking.kind != "plan"
    }
    older = {rule for card in cards if card.version < WITH_REASONS for rule in card.rules}
    named = "+".join(sorted(asking | older))
    # NOTE: it goes through a link and back, so it is kept short.
    return named if len(named) <= _MOST_CHARS else hash_of({"asking": named})


def by_rule(items: Iterable[SolutionView]) -> list[SolutionGroup]:
    """Those that wait, by what asked, where there are two of one at least; the first one's first.

    What needs a passkey or a reason is answered by itself: each is of one solution.
    """
    found: dict[str, list[SolutionView]] = {}
    for item in items:
        rule = rule_of(item)
        if rule and _may_be_one_of_many(item):
            found.setdefault(rule, []).append(item)
    return [_of(rule, views) for rule, views in found.items() if len(views) > 1]


def chosen(items: Sequence[SolutionView], rule: str) -> SolutionGroup:
    """Those of these that still wait by that rule, in their order."""
    waiting = [item for item in items if rule_of(item) == rule and _may_be_one_of_many(item)]
    return _of(rule, waiting)


def _may_be_one_of_many(item: SolutionView) -> bool:
    return item.status == ApprovalStatus.PENDING and not (item.passkey or item.says_why)


def _of(rule: str, views: Sequence[SolutionView]) -> SolutionGroup:
    said = {view.lead.why for view in views[:MOST_IN_BULK]}
    why = said.pop() if len(said) == 1 else ""
    return SolutionGroup(rule=rule, why=why, items=tuple(views[:MOST_IN_BULK]))
