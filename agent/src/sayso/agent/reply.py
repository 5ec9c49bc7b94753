"""The reply to the customer, written from what the ledger holds and from nothing else.

INVARIANT: a sentence says that something was done only where the ledger holds it as succeeded.
INVARIANT: a sentence denies that anything was done only of what has not been done.
No model writes here, and no words of policy, of approvers or of errors are passed on. Sentences
are the `phrases` of the customer's language; how an action is called stands in its definition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never, cast

import orjson

from sayso.actions.approvals.repository import asked_before_less
from sayso.actions.model.action_row import ActionRow, joins_of, read_action
from sayso.actions.model.customer_words import CustomerWords, filled
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.status import Status
from sayso.agent.formats import written_money
from sayso.agent.phrases import DEFAULT_LANGUAGE, Phrases, phrases_of
from sayso.errors import Code
from sayso.json import JsonObject
from sayso.money import Money
from sayso.store.base import Reader, text
from sayso.text import is_hidden, unmarked

MAX_LABEL_CHARS = 120
_UNTOUCHED = frozenset(
    {
        Status.PLANNED,
        Status.STALE,
        Status.PENDING_APPROVAL,
        Status.APPROVED,
        Status.REFUSED,
        Status.REJECTED,
        Status.EXPIRED,
        Status.WITHDRAWN,
    }
)
"""States in which nothing was done, unless the provider was called before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What the ledger holds about one step.

    Attributes:
        action: the action's name.
        words: how its definition calls it in the customer's language; None when it does not say.
        amount: the money that moves, or moved; None when none does or it is not known yet.
        asked: what was asked for, where a person has agreed to less.
        receipt: the provider's id of the effect; only when there is one.
        label: the object in the customer's words, such as `Order 1042: blue mug`; may be empty.
        when: when it takes effect, such as `at once`; may be empty.
        choice: the label of the argument that says when or how, in the customer's language.
        args: the step's arguments, for values that are made of them.
        code: why it did not come to pass, when it did not.
        waits: a step that has to be done before is not done yet.
        held: a stop, or another action on the same object, keeps it from being begun.
        taken_back: the customer has taken the request back, after this had begun.
    """

    action: str
    status: Status
    words: CustomerWords | None = None
    amount: Money | None = None
    asked: Money | None = None
    receipt: str | None = None
    label: str = ""
    when: str = ""
    choice: str = ""
    args: Mapping[str, object] = field(default_factory=dict[str, object])
    code: Code | None = None
    waits: bool = False
    held: bool = False
    taken_back: bool = False


def outcomes_of(
    reader: Reader,
    actions: Sequence[ActionRow],
    words: Mapping[str, CustomerWords] | None = None,
    *,
    taken_back: bool = False,
) -> list[StepOutcome]:
    """What a request's stored actions mean for the customer; what undoes a step is not told.

    Args:
        words: how the actions are called, by their names.
        taken_back: the customer has taken the request back.
    """
    steps = [row for row in actions if row.undoes is None]
    undone = {row.step for row in steps if row.status is not Status.SUCCEEDED}
    known = words or {}
    return [
        replace(
            outcome_of(reader, row, known.get(row.name)),
            waits=not undone.isdisjoint(row.after),
            taken_back=taken_back,
        )
        for row in steps
    ]


def outcome_of(reader: Reader, row: ActionRow, words: CustomerWords | None = None) -> StepOutcome:
    """What one stored action means for the customer, by itself.

    One that has joined an equal one means what has become of that.
    """
    row = followed(reader, row) or row
    resolved = row.snapshot.resolved if row.snapshot is not None else None
    fields: Mapping[str, str] = resolved.fields if resolved is not None else {}
    receipt = row.receipt if row.status in {Status.SUCCEEDED, Status.COMPENSATED} else None
    code = row.error.get("code") if row.error is not None else None
    return StepOutcome(
        action=row.name,
        status=row.status,
        words=words,
        amount=receipt.amount if receipt is not None and receipt.amount else row.amount,
        asked=asked_before_less(reader, row),
        receipt=receipt.id if receipt is not None else None,
        label=_label(fields, resolved.object_kind, words) if resolved is not None else "",
        when=fields.get("when", ""),
        choice=choice_label(row.args, words),
        args=row.args,
        held=row.is_blocked,
        code=Code(code) if code in set(Code) else None,
    )


def _label(fields: Mapping[str, str], kind: str, words: CustomerWords | None) -> str:
    """What the card calls the object: the field of its kind, else its first where it has a noun."""
    first = next(iter(fields.values()), "") if words is not None and words.nouns else ""
    return fields.get(kind) or first


def followed(reader: Reader, row: ActionRow) -> ActionRow | None:
    """The action that an action has joined; None where it has not, or names one that is another."""
    joins = joins_of(row)
    stored = None if joins is None else reader.one("action.by_id", tenant=row.tenant, id=joins)
    if stored is None:
        return None
    found = read_action(stored)
    same = (found.fingerprint, found.subject.id) == (row.fingerprint, row.subject.id)
    # INVARIANT: nobody is told of what is not theirs, whatever a row names.
    return found if same else None


def choice_label(args: Mapping[str, object], words: CustomerWords | None) -> str:
    """The label of the argument that the customer could choose; nothing where there is none."""
    if words is None:
        return ""
    chosen = [value for value in args.values() if isinstance(value, str)]
    return next((words.values[one] for one in chosen if one in words.values), "")


def write_reply(outcomes: Sequence[StepOutcome], language: str = DEFAULT_LANGUAGE) -> str:
    """The reply about all steps of a request, in their order.

    Args:
        outcomes: one per step; none reads like a hand-over.
        language: ISO 639-1; English where it has no phrases.

    Guarantees: what an action's definition says of its success stands only in a sentence about a
    step that succeeded.
    """
    if not outcomes:
        return write_hand_over(language)
    phrases = phrases_of(language)
    if len(outcomes) == 1:
        return _sentence(outcomes[0], phrases)
    of_it = phrases.model_copy(
        update={"not_yet": phrases.not_yet_of_it, "not_done": phrases.not_done_of_it}
    )
    lines = "\n".join(f"- {_sentence(outcome, of_it)}" for outcome in outcomes)
    return f"{phrases.several}\n\n{lines}"


def write_hand_over(language: str = DEFAULT_LANGUAGE, *, unchanged: bool = False) -> str:
    """The reply when nobody could plan the request and a person takes it.

    Args:
        unchanged: nothing has been done for this customer, nor may have been.
    """
    phrases = phrases_of(language)
    return f"{phrases.hand_over} {phrases.unchanged}" if unchanged else phrases.hand_over


def write_withdrawn(language: str) -> str:
    """The reply about a request that was taken back before anything of it was planned."""
    return phrases_of(language).withdrawn_request


def was_touched(row: ActionRow) -> bool:
    """Whether the provider was asked to do it: it is done, or may be."""
    return row.called_at is not None or row.status not in _UNTOUCHED


def nothing_done_for(reader: Reader, tenant: str, subject_id: str) -> bool:
    """Whether nothing has been done, or may have been, on any of a customer's accounts.

    NOTE: goes by rows of links alone, of whichever conversation: one too many only has it say less.
    """
    known, todo = {subject_id}, [subject_id]
    while todo:
        account = todo.pop()
        if reader.one("action.touched", tenant=tenant, subject_id=account) is not None:
            return False
        rows = reader.all("link.far_ends", tenant=tenant, account=account)
        further = {text(row, "id") for row in rows} - known
        known |= further
        todo += sorted(further)
    return True


def may_say_unchanged(reader: Reader, tenant: str, subject: Subject) -> bool:
    """Whether a customer may be told that nothing has been done for them; see `nothing_done_for`.

    INVARIANT: not whom nobody knows, since they would learn of somebody else whether there is such
    a customer.
    """
    known = subject.assurance is not Assurance.UNVERIFIED
    return known and nothing_done_for(reader, tenant, subject.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What is kept of a hand-over beside the log, as one sealed text.

    Attributes:
        reason: why, for the team; it may quote the customer, so it stands in no entry.
        reply: what the customer was told. language: theirs; empty where an older text lacks it.
        draft: the plan that was not carried out, where there is one; see `drafted`.
        name: of the customer, as the provider had it then; empty where it could not say.
        about: requests that it is about: what was begun or done of them is told with it.
    """

    reason: str
    reply: str
    draft: JsonObject | None = None
    language: str = ""
    name: str = ""
    about: tuple[str, ...] = ()

    def to_text(self) -> str:
        """All of it as it is sealed."""
        drafted = {} if self.draft is None else {"draft": self.draft}
        told = {"reply": self.reply, "language": self.language}
        named = {"name": self.name} if self.name else {}
        about = {"about": [*self.about]} if self.about else {}
        kept = {"reason": self.reason, **told, **drafted, **named, **about}
        return orjson.dumps(kept, default=dict).decode()

    @classmethod
    def read(cls, sealed: str) -> HandedOver:
        """What `to_text` wrote; older texts are the reply alone."""
        try:
            found: object = orjson.loads(sealed)
        except orjson.JSONDecodeError:
            found = None
        match found:
            case {"reason": str(reason), "reply": str(reply)}:
                more = cast("JsonObject", found)
                return cls(
                    reason=reason,
                    reply=reply,
                    draft=cast("JsonObject | None", more.get("draft")),
                    language=str(more.get("language", "")),
                    name=str(more.get("name", "")),
                    about=tuple(map(str, cast("Sequence[object]", more.get("about", ())))),
                )
            case _:
                return cls(reason="", reply=sealed)


