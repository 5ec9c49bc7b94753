"""Exchanges with a test account of a provider: what a manifest really sends, and what comes back.

A manifest is a reading of a provider's pages. Until its actions were done once at an account of the
provider's, and found again there, a person decides each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import cast

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.arguments import read_args
from sayso.connectors.http import HttpAnswer, HttpRequest, Sender
from sayso.connectors.manifest.connector import ManifestConnector
from sayso.connectors.manifest.factory import factory_of
from sayso.connectors.manifest.review import Reviewed, load
from sayso.connectors.manifests import FOLDER
from sayso.connectors.setup import AskedSettings, Setup
from sayso.errors import Code, OutcomeUnknownError, RefusedError
from sayso.ids import Clock, IdSource
from sayso.json import JsonObject, JsonValue
from sayso.nesting import read_json
from sayso.sdk.connectors import load_connectors
from sayso.sdk.manifests import mark_recorded
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace

_PERSONAL = re.compile(
    r"name|mail|phone|address|street|city|zip|postal|token|secret|password|key|signature|birth|ip$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one action did at a test account.

    Attributes:
        action: its name. account: where. receipt: what the provider says it did; None where it was
            only resolved. found: whether its look-up has found it again; None where it has none.
        exchanges: how many were written. path: where to.
        is_verified: whether every action of the manifest has been done by now.
    """

    action: str
    account: str
    receipt: Receipt | None
    found: bool | None
    exchanges: int
    path: Path
    is_verified: bool


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
) -> Recorded:
    """Resolve an action at the provider, do it if that is wanted, and look it up.

    Args:
        do_it: make the call too, once; it has its effect at the account.
        by: who records.

    Raises:
        ConfigError: `invalid_setting`, `not_reviewed`, `missing_secret`.
        RefusedError: `wrong_state` at an account with real money in it, and whatever the provider
            refuses.
        RetryableError, OutcomeUnknownError: as the provider answers.
    """
    reviewed = load(name, workspace.folder)
    if reviewed is None:
        raise RefusedError(Code.WRONG_STATE, f"there is no manifest `{name[:40]}`")
    tape = _Tape()
    connections = Connections(workspace, clock)
    others = load_connectors(workspace, clock, connections=connections)
    try:
        connector = _connector(workspace, clock, reviewed, tape, others.connector, connections)
        try:
            receipt, found = await _play(connector, clock, name, verb, args, subject, do_it=do_it)
            account = await connector.account()
        finally:
            await connector.close()
    finally:
        await others.close()
        await connections.close()
    path = workspace.folder / FOLDER / f"{name}.exchanges.jsonl"
    done = receipt is not None and found is not False
    _append(path, reviewed, verb, tape.exchanges, done=done, at=clock.now())
    wanted = set(reviewed.source.manifest.actions)
    is_verified = wanted <= _done(path, reviewed)
    if is_verified:
        mark_recorded(workspace.folder, name, by=by, now=clock.now())
    return Recorded(
        action=f"{name}.{verb}",
        account=account.shown,
        receipt=receipt,
        found=found,
        exchanges=len(tape.exchanges),
        path=path,
        is_verified=is_verified,
    )


def _connector(
    workspace: Workspace,
    clock: Clock,
    reviewed: Reviewed,
    tape: _Tape,
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
    clock: Clock,
    name: str,
    verb: str,
    args: JsonObject,
    subject: str,
    *,
    do_it: bool,
) -> tuple[Receipt | None, bool | None]:
    defined = connector.defined.get(f"{name}.{verb}")
    if defined is None:
        verbs = ", ".join(one.partition(".")[2] for one in connector.defined)
        raise RefusedError(
            Code.UNKNOWN_ACTION, f"{name} has no action `{verb[:40]}`", next_step=f"use {verbs}"
        )
    account = await connector.account()
    if do_it and account.live:
        raise RefusedError(
            Code.WRONG_STATE,
            f"{account.shown} is no test account",
            next_step="set the connector up with a test account's key, and record there",
        )
    action = defined.action
    resolved = await connector.resolve(action, read_args(action, args), Subject(id=subject))
    if not do_it:
        return None, None
    call = Call(
        tenant="recording",
        action_id=IdSource(clock).new("act"),
        action=action.name,
        subject_id=subject,
        resolved=resolved,
        idempotency_key=token_hex(32),
    )
    try:
        receipt: Receipt | Absence = await connector.call(call)
    except OutcomeUnknownError as error:
        if error.look_up_after_s is None:
            raise
        receipt = Absence.CANNOT_TELL
    if defined.look_up is None:
        return (receipt if isinstance(receipt, Receipt) else None), None
    again = await connector.look_up(call)
    if isinstance(again, Receipt):
        return again, True
    return (receipt if isinstance(receipt, Receipt) else None), False


# ---- the tape ------------------------------------------------------------------------------------


class _Tape:
    """Keeps what was sent and what came back, without headers and without people in it."""

    def __init__(self) -> None:
        self.exchanges: list[JsonObject] = []

    def between(self, sender: Sender) -> Sender:
        """A sender that is recorded."""
        return _Recording(sender, self.exchanges)


class _Recording:
    def __init__(self, sender: Sender, exchanges: list[JsonObject]) -> None:
        self._sender = sender
        self._exchanges = exchanges

    async def send(self, request: HttpRequest) -> HttpAnswer:
        answer = await self._sender.send(request)
        self._exchanges.append(
            {
                "request": {
                    "method": request.method,
                    "url": _EMAIL.sub(_stand_in, request.url),
                    "body": _body(request.body or b""),
                },
                "answer": {"status": answer.status, "body": _body(answer.body)},
            }
        )
        return answer

    async def close(self) -> None:
        await self._sender.close()


def _body(raw: bytes) -> JsonValue:
    try:
        return without_people(cast("JsonValue", read_json(raw)))
    except ValueError:
        return _EMAIL.sub(_stand_in, raw.decode(errors="replace"))


def without_people(value: JsonValue, key: str = "") -> JsonValue:
    """An answer with stand-ins for names, addresses and secrets, of the same length and kind."""
    if isinstance(value, Mapping):
        return {name: without_people(one, name) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_people(one, key) for one in value]
    if isinstance(value, str):
        if _EMAIL.fullmatch(value):
            return "x@example.com"
        if key and _PERSONAL.search(key):
            return re.sub(r"[A-Za-z]", "x", re.sub(r"[0-9]", "0", value))
        return _EMAIL.sub(_stand_in, value)
    return value


def _stand_in(_found: re.Match[str]) -> str:
    return "x@example.com"


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
