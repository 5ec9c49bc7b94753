"""What comes of judging an action: its row, what the digest covers, and what the log says of it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import orjson

from sayso.actions.limits.definition import RULE_PREFIX as LIMIT
from sayso.actions.model.action_row import ActionRow, Snapshot, staged_json, ways_json
from sayso.actions.model.definition import Args
from sayso.actions.model.digest import digest_of, resolved_json
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Judgement, Outcome
from sayso.actions.policy.card import Card
from sayso.actions.policy.own_words import OWN_WORDS
from sayso.actions.rollout.definition import RULE_PREFIX as DIAL
from sayso.audit.entry import Json
from sayso.errors import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result: the row in its new state, and the card when people have to decide.

    Attributes:
        row: with status, snapshot, judgement and error set; not stored yet.
        card: for `pending_approval`, and for a lower amount that needs nobody: what was approved
            is shown as well, although no digest covers it then.
        expires_at: microseconds since 1970, where there is a card.
        full: the limit on open cards that refuses it, and whose cards they are; else empty.
        by_policy: whether it was judged; else it ended before that, and what judgement it has, if
            any, is an earlier one, which its entry must not tell as if it were made now.
    """

    row: ActionRow
    card: Card | None
    expires_at: int | None
    full: tuple[str, ...] = ()
    by_policy: bool = True


def status_of(judgement: Judgement) -> tuple[Status, dict[str, str] | None]:
    """Its status, and why it ends where it does."""
    match judgement.outcome:
        case Outcome.ALLOW:
            return Status.APPROVED, None
        case Outcome.ASK:
            return Status.PENDING_APPROVAL, None
        case Outcome.DENY:
            first = judgement.rules[0] if judgement.rules else ""
            code = Code.OVERTAKEN if first == OWN_WORDS else Code.POLICY_DENIED
            if first.startswith(LIMIT):
                code = Code.LIMIT_REACHED
            elif first.startswith(DIAL):
                code = Code.NOT_ROLLED_OUT
            error = {"code": code.value, "message": judgement.explain}
            return Status.REFUSED, error


def due_at(status: Status, first_look_at: int, now: int) -> int | None:
    """When somebody has to look at it next; None for never."""
    match status:
        case Status.PENDING_APPROVAL:
            return first_look_at
        case Status.APPROVED:
            return now
        case _:
            return None


def judged_data(row: ActionRow, expires_at: int | None) -> dict[str, Json]:
    """What the log says of an action's judgement.

    Args:
        expires_at: until when people can say yes, in microseconds since 1970; None when nobody is
            asked.
    """
    assert row.judgement is not None, "only of what was judged"
    told: dict[str, Json] = {
        "outcome": row.judgement.outcome.value,
        "explain": row.judgement.explain,
        "policy_version": row.judgement.policy_version,
        "policy": row.judgement.policy,
        "roles": [*row.judgement.roles],
        **staged_json(row.judgement),
    }
    if row.judgement.either:
        told["either"] = ways_json(row.judgement.either)
    if row.judgement.asked:
        told["asked"] = [one.to_json() for one in row.judgement.asked]
    return told if expires_at is None else {**told, "expires_at": expires_at}


def bound_digest(
    row: ActionRow,
    snapshot: Snapshot,
    judgement: Judgement,
    expires_at: int | None,
    kept: Json = None,
) -> str:
    """The digest over everything that is judged, shown and run; made here and checked by it.

    Args:
        row: with the revision that was judged.
        expires_at: of the approval; None when nobody is asked.
        kept: what was resolved as `resolved_json` makes it, where that is at hand.
    """
    parts: dict[str, Json] = {
        "tenant": row.tenant,
        "run": row.request_id,
        "step": row.step,
        "action": row.id,
        "revision": row.revision,
        "name": row.name,
        "connector_version": snapshot.connector_version,
        "schema_sha256": snapshot.schema_sha256,
        "subject": row.subject.id,
        "assurance": row.subject.assurance.value,
        "resolved": kept or resolved_json(snapshot.resolved),
        "policy_version": judgement.policy_version,
        "roles": list(judgement.roles),
        "expires_at": expires_at,
        "view_sha256": snapshot.view_sha256,
        "salt": snapshot.salt,
    }
    if row.undoes is not None:
        parts["undoes"] = row.undoes
    if judgement.either:
        parts["either"] = ways_json(judgement.either)
    return digest_of(parts)


@functools.lru_cache(maxsize=512)
def schema_hash(args: type[Args]) -> str:
    """SHA-256 of the arguments' JSON schema: a changed operation makes approvals stale."""
    encoded = orjson.dumps(args.model_json_schema(), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(encoded).hexdigest()
