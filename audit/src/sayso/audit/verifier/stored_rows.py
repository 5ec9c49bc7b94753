"""What a stored row says, in the columns in which entries say it, and what its digest is over."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sayso.audit.authority.keyring import SEALED, Keyring, key_of, pseudonym_of, sealed_bytes
from sayso.audit.entry import FORMAT_VERSION, Json, canonical_bytes
from sayso.audit.fields import Fields
from sayso.audit.request_digests import plan_digest, question_digest
from sayso.audit.rules.replayed import use_name
from sayso.audit.verifier.replay import JUDGED, SEAL, State, is_part, vote_id
from sayso.audit.verifier.replay_controls import note_id
from sayso.errors import Code, ConfigError, RefusedError

StoredRow: TypeAlias = "Mapping[str, object]"
"""A row as the source has it, of which nothing is trusted.

Beside its own columns: `subject_key`, `subject_pseudonym`, `subject_created_at` and `erasing_as`,
the wrapped key and the pseudonym of its subject, as far as the source can read them; for a link
`end_account_…` and `end_other_…`, the id, the key and the time of the subject at each end; for an
action `card`, `card_digest`, `card_expires_at` and `card_erased_seq`, of its approval.
"""

_HASHED = re.compile(r"[0-9a-f]{32}")
"""A key of a limit that would tell of a customer."""
_PASSING = frozenset(
    {"due_at", "updated_at", "attempts", "traceparent", "held_by", "occupies", "seen_at"}
)
_BESIDE = ("subject_", "card", "erasing_as", "of_re", "in_outbox", "end_")
_BOUND = (
    *("snapshot", "judgement", "assurance", "subject_id", "request_id", "step", "name", "undoes"),
    *("card", "card_expires_at", "card_erased_seq"),
)
_DOMAIN = b"sayso/approval/v1\0"  # SOURCE: docs/reference/audit-format.md, "The digest"


def name_of(table: str, row: StoredRow) -> str:
    """How a row is called among those that the entries speak of."""
    if table == "vote":
        return vote_id(row.get("approval_id"), row.get("revision"), row.get("person"))
    if table == "work_note":
        return note_id(row.get("about"), row.get("seq"))
    if table == "limit_use":
        named = use_key(row.get("key"))
        action, revision, limit = (row.get(one) for one in ("action_id", "revision", "limit_id"))
        return use_name(action, revision, limit, row.get("currency"), named)
    key = {"personal": "ref", "policy_version": "number", "work": "about"}.get(table, "id")
    return str(row.get(key))


def use_key(key: object) -> str:
    """The key of a use as entries name it: empty for one that would tell of a customer."""
    return "" if _HASHED.fullmatch(str(key)) else str(key)


def said_in(table: str, row: StoredRow, keyring: Keyring | None = None) -> State:
    """A row's columns, as far as the source has them.

    Args:
        keyring: opens the subjects' keys, from which their names in the log follow; without it
            they are taken from the rows of subjects.
    """
    state = dict(row)
    if "subject_key" in row and table != "personal" and not _is_locked(row, keyring):
        subject = row.get("target" if table == "stop" else "subject_id")
        state["subject"] = _pseudonym(row, subject, keyring)
    if table == "personal":
        return state | _text(row, keyring)
    if table == "customer_link" and keyring is not None:
        state |= {"leads": all(_leads(row, keyring, end) for end in ("account", "other"))}
    if keyring is not None and table in SEALED and row.get("erased_seq") is None:
        state[SEAL] = keyring.row_seals(sealed_bytes(table, row))
    special = _SPECIAL.get(table)
    return state if special is None else state | special(row)


def key_trouble(row: StoredRow, keyring: Keyring | None) -> ConfigError | None:
    """Why the key of a row's subject does not open, where nobody has changed it."""
    key = row.get("subject_key")
    return keyring.trouble(key) if keyring is not None and isinstance(key, bytes) else None


