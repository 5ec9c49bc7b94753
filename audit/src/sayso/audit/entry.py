"""What one line of the audit log says, and the bytes it says it in.

An entry is built once and encoded once. The log adds who it belongs to, its index and its time, and
those canonical bytes are what is stored, hashed and signed; nothing is ever encoded again in order
to verify it. `docs/reference/audit-format.md` is the specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any, NoReturn, Self, TypeAlias, TypeVar, cast

import orjson

from sayso.audit.tree.merkle import leaf_hash
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.frozen import quickly_made
from sayso.money import Money

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"
"""JSON without floats: what a body may hold."""

FORMAT_VERSION = 1
MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_INT = 2**53 - 1
"""SOURCE: RFC 8785 section 3.2.2.3 (I-JSON): beyond it, readers round differently."""

_KEY = re.compile(r"[a-z0-9_]+")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_SUBJECT = re.compile(r"sub_[A-Za-z0-9_-]{1,128}")
_known_keys: set[str] = set()
"""Well-formed ones that came before: the same few come again and again."""
_MOST_KNOWN_KEYS = 4096
_kind_of: Callable[[object], type[object]] = type
"""For the type checker, to whom the type of a value that may be anything is none."""
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical_bytes(value: Json) -> bytes:
    """The one encoding of a value: sorted keys, no blanks, UTF-8.

    Args:
        value: keys of `[a-z0-9_]+`; values str, int within ±(2^53-1), bool, None, list, dict; at
            most 16 deep, counting the outermost container as one.

    Returns:
        At most 64 KiB, identical to RFC 8785 for every value of this profile.

    Raises:
        RefusedError: `invalid_input`, when the value is outside the profile (a float, a tuple, a
            lone surrogate, too large, too deep).

    Source: RFC 8785, restricted to the values on which all its implementations agree.
    """
    fault = profile_fault(value)
    if fault is not None:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"the audit log cannot hold {fault}",
            next_step="write money in minor units and times in whole microseconds",
        )
    try:
        encoded = orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:
        # NOTE: orjson.JSONEncodeError is a TypeError; after the check above, only a lone surrogate
        # can still get here.
        raise RefusedError(
            Code.INVALID_INPUT,
            "the audit log cannot hold text that is not Unicode",
            next_step="remove the lone surrogates",
        ) from error
    if len(encoded) > MAX_BODY_BYTES:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"an audit body of {len(encoded)} bytes is over {MAX_BODY_BYTES}",
            next_step="store the large part elsewhere and log its digest",
        )
    return encoded


def profile_fault(value: Any, depth: int = 1) -> str | None:
    """What keeps a value out of the profile, in words, or None when nothing does.

    Lone surrogates and the total size are not looked at; the encoder finds those.
    """
    kind = _kind_of(value)
    inside: Iterable[Any]
    if kind is dict:
        if not value.keys() <= _known_keys and not all(map(_is_key, value)):
            return f"the key `{next(key for key in value if not _is_key(key))!r:.40}`"
        inside = value.values()
    elif kind is list:
        inside = value
    elif isinstance(value, (str, bool)) or value is None:
        return None
    elif kind is int:
        return None if -MAX_INT <= value <= MAX_INT else "an integer beyond 2^53-1"
    else:
        return f"a {kind.__name__}"
    if depth > MAX_DEPTH:
        return f"more than {MAX_DEPTH} levels"
    for inner in inside:
        kind = _kind_of(inner)  # of most values, and a call for each would cost more than the rest
        if kind is str or inner is None or kind is bool:
            continue
        if kind is int and -MAX_INT <= inner <= MAX_INT:
            continue
        fault = profile_fault(inner, depth + 1)
        if fault is not None:
            return fault
    return None


def _is_key(key: object) -> bool:
    # NOTE: a subclass of str would be sorted by its own rules, so exactly str; one that is equal to
    # a known key does not come by here, and the encoder refuses it.
    if type(key) is not str or _KEY.fullmatch(key) is None:
        return False
    if len(_known_keys) < _MOST_KNOWN_KEYS:
        _known_keys.add(key)
    return True


def read_canonical(encoded: bytes) -> Json:
    """The value of canonical bytes, and only of canonical bytes.

    Raises:
        IntegrityError: `tampered`, when the bytes are not JSON, outside the profile, or not what
            `canonical_bytes` makes of their value: duplicate keys, blanks, another order, `1.0`.
    """
    if len(encoded) > MAX_BODY_BYTES:
        _not_canonical(f"a body of {len(encoded)} bytes is over {MAX_BODY_BYTES}")
    try:
        value: object = orjson.loads(encoded)
        again = orjson.dumps(value, option=_OPTIONS)
    except (ValueError, TypeError) as error:
        raise IntegrityError(
            Code.TAMPERED, "a body is not canonical JSON", detail=str(error)
        ) from error
    fault = profile_fault(value)
    if fault is not None:
        _not_canonical(f"a body holds {fault}")
    if again != encoded:
        _not_canonical("a body is not in canonical form")
    return cast("Json", value)


def _not_canonical(message: str) -> NoReturn:
    raise IntegrityError(Code.TAMPERED, message, next_step="run `sayso audit verify`")


class EntryKind(StrEnum):
    """What an entry tells. Closed: a reader that meets another kind refuses the body."""

    LOG_OPENED = "log.opened"
    RULES_ADOPTED = "rules.adopted"
    """From here on each entry says what its rules are judged by; see sayso.audit.rules."""
    AUTHORITY_STATED = "authority.stated"
    """Who may do what, once more: where a sealed segment ends, whose entries may go."""
    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    PERSON_DEACTIVATED = "person.deactivated"
    PASSKEY_ENROLLED = "passkey.enrolled"
    """Somebody has a passkey; its public key stands here. Only the first one counts by itself."""
    PASSKEY_CONFIRMED = "passkey.confirmed"
    """Somebody has signed with a passkey that counts that another one is its person's."""
    PASSKEY_REMOVED = "passkey.removed"
    PASSKEY_REQUIRED = "passkey.required"
    """From these amounts on a yes needs a passkey."""
    REQUEST_ASKED = "request.asked"
    REQUEST_QUESTIONED = "request.questioned"
    REQUEST_CONTINUED = "request.continued"
    REQUEST_PLANNED = "request.planned"
    REQUEST_HANDED_OVER = "request.handed_over"
    REQUEST_PROPOSED = "request.proposed"
    """A person proposes, as theirs, a plan that was left to people; `draft` says which one."""
    REQUEST_REPLIED = "request.replied"
    REQUEST_WITHDRAWN = "request.withdrawn"
    """The customer has taken it back: what had not begun is not done, whoever says yes to it."""
    ACTION_PROPOSED = "action.proposed"
    ACTION_REFUSED = "action.refused"
    ACTION_PENDING = "action.pending"
    ACTION_APPROVED = "action.approved"
    ACTION_REJECTED = "action.rejected"
    ACTION_EDITED = "action.edited"
    ACTION_EXPIRED = "action.expired"
    ACTION_WITHDRAWN = "action.withdrawn"
    ACTION_STALE = "action.stale"
    ACTION_HELD = "action.held"
    ACTION_INTENT = "action.intent"
    ACTION_ACCEPTED = "action.accepted"
    ACTION_SUCCEEDED = "action.succeeded"
    ACTION_FAILED = "action.failed"
    ACTION_UNKNOWN = "action.unknown"
    ACTION_RECONCILED = "action.reconciled"
    ACTION_RESOLVED = "action.resolved"
    ACTION_COMPENSATED = "action.compensated"
    PLAN_UNDOING = "plan.undoing"
    """A step of a plan failed, so what the others did is taken back, where that can be done."""
    APPROVAL_REFUSED = "approval.refused"
    """Somebody tried to decide and was not allowed to; the approval itself is unchanged."""
    APPROVAL_REMINDED = "approval.reminded"
    """Nobody has decided for so long that people are called once more."""
    APPROVAL_ESCALATED = "approval.escalated"
    """Nobody has decided for so long that another role may, too."""
    CANARY_SHOWN = "canary.shown"
    """A test card is shown, with which mistake; nothing can be carried out by it."""
    CANARY_ANSWERED = "canary.answered"
    """Somebody has answered a test card, and seen the mistake or not."""
    CANARY_ENDED = "canary.ended"
    """Nobody has answered a test card in time, or what it was made of is gone."""
    STOP_ENGAGED = "stop.engaged"
    STOP_RESUME_ASKED = "stop.resume_asked"
    STOP_RELEASED = "stop.released"
    STOP_REFUSED = "stop.refused"
    """Somebody tried to stop or to resume and was not allowed to; every stop is unchanged."""
    POLICY_ACTIVATED = "policy.activated"
    """A version of the policy is in force from this entry on; it names the version by digest."""
    POLICY_ASKED = "policy.asked"
    """A person wants a version in force that needs another person, too."""
    POLICY_WITHDRAWN = "policy.withdrawn"
    """What waited for a second person does not any more; nothing else has changed."""
    POLICY_REFUSED = "policy.refused"
    """Somebody tried to put a policy in force and was not allowed to; nothing has changed."""
    LIMIT_NEAR = "limit.near"
    """Four fifths of a limit are used; told once for each limit, key and time."""
    ROLLOUT_WRONG = "rollout.wrong"
    """Somebody said that something that was done was wrong."""
    ROLLOUT_BRAKED = "rollout.braked"
    """A dial went back to `suggest` by itself, since too much was wrong."""
    KEY_ROTATED = "key.rotated"
    """Another key signs from here on; see sayso.audit.signing.rotation."""
    LOG_HEAD = "log.head"
    """What the head of another tenant's log was; only in the log of logs."""
    LOG_SEALED = "log.sealed"
    """A segment of the log stands in a file as well; the entry names it."""
    LOG_PRUNED = "log.pruned"
    """The entries of a sealed segment are not in the database any more, with this entry."""
    LOG_REFUSED = "log.refused"
    """Somebody tried to seal or to prune, and was not allowed to."""
    AUDIT_QUERIED = "audit.queried"
    AUDIT_EXPORTED = "audit.exported"
    REPAIR_ASKED = "audit.repair_asked"
    """Somebody wants rows rebuilt as the log says; nothing is written before another one agrees."""
    REPAIRED = "audit.repaired"
    """Rows were rebuilt as the log says, with this entry; no entry was touched."""
    ACCEPT_ASKED = "audit.accept_asked"
    FINDING_ACCEPTED = "audit.finding_accepted"
    """Two people know of exactly this finding and let the log go on; it stays visible."""
    TOKEN_CREATED = "token.created"  # noqa: S105  (a kind, not a secret)
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  (a kind, not a secret)
    WEBHOOK_ADDED = "webhook.added"
    """A program is called with every change from here on."""
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_REPLAYED = "webhook.replayed"
    WEBHOOK_REMOVED = "webhook.removed"
    PROMPT_CHOSEN = "prompt.chosen"
    """Which prompt models get from here on, and which candidate a part of the requests gets."""
    EFFECT_SEEN = "effect.seen"
    """The provider shows something that was done outside Sayso; people look after it."""
    THREAD_LEFT = "thread.left"
    """Something at a desk is left to people: a message, or an answer that did not arrive."""
    WORK_TAKEN = "work.taken"
    """Somebody takes, or is given, what people have to do: a request or an action."""
    WORK_NOTED = "work.noted"
    WORK_ENDED = "work.ended"
    """Nobody has to do anything about it any more."""
    WORK_LATE = "work.late"
    """Nobody has answered within the promised time; told once for each."""
    WORK_AWAY = "work.away"
    """Somebody does not answer until a time, and who is called meanwhile."""
    CUSTOMER_LINKED = "customer.linked"
    """Two accounts are one customer's from here on; by what that is known, and until when."""
    CUSTOMER_UNLINKED = "customer.unlinked"
    """A link holds no more; why it ended. One that has its time over needs no entry."""
    CUSTOMER_SEARCHED = "customer.searched"
    """Somebody looked for a customer by an address; who, and never which."""
    CUSTOMER_CODE_SENT = "customer.code_sent"
    """A code, or a link, is on its way to the address on file at an account; never the code."""
    CUSTOMER_VERIFIED = "customer.verified"
    """Whoever writes in a request has shown that an account is theirs; by what, until when."""
    SUBJECT_ERASING = "subject.erasing"
    """The subject's key is destroyed with this entry; what stands in clear goes from here on."""
    SUBJECT_ERASED = "subject.erased"
    """Nothing of the subject is left in the rows."""
    SUBJECT_EXPORTED = "subject.exported"
    SUBJECT_HELD = "subject.held"
    """Nothing of the subject is erased from here on, until two people release the hold."""
    SUBJECT_RELEASE_ASKED = "subject.release_asked"
    SUBJECT_RELEASED = "subject.released"
    SUBJECT_REFUSED = "subject.refused"
    """Somebody tried to erase, to hold or to export, and was not allowed to."""
    RETENTION_SWEPT = "retention.swept"
    """Personal text that was kept long enough is gone."""
    TENANT_PLACED = "tenant.placed"
    """In which database a tenant is from here on; only in the operator's log."""
    TENANT_LEAVING = "tenant.leaving"
    """The tenant takes no new work, since it is being moved to another database."""
    TENANT_SETTLED = "tenant.settled"
    """The log goes on here: it has arrived, or it stays after all."""
    TENANT_MOVED = "tenant.moved"
    """The log goes on in another database, with this very entry; here it has ended."""
    CALLS_TURNED_AWAY = "calls.turned_away"
    """Calls that a surface refused before anything was asked; told together, once a minute."""


