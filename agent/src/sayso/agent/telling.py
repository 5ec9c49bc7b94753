"""What a customer is told where nothing is to be done: from the records just read and the ledger.

INVARIANT: a sentence about a record says what its provider has just shown, and when that was.
No model writes here. Whom nobody knows is told of no record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast, get_args

import orjson

from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.customer_words import CustomerWords, filled
from sayso.actions.model.definition import Action, Assurance, FactValue
from sayso.actions.model.snapshot import Record, RecordState
from sayso.actions.model.status import Status
from sayso.agent.answers import read_replies, read_topics
from sayso.agent.base import Handles, Remark, RemarkKind
from sayso.agent.formats import written_money
from sayso.agent.phrases import DEFAULT_LANGUAGE
from sayso.agent.question import words_of
from sayso.agent.reply import followed, outcomes_of, write_reply
from sayso.agent.request_row import RequestRow, get_request
from sayso.audit.personal import Personal
from sayso.ids import from_micros
from sayso.money import Money
from sayso.store.base import Reader, SqlValue
from sayso.text import plain, unmarked

MOST_TOLD = 3
"""Of so many things at most a customer is told who named none."""
BESIDE = "beside"
"""Where the plan of a request says that a question beside it is answered, sealed as its reply."""
_NEWEST = 20
_MOST_CHARS = 600
"""A sentence about a record has at most so many: its texts are the provider's."""
_LEDGER_DAYS = 30
_SILENT = frozenset({Status.PLANNED, Status.STALE})
_MICROS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is kept of what a customer was told beside the log, as one sealed text.

    Attributes:
        facts: what it was written from, for the log: `order shipped`, or `act_… succeeded`.
        beside: what was told of the wish that it was asked beside; empty where nothing was wished.
    """

    kind: RemarkKind
    reply: str
    language: str
    facts: tuple[str, ...] = ()
    beside: str = ""

    def to_text(self) -> str:
        """All of it as it is sealed."""
        kept = {"kind": self.kind, "reply": self.reply, "language": self.language}
        kept |= {"beside": self.beside} if self.beside else {}
        return orjson.dumps(kept).decode()

    @classmethod
    def read(cls, sealed: str) -> Told | None:
        """What `to_text` wrote; None for the reply about something that was done."""
        try:
            found = cast("object", orjson.loads(sealed))
        except orjson.JSONDecodeError:
            return None
        if not isinstance(found, dict):
            return None
        kept = cast("Mapping[str, object]", found)
        if kept.get("kind") not in get_args(RemarkKind):
            return None
        return cls(
            kind=cast("RemarkKind", kept["kind"]),
            reply=str(kept.get("reply", "")),
            language=str(kept.get("language", "")),
            beside=str(kept.get("beside", "")),
        )


def read_beside(reader: Reader, row: RequestRow, personal: Personal) -> Told | None:
    """What was answered beside the wish of a request; None where nothing was asked."""
    if row.reply_ref is None or not (isinstance(row.plan, Mapping) and row.plan.get(BESIDE)):
        return None
    sealed = personal.open(reader, row.tenant, row.reply_ref)
    return None if sealed is None else Told.read(sealed)


def what_is_told(
    reader: Reader,
    row: RequestRow,
    remark: Remark,
    handles: Handles,
    actions: Mapping[str, Action],
    now: int,
) -> Told | None:
    """What a remark is answered with; None where nobody but a person can.

    Args:
        handles: the customer's records as they were read, at `now`, microseconds since 1970.
        actions: what is connected, by name: how it is called in the language of the remark.
    """
    if remark.kind != "status":
        name = "thanks" if remark.kind == "talk" and remark.thanks else remark.kind
        reply = _said(name, remark.language)
        return Told(kind=remark.kind, reply=reply, language=remark.language)
    if row.subject.assurance is Assurance.UNVERIFIED:
        return None
    named = [handles.records[one] for one in remark.meant if one in handles.records]
    done = _done_lately(reader, row, named, now)
    about = {action.snapshot.resolved.object_id for action in done if action.snapshot}
    records = _told_of(remark, handles, named, about)
    lines = [line for one in records if (line := sentence(one, remark.language))]
    ledger = _from_ledger(reader, done, actions, remark.language)
    if not lines and not ledger:
        return None
    # INVARIANT: of both, since it is kept as it was written, and read again when more has happened.
    time = f"{written_day(_day(now), remark.language)}, {from_micros(now):%H:%M} UTC"
    head = _said("as_of", remark.language).replace("{time}", time)
    parts = [ledger, *lines] if len(lines) < 2 else [ledger, "\n".join(f"- {one}" for one in lines)]
    told = "\n\n".join(filter(None, parts))
    reply = f"{head}\n{told}" if told.startswith("- ") else f"{head} {told}"
    facts = [f"{one.told.topic} {one.told.state}" for one in records if one.told is not None]
    facts += [f"{action.id} {action.status.value}" for action in done]
    return Told(kind="status", reply=reply, language=remark.language, facts=tuple(facts))


def _day(now: int) -> date:
    return from_micros(now).date()


def _said(name: str, language: str) -> str:
    says = read_replies().says[name]
    return says.get(language) or says[DEFAULT_LANGUAGE]


# ---- from the records --------------------------------------------------------------------------


def _told_of(
    remark: Remark, handles: Handles, named: Sequence[Record], about: set[str]
) -> list[Record]:
    """The records that are told of: those that are named, else those that are usually meant."""
    tellable = [one for one in handles.records.values() if one.told is not None]
    if named:
        mine = [one for one in tellable if one in named]
        fitting = [one for one in mine if one.told and one.told.topic in remark.topics]
        return (fitting or mine)[:MOST_TOLD]
    if about:
        return [one for one in tellable if one.id in about][:MOST_TOLD]
    fitting = [one for one in tellable if one.told and one.told.topic in remark.topics]
    goes_on = [one for one in fitting if one.told and _goes_on(one.told)]
    return goes_on[:MOST_TOLD] or fitting[:1]


def _goes_on(state: RecordState) -> bool:
    topic = read_topics().get(state.topic)
    return topic is not None and state.state in topic.open


def sentence(record: Record, language: str) -> str:
    """What is told of a record, in one sentence; empty where nothing can be."""
    state = record.told
    if state is None:
        return ""
    topic = read_topics().get(state.topic)
    said = _in(state.says, language)
    if not said and topic is not None and state.state in topic.says:
        said = _in(topic.says[state.state], language)
    if not said:
        return ""
    values = {name: _written(value, language) for name, value in state.values.items()}
    text = filled(said, values)
    for name, more in () if topic is None else topic.also.items():
        value = state.values.get(name)
        if values.get(name) and not (isinstance(value, Money) and value.amount_minor == 0):
            text += f"; {filled(_in(more, language), values)}"
    return plain(f"{unmarked(record.label or record.title)}: {text}.", limit=_MOST_CHARS)


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language) or words.get(DEFAULT_LANGUAGE, "")


def _written(value: FactValue, language: str) -> str:
    if isinstance(value, Money):
        return written_money(value, language)
    text = unmarked(str(value))
    try:
        return written_day(datetime.fromisoformat(text).date(), language)
    except ValueError:
        return " ".join(text.replace("{", "(").replace("}", ")").split())


def written_day(day: date, language: str) -> str:
    """A day as it is written in a language: `1 December 2026`, `1. Dezember 2026`."""
    replies = read_replies()
    language = language if language in replies.dates else DEFAULT_LANGUAGE
    return replies.dates[language].format(
        day=day.day, month=replies.months[language][day.month - 1], year=day.year
    )


# ---- from the ledger ---------------------------------------------------------------------------


def _done_lately(
    reader: Reader, row: RequestRow, named: Sequence[Record], now: int
) -> list[ActionRow]:
    """What was asked for lately about what is named; in the same thread, where nothing is."""
    page: dict[str, SqlValue] = {"subject_id": row.subject.id, "limit": _NEWEST}
    page |= {"tenant": row.tenant, "after": None, "status": None, "name": None}
    rows = reader.all("action.page_of_subject", **page)
    since = now - _LEDGER_DAYS * _MICROS_A_DAY
    actions = [
        action
        for action in map(read_action, rows)
        if action.undoes is None and action.created_at >= since and action.status not in _SILENT
    ]
    if named:
        ids = {one.id for one in named}
        return [one for one in actions if one.snapshot and one.snapshot.resolved.object_id in ids]
    if row.conversation is None:
        return []
    return [one for one in actions if _thread_of(reader, one) == row.conversation]


def _thread_of(reader: Reader, action: ActionRow) -> str | None:
    if action.request_id is None:
        return None
    return get_request(reader, action.tenant, action.request_id).conversation


def _from_ledger(
    reader: Reader, done: Sequence[ActionRow], actions: Mapping[str, Action], language: str
) -> str:
    """What has become of them, as the ledger holds it; what has joined another one, once."""
    found = {one.id: one for row in done for one in (followed(reader, row) or row,)}
    if not found:
        return ""
    words: dict[str, CustomerWords] = {}
    for one in found.values():
        kept = None
        if one.request_id is not None:
            asked = get_request(reader, one.tenant, one.request_id)
            # They are kept in the language of the request, which may have been another one.
            kept = asked.words.get(one.name) if asked.language == language else None
        words[one.name] = kept or words_of(actions.get(one.name), language)
    return write_reply(outcomes_of(reader, list(found.values()), words), language)