def _is_locked(row: StoredRow, keyring: Keyring | None) -> bool:
    """Whether whose row it is cannot be told, for want of the key that wrapped the subject's."""
    trouble = key_trouble(row, keyring)
    return trouble is not None and trouble.code is Code.KEY_MISMATCH


def _pseudonym(row: StoredRow, subject: object, keyring: Keyring | None) -> str | None:
    """The name of the row's subject in the log."""
    key, named = row.get("subject_key"), row.get("subject_pseudonym")
    if key is not None:
        return str(named) if keyring is None else _derived(row, str(subject), keyring)
    if row.get("erasing_as") is not None:
        return str(row["erasing_as"])
    # What is erased holds the pseudonym in the id's place.
    return str(subject) if str(subject).startswith("sub_") else None


def _derived(row: StoredRow, subject: str, keyring: Keyring) -> str | None:
    """The same by the key, and not by what stands beside it; None when the key does not open."""
    tenant = str(row.get("home", row.get("tenant")))
    fields = {
        "id": subject,
        "pseudonym": row.get("subject_pseudonym"),
        "created_at": row.get("subject_created_at"),
        "key": row.get("subject_key"),
    }
    key = key_of(keyring, tenant, fields)
    return None if key is None else pseudonym_of(key, tenant, subject)


def _action(row: StoredRow) -> State:
    state: State = {}
    if "after" in row:
        state["after"] = _parsed(row["after"])
    if "judgement" in row:
        judged = _fields(row["judgement"])
        rules = judged.get("rules")
        texts = list(map(str, cast("list[object]", rules))) if isinstance(rules, list) else []
        state["rule"] = ",".join(texts)[:200] or None
        for column in ("outcome", "explain", "policy_version", "roles", "either"):
            state[column] = judged.get(column)
    if row.get("snapshot") is not None and row.get("erased_seq") is None:
        resolved = _fields(row["snapshot"]).get("resolved")
        judged = cast("State", resolved) if isinstance(resolved, dict) else {}
        state["args_as_judged"] = is_part(_parsed(row.get("args")), judged.get("args"))
    if "error" in row:
        error = _fields(row["error"])
        state["error"] = error.get("code") if error else row["error"]
        state["joins"] = error.get("joins") if error else None
    if "receipt" in row:
        receipt = _fields(row["receipt"])
        state["receipt"] = receipt.get("id")
        state["receipt_status"] = receipt.get("status")
        state["receipt_amount"] = receipt.get("amount")
    return state


def _approval(row: StoredRow) -> State:
    state: State = {"roles": _parsed(row["roles"])} if "roles" in row else {}
    if "of_requester" in row:
        asked = (row.get("requester"), row.get("request_id"))
        state["asked_alike"] = asked == (row["of_requester"], row["of_request"])
        state["shown"] = row["in_outbox"] == 1
    return state


def _token(row: StoredRow) -> State:
    hashed = row.get("hash")
    return {
        "hash": hashed.hex() if isinstance(hashed, bytes) else hashed,
        "scopes": _parsed(row.get("scopes")),
    }


def _canary(row: StoredRow) -> State:
    return {"roles": _parsed(row.get("roles"))}


def _policy(row: StoredRow) -> State:
    content = row.get("content")
    return {"content": hashlib.sha256(str(content).encode()).hexdigest()}


def _text(row: StoredRow, keyring: Keyring | None) -> State:
    """A sealed text; whether it opens is known to whoever has the key outside the database."""
    sealed = row.get("ciphertext")
    if not isinstance(sealed, bytes):
        return {"c": None}
    state: State = {"c": hashlib.sha256(sealed).hexdigest()}
    if keyring is None or row.get("subject_key") is None:
        return state
    fields = {
        "id": row.get("subject_id"),
        "pseudonym": row.get("pseudonym"),
        "created_at": row.get("subject_created_at"),
        "key": row.get("subject_key"),
    }
    tenant, nonce = str(row.get("tenant")), row.get("nonce")
    key = key_of(keyring, tenant, fields)
    if key is None:
        return state  # said of the rows of its subject
    try:
        AESGCM(key).decrypt(cast("bytes", nonce), sealed, f"{tenant}|{row.get('ref')}".encode())
    except (InvalidTag, ValueError, TypeError):
        return state | {"opens": False}
    return state