def thing_of(outcome: StepOutcome, phrases: Phrases) -> str:
    """A step as a thing: `the refund of $45.00 for Order 0977: tea towels`."""
    words = outcome.words or general_words(phrases)
    return filled(words.thing, _values(outcome, words, phrases.language)) + _less(outcome, phrases)


def general_words(phrases: Phrases) -> CustomerWords:
    """How an action is called whose definition does not say it in this language."""
    about = "[: {amount}][, {object}]"
    return CustomerWords(thing=phrases.other_thing + about, done=phrases.other_done + about)


def _sentence(outcome: StepOutcome, phrases: Phrases) -> str:
    told = _told(outcome, phrases)
    for name, denial in (
        ("{not_yet_of_it}", phrases.not_yet_of_it),
        ("{not_yet}", phrases.not_yet),
        ("{not_done}", phrases.not_done),
    ):
        told = told.replace(name, denial)
    text = told.replace("{thing}", thing_of(outcome, phrases))
    return text[0].upper() + text[1:]


def _told(outcome: StepOutcome, phrases: Phrases) -> str:
    match outcome.status:
        case Status.SUCCEEDED:
            return _done(outcome, phrases)
        case Status.COMPENSATED:
            return phrases.compensated
        case Status.PLANNED | Status.STALE:
            return phrases.checking
        case Status.PENDING_APPROVAL:
            return phrases.pending
        case Status.APPROVED | Status.EXECUTING | Status.ACCEPTED:
            return _under_way(outcome, phrases)
        case Status.REJECTED:
            return phrases.rejected
        case Status.EXPIRED:
            return phrases.expired
        case Status.WITHDRAWN:
            return phrases.withdrawn
        case Status.REFUSED:
            # The row of what it has joined is not there, or is another's.
            joined = outcome.code is Code.JOINED
            return phrases.joined if joined else _refused(outcome, phrases)
        case Status.FAILED:
            later = outcome.code is Code.EFFECT_FAILED
            return phrases.failed_later if later else phrases.failed
        case Status.UNKNOWN:
            return phrases.unknown
        case _:
            assert_never(outcome.status)


