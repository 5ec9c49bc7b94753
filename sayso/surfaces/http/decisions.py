"""One decision per key: a repeated call gets the first one's answer, also after a crash.

The ledger itself remembers the key: a decision is recorded as made via `http/KEY/CONTENT`, two
short hashes, in the same transaction as the decision. So there is no second memory that could
disagree with it, and an auditor can tell which call decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from sayso.actions.decision import DIGEST_PREFIX, Choice, Decision
from sayso.errors import Code, RefusedError
from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.sdk.views import ActionView, EntryView
from sayso.surfaces.http.shapes import DecisionBody

_KEY_DIGITS, _CONTENT_DIGITS = 12, 8
_LOST_RACE = frozenset({Code.ALREADY_DECIDED, Code.STALE_REVISION})


async def decide_once(
    sayso: Sayso, token: Token, approval_id: str, body: DecisionBody, key: str
) -> ActionView:
    """Decide as the token's person, once per key.

    Raises:
        RefusedError: see `Approvals.decide`; `idempotency_conflict` when the person has used the
            key for another decision about this approval.
    """
    approval = await sayso.approval(approval_id, tenant=token.tenant)
    earlier = _Earlier(
        sayso=sayso,
        token=token,
        action_id=approval.action_id,
        approval_id=approval.id,
        mark=_mark(key, body),
    )
    done = await earlier.find()
    if done is not None:
        return done
    decision = Decision(
        tenant=token.tenant,
        approval_id=approval_id,
        revision=body.revision,
        digest=body.digest,
        choice=Choice(body.decision),
        person=token.holder,
        via=earlier.mark,
        reason_code=body.reason_code,
        reason=body.reason,
        args=body.args,
    )
    try:
        decided = await sayso.decide_as(decision)
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entry.
        done = await earlier.find() if error.code in _LOST_RACE else None
        if done is None:
            raise
        return done
    return await sayso.action(decided.action.id, tenant=token.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """Looks for the entry of an earlier call with the same key."""

    sayso: Sayso
    token: Token
    action_id: str
    approval_id: str
    mark: str

    async def find(self) -> ActionView | None:
        """The action as it stands now, when this very decision was taken before."""
        action = await self.sayso.action(self.action_id, tenant=self.token.tenant)
        key = self.mark.rpartition("/")[0]
        for via in filter(None, map(self._via, action.timeline)):
            if via == self.mark:
                return action
            if via.rpartition("/")[0] == key:
                raise RefusedError(
                    Code.IDEMPOTENCY_CONFLICT,
                    "this idempotency key was used for another decision",
                    next_step="use a new key for a new decision",
                )
        return None

    def _via(self, entry: EntryView) -> str | None:
        """How this person made the decision of an entry; None when it holds none of theirs."""
        if entry.actor != f"person:{self.token.holder}":
            return None
        if entry.body.get("approval") != self.approval_id:
            return None
        data = cast("Mapping[str, Any]", entry.body.get("data", {}))
        return str(data.get("via", ""))


def _mark(key: str, body: DecisionBody) -> str:
    """The key and the content, hashed; the free text is left out, so that it can be erased."""
    content = orjson.dumps(
        [
            body.decision,
            body.revision,
            body.digest[:DIGEST_PREFIX],
            body.reason_code,
            body.args,
        ],
        option=orjson.OPT_SORT_KEYS,
    )
    return make_mark(key, content)


def make_mark(key: str, content: bytes) -> str:
    """How the ledger remembers a call: `http/KEY/CONTENT`, two short hashes."""
    return f"http/{_hash(key.encode(), _KEY_DIGITS)}/{_hash(content, _CONTENT_DIGITS)}"


def _hash(value: bytes, digits: int) -> str:
    return hashlib.sha256(value).hexdigest()[:digits]
