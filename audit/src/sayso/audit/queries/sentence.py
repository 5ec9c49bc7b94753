"""An entry in words: the one place where tables, questions and cases get theirs from.

`title_of` is what happened, in two or three words; `sentence_of` what it changed, about whom, on
whose word, and `parts_of` the same piece by piece. All come from the body alone, so that an auditor
reads the same without a server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from sayso.audit.entry import EntryKind
from sayso.audit.event import Event, objects_of
from sayso.audit.fields import Fields, object_in
from sayso.ids import rfc3339
from sayso.money import Money

_MOST_CHARS = 300
_Words = Callable[[Event], "list[str]"]


def title_of(kind: str) -> str:
    """What happened, such as `Policy put in force`; the kind itself where it is none of ours."""
    return TITLES.get(kind, kind)


def sentence_of(fields: Fields) -> str:
    """What an entry changed, about whom, and on whose word; empty where its title says it all.

    Args:
        fields: of the body. What is missing, or of another type, is left out.

    Returns:
        At most 300 characters on one line; personal words never stand in a body.
    """
    said = ", ".join(parts_of(fields))
    return said if len(said) <= _MOST_CHARS else f"{said[: _MOST_CHARS - 1]}…"


def parts_of(fields: Fields) -> list[str]:
    """The sentence of an entry in its pieces, each on one line; nothing is cut."""
    event = Event.of(fields, 0)
    words = _WORDS.get(event.kind) or _FAMILIES.get(event.family)
    found = [] if words is None else words(event)
    if event.text("asked_by"):
        found.append(f"asked for by {event.text('asked_by')}")
    return [" ".join(one.split()) for one in found if one]


def _texts(*names: str) -> _Words:
    """These texts of `data`, as they are."""
    return lambda event: [event.text(name) or "" for name in names]


def _list(event: Event, name: str) -> str:
    return ", ".join(event.texts(name))


def _labelled(event: Event, label: str, name: str) -> str:
    value = event.text(name) or _list(event, name)
    return f"{label} {value}" if value else ""


def _policy(event: Event) -> list[str]:
    version, parent = event.whole("version"), event.whole("parent")
    if version is None:
        version = None if parent is None else parent + 1
        found = [] if version is None else [f"version {version}, if it comes in force"]
    else:
        found = [f"version {version}"]
        found += [f"in place of {parent}"] if parent is not None else []
    direction = event.text("direction")
    found += [] if direction is None else [_DIRECTIONS.get(direction, direction)]
    found += event.texts("changes")
    note = event.text("note")
    return [*found, f"“{note}”" if note else "", _ended(event)]


_DIRECTIONS = {
    "first": "the first one",
    "same": "nobody may more or less by it",
    "looser": "looser",
    "tighter": "tighter",
}


def _ended(event: Event) -> str:
    return event.text("ended") or event.text("code") or ""


def _person(event: Event) -> list[str]:
    roles = _list(event, "roles").replace("_", " ")
    found = [event.text("person") or ""]
    if event.kind != EntryKind.PERSON_DEACTIVATED:
        found.append(f"as {roles}" if roles else "without a role")
    found += [_labelled(event, "Slack", "slack"), _labelled(event, "signs in as", "oidc")]
    return [*found, _labelled(event, "with", "accounts"), _labelled(event, "by", "source")]


def _token(event: Event) -> list[str]:
    ends = event.whole("expires_at")
    holder = event.text("holder")
    found = [event.text("token") or ""]
    if holder:
        what = "session of" if event.text("session") else f"{event.text('token_kind')}"
        found.append(f"{what} {holder}")
    found.append(_labelled(event, "may", "scopes"))
    return [*found, f"until {rfc3339(ends)[:10]}" if ends is not None else ""]


def _passkey(event: Event) -> list[str]:
    found = [_labelled(event, "of", "person")]
    amounts = event.data.get("amounts")
    for one in cast("list[object]", amounts) if isinstance(amounts, list) else []:
        match one:
            case [str(currency), int(minor)] if len(currency) == 3:
                found.append(f"from {Money(minor, currency)}")
            case _:
                pass
    return found


def _stop(event: Event) -> list[str]:
    target = event.text("target") or ""
    scope = "everything" if event.text("scope") in {"all", "tenant"} else event.text("scope") or ""
    return [f"{scope} {target}".strip(), event.text("reason") or "", _ended(event)]


def _webhook(event: Event) -> list[str]:
    return [event.text("webhook") or "", _labelled(event, "for", "kinds"), event.text("why") or ""]


def _prompt(event: Event) -> list[str]:
    found = [_labelled(event, "prompt", "prompt"), _labelled(event, "candidate", "candidate")]
    return [*found, event.text("note") or ""]


def _action(event: Event) -> list[str]:
    data = event.data
    found: list[str] = []
    match event.text("decision"):
        case "approve":
            found.append("yes" if event.kind != EntryKind.ACTION_EDITED else "yes to less")
        case "reject":
            found.append("no")
        case "edit":
            found.append("yes to less")
        case _:
            pass
    if data.get("taken_back") is True:
        found.append("took the yes back")
    found += [event.text("reason_code") or "", event.text("code") or ""]
    found.append(str(object_in(data, "error").get("code") or ""))
    found += [event.text("explain") or "", event.text("receipt") or "", event.text("outcome") or ""]
    if "decision" in data and event.text("via"):
        found.append(f"by {event.text('via')}")
    return list(dict.fromkeys(found))


def _refused(event: Event) -> list[str]:
    what = {"approve": "yes", "reject": "no", "edit": "yes to less"}
    decision = event.text("decision") or ""
    return [what.get(decision, decision), event.text("code") or "", event.text("of_action") or ""]


def _limit(event: Event) -> list[str]:
    return [event.text("limit") or "", "full" if event.data.get("full") is True else "nearly full"]


def _seen(event: Event) -> list[str]:
    found = event.whole("found")
    count = "" if found is None else f"{found:,} found"
    of = _labelled(event, "of", "of_action")
    return [*_texts("by", "query", "format")(event), of, count]


def _subject(event: Event) -> list[str]:
    customer = event.top("subject") or ""
    return [customer, event.text("reason") or "", event.text("hold") or "", _ended(event)]


def _log(event: Event) -> list[str]:
    first, size = event.whole("first"), event.whole("size")
    rows = "" if first is None or size is None else f"entries {first:,} to {size - 1:,}"
    return [rows, event.text("file") or "", event.text("code") or ""]


def _mended(event: Event) -> list[str]:
    rows = objects_of(event.data.get("rows"))
    return [
        event.text("check") or "",
        f"{len(rows):,} rows" if rows else "",
        _labelled(event, "because", "reason"),
    ]


def _swept(event: Event) -> list[str]:
    counts = [
        f"{value:,} {name.replace('_', ' ')}"
        for name, value in event.data.items()
        if type(value) is int
    ]
    return [_labelled(event, "older than", "before"), *counts]


def _link(event: Event) -> list[str]:
    return [
        *(event.text(name) or "" for name in ("link", "proof", "why", "to", "by")),
        _labelled(event, "with", "linked_with"),
    ]


_FAMILIES: Mapping[str, _Words] = {
    "policy": _policy,
    "person": _person,
    "token": _token,
    "passkey": _passkey,
    "stop": _stop,
    "webhook": _webhook,
    "prompt": _prompt,
    "action": _action,
    "limit": _limit,
    "subject": _subject,
    "log": _log,
    "customer": _link,
    "request": _texts("code", "reason", "planner", "slot"),
    "work": _texts("to", "until", "reason"),
    "rollout": _texts("dial", "how"),
    "thread": _texts("why", "code"),
    "approval": lambda event: [_list(event, "roles").replace("_", " "), event.text("role") or ""],
    "canary": _texts("canary", "mistake", "outcome"),
}
_WORDS: Mapping[str, _Words] = {
    "approval.refused": _refused,
    "audit.queried": _seen,
    "audit.exported": _seen,
    "customer.searched": _seen,
    "audit.repair_asked": _mended,
    "audit.repaired": _mended,
    "audit.accept_asked": _mended,
    "audit.finding_accepted": _mended,
    "retention.swept": _swept,
}
TITLES: Mapping[str, str] = {
    EntryKind.LOG_OPENED: "Log opened",
    EntryKind.RULES_ADOPTED: "Rules adopted",
    EntryKind.AUTHORITY_STATED: "Who may do what, once more",
    EntryKind.PERSON_ADDED: "Person added",
    EntryKind.PERSON_CHANGED: "Person changed",
    EntryKind.PERSON_DEACTIVATED: "Person removed",
    EntryKind.PASSKEY_ENROLLED: "Passkey enrolled",
    EntryKind.PASSKEY_CONFIRMED: "Passkey confirmed",
    EntryKind.PASSKEY_REMOVED: "Passkey removed",
    EntryKind.PASSKEY_REQUIRED: "Passkey required",
    EntryKind.REQUEST_ASKED: "Asked",
    EntryKind.REQUEST_QUESTIONED: "Asked back",
    EntryKind.REQUEST_CONTINUED: "Customer answered",
    EntryKind.REQUEST_PLANNED: "Planned",
    EntryKind.REQUEST_HANDED_OVER: "Handed over",
    EntryKind.REQUEST_PROPOSED: "Draft proposed",
    EntryKind.REQUEST_REPLIED: "Told",
    EntryKind.REQUEST_WITHDRAWN: "Taken back by the customer",
    EntryKind.ACTION_PROPOSED: "Proposed",
    EntryKind.ACTION_REFUSED: "Refused",
    EntryKind.ACTION_PENDING: "Asks people",
    EntryKind.ACTION_APPROVED: "Approved",
    EntryKind.ACTION_REJECTED: "Rejected",
    EntryKind.ACTION_EDITED: "Lowered",
    EntryKind.ACTION_EXPIRED: "Expired",
    EntryKind.ACTION_WITHDRAWN: "Withdrawn",
    EntryKind.ACTION_STALE: "Changed meanwhile",
    EntryKind.ACTION_HELD: "Held back",
    EntryKind.ACTION_INTENT: "Intent committed",
    EntryKind.ACTION_ACCEPTED: "Taken by the provider",
    EntryKind.ACTION_SUCCEEDED: "Done",
    EntryKind.ACTION_FAILED: "Failed",
    EntryKind.ACTION_UNKNOWN: "Outcome unknown",
    EntryKind.ACTION_RECONCILED: "Looked up",
    EntryKind.ACTION_RESOLVED: "Settled by a person",
    EntryKind.ACTION_COMPENSATED: "Undone",
    EntryKind.PLAN_UNDOING: "Plan is undone",
    EntryKind.APPROVAL_REFUSED: "Click refused",
    EntryKind.APPROVAL_REMINDED: "People reminded",
    EntryKind.APPROVAL_ESCALATED: "Others may answer, too",
    EntryKind.CANARY_SHOWN: "Test card shown",
    EntryKind.CANARY_ANSWERED: "Test card answered",
    EntryKind.CANARY_ENDED: "Test card ended",
    EntryKind.STOP_ENGAGED: "Stopped",
    EntryKind.STOP_RESUME_ASKED: "Resuming asked for",
    EntryKind.STOP_RELEASED: "Let go on",
    EntryKind.STOP_REFUSED: "Stopping refused",
    EntryKind.POLICY_ACTIVATED: "Policy put in force",
    EntryKind.POLICY_ASKED: "Policy change asked for",
    EntryKind.POLICY_WITHDRAWN: "Policy change ended",
    EntryKind.POLICY_REFUSED: "Policy change refused",
    EntryKind.LIMIT_NEAR: "Limit nearly used",
    EntryKind.ROLLOUT_WRONG: "Said to be wrong",
    EntryKind.ROLLOUT_BRAKED: "Roll-out braked",
    EntryKind.KEY_ROTATED: "Key changed",
    EntryKind.LOG_HEAD: "Head of another log",
    EntryKind.LOG_SEALED: "Entries sealed",
    EntryKind.LOG_PRUNED: "Entries pruned",
    EntryKind.LOG_REFUSED: "Pruning refused",
    EntryKind.AUDIT_QUERIED: "Question to the log",
    EntryKind.AUDIT_EXPORTED: "Export",
    EntryKind.REPAIR_ASKED: "Repair asked for",
    EntryKind.REPAIRED: "Rows rebuilt",
    EntryKind.ACCEPT_ASKED: "Acceptance asked for",
    EntryKind.FINDING_ACCEPTED: "Finding accepted",
    EntryKind.TOKEN_CREATED: "Token made",
    EntryKind.TOKEN_REVOKED: "Token ended",
    EntryKind.WEBHOOK_ADDED: "Webhook added",
    EntryKind.WEBHOOK_ROTATED: "Webhook's secret changed",
    EntryKind.WEBHOOK_DISABLED: "Webhook disabled",
    EntryKind.WEBHOOK_ENABLED: "Webhook enabled",
    EntryKind.WEBHOOK_REPLAYED: "Webhook replayed",
    EntryKind.WEBHOOK_REMOVED: "Webhook removed",
    EntryKind.PROMPT_CHOSEN: "Prompt chosen",
    EntryKind.EFFECT_SEEN: "Done outside Sayso",
    EntryKind.THREAD_LEFT: "Left to people at the desk",
    EntryKind.WORK_TAKEN: "Work taken",
    EntryKind.WORK_NOTED: "Work noted",
    EntryKind.WORK_ENDED: "Work ended",
    EntryKind.WORK_LATE: "Not answered in time",
    EntryKind.WORK_AWAY: "Somebody is away",
    EntryKind.CUSTOMER_LINKED: "Accounts linked",
    EntryKind.CUSTOMER_UNLINKED: "Link ended",
    EntryKind.CUSTOMER_SEARCHED: "Customer looked for",
    EntryKind.CUSTOMER_CODE_SENT: "Code sent",
    EntryKind.CUSTOMER_VERIFIED: "Customer known",
    EntryKind.SUBJECT_ERASING: "Erasure begun",
    EntryKind.SUBJECT_ERASED: "Customer erased",
    EntryKind.SUBJECT_EXPORTED: "Customer's data given out",
    EntryKind.SUBJECT_HELD: "Customer's data held",
    EntryKind.SUBJECT_RELEASE_ASKED: "Release of a hold asked for",
    EntryKind.SUBJECT_RELEASED: "Hold released",
    EntryKind.SUBJECT_REFUSED: "Erasure or hold refused",
    EntryKind.RETENTION_SWEPT: "Old personal text deleted",
    EntryKind.TENANT_PLACED: "Tenant placed",
    EntryKind.TENANT_LEAVING: "Move to another database begun",
    EntryKind.TENANT_SETTLED: "Log goes on here",
    EntryKind.TENANT_MOVED: "Moved to another database",
    EntryKind.CALLS_TURNED_AWAY: "Calls turned away",
}
