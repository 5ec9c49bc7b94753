"""One decision per key: a repeated call gets the first one's answer, also after a crash.

The ledger itself remembers the call: see `marks.py`.
"""

from __future__ import annotations

from sayso.actions.decision import DIGEST_PREFIX, Choice, Decision
from sayso.errors import Code, RefusedError
from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.sdk.views import ActionView, ApprovalView
from sayso.surfaces.http.marks import make_mark, via_of, was_made
from sayso.surfaces.http.shapes import DecisionBody

LOST_RACE = frozenset({Code.ALREADY_DECIDED, Code.STALE_REVISION})
"""How a decision is refused where another one, perhaps the same call, came first."""


async def decide_once(
    sayso: Sayso, token: Token, approval_id: str, body: DecisionBody, key: str
) -> ActionView:
    """Decide as the token's person, once per key.

    Raises:
        RefusedError: see `Approvals.decide`; `idempotency_conflict` when the person has used the
            key for another decision about this approval.
    """
    approval = await sayso.approval(approval_id, tenant=token.tenant)
    mark = _mark(key, body)
    done = await _earlier(sayso, token, approval, mark)
    if done is not None:
        return done
    decision = Decision(
        tenant=token.tenant,
        approval_id=approval_id,
        revision=body.revision,
        digest=body.digest,
        choice=Choice(body.decision),
        person=token.holder,
        via=mark,
        reason_code=body.reason_code,
        reason=body.reason,
        args=body.args,
    )
    try:
        decided = await sayso.decide_as(decision)
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entry.
        if error.code in LOST_RACE:
            done = await _earlier(sayso, token, approval, mark)
        if done is None:
            raise
        return done
    return await sayso.action(decided.action.id, tenant=token.tenant)


async def _earlier(
    sayso: Sayso, token: Token, approval: ApprovalView, mark: str
) -> ActionView | None:
    """The action as it stands now, when this very decision was taken before."""
    action = await sayso.action(approval.action_id, tenant=token.tenant)
    about = (entry for entry in action.timeline if entry.body.get("approval") == approval.id)
    theirs = (via_of(entry, token) for entry in about)
    return action if was_made(mark, theirs, "decision") else None


def _mark(key: str, body: DecisionBody) -> str:
    digest = body.digest[:DIGEST_PREFIX]
    return make_mark(key, [body.decision, body.revision, digest, body.reason_code, body.args])
