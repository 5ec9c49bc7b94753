"""What is told beside the cards, each once, as a few words that every chat shows alike.

Reminders and notes stand below a card; full limits, and what failed days later, which no card
tells, in the channel itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.actions.engine.outcomes import FAILED_TOPIC, LEFT_TOPIC
from sayso.actions.limits.following import NEAR_TOPIC
from sayso.actions.model.status import Status
from sayso.audit.authority.people import KnownPerson
from sayso.errors import Code, RefusedError
from sayso.sdk.chat.card import where_of
from sayso.sdk.chat.fit import Fit
from sayso.sdk.chat.moment import Moment, Pieces
from sayso.sdk.chat.work import work_shown
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.sdk.resources.limits import LimitNewsView
from sayso.sdk.resources.notes import NOTE_TOPIC, RULE
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.resources.work import WorkView
from sayso.sdk.resources.work_wait import LATE_TOPIC
from sayso.sdk.views.rows import ActionView, NoteView
from sayso.sdk.views.solution import SolutionView
from sayso.settings.surfaces import CONSOLE_PATH

TOPICS: Final = (REMINDER_TOPIC, NOTE_TOPIC, NEAR_TOPIC, FAILED_TOPIC, LEFT_TOPIC, LATE_TOPIC)
"""Of the outbox: what is told by `news_of`."""
_SURFACES = {
    "console": "in the console",
    "cli": "on the command line",
    "http": "over HTTP",
    "sdk": "in a program",
    "slack": "in Slack",
    "teams": "in Teams",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatNews:
    """Something that is no card.

    Attributes:
        head: bold, before the words. words: what has gone through the chat's `fit`.
        short: for notifications and screen readers; not escaped.
        below: the approval, or the test card, below whose card it stands; empty for the channel.
        topic: the topic of that card. waits: the card comes yet, where it does not stand there.
        called: who is to be named there.
        small: it is looked up, and not read first.
        direct: what one who is called and cannot read the place of the card is told in private,
            without a customer's name; empty for nothing. url: of the card in the console, if any.
    """

    head: str = ""
    words: Pieces
    short: str
    below: str = ""
    topic: str = OUTBOX_TOPIC
    waits: bool = False
    called: tuple[KnownPerson, ...] = ()
    small: bool = False
    direct: Pieces = ()
    url: str = ""


async def news_of(
    sayso: Sayso, topic: str, row: OutboxRow, *, fit: Fit, chat: str
) -> ChatNews | None:
    """What a row of one of `TOPICS` has people told in a chat.

    Args:
        topic: not the queue's name. chat: a note that was written there is not told there again.
    """
    url = sayso.workspace.settings.console.url
    match topic:
        case "reminder":
            return await _reminded(sayso, row, fit)
        case "note":
            return await _noted(sayso, row, fit, chat)
        case "limit.near":
            limit = await sayso.limits.news(int(row.key), tenant=row.tenant)
            return None if limit is None else limit_news(limit, fit)
        case "late":
            work = await work_shown(sayso, row.key, row.tenant)
            return None if work is None or not work.late else late_news(work, url, fit)
        case "action.failed_later":
            view = await sayso.actions.get(row.key, tenant=row.tenant)
            return failed_news(view, url, fit) if view.status == Status.FAILED else None
        case _:
            view = await sayso.actions.get(row.key, tenant=row.tenant)
            return left_news(view, url, fit)


async def _reminded(sayso: Sayso, row: OutboxRow, fit: Fit) -> ChatNews | None:
    """A reminder of what still waits, where its card stands."""
    view = await sayso.solutions.get(row.key, tenant=row.tenant)
    # Each step of a plan is reminded of, at the same time; people are called once.
    if view.status != ApprovalStatus.PENDING or view.id != row.key:
        return None
    url = sayso.workspace.settings.console.url
    return reminder(view, await called_for(sayso, view), fit, url)


async def called_for(sayso: Sayso, view: SolutionView) -> tuple[KnownPerson, ...]:
    """Who is called to decide a solution now."""
    roles = frozenset(view.roles)
    if view.escalated is not None:
        roles |= {view.escalated.role}
    return await sayso.people.called(sayso.tenant, roles, frozenset(view.agreed), sayso.now())


async def _noted(sayso: Sayso, row: OutboxRow, fit: Fit, chat: str) -> ChatNews | None:
    """What somebody noted elsewhere; or, once, that what is written below a card is a note."""
    approval_id, _, seq = row.key.partition(":")
    topic = OUTBOX_TOPIC
    try:
        view = await sayso.solutions.get(approval_id, tenant=row.tenant)
    except RefusedError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        # A test card, which nobody may tell from a true one by what stands below it.
        test = await sayso.canaries.get(approval_id, tenant=row.tenant)
        if test.status != "open" or test.solution is None:
            return None
        topic, view = CANARY_TOPIC, test.solution
    if int(seq) == RULE:
        wrote = any(note.via == chat for note in view.notes)
        waits = view.status == ApprovalStatus.PENDING
        return rule_told(view, topic) if waits and wrote else None
    note = next((one for one in view.notes if one.seq == int(seq)), None)
    # INVARIANT: what comes from a thread of this chat is not told there again.
    if note is None or not note.text or note.via == chat:
        return None
    return note_told(view, note, topic, fit)


def reminder(
    view: SolutionView, called: Sequence[KnownPerson], fit: Fit, url: str = ""
) -> ChatNews:
    """Who is called, and until when they can answer.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    until = Moment(at=view.expires_at)
    escalated = view.escalated is not None
    lead = f"escalated {fit(view.escalated.whom, 200)}: " if view.escalated is not None else ""
    what = "Escalated" if escalated else "Still waiting"
    return ChatNews(
        words=(f"{lead}this still waits for a yes or no. No answer by ", until, " counts as no."),
        short=f"{what}: yes or no by {until.text} ({view.id})",
        below=view.id,
        called=tuple(called),
        direct=_called_in_private(view, until, fit, url),
        url=f"{url}{CONSOLE_PATH}/solution/{view.id}" if url else "",
    )