def _leads(row: StoredRow, keyring: Keyring, end: str) -> bool:
    """Whether who is at an end of a link is the customer whom the log calls so.

    True of one whose row is gone, so that nobody who erases them is accused: no reader goes on.
    """
    names = ("id", "key", "created_at")
    fields = {name: row.get(f"end_{end}_{name}") for name in names} | {"pseudonym": row.get(end)}
    wrapped = fields["key"]
    if not isinstance(wrapped, bytes) or keyring.trouble(wrapped) is not None:
        return True
    tenant = str(row.get("tenant"))
    key = key_of(keyring, tenant, fields)
    return key is not None and pseudonym_of(key, tenant, str(fields["id"])) == row.get(end)


def _request(row: StoredRow) -> State:
    if "plan" not in row:
        return {}
    plan, question = _fields(row["plan"]), row.get("question")
    steps = plan.get("steps")
    found = cast("list[object]", steps) if isinstance(steps, list) else []
    planned = [cast("State", step) for step in found if isinstance(step, dict)]
    state: State = {"steps": [f"{step.get('id')} {step.get('action')}" for step in planned]}
    state["turns"] = _parsed(row.get("turns")) or []
    if row.get("erased_seq") is None:  # else without its arguments, and so without its digest
        state["planned"] = None if row["plan"] is None else plan_digest(plan)
        state["asked"] = None if question is None else question_digest(_fields(question))
    return state


_SPECIAL: Mapping[str, Callable[[StoredRow], State]] = {
    "action": _action,
    "approval": _approval,
    "token": _token,
    "policy_version": _policy,
    "policy_change": _policy,
    "request": _request,
    "canary": _canary,
    "work": lambda row: {"is_ended": row.get("ended_at") is not None},
    "work_note": lambda row: {"noted_at": row.get("at")},
}


def binding_fault(row: StoredRow, rebuilt: State) -> str | None:
    """What of a judged action is not what its digest is over, in words; None when nothing is.

    Args:
        row: of an action.
        rebuilt: what the log says of it, with the digest and the revision that was judged.
    """
    if row.get("snapshot") is None or row.get("erased_seq") is not None or JUDGED not in rebuilt:
        return None
    snapshot, judged = _fields(row["snapshot"]), _fields(row.get("judgement"))
    asked = judged.get("outcome") == "ask" and row.get("card_digest") == rebuilt.get("digest")
    try:
        if asked and row.get("card_erased_seq") is not None:
            return "the card of the action `{}` is marked as erased, and the action is not"
        if asked:
            card = hashlib.sha256(canonical_bytes(cast("Json", _parsed(row.get("card")))))
            if card.hexdigest() != snapshot.get("view_sha256"):
                return "the card of the action `{}` is not the one that was shown"
        digest = _digest(row, rebuilt[JUDGED], snapshot, judged)
    except RefusedError:  # a value that no digest is over
        digest = None
    if digest != rebuilt.get("digest"):
        return "what is stored of the action `{}` is not what its digest is over"
    return None


def bound_digest(row: StoredRow) -> str:
    """A digest of all in a row that its entries' digest is over, and of the card beside it."""
    held = {name: row.get(name) for name in _BOUND}
    return hashlib.sha256(orjson.dumps(held, default=repr, option=orjson.OPT_SORT_KEYS)).hexdigest()


def is_compared(column: str) -> bool:
    """Whether a column of a row says something lasting of it, and not of its way or its owner."""
    return column not in _PASSING and not column.startswith(_BESIDE)


