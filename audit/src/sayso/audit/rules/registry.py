"""The book of rules: for every kind of entry, what it is judged by, or why there is nothing.

To add a kind: put it into `EntryKind`, and here. `JudgedBy` names functions
`(replayed, event, findings)` that judge the entry by what the log has made true before it, and
`makes`, a function `(replayed, event)` that takes in what the entry makes true. `Free` says why
nothing is judged. A kind that is not here fails the tests, and so does a `Check` that no test
breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from sayso.audit.entry import EntryKind
from sayso.audit.event import Event
from sayso.audit.rules import (
    actions,
    canaries,
    codes,
    controls,
    limits,
    links,
    passkeys,
    people,
    policy,
    repairs,
    requests,
)
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Findings

Rule: TypeAlias = Callable[[ReplayedState, Event, Findings], None]
Making: TypeAlias = Callable[[ReplayedState, Event], None]


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """What entries of a kind are judged by.

    Attributes:
        rules: each judges by itself, before anything of the entry counts.
        makes: takes in what it makes true; who may do what is taken in by itself, see
            `sayso.audit.authority.state`.
    """

    rules: tuple[Rule, ...]
    makes: Making | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """Nothing is judged of a kind, for that reason."""

    reason: str


_REFUSAL = Free("tells of a refusal: nothing was done by it")
_LOOKED = Free("tells that somebody looked; nothing follows from it")
_HEARS = Free("tells who hears of changes; nothing follows from it")
_WORK = Free("tells who looks after what; it moves nothing and gives nobody a power")
_PLACE = Free("tells in which database a log goes on; it moves nothing and gives nobody a power")
_TREE = Free("judged with the tree and its signed heads")


def _action(*rules: Rule) -> JudgedBy:
    """An entry that moves an action."""
    moves = (
        *(actions.check_transition, actions.check_judgement, limits.check_limits),
        *(links.check_reach, links.check_alone, codes.check_known, canaries.check_is_none),
        *(actions.check_shown, *rules),
    )
    return JudgedBy(moves, _move)


def _move(replayed: ReplayedState, event: Event) -> None:
    life = actions.life_of(replayed, event)
    was = "" if life is None else life.status
    actions.move(replayed, event)
    passkeys.count(replayed, event)
    if life is not None:
        limits.follow(replayed, event, life, was)


def _activate(replayed: ReplayedState, event: Event) -> None:
    policy.end(replayed, event)
    limits.put_in_force(replayed, event)


def _begun(*rules: Rule) -> JudgedBy:
    """The same, where something is begun."""
    return _action(actions.check_not_taken_back, *rules)


def _decided(*rules: Rule) -> JudgedBy:
    """The same, where a person may have decided."""
    return _action(actions.check_decision, actions.check_approved, passkeys.check_yes, *rules)


_REPAIR = JudgedBy((repairs.check_repair,), repairs.follow)
_REQUEST = JudgedBy((requests.check_asked_before, requests.check_not_withdrawn), requests.follow)

REGISTRY: Mapping[EntryKind, JudgedBy | Free] = MappingProxyType(
    {
        EntryKind.LOG_OPENED: Free("written by nothing today"),
        EntryKind.RULES_ADOPTED: Free("from it on the rules are judged"),
        EntryKind.REQUEST_ASKED: JudgedBy((), requests.ask),
        EntryKind.REQUEST_QUESTIONED: _REQUEST,
        EntryKind.REQUEST_CONTINUED: JudgedBy(
            (requests.check_asked_before, requests.check_not_withdrawn, requests.check_answered),
            requests.follow,
        ),
        EntryKind.REQUEST_PLANNED: JudgedBy(
            (
                *(requests.check_asked_before, requests.check_not_withdrawn),
                *(requests.check_restated, requests.check_on_a_yes),
            ),
            requests.follow,
        ),
        EntryKind.REQUEST_HANDED_OVER: _REQUEST,
        EntryKind.REQUEST_PROPOSED: JudgedBy(
            (requests.check_asked_before, requests.check_not_withdrawn, requests.check_proposed),
            requests.follow,
        ),
        EntryKind.REQUEST_REPLIED: JudgedBy((requests.check_asked_before,), requests.follow),
        EntryKind.REQUEST_WITHDRAWN: JudgedBy((requests.check_asked_before,), requests.withdraw),
        EntryKind.ACTION_PROPOSED: _begun(),
        EntryKind.ACTION_REFUSED: _action(),
        EntryKind.ACTION_PENDING: _decided(actions.check_not_taken_back),
        EntryKind.ACTION_APPROVED: _decided(actions.check_not_taken_back),
        EntryKind.ACTION_REJECTED: _decided(),
        EntryKind.ACTION_EDITED: _decided(actions.check_not_taken_back),
        EntryKind.ACTION_EXPIRED: _action(),
        EntryKind.ACTION_WITHDRAWN: _action(),
        EntryKind.ACTION_STALE: _action(),
        EntryKind.ACTION_HELD: _action(),
        EntryKind.ACTION_INTENT: _begun(actions.check_intent, passkeys.check_called),
        EntryKind.ACTION_ACCEPTED: _action(),
        EntryKind.ACTION_SUCCEEDED: _action(),
        EntryKind.ACTION_FAILED: _action(),
        EntryKind.ACTION_UNKNOWN: _action(),
        EntryKind.ACTION_RECONCILED: _action(),
        EntryKind.ACTION_RESOLVED: _action(actions.check_settled),
        EntryKind.ACTION_COMPENSATED: _action(actions.check_compensated),
        EntryKind.PLAN_UNDOING: Free("announces actions that are judged one by one"),
        EntryKind.APPROVAL_REFUSED: _REFUSAL,
        EntryKind.APPROVAL_REMINDED: Free("calls people once more; it gives nobody a power"),
        EntryKind.APPROVAL_ESCALATED: JudgedBy((actions.check_escalated,), actions.escalate),
        EntryKind.CANARY_SHOWN: JudgedBy((canaries.check_shown,), canaries.show),
        EntryKind.CANARY_ANSWERED: JudgedBy((canaries.check_ended,), canaries.end),
        EntryKind.CANARY_ENDED: JudgedBy((canaries.check_ended,), canaries.end),
        EntryKind.STOP_ENGAGED: JudgedBy((controls.check_stop,)),
        EntryKind.STOP_RESUME_ASKED: JudgedBy((controls.check_resume,)),
        EntryKind.STOP_RELEASED: JudgedBy((controls.check_resume,)),
        EntryKind.STOP_REFUSED: _REFUSAL,
        EntryKind.LIMIT_NEAR: Free("people are told; a limit is judged where something is called"),
        EntryKind.PROMPT_CHOSEN: Free("a model may only plan, whatever its prompt says"),
        EntryKind.EFFECT_SEEN: Free("tells what was done outside Sayso; it moves nothing of ours"),
        EntryKind.THREAD_LEFT: Free("tells what nobody but a person can go on with at a desk"),
        EntryKind.WORK_TAKEN: _WORK,
        EntryKind.WORK_NOTED: _WORK,
        EntryKind.WORK_ENDED: _WORK,
        EntryKind.WORK_LATE: _WORK,
        EntryKind.WORK_AWAY: _WORK,
        EntryKind.ROLLOUT_WRONG: Free("tells what somebody thought of what was done"),
        EntryKind.ROLLOUT_BRAKED: Free("takes a power and gives none"),
        EntryKind.WEBHOOK_ADDED: _HEARS,
        EntryKind.WEBHOOK_ROTATED: _HEARS,
        EntryKind.WEBHOOK_DISABLED: _HEARS,
        EntryKind.WEBHOOK_ENABLED: _HEARS,
        EntryKind.WEBHOOK_REPLAYED: _HEARS,
        EntryKind.WEBHOOK_REMOVED: _HEARS,
        EntryKind.KEY_ROTATED: _TREE,
        EntryKind.LOG_HEAD: _TREE,
        EntryKind.LOG_SEALED: _TREE,
        EntryKind.LOG_PRUNED: JudgedBy((controls.check_pruned,)),
        EntryKind.LOG_REFUSED: _REFUSAL,
        EntryKind.AUDIT_QUERIED: _LOOKED,
        EntryKind.AUDIT_EXPORTED: _LOOKED,
        EntryKind.REPAIR_ASKED: _REPAIR,
        EntryKind.REPAIRED: _REPAIR,
        EntryKind.ACCEPT_ASKED: _REPAIR,
        EntryKind.FINDING_ACCEPTED: _REPAIR,
        EntryKind.TOKEN_CREATED: JudgedBy((people.check_token_created,)),
        EntryKind.TOKEN_REVOKED: JudgedBy((people.check_token_revoked,)),
        EntryKind.PERSON_ADDED: JudgedBy((people.check_person,)),
        EntryKind.PERSON_CHANGED: JudgedBy((people.check_person,)),
        EntryKind.PERSON_DEACTIVATED: JudgedBy((people.check_person,)),
        EntryKind.PASSKEY_ENROLLED: JudgedBy((passkeys.check_enrolled,)),
        EntryKind.PASSKEY_CONFIRMED: JudgedBy((passkeys.check_confirmed,)),
        EntryKind.PASSKEY_REMOVED: JudgedBy((passkeys.check_removed,)),
        EntryKind.PASSKEY_REQUIRED: JudgedBy((passkeys.check_required,)),
        EntryKind.POLICY_ACTIVATED: JudgedBy((policy.check_activated,), _activate),
        EntryKind.POLICY_ASKED: JudgedBy((policy.check_asked,), policy.ask),
        EntryKind.POLICY_WITHDRAWN: JudgedBy((policy.check_withdrawn,), policy.end),
        EntryKind.POLICY_REFUSED: _REFUSAL,
        EntryKind.CUSTOMER_LINKED: JudgedBy((links.check_linked,), links.begin),
        EntryKind.CUSTOMER_CODE_SENT: JudgedBy((codes.check_sent,), codes.send),
        EntryKind.CUSTOMER_VERIFIED: JudgedBy((codes.check_verified,), codes.verify),
        EntryKind.CUSTOMER_UNLINKED: JudgedBy((links.check_unlinked,), links.end),
        EntryKind.CUSTOMER_SEARCHED: _LOOKED,
        EntryKind.SUBJECT_ERASING: JudgedBy((controls.check_erasing,), controls.begin_erasure),
        EntryKind.SUBJECT_ERASED: JudgedBy((controls.check_erased,), controls.end_erasure),
        EntryKind.SUBJECT_EXPORTED: _LOOKED,
        EntryKind.SUBJECT_HELD: JudgedBy((controls.check_hold,)),
        EntryKind.SUBJECT_RELEASE_ASKED: JudgedBy((controls.check_release,)),
        EntryKind.SUBJECT_RELEASED: JudgedBy((controls.check_release,)),
        EntryKind.SUBJECT_REFUSED: _REFUSAL,
        EntryKind.RETENTION_SWEPT: JudgedBy((controls.check_swept,)),
        EntryKind.TENANT_PLACED: _PLACE,
        EntryKind.TENANT_LEAVING: _PLACE,
        EntryKind.TENANT_SETTLED: _PLACE,
        EntryKind.TENANT_MOVED: _PLACE,
        EntryKind.CALLS_TURNED_AWAY: _REFUSAL,
        EntryKind.AUTHORITY_STATED: JudgedBy((people.check_stated,)),
    }
)

_KINDS: Mapping[str, JudgedBy] = {
    kind.value: rules for kind, rules in REGISTRY.items() if isinstance(rules, JudgedBy)
}


def judge(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Judge the next entry by what came before it, and take in what it makes true."""
    rules = _KINDS.get(event.kind)
    if rules is not None:
        if replayed.judges:
            for rule in rules.rules:
                rule(replayed, event, findings)
        if rules.makes is not None:
            rules.makes(replayed, event)
    replayed.advance(event)
