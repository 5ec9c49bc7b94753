"""Approvals: what waits for people, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sayso.actions.approvals.decided import Decided
from sayso.actions.approvals.decision import Decision
from sayso.actions.approvals.repository import ApprovalStatus, get_approval, show_again
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.status import Status
from sayso.audit.entry import EntryKind
from sayso.audit.fields import object_in
from sayso.ids import to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.progress.carry_on import call_claimed, carry_on, carry_out, claim_of, judging_anew
from sayso.sdk.resources.actions import ActionResource
from sayso.sdk.resources.base import Resource, as_choice, as_state, cursor_of, page_of
from sayso.sdk.views.presenters import show_action, show_approval, show_approvals
from sayso.sdk.views.rows import ActionView, ApprovalView, action_view, approval_view
from sayso.store.base import Reader, SqlValue, Transaction

SETTLED = frozenset({Status.SUCCEEDED, Status.FAILED})
"""States after which nothing about an action by itself changes any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoView:
    """Why somebody said no: their code, and their words; none where the customer was erased."""

    code: str
    words: str


class ApprovalResource(Resource):
    """Reads approvals and takes decisions."""

    async def get(self, approval_id: str, *, tenant: str | None = None) -> ApprovalView:
        """An approval with its card and votes.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: show_approval(reader, get_approval(reader, where, approval_id))
        )

    async def why_not(self, approval_id: str, *, tenant: str | None = None) -> NoView | None:
        """What somebody gave as the reason of their no; None while it is no no.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> NoView | None:
            approval = get_approval(reader, where, approval_id)
            if approval.status is not ApprovalStatus.REJECTED:
                return None
            action = get_action(reader, where, approval.action_id)
            for entry in reversed(show_action(reader, action, timeline=True).timeline):
                if entry.kind == EntryKind.ACTION_REJECTED:
                    sealed = entry.body.get("pii")
                    ref = sealed["ref"] if sealed else None
                    words = self._container.personal.open(reader, where, ref) if ref else None
                    code = entry.body["data"].get("reason_code", "")
                    return NoView(code=code, words=words or "")
            return None

        return await self._container.store.read(work)

    async def why_yes(
        self, approval_id: str, *, tenant: str | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Who gave which reason with their yes, the first one first.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> tuple[tuple[str, str], ...]:
            approval = get_approval(reader, where, approval_id)
            action = get_action(reader, where, approval.action_id)
            found: list[tuple[str, str]] = []
            for entry in show_action(reader, action, timeline=True).timeline:
                data, sealed = object_in(entry.body, "data"), entry.body.get("pii")
                yes = data.get("decision") in {"approve", "edit"}
                if not yes or not sealed or entry.body.get("approval") != approval.id:
                    continue
                words = self._container.personal.open(reader, where, sealed["ref"])
                if words:
                    found.append((entry.actor.partition(":")[2], words))
            return tuple(found)

        return await self._container.store.read(work)

    async def decide(
        self,
        approval_id: str,
        choice: str,
        *,
        token: str,
        revision: int,
        digest: str,
        via: str = "sdk",
        reason_code: str = "",
        reason: str = "",
        args: Mapping[str, JsonValue] | None = None,
        amount: Money | None = None,
    ) -> ActionView:
        """Decide as the person whose token this is; answers as `propose` does, with no timeline.

        Args:
            choice: `approve`, `reject` or `edit`.
            token: a person's token with the scope `approvals:decide`.
            revision, digest: of the card that the person saw.
            args, amount: for `edit`, the one argument that is lowered, by name or as its amount.

        Raises:
            RefusedError: `unauthenticated`, `forbidden` for a service token, and whatever
                `Approvals.decide` refuses.
        """
        holder = await self._container.authentication.person(token, via=via)
        decided, row = await self._decide(
            Decision(
                tenant=holder.tenant,
                approval_id=approval_id,
                revision=revision,
                digest=digest,
                choice=as_choice(choice),
                person=holder.holder,
                via=via,
                credential=holder.id,
                reason_code=reason_code,
                reason=reason,
                args=args,
                amount=amount,
            )
        )
        asked = decided.approval
        alone = row.request_id is None and asked.escalated_seq is None
        same = row.revision == asked.revision
        if alone and same and row.status in SETTLED:
            return action_view(row, approval_view(asked, decided.votes))
        actions = ActionResource(self._container)
        return await actions.get(row.id, tenant=holder.tenant, timeline=False)

    async def decide_as(self, decision: Decision, *, wait: bool = True) -> Decided:
        """Decide for a person whom the calling surface has authenticated itself.

        Args:
            wait: carry out an approved action before returning.

        Raises:
            RefusedError: see `Approvals.decide`.
        """
        decided, _ = await self._decide(decision, wait=wait)
        return decided

    async def decide_together(
        self, decisions: Sequence[Decision], *, wait: bool = True
    ) -> list[ActionView]:
        """Take a person's decisions about steps of one plan together, or none of them.

        The calling surface has authenticated the person; see `decide_as`.

        Raises:
            RefusedError: see `Approvals.decide_together`.
        """
        tenant = decisions[0].tenant if decisions else self._container.tenant
        async with judging_anew(self._container, tenant):
            taken = await self._container.approvals.decide_together(decisions)
        self._container.dispatcher.wake()
        if wait:
            await carry_on(self._container, taken[0].action)
        actions = ActionResource(self._container)
        return [
            await actions.get(decided.action.id, tenant=decided.action.tenant) for decided in taken
        ]

    async def show_again(self, approval_id: str, *, tenant: str | None = None) -> None:
        """Have every surface that shows this approval draw it anew; nothing for an unknown one."""
        where, now = self._tenant(tenant), to_micros(self._container.clock.now())

        def work(tx: Transaction) -> None:
            if tx.one("approval.by_id", tenant=where, id=approval_id) is not None:
                show_again(tx, where, approval_id, now)

        await self._container.store.write(work)

    async def _decide(self, decision: Decision, *, wait: bool = True) -> tuple[Decided, ActionRow]:
        """What was decided, and the action as this process left it then."""
        async with judging_anew(self._container, decision.tenant):
            claim = claim_of(self._container, wait=wait)
            decided = await self._container.approvals.decide(decision, claim)
        row = left = decided.action
        if decided.claimed:
            left = await call_claimed(self._container, row) or row
        elif row.request_id is not None or not wait:
            self._container.dispatcher.wake()
        if wait:
            if row.status is Status.APPROVED:
                left = await carry_out(self._container, row) or row
            if row.request_id is not None:
                await carry_on(self._container, row)
        return decided, left

    async def list(
        self,
        *,
        status: str | None = ApprovalStatus.PENDING.value,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[ApprovalView]:
        """Approvals, oldest first; `after` is the id of the last one of the page before.

        Raises:
            RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, ApprovalStatus, "an approval")

        def work(reader: Reader) -> list[ApprovalView]:
            page: dict[str, SqlValue] = {"tenant": where, "limit": page_of(limit)}
            page["after"] = cursor_of("apr", after)
            rows = (
                reader.all("approval.page", **page)
                if status is None
                else reader.all("approval.page_of_status", **page, status=status)
            )
            return show_approvals(reader, rows)

        return await self._container.store.read(work)
