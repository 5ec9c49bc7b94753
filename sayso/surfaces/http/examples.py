"""Examples of the OpenAPI document; a test reads each with the model that it stands for."""

from __future__ import annotations

from typing import Any

_SUBJECT = {"id": "cus_demo_ana", "assurance": "signed_in"}
_AMOUNT = {"amount_minor": 12900, "currency": "USD"}
_DIGEST = "dc5621f6e920daf79f551b55a78e3a10ab11761f283a4cb2de53d6c8c8000265"
_AT = "2026-11-25T12:00:00.000000Z"
_ACTION_ID = "act_01m8997dg07f10mebp3hxcmnxk"
_APPROVAL_ID = "apr_01m8997dg0jw1993dqct7cjj2z"
_REQUEST_ID = "req_01m8997dg0jw1993dqct7cjj2z"

ASK: dict[str, Any] = {
    "subject": _SUBJECT,
    "messages": [{"role": "customer", "content": "Please refund order 1042, the mug is broken."}],
}
ANSWER: dict[str, Any] = {"question": 1, "choice": "yes"}
ANSWER_IN_WORDS: dict[str, Any] = {"question": 2, "content": "the second one, please"}
PROPOSE: dict[str, Any] = {
    "subject": _SUBJECT,
    "action": "stripe.refund",
    "args": {"charge": "ch_demo_ana_1", "amount": _AMOUNT},
    "reason": "the mug arrived broken",
}
ACTION_TYPES: dict[str, Any] = {
    "items": [
        {
            "name": "stripe.credit",
            "summary": "Give account credit towards later invoices",
            "sentence": "Give {amount} of account credit",
            "effect": "credit",
            "guarantee": "idempotent",
            "promise": "done once (idempotent, 24 h, claimed)",
            "reversible": True,
            "undone_by": "stripe.take_back_credit",
            "args": [
                {
                    "name": "amount",
                    "required": True,
                    "description": "how much credit",
                    "form": '{"amount_minor": 500, "currency": "USD"}',
                },
                {
                    "name": "note",
                    "required": False,
                    "description": "why, on the invoice",
                    "form": "a text",
                },
            ],
            "args_schema": {"type": "object", "required": ["amount"], "properties": {}},
        }
    ],
    "unread": {},
}
APPROVE: dict[str, Any] = {"decision": "approve", "revision": 1, "digest": _DIGEST}
REJECT: dict[str, Any] = {
    "decision": "reject",
    "revision": 1,
    "digest": _DIGEST[:12],
    "reason_code": "not_covered",
    "reason": "the return window is over",
}
EDIT: dict[str, Any] = {
    "decision": "edit",
    "revision": 1,
    "digest": _DIGEST,
    "args": {"amount": {"amount_minor": 6450, "currency": "USD"}},
}
APPROVE_PLAN: dict[str, Any] = {
    "decisions": [
        {"approval": _APPROVAL_ID, "decision": "approve", "revision": 1, "digest": _DIGEST}
    ]
}
SETTLE: dict[str, Any] = {
    "outcome": "succeeded",
    "evidence": "the page of refunds at Stripe shows it, 2026-11-25 12:10",
    "receipt_id": "re_1",
}
SETTLE_FAILED: dict[str, Any] = {
    "outcome": "failed",
    "evidence": "Stripe's support has confirmed in ticket 4711 that it never arrived",
}
STOP_ALL: dict[str, Any] = {"scope": "all", "reason": "INC-7: refunds go out twice"}
STOP_CONNECTOR: dict[str, Any] = {"scope": "connector", "target": "stripe", "reason": "INC-7"}
WIDEN: dict[str, Any] = {"stage": "auto", "share": 10, "otherwise": "suggest"}
LOWER: dict[str, Any] = {"sums": {"USD": 600}, "note": "until the incident is over"}
WRONG: dict[str, Any] = {"how": "disputed"}
POLICY: dict[str, Any] = {
    "version": {
        "version": 14,
        "sha256": _DIGEST,
        "parent": 13,
        "direction": "looser",
        "activated_by": "person:owen",
        "asked_by": "person:dana",
        "activated_at": _AT,
        "via": "cli",
        "note": "refunds to 10 %",
        "seq": 412,
    },
    "files": {"policies/rollout.toml": "[[dial]]\n…"},
    "roles": ["support_manager", "finance"],
    "max_people": 3,
    "activate": ["support_manager"],
    "loosening_needs": 2,
    "confirm": ["finance"],
}
POLICY_CHANGE: dict[str, Any] = {
    "id": "pol_01k7s1y9t2m4v6x8z0b2d4f6h8",
    "sha256": _DIGEST,
    "parent": 13,
    "direction": "looser",
    "status": "waiting",
    "asked_by": "dana",
    "asked_at": _AT,
    "note": "refunds to 10 %",
    "ended_by": None,
    "next_step": f"somebody else runs: sayso policy confirm pol_… {_DIGEST[:12]}",
}
POLICY_CHANGES: dict[str, Any] = {
    "direction": "looser",
    "decided": True,
    "loosens": [],
    "tightens": [],
    "examples": [
        {
            "way": "looser",
            "action": "stripe.refund",
            "question": "$75.00 · 366 days · plan pro · Mon",
            "was": "a support manager",
            "now": "nobody",
            "rules": ["refunds.year"],
        }
    ],
    "asked_again": 14,
}
POLICY_DRAFT: dict[str, Any] = {
    "version": 13,
    "sha256": _DIGEST,
    "changed": ["policies/refunds.toml"],
    "text_diff": "+up_to = 75",
    "change": POLICY_CHANGES,
}
POLICY_FILES: dict[str, Any] = {"files": {"policies/limits.toml": "[[limit]]\n…"}}
ACTIVATE: dict[str, Any] = {"sha256": _DIGEST[:12], "note": "refunds to 10 %"}
ROLLBACK: dict[str, Any] = {"version": 13, "note": "too generous"}
CONFIRM: dict[str, Any] = {"sha256": _DIGEST[:12]}
POLICY_TEST: dict[str, Any] = {
    "file": "policies/refunds.test.toml",
    "say": "a year, $75, third refund",
    "passed": False,
    "question": "$75.00 · 400 days · count 3",
    "wanted": "nobody",
    "got": "a support manager",
    "rules": ["refund-manager"],
    "why": "A refund of up to 500 once a support manager has approved",
}
FINDING: dict[str, Any] = {
    "kind": "overridden",
    "mistake": True,
    "file": "policies/refunds.toml",
    "line": 4,
    "rule": "refunds.year",
    "message": "it allows nothing: `refunds.weekend` always stands against it",
    "next_step": "remove one of the two, or give the other one a condition",
}
PROOF: dict[str, Any] = {
    "id": "over-500",
    "say": "Over $500 finance is always among those who agree",
    "verdict": "proved",
    "counterexample": "",
    "why": "",
}
BACKTEST_ASKED: dict[str, Any] = {"since": "2026-08-29T00:00:00Z"}
BACKTEST: dict[str, Any] = {
    "total": 1_000,
    "was": {"automatic": 463, "asked": 537, "refused": 0, "cannot_say": 0},
    "now": {"automatic": 483, "asked": 517, "refused": 0, "cannot_say": 0},
    "newly_yes": 18,
    "newly_less": 1,
    "newly_no": 1,
    "newly_undecided": 0,
    "no_longer": 0,
    "checked": 1_000,
    "cases": [
        {
            "action": "act_01k7s1y9t2m4v6x8z0b2d4f6h8",
            "name": "stripe.refund",
            "question": "$62.00 · 412 days",
            "said": "less",
        }
    ],
}
EXPLANATION: dict[str, Any] = {
    "action": "act_01k7s1y9t2m4v6x8z0b2d4f6h8",
    "name": "stripe.refund",
    "version": 12,
    "judged_at": _AT,
    "question": "$62.00 · 412 days · plan pro · Sat",
    "outcome": "ask",
    "explain": "At weekends a support manager is asked",
    "by": ["refunds.weekend"],
    "stage": "",
    "steps": [
        {
            "who": "nobody",
            "allowed": False,
            "rules": [["refunds.weekend", "At weekends a support manager is asked"]],
        },
    ],
    "today": "a support manager",
    "today_version": 14,
}
SUGGESTION: dict[str, Any] = {
    "id": "sug_4be1c0a97d21",
    "kind": "rule",
    "direction": "looser",
    "action": "stripe.refund",
    "sentence": "97 of 100 cards about stripe.refund (up to 30 USD, tenure days over 365) were"
    " approved unchanged (91 to 99 %)",
    "figures": ["of the other 3: 2 were less, 1 no"],
    "counterexamples": BACKTEST["cases"],
    "files": {"policies/suggested-stripe-refund.toml": "[[allow]]\n…"},
    "next_step": "sayso policy suggest --write sug_4be1c0a97d21, then sayso policy diff",
}
LIMIT: dict[str, Any] = {
    "id": "token-hour",
    "say": "One bot refunds at most $900 an hour by itself",
    "of": "token",
    "action": "stripe.refund",
    "window": "this hour",
    "counts": "automatic",
    "beyond": "support_manager",
    "across_tenants": False,
    "sums_minor": {"USD": 90_000},
    "count": None,
    "cards": None,
    "uses": [
        {
            "whose": "service:bot",
            "currency": "USD",
            "used_minor": 88_200,
            "held_minor": 0,
            "cap_minor": 90_000,
            "used": 18,
            "cap": None,
        }
    ],
}
DIAL: dict[str, Any] = {
    "id": "refunds",
    "say": "Refunds of customers over a year",
    "action": "stripe.refund",
    "stage": "shadow",
    "otherwise": "off",
    "share": 100.0,
    "until": None,
    "braked": False,
    "agreement": {
        "same": 206,
        "less": 4,
        "more": 0,
        "other": 0,
        "nothing": 2,
        "unseen": 3,
        "counted": 212,
        "low": 93,
        "high": 99,
        "words": "97 % of 212 (93 to 99)",
        "missing": [],
    },
    "ready": True,
    "wrong": 0,
    "done": 0,
}
REPORT: dict[str, Any] = {
    "since": "2026-11-16",
    "until": "2026-11-27",
    "weeks": [
        {
            "first": "2026-11-23",
            "running": True,
            "automatic": 131,
            "asked": 44,
            "refused": 5,
            "handed_over": 13,
            "open": 2,
        }
    ],
    "cards": {
        "yes": 40,
        "less": 2,
        "no": 2,
        "expired": 1,
        "waiting": 3,
        "median_s": 660.0,
        "nine_of_ten_s": 11_400.0,
        "quick": 2,
    },
    "moved": [
        {
            "action": "stripe.refund",
            "currency": "USD",
            "at_once_minor": 120_450,
            "at_once": 117,
            "agreed_minor": 187_700,
            "agreed": 41,
        }
    ],
    "done_median_s": 2.1,
    "asked_median_s": 840.0,
    "asked_nine_of_ten_s": 9_120.0,
    "done_nine_of_ten_s": 660.0,
    "wrong": 0,
    "done": 175,
    "wrong_of_old": 0,
    "done_old": 0,
    "model_cost_usd": 0.41,
    "minutes_saved": None,
    "assumption": "",
    "ready": ["Refunds of customers over a year: 97 % of 212 (93 to 99)"],
    "not_ready": [],
}
ADD_WEBHOOK: dict[str, Any] = {"url": "https://bot.example.com/sayso"}
REPLAY: dict[str, Any] = {"after": 412}
REPLAY_SINCE: dict[str, Any] = {"since": "2026-11-25T12:00:00Z"}
WEBHOOK: dict[str, Any] = {
    "id": "whk_01m8997dg0jw1993dqct7cjj2z",
    "url": "https://bot.example.com/sayso",
    "kinds": [],
    "status": "active",
    "why": None,
    "waiting": 0,
    "failures": 0,
    "failing_since": None,
    "problem": None,
    "created_at": _AT,
    "secret": None,
}
WEBHOOK_MADE: dict[str, Any] = {
    **WEBHOOK,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
}
WEBHOOK_TEST: dict[str, Any] = {
    "id": "whk_01m8997dg0jw1993dqct7cjj2z",
    "taken": True,
    "status": 204,
    "problem": None,
    "took_ms": 38,
}
_STOP_ID = "stp_01m8997dg0jw1993dqct7cjj2z"
RESUME: dict[str, Any] = {"stop": _STOP_ID}
STOP: dict[str, Any] = {
    "id": _STOP_ID,
    "status": "in_force",
    "scope": "connector",
    "target": "stripe",
    "reason": "INC-7",
    "held": 3,
    "doubt": "",
    "engaged_by": "person:maria",
    "engaged_at": _AT,
    "asked_by": None,
    "asked_at": None,
    "released_by": None,
    "released_at": None,
}
_PSEUDONYM = "sub_4k7q2nydvhcmx3w5zr6tbaej"
ACCESS: dict[str, Any] = {"subject": "cus_demo_ana"}
ERASE: dict[str, Any] = {"subject": "cus_demo_ana", "reason": "subject_request"}
PLACE_HOLD: dict[str, Any] = {"subject": "cus_demo_ana", "reason": "litigation"}
ERASURE: dict[str, Any] = {
    "id": "ers_01m8997dg0jw1993dqct7cjj2z",
    "status": "erased",
    "subject": _PSEUDONYM,
    "reason": "subject_request",
    "by": "person:maria",
    "begun_seq": 40,
    "begun_at": _AT,
    "done_seq": 41,
    "done_at": _AT,
    "scrubbed": True,
    "account": "cus_demo_ana",
    "beside": [],
}
HOLD: dict[str, Any] = {
    "id": "hld_01m8997dg0jw1993dqct7cjj2z",
    "status": "in_force",
    "subject": _PSEUDONYM,
    "reason": "litigation",
    "placed_by": "maria",
    "placed_at": _AT,
    "asked_by": None,
    "asked_at": None,
    "released_by": None,
    "released_at": None,
    "account": "cus_demo_ana",
    "beside": [],
}
SUBJECT: dict[str, Any] = {
    "format": "sayso-subject/1",
    "tenant": "main",
    "subject": "cus_demo_ana",
    "pseudonym": _PSEUDONYM,
    "made_at": _AT,
    "requests": [],
    "actions": [{"id": _ACTION_ID, "name": "stripe.refund", "status": "succeeded"}],
    "approvals": [],
    "stops": [],
    "links": [],
    "texts": {"pii_01m8997dg0jw1993dqct7cjj2z": "the mug arrived broken"},
    "entries": [{"v": 1, "seq": 7, "kind": "action.pending", "action": _ACTION_ID}],
    "beside": [],
}
APPROVAL: dict[str, Any] = {
    "id": _APPROVAL_ID,
    "action_id": _ACTION_ID,
    "status": "pending",
    "revision": 1,
    "digest": _DIGEST,
    "roles": ["support_manager"],
    "card": {"title": "Refund $129.00 of Visa ..4242, 2026-11-12", "effect": "money_out"},
    "votes": [],
    "escalated": None,
    "expires_at": "2026-11-25T20:00:00.000000Z",
    "created_at": _AT,
    "updated_at": _AT,
}
ENTRY: dict[str, Any] = {
    "seq": 7,
    "at": _AT,
    "kind": "action.pending",
    "actor": "service:bot",
    "leaf": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "says": "Refunds over $50 need a support manager, ask",
    "body": {"v": 1, "seq": 7, "kind": "action.pending", "action": _ACTION_ID},
    "proof": None,
}
ACTION: dict[str, Any] = {
    "id": _ACTION_ID,
    "status": "pending_approval",
    "action": "stripe.refund",
    "subject": "cus_demo_ana",
    "assurance": "signed_in",
    "args": {"charge": "ch_demo_ana_1", "amount": _AMOUNT},
    "amount": _AMOUNT,
    "planner": "caller",
    "request_id": None,
    "step": None,
    "after": [],
    "on_failure": "continue",
    "undoes": None,
    "revision": 1,
    "digest": _DIGEST,
    "decision": {
        "outcome": "ask",
        "rule": "refund-manager",
        "reason": "A refund of up to 500 once a support manager has approved",
        "roles": ["support_manager"],
        "policy_version": "f5e5c71877a195c7104cdecd1aa62e1c3cb706508468595c398ce837f94b1683",
    },
    "approval": APPROVAL,
    "receipt": None,
    "error": None,
    "held": None,
    "created_at": _AT,
    "updated_at": _AT,
    "timeline": [],
}
DONE: dict[str, Any] = {
    **ACTION,
    "status": "succeeded",
    "approval": {**APPROVAL, "status": "approved"},
    "receipt": {"id": "re_1", "status": "succeeded", "amount": _AMOUNT, "details": {}},
    "timeline": [ENTRY],
}
REQUEST: dict[str, Any] = {
    "id": _REQUEST_ID,
    "status": "acting",
    "kind": "action",
    "subject": "cus_demo_ana",
    "assurance": "verified",
    "verified": None,
    "planner": "playbooks",
    "plan": {"steps": [{"id": "s1", "action": "stripe.refund"}]},
    "actions": [{**ACTION, "planner": "playbooks", "request_id": _REQUEST_ID, "step": "s1"}],
    "question": None,
    "reply": "Your refund of $129.00 is being looked at by a colleague.",
    "error": None,
    "tokens": 0,
    "cost_micro_usd": 0,
    "created_at": _AT,
    "updated_at": _AT,
}
_STEP: dict[str, Any] = {
    "id": "s1",
    "action_id": _ACTION_ID,
    "approval_id": _APPROVAL_ID,
    "action": "stripe.refund",
    "effect": "money_out",
    "title": "Refund $129.00 of order 1042",
    "amount": _AMOUNT,
    "payee": "Visa ··4242",
    "consequence": "To the Visa ··4242 that paid. Cannot be undone.",
    "asks": True,
    "left_out": False,
    "needs": "people",
    "status": "pending_approval",
    "may_lower": True,
    "after": [],
    "letter": None,
    "revision": 1,
    "digest": _DIGEST,
    "card": None,
    "receipt": None,
    "error": None,
    "updated_at": _AT,
}
SOLUTION: dict[str, Any] = {
    "id": _APPROVAL_ID,
    "request_id": _REQUEST_ID,
    "status": "pending",
    "revision": 1,
    "digest": _DIGEST,
    "customer": {"id": "cus_demo_ana", "name": "Ana Souza", "assurance": "signed_in"},
    "lead": {
        "headline": "$129.00 to Ana Souza",
        "split": [["$129.00", "back to the Visa ··4242 that paid"]],
        "quote": "Please refund order 1042, the mug is broken.",
        "why": "Above the automatic $50",
        "needed": "It needs one support manager.",
        "unusual": [],
        "quiet": 9,
        "facts": [["Customer", "for 3 years"]],
        "on_yes": "the step starts at once",
        "on_no": "no money",
    },
    "steps": [_STEP],
    "money": [{"label": "Back to the card", "amount": _AMOUNT}],
    "totals": [_AMOUNT],
    "all_or_nothing": False,
    "cautions": [],
    "roles": ["support_manager"],
    "agreed": [],
    "votes": [],
    "escalated": None,
    "planner": "playbooks",
    "proposed_by": None,
    "agent_says": [],
    "question": None,
    "notes": [],
    "assignee": None,
    "passkey": False,
    "starts_at": None,
    "may_take_back": False,
    "says_why": False,
    "expires_at": _AT,
    "created_at": _AT,
    "updated_at": _AT,
}
SOLUTION_DONE: dict[str, Any] = {
    **SOLUTION,
    "status": "approved",
    "steps": [{**_STEP, "asks": False, "status": "succeeded"}],
    "agreed": ["maria"],
}
CHECKPOINT = """sayso/main
8
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— sayso/main Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo\
+zyWE+xeMcTOAYQ8=
"""
METRICS = """# HELP sayso_approvals_pending Approvals that wait for people.
# TYPE sayso_approvals_pending gauge
sayso_approvals_pending 3
"""
EVENTS = f"""event: action
data: {{"seq":7,"at":"{_AT}","kind":"action.pending","request_id":"{_REQUEST_ID}",\
"action_id":"{_ACTION_ID}","approval_id":"{_APPROVAL_ID}","status":"pending_approval",\
"message":"A person from our team has to agree first."}}
id: 7
"""


PROGRESS = f"""event: progress
data: {{"request_id":"{_REQUEST_ID}","action_id":"{_ACTION_ID}","action":"stripe.refund",\
"status":"pending_approval","message":"A person from our team has to agree first.","request":null}}
"""


def page(item: dict[str, Any]) -> dict[str, Any]:
    """A page of one item, with more behind it: FastAPI leaves nulls out of examples."""
    return {"items": [item], "next_after": item.get("id") or item.get("seq") or item["about"]}
