"""For every text column of the schema: whether it may name or quote a customer, or what bounds it.

This is the one place that says so. A column that isn't here fails a test; one that is declared
`PERSONAL` has to be blank after an erasure and in no entry of the log; any other holds nothing but
what its form allows, in a workspace in which everything happens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """What may name or quote a customer.

    Attributes:
        kept: of a JSON text, the names whose values an erasure keeps, or `name.0` of a list; none
            of them is personal.
    """

    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Form:
    """What a text that names no customer looks like; `words` for the docs."""

    words: str
    pattern: str

    def fits(self, value: str) -> bool:
        """Whether a stored value has the form."""
        return re.fullmatch(self.pattern, value, re.DOTALL) is not None


Text: TypeAlias = Personal | Form

_ID = r"[a-z]{3}_[0-9a-z]{26}"
_CODE = r"[a-z][a-z0-9_.-]{0,63}"
ID = Form("an id of Sayso's own", _ID)
PLACE = Form("an id of Sayso's own, and an index", rf"{_ID}(:\d{{1,19}})?")
QUEUED = Form(
    "an id of Sayso's own, and an index; a place in the log; the name of a queue",
    rf"{PLACE.pattern}|\d{{1,19}}|{_CODE}",
)
TENANT = Form("a tenant, or `*`", r"[a-z0-9*][a-z0-9_.-]{0,63}")
CODE = Form("a short word of a closed set", _CODE)
NAME = Form("a name that settings, the policy or a manifest give", r"[A-Za-z0-9*][\w.:/#=-]{0,199}")
DIGEST = Form("a digest, or a key that is made of one", r"(sayso_|stp_)?[0-9a-f]{40,64}|")
WHO = Form(
    "one of yours: a person, a service or the system", r"([a-z]+:)?[A-Za-z0-9][\w.@:+-]{0,199}"
)
WRITER = Form("one of yours; nobody, of what a desk or a provider tells", rf"{WHO.pattern}|")
CURRENCY = Form("ISO 4217, or nothing", r"[A-Z]{3}|")
DAY = Form("a day", r"\d{4}-\d\d-\d\d")
IDS = Form("a list of ids of Sayso's own", rf"\[(\"{_ID}\",?)*\]")
NAMES = Form("a list of names that settings or the policy give", r"\[(\"[\w.:#-]{1,64}\",?)*\]|")
ROLES = Form(
    "roles that the settings name", r"\[((\[(\"[\w.-]{1,64}\",?)*\]|\"[\w.-]{1,64}\"),?)*\]|\{.*\}"
)
TRACE = Form("a W3C trace id", r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
NOTE = Form("a signed note, or its key", r"[^\0]{1,20000}")
OURS = Form("words or a file of yours, at most 1 MB", r"[^\0]{0,1000000}")
COUNTER = Form("a limit's counter; of a customer hashed", r"[\w.:*/-]{1,200}|")
THERE = Form(
    "what a desk, or your own program, calls a thread or a message", r"[A-Za-z0-9._~:=/+-]{1,200}"
)
MARK = Form("how far a desk is read: a time, or a number for each of your folders", OURS.pattern)
SAID = Form(
    "the id of a request, a desk, and which of its sayings",
    rf"{_ID}/desk/[a-z][a-z0-9_-]{{0,39}}/[a-z_]+/[a-z_]+(-{_ID})?/\d{{1,6}}",
)
SEAL = Form("what knows a text again by a key of yours", r"[0-9a-f]{80}")
US = Form("the account by which a desk is read, or nothing", r"[^\s\0]{0,200}")
ENTRY = Form("an entry's canonical bytes; see the test that reads all of them", r"\{.*\}")
PERSONAL = Personal()

_SNAPSHOT = frozenset(
    "object.0 object_kind owner_proof account amount currency connector_version schema_sha256 "
    "view_sha256 digest principal.assurance resource.kind planner weekday".split()
)
_JUDGEMENT = frozenset(
    "outcome rules explain roles either policy policy_version stage why needed reason holds dial "
    "limits limit key currency with_plan of state names role unit missing".split()
)
_CARD = frozenset(
    "version action effect reversible guarantee amount account why rules roles planner deadline "
    "may_lower reason needed quiet title payee history on_yes on_no currency kind by facts".split()
)

TEXTS: Mapping[str, Mapping[str, Text]] = {
    "action": {
        **dict.fromkeys(("id", "reason_ref", "undoes", "held_by", "request_id"), ID),
        **dict.fromkeys(("idempotency_key", "fingerprint", "subject_id", "args"), PERSONAL),
        "snapshot": Personal(kept=_SNAPSHOT),
        "judgement": Personal(kept=_JUDGEMENT),
        "error": Personal(kept=frozenset({"code", "joins"})),
        "receipt": Personal(kept=frozenset("id status amount currency finality".split())),
        **dict.fromkeys(("requester",), WHO),
        **dict.fromkeys(("step", "name", "planner"), NAME),
        **dict.fromkeys(("assurance", "status", "on_failure"), CODE),
        **dict.fromkeys(("digest", "call_key", "occupies"), DIGEST),
        "after": NAMES,
        "currency": CURRENCY,
        "traceparent": TRACE,
    },
    "action_wrong": {"action_id": ID, "dial": NAME, "how": CODE, "told_by": WHO},
    "approval": {
        **dict.fromkeys(("id", "action_id", "request_id"), ID),
        "view": Personal(kept=_CARD),
        "status": CODE,
        "digest": DIGEST,
        "roles": ROLES,
        "requester": WHO,
    },
    "authority": {"note": NOTE},
    "canary": {
        **dict.fromkeys(("id", "source_id"), ID),
        **dict.fromkeys(("mistake", "status", "answer", "via"), CODE),
        "step": NAME,
        "roles": ROLES,
        "digest": DIGEST,
        "person": WHO,
    },
    "commit_mark": {},
    "connection_token": {"connection": NAME, "state": CODE, "lease_owner": NAME},
    "customer_link": {
        **dict.fromkeys(("id", "request_id", "reason_ref", "ended_ref"), ID),
        **dict.fromkeys(("account", "other"), NAME),
        **dict.fromkeys(("proof", "ended_why"), CODE),
        **dict.fromkeys(("linked_by", "ended_by"), WHO),
    },
    "desk": {"name": NAME, "cursor": MARK, "problem": CODE},
    "desk_message": {
        "desk": NAME,
        "account": US,
        **dict.fromkeys(("id", "thread"), THERE),
        "request_id": ID,
        **dict.fromkeys(("state", "why"), CODE),
    },
    "desk_said": {
        "desk": NAME,
        "thread": THERE,
        **dict.fromkeys(("request_id", "action_id"), ID),
        **dict.fromkeys(("kind", "about", "state", "why"), CODE),
        "digest": SEAL,
        "idempotency_key": SAID,
    },
    "desk_thread": {"desk": NAME, "id": THERE, "silent": CODE},
    "erasure": {
        "id": ID,
        "pseudonym": NAME,
        "subject_id": PERSONAL,
        "reason": CODE,
        "asked_by": WHO,
        "key_sha256": DIGEST,
    },
    "hold": {
        "id": ID,
        "pseudonym": NAME,
        "reason": CODE,
        **dict.fromkeys(("placed_by", "asked_by", "released_by"), WHO),
        **dict.fromkeys(("key_sha256", "asked_key_sha256", "released_key_sha256"), DIGEST),
    },
    "limit_counter": {"limit_id": NAME, "key": COUNTER, "currency": CURRENCY},
    "limit_use": {
        "home": TENANT,
        "action_id": ID,
        "limit_id": NAME,
        "key": COUNTER,
        "currency": CURRENCY,
        **dict.fromkeys(("state", "why"), CODE),
    },
    "log_entry": {"body": ENTRY},
    "log_head": {"note": NOTE},
    "log_key": {"vkey": NOTE},
    "log_segment": {"rotations": NOTE, "file": NAME, "sha256": DIGEST},
    "log_timestamp": {"place": OURS, "note": NOTE},
    "meta": {"key": NAME, "value": OURS},
    "migration": {"name": NAME, "phase": CODE},
    "outbox": {"topic": CODE, "key": QUEUED, "state": NOTE},
    "personal": {"ref": ID, "pseudonym": NAME},
    "policy_change": {
        "id": ID,
        "home": TENANT,
        "sha256": DIGEST,
        **dict.fromkeys(("direction", "ended", "via"), CODE),
        **dict.fromkeys(("asked_by", "ended_by"), WHO),
        **dict.fromkeys(("note", "content"), OURS),
    },
    "policy_version": {
        "home": TENANT,
        "sha256": DIGEST,
        **dict.fromkeys(("direction", "via"), CODE),
        **dict.fromkeys(("activated_by", "asked_by"), WHO),
        **dict.fromkeys(("note", "content"), OURS),
    },
    "process": {
        "id": ID,
        "kind": CODE,
        **dict.fromkeys(("host", "version", "settings", "connectors"), OURS),
        **dict.fromkeys(("policy_sha256", "not_reloaded"), OURS),
        "actions": NAMES,
    },
    "prompt_choice": {
        **dict.fromkeys(("current_name", "candidate_name"), NAME),
        **dict.fromkeys(("current_text", "candidate_text"), OURS),
        "current_sha256": DIGEST,
    },
    "publication": {"place": OURS, "note": NOTE},
    "rate": {"bucket": NAME},
    "request": {
        **dict.fromkeys(("id", "messages_ref", "words_ref", "reply_ref"), ID),
        **dict.fromkeys(("idempotency_key", "fingerprint", "subject_id", "conversation"), PERSONAL),
        "plan": Personal(kept=frozenset({"planner", "id", "action"})),
        "question": PERSONAL,
        "turns": IDS,
        "requester": WHO,
        **dict.fromkeys(("assurance", "status"), CODE),
        "planner": NAME,
        "traceparent": TRACE,
    },
    "push_browser": {"id": ID, "person": WHO, "endpoint_sha256": DIGEST},
    "request_answer": {"key_sha256": DIGEST, "request_id": ID, "fingerprint": PERSONAL},
    "rollout_brake": {"dial": NAME},
    "session": {"token_id": ID, "via": CODE},
    "shadow_comparison": {"action_id": ID, "dial": NAME, "class": CODE},
    "spending": {"day": DAY, "scope": COUNTER},
    "stop": {
        "id": ID,
        "home": TENANT,
        "scope": CODE,
        **dict.fromkeys(("target", "reason", "idempotency_key"), PERSONAL),
        **dict.fromkeys(("engaged_by", "asked_by", "released_by"), WHO),
        **dict.fromkeys(("asked_key", "released_key"), OURS),
    },
    "subject": {"id": PERSONAL, "pseudonym": NAME},
    "token": {"id": ID, "kind": CODE, "holder": WHO, "scopes": NAMES},
    "vote": {
        "approval_id": ID,
        "person": WHO,
        "decision": CODE,
        "digest": DIGEST,
        "via": CODE,
    },
    "webhook": {
        "read_seal": DIGEST,
        "id": ID,
        "idempotency_key": OURS,
        "via": NAME,
        "disabled_why": CODE,
        "problem": OURS,
    },
    "webhook_delivery": {"webhook_id": ID, "item_id": ID},
    "work": {"about": NAME, "assignee": WHO},
    "work_note": {"about": NAME, "person": WRITER, "ref": ID},
}
"""`tenant` is one in every table."""


def text_of(table: str, column: str) -> Text | None:
    """What is declared of a column; None where nobody has said anything."""
    return TENANT if column == "tenant" else TEXTS.get(table, {}).get(column)


def personal_columns() -> list[tuple[str, str, Personal]]:
    """Every column that is declared personal."""
    return [
        (table, column, text)
        for table, columns in TEXTS.items()
        for column, text in columns.items()
        if isinstance(text, Personal)
    ]


def texts_in(value: str, kept: frozenset[str]) -> Iterator[str]:
    """The texts of a stored value that an erasure has to take: all of a plain one."""
    try:
        read: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        read = value
    yield from _leaves(read, kept)


def _leaves(value: object, kept: frozenset[str], name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in cast("dict[str, object]", value).items():
            if key not in kept:
                yield from _leaves(one, kept, key)
    elif isinstance(value, list):
        for place, one in enumerate(cast("list[object]", value)):
            if f"{name}.{place}" not in kept:
                yield from _leaves(one, kept)


def marked(value: str, mark: str, kept: frozenset[str]) -> str:
    """The same with a mark in each of those texts."""
    try:
        read: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        return f"{value}{mark}"
    if not isinstance(read, dict | list):
        return f"{value}{mark}"
    return orjson.dumps(_marked(cast("object", read), mark, kept)).decode()


def _marked(value: object, mark: str, kept: frozenset[str], name: str = "") -> object:
    if isinstance(value, str):
        return f"{value}{mark}"
    if isinstance(value, dict):
        found = cast("dict[str, object]", value) or {"said": ""}
        return {
            key: one if key in kept else _marked(one, mark, kept, key) for key, one in found.items()
        }
    if isinstance(value, list):
        listed = cast("list[object]", value) or [""]
        return [
            one if f"{name}.{place}" in kept else _marked(one, mark, kept)
            for place, one in enumerate(listed)
        ]
    return value


def rows_of_texts() -> Iterator[str]:
    """The table of the docs."""
    yield "| table | column | what it may hold |"
    yield "|---|---|---|"
    for table, columns in TEXTS.items():
        said: dict[str, list[str]] = {}
        for column, text in columns.items():
            said.setdefault(_words_of(text), []).append(column)
        for words, names in said.items():
            yield f"| `{table}` | {' '.join(f'`{one}`' for one in names)} | {words} |"


def _words_of(text: Text) -> str:
    if isinstance(text, Form):
        return text.words
    if not text.kept:
        return "**personal**: gone after an erasure, and in no entry"
    kept = " ".join(f"`{one}`" for one in sorted(text.kept))
    return f"**personal**: gone after an erasure, and in no entry, but for {kept}"
