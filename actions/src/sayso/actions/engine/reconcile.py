"""What may be done about a call whose outcome is not known: the rules, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Guarantee
from sayso.actions.model.snapshot import Absence, EffectFailedError, Finality, Receipt
from sayso.actions.model.status import Status
from sayso.actions.model.tries import Tries
from sayso.errors import Code, SaysoError

FIRST_DELAY_S = 1
MAX_DELAY_S = 3600
MAX_LOOKS = 40
"""After so many look-ups in vain, an unknown is left to a person."""
KEY_MARGIN_S = 600
"""A key is not trusted in the last minutes of its retention: clocks differ, and a call that begins
now may reach the provider only at the end of its time limit."""
LEAST_KEY_MARGIN_S = 150
"""For a key that is kept for less than some hours: a call's time limit, and clocks that differ."""
MAX_ANSWERED = 2
"""What was answered with an error so often is called no more, and people are told."""
LATE_RECORD_MICROS = 900 * 1_000_000
"""So long is looked for an effect that is never called again: a provider that pays first may write
its record minutes later."""
WAITED_S = 60
"""What waited so long, such as for people, and has no key, is looked up before its first call."""
NO_TRIES = Tries()
SKEW_MICROS = 30_000_000
"""A clock that is further behind than this decides nothing that depends on time."""


FOLLOW_FIRST_S = 300
FOLLOW_MAX_S = 86_400
FOLLOW_S = 60 * 86_400
"""What a provider has taken on is looked up after five minutes, then after twice as long each time
up to a day; after sixty days it is left to a person. Source: Stripe lets a refund wait 45 days for
the customer's bank details."""
MAX_GONE = 3
"""What was taken on, and is not shown so many times in a row, is left to a person."""
COMES_BACK_S = (86_400, 7 * 86_400, 30 * 86_400)
"""So long after its call what is done and may come back is looked up: a day, a week, a month.
Source: Stripe docs: a bank returns a refund up to 30 days after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The effect exists: write it down."""

    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The provider has the effect, and it failed there: write that down."""

    failed: EffectFailedError


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAgain:
    """A second call with the same key can do no harm.

    Attributes:
        proven: the look-up proved that no earlier call did anything.
    """

    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing may be tried; look again at `due_at`, or never by ourselves when it is None.

    Attributes:
        reason: in our own words, since it goes into the log for good.
        said: what the provider or its connector said, which may name the customer; may be empty.
    """

    due_at: int | None
    reason: str
    said: str = ""


def after_look_up(
    row: ActionRow,
    guarantee: Guarantee,
    found: Receipt | Absence | SaysoError,
    now: int,
    tries: Tries = NO_TRIES,
) -> Settle | Fail | CallAgain | Wait:
    """Decide by what the provider was seen to hold.

    Args:
        row: the action, `executing` with its lease over, or `unknown`.
        guarantee: as it is worth something (`sayso.actions.model.guarantee.effective`).
        found: the look-up's answer, or why there was none.
        now: microseconds since 1970.
        tries: how often it was called so far.

    Guarantees: calls again only while the provider surely drops the same key, or when it surely
    has no effect of ours; a payment once at most, and nothing that was answered with an error
    twice. Everything else waits. Source: Stripe keeps keys for at least 24 hours and replays saved
    errors (docs.stripe.com/api/idempotent_requests).
    """
    if isinstance(found, Receipt):
        return Settle(receipt=found)
    if isinstance(found, EffectFailedError):
        return Fail(failed=found)
    if isinstance(found, SaysoError):
        return _look_later(row, now, f"the look-up failed ({found.code})", found.message)
    called_at = row.called_at or now
    if now < called_at - SKEW_MICROS:
        # INVARIANT: nobody can say how long ago the call was, so neither is the key surely known
        # nor its absence proven.
        return _look_later(row, now, "the clock is behind the time of the call")
    move = _by_absence(row, guarantee, found, called_at, now)
    if isinstance(move, CallAgain) and (why := _too_often(guarantee, tries)) is not None:
        until = max(called_at + LATE_RECORD_MICROS, now) if found is Absence.ABSENT else now
        return _wait_until(row, until, now, why)
    return move


def _by_absence(
    row: ActionRow, guarantee: Guarantee, found: Absence, called_at: int, now: int
) -> CallAgain | Wait:
    """What follows where the provider shows nothing, or cannot be asked."""
    shown_s, settle_s = guarantee.shown_after_s, guarantee.settle_after_s
    is_claimed = guarantee.repeats is not None and not guarantee.proven
    if found is not Absence.ABSENT:
        if _key_is_safe(row, guarantee, now) and not is_claimed:
            return CallAgain(proven=False)
        return Wait(due_at=None, reason="the provider cannot be asked; a person has to look")
    if settle_s is not None:
        proven_at = called_at + settle_s * 1_000_000
        if now >= proven_at:
            return CallAgain(proven=True)
        if not _key_is_safe(row, guarantee, now):
            return Wait(due_at=_before_proof(row, proven_at, now), reason=_reason(row))
    if _key_is_safe(row, guarantee, now):
        shown_at = called_at + (shown_s or 0) * 1_000_000
        if is_claimed and now < shown_at:
            # A key that nobody has tried alone keeps no payment from being made twice.
            return _wait_until(row, shown_at, now, _reason(row), leaves=False)
        return CallAgain(proven=False)
    late = called_at + max((shown_s or 0) * 1_000_000, LATE_RECORD_MICROS)
    until = now if shown_s is None else late
    return _wait_until(row, until, now, "the provider does not show it; a person has to look")


