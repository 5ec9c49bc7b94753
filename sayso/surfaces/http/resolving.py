"""A person settles an unknown outcome over HTTP, once per key.

As with decisions, the ledger itself remembers the call: see `marks.py`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sayso.actions.resolution import Resolution
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.sdk.views import ActionView
from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Decider, Open
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.keys import Key
from sayso.surfaces.http.marks import make_mark, via_of, was_made
from sayso.surfaces.http.shapes import NoQuery, ResolveBody

router = APIRouter(tags=["actions"], route_class=GuardedRoute)


@router.post(
    "/v1/actions/{action_id}/resolve",
    summary="Settle an unknown outcome as a person who has looked at the provider",
    responses={
        200: shown("settled; what waited for it goes on", examples.DONE),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(done=examples.RESOLVE, not_done=examples.RESOLVE_FAILED),
)
async def resolve(
    action_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: Annotated[NoQuery, Query()],
    body: ResolveBody,
) -> ActionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The same call sent again is answered with the action as it then stands.
    """
    mark = make_mark(key, [body.outcome, body.receipt_id])
    done = await _earlier(sayso, token, action_id, mark)
    if done is not None:
        return done
    resolution = Resolution(
        tenant=token.tenant,
        action_id=action_id,
        outcome=body.outcome,
        evidence=body.evidence,
        receipt_id=body.receipt_id,
        person=token.holder,
        via=mark,
    )
    try:
        return await sayso.resolve_as(resolution)
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entry.
        if error.code is Code.WRONG_STATE:
            done = await _earlier(sayso, token, action_id, mark)
        if done is None:
            raise
        return done


async def _earlier(sayso: Sayso, token: Token, action_id: str, mark: str) -> ActionView | None:
    """The action as it stands now, when this very call has settled it before."""
    action = await sayso.action(action_id, tenant=token.tenant)
    settled = (entry for entry in action.timeline if entry.kind == EntryKind.ACTION_RESOLVED)
    theirs = (via_of(entry, token) for entry in settled)
    return action if was_made(mark, theirs, "outcome") else None
