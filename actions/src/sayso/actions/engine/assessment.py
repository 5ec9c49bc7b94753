"""Judging one action: on which account, of what its provider shows, and what the log says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.context import EngineContext
from sayso.actions.customers.proof import AccountStanding, Reached
from sayso.actions.model.action_row import ActionRow, joins_of
from sayso.actions.model.attempt import read_target, standing_as
from sayso.actions.model.definition import Effect, Subject
from sayso.actions.model.digest import storable
from sayso.actions.model.ledger import entry_of
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.evaluator import Evaluator
from sayso.actions.policy.judged import Judged, judged_data
from sayso.audit.customer_codes import VERIFIED_BY
from sayso.audit.customer_links import reach_data
from sayso.audit.entry import Actor, Entry, EntryKind, Json
from sayso.errors import RefusedError
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.store.base import Transaction

if TYPE_CHECKING:
    from sayso.actions.rollout.dials import Staged  # brings Cedar along

_KIND_OF = {
    Status.REFUSED: EntryKind.ACTION_REFUSED,
    Status.PENDING_APPROVAL: EntryKind.ACTION_PENDING,
    Status.APPROVED: EntryKind.ACTION_APPROVED,
}
_TELLING_CHARS = 6
"""A customer's id of so many characters is taken for theirs wherever it stands in another id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementMoment:
    """When something is judged, and what the customer said.

    Attributes:
        now: microseconds since 1970. read_at: from before the provider was read.
        quote: the customer's or the caller's words for the card.
        until: when people's time to decide is over, where that is kept; else they have all of it.
    """

    now: int
    read_at: int
    quote: str
    until: int | None = None


class Assessor:
    """Finds on which account an action acts and what it would do there."""

    def __init__(self, context: EngineContext) -> None:
        self._accounts = context.accounts
        self._registry = context.registry
        self._personal = context.personal
        self._telemetry = context.telemetry
        self._clock = context.clock

    async def at_account(
        self, draft: ActionRow, writer: Subject
    ) -> tuple[ActionRow, Reached | None]:
        """A draft for the customer's account at the action's provider, and how that is known."""
        provider = self._registry.provider_of(draft.name)
        account, way = await self._accounts.at(draft.tenant, writer, provider)
        return (draft if way is None else replace(draft, subject=account)), way

    def at_stored_account(
        self, tx: Transaction, draft: ActionRow
    ) -> tuple[ActionRow, Reached | None]:
        """The same of a planned step, by the links that stand in the store.

        One whose customer has no such account stays the writer's, and is refused when it is read.
        """
        try:
            provider = self._registry.provider_of(draft.name)
            account, way = self._accounts.stored_at(
                tx, draft.tenant, draft.subject, provider, draft.request_id
            )
        except RefusedError:
            return draft, None
        return (draft if way is None else replace(draft, subject=account)), way

    def came_by(
        self, tx: Transaction, row: ActionRow, writer: str, way: Reached | None
    ) -> dict[str, Json]:
        """What an entry says of an action on another account than the one that was written from."""
        if way is None:
            return {}
        wrote = self._personal.pseudonym(tx, row.tenant, writer, row.updated_at)
        return reach_data(wrote, way.links)

    def still_came_by(self, tx: Transaction, judged: Judged) -> dict[str, Json]:
        """The same of what is judged anew, and by what it is known who writes."""
        row, snapshot = judged.row, judged.row.snapshot
        if snapshot is None or not judged.by_policy:
            return {}
        way, known = snapshot.resolved.reached, snapshot.resolved.verified
        told: dict[str, Json] = {} if known is None else {VERIFIED_BY: known.by.value}
        if way is None:
            return told
        wrote = self._accounts.writer_of(tx, row.tenant, row.subject.id, row.request_id, way)
        return told if wrote is None else told | self.came_by(tx, row, wrote, way)

    def effect_of(self, name: str) -> Effect | None:
        """What an action does; None where nobody knows it."""
        try:
            return self._registry.action(name).effect
        except RefusedError:
            return None

    async def resolve(self, draft: ActionRow, way: Reached | None = None) -> Resolved:
        """Read what a draft would do.

        Args:
            way: how its account is known to be the customer's, where that was read just now.
        """
        # INVARIANT: a span names an action that there is, and no text that a caller made up.
        self._registry.action(draft.name)
        with self._telemetry.span("sayso.resolve", draft.traceparent, {"sayso.action": draft.name}):
            subject = draft.subject.believed(to_micros(self._clock.now()))
            asked = self._accounts.asking(draft) if way is None else None
            found = await read_target(
                self._registry, draft.id, draft.name, draft.args, subject, asked
            )
            return found if way is None else standing_as(found, AccountStanding(reached=way))


def judged_or_refused(
    tx: Transaction,
    judge: Evaluator,
    draft: ActionRow,
    outcome: Resolved | RefusedError,
    moment: JudgementMoment,
    together: tuple[str, ...] = (),
    ceiling: Staged | None = None,
) -> Judged:
    """What the policy says of an action, or the refusal that came before it.

    Raises:
        RefusedError: what was found can be neither judged nor kept.
    """
    if isinstance(outcome, Resolved):
        return judge.judge(
            tx,
            draft,
            outcome,
            now=moment.now,
            read_at=moment.read_at,
            quote=moment.quote,
            until=moment.until,
            together=together,
            ceiling=ceiling,
        )
    error = {
        "code": outcome.code.value,
        "message": storable(outcome.message, 500),
        "next_step": storable(outcome.next_step, 500),
    }
    refused = replace(draft, status=Status.REFUSED, error=error, due_at=None, updated_at=moment.now)
    return Judged(row=refused, card=None, expires_at=None, by_policy=False)


def judged_entry(
    judged: Judged,
    actor: Actor,
    pseudonym: str,
    approval_id: str | None,
    registry: ActionRegistry,
    came_by: Mapping[str, Json],
) -> Entry:
    """The entry of an action that was judged, or refused before that.

    Args:
        came_by: what it says of an account that was not written from.
    """
    row = judged.row
    data: dict[str, Json] = {"planner": row.planner, **came_by}
    if row.error is not None:
        data["code"] = row.error["code"]
    if (joins := joins_of(row)) is not None:
        data["joins"] = joins
    if judged.by_policy and row.judgement is not None and row.snapshot is not None:
        resolved = row.snapshot.resolved
        data |= {
            "object": _object_of(resolved, row.subject.id, pseudonym),
            "account": resolved.account,
            "owner_proof": resolved.owner_proof,
            **judged_data(row, judged.expires_at),
            "errors": [error[:200] for error in row.judgement.errors],
            "guarantee": registry.action(row.name).guarantee.kind,
        }
    if approval_id is not None:
        data["approval_status"] = ApprovalStatus.PENDING.value
    return entry_of(
        row,
        _KIND_OF[row.status],
        actor=actor,
        pseudonym=pseudonym,
        approval=approval_id,
        data=data,
    )


def _object_of(resolved: Resolved, subject_id: str, pseudonym: str) -> str:
    """The object as the log names it for good: a customer's own id is their pseudonym there."""
    kind, named = resolved.object_kind, resolved.object_id
    for own in (subject_id, subject_id.partition(":")[2]):
        if own and (named == own or len(own) >= _TELLING_CHARS):
            named = named.replace(own, pseudonym)
    return f"{kind}:{named}"
