"""Guards of the product that can be taken out in this process, to see that the walk misses them.

Each is one check, without which something wrong is taken. Nothing of the package changes: what it
looks up by name is another thing for as long as the block runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sayso.actions.approvals import decision, repository, service, solution
from sayso.actions.controls import kill_switch, manual_resolution
from sayso.actions.customers import links
from sayso.actions.engine import claim, engine, reconcile
from sayso.actions.limits import following, reservations
from sayso.actions.model import action_row, idempotency
from sayso.actions.model.status import Status
from sayso.actions.policy import signs
from sayso.actions.policy.base import Approver
from sayso.actions.rollout import checks as rollout
from sayso.agent import reply
from sayso.audit import holds, personal
from sayso.audit.signing import rotation
from sayso.sdk.desk import attendant, intake
from sayso.sdk.resources import base, tokens

_DESK = ("a customer writes at the desk", "the desk is looked after")
Patches = Iterator[tuple[object, str, Any]]
"""What is replaced: whose name, which name, by what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard: what it is for, how it is taken out, and where it is missed.

    Attributes:
        variant: in which it is missed; any, where it is empty. often: what is done there more
            often than in other walks, since it takes that for the guard to be missed.
    """

    what: str
    out: Callable[[], Patches]
    variant: str = ""
    often: tuple[str, ...] = ()


@contextmanager
def without(name: str) -> Generator[None]:
    """Take a guard out while the block runs."""
    with ExitStack() as stack:
        for owner, attribute, other in GUARDS[name].out():
            stack.callback(setattr, owner, attribute, vars(owner)[attribute])
            setattr(owner, attribute, other)
        yield


def everywhere(original: object, other: object) -> Patches:
    """Every module of ours that has something by this name."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("sayso."):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    yield module, attribute, other


def _always(value: object) -> Callable[..., object]:
    """Answers the same, whatever it is asked."""

    def answer(*args: object, **more: object) -> object:
        return value

    return answer


def _always_at(value: object, *places: tuple[object, str]) -> Callable[[], Patches]:
    """The same answer in the place of functions, by who has them and their names."""

    def out() -> Patches:
        for owner, name in places:
            yield owner, name, staticmethod(_always(value))

    return out


def _always_everywhere(value: object, original: object) -> Callable[[], Patches]:
    """The same answer in the place of a function, wherever it is called."""
    return lambda: everywhere(original, _always(value))


class _Nobody:
    PERSON = "nobody"


def _own_request() -> Patches:
    yield decision, "ActorKind", _Nobody


def _digest() -> Patches:
    original = decision.check_decision

    def check(reader: Any, directory: Any, said: Any, now: int) -> Any:
        shown = repository.get_approval(reader, said.tenant, said.approval_id)
        seen = replace(said, digest=shown.digest, revision=shown.revision)
        return original(reader, directory, seen, now)

    answered = vars(service.Approvals)["_answered"]

    def shown(self: Any, reader: Any, answer: Any) -> Any:
        asked = repository.get_approval(reader, answer.tenant, answer.approval_id)
        whole = solution.solution_of(reader, asked, repository.action_of(reader, asked))
        said = replace(answer, digest=whole.digest, revision=whole.revision)
        return answered(self, reader, said)

    yield from everywhere(original, check)
    yield service.Approvals, "_answered", shown


def _expiry() -> Patches:
    original = vars(decision)["_check_open"]

    def check(reader: Any, approval: Any, said: Any, now: int) -> None:
        original(reader, approval, said, 0)

    yield decision, "_check_open", check


def _quorum() -> Patches:
    original = decision.approvers_of

    def of(*args: Any) -> Any:
        found = original(*args)
        ghost = replace(found[0], person="ghost", roles=frozenset({"finance", "support_manager"}))
        return [*found, ghost]

    def safe(*args: Any) -> Any:
        return of(*args) if original(*args) else []

    yield from everywhere(original, safe)


def _role() -> Patches:
    def every(reader: Any, approval: Any, roles: Any) -> Any:
        return frozenset(approval.roles)

    yield decision, "counted_roles", every


def _tenant() -> Patches:
    def own(self: Any, tenant: str | None) -> Any:
        return self._container.tenant

    yield base.Resource, "_tenant", own


def _removed_person() -> Patches:
    original = decision.approvers_of

    def of(reader: Any, votes: Any, approval: Any, directory: Any) -> Any:
        found = original(reader, votes, approval, directory)
        known = {one.person for one in found}
        gone = [
            vote.person
            for vote in votes
            if vote.revision == approval.revision
            and vote.decision == "approve"
            and vote.person not in known
        ]
        both = frozenset({"finance", "support_manager"})
        return [*found, *(Approver(person=name, roles=both) for name in gone)]

    yield from everywhere(original, of)


def _settle() -> Patches:
    original = action_row.get_action

    def get(*args: Any) -> Any:
        return replace(original(*args), status=Status.UNKNOWN)

    yield manual_resolution, "get_action", get


def _reply() -> Patches:
    original = reply.outcome_of

    def of(reader: Any, row: Any, words: Any = None) -> Any:
        found = original(reader, row, words)
        waits = found.status in {Status.PENDING_APPROVAL, Status.APPROVED, Status.UNKNOWN}
        return replace(found, status=Status.SUCCEEDED) if waits else found

    yield reply, "outcome_of", of


def _dial() -> Patches:
    def uncapped(judgement: Any, staged: Any, roles: Any, policy: int) -> Any:
        return replace(judgement, policy=policy)

    yield from everywhere(rollout.capped, uncapped)
    yield from everywhere(rollout.held_back, _always(None))