def _too_often(guarantee: Guarantee, tries: Tries) -> str | None:
    """Why nothing is called once more without a person, in words; None when it may be."""
    if tries.answered >= MAX_ANSWERED:
        return "the provider has answered it with an error twice; a person has to look"
    if guarantee.repeats is not None and tries.sent > guarantee.repeats:
        return "it was called again once, which is all for a payment; a person has to look"
    return None


def _wait_until(row: ActionRow, until: int, now: int, reason: str, *, leaves: bool = True) -> Wait:
    """Look again at growing intervals until then, where it may still show; then leave it."""
    if now >= until:
        return Wait(due_at=None, reason=reason)
    due_at = min(until, now + retry_delay_micros(row.attempts, None))
    return Wait(due_at=due_at, reason=_reason(row) if leaves else reason)


def not_proven(
    row: ActionRow, guarantee: Guarantee, found: Absence | SaysoError, now: int
) -> str | None:
    """Why a harmless call may still have done it, in words; None when nothing says so.

    A call is harmless by the provider's word that surely nothing was done. Where a look-up can
    prove it, the proof is waited for before anything is asked for under a new key.
    """
    if isinstance(found, EffectFailedError):
        return None  # it was done, and came to nothing at the provider
    if isinstance(found, SaysoError):
        return found.message
    shows_after_s = guarantee.settle_after_s
    if shows_after_s is None:
        shows_after_s = guarantee.shown_after_s
    if found is Absence.CANNOT_TELL or shows_after_s is None:
        return None
    proven_at = (row.called_at or 0) + shows_after_s * 1_000_000
    return "an effect may still appear" if now < proven_at else None


def may_outlive_lease(row: ActionRow, guarantee: Guarantee, now: int) -> bool:
    """Whether a call may go on once its lease has ended, as when the database cannot be reached.

    Not where an empty look-up will be taken for proof, a time after the lease: what leaves then
    would come beside the next call. Else nobody calls again, or the provider drops the second one.
    """
    return guarantee.settle_after_s is None or _key_is_safe(row, guarantee, now)


def _key_is_safe(row: ActionRow, guarantee: Guarantee, now: int) -> bool:
    if guarantee.kind != "idempotent" or row.call_key_until is None:
        return False
    kept_s = guarantee.retention_s or 0
    margin_s = max(LEAST_KEY_MARGIN_S, min(KEY_MARGIN_S, kept_s // 10))
    return now < row.call_key_until - margin_s * 1_000_000


def is_looked_up_first(row: ActionRow, guarantee: Guarantee) -> bool:
    """Whether a claimed action that was never called is looked up before its first call.

    A database that was put back from a backup knows nothing of what was done since. Where the world
    has changed under an action, the change may be its own effect; and one that has waited for
    longer than the provider remembers a key would be done again under that very key.
    """
    if guarantee.kind == "at_most_once":
        return False
    if row.revision > 1:
        return True
    kept_s = guarantee.retention_s if guarantee.kind == "idempotent" else None
    waited = (row.called_at or row.created_at) - row.created_at
    return waited >= (WAITED_S if kept_s is None else kept_s) * 1_000_000


def is_taken_on(row: ActionRow) -> bool:
    """Whether the provider said that it works on it; then it is no accident that nothing shows."""
    return row.error is not None and row.error.get("code") == Code.ACCEPTED.value


def _before_proof(row: ActionRow, proven_at: int, now: int) -> int:
    """When to look again before an absence is proof: soon, where the provider works on it."""
    if not is_taken_on(row):
        return proven_at
    return min(proven_at, now + retry_delay_micros(row.attempts, None))


def _reason(row: ActionRow) -> str:
    return "the provider works on it" if is_taken_on(row) else "an effect may still appear"


def _look_later(row: ActionRow, now: int, reason: str, said: str = "") -> Wait:
    if row.attempts >= MAX_LOOKS:
        return Wait(due_at=None, reason=f"{reason}; a person has to look", said=said)
    return Wait(due_at=now + retry_delay_micros(row.attempts, None), reason=reason, said=said)


def next_follow_up(row: ActionRow, now: int) -> int | None:
    """When the effect that a row holds is looked up next; None when it is final, or left alone.

    Args:
        row: `accepted` or `succeeded`, with its receipt; `attempts` counts the look-ups since.
        now: microseconds since 1970.
    """
    since = row.called_at
    if row.receipt is None or since is None:
        return None
    if row.receipt.read_again and row.attempts == 0 and row.status is Status.SUCCEEDED:
        return now
    match row.receipt.finality:
        case Finality.FINAL:
            return None
        case Finality.DONE:
            looks = (since + look_s * 1_000_000 for look_s in COMES_BACK_S)
            return next((at for at in looks if at > now), None)
        case Finality.PENDING:
            if now - since >= FOLLOW_S * 1_000_000:
                return None
            delay_s = min(FOLLOW_FIRST_S << min(row.attempts, 20), FOLLOW_MAX_S)
            return now + delay_s * 1_000_000
        case _:
            assert_never(row.receipt.finality)


def retry_delay_micros(attempts: int, retry_after_s: float | None) -> int:
    """How long to wait before the next try: doubling from one second, or what was asked for."""
    delay = min(FIRST_DELAY_S * 2 ** min(attempts, 20), MAX_DELAY_S)
    if retry_after_s is not None:
        delay = min(max(delay, retry_after_s), MAX_DELAY_S)
    return int(delay * 1_000_000)