def _called_in_private(view: SolutionView, until: Moment, fit: Fit, url: str) -> Pieces:
    money = fit(" + ".join(map(str, view.totals)) or "What moves no money", 100)
    actions = fit(", ".join(dict.fromkeys(step.action for step in view.steps)), 150)
    where = "" if url else f" Look at it {where_of(view)}."
    said = f"{money} ({actions}) waits for your yes or no. No answer by "
    return said, until, f" counts as no.{where}"


def note_told(view: SolutionView, note: NoteView, topic: str, fit: Fit) -> ChatNews:
    """What somebody noted elsewhere, as plain text with who it was and where."""
    where = _SURFACES.get(note.via, "elsewhere")
    return ChatNews(
        head=f"{fit(note.person, 80)} {where}: ",
        words=(fit(note.text, 2500, more=where_of(view), lines=True),),
        short=f"A note ({view.id})",
        below=view.id,
        topic=topic,
        waits=view.status == ApprovalStatus.PENDING,
    )


def rule_told(view: SolutionView, topic: str) -> ChatNews:
    """What whoever writes below a card has to know, whatever they have written."""
    said = (
        "What is written here is noted, for everybody who looks at this, and decides nothing: a"
        " yes, a no and less are said with the buttons of the card."
    )
    short = f"A note decides nothing ({view.id})"
    return ChatNews(words=(said,), short=short, below=view.id, topic=topic, waits=True, small=True)


def failed_news(view: ActionView, url: str, fit: Fit) -> ChatNews:
    """What stands in the channel of an effect that failed at the provider after it was taken on.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    amount = f" of {view.amount}" if view.amount is not None else ""
    what = f"{view.action}{amount}"
    why = view.error.message if view.error is not None else "the provider does not say why"
    where = f"{url}{CONSOLE_PATH}/action/{view.id}" if url else f"`sayso work take {view.id}`"
    said = (
        f"{what} for {view.subject} had been taken on, and the provider now says that it failed: "
        f"{fit(why, 500)}. Nothing is tried again by itself. Take it: {where}"
    )
    return _told("Failed after all", said, f"{what} ({view.id})")


def left_news(view: ActionView, url: str, fit: Fit) -> ChatNews | None:
    """What stands in the channel of an action that only people can bring further.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    if view.error is None:  # it was found, or settled, meanwhile
        return None
    amount = f" of {view.amount}" if view.amount is not None else ""
    what = f"{view.action}{amount}"
    where = f"{url}{CONSOLE_PATH}/action/{view.id}" if url else f"`sayso work take {view.id}`"
    is_done = view.error.code == Code.DOES_NOT_FIT
    head = "Done, and does not fit" if is_done else "Left to you"
    state = "was done" if is_done else f"is {view.status}"
    said = (
        f"{what} for {view.subject} {state}: {fit(view.error.message, 500)}. "
        f"Nothing is called again by itself. Look at the provider, then take it: {where}"
    )
    return _told(head, said, f"{what} ({view.id})")


def limit_news(view: LimitNewsView, fit: Fit) -> ChatNews:
    """What stands in the channel of a limit: how full, whose, and what happens beyond it."""
    head = "A limit is reached" if view.full else "A limit is nearly reached"
    whose = f", {view.whose}" if view.whose else ""
    said = f"{fit(view.say, 200)}: {view.words} (limit {view.limit}{fit(whose, 100)}); "
    return _told(head, f"{said}{view.next_step}", f"{view.words} (limit {view.limit})")


def late_news(view: WorkView, url: str, fit: Fit) -> ChatNews:
    """What stands in the channel of a customer who waits longer than is promised.

    Args:
        url: of the console; empty where there is none that others can open.
    """
    who = fit(view.name or view.subject, 80)
    has = "nobody has it" if view.assignee is None else f"{fit(view.assignee, 64)} has it"
    since = Moment(at=view.since)
    where = (
        f"{url}{CONSOLE_PATH}/request/{view.about}" if url else f"`sayso work take {view.about}`"
    )
    said = (f"{who} has waited for a person since ", since, f"; {has}. Take it: {where}")
    return _told("Waits too long", said, f"since {since.text} ({view.about})")


def _told(head: str, said: str | Pieces, short: str) -> ChatNews:
    words = (said,) if isinstance(said, str) else said
    return ChatNews(head=f"{head}. ", words=words, short=f"{head}: {short}")