def _rotation() -> Patches:
    original = rotation.Rotation.signed

    def signed(self: Any, old: Any, new: Any) -> str:
        return original(self, new, new)

    yield rotation.Rotation, "signed", signed


def _resume() -> Patches:
    original = kill_switch.Stops.resume

    async def resume(self: Any, resumption: Any) -> Any:
        first = replace(resumption, person="maria", credential="host", key="first")
        await original(self, first)
        return await original(self, replace(first, person="olga", key="second"))

    yield kill_switch.Stops, "resume", resume


def _colleague() -> Patches:
    async def unnoticed(*args: Any) -> bool:
        return False

    yield attendant.Attendant, "_notice", unnoticed


def _said_once() -> Patches:
    original = vars(attendant.Attendant)["_was_said"]

    def was_said(self: Any, saying: Any, said: Any) -> bool:
        return saying.kind != "reply" and bool(original(self, saying, said))

    yield attendant.Attendant, "_was_said", was_said


def _taken_in() -> Patches:
    async def known(*args: Any) -> bool:
        return True

    yield intake.Intake, "is_known", known


GUARDS: Mapping[str, Guard] = {
    "own-request": Guard(
        what="whoever asked does not approve",
        out=_own_request,
        variant="shelf",
        often=("propose", "yes to one's own"),
    ),
    "digest": Guard(
        what="a yes is to what was seen",
        out=_digest,
        often=("propose", "answer with another digest"),
    ),
    "expiry": Guard(
        what="no answer in time counts as no",
        out=_expiry,
        often=("propose", "nobody looks", "yes too late"),
    ),
    "lower-only": Guard(
        what="less is less",
        out=_always_everywhere(None, decision.check_lower),
        often=("propose", "more than was asked"),
    ),
    "quorum": Guard(
        what="two people are two",
        out=_quorum,
        often=("propose", "yes", "carry out"),
    ),
    "reservation": Guard(
        what="what is allowed uses its limits",
        out=_always_at(None, (reservations.LimitReservations, "plan")),
        variant="limits",
        often=("propose",),
    ),
    "release": Guard(
        what="what has ended holds nothing",
        out=_always_at(None, (following.LimitsFollowing, "_ended")),
        variant="limits",
        often=("propose", "no", "less"),
    ),
    "stop-at-claim": Guard(
        what="nothing is begun under a stop",
        out=_always_at(None, (claim, "obstacle_to"), (claim, "check_stops_of_log")),
        often=("propose", "stop"),
    ),
    "look-up": Guard(
        what="looked up before a second call",
        out=_always_everywhere(reconcile.CallAgain(proven=True), reconcile.after_look_up),
        variant="shelf",
        often=("propose", "a fault of the shelf", "wait"),
    ),
    "role": Guard(
        what="a yes is of somebody with the role",
        out=_role,
        often=("propose", "no of nobody"),
    ),
    "tenant": Guard(
        what="a tenant has its own alone",
        out=_tenant,
        variant="tenants",
        often=("propose", "read another tenant's"),
    ),
    "re-read": Guard(
        what="the provider is read again before a call",
        out=_always_at(True, (engine.Engine, "_is_fresh")),
        often=("propose", "a refund past Sayso", "yes"),
    ),
    "idempotency": Guard(
        what="one key is one thing",
        out=_always_everywhere(None, idempotency.read_by_key),
        often=("propose", "propose again"),
    ),
    "joins": Guard(
        what="an equal proposal joins the one that waits",
        out=_always_everywhere(None, signs.equal_to),
        variant="shelf",
        often=("propose", "propose an equal one"),
    ),
    "removed-person": Guard(
        what="the yes of who has left counts no more",
        out=_removed_person,
        variant="shelf",
        often=("propose", "yes", "stop", "remove a person", "add a person", "resume"),
    ),
    "used-once": Guard(
        what="what was used or revoked opens nothing",
        out=_always_at(None, (tokens.Tokens, "_revoke")),
        often=("a new token", "use an old token", "use a link twice"),
    ),
    "erased": Guard(
        what="nobody reads who was erased",
        out=_always_at(None, (personal.Personal, "destroy_key")),
        often=("ask", "erase"),
    ),
    "hold": Guard(
        what="nobody erases who is on hold",
        out=_always_everywhere(None, holds.check_free),
        often=("hold", "erase who is on hold"),
    ),
    "settle-unknown": Guard(
        what="only the unknown is settled by hand",
        out=_settle,
        often=("propose", "settle what is known"),
    ),
    "vouch": Guard(
        what="only a person with a role vouches for a link",
        out=_always_at(None, (links.Links, "_check_by")),
        often=("tie wrongly",),
    ),
    "reply": Guard(
        what="a reply tells what the ledger holds",
        out=_reply,
        often=("ask", "reply"),
    ),
    "dial": Guard(
        what="a stage is a ceiling",
        out=_dial,
        variant="dials",
        often=("propose",),
    ),
    "key-rotation": Guard(
        what="the old key vouches for the new one",
        out=_rotation,
        often=("rotate keys",),
    ),
    "resume-two": Guard(
        what="two people end a stop",
        out=_resume,
        often=("stop", "resume", "resume alone"),
    ),
    "colleague": Guard(
        what="who has a thread is not talked over",
        out=_colleague,
        variant="desk",
        often=(*_DESK, "a colleague at the desk"),
    ),
    "said-once": Guard(what="the same is said once", out=_said_once, variant="desk", often=_DESK),
    "taken-in": Guard(
        what="each message of a customer becomes a turn",
        out=_taken_in,
        variant="desk",
        often=_DESK,
    ),
    "own-changes": Guard(
        what="what a plan's own step did makes none of its others stale",
        out=_always_at({}, (engine, "own_changes")),
        variant="shelf",
        often=("a plan from the shelf",),
    ),
}
