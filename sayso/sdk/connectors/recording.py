"""Exchanges with a test account of a provider: what a manifest really sends, and what comes back.

A manifest is a reading of a provider's pages. Until its actions were done once at an account of the
provider's, and found again there, a person decides each of them.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import cast

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Call, Receipt
from sayso.connectors.arguments import read_args
from sayso.connectors.manifest.connector import ManifestConnector
from sayso.connectors.manifest.definition import Defined
from sayso.connectors.manifest.factory import factory_of
from sayso.connectors.manifest.probe import next_pages, other_object
from sayso.connectors.manifest.proof import MAX_SHOWN_S, ActionProof, operation_digest, write_proof
from sayso.connectors.manifest.review import Reviewed, load
from sayso.connectors.manifests import FOLDER
from sayso.connectors.setup import AskedSettings, Setup
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.ids import Clock, IdSource
from sayso.json import JsonObject, JsonValue
from sayso.nesting import read_json
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.connectors.manifests import mark_recorded
from sayso.sdk.connectors.sighting import Ask, Sighting, nobody, payment_of, untrue
from sayso.sdk.connectors.tape import Tape
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAction:
    """What one action did at a test account.

    Attributes:
        action: its name. account: where. receipt: what the provider says it did; None where it was
            only resolved. found: whether its look-up has found it again, after its answer had been
            dropped; None where it has none. problem: what it claims and did not hold.
        proof: what is proven of it from now on; None where nothing is.
        exchanges: how many were written. path: where to.
        is_verified: whether every action of the manifest has been done by now.
    """

    action: str
    account: str
    receipt: Receipt | None
    found: bool | None
    problem: str
    proof: ActionProof | None
    exchanges: int
    path: Path
    is_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    name: str
    verb: str
    args: JsonObject
    subject: str
    do_it: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What came of trying; empty where it was only resolved."""

    receipt: Receipt | None = None
    found: bool | None = None
    key: bool = False
    shown_after_s: int = 0
    problem: str = ""
    said: Sighting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPace:
    """How time passes while a provider is waited for; another one for tests."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


PATIENCE_S = 180.0
"""So long is looked for the effect of a call whose answer was dropped."""
LEAST_ABSENT_S = 60
"""Absence proves nothing before that, however fast a test account is."""
REAL_TIME = RecordingPace()


async def record_action(
    workspace: Workspace,
    clock: Clock,
    name: str,
    verb: str,
    args: JsonObject,
    subject: str,
    *,
    do_it: bool,
    by: str,
    ask: Ask = nobody,
    pace: RecordingPace = REAL_TIME,
) -> RecordedAction:
    """Resolve an action at the provider, do it if that is wanted, and see what it claims.

    Its first answer is dropped, it is looked up until it shows, and the same key is sent once more:
    one effect has to be there in the end, of what was asked for. What held is kept as a proof,
    beside the manifest.

    Args:
        do_it: make the call too; it has its effect at the account.
        by: who records.
        ask: asks them what the account itself shows, of a payment; it is not proven without.

    Raises:
        ConfigError: `invalid_setting`, `not_reviewed`, `missing_secret`.
        RefusedError: `wrong_state` at an account with real money in it, and whatever the provider
            refuses.
        RetryableError, OutcomeUnknownError: as the provider answers.
    """
    reviewed = load(name, workspace.folder)
    if reviewed is None:
        raise RefusedError(Code.WRONG_STATE, f"there is no manifest `{name[:40]}`")
    tape = Tape()
    connections = Connections(workspace, clock)
    others = load_connectors(workspace, clock, connections=connections)
    try:
        peer = others.connector
        connector = _connector(workspace, clock, reviewed, tape, peer, connections)
        paged = replace(reviewed, source=next_pages(reviewed.source) or reviewed.source)
        asking = _connector(workspace, clock, paged, tape, peer, connections)
        try:
            asked = _Asked(name=name, verb=verb, args=args, subject=subject, do_it=do_it)
            seen = await _play(connector, asking, clock, asked, tape, pace, ask)
            account = await connector.account()
        finally:
            await asking.close()
            await connector.close()
    finally:
        await others.close()
        await connections.close()
    path = workspace.folder / FOLDER / f"{name}.exchanges.jsonl"
    at, manifest = clock.now(), reviewed.source.manifest
    proof = _proof(reviewed, verb, seen, account.shown, at, by) if do_it else None
    claims = manifest.actions[verb].call.key is not None or manifest.actions[verb].look_up
    # What claims something is done once that has held; what claims nothing, once it was called.
    done = proof is not None if claims else seen.receipt is not None and not seen.problem
    _append(path, reviewed, verb, tape.exchanges, done=done, at=at)
    if do_it:
        write_proof(workspace.folder, manifest, verb, proof)
    is_verified = set(manifest.actions) <= _done(path, reviewed)
    if is_verified:
        mark_recorded(workspace.folder, name, by=by, now=clock.now())
    return RecordedAction(
        action=f"{name}.{verb}",
        account=account.shown,
        receipt=seen.receipt,
        found=seen.found,
        problem=seen.problem,
        proof=proof,
        exchanges=len(tape.exchanges),
        path=path,
        is_verified=is_verified,
    )


def _connector(
    workspace: Workspace,
    clock: Clock,
    reviewed: Reviewed,
    tape: Tape,
    peer: object,
    connections: Connections,
) -> ManifestConnector:
    name = reviewed.source.manifest.connector
    table = workspace.settings.connector_tables.get(name, {})
    asked = AskedSettings(name, cast("Mapping[str, JsonValue]", table))
    setup = Setup(
        clock=clock,
        settings=asked,
        secret=workspace.secret,
        peer=peer,  # type: ignore[arg-type]
        bearer=connections.bearer_for_call,
        base=workspace.folder,
    )
    return factory_of(reviewed, tape.between)(setup)


async def _play(
    connector: ManifestConnector,
    asking: ManifestConnector,
    clock: Clock,
    asked: _Asked,
    tape: Tape,
    pace: RecordingPace,
    ask: Ask,
) -> _Seen:
    """Resolve, and where it is wanted do it: once, with its answer dropped, and once more.

    The look-up has to find what the dropped answer would have told. The second call has the very
    same key, so that a provider which keeps it has one effect in the end. Where there is neither
    key nor look-up, it is called once and nothing is proven.
    """
    defined = connector.defined.get(f"{asked.name}.{asked.verb}")
    if defined is None:
        verbs = ", ".join(one.partition(".")[2] for one in connector.defined)
        raise RefusedError(
            Code.UNKNOWN_ACTION,
            f"{asked.name} has no action `{asked.verb[:40]}`",
            next_step=f"use {verbs}",
        )
    account = await connector.account()
    if asked.do_it and account.live:
        raise RefusedError(
            Code.WRONG_STATE,
            f"{account.shown} is no test account",
            next_step="set the connector up with a test account's key, and record there",
        )
    action = defined.action
    args = read_args(action, asked.args)
    resolved = await connector.resolve(action, args, Subject(id=asked.subject))
    other = other_object(defined.table, resolved)
    if other or not asked.do_it:
        return _Seen(problem=other)
    call = Call(
        tenant="recording",
        action_id=IdSource(clock).new("act"),
        action=action.name,
        subject_id=asked.subject,
        resolved=resolved,
        idempotency_key=token_hex(32),
    )
    seen = await _try(connector, defined, call, tape, pace)
    if seen.problem or seen.receipt is None:
        return seen
    return await _compared(asking, defined, call, seen.receipt, seen, ask)


async def _compared(
    asking: ManifestConnector, defined: Defined, call: Call, receipt: Receipt, seen: _Seen, ask: Ask
) -> _Seen:
    """What was done, held against what was said of it, by its record and by whoever looks."""
    resolved = call.resolved
    if defined.look_up is not None:
        try:
            await asking.effects_of(call)
        except RetryableError as error:
            return replace(seen, problem=f"its look-up can't be read to its end: {error.message}")
    if resolved.amount is not None and receipt.amount != resolved.amount:
        said = f"{resolved.amount} was asked for, and its record says {receipt.amount}"
        return replace(seen, problem=said)
    payment = payment_of(defined.action, resolved, receipt)
    if payment is None:
        return seen
    told = await ask(payment)
    return replace(seen, problem=untrue(payment, told), said=told)


async def _try(
    connector: ManifestConnector, defined: Defined, call: Call, tape: Tape, pace: RecordingPace
) -> _Seen:
    keyed, has_look_up = defined.call.key is not None, defined.look_up is not None
    if not has_look_up:
        return await _try_key_alone(connector, call, keyed=keyed)
    tape.drop_next_answer = True
    began = pace.monotonic()
    try:
        await connector.call(call)
    except OutcomeUnknownError:
        if not tape.dropped:
            raise
    tape.drop_next_answer = False
    if not tape.dropped:
        return _Seen(problem="no answer could be dropped, so nothing is proven")
    found = await _found_within(connector, call, pace)
    if found is None:
        said = f"its look-up doesn't find it within {PATIENCE_S} s after the answer was lost"
        return _Seen(found=False, problem=said)
    shown_s = math.ceil(pace.monotonic() - began)
    seen = _Seen(receipt=found, found=True, shown_after_s=shown_s)
    if not keyed:
        return seen
    again = await _again(connector, call)
    await pace.sleep(min(2.0 * shown_s + 1.0, PATIENCE_S))  # a second effect shows as late
    effects = await connector.effects_of(call)
    is_state = defined.look_up is not None and defined.look_up.proof == "state"
    if effects > 1 or (again is not None and again.id != found.id and not is_state):
        said = f"the same key, sent twice, has had {max(effects, 2)} effects: the key is ignored"
        return replace(seen, problem=said)
    # A state is what it is after one call and after two, so it shows nothing of the key.
    return replace(seen, key=not is_state and again is not None)


async def _try_key_alone(connector: ManifestConnector, call: Call, *, keyed: bool) -> _Seen:
    """One call, and one more with its key where it has one: the same effect has to be told."""
    try:
        first = await connector.call(call)
    except OutcomeUnknownError as error:
        if error.look_up_after_s is None:
            raise
        return _Seen(problem="it was taken on, and nothing finds it again")
    if not keyed:
        return _Seen(receipt=first)
    again = await _again(connector, call)
    if again is None or again.id != first.id:
        said = "the same key, sent twice, was answered as two effects: the key is ignored"
        return _Seen(receipt=first, problem=said)
    return _Seen(receipt=first, key=True)


async def _again(connector: ManifestConnector, call: Call) -> Receipt | None:
    """The same call with the same key; None where the provider refuses it, or says nothing."""
    try:
        return await connector.call(call)
    except (RefusedError, RetryableError, OutcomeUnknownError):
        return None


async def _found_within(
    connector: ManifestConnector, call: Call, pace: RecordingPace
) -> Receipt | None:
    until, pause_s = pace.monotonic() + PATIENCE_S, 0.25
    while True:
        found = await connector.look_up(call)
        if isinstance(found, Receipt):
            return found
        if pace.monotonic() >= until:
            return None
        await pace.sleep(pause_s)
        pause_s = min(2 * pause_s, 5.0)


def _proof(
    reviewed: Reviewed, verb: str, seen: _Seen, account: str, at: datetime, by: str
) -> ActionProof | None:
    """What may be believed of it from now on; None where something it claims did not hold."""
    table = reviewed.source.manifest.actions[verb]
    claims_key = table.call.key is not None
    if seen.problem or seen.receipt is None or not (claims_key or table.look_up is not None):
        return None
    if table.look_up is None and not seen.key:
        return None
    return ActionProof(
        operation=operation_digest(reviewed.source.manifest, verb),
        on=at.date(),
        account=account,
        key=seen.key,
        found=seen.found is True,
        shown_after_s=seen.shown_after_s,
        absent_after_s=min(max(LEAST_ABSENT_S, 10 * seen.shown_after_s), MAX_SHOWN_S),
        by=by[:200],
        seen="" if seen.said is None else seen.said.amount[:60],
        holds_the_money=seen.said is not None and seen.said.holds_the_money,
    )


def _append(
    path: Path,
    reviewed: Reviewed,
    verb: str,
    exchanges: Sequence[JsonObject],
    *,
    done: bool,
    at: datetime,
) -> None:
    line = {
        "manifest": reviewed.source.digest,
        "action": verb,
        "done": done,
        "at": at.isoformat(timespec="seconds"),
        "exchanges": list(exchanges),
    }
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _done(path: Path, reviewed: Reviewed) -> set[str]:
    """The actions of these very bytes that were done and found again."""
    found: set[str] = set()
    for line in path.read_text("utf-8").splitlines():
        one = read_json(line)
        if one["manifest"] == reviewed.source.digest and one["done"]:
            found.add(one["action"])
    return found
