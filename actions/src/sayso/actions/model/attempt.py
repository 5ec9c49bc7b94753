"""What a connector is asked and answers: what it resolves, is handed to be done, and did."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, cast

import orjson

from sayso.actions.customers.proof import AccountStanding
from sayso.actions.model.action_row import ActionRow, dumps, receipt_json
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import storable
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import (
    Absence,
    Call,
    EffectFailedError,
    Finality,
    Receipt,
    Resolved,
)
from sayso.actions.model.status import Status
from sayso.audit.entry import EntryKind, Json, StoredEntry
from sayso.audit.personal import Personal
from sayso.errors import (
    Code,
    IntegrityError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
    logged_with_frames,
)
from sayso.frozen import replace
from sayso.json import JsonObject
from sayso.money import Money
from sayso.store.base import Reader, text

logger = logging.getLogger("sayso.connectors")

SIGNED = "signed"
"""In the entry of a turn: the names of the facts that were signed with it."""
WRITES_FROM = "writes from"
"""How a card calls the account that somebody wrote from, where it is another one."""
_TURNS = (EntryKind.REQUEST_ASKED, EntryKind.REQUEST_CONTINUED)
MAX_BREAKS = 8
"""After so many tries in which its connector broke off an action is refused; about two minutes."""


async def read_target(
    registry: ActionRegistry,
    action_id: str,
    name: str,
    args: JsonObject,
    subject: Subject,
    standing: Coroutine[Any, Any, AccountStanding] | None = None,
) -> Resolved:
    """What the action would do now, read at the provider.

    Args:
        subject: the customer's account at the action's provider.
        standing: asks, at the same time, how that account is known to be theirs; None where the
            caller knew them, and they wrote from it.

    Raises:
        RefusedError: as the connector says; `unknown_action`, `invalid_input`; `no_account`.
        RetryableError: the provider cannot be read now; `connector_failed`, when the connector
            raised what its contract does not know, which is a fault in its code or settings.
        ConfigError, IntegrityError: as the connector says.
    """
    action = registry.action(name)
    known = None if standing is None else asyncio.ensure_future(standing)
    try:
        with reading(f"connector of `{name}`", f"{name} {action_id} in resolve"):
            found = await registry.resolve(action, registry.validate_args(name, args), subject)
        # INVARIANT: how the account is known to be the customer's is not the connector's to say.
        if known is not None or found.reached is not None or found.verified is not None:
            found = standing_as(found, AccountStanding() if known is None else await known)
    finally:
        if known is not None:
            known.cancel()
            await asyncio.gather(known, return_exceptions=True)
    # INVARIANT: a connector tells nothing in place of a signature, and nobody else does.
    signed = [name for name, fact in action.declared.items() if fact.signed]
    if not signed:
        return found
    facts = {name: value for name, value in found.facts.items() if name not in signed}
    told = {name: subject.signed[name] for name in signed if name in subject.signed}
    return replace(found, facts={**facts, **told})


def standing_as(found: Resolved, standing: AccountStanding) -> Resolved:
    """What was read, with how its account is known to be the customer's who wrote."""
    way = standing.reached
    known = replace(found, reached=way, verified=standing.verified)
    if way is None:
        return known
    named = {"name": way.name} if way.name else {}
    personal = {WRITES_FROM: way.written_as, **named, **found.personal}
    return replace(known, personal=personal)


def signed_turn(turn: list[Json], subject: Subject) -> list[Json]:
    """A customer's turn as it is sealed: role, words, choice, and what was signed along with it."""
    if subject.signed_until is None:
        return turn
    told: Json = {
        "subject": subject.id,
        "facts": dict(subject.signed),
        "until": subject.signed_until,
    }
    return [*turn, *([None] * (3 - len(turn))), told]


def subject_as_signed(
    reader: Reader, personal: Personal, registry: ActionRegistry, row: ActionRow
) -> Subject:
    """The customer of an action, with the facts that were signed with the words it comes of.

    INVARIANT: only the newest turn with an assertion counts, and only as the log names its text:
    what a row of the database says of it is believed by nobody.
    """
    known = {action.name: action for action in registry.actions}.get(row.name)
    if row.request_id is None or known is None:
        return row.subject
    if not any(fact.signed for fact in known.declared.values()):
        return row.subject
    for found in reader.all("log.of_request", tenant=row.tenant, request=row.request_id):
        entry = StoredEntry.read(text(found, "body").encode()).entry
        if entry.kind in _TURNS and SIGNED in entry.data and entry.pii is not None:
            sealed = personal.open(reader, row.tenant, entry.pii.ref)
            match orjson.loads(sealed or "[]"):
                case [*_, ["customer", _, _, {"subject": str(named)} as told]] if named in {
                    row.subject.id,
                    _wrote(reader, row),
                }:
                    facts = cast("Mapping[str, str | int | bool]", told["facts"])
                    return replace(row.subject, signed=facts, signed_until=told["until"])
                case _:
                    return row.subject
    return row.subject


def _wrote(reader: Reader, row: ActionRow) -> str:
    """The account that a request was written from, whichever one its action acts on."""
    request = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
    return "" if request is None else text(request, "subject_id")


def subject_as_judged(row: ActionRow) -> Subject:
    """The customer of a judged action: what went by a signature needs no other for less money."""
    assert row.snapshot is not None
    facts = row.snapshot.resolved.facts
    kept = {name: value for name, value in facts.items() if not isinstance(value, Money)}
    return replace(row.subject, signed=kept)


