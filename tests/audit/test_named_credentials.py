"""Whatever gives or takes a power, or rests on somebody's word, names by what they showed who."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson
import pytest
from audit.ruled_log import BEGAN, BOT, DAY, DIGEST, SUBJECT, RuledLog, person

from sayso.audit.entry import EntryKind, Json
from sayso.audit.event import Event
from sayso.audit.rules.registry import judge
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Findings

pytestmark = pytest.mark.promise("authority:named")

Data = dict[str, Json]
Before = Callable[[RuledLog], None]


def _nothing(_: RuledLog) -> None:
    """Nothing has to come before."""


def _stopped(log: RuledLog) -> None:
    log.stop(EntryKind.STOP_ENGAGED, "noor")


def _resuming(log: RuledLog) -> None:
    _stopped(log)
    log.stop(EntryKind.STOP_RESUME_ASKED, "noor")


def _held(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "noor")


def _releasing(log: RuledLog) -> None:
    _held(log)
    log.hold(EntryKind.SUBJECT_RELEASE_ASKED, "noor")


def _lost(log: RuledLog) -> None:
    log.asked()
    log.yes("noor")
    log.intent()
    log.lost()


def _decision(choice: str, status: str) -> Data:
    return {"decision": choice, "via": "test", "approval_status": status}


_JUDGED: Data = {"outcome": "ask", "policy": 1, "policy_version": "p1", "roles": ["director"]}
_CHANGE: Data = {"change": "pol_1", "sha256": DIGEST, "parent": 1, "direction": "tighter"}
_POLICY: Data = {"version": 2, "sha256": DIGEST, "parent": 1, "direction": "tighter"}
_TOKEN: Data = {
    "token": "tok_new",
    "token_kind": "person",
    "holder": "finn",
    "scopes": ["admin"],
    "expires_at": BEGAN + DAY,
}
_LINK: Data = {"link": "lnk_1", "linked_with": "sub_other"}

NAMED: Mapping[EntryKind, tuple[Before, str, Data]] = {
    EntryKind.ACTION_PENDING: (
        lambda log: log.asked("support_manager", "finance"),
        "pending_approval",
        _decision("approve", "pending"),
    ),
    EntryKind.ACTION_APPROVED: (RuledLog.asked, "approved", _decision("approve", "approved")),
    EntryKind.ACTION_REJECTED: (RuledLog.asked, "rejected", _decision("reject", "rejected")),
    EntryKind.ACTION_EDITED: (
        RuledLog.asked,
        "pending_approval",
        {**_decision("edit", "pending"), "was_digest": DIGEST, "judged": _JUDGED},
    ),
    EntryKind.ACTION_RESOLVED: (_lost, "failed", {"outcome": "failed"}),
    EntryKind.STOP_ENGAGED: (_nothing, "", {"stop": "stp_1", "scope": "tenant"}),
    EntryKind.STOP_RESUME_ASKED: (_stopped, "", {"stop": "stp_1"}),
    EntryKind.STOP_RELEASED: (_resuming, "", {"stop": "stp_1", "asked_by": "noor"}),
    EntryKind.SUBJECT_HELD: (_nothing, "", {"hold": "hld_1", "reason": "court"}),
    EntryKind.SUBJECT_RELEASE_ASKED: (_held, "", {"hold": "hld_1"}),
    EntryKind.SUBJECT_RELEASED: (_releasing, "", {"hold": "hld_1"}),
    EntryKind.CUSTOMER_LINKED: (_nothing, "", {**_LINK, "proof": "person"}),
    EntryKind.CUSTOMER_UNLINKED: (_nothing, "", {**_LINK, "why": "by_person"}),
    EntryKind.CUSTOMER_VERIFIED: (
        lambda log: log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_1", subject=SUBJECT),
        "",
        {"by": "person", "to": "", "written_as": SUBJECT, "until": BEGAN + DAY},
    ),
    EntryKind.SUBJECT_ERASING: (_nothing, "", {"erasure": "ers_1", "reason": "asked"}),
    EntryKind.POLICY_ACTIVATED: (_nothing, "", _POLICY),
    EntryKind.POLICY_ASKED: (_nothing, "", _CHANGE),
    EntryKind.POLICY_WITHDRAWN: (RuledLog.policy_change, "", {**_CHANGE, "ended": "withdrawn"}),
    EntryKind.PERSON_ADDED: (_nothing, "", {"person": "eve", "roles": ["finance"]}),
    EntryKind.PERSON_CHANGED: (_nothing, "", {"person": "noor", "roles": ["finance"]}),
    EntryKind.PERSON_DEACTIVATED: (_nothing, "", {"person": "noor"}),
    EntryKind.TOKEN_CREATED: (_nothing, "", _TOKEN),
    EntryKind.TOKEN_REVOKED: (_nothing, "", {"token": "tok_noor"}),
    EntryKind.LOG_PRUNED: (_nothing, "", {"size": 0}),
    EntryKind.CANARY_ANSWERED: (_nothing, "", {"canary": "apr_1", "answer": "yes"}),
    EntryKind.PASSKEY_REQUIRED: (_nothing, "", {"amounts": [["USD", 1]]}),
}
"""What such an entry says but for the credential; limits and dials are parts of the policy."""

_BY_ITSELF = frozenset(
    {
        *(EntryKind.ACTION_PROPOSED, EntryKind.ACTION_REFUSED, EntryKind.ACTION_EXPIRED),
        *(EntryKind.ACTION_STALE, EntryKind.ACTION_HELD, EntryKind.ACTION_INTENT),
        *(EntryKind.ACTION_ACCEPTED, EntryKind.ACTION_SUCCEEDED, EntryKind.ACTION_FAILED),
        *(EntryKind.ACTION_UNKNOWN, EntryKind.ACTION_RECONCILED, EntryKind.ACTION_COMPENSATED),
        *(EntryKind.PLAN_UNDOING, EntryKind.APPROVAL_REMINDED, EntryKind.APPROVAL_ESCALATED),
        *(EntryKind.SUBJECT_ERASED, EntryKind.RETENTION_SWEPT, EntryKind.LIMIT_NEAR),
        *(EntryKind.ROLLOUT_BRAKED, EntryKind.RULES_ADOPTED, EntryKind.AUTHORITY_STATED),
        *(EntryKind.LOG_HEAD, EntryKind.LOG_SEALED, EntryKind.KEY_ROTATED),
        EntryKind.ACTION_WITHDRAWN,
        *(EntryKind.CANARY_SHOWN, EntryKind.CANARY_ENDED, EntryKind.CUSTOMER_CODE_SENT),
    }
)
"""Follows from what was decided, or from time: nobody's word is needed."""
_FAMILIES = {
    "request": "a customer's words, which ask and decide nothing",
    "webhook": "tells who hears of changes",
    "work": "tells who looks after what",
    "thread": "tells what is left to people",
    "audit": "tells that somebody looked",
    "calls": "tells of refusals",
    "effect": "tells what the provider shows; no power follows",
    "prompt": "a model may only plan",
    "rollout": "an opinion on what was done",
    "tenant": "tells in which database a log goes on; no power follows",
    "passkey": "by its own signature as well: broken one by one in `broken_rules`",
}


