"""Pages of what waits for people: for whom, where one ended, and where each one stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import orjson

from sayso.actions.approvals.escalation import counted_roles
from sayso.actions.approvals.repository import ApprovalRow, DecisionChoice, action_of, votes_of
from sayso.actions.model.action_row import requesters_of
from sayso.audit.authority.people import KnownPerson
from sayso.audit.entry import ActorKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.views.solution import SolutionView
from sayso.store.base import Reader, text


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCursor:
    """Where a page of an inbox ended. `at`: microseconds since 1970, when that one expires."""

    at: int = 0
    id: str = ""

    def __str__(self) -> str:
        return f"{self.at}.{self.id}"

    @classmethod
    def read(cls, said: str) -> InboxCursor:
        """The place behind its external form; the beginning for an empty one.

        Raises:
            RefusedError: `invalid_input`.
        """
        if not said:
            return cls()
        at, _, approval_id = said.partition(".")
        if not at.isascii() or not at.isdecimal() or len(at) > 17 or len(approval_id) > 60:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{said[:40]}` is no place in an inbox",
                next_step="begin at the first page",
            )
        return cls(at=int(at), id=approval_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """A page of what waits, the soonest first.

    Attributes:
        items: each solution once. after: of the last one, when there is more.
    """

    items: tuple[SolutionView, ...]
    after: InboxCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPlace:
    """Where one stands in an inbox.

    Attributes:
        at: microseconds since 1970, when it ends. id, action_id: of one of its approvals.
    """

    at: int
    id: str
    action_id: str


def asked_roles(reader: Reader, tenant: Tenant, roles: frozenset[str]) -> list[str]:
    """The sets of roles, as they are stored, of which somebody with these has one."""
    found = [text(row, "roles") for row in reader.all("approval.roles_waiting", tenant=tenant)]
    return [said for said in found if roles & set(cast("list[str]", orjson.loads(said)))]


def may_answer(reader: Reader, approval: ApprovalRow, person: KnownPerson) -> bool:
    """Whether it waits for this very person."""
    if not counted_roles(reader, approval, person.roles) & set(approval.roles):
        return False
    if any(
        vote.person == person.id
        and vote.revision == approval.revision
        and vote.decision == DecisionChoice.APPROVE
        for vote in votes_of(reader, approval)
    ):
        return False
    asked_by = requesters_of(reader, action_of(reader, approval)) | {approval.requester}
    return f"{ActorKind.PERSON}:{person.id}" not in asked_by
