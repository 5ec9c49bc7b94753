"""What was done before for a customer: over all accounts that are linked to theirs now."""

from __future__ import annotations

from collections.abc import Callable

from sayso.actions.customers.link import LinkEnd
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import HISTORY_DAYS, History
from sayso.ids import Tenant
from sayso.store.base import Reader, SqlValue, integer

_MICROS = HISTORY_DAYS * 24 * 3600 * 1_000_000
Others = Callable[[Reader, Tenant, str, int], tuple[LinkEnd, ...]]
"""A customer's other accounts: of which tenant, of which account, and when."""


def history_params(row: ActionRow, resolved: Resolved, now: int) -> dict[str, SqlValue]:
    """With what `action.history` is asked of an action's own account."""
    return {
        "tenant": row.tenant,
        "subject_id": row.subject.id,
        "name": row.name,
        "currency": None if resolved.amount is None else resolved.amount.currency,
        "since": now - _MICROS,
        "but": row.id,
    }


def read_history(
    reader: Reader, row: ActionRow, resolved: Resolved, now: int, others: Others | None
) -> History:
    """What was done before, as this transaction sees it.

    One statement for an account of which no link ever told.

    Args:
        others: None where nobody knows of links.

    Raises:
        IntegrityError: `tampered`, where rows and log disagree about a link.
    """
    own = history_params(row, resolved, now)
    found = reader.one("action.history", **own)
    assert found is not None, "an aggregate always has a row"
    rows, beside = [found], tuple[LinkEnd, ...]()
    if others is not None and found["linked"]:
        beside = others(reader, row.tenant, row.subject.id, now)
        further = [{**own, "subject_id": end.account} for end in beside]
        rows += reader.each("action.history", further) if further else []
    return History(
        count_30d=sum(integer(one, "count") for one in rows),
        amount_30d_minor=sum(integer(one, "amount_minor") for one in rows),
        beside=beside,
    )
