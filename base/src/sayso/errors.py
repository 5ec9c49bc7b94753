"""The one tree of errors, grouped by what the caller must do next.

    SaysoError
    ├── RetryableError        nothing was done; the same call may be made again later
    ├── RefusedError          final: the same call gets the same answer, so change the call
    ├── OutcomeUnknownError   it was sent and no answer came: reconcile, never retry blindly
    ├── IntegrityError        stored data contradicts itself: stop, and verify the log
    └── ConfigError           the workspace or the machine must be changed first

Every error carries a stable `Code` (docs/reference/errors.md lists them all, and a test compares),
a message
for the person, and the next step. A `detail` is for whoever debugs; it never holds a secret.

Words of an error may quote a customer or a provider, so a process's log gets `logged(error)`, which
has none.
"""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import NamedTuple, cast


class Code(StrEnum):
    """Stable names of everything that can go wrong. Never renamed; new ones are added."""

    INVALID_INPUT = "invalid_input"
    INVALID_MONEY = "invalid_money"
    CURRENCY_MISMATCH = "currency_mismatch"
    AMOUNT_TOO_LARGE = "amount_too_large"
    EMPTY_MESSAGE = "empty_message"
    MESSAGE_TOO_LONG = "message_too_long"
    MALFORMED_JSON = "malformed_json"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_SUBJECT = "unknown_subject"
    NO_ACCOUNT = "no_account"
    SEVERAL_ACCOUNTS = "several_accounts"
    UNKNOWN_OBJECT = "unknown_object"
    NOT_OWNER = "not_owner"
    NOTHING_REFUNDABLE = "nothing_refundable"
    ALREADY_IN_STATE = "already_in_state"
    WRONG_STATE = "wrong_state"
    NOT_FOUND = "not_found"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    ALREADY_DECIDED = "already_decided"
    JOINED = "joined"
    WITHDRAWN = "withdrawn"
    STALE_REVISION = "stale_revision"
    DIGEST_MISMATCH = "digest_mismatch"
    APPROVAL_EXPIRED = "approval_expired"
    NOT_AN_APPROVER = "not_an_approver"
    OWN_REQUEST = "own_request"
    PASSKEY_REQUIRED = "passkey_required"
    PASSKEY_INVALID = "passkey_invalid"
    EDIT_NOT_ALLOWED = "edit_not_allowed"
    REASON_REQUIRED = "reason_required"
    POLICY_DENIED = "policy_denied"
    LIMIT_REACHED = "limit_reached"
    TOO_MANY_CALLS = "too_many_calls"
    NOT_ROLLED_OUT = "not_rolled_out"
    OVERTAKEN = "overtaken"
    TAKEN_OVER = "taken_over"
    DEPENDENCY_FAILED = "dependency_failed"
    STOPPED = "stopped"
    OBJECT_LOCKED = "object_locked"
    NOT_ASKED_FOR = "not_asked_for"
    NOTHING_ASKED = "nothing_asked"
    NOT_UNDERSTOOD = "not_understood"
    NOT_VERIFIED = "not_verified"
    BUDGET_USED_UP = "budget_used_up"
    REGION_MISMATCH = "region_mismatch"
    ERASED = "erased"
    PRUNED = "pruned"
    LEGAL_HOLD = "legal_hold"
    SUBJECT_IN_USE = "subject_in_use"
    TOO_MANY_ACCOUNTS = "too_many_accounts"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    BAD_SIGNATURE = "bad_signature"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ACCEPTED = "accepted"
    LATE_EFFECT = "late_effect"
    DOES_NOT_FIT = "does_not_fit"
    EFFECT_FAILED = "effect_failed"
    NEEDS_REAUTH = "needs_reauth"
    NEEDS_PERMISSION = "needs_permission"
    STORE_BUSY = "store_busy"
    STORE_READ_ONLY = "store_read_only"
    STORE_REPLICA = "store_replica"
    STORE_FULL = "store_full"
    STORE_UNAVAILABLE = "store_unavailable"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    STORE_VERSION = "store_version"
    OLDER_BUILD = "older_build"
    NOT_A_DATABASE = "not_a_database"
    STORE_IN_USE = "store_in_use"
    STORE_NOT_EMPTY = "store_not_empty"
    STORE_HALF_COPIED = "store_half_copied"
    DAMAGED = "damaged"
    TENANT_MOVING = "tenant_moving"
    TENANT_MOVED = "tenant_moved"
    ACTION_LOST_LEASE = "action_lost_lease"
    TAMPERED = "tampered"
    UNSAID_CHANGE = "unsaid_change"
    NOTHING_TO_VERIFY = "nothing_to_verify"
    KEY_MISMATCH = "key_mismatch"
    NO_WORKSPACE = "no_workspace"
    WORKSPACE_EXISTS = "workspace_exists"
    INVALID_SETTING = "invalid_setting"
    MISSING_SECRET = "missing_secret"  # noqa: S105  (a code, not a secret)
    INVALID_POLICY = "invalid_policy"
    POLICY_UNAVAILABLE = "policy_unavailable"
    VERSION_MOVED = "version_moved"
    INVALID_ACTION = "invalid_action"
    INVALID_PLAYBOOK = "invalid_playbook"
    INVALID_MANIFEST = "invalid_manifest"
    NOT_REVIEWED = "not_reviewed"
    MISSING_EXTRA = "missing_extra"
    PORT_IN_USE = "port_in_use"
    PUBLISH_TARGET_UNAVAILABLE = "publish_target_unavailable"
    MODEL_FAILED = "model_failed"
    CONNECTOR_FAILED = "connector_failed"
    INTERNAL = "internal"


