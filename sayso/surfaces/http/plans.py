"""The route of plans: decisions about several steps, taken together or not at all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sayso.actions.decision import DIGEST_PREFIX, Choice, Decision
from sayso.errors import Code, RefusedError
from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.sdk.views import RequestView
from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Decider, Open
from sayso.surfaces.http.decisions import LOST_RACE
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.keys import Key
from sayso.surfaces.http.marks import make_mark, via_of, was_made
from sayso.surfaces.http.shapes import NoQuery, PlanDecisionBody

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


@router.post(
    "/v1/requests/{request_id}/decision",
    summary="Decide about several steps of a plan together",
    responses={
        200: shown("all of them are taken, and what they allow was tried", examples.REQUEST),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(approve=examples.APPROVE_PLAN),
)
async def decide_plan(
    request_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: Annotated[NoQuery, Query()],
    body: PlanDecisionBody,
) -> RequestView:
    """Scope: `approvals:decide`, which only a person's token can have.

    Each decision is bound to its own step's card. When one of them cannot be taken, none is. The
    same call sent again is answered with 200 and the request as it then stands.
    """
    request = await sayso.request(request_id, tenant=token.tenant)
    theirs = {action.approval.id for action in request.actions if action.approval is not None}
    if not {decision.approval for decision in body.decisions} <= theirs:
        raise RefusedError(
            Code.NOT_FOUND,
            "one of these approvals is not of this request",
            next_step=f"GET /v1/requests/{request.id} shows those that are",
        )
    mark = _mark(key, body)
    if was_made(mark, await _calls(sayso, request, token), "decision"):
        return request
    try:
        await sayso.decide_plan(_decisions(token, body, mark))
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entries.
        request = await sayso.request(request_id, tenant=token.tenant)
        lost = error.code in LOST_RACE
        if not lost or not was_made(mark, await _calls(sayso, request, token), "decision"):
            raise
        return request
    return await sayso.request(request_id, tenant=token.tenant)


def _decisions(token: Token, body: PlanDecisionBody, mark: str) -> list[Decision]:
    return [
        Decision(
            tenant=token.tenant,
            approval_id=said.approval,
            revision=said.revision,
            digest=said.digest,
            choice=Choice(said.decision),
            person=token.holder,
            via=mark,
            reason_code=said.reason_code,
        )
        for said in body.decisions
    ]


async def _calls(sayso: Sayso, request: RequestView, token: Token) -> list[str]:
    """The marks of the person's calls about this request, by the log.

    NOTE: votes do not say them all: a person's first word about a revision is the one kept.
    """
    steps = [await sayso.action(action.id, tenant=token.tenant) for action in request.actions]
    return [via_of(entry, token) for step in steps for entry in step.timeline]


def _mark(key: str, body: PlanDecisionBody) -> str:
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