class ActorKind(StrEnum):
    """Who can do something that is logged."""

    PERSON = "person"
    SERVICE = "service"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it.

    Attributes:
        kind: a person, a service token, the agent, or Sayso itself.
        id: their stable id; never a name or an address, since it is in the body for good.
    """

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiRef:
    """Where the personal part of an entry is kept, encrypted, outside the log.

    Attributes:
        ref: the id of the ciphertext.
        alg: how it is encrypted, such as `A256GCM`.
        c: SHA-256 of the ciphertext, 64 lower-case hex digits.
    """

    ref: str
    alg: str
    c: str

    def __post_init__(self) -> None:
        _check_shape("pii.c", self.c, _SHA256_HEX)


def _no_data() -> dict[str, Json]:
    return {}


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, before the log gives it an index and a time.

    Attributes:
        kind: what happened.
        actor: who did it.
        action, request, approval: the ids it is about, as far as there are any.
        subject: the customer's pseudonym, `sub_…`; never their id at the provider.
        name: the action's name, such as `stripe.refund`.
        amount: the money it is about.
        status: the status that `action` (or `approval`) has from this entry on. The verifier
            compares it with the stored row.
        rule: the policy rule that decided.
        digest: SHA-256 of the snapshot that was judged and shown, 64 lower-case hex digits.
        data: whatever else the kind says; in the profile of `canonical_bytes`, free of personal
            data and of secrets.
        pii: where the personal part is.

    Raises:
        RefusedError: `invalid_input`, when `subject`, `digest` or `pii.c` has another shape.
    """

    kind: EntryKind
    actor: Actor
    action: str | None = None
    request: str | None = None
    approval: str | None = None
    subject: str | None = None
    name: str | None = None
    amount: Money | None = None
    status: str | None = None
    rule: str | None = None
    digest: str | None = None
    data: dict[str, Json] = field(default_factory=_no_data)
    pii: PiiRef | None = None

    def __post_init__(self) -> None:
        _check_shape("subject", self.subject, _SUBJECT)
        _check_shape("digest", self.digest, _SHA256_HEX)

    def body(self, *, tenant: str, seq: int, at_micros: int) -> bytes:
        """The canonical bytes that are stored and hashed.

        Args:
            tenant: whose log; a part of the log's origin.
            seq: the index in that log, from 0.
            at_micros: whole microseconds since 1970, UTC.

        Returns:
            At most 64 KiB; fields that are None, and empty `data`, are left out.

        Raises:
            RefusedError: `invalid_input`, when something is outside the profile.
        """
        _check_shape("tenant", tenant, _TENANT)
        if seq < 0 or at_micros < 0:
            raise RefusedError(Code.INVALID_INPUT, "an index or a time is negative")
        fields: dict[str, Json] = {
            "v": FORMAT_VERSION,
            "tenant": tenant,
            "seq": seq,
            "at": at_micros,
            "kind": self.kind.value,
            "actor": {"kind": self.actor.kind.value, "id": self.actor.id},
        }
        texts = zip(_TEXT_FIELDS, _texts_of(self), strict=True)
        fields |= {name: text for name, text in texts if text is not None}
        if self.amount is not None:
            fields["amount"] = {**self.amount.to_json()}
        if self.data:
            fields["data"] = self.data
        if self.pii is not None:
            fields["pii"] = {"ref": self.pii.ref, "alg": self.pii.alg, "c": self.pii.c}
        return canonical_bytes(fields)


