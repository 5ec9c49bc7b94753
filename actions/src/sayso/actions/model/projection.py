"""An action's row as the verifier reads it, from the typed row: see `sayso.audit.meaning`.

Each change of an action is held against its entry, so this makes no JSON and no dictionary. That it
says the same as `sayso.audit.verifier.stored_rows.said_in` of the stored columns is a property with
a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

from sayso.actions.model.action_row import ActionRow, ways_json
from sayso.audit.verifier.stored_rows import is_part

_PLAIN = (
    *("last_seq", "name", "request_id", "requester", "created_at", "reason_ref", "called_at"),
    *("digest", "planner", "step", "undoes", "revision", "call_key", "fence"),
)
"""Columns that are called as the row's attributes are, and hold what those hold."""


def _rule(row: ActionRow) -> str | None:
    return ",".join(row.judgement.rules)[:200] or None if row.judgement else None


def _roles(row: ActionRow) -> list[str] | None:
    return list(row.judgement.roles) if row.judgement else None


def _either(row: ActionRow) -> object:
    judgement = row.judgement
    return ways_json(judgement.either) if judgement and judgement.either else None


def _receipt_amount(row: ActionRow) -> object:
    return row.receipt.amount.to_json() if row.receipt and row.receipt.amount else None


def _is_as_judged(row: ActionRow) -> bool:
    """Whether what was asked for stands in what was judged, as far as it is there still."""
    if row.snapshot is None or row.erased_seq is not None:
        return True
    return is_part(row.args, row.snapshot.resolved.args)


COLUMNS: Mapping[str, Callable[[ActionRow], object]] = {
    **{name: attrgetter(name) for name in _PLAIN},
    "status": lambda row: row.status.value,
    "after": lambda row: list(row.after),
    "amount_minor": lambda row: row.amount.amount_minor if row.amount else None,
    "currency": lambda row: row.amount.currency if row.amount else None,
    "error": lambda row: row.error.get("code") if row.error else None,
    "joins": lambda row: row.error.get("joins") if row.error else None,
    "receipt": lambda row: row.receipt.id if row.receipt else None,
    "receipt_status": lambda row: row.receipt.status if row.receipt else None,
    "receipt_amount": _receipt_amount,
    "rule": _rule,
    "outcome": lambda row: row.judgement.outcome.value if row.judgement else None,
    "explain": lambda row: row.judgement.explain if row.judgement else None,
    "policy_version": lambda row: row.judgement.policy_version if row.judgement else None,
    "roles": _roles,
    "either": _either,
}
"""The columns that entries say, without the customer, whose name in the log is derived."""
COLUMNS_WITH_ARGS: Mapping[str, Callable[[ActionRow], object]] = {
    **COLUMNS,
    "args_as_judged": _is_as_judged,
}
"""The same where arguments and snapshot may be others than they were."""
