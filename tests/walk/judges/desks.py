"""What stands at the desk: each answer once, in order, true, and none over a colleague."""

from __future__ import annotations

import re
from datetime import timedelta

from support.fake_desk import FakeDesk, Ticket
from walk.facts import FindingError
from walk.world import World

_REFERENCE = re.compile(r"\b(?:re|cbtxn)_[A-Za-z0-9_]+")


def judge_desk(world: World, desk: FakeDesk) -> None:
    """Read every thread beside the actions and the provider's books."""
    effects = {one.id for one in world.effects()}
    for ticket in desk.books.tickets.values():
        _judge_order(world, ticket)
        _judge_colleagues(ticket)
        for text in desk.books.replies(ticket.id):
            strange = {one for one in _REFERENCE.findall(text) if one.startswith("re_")} - effects
            if strange:
                raise FindingError("untrue", f"{ticket.id} is told of {sorted(strange)}")


def _judge_order(world: World, ticket: Ticket) -> None:
    rows = world.rows(
        "select said.kind, action.status, said.state from desk_said as said"
        " left join action on action.id = said.action_id where said.thread = ? order by said.n",
        [ticket.id],
    )
    done = [kind for kind, status, _ in rows if status == "succeeded" and kind != "close"]
    ours = [one for one in ticket.messages if one.author == "sayso"]
    kinds = ["reply" if one.public else "note" for one in ours]
    # What was just done, and nobody has heard of yet, stands at the desk alone.
    told = ["note" if kind == "hand_over" else kind for kind in done]
    if kinds[: len(told)] != told or len(kinds) > len(told) + 1:
        raise FindingError("untrue", f"{ticket.id} holds {kinds}, and the log {told}")
    if sum(state == "open" for _, _, state in rows) > 1:
        raise FindingError("stuck", f"two things are said at once in {ticket.id}")
    replies = [one for one in ours if one.public]
    for at, one in enumerate(replies):
        if len([x for x in replies[: at + 1] if x.at > one.at - timedelta(hours=1)]) > 6:
            raise FindingError("allowed", f"more than six answers within an hour in {ticket.id}")


def _judge_colleagues(ticket: Ticket) -> None:
    """After a colleague has written, the next look falls silent before anything is said."""
    seen = False
    for one in ticket.messages:
        seen = seen or (one.author == "colleague" and one.public)
        if seen and one.author == "sayso" and one.public:
            raise FindingError("allowed", f"a colleague is talked over in {ticket.id}")
