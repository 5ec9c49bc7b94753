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

from sayso.actions.approvals import approver, decision, repository
from sayso.actions.engine import claim, reconcile
from sayso.actions.limits import book, following
from sayso.sdk.resources import authentication, tokens

Patches = Iterator[tuple[object, str, Any]]
"""What is replaced: whose name, which name, by what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard: what it is for, how it is taken out, and in which variant it is missed."""

    what: str
    out: Callable[[], Patches]
    variant: str = ""


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


class _Nobody:
    PERSON = "nobody"


def _own_request() -> Patches:
    yield approver, "ActorKind", _Nobody


def _digest() -> Patches:
    original = decision.check_decision

    def check(reader: Any, directory: Any, said: Any, now: int) -> Any:
        shown = repository.get_approval(reader, said.tenant, said.approval_id)
        return original(reader, directory, replace(said, digest=shown.digest), now)

    yield from everywhere(original, check)


def _expiry() -> Patches:
    original = decision._check_open

    def check(reader: Any, approval: Any, said: Any, now: int) -> None:
        original(reader, approval, said, 0)

    yield decision, "_check_open", check


def _revision() -> Patches:
    original = decision._check_open

    def check(reader: Any, approval: Any, said: Any, now: int) -> None:
        original(reader, approval, replace(said, revision=approval.revision), now)

    yield decision, "_check_open", check


def _lower() -> Patches:
    yield from everywhere(decision.check_lower, lambda row, wanted: None)


def _quorum() -> Patches:
    original = approver.approvers_of

    def of(*args: Any) -> Any:
        found = original(*args)
        ghost = replace(found[0], person="ghost", roles=frozenset({"finance", "support_manager"}))
        return [*found, ghost]

    def safe(*args: Any) -> Any:
        return of(*args) if original(*args) else []

    yield from everywhere(original, safe)


def _reservation() -> Patches:
    yield book.LimitBook, "plan", lambda self, *args, **more: None


def _release() -> Patches:
    yield following.Following, "_ended", lambda self, use, is_newest: None


def _stop() -> Patches:
    yield claim, "obstacle_to", lambda reader, row: None
    yield claim, "check_stops_of_log", lambda *args: None


def _look_up() -> Patches:
    def again(*args: Any) -> Any:
        return reconcile.CallAgain(proven=True)

    yield from everywhere(reconcile.after_look_up, again)


def _person_only() -> Patches:
    async def person(self: Any, secret: str, *, via: str = "sdk") -> Any:
        return await self.holder(secret, via=via)

    yield authentication.Authentication, "person", person


def _tenant() -> Patches:
    original = tokens.token_of

    def of(tenant: Any, credential: Any) -> Any:
        return original(type(tenant)("main"), credential)

    yield from everywhere(original, of)


GUARDS: Mapping[str, Guard] = {
    "own-request": Guard(what="whoever asked does not approve", out=_own_request),
    "digest": Guard(what="a yes is to what was seen", out=_digest),
    "expiry": Guard(what="no answer in time counts as no", out=_expiry),
    "revision": Guard(what="a yes to an older card does not count", out=_revision),
    "lower-only": Guard(what="less is less", out=_lower),
    "quorum": Guard(what="two people are two", out=_quorum),
    "reservation": Guard(
        what="what is allowed uses its limits", out=_reservation, variant="limits"
    ),
    "release": Guard(what="what has ended holds nothing", out=_release, variant="limits"),
    "stop-at-claim": Guard(what="nothing is begun under a stop", out=_stop),
    "look-up": Guard(what="looked up before a second call", out=_look_up, variant="shelf"),
    "person-only": Guard(what="no program decides", out=_person_only),
    "tenant": Guard(what="a token opens its own tenant", out=_tenant, variant="tenants"),
}
