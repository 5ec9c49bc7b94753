"""Actions: what was proposed, what became of it, and which types there are."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.model.action_row import get_action, read_action
from sayso.actions.model.idempotency import read_by_key
from sayso.actions.model.status import FINAL, Status
from sayso.agent.request_row import get_request
from sayso.errors import Code, RefusedError
from sayso.sdk.connectors.catalog import ActionTypesView, show_action_types
from sayso.sdk.resources.base import Resource, as_state, cursor_of, page_of
from sayso.sdk.views.presenters import ahead_of_action_view, held_view, show_action
from sayso.sdk.views.rows import ActionView, action_view
from sayso.store.base import Reader, SqlValue, Transaction

_LEFT_TO_PEOPLE = FINAL | {Status.PENDING_APPROVAL, Status.ACCEPTED, Status.UNKNOWN}


def is_left_to_people(action: ActionView) -> bool:
    """Whether an action has ended, or goes on only with what people or a look-up find out."""
    return action.status in _LEFT_TO_PEOPLE or action.held is not None


def _has_ended(action: ActionView) -> bool:
    return action.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """By which ids an action is known elsewhere; empty where it is not.

    Attributes:
        connector: whose `object` it is about. conversation: the caller's own id of the thread.
        trace: the W3C trace id.
    """

    connector: str
    object: str
    conversation: str
    trace: str


class ActionResource(Resource):
    """Reads actions and settles unknown outcomes; `Sayso.propose` and `Sayso.ask` make them."""

    async def get(
        self, action_id: str, *, tenant: str | None = None, timeline: bool = True
    ) -> ActionView:
        """An action with its approval and its timeline.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> ActionView:
            ahead_of_action_view(reader, where, action_id, timeline=timeline)
            return show_action(reader, get_action(reader, where, action_id), timeline=timeline)

        return await self._container.store.read(work, brief=True)

    async def elsewhere(self, action_id: str, *, tenant: str | None = None) -> Elsewhere:
        """By which ids it is known at the provider, in your support platform and in your traces.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> Elsewhere:
            row = get_action(reader, where, action_id)
            asked = None if row.request_id is None else get_request(reader, where, row.request_id)
            parent = (row.traceparent or "").split("-")
            return Elsewhere(
                connector=row.name.partition(".")[0],
                object=row.snapshot.resolved.object_id if row.snapshot else "",
                conversation=(asked.conversation or "") if asked else "",
                trace=parent[1] if len(parent) == 4 else "",
            )

        return await self._container.store.read(work, brief=True)

    async def wait(
        self,
        action_id: str,
        timeout_s: float,
        *,
        for_people: bool = True,
        tenant: str | None = None,
    ) -> ActionView:
        """The action once it has ended.

        Args:
            for_people: wait for what people decide, too; else it is enough that only they, or a
                stop, are waited for.

        Returns:
            The action with its timeline, as it stands then or after `timeout_s` seconds.

        Raises:
            RefusedError: `not_found`.
        """
        read = await self._container.changes.until(
            lambda: self.get(action_id, tenant=tenant, timeline=False),
            _has_ended if for_people else is_left_to_people,
            timeout_s,
        )
        return await self.get(read.id, tenant=tenant)

    async def by_key(self, key: str, *, tenant: str | None = None) -> ActionView | None:
        """The action that has this idempotency key; None when none was stored."""
        where = self._tenant(tenant)

        def work(tx: Transaction) -> ActionView | None:
            row = read_by_key(tx, "action.by_key", where, key)
            return None if row is None else show_action(tx, read_action(row), timeline=False)

        # NOTE: no read: it stands behind a commit that is under way, whoever waits for that or not.
        return await self._container.store.write(work, about=where)

    async def list(
        self,
        *,
        status: str | None = None,
        subject: str | None = None,
        action: str | None = None,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[ActionView]:
        """Actions, newest first; `after` is the id of the last one of the page before.

        Raises:
            RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, Status, "an action")
        if subject is not None:
            subject = self._container.connectors.stored(subject)

        def work(reader: Reader) -> list[ActionView]:
            page: dict[str, SqlValue] = {
                "tenant": where,
                "name": action,
                "after": cursor_of("act", after),
                "limit": page_of(limit),
            }
            if subject is not None:
                rows = reader.all(
                    "action.page_of_subject", **page, status=status, subject_id=subject
                )
            elif status is not None:
                rows = reader.all("action.page_of_status", **page, status=status)
            else:
                rows = reader.all("action.page", **page)
            found = map(read_action, rows)
            return [action_view(row, held=held_view(reader, row)) for row in found]

        return await self._container.store.read(work)

    async def types(self) -> ActionTypesView:
        """The types of action that can be proposed; with `mode="read"` without any secret."""
        return show_action_types(await self._container.action_catalog.read())

    async def settle(
        self,
        action_id: str,
        outcome: str,
        *,
        token: str,
        evidence: str,
        receipt_id: str = "",
        via: str = "sdk",
    ) -> ActionView:
        """Settle an unknown outcome as the person whose token this is.

        Args:
            outcome: `succeeded` or `failed`, as it was seen at the provider.
            evidence: where it was seen; sealed beside the log.
            receipt_id: the provider's id of the effect, for `succeeded`.

        Raises:
            RefusedError: see `ManualSettlements.settle`; `unauthenticated`, `forbidden`.
        """
        if outcome not in {"succeeded", "failed"}:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{outcome[:40]}` is no outcome",
                next_step="say succeeded or failed",
            )
        holder = await self._container.authentication.person(token, via=via)
        return await self.settle_as(
            ManualSettlement(
                tenant=holder.tenant,
                action_id=action_id,
                outcome="succeeded" if outcome == "succeeded" else "failed",
                evidence=evidence,
                receipt_id=receipt_id,
                person=holder.holder,
                via=via,
                credential=holder.id,
            )
        )

    async def settle_as(self, settlement: ManualSettlement) -> ActionView:
        """The same for a person whom the calling surface has authenticated itself.

        Raises:
            RefusedError: see `ManualSettlements.settle`.
        """
        row = await self._container.settlements.settle(settlement)
        self._container.dispatcher.wake()
        return await self.get(row.id, tenant=row.tenant)