_TEXT_FIELDS = (
    "action",
    "request",
    "approval",
    "subject",
    "name",
    "status",
    "rule",
    "digest",
)
_texts_of: Callable[[Entry], tuple[str | None, ...]] = attrgetter(*_TEXT_FIELDS)
_FIELDS = {
    *("v", "tenant", "seq", "at", "kind", "actor", "amount", "data", "pii"),
    *_TEXT_FIELDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it stands in the log.

    Attributes:
        tenant: whose log.
        seq: its index in that log, from 0.
        at_micros: whole microseconds since 1970, UTC.
        entry: what it says.
        encoded: the exact stored bytes.
    """

    tenant: str
    seq: int
    at_micros: int
    entry: Entry
    encoded: bytes

    @property
    def leaf(self) -> bytes:
        """The Merkle leaf hash of the stored bytes, 32 bytes."""
        return leaf_hash(self.encoded)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read a stored body.

        Raises:
            IntegrityError: `tampered`, when the bytes are not canonical, or are no entry of this
                format: a missing or unknown field, an unknown kind, a value of another shape.
        """
        fields = read_canonical(body)
        if not isinstance(fields, dict):
            _not_canonical("a body is no object")
        unknown = fields.keys() - _FIELDS
        if unknown:
            _not_canonical(f"a body has the unknown field `{min(unknown)}`")
        # NOTE: `true` equals 1 here, and nowhere else.
        if fields.get("v") != FORMAT_VERSION or fields["v"] is True:
            _not_canonical(f"a body has the format version `{fields.get('v')!r:.20}`")
        try:
            return cls(
                tenant=_text(fields, "tenant"),
                seq=_whole(fields, "seq"),
                at_micros=_whole(fields, "at"),
                entry=_read_entry(fields),
                encoded=body,
            )
        except (KeyError, ValueError, RefusedError) as error:
            raise IntegrityError(
                Code.TAMPERED, "a body is no audit entry", detail=repr(error)
            ) from error


def _read_entry(fields: dict[str, Json]) -> Entry:
    texts = {name: _text(fields, name) for name in _TEXT_FIELDS if name in fields}
    return Entry(
        kind=EntryKind(_text(fields, "kind")),
        actor=_read_actor(_object(fields, "actor")),
        action=texts.get("action"),
        request=texts.get("request"),
        approval=texts.get("approval"),
        subject=texts.get("subject"),
        name=texts.get("name"),
        amount=_optional(fields, "amount", Money.from_json),
        status=texts.get("status"),
        rule=texts.get("rule"),
        digest=texts.get("digest"),
        data=_object(fields, "data") if "data" in fields else {},
        pii=_optional(fields, "pii", _read_pii),
    )


def _read_actor(fields: dict[str, Json]) -> Actor:
    if fields.keys() != {"kind", "id"}:
        raise ValueError("actor")
    return Actor(kind=ActorKind(_text(fields, "kind")), id=_text(fields, "id"))


def _read_pii(fields: dict[str, Json]) -> PiiRef:
    if fields.keys() != {"ref", "alg", "c"}:
        raise ValueError("pii")
    return PiiRef(ref=_text(fields, "ref"), alg=_text(fields, "alg"), c=_text(fields, "c"))


_Read = TypeVar("_Read")


def _optional(
    fields: dict[str, Json], name: str, read: Callable[[dict[str, Json]], _Read]
) -> _Read | None:
    return read(_object(fields, name)) if name in fields else None


def _text(fields: dict[str, Json], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise ValueError(name)  # noqa: TRY004  (the caller treats every wrong shape alike)
    return value


def _whole(fields: dict[str, Json], name: str) -> int:
    value = fields[name]
    if type(value) is not int or value < 0:
        raise ValueError(name)
    return value


def _object(fields: dict[str, Json], name: str) -> dict[str, Json]:
    value = fields[name]
    if not isinstance(value, dict):
        raise ValueError(name)  # noqa: TRY004  (the caller treats every wrong shape alike)
    return value


def _check_shape(name: str, value: str | None, shape: re.Pattern[str]) -> None:
    if value is not None and not shape.fullmatch(value):
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{value[:40]}` is no {name}",
            next_step=f"use the form `{shape.pattern}`",
        )
