"""What stands at the desk: each answer once, in order, true, and none over a colleague."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from support.fake_desk import FakeDesk, Ticket
from walk.facts import FindingError
from walk.world import World

from sayso.ids import to_micros

SEAT = "I look into it myself."
"""What colleagues say from the seat."""
_REFERENCE = re.compile(r"\b(?:re|cbtxn)_[A-Za-z0-9_]+")


def judge_desk(world: World, desk: FakeDesk, *, was_read: bool) -> None:
    """Read every thread beside the actions and the provider's books.

    Args:
        was_read: the desk could be, so that nothing of it is untold.
    """
    effects = {one.id for one in world.effects()}
    for ticket in desk.books.tickets.values():
        _judge_order(world, ticket)
        _judge_colleagues(ticket)
        _judge_twice(ticket)
        if was_read:
            _judge_messages(world, ticket)
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
    ours = [one for one in ticket.messages if one.author == "sayso" and one.text != SEAT]
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
    """After a colleague has written, the next look falls silent before anything is said.

    At the desk or from the seat: what is said from there is in Sayso's name at the desk.
    """
    seen = False
    for one in ticket.messages:
        if seen and one.author == "sayso" and one.public and one.text != SEAT:
            raise FindingError("allowed", f"a colleague is talked over in {ticket.id}")
        seen = seen or (one.public and (one.author == "colleague" or one.text == SEAT))


def _judge_twice(ticket: Ticket) -> None:
    """Nobody is told the same twice, unless they have written in between."""
    before = None
    for one in ticket.messages:
        if one.author == "customer":
            before = None
        elif one.author == "sayso" and one.public and one.text != SEAT:
            if one.text == before:
                raise FindingError("untrue", f"{ticket.id} is answered twice: {one.text[:60]}")
            before = one.text


def _judge_messages(world: World, ticket: Ticket) -> None:
    """Each message of a customer is a turn of a request, or was left with a reason."""
    found = world.rows("select begun_at from desk where name = 'desk'")
    begun = int(str(found[0][0]))
    rows = world.rows(
        "select m.id, m.state, m.why, r.id from desk_message m left join request r"
        " on r.tenant = m.tenant and r.id = m.request_id where m.desk = 'desk' and m.thread = ?",
        [ticket.id],
    )
    told = {str(one[0]): one[1:] for one in rows}
    for one in ticket.messages:
        if one.author != "customer" or to_micros(one.at) < begun:
            continue
        match told.get(one.id):
            case ("asked", _, str()) | ("left", str(), None):
                continue
            case other:
                raise FindingError("stuck", f"{one.id} has come to {other}")


def judge_chats(world: World, chats: Mapping[str, str]) -> None:
    """A thread of one's own desk is one customer's."""
    for thread in chats:
        rows = world.rows(
            "select distinct subject_id from request where conversation = ?",
            [f"desk:chat:{thread}"],
        )
        if len(rows) > 1:
            raise FindingError("allowed", f"{thread} is of {len(rows)} customers")
