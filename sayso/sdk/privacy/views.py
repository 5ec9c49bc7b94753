"""The external forms of erasures, holds and sweeps."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from sayso.audit.erasure import ErasureRow
from sayso.audit.holds import HoldRow
from sayso.ids import rfc3339
from sayso.sdk.views.base import View


class ErasureView(View):
    """An erasure of a customer.

    Attributes:
        status: `erasing` while something is left in clear; `erased` when nothing is.
        subject: the customer's pseudonym, under which the log goes on to know them.
        reason: a code. by: who asked, such as `person:maria`.
        begun_seq, done_seq: indexes of its two entries in the log.
        scrubbed: whether the database's own files hold nothing of it any more; None where that was
            not asked.
        account: as it was named; in the answer to whoever erases alone, since nothing keeps it.
        beside: the erasures of the customer's other accounts, in the answer to whoever erases.
    """

    id: str
    status: Literal["erasing", "erased"]
    subject: str
    reason: str
    by: str
    begun_seq: int
    begun_at: str
    done_seq: int | None
    done_at: str | None
    scrubbed: bool | None = None
    account: str | None = None
    beside: tuple[ErasureView, ...] = ()


class HoldView(View):
    """A legal hold: nothing of this customer is erased or swept while it is in force.

    Attributes:
        status: `in_force`, `release_asked` (by one person, and still in force), `released`.
        subject: the customer's pseudonym.
        account: as it was named; in the answer to whoever places it alone.
        beside: the holds of the customer's other accounts, in the answer to whoever places it. Each
            is released by itself.
    """

    id: str
    status: Literal["in_force", "release_asked", "released"]
    subject: str
    reason: str
    placed_by: str
    placed_at: str
    asked_by: str | None = None
    asked_at: str | None = None
    released_by: str | None = None
    released_at: str | None = None
    account: str | None = None
    beside: tuple[HoldView, ...] = ()


class SubjectView(View):
    """Everything that is held about one customer, in clear.

    Attributes:
        requests, actions, approvals, stops, links: the rows as they are stored.
        texts: what was sealed, by the reference that entries carry; None where it does not open.
        entries: of the log, as they were written.
        beside: the same of each other account that is linked.
    """

    format: Literal["sayso-subject/1"]
    tenant: str
    subject: str
    pseudonym: str
    made_at: str
    requests: list[dict[str, JsonValue]]
    actions: list[dict[str, JsonValue]]
    approvals: list[dict[str, JsonValue]]
    stops: list[dict[str, JsonValue]]
    links: list[dict[str, JsonValue]]
    texts: dict[str, str | None]
    entries: list[dict[str, JsonValue]]
    beside: tuple[SubjectView, ...] = ()


class HeldAgainView(View):
    """What a restored backup brought back of customers who were erased.

    Attributes:
        erased: how many were erased again. left: pseudonyms of those who could not be, and why.
    """

    erased: int
    left: tuple[tuple[str, str], ...] = ()


class RewrappedView(View):
    """What came of wrapping customers' keys anew.

    Attributes:
        wrapped: keys that were wrapped anew. current: those that were already.
        tokens: live tokens that an older key of the vault made, which has to stay in `older_keys`
            until they have ended. tokens_until: when the last of them ends.
    """

    wrapped: int
    current: int
    tokens: int
    tokens_until: str | None = None


class SweepView(View):
    """What a sweep has blanked because it was kept long enough.

    Attributes:
        before: what was older than this; None where everything is kept for good.
        subjects: customers of whom nothing is left, so that their keys went too.
        restored: customers who were erased and were back from a backup.
        put_off: whether more is as old by the clock alone. It goes a day after the log has said the
            same time.
    """

    before: str | None
    actions: int = 0
    requests: int = 0
    subjects: int = 0
    restored: HeldAgainView = HeldAgainView(erased=0)
    put_off: bool = False


def erasure_view(row: ErasureRow, scrubbed: bool | None = None) -> ErasureView:
    """The external form of an erasure."""
    return ErasureView(
        id=row.id,
        status="erasing" if row.done_seq is None else "erased",
        subject=row.pseudonym,
        reason=row.reason,
        by=row.asked_by,
        begun_seq=row.begun_seq,
        begun_at=rfc3339(row.begun_at),
        done_seq=row.done_seq,
        done_at=None if row.done_at is None else rfc3339(row.done_at),
        scrubbed=scrubbed,
    )


def hold_view(row: HoldRow) -> HoldView:
    """The external form of a hold."""
    status: Literal["in_force", "release_asked", "released"] = "in_force"
    if not row.in_force:
        status = "released"
    elif row.asked_by is not None:
        status = "release_asked"
    return HoldView(
        id=row.id,
        status=status,
        subject=row.pseudonym,
        reason=row.reason,
        placed_by=row.placed_by,
        placed_at=rfc3339(row.placed_at),
        asked_by=row.asked_by,
        asked_at=None if row.asked_at is None else rfc3339(row.asked_at),
        released_by=row.released_by,
        released_at=None if row.released_at is None else rfc3339(row.released_at),
    )