def _under_way(outcome: StepOutcome, phrases: Phrases) -> str:
    if outcome.status is Status.APPROVED and outcome.waits:
        return phrases.waits
    if outcome.status is Status.APPROVED and outcome.held:
        return phrases.held
    return phrases.too_late if outcome.taken_back else phrases.under_way


def _refused(outcome: StepOutcome, phrases: Phrases) -> str:
    reason = None if outcome.code is None else phrases.reasons.get(outcome.code.value)
    if reason is None:
        return phrases.refused
    return phrases.refused_because.replace("{reason}", reason)


def _done(outcome: StepOutcome, phrases: Phrases) -> str:
    words = outcome.words or general_words(phrases)
    done = filled(words.done, _values(outcome, words, phrases.language))
    note = f" {words.note}" if words.note else ""
    receipt = _clean(outcome.receipt or "")
    reference = f" {phrases.reference.replace('{reference}', receipt)}" if receipt else ""
    return f"{done}{_less(outcome, phrases)}.{note}{reference}"


def _less(outcome: StepOutcome, phrases: Phrases) -> str:
    if outcome.asked is None:
        return ""
    asked = written_money(outcome.asked, phrases.language)
    return " " + phrases.less.replace("{asked}", asked)


def _values(outcome: StepOutcome, words: CustomerWords, language: str) -> dict[str, str]:
    """What the templates may name. A label comes from a provider and may hold anything."""
    name = _clean(outcome.label)
    args = {key: str(one) for key, one in outcome.args.items() if isinstance(one, (str, int))}
    slots = {slot: _clean(filled(template, args)) for slot, template in words.slots.items()}
    nouns = {key: _called(text, name) if name else "" for key, text in words.nouns.items()}
    return {
        **slots,
        "amount": "" if outcome.amount is None else written_money(outcome.amount, language),
        "object": name,
        **nouns,
        "when": _clean(outcome.when),
        "choice": outcome.choice or slots.get("choice", ""),
    }


def _called(noun: str, name: str) -> str:
    """A noun with a name, which may begin with that noun itself: `order Order 1042`."""
    word = noun.partition("{name}")[0].split()[-1:]
    first, _, rest = name.partition(" ")
    same = rest and [first.casefold()] == [one.casefold() for one in word]
    return noun.replace("{name}", rest if same else name)


def _clean(text: str) -> str:
    """One line of bounded length, in which nothing reads like a value to fill in."""
    seen = "".join(" " if is_hidden(char) or char in "\n\t" else char for char in text)
    line = unmarked(" ".join(seen.split()).replace("{", "(").replace("}", ")"))
    return line if len(line) <= MAX_LABEL_CHARS else f"{line[: MAX_LABEL_CHARS - 1]}…"
