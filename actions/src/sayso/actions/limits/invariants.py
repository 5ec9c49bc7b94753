"""Whether the rows of limits say what happened: for `sayso doctor`, and for tests.

Each counter is the sum of its uses; each action that is approved, running, unknown or done has one
use of each limit that counts it, in its state; and no window holds more than its cap, but for what
people agreed to, what came late, and what was there before the limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from sayso.actions.limits.definition import Limit, LimitSet, Of
from sayso.actions.limits.fill import PAGE
from sayso.actions.limits.following import HOLDING
from sayso.actions.limits.usage import CARDS, uses_of
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Action
from sayso.actions.policy.base import Outcome
from sayso.store.base import Reader, integer, text

_ANY = 2**62


def find_problems(
    reader: Reader, limits: LimitSet, actions: Mapping[str, Action], now: int, since: int = 0
) -> list[str]:
    """What is wrong, in sentences; nothing where all is well.

    Args:
        limits: those in force. actions: of this program, by name.
        now, since: microseconds since 1970; since when these limits are in force.
    """
    return [
        *_uneven(reader),
        *_above(reader, limits, since),
        *_missing(reader, limits, actions, now),
    ]


def _uneven(reader: Reader) -> Iterator[str]:
    for row in (*reader.all("limits.uneven"), *reader.all("limits.uncounted")):
        yield f"limit {text(row, 'limit_id')}: a counter is not the sum of its uses"
    for row in reader.all("limits.misplaced", cards=CARDS):
        action, status = text(row, "action_id"), text(row, "status")
        limit, state = text(row, "limit_id"), text(row, "state")
        yield f"limit {limit}: what {action} uses is {state}, and the action is {status}"
    for row in reader.all("limits.left_behind"):
        yield (
            f"limit {text(row, 'limit_id')}: an earlier revision of {text(row, 'action_id')} holds"
            " something"
        )


def _above(reader: Reader, limits: LimitSet, since: int) -> Iterator[str]:
    for limit in limits.limits:
        caps = [(currency, cap, _ANY) for currency, cap in limit.sums.items()]
        caps += [("", _ANY, limit.count)] if limit.count is not None else []
        caps += [(CARDS, _ANY, limit.cards)] if limit.cards is not None else []
        for currency, cap, most in caps:
            for row in reader.all(
                "limits.above",
                limit_id=limit.id,
                currency=currency,
                cap=cap,
                most=most,
                since=since,
            ):
                found = f"{integer(row, 'minor')} {currency}, {integer(row, 'count')} actions"
                yield f"limit {limit.id}: a window holds more than it may: {found}"


def _missing(
    reader: Reader, limits: LimitSet, actions: Mapping[str, Action], now: int
) -> Iterator[str]:
    if not limits.limits:
        return
    windows = [limit.window.shortest() for limit in limits.limits if limit.window]
    since = now - min(windows, default=timedelta()) // timedelta(microseconds=1)
    after = ""
    while True:
        rows = reader.all("limits.to_fill", since=since, after=after, limit=PAGE)
        for row in map(read_action, rows):
            yield from _lacks(reader, limits, actions, row, since)
        if len(rows) < PAGE:
            return
        after = text(rows[-1], "id")


def _lacks(
    reader: Reader, limits: LimitSet, actions: Mapping[str, Action], row: ActionRow, since: int
) -> Iterator[str]:
    action = actions.get(row.name)
    counts = row.status in HOLDING or (row.called_at or 0) >= since
    if action is None or row.judgement is None or row.undoes is not None or not counts:
        return
    automatic = row.judgement.outcome is Outcome.ALLOW
    uses = uses_of(reader, row.tenant, row.id)
    has = {use.place.limit_id for _, use in uses if use.state != "released"}
    for limit in limits.about(action):
        if limit.id not in has and _counts(limit, row, automatic=automatic):
            yield f"limit {limit.id}: {row.id} is {row.status.value} and uses nothing of it"


def _counts(limit: Limit, row: ActionRow, *, automatic: bool) -> bool:
    if limit.cards is not None:
        return False
    if limit.of is Of.APPROVER:
        return not automatic
    moves = row.amount is not None and row.amount.amount_minor > 0
    return (automatic or not limit.automatic) and (limit.count is not None or moves)