class CodeInfo(NamedTuple):
    """What a surface needs to know about a code.

    Attributes:
        title: the problem in a few words, for RFC 9457 `title`.
        status: the HTTP status that says it.
    """

    title: str
    status: int


CODES: dict[Code, CodeInfo] = {
    Code.INVALID_INPUT: CodeInfo("the input is not valid", 422),
    Code.INVALID_MONEY: CodeInfo("not an amount of money", 422),
    Code.CURRENCY_MISMATCH: CodeInfo("wrong currency", 422),
    Code.AMOUNT_TOO_LARGE: CodeInfo("more than is left", 422),
    Code.EMPTY_MESSAGE: CodeInfo("the message is empty", 422),
    Code.MESSAGE_TOO_LONG: CodeInfo("the message is too long", 413),
    Code.MALFORMED_JSON: CodeInfo("not JSON", 400),
    Code.UNKNOWN_ACTION: CodeInfo("no such action", 404),
    Code.UNKNOWN_SUBJECT: CodeInfo("the provider knows no such customer", 404),
    Code.NO_ACCOUNT: CodeInfo("the customer has no account there that is known to be theirs", 409),
    Code.SEVERAL_ACCOUNTS: CodeInfo("the customer has several accounts there", 409),
    Code.UNKNOWN_OBJECT: CodeInfo("the provider knows no such object", 404),
    Code.NOT_OWNER: CodeInfo("it belongs to somebody else", 403),
    Code.NOTHING_REFUNDABLE: CodeInfo("nothing is left to do it with", 422),
    Code.ALREADY_IN_STATE: CodeInfo("it is so already", 409),
    Code.WRONG_STATE: CodeInfo("not possible in this state", 409),
    Code.NOT_FOUND: CodeInfo("not found", 404),
    Code.IDEMPOTENCY_CONFLICT: CodeInfo("the key was used for another request", 409),
    Code.ALREADY_DECIDED: CodeInfo("already decided", 409),
    Code.JOINED: CodeInfo("an equal one waits for people already", 409),
    Code.WITHDRAWN: CodeInfo("the customer has taken it back", 409),
    Code.STALE_REVISION: CodeInfo("a newer revision exists", 409),
    Code.DIGEST_MISMATCH: CodeInfo("not what was shown", 409),
    Code.APPROVAL_EXPIRED: CodeInfo("the time to decide is over", 409),
    Code.NOT_AN_APPROVER: CodeInfo("not an approver for this", 403),
    Code.OWN_REQUEST: CodeInfo("nobody approves their own request", 403),
    Code.PASSKEY_REQUIRED: CodeInfo("a yes to this amount needs a passkey", 403),
    Code.PASSKEY_INVALID: CodeInfo("the passkey has not signed this", 403),
    Code.EDIT_NOT_ALLOWED: CodeInfo("this change is not allowed", 422),
    Code.REASON_REQUIRED: CodeInfo("a reason is needed", 422),
    Code.POLICY_DENIED: CodeInfo("the policy does not allow it", 403),
    Code.LIMIT_REACHED: CodeInfo("a limit is reached", 409),
    Code.TOO_MANY_CALLS: CodeInfo("too many calls", 429),
    Code.NOT_ROLLED_OUT: CodeInfo("a person does this", 409),
    Code.OVERTAKEN: CodeInfo("something newer takes the place of what was to be said", 409),
    Code.TAKEN_OVER: CodeInfo("a colleague has the conversation", 409),
    Code.DEPENDENCY_FAILED: CodeInfo("a step it depends on did not succeed", 409),
    Code.STOPPED: CodeInfo("held by a stop", 409),
    Code.OBJECT_LOCKED: CodeInfo("another action on the same object is not settled", 409),
    Code.NOT_ASKED_FOR: CodeInfo("nobody asked for it", 422),
    Code.NOTHING_ASKED: CodeInfo("no answer is waited for", 409),
    Code.NOT_UNDERSTOOD: CodeInfo("no planner understood the request", 422),
    Code.NOT_VERIFIED: CodeInfo("nobody knows that whoever writes is the customer", 422),
    Code.BUDGET_USED_UP: CodeInfo("models may take no more", 429),
    Code.REGION_MISMATCH: CodeInfo("the data has to stay in its region", 422),
    Code.ERASED: CodeInfo("the customer was erased", 410),
    Code.PRUNED: CodeInfo("the entry is only in a sealed segment", 410),
    Code.LEGAL_HOLD: CodeInfo("a legal hold keeps it", 409),
    Code.SUBJECT_IN_USE: CodeInfo("something of this customer is under way", 409),
    Code.TOO_MANY_ACCOUNTS: CodeInfo("more accounts than one customer has", 409),
    Code.UNAUTHENTICATED: CodeInfo("no valid token", 401),
    Code.FORBIDDEN: CodeInfo("the token may not do this", 403),
    Code.BAD_SIGNATURE: CodeInfo("the signature does not fit", 401),
    Code.PROVIDER_REFUSED: CodeInfo("the provider said no", 422),
    Code.PROVIDER_UNAVAILABLE: CodeInfo("the provider does not answer", 503),
    Code.PROVIDER_RATE_LIMITED: CodeInfo("the provider asks for a pause", 503),
    Code.OUTCOME_UNKNOWN: CodeInfo("sent, and no answer came", 504),
    Code.ACCEPTED: CodeInfo("the provider works on it", 202),
    Code.LATE_EFFECT: CodeInfo("done, after it had ended as not done", 409),
    Code.DOES_NOT_FIT: CodeInfo("done, and the provider shows something else than that", 409),
    Code.EFFECT_FAILED: CodeInfo("taken on by the provider, and failed there", 422),
    Code.NEEDS_REAUTH: CodeInfo("the connection must be authorised again", 503),
    Code.NEEDS_PERMISSION: CodeInfo("the connection may not do this", 503),
    Code.STORE_BUSY: CodeInfo("the database is locked", 503),
    Code.STORE_READ_ONLY: CodeInfo("the database cannot be written", 503),
    Code.STORE_REPLICA: CodeInfo("the replica cannot be read", 503),
    Code.STORE_FULL: CodeInfo("the disk is full", 507),
    Code.STORE_UNAVAILABLE: CodeInfo("the database cannot be used", 503),
    Code.ENGINE_UNAVAILABLE: CodeInfo("the fleet's engine cannot be used", 503),
    Code.STORE_VERSION: CodeInfo("the database has another version", 503),
    Code.OLDER_BUILD: CodeInfo("the database is of a build from before a release", 503),
    Code.NOT_A_DATABASE: CodeInfo("not a Sayso database", 503),
    Code.STORE_IN_USE: CodeInfo("processes use the database", 503),
    Code.STORE_NOT_EMPTY: CodeInfo("the database has rows already", 503),
    Code.STORE_HALF_COPIED: CodeInfo("a copy into the database has not ended", 503),
    Code.DAMAGED: CodeInfo("the medium is damaged", 503),
    Code.TENANT_MOVING: CodeInfo("the tenant is being moved to another database", 503),
    Code.TENANT_MOVED: CodeInfo("the tenant is in another database", 503),
    Code.ACTION_LOST_LEASE: CodeInfo("another worker took over", 409),
    Code.TAMPERED: CodeInfo("the log does not verify", 500),
    Code.UNSAID_CHANGE: CodeInfo("an entry does not say what would be stored", 500),
    Code.NOTHING_TO_VERIFY: CodeInfo("there is nothing to verify", 422),
    Code.KEY_MISMATCH: CodeInfo("not the expected key", 500),
    Code.NO_WORKSPACE: CodeInfo("no workspace here", 500),
    Code.WORKSPACE_EXISTS: CodeInfo("a workspace is here already", 409),
    Code.INVALID_SETTING: CodeInfo("a setting is wrong", 500),
    Code.MISSING_SECRET: CodeInfo("a secret is missing", 500),
    Code.INVALID_POLICY: CodeInfo("the policy is not valid", 500),
    Code.POLICY_UNAVAILABLE: CodeInfo("the policy in force cannot be loaded", 503),
    Code.VERSION_MOVED: CodeInfo("another version of the policy is in force", 409),
    Code.INVALID_ACTION: CodeInfo("an action is not defined rightly", 500),
    Code.INVALID_PLAYBOOK: CodeInfo("a playbook is not valid", 500),
    Code.INVALID_MANIFEST: CodeInfo("a connector's manifest is not valid", 500),
    Code.NOT_REVIEWED: CodeInfo("a connector's manifest is not reviewed", 500),
    Code.MISSING_EXTRA: CodeInfo("an optional part is not installed", 500),
    Code.PORT_IN_USE: CodeInfo("the port is in use", 500),
    Code.PUBLISH_TARGET_UNAVAILABLE: CodeInfo("a place for checkpoints cannot be reached", 503),
    Code.MODEL_FAILED: CodeInfo("the model gave no usable answer", 503),
    Code.CONNECTOR_FAILED: CodeInfo("a connector raised an unexpected error", 503),
    Code.INTERNAL: CodeInfo("an error inside Sayso", 500),
}


