"""What is pushed, in the words and the language of a browser's person, and to whom.

No customer's name, no words of theirs and no colleague's note: a notification stands on a screen
that is locked, and stays there when a customer is erased.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from sayso.actions.approvals.repository import get_approval
from sayso.actions.controls.kill_switch import StopScope
from sayso.audit.authority.people import KnownPerson
from sayso.ids import Tenant
from sayso.sdk.chat.calls import Summons
from sayso.sdk.chat.fit import plain_fit
from sayso.sdk.chat.news import called_for
from sayso.sdk.client import Sayso
from sayso.sdk.localization.languages import Language
from sayso.sdk.resources.inbox_page import may_answer
from sayso.sdk.views.rows import StopView
from sayso.sdk.views.solution import SolutionView
from sayso.store.base import Reader

WAITS: Final = "{money} waits for your yes or no"
WAITS_WITHOUT_MONEY: Final = "Something waits for your yes or no"
STOPPED: Final = "{who} stopped it: nothing of it starts until two people let it go on"
_EVERYTHING = {StopScope.ALL: "everything of every tenant", StopScope.TENANT: "everything"}
_A_DAY_S = 86_400
_LONGEST_S = 4 * 7 * _A_DAY_S
"""SOURCE: RFC 8030 §5.2: a push service keeps nothing for longer than it likes; four weeks are
what the large ones take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notification.

    Attributes:
        tag: a newer one of the same takes its place. path: of its page, below the console's root.
        ttl_s: for how long a push service keeps it for a browser that is off.
        urgent: it wakes a phone that sleeps. Source: RFC 8030 §5.3.
    """

    title: str
    body: str
    tag: str
    path: str
    ttl_s: int = _A_DAY_S
    urgent: bool = True

    @property
    def topic(self) -> str:
        """The tag as a push service takes it: at most 32 characters, and it says nothing.

        Source: RFC 8030 §5.4.
        """
        return hashlib.sha256(self.tag.encode()).hexdigest()[:32]


async def people_asked(sayso: Sayso, view: SolutionView, tenant: Tenant) -> list[KnownPerson]:
    """Whom a card waits for: active, here, with the role, and neither asked for it nor agreed."""
    people = await called_for(sayso, view)

    def read(reader: Reader) -> list[KnownPerson]:
        waiting = [one.approval_id for one in view.steps if one.asks and one.approval_id]
        rows = [get_approval(reader, tenant, one) for one in waiting]
        return [one for one in people if any(may_answer(reader, row, one) for row in rows)]

    return await sayso.container.store.read(read)


async def people_tested(sayso: Sayso, view: SolutionView, tenant: Tenant) -> list[KnownPerson]:
    """The same for a test card, which nobody may tell from a true one by it."""
    people = await called_for(sayso, view)
    asked: list[KnownPerson] = []
    for one in people:
        waiting = await sayso.canaries.waiting_for(one, tenant=tenant)
        asked += [one] if any(card.id == view.id for card in waiting) else []
    return asked


def card_notice(view: SolutionView, seconds_left: float, reader: Language) -> Notice:
    """A card that waits: how much, to which instrument, and the first reason in few words."""
    reasons = view.lead.reasons or (view.lead.why,)
    return Notice(
        title=_waits(view, reader),
        body=" · ".join((*_what(view, reader), plain_fit(reader.say(reasons[0]), 120))),
        tag=f"solution/{view.id}",
        path=f"solution/{view.id}",
        ttl_s=max(0, min(int(seconds_left), _LONGEST_S)),
    )


def call_notice(call: Summons, reader: Language, *, asked: bool) -> Notice:
    """That somebody was given something, or named in a note; nothing of the note itself.

    Args:
        asked: the card waits for this very person.
    """
    if call.view is None:
        body = reader.phrase(call.work)
    else:
        head = _waits(call.view, reader) if asked else _money(call.view, reader)
        body = " · ".join(filter(None, (head, *_what(call.view, reader))))
    said = reader.phrase(call.said, who=plain_fit(call.who, 100))
    return Notice(title=said, body=body, tag=call.path, path=call.path)


def stop_notice(stop: StopView, reader: Language) -> Notice:
    """That somebody has stopped something; neither their reason nor a customer's id."""
    scope = StopScope(stop.scope)
    what = "a customer" if scope is StopScope.CUSTOMER else _EVERYTHING.get(scope, stop.target)
    who = plain_fit(stop.engaged_by.partition(":")[2], 100)
    return Notice(
        title=reader.phrase("Stopped: {line}", line=plain_fit(reader.say(what), 100)),
        body=reader.phrase(STOPPED, who=who),
        tag=f"stop/{stop.id}",
        path="stop",
        ttl_s=3600,
    )


def _waits(view: SolutionView, reader: Language) -> str:
    money = _money(view, reader)
    return reader.phrase(WAITS, money=money) if money else reader.phrase(WAITS_WITHOUT_MONEY)


def _money(view: SolutionView, reader: Language) -> str:
    return " + ".join(map(reader.money, view.totals))


def _what(view: SolutionView, reader: Language) -> tuple[str, ...]:
    """Where money goes, as the card masks it; of what moves none, the action's name alone."""
    money = [reader.say(what) for amount, what in view.lead.split if amount]
    if money:
        return (plain_fit(", ".join(dict.fromkeys(money)), 150),)
    actions = dict.fromkeys(step.action for step in view.steps if step.asks)
    return (plain_fit(", ".join(actions), 150),) if actions else ()
