"""Routes of actions: concrete ones, without a planner."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

import sayso.surfaces.http.examples as examples
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.connectors.catalog import ActionTypesView
from sayso.sdk.progress.following import has_ended
from sayso.sdk.resources.actions import is_left_to_people
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.rows import ActionView
from sayso.surfaces.http.auth import Decider, Lister, Open, Proposer, Reader
from sayso.surfaces.http.documents import asked, problems, reads, shown, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.events import answered
from sayso.surfaces.http.idempotency import (
    Key,
    KeyIfMeant,
    Trace,
    bound_key,
    make_mark,
    missing_key,
    via_of,
    was_made,
)
from sayso.surfaces.http.shapes import (
    ActionBody,
    ActionPage,
    ActionsQuery,
    NoQuery,
    ProposeQuery,
    SettleBody,
    WaitQuery,
)

router = APIRouter(tags=["actions"], route_class=GuardedRoute)


@router.post(
    "/v1/actions",
    status_code=201,
    summary="Propose a concrete action",
    responses={
        200: shown(
            "a dry run: how it would be judged; its id is not stored",
            {**examples.ACTION, "approval": None},
            model=ActionView,
        ),
        201: shown("stored and judged; what the policy allows is done already", examples.ACTION),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(refund=examples.PROPOSE),
)
async def propose(
    request: Request,
    response: Response,
    sayso: Open,
    token: Proposer,
    trace: Trace,
    query: Annotated[ProposeQuery, Query()],
    body: ActionBody,
    key: KeyIfMeant = None,
) -> ActionView:
    """Scope: `actions:propose`. `Idempotency-Key` is needed unless `dry_run` is true.

    An action that the policy or the provider refuses is stored as `refused`, with the reason, and
    answered with 201 like any other; only what cannot be judged at all is a problem.
    """
    if key is None and not query.dry_run:
        raise missing_key()
    view = await sayso.propose(
        body.action,
        body.args,
        subject=await body.subject.checked(sayso),
        reason=body.reason,
        priority=body.priority,
        idempotency_key=None if key is None else bound_key(token, key),
        dry_run=query.dry_run,
        wait=query.wait is None,
        requester=token.actor,
        tenant=token.tenant,
        traceparent=trace,
    )
    if query.dry_run:
        response.status_code = 200
    else:
        root = str(request.scope.get("root_path", ""))
        response.headers["Location"] = f"{root}/v1/actions/{view.id}"
    if query.wait:
        return await answered(
            request,
            lambda: sayso.actions.get(view.id, tenant=token.tenant, timeline=False),
            is_left_to_people,
            query.wait,
        )
    return view


@router.get(
    "/v1/action-types",
    summary="The types of action that there are, and what each takes",
    responses=reads("all of them, by name", examples.ACTION_TYPES),
)
async def list_action_types(sayso: Open, _token: Lister, _query: NoQuery) -> ActionTypesView:
    """Scope: `actions:propose` or `actions:read`."""
    found = await sayso.actions.types()
    # INVARIANT: what a team's own file broke off with is the operator's to read, and no caller's.
    return ActionTypesView(
        items=found.items, unread=dict.fromkeys(found.unread, "`sayso actions types` says why")
    )


@router.get(
    "/v1/actions",
    summary="List actions, newest first",
    responses=reads("a page", examples.page(examples.ACTION)),
)
async def list_actions(
    sayso: Open, token: Reader, query: Annotated[ActionsQuery, Query()]
) -> ActionPage:
    """Scope: `actions:read`."""
    items = await sayso.actions.list(
        status=None if query.status is None else query.status.value,
        subject=query.subject,
        action=query.action,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    return ActionPage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/actions/{action_id}",
    summary="An action with its timeline",
    responses=reads("the action, its approval, and every entry about it", examples.DONE, 404),
)
async def show_action(
    request: Request,
    action_id: str,
    sayso: Open,
    token: Reader,
    query: Annotated[WaitQuery, Query()],
) -> ActionView:
    """Scope: `actions:read`.

    With `wait`, as soon as it has ended, people included, and as it stands otherwise.
    """
    return await answered(
        request,
        lambda: sayso.actions.get(action_id, tenant=token.tenant),
        has_ended,
        query.wait,
    )


@router.post(
    "/v1/actions/{action_id}/settle",
    summary="Settle an unknown outcome as a person who has looked at the provider",
    responses=writes("settled; what waited for it goes on", examples.DONE, 404),
    openapi_extra=asked(done=examples.SETTLE, not_done=examples.SETTLE_FAILED),
)
async def settle(
    action_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: SettleBody,
) -> ActionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The same call sent again is answered with the action as it then stands.
    """
    mark = make_mark(key, [body.outcome, body.receipt_id])
    done = await _earlier(sayso, token, action_id, mark)
    if done is not None:
        return done
    settlement = ManualSettlement(
        tenant=token.tenant,
        action_id=action_id,
        outcome=body.outcome,
        evidence=body.evidence,
        receipt_id=body.receipt_id,
        person=token.holder,
        via=mark,
        credential=token.id,
    )
    try:
        return await sayso.actions.settle_as(settlement)
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entry.
        if error.code is Code.WRONG_STATE:
            done = await _earlier(sayso, token, action_id, mark)
        if done is None:
            raise
        return done


async def _earlier(sayso: Sayso, token: Token, action_id: str, mark: str) -> ActionView | None:
    """The action as it stands now, when this very call has settled it before."""
    action = await sayso.actions.get(action_id, tenant=token.tenant)
    settled = (entry for entry in action.timeline if entry.kind == EntryKind.ACTION_RESOLVED)
    theirs = (via_of(entry, token) for entry in settled)
    return action if was_made(mark, theirs, "outcome") else None
