"""What customers are told: true whenever it is read, and never nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from walk.facts import FindingError
from walk.judges.states import joined_by
from walk.world import World

from sayso.sdk.views.rows import ActionView, RequestView

_REFERENCE = re.compile(r"\b(?:re|cbtxn|gift|sub)_[A-Za-z0-9_]+")
_DONE = re.compile(r"\b(we have (refunded|cancelled|credited|done what)|nous avons remboursé)")
_PROMISES = "you will hear from us once it is decided"
_DATED = "As of "
"""What is told of the ledger says when that was, and is not written anew."""
_NOTHING = "Nothing has been changed so far"


def judge_replies(world: World, requests: Sequence[RequestView]) -> None:
    """Read every reply beside the ledger and the books."""
    effects = {one.id for one in world.effects()}
    open_objects = _open_objects(world)
    for request in requests:
        if not request.subject.startswith("cus_"):
            continue  # erased, and called by a pseudonym
        _judge(world, request, effects, open_objects)


def _judge(world: World, request: RequestView, effects: set[str], open_objects: set[str]) -> None:
    who, reply = f"the reply to {request.subject} ({request.status})", request.reply
    if not reply:
        raise FindingError("untrue", f"{who} is empty")
    named = set(_REFERENCE.findall(reply))
    done = [one for one in request.actions if one.status == "succeeded" and one.undoes is None]
    receipts = {one.receipt.id for one in done if one.receipt is not None}
    receipts = {one for one in receipts if _REFERENCE.fullmatch(one)}  # no e-mail's
    joined = _done_by_joined(world, request) | _done_before(world, request)
    receipts |= joined
    strange = (
        named - joined - {one.receipt.id for one in request.actions if one.receipt is not None}
    )
    if strange:
        raise FindingError("untrue", f"{who} names {sorted(strange)}, which is no receipt of it")
    is_done = joined or any(one.receipt for one in request.actions)
    if _DONE.search(reply.lower()) and not is_done:
        raise FindingError("untrue", f"{who} claims what was not done: {reply}")
    money = {one for one in named if one.startswith(("re_", "gift_"))}
    if money - effects - _by_hand(world):
        raise FindingError("untrue", f"{who} tells of {sorted(money - effects)}, never done")
    if request.status == "answered" and receipts - named:
        raise FindingError("untrue", f"{who} does not tell of {sorted(receipts - named)}: {reply}")
    if _NOTHING in reply and (done or joined):
        raise FindingError("untrue", f"{who} denies what was done: {reply}")
    if _PROMISES in reply and request.status == "answered" and not reply.startswith(_DATED):
        objects = {_object_of(one) for one in request.actions}
        if not objects & open_objects:
            raise FindingError("untrue", f"{who} promises a decision, and nothing waits: {reply}")


def _done_by_joined(world: World, request: RequestView) -> set[str]:
    """The receipts of what its actions have joined, where that is done."""
    found: set[str] = set()
    for action_id in joined_by(request):
        rows = world.rows("select status, receipt from action where id = ?", [action_id])
        found |= {
            one
            for status, receipt in rows
            if status == "succeeded"
            for one in _REFERENCE.findall(str(receipt))
        }
    return found


def _done_before(world: World, request: RequestView) -> set[str]:
    """Receipts that a correction that came too late tells of: of what it corrects."""
    if request.status != "handed_over" or request.actions:
        return set()
    rows = world.rows(
        "select receipt from action where subject_id = ? and status = 'succeeded'",
        [request.subject],
    )
    found = {one for (told,) in rows for one in _REFERENCE.findall(str(told))}
    return {one for one in found if one in request.reply}


def _by_hand(world: World) -> set[str]:
    """Receipts that a person named when they settled something."""
    rows = world.rows("select receipt from action where receipt is not null")
    return {found for (told,) in rows for found in _REFERENCE.findall(str(told))}


def _object_of(action: ActionView) -> str:
    return f"{action.action}/{action.subject}/{action.args.get('charge', '')}"


def _open_objects(world: World) -> set[str]:
    """What is still on its way, by whoever asked for it."""
    rows = world.rows(
        "select name, subject_id, args from action where status in"
        " ('planned', 'pending_approval', 'approved', 'executing', 'accepted', 'unknown', 'stale')"
    )
    found: set[str] = set()
    for name, subject, args in rows:
        charge = re.search(r'"charge": ?"([^"]+)"', str(args))
        found.add(f"{name}/{subject}/{charge.group(1) if charge else ''}")
    return found