class SaysoError(Exception):
    """Something did not go as asked.

    Args:
        code: the stable name.
        message: for the person: lower-case, no full stop, user input in backticks.
        next_step: what to do about it, as an instruction.
        detail: for whoever debugs, never shown to a customer; holds no secret.
    """

    def __init__(self, code: Code, message: str, *, next_step: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.detail = detail

    def __str__(self) -> str:
        tail = f"; {self.next_step}" if self.next_step else ""
        return f"{self.message}{tail} [{self.code}]"

    def __reduce__(self) -> tuple[object, ...]:
        state = {"next_step": self.next_step, "detail": self.detail}
        return (_rebuild, (type(self), self.code, self.message, state))


def _rebuild(kind: type[SaysoError], code: Code, message: str, state: dict[str, str]) -> SaysoError:
    return kind(code, message, next_step=state["next_step"], detail=state["detail"])


class RetryableError(SaysoError):
    """Nothing was done; the same call may be made again.

    Args:
        retry_after_s: how long the other side asks to wait, in seconds, when it said so.
        sent: False where not a byte of it left, so that nobody can have done anything.
        outdated: the provider did not do it, since the object is not any more what the call says
            that it was; so it does no other call that says the same, whenever that arrives.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        next_step: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
        sent: bool = True,
        outdated: bool = False,
    ) -> None:
        super().__init__(code, message, next_step=next_step, detail=detail)
        self.retry_after_s = retry_after_s
        self.sent = sent
        self.outdated = outdated


class RefusedError(SaysoError):
    """Final: the same call gets the same answer."""


class OutcomeUnknownError(SaysoError):
    """The call was sent and no answer came, so the effect may or may not exist.

    Args:
        look_up_after_s: the provider has taken it on as work of its own, and may show the effect
            after so many seconds; None where an answer was lost.
        answered: an answer came, and it is an error that proves nothing: what answers so may do
            so again, and do it again. A lost answer is none.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        next_step: str = "",
        detail: str = "",
        look_up_after_s: float | None = None,
        answered: bool = False,
    ) -> None:
        super().__init__(code, message, next_step=next_step, detail=detail)
        self.look_up_after_s = look_up_after_s
        self.answered = answered


class IntegrityError(SaysoError):
    """Stored data contradicts itself; nothing more is done until a person has looked."""


class ConfigError(SaysoError):
    """The workspace or the machine must be changed before this can work."""


def logged(error: BaseException) -> str:
    """What a process's log may hold of an error: its kinds and codes, and those of its causes.

    Guarantees: no word of its message, next step or detail, which may quote a customer, a provider
    or what a caller sent. Such as `RefusedError not_owner < KeyError`.
    """
    told = type(error).__name__
    if isinstance(error, SaysoError):
        told += f" {error.code.value}"
    elif isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        told += f" ({', '.join(logged(inner) for inner in group.exceptions)})"
    return told if error.__cause__ is None else f"{told} < {logged(error.__cause__)}"


def logged_with_frames(error: BaseException) -> str:
    """The same for an error that nobody expected, with the lines of code that it came through."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{logged(error)} at\n{frames}".rstrip()
