"""Who is told that they are called: once for all that calls them to the same card or work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Final, cast

from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import read_body
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.sdk.chat.fit import Fit
from sayso.sdk.chat.work import page_of
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.solution import SolutionView
from sayso.store.base import Reader, text, text_or_none

GAVE: Final = "{who} gave you this"
NAMED: Final = "{who} names you in a note"
GAVE_AND_NAMED: Final = "{who} gave you this, and names you in a note"
WORK: Final = MappingProxyType(
    {
        "handed_over": "A customer waits for a person",
        "unanswered": "A customer has not answered a question",
        "unknown": "It is not known whether it was done",
        "failed": "It failed at the provider",
        "unfitting": "It was done, and does not fit what was approved",
        "elsewhere": "It was done outside Sayso",
        "thread": "Left to you at a desk",
    }
)
"""What work is, in a sentence without a name, by its kind."""
_FRESH = timedelta(days=1)
"""What is older is found in the inbox, and nobody is called for it."""
_MOST = 100
_LEASE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summons:
    """That somebody is called.

    Attributes:
        who: who calls, by id. said: `GAVE`, `NAMED` or both.
        view: the card that it is about; None for work.
        work: of `WORK`; empty for a card. path: of its page, below the console's root.
    """

    person: KnownPerson
    who: str
    said: str
    view: SolutionView | None = None
    work: str = ""
    path: str

    def text(self, fit: Fit) -> str:
        """What a chat says of it, in English and without a customer's name."""
        head = self.said.format(who=fit(self.who, 100))
        return f"{head}: {self.what(fit)}."

    def what(self, fit: Fit) -> str:
        """What it is about: money and action of a card, or what work it is."""
        if self.view is None:
            return self.work[:1].lower() + self.work[1:]
        money = " + ".join(map(str, self.view.totals)) or "what moves no money"
        actions = dict.fromkeys(step.action for step in self.view.steps)
        return f"{fit(money, 100)} ({fit(', '.join(actions), 150)})"


async def together(sayso: Sayso, queue: str, row: OutboxRow) -> list[OutboxRow]:
    """A leased row, with all others that call the same person to the same thing, leased as well."""
    person, about, _ = row.key.split("/")
    found = [row]
    for one in await sayso.outbox.due(queue, limit=_MOST):
        same = one.id != row.id and one.key.startswith(f"{person}/{about}/")
        if same and await sayso.outbox.lease(one, _LEASE_S):
            found.append(one)
    return found


async def call_of(sayso: Sayso, rows: Sequence[OutboxRow]) -> Summons | None:
    """What rows of one person about one thing have them told; None for nothing, for good."""
    tenant, (person, about, _) = rows[0].tenant, rows[0].key.split("/")
    known = (await sayso.people.authority(tenant)).person(person)
    seqs = sorted(int(one.key.rpartition("/")[2]) for one in rows)
    after = to_micros(sayso.now() - _FRESH)
    store = sayso.container.store
    told = await store.read(partial(_told, tenant=tenant, person=person, about=about, seqs=seqs))
    fresh = [one for one in told if one.at >= after]
    if known is None or not fresh:
        return None
    gave, named = any(one.gave for one in fresh), any(not one.gave for one in fresh)
    said = GAVE_AND_NAMED if gave and named else GAVE if gave else NAMED
    who = ", ".join(dict.fromkeys(one.by for one in fresh))
    if fresh[0].work != "solution":
        kind = WORK.get(fresh[0].work, WORK["handed_over"])
        return Summons(person=known, who=who, said=said, work=kind, path=page_of(about))
    view = await _card(sayso, tenant, about)
    if view is None:
        return None
    return Summons(person=known, who=who, said=said, view=view, path=f"solution/{view.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An entry that calls somebody. `gave`: by giving it to them, and not by naming them."""

    by: str
    gave: bool
    work: str
    at: int


def _told(
    reader: Reader, *, tenant: Tenant, person: str, about: str, seqs: Sequence[int]
) -> list[_Told]:
    """INVARIANT: who calls is what the log says, so that nobody is named by a row alone."""
    row = reader.one("work.by_about", tenant=tenant, about=about)
    has = None if row is None else text_or_none(row, "assignee")
    found = [_entry(reader, tenant, about, seq) for seq in seqs]
    # What somebody was given, and has no more, calls them no more.
    return [one for one in found if one is not None and (not one.gave or has == person)]


def _entry(reader: Reader, tenant: Tenant, about: str, seq: int) -> _Told | None:
    row = reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1)
    match None if row is None else cast("JsonValue", read_body(text(row, "body"))):
        case {
            "seq": int(place),
            "at": int(at),
            "kind": kind,
            "actor": {"id": str(by)},
            "data": {"about": str(named), "work": str(work)},
        } if (place, named) == (seq, about):
            return _Told(by=by, gave=kind == EntryKind.WORK_TAKEN, work=work, at=at)
        case _:
            return None


async def _card(sayso: Sayso, tenant: Tenant, about: str) -> SolutionView | None:
    """The card that an entry is about; None where it is there no more."""
    test = await sayso.canaries.find(about)
    if test is not None:
        return test.solution if test.status == "open" else None
    store = sayso.container.store
    row = await store.read(
        lambda reader: reader.one("approval.lead_about", tenant=tenant, about=about)
    )
    approval_id = None if row is None else text_or_none(row, "id")
    if approval_id is None:
        return None
    try:
        return await sayso.solutions.get(approval_id, tenant=tenant)
    except RefusedError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None
