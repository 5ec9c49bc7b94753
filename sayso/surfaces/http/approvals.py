"""Routes of approvals: what waits for people, and what they say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

import sayso.surfaces.http.examples as examples
from sayso.actions.approvals.decision import DIGEST_PREFIX, Decision, DecisionChoice
from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.rows import ActionView, ApprovalView, RequestView
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, reads, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, decided_once, make_mark, via_of
from sayso.surfaces.http.shapes import (
    ApprovalPage,
    ApprovalsQuery,
    DecisionBody,
    NoQuery,
    PlanDecisionBody,
)

router = APIRouter(tags=["approvals"], route_class=GuardedRoute)


@router.get(
    "/v1/approvals",
    summary="List approvals, oldest first",
    responses=reads("a page", examples.page(examples.APPROVAL)),
)
async def list_approvals(
    sayso: Open, token: Viewer, query: Annotated[ApprovalsQuery, Query()]
) -> ApprovalPage:
    """Scope: `actions:read` or `approvals:decide`. Without `status`, those of every status."""
    items = await sayso.approvals.list(
        status=None if query.status is None else query.status.value,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    return ApprovalPage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/approvals/{approval_id}",
    summary="An approval with its card and votes",
    responses=reads("exactly what a decision is about", examples.APPROVAL, 404),
)
async def show_approval(
    approval_id: str, sayso: Open, token: Viewer, _query: NoQuery
) -> ApprovalView:
    """Scope: `actions:read` or `approvals:decide`."""
    return await sayso.approvals.get(approval_id, tenant=token.tenant)


@router.post(
    "/v1/approvals/{approval_id}/decision",
    summary="Decide as the person whose token this is",
    responses=writes("taken; an approved action has been tried already", examples.DONE, 404),
    openapi_extra=asked(approve=examples.APPROVE, reject=examples.REJECT, edit=examples.EDIT),
)
async def decide(
    approval_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: DecisionBody,
) -> ActionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The same call sent again is answered with 200 and the action as it then stands. Any other
    decision about something decided is `already_decided`, whoever makes it.
    """
    approval = await sayso.approvals.get(approval_id, tenant=token.tenant)
    decision = Decision(
        tenant=token.tenant,
        approval_id=approval_id,
        revision=body.revision,
        digest=body.digest,
        choice=DecisionChoice(body.decision),
        person=token.holder,
        via=_mark(key, body),
        credential=token.id,
        reason_code=body.reason_code,
        reason=body.reason,
        args=body.args,
    )

    async def marks() -> list[str]:
        action = await sayso.actions.get(approval.action_id, tenant=token.tenant)
        about = (entry for entry in action.timeline if entry.body.get("approval") == approval.id)
        return [via_of(entry, token) for entry in about]

    await decided_once(decision.via, marks, lambda: sayso.approvals.decide_as(decision))
    return await sayso.actions.get(approval.action_id, tenant=token.tenant)


def _mark(key: str, body: DecisionBody) -> str:
    digest = body.digest[:DIGEST_PREFIX]
    return make_mark(key, [body.decision, body.revision, digest, body.reason_code, body.args])


@router.post(
    "/v1/requests/{request_id}/decision",
    summary="Decide about several steps of a plan together",
    responses=writes("all of them are taken, and what they allow was tried", examples.REQUEST, 404),
    openapi_extra=asked(approve=examples.APPROVE_PLAN),
)
async def decide_plan(
    request_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: PlanDecisionBody,
) -> RequestView:
    """Scope: `approvals:decide`, which only a person's token can have.

    Each decision is bound to its own step's card. When one of them cannot be taken, none is. The
    same call sent again is answered with 200 and the request as it then stands.
    """
    request = await sayso.requests.get(request_id, tenant=token.tenant)
    theirs = {action.approval.id for action in request.actions if action.approval is not None}
    if not {decision.approval for decision in body.decisions} <= theirs:
        raise RefusedError(
            Code.NOT_FOUND,
            "one of these approvals is not of this request",
            next_step=f"GET /v1/requests/{request.id} shows those that are",
        )
    mark = _plan_mark(key, body)
    decisions = _decisions(token, body, mark)
    await decided_once(
        mark,
        lambda: _calls(sayso, request, token),
        lambda: sayso.approvals.decide_together(decisions),
    )
    return await sayso.requests.get(request_id, tenant=token.tenant)


def _decisions(token: Token, body: PlanDecisionBody, mark: str) -> list[Decision]:
    return [
        Decision(
            tenant=token.tenant,
            approval_id=said.approval,
            revision=said.revision,
            digest=said.digest,
            choice=DecisionChoice(said.decision),
            person=token.holder,
            via=mark,
            credential=token.id,
            reason_code=said.reason_code,
        )
        for said in body.decisions
    ]


async def _calls(sayso: Sayso, request: RequestView, token: Token) -> list[str]:
    """The marks of the person's calls about this request, by the log.

    NOTE: votes do not say them all: a person's first word about a revision is the one kept.
    """
    steps = [await sayso.actions.get(action.id, tenant=token.tenant) for action in request.actions]
    return [via_of(entry, token) for step in steps for entry in step.timeline]


def _plan_mark(key: str, body: PlanDecisionBody) -> str:
    return make_mark(
        key,
        [
            [
                said.approval,
                said.decision,
                said.revision,
                said.digest[:DIGEST_PREFIX],
                said.reason_code,
            ]
            for said in body.decisions
        ],
    )
