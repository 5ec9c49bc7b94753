"""Comparing what shadow would have done with what people then really did at the provider."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.snapshot import SeenEffect
from sayso.actions.rollout.agreement import Match
from sayso.money import Money

WINDOW_MICROS = 72 * 3600 * 1_000_000
"""So long people have to do it; then it is compared."""


def match_of(row: ActionRow, effects: Sequence[SeenEffect]) -> tuple[Match, int | None]:
    """What people did, and how much of the same action they gave.

    Args:
        row: a proposal of shadow. effects: what the provider shows of its customer since.
    """
    assert row.snapshot is not None, "only of what was judged"
    resolved, since = row.snapshot.resolved, row.updated_at
    theirs = [
        effect
        for effect in effects
        if not effect.is_ours and since <= effect.at <= since + WINDOW_MICROS
    ]
    alike = [
        effect
        for effect in theirs
        if effect.action == row.name and effect.object_id == resolved.object_id
    ]
    if not alike:
        return (Match.OTHER if theirs else Match.NOTHING), None
    wanted = resolved.amount
    if wanted is None:
        return Match.SAME, None
    amounts = [effect.amount for effect in alike]
    if any(amount is None or amount.currency != wanted.currency for amount in amounts):
        return Match.OTHER, None
    given = sum(amount.amount_minor for amount in amounts if isinstance(amount, Money))
    if given == wanted.amount_minor:
        return Match.SAME, given
    return (Match.LESS if given < wanted.amount_minor else Match.MORE), given
