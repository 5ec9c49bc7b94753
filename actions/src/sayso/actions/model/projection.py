"""An action's row as the verifier reads it, from the typed row: see `sayso.audit.meaning`.

Each change of an action is held against its entry, so this makes no JSON and no dictionary. That it
says the same as `sayso.audit.verifier.stored_rows.said_in` of the stored columns is a property with
a test.
"""

from __future__ import annotations

from operator import attrgetter

from sayso.actions.model.action_row import ActionRow, ways_json
from sayso.audit.meaning import SaidColumns
from sayso.audit.verifier.stored_rows import is_part

_PLAIN = (
    *("last_seq", "name", "request_id", "requester", "created_at", "reason_ref", "called_at"),
    *("digest", "planner", "step", "undoes", "revision", "call_key", "fence"),
)
"""SaidColumns that are called as the row's attributes are, and hold what those hold."""
_plain = attrgetter(*_PLAIN)
_MADE = (
    *("status", "after", "amount_minor", "currency", "error", "joins"),
    *("receipt", "receipt_status", "receipt_amount"),
    *("rule", "outcome", "explain", "policy_version", "roles", "either"),
)
"""The others, in the order of `_values`."""


def _values(row: ActionRow) -> tuple[object, ...]:
    judgement, error, receipt, amount = row.judgement, row.error, row.receipt, row.amount
    moved = receipt.amount if receipt else None
    return (
        *_plain(row),
        row.status,
        list(row.after),
        amount.amount_minor if amount else None,
        amount.currency if amount else None,
        error.get("code") if error else None,
        error.get("joins") if error else None,
        receipt.id if receipt else None,
        receipt.status if receipt else None,
        moved.to_json() if moved else None,
        ",".join(judgement.rules)[:200] or None if judgement else None,
        judgement.outcome if judgement else None,
        judgement.explain if judgement else None,
        judgement.policy_version if judgement else None,
        list(judgement.roles) if judgement else None,
        ways_json(judgement.either) if judgement and judgement.either else None,
    )


def _is_as_judged(row: ActionRow) -> bool:
    """Whether what was asked for stands in what was judged, as far as it is there still."""
    if row.snapshot is None or row.erased_seq is not None:
        return True
    return is_part(row.args, row.snapshot.resolved.args)


COLUMNS: SaidColumns[ActionRow] = SaidColumns(names=(*_PLAIN, *_MADE), values_of=_values)
"""The columns that entries say, without the customer, whose name in the log is derived."""
COLUMNS_WITH_ARGS: SaidColumns[ActionRow] = SaidColumns(
    names=(*COLUMNS.names, "args_as_judged"),
    values_of=lambda row: (*_values(row), _is_as_judged(row)),
)
"""The same where arguments and snapshot may be others than they were."""
