"""On which account of a customer an action acts, and what its entries say of how that is known."""

from __future__ import annotations

from sayso.actions.context import EngineContext
from sayso.actions.customers.proof import Reached
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Subject
from sayso.actions.policy.evaluator import Judged
from sayso.audit.customer_codes import VERIFIED_BY
from sayso.audit.customer_links import reach_data
from sayso.audit.entry import Json
from sayso.errors import RefusedError
from sayso.frozen import replace
from sayso.store.base import Transaction


class Placing:
    """Places actions on the accounts of who asks for them."""

    def __init__(self, context: EngineContext) -> None:
        self._accounts = context.accounts
        self._registry = context.registry
        self._personal = context.personal

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