@contextmanager
def reading(whose: str, doing: str) -> Generator[None]:
    """Give what a connector raises a code while it reads.

    Nothing was sent that changes anything, so nothing is unknown; but whoever asked needs a code,
    and the action an end.

    Args:
        whose: the connector, for who asked.
        doing: what it was asked, for the process's log.

    Raises:
        RetryableError: `connector_failed`, where it raised what its contract does not know.
    """
    try:
        yield
    except OutcomeUnknownError as error:
        raise _unexpected(error, whose, doing) from error
    except SaysoError:
        raise
    except Exception as error:
        raise _unexpected(error, whose, doing) from error


def _unexpected(error: Exception, whose: str, doing: str) -> RetryableError:
    # INVARIANT: by its kind and place, since what it says may quote the customer.
    logger.error("%s raised an unexpected error: %s", doing, logged_with_frames(error))
    return RetryableError(
        Code.CONNECTOR_FAILED,
        f"the {whose} raised an unexpected error ({type(error).__name__}), and nothing was done",
        next_step="repair its code or its settings, then ask again; the process's log names the "
        "place",
    )


class Try(StrEnum):
    """Which try of one intent a call is."""

    FIRST = "first"
    AGAIN = "again"
    """An earlier one may have done it; the provider drops the same key."""
    PROVEN = "proven"
    """An earlier one surely did nothing."""


def check_claimed(row: ActionRow) -> None:
    """Stop the line where a claim found tampering instead of something to run.

    Raises:
        IntegrityError: `tampered`; it stands in the log already.
    """
    if row.status is not Status.EXECUTING:
        raise IntegrityError(
            Code.TAMPERED,
            "the stored action is not what was judged and shown, so it was not carried out",
            next_step="run `sayso audit verify`, and look at the provider",
            detail=f"{row.id}: {row.error['message'] if row.error else ''}",
        )


def call_of(row: ActionRow) -> Call:
    """The executor's input: exactly the stored snapshot, under the stored key."""
    assert row.snapshot is not None
    assert row.call_key is not None
    return Call(
        tenant=row.tenant,
        action_id=row.id,
        action=row.name,
        subject_id=row.subject.id,
        resolved=row.snapshot.resolved,
        idempotency_key=row.call_key,
    )


async def outcome_of(
    registry: ActionRegistry, call: Call, timeout_s: float
) -> Receipt | SaysoError:
    """Make the call; whatever comes of it is an outcome that can be written down."""
    try:
        async with asyncio.timeout(timeout_s):
            return _kept(await registry.call(call))
    except TimeoutError:
        return OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came in time")
    except (RefusedError, RetryableError, OutcomeUnknownError) as error:
        return error
    except Exception as error:  # noqa: BLE001
        # INVARIANT: once the call has begun, an error that the contract does not know proves
        # nothing, so the outcome is unknown.
        return OutcomeUnknownError(
            Code.OUTCOME_UNKNOWN,
            "the connector raised an unexpected error",
            next_step="the engine looks it up at the provider",
            detail=f"{type(error).__name__}: {error}",
        )


async def look_up(
    registry: ActionRegistry, call: Call, timeout_s: float
) -> Receipt | Absence | SaysoError:
    """Look for the effect of a call; an error says that nothing was learnt, whatever it was."""
    try:
        async with asyncio.timeout(timeout_s):
            found = await registry.look_up(call)
        return _kept(found) if isinstance(found, Receipt) else Absence(found)
    except TimeoutError:
        return RetryableError(Code.PROVIDER_UNAVAILABLE, "the look-up took too long")
    except (RetryableError, OutcomeUnknownError) as error:
        return error
    except EffectFailedError as error:
        return error
    except RefusedError as error:
        return RetryableError(error.code, error.message)
    except Exception as error:  # noqa: BLE001
        # It is counted like any other look-up in vain, so that a person gets it in the end.
        return RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            "the look-up raised an unexpected error",
            next_step="the engine looks again later",
            detail=f"{type(error).__name__}: {error}",
        )


def _kept(receipt: Receipt) -> Receipt:
    """The receipt as it can be stored: an effect is never untold because its receipt is odd."""
    known = receipt.finality in set(Finality)
    fit = replace(
        receipt,
        id=storable(str(receipt.id)),
        status=storable(str(receipt.status), 80),
        finality=Finality(receipt.finality) if known else Finality.PENDING,
    )
    try:
        dumps(receipt_json(fit))
    except TypeError:
        return replace(fit, details={})
    return fit


def last_called(row: ActionRow) -> ActionRow:
    """The row, with the last moment at which its newest call may have been on its way.

    A worker that is gone may have called for as long as its lease held, so that is when the time
    begins after which an empty look-up proves something.
    """
    if row.status is not Status.EXECUTING or row.due_at is None:
        return row
    return replace(row, called_at=max(row.called_at or 0, row.due_at))


def receipt_data(receipt: Receipt, row: ActionRow) -> dict[str, Json]:
    """What the log says of a receipt."""
    amount = receipt.amount
    return {
        "receipt": receipt.id,
        "provider_status": receipt.status,
        "moved": None if amount is None else dict(amount.to_json()),
        "as_approved": amount == row.amount,
        "finality": receipt.finality.value,
        "fence": row.fence,
    }
