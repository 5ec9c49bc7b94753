"""What is suggested, in words and as the files of a draft."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any, Literal

from sayso.actions.limits.definition import Limit
from sayso.actions.limits.file import change_limit
from sayso.actions.limits.usage import CARDS
from sayso.actions.rollout.agreement import wilson
from sayso.actions.rollout.definition import Stage
from sayso.actions.rollout.file import change_dial
from sayso.errors import RefusedError
from sayso.money import Money, exponent_of
from sayso.sdk.resources.backtesting import BacktestCaseView, BacktestView
from sayso.sdk.resources.rollout import AgreementView, DialView
from sayso.sdk.views.base import View

if TYPE_CHECKING:
    from sayso.actions.policy.suggest import Done, Suggestion, Tightening  # brings Cedar along

_ROOM = Decimal("1.5")
_NEVER_REACHED = 10
"""A limit of so many times what was ever used could be lower."""
_SHARES = (10, 50, 100)
_WAYS = ("reversed", "disputed", "mistaken")


class SuggestionView(View):
    """A draft that nobody has put in force.

    Attributes:
        kind: a `rule`, a `dial` of the roll-out, or a `limit`.
        direction: what `policy diff` says of it: `looser` lets more through, `tighter` less.
        sentence: what is suggested, and what it is made of.
        figures: what the past says of it, one line each.
        counterexamples: which people had decided otherwise, some of them.
        files: texts as `policy.draft` takes them; what is to be written, by name.
    """

    id: str
    kind: Literal["rule", "dial", "limit"]
    direction: Literal["looser", "tighter"]
    action: str
    sentence: str
    figures: tuple[str, ...]
    counterexamples: tuple[BacktestCaseView, ...] = ()
    files: Mapping[str, str]
    next_step: str


def others_words(found: Suggestion, others: int) -> str:
    """What people had decided otherwise."""
    if not others:
        return "nobody decided otherwise"
    less = sum(one.said == "less" for one in found.others)
    return f"of the other {others}: {less} were less, {others - less} no"


def newly_words(played: BacktestView) -> Iterator[str]:
    """What a loosening would have let through, beside what people had said."""
    yield (
        f"of the last 90 days, {played.newly:,} more would be done at once; people had said"
        f" yes, unchanged {played.newly_yes:,}; less {played.newly_less:,}; no {played.newly_no:,};"
        f" nobody had decided {played.newly_undecided:,}"
    )
    yield f"{played.checked:,} asked of the policy itself, 0 differences"


def next_step_of(dial: DialView) -> tuple[Stage, int] | None:
    """The next step to the right: nothing jumps from shadow to everybody."""
    if dial.stage is not Stage.AUTO:
        return Stage.AUTO, _SHARES[0]
    share = next((one for one in _SHARES if one > dial.share), None)
    return None if share is None else (Stage.AUTO, share)


def wider(dial: DialView, given: Mapping[str, str]) -> SuggestionView:
    """A dial one step to the right, which has agreed for long enough."""
    step = next_step_of(dial)
    assert step is not None, "only of what can go further"
    stage, share = step
    other = "" if share == _SHARES[-1] else " --else suggest"
    return SuggestionView(
        id=f"dial_{dial.id}_{share}",
        kind="dial",
        direction="looser",
        action=dial.action,
        sentence=f"{dial.say}: {stage} for {share} % of customers, now {dial.stage}"
        f" for {dial.share:g} %",
        figures=(
            f"people did the same as shadow in {dial.agreement.words}",
            _otherwise(dial.agreement),
            f"wrong: {dial.wrong} of {dial.done} in 30 days",
        ),
        files=_dial_files(given, dial.id, stage, share, Stage.SUGGEST if other else None),
        next_step=f"sayso rollout set {dial.id} {stage} --share {share}{other}",
    )


def _otherwise(found: AgreementView) -> str:
    return (
        f"less {found.less}, more {found.more}, other {found.other}, nothing {found.nothing};"
        f" unseen, in no share, {found.unseen}"
    )


def first_limit(
    action: str, currency: str, days: Mapping[date, int], name: str, present: str
) -> SuggestionView:
    """A first limit of an action that has none."""
    highest = max(days.values())
    cap = _round_up(Decimal(highest).scaleb(-exponent_of(currency)) * _ROOM)
    limit = f"{action.replace('.', '-').replace('_', '-')}-day"
    text_of = (
        f'\n[[limit]]\nid     = "{limit}"\n'
        f'say    = "At most {cap:,} {currency} a day by {action}"\n'
        f'of     = "workspace"\naction = "{action}"\nsum    = {{ {currency} = {cap} }}\n'
        'per    = "day"\n'
    )
    return SuggestionView(
        id=f"limit_{limit}_{currency.lower()}",
        kind="limit",
        direction="tighter",
        action=action,
        sentence=f"{action} has no limit; the fullest of {len(days)} days had"
        f" {Money(highest, currency)}, so at most {cap:,} {currency} a day",
        figures=(
            f"it would have stopped 0 of these {len(days)} days; nobody can approve beyond it",
        ),
        files={name: f"{present.rstrip()}\n{text_of}" if present else text_of.lstrip()},
        next_step=f"sayso policy suggest --write limit_{limit}_{currency.lower()}",
    )


def _round_up(major: Decimal) -> Decimal:
    """The next number of two digits and noughts."""
    power = Decimal(10 ** max(0, major.adjusted() - 1))
    return (major / power).to_integral_value(ROUND_UP) * power


def share_words(hits: int, of: int) -> str:
    """Between which percents the true share lies, rounded outwards."""
    low, high = wilson(hits, of)
    return f"{int(low * 100)} to {-int(-high * 100 // 1)} %"


def _wrongs(done: Sequence[Done], before: int) -> Iterator[str]:
    """How they were wrong, and what can be said of those that are old enough."""
    wrong = [one for one in done if one.wrong]
    ways = (f"{how} {sum(one.wrong == how for one in wrong)}" for how in _WAYS)
    yield f"of the {len(wrong)}: {', '.join(ways)}; such as {wrong[0].id}"
    old = [one for one in done if one.at < before]
    known = sum(bool(one.wrong) for one in old)
    yield (
        f"of the {len(old):,} that are older than 60 days, {known:,} were wrong;"
        f" the {len(done) - len(old):,} younger ones cannot be said to be right yet"
    )


def why(found: Tightening, before: int) -> Iterator[str]:
    """What speaks for a row that takes something away, and what against it."""
    from sayso.actions.policy.suggest import DecidedCard, Done

    done = [one for one in (*found.hits, *found.others) if isinstance(one, Done)]
    if done:
        yield from _wrongs(done, before)
        return
    said = [one.said for one in found.others if isinstance(one, DecidedCard)]
    less = said.count("less")
    yield f"of the other {len(said)}: {len(said) - less} were approved, {less} less"


class Fullest:
    """How full a limit has been, by currency, and on which days anything was counted."""

    def __init__(self) -> None:
        self.days: set[date] = set()
        self.by: dict[str, int] = {}

    def add(self, said: Mapping[str, Any], day: date) -> None:
        """Take in what an entry says."""
        currency = str(said["currency"])
        added = said["minor"] if currency not in ("", CARDS) else 1
        self.days.add(day)
        self.by[currency] = max(self.by.get(currency, 0), said["used"] + added)


def lower(
    limit: Limit, used: Fullest, in_force: Mapping[str, str], texts: Mapping[str, str]
) -> SuggestionView | None:
    """Lower caps of a limit, where each of what it counts was never used to a tenth."""
    sums: dict[str, Decimal] = {}
    figures: list[str] = []
    for currency, cap in limit.sums.items():
        most = used.by.get(currency, 0)
        if most and most * _NEVER_REACHED <= cap:
            sums[currency] = _round_up(Money(most, currency).decimal * _ROOM)
            figures.append(
                f"at most {Money(most, currency)} of {Money(cap, currency)} were used;"
                f" {sums[currency]:,} {currency} are half as much again, rounded up"
            )
    counts: dict[str, int] = {}
    for name, key, cap_count in (("count", "", limit.count), ("cards", CARDS, limit.cards)):
        most = used.by.get(key, 0)
        if cap_count is not None and most and most * _NEVER_REACHED <= cap_count:
            counts[name] = int(_round_up(most * _ROOM))
            figures.append(f"at most {most:,} of {cap_count:,}; {counts[name]:,} suggested")
    if not figures:
        return None
    for name, content in {**in_force, **texts}.items():
        if name.endswith("limits.toml"):
            with contextlib.suppress(RefusedError):
                files = {name: change_limit(content, limit.id, sums=sums or None, **counts)}
                return SuggestionView(
                    id=f"limit_{limit.id}_lower",
                    kind="limit",
                    direction="tighter",
                    action=limit.action,
                    sentence=f"limit {limit.id} ({limit.say}) was never reached by a tenth on the"
                    f" {len(used.days)} days on which it counted anything",
                    figures=(*figures, f"it would have stopped 0 of these {len(used.days)} days"),
                    files=files,
                    next_step=f"sayso policy suggest --write limit_{limit.id}_lower",
                )
    return None


def back(
    dial: DialView, done: Sequence[Done], wrong: Sequence[Done], given: Mapping[str, str]
) -> SuggestionView:
    """A dial back to `suggest`, since too much of what it let through was wrong."""
    return SuggestionView(
        id=f"dial_{dial.id}_back",
        kind="dial",
        direction="tighter",
        action=dial.action,
        sentence=f"{dial.say}: back to suggest, now auto for {dial.share:g} %; of {len(done):,}"
        f" that nobody was asked about, {len(wrong):,} were wrong"
        f" ({share_words(len(wrong), len(done))})",
        figures=tuple(_wrongs(done, 0))[:1],
        files=_dial_files(given, dial.id, Stage.SUGGEST, None, None),
        next_step=f"sayso rollout set {dial.id} suggest",
    )


def _dial_files(
    given: Mapping[str, str], dial: str, stage: Stage, share: int | None, other: Stage | None
) -> dict[str, str]:
    percent = None if share is None else Decimal(share)
    for name, content in given.items():
        if name.endswith("rollout.toml"):
            with contextlib.suppress(RefusedError):
                changed = change_dial(content, dial, stage=stage, share=percent, other=other)
                return {name: changed}
    return {}
