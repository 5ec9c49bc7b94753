"""What a change of limits lets through that was not, and what it holds back."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.actions.limits.definition import Limit, LimitSet
from sayso.money import Money


def raised(was: LimitSet, now: LimitSet) -> Iterator[str]:
    """Why a change of limits loosens, in words; nothing where it does not."""
    for before in was.limits:
        after = now.get(before.id)
        if after is None:
            yield f"limit {before.id}: it is removed"
            continue
        yield from (f"limit {before.id}: {said}" for said in _looser(before, after))
    converts = any(limit.reporting for limit in was.limits)
    if converts and was.rates != now.rates:
        yield "the rates of exchange change, by which limits sum"


def lowered(was: LimitSet, now: LimitSet) -> Iterator[str]:
    """Why a change of limits tightens, in words; nothing where it does not."""
    for after in now.limits:
        before = was.get(after.id)
        if before is None:
            yield f"limit {after.id}: it is new"
            continue
        yield from (f"limit {after.id}: {said}" for said in _tighter(before, after))


def _looser(before: Limit, after: Limit) -> Iterator[str]:
    if _measure(before) != _measure(after):
        yield "it counts something else"
    yield from _more(before, after, "rises")
    if before.is_hard and not after.is_hard:
        yield f"beyond it {after.ask[0]} is asked instead of a refusal"
    elif not after.is_hard and set(after.ask) - set(before.ask):
        yield f"beyond it {after.ask[0]} is enough"


def _tighter(before: Limit, after: Limit) -> Iterator[str]:
    yield from _more(after, before, "falls")
    if after.is_hard and not before.is_hard:
        yield "beyond it nobody can agree"
    elif not before.is_hard and set(before.ask) - set(after.ask):
        yield f"beyond it {', '.join(after.ask)} has to agree"


def _more(lower: Limit, higher: Limit, verb: str) -> Iterator[str]:
    """Where the second lets more through than the first; `verb` says which is the new one."""
    rises = verb == "rises"
    for currency, cap in higher.sums.items():
        old = lower.sums.get(currency)
        if old is None:
            # A currency that a limit does not name is over it.
            yield f"{currency} is {'named' if rises else 'not named any more'}"
        elif old < cap:
            ends = (Money(old, currency), Money(cap, currency))
            yield _changes("the sum", ends, verb)
    for name, old, new in (
        ("the count", lower.count, higher.count),
        ("the open cards", lower.cards, higher.cards),
    ):
        if old is not None and (new is None or new > old):
            yield _changes(name, (old, "any number" if new is None else new), verb)


def _changes(name: str, ends: tuple[object, object], verb: str) -> str:
    old, new = ends if verb == "rises" else ends[::-1]
    return f"{name} {verb} from {old} to {new}"


def _measure(limit: Limit) -> tuple[object, ...]:
    return (
        limit.of,
        limit.action,
        limit.window,
        limit.automatic,
        limit.across,
        limit.reporting,
        limit.cards is None,
        limit.count is None,
        not limit.sums,
    )