def test_every_kind_of_entry_names_a_credential_or_has_a_reason_not_to() -> None:
    """A new kind fails here until somebody has said which of the two it is."""
    unsaid = [
        kind.value
        for kind in EntryKind
        if kind not in NAMED
        and kind not in _BY_ITSELF
        and kind.value.partition(".")[0] not in _FAMILIES
        and not kind.value.endswith(("refused", "exported", "searched"))
        and kind.value not in {"log.opened", "action.judged"}
    ]
    assert unsaid == []


@pytest.mark.parametrize("credential", [None, "tok_none", "tok_maria"])
@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.value)
def test_without_a_credential_of_theirs_the_log_does_not_verify(
    kind: EntryKind, credential: Json
) -> None:
    """By none, by one that nobody made, and by another person's; each kind, mechanically."""
    before, status, data = NAMED[kind]
    log = RuledLog()
    before(log)
    said: Data = {**data, "credential": credential}
    subject = SUBJECT if kind.value.startswith("subject") else None
    if status:
        log.act(kind, status, person("finn"), said, approval="apr_1")
    else:
        log.say(kind, person("finn"), said, subject=subject)
    found = _found(log)
    assert Check.RULE_CREDENTIAL in found


@pytest.mark.parametrize("kind", [EntryKind.STOP_ENGAGED, EntryKind.SUBJECT_ERASING])
def test_a_service_names_its_token_too(kind: EntryKind) -> None:
    """Whoever acts for no person has a token of their own, with a scope for it."""
    log = RuledLog()
    _, _, data = NAMED[kind]
    log.say(kind, BOT, {**data, "credential": None}, subject=SUBJECT)
    assert _found(log) == {Check.RULE_CREDENTIAL}


def _found(log: RuledLog) -> set[Check]:
    world, findings = ReplayedState(log.tenant), Findings()
    for seq, body in enumerate(log.bodies):
        judge(world, Event.of(orjson.loads(body), seq), findings)
    return {one.check for one in findings.kept}