def _digest(row: StoredRow, revision: object, snapshot: State, judged: State) -> str:
    parts: dict[str, object] = {
        "tenant": row.get("tenant"),
        "run": row.get("request_id"),
        "step": row.get("step"),
        "action": row.get("id"),
        "revision": revision,
        "name": row.get("name"),
        "connector_version": snapshot.get("connector_version"),
        "schema_sha256": snapshot.get("schema_sha256"),
        "subject": row.get("subject_id"),
        "assurance": row.get("assurance"),
        "resolved": snapshot.get("resolved"),
        "policy_version": judged.get("policy_version"),
        "roles": judged.get("roles"),
        "expires_at": row.get("card_expires_at") if judged.get("outcome") == "ask" else None,
        "view_sha256": snapshot.get("view_sha256"),
        "salt": snapshot.get("salt"),
    }
    if row.get("undoes") is not None:
        parts["undoes"] = row["undoes"]
    if "either" in judged:
        parts["either"] = judged["either"]
    return hashlib.sha256(_DOMAIN + canonical_bytes(cast("Json", parts))).hexdigest()


def _parsed(stored: object) -> object:
    try:
        return orjson.loads(stored) if isinstance(stored, str | bytes) else None
    except ValueError:
        return stored  # agrees with nothing that is said


def _fields(stored: object) -> State:
    found = _parsed(stored)
    return cast("State", found) if isinstance(found, dict) else {}


PROJECTIONS: dict[str, tuple[str, ...]] = {
    "v": ("v",),
    "at": ("at",),
    "kind": ("kind",),
    "actor": ("actor", "id"),
    "actor_id": ("actor", "id"),
    "actor_kind": ("actor", "kind"),
    "action_id": ("action",),
    "request_id": ("request",),
    "approval_id": ("approval",),
    "subject": ("subject",),
    "name": ("name",),
    "status": ("status",),
    "rule": ("rule",),
    "digest": ("digest",),
    "amount_minor": ("amount", "amount_minor"),
    "currency": ("amount", "currency"),
    "caller_key": ("data", "caller_key"),
}
"""For each column that may stand beside a body, where the body has the same value."""

STORED: tuple[str, ...] = tuple(
    "at kind actor action_id request_id approval_id subject name status rule digest amount_minor"
    " currency".split()
)
"""The columns beside a body where none of them is computed from it."""


def row_text(tenant: str, seq: object, columns: Mapping[str, object]) -> bytes:
    """A row's columns as one text: a body that says what they say, and no more.

    The body itself, encoded without what no column has, is compared with it: one text with one text
    for each entry, at a third of the cost of thirteen values. No two rows have one text, since JSON
    says where each value ends.

    Args:
        columns: those of `STORED`; a null stands for a field that is not there.
    """
    fields: dict[str, object] = {"tenant": tenant, "seq": seq, "v": FORMAT_VERSION}
    for name in STORED:
        value = columns[name]
        if value is not None:
            first, *rest = PROJECTIONS[name]
            if rest:
                cast("dict[str, object]", fields.setdefault(first, {}))[rest[0]] = value
            else:
                fields[first] = value
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


class Projections:
    """Compares the columns of rows with the bodies beside them.

    Args:
        columns: their names, in the order of each row; keys of `PROJECTIONS`.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        paths = [PROJECTIONS[name] for name in self._columns]
        self._first_keys = [path[0] for path in paths]
        self._second_keys = [(at, path[1]) for at, path in enumerate(paths) if len(path) > 1]

    def of(self, fields: Fields) -> tuple[object, ...]:
        """All columns at once, since in nearly every row all of them agree."""
        values: list[object] = list(map(fields.get, self._first_keys))
        for at, key in self._second_keys:
            value = values[at]
            values[at] = cast("Fields", value).get(key) if isinstance(value, dict) else None
        return tuple(values)

    def differing(self, stored: Sequence[object], fields: Fields) -> list[str]:
        """The names of the columns that do not say what the body says."""
        both = zip(self._columns, stored, self.of(fields), strict=True)
        return [name for name, said, own in both if said != own]

    def differing_in_text(self, stored: bytes, fields: Fields) -> list[str]:
        """The same for a text of `row_text`."""
        return self.differing(self.of(orjson.loads(stored)), fields)
