"""The bench on which a connector stands while it is judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sayso.actions.model.definition import Action, Subject
from sayso.actions.model.snapshot import Call, Receipt, Resolved
from sayso.connectors.base import Connector
from sayso.connectors.registry import Connectors
from sayso.errors import OutcomeUnknownError, SaysoError
from sayso.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One action that can be done on a fresh bench.

    Attributes:
        action: its name.
        args: its arguments, as JSON.
        subject: on whose behalf.
    """

    action: str
    args: JsonObject
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProvider:
    """A provider that is reached over HTTP, so that faults can be put in between.

    Attributes:
        url: where it is, such as `http://127.0.0.1:40123`.
        connect: makes the connector under test for another address of the same provider, with a
            time-out in seconds after which it waits for no answer any more, all in all.
        roll_back: lose its own record of the newest effect, and its key, as a shop does that has
            paid inside a transaction which then fails; the effect still counts. None for a provider
            that holds the money itself, whose record is the effect.
    """

    url: str
    connect: Callable[[str, float], Connector]
    roll_back: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorBench:
    """A connector on a provider that a test may change.

    Attributes:
        connector: under test.
        cases: at least one per action.
        effects: how many effects the provider has had since it began; its own count, not ours.
        unreachable: the same connector with nobody at the other end, when there is a network
            between; None when there is none.
        knows_subjects: whether `resolve` can tell that a subject does not exist.
        http: how to reach the provider through something that misbehaves; None when that is not
            possible.
    """

    connector: Connector
    cases: tuple[Case, ...]
    effects: Callable[[], int]
    unreachable: Connector | None = None
    knows_subjects: bool = True
    http: HttpProvider | None = None


async def resolve_case(bench: ConnectorBench, case: Case) -> tuple[Action, Resolved]:
    """The action of a case, and what its arguments resolve to now."""
    registry = Connectors([bench.connector])
    action = registry.action(case.action)
    args = registry.validate_args(case.action, case.args)
    return action, await bench.connector.resolve(action, args, case.subject)


def call_for(case: Case, resolved: Resolved, number: int) -> Call:
    """The call that the engine would make for the action with that number."""
    return Call(
        tenant="main",
        action_id=f"act_{number:026d}",
        action=case.action,
        subject_id=case.subject.id,
        resolved=resolved,
        idempotency_key=f"{number:064x}",
    )


async def done(connector: Connector, call: Call) -> Receipt:
    """What came of a call; where the provider has only taken it on, what the look-up finds."""
    try:
        return await connector.call(call)
    except OutcomeUnknownError as error:
        if error.look_up_after_s is None:
            raise
    found = await connector.look_up(call)
    assert isinstance(found, Receipt), f"{call.action} was taken on, and is not found: {found}"
    return found


async def error_of(asked: Awaitable[object]) -> SaysoError | None:
    """Our error, or None; anything else is a broken promise and goes through."""
    try:
        await asked
    except SaysoError as error:
        return error
    return None
