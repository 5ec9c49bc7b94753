"""What is asked for, and what is merely spoken of: each word for an act gets a mood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sayso.agent.understanding.days import find_days
from sayso.agent.understanding.find_more import FORMS
from sayso.agent.understanding.find_plans import names_plan
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import DateSlot, OptionSlot
from sayso.agent.understanding.reading import Reading, Span

_NEAR = 6
"""A negation reaches so many words ahead."""
_NEAR_PERSON, _NAMED_PERSON = 2, 2
"""So near behind an act somebody else is meant, and by so many words somebody is merely named."""
_FEW_WORDS = 3
"""A `please` between commas is by itself, with at most so many words."""
_FRAGMENT_WORDS = 9
"""A clause of at most so many words, the act among the first, is a request by itself."""


class Mood(StrEnum):
    """How an act is spoken of."""

    ASKED = "asked"
    DECLINED = "declined"
    CONDITIONAL = "conditional"
    QUESTION = "question"
    HESITANT = "hesitant"
    TOLD = "told"
    OTHERS = "others"
    MENTIONED = "mentioned"


@dataclass(frozen=True, slots=True)
class Cue:
    """A word for an act, where it stands and in which mood.

    Attributes:
        act: a playbook's name, or `other` for a wish that none is for.
        bare: asked without any word of wish or politeness.
    """

    act: str
    start: int
    end: int
    clause: Span
    mood: Mood
    form: str = "ask"
    bare: bool = False


OTHER = "other"


def find_cues(reading: Reading) -> list[Cue]:
    """Every act of a message, in the order of the text."""
    cues = [_cue(reading, act, form, tag) for act, form, tag in _heads(reading)]
    cues = _declined_together(reading, sorted(cues, key=lambda cue: (cue.start, cue.end)))
    asked = {(cue.act, cue.clause) for cue in cues if cue.mood is Mood.ASKED}
    return [
        cue
        for cue in cues
        # What is asked for in a clause is not merely told or mentioned in it as well.
        if cue.mood in (Mood.ASKED, Mood.DECLINED) or (cue.act, cue.clause) not in asked
    ]


def _declined_together(reading: Reading, cues: Sequence[Cue]) -> list[Cue]:
    """`I do not want it cancelled or paid back`: what `or` joins is declined as well."""
    found: list[Cue] = []
    for cue in cues:
        before = next((one for one in reversed(found) if one.end <= cue.start), None)
        if before is not None and before.mood is Mood.DECLINED and cue.mood is Mood.ASKED:
            between = Span(before.end, cue.start)
            same = cue.start in reading.sentence_at(before.start).span
            new = reading.has("wish", "polite", "polite_question", "conjunction", within=between)
            if same and reading.has("or", within=between) and not new:
                cue = replace(cue, mood=Mood.DECLINED)
        found.append(cue)
    return found


def _heads(reading: Reading) -> Iterator[tuple[str, str, Tag]]:
    """The words for acts; of several that overlap in one act the longest.

    What can be planned goes before what cannot.
    """
    found, idle = _spoken(reading), reading.lexicon.idle
    yields = {OTHER, *idle}
    near: dict[int, list[tuple[str, str, Tag]]] = {}
    for one in found:
        for at in range(one[2].start, one[2].end):
            near.setdefault(at, []).append(one)
    asked = [(act, tag) for act, form, tag in found if form == "ask" and act not in yields]
    for act, form, tag in found:
        if tag.skipped and any(name != act and _skips(tag, other) for name, other in asked):
            continue  # `stop the refund for now` is no pause for a while
        beside = [one for at in range(tag.start, tag.end) for one in near[at]]
        if act in yields and any(name not in yields for name, _, _ in beside):
            continue
        longer = [name for name, _, other in beside if name != act and _within(tag, other)]
        if any(name not in yields for name in longer):
            continue  # a word of a longer name: `goodwill` in `the goodwill package`
        rank = _rank(form, tag)
        if not any(name == act and _rank(f, other) > rank for name, f, other in beside):
            yield act, form, tag


def _spoken(reading: Reading) -> list[tuple[str, str, Tag]]:
    found: list[tuple[str, str, Tag]] = []
    for name, tags in reading.tags.items():
        form, _, act = name.partition(":")
        if form in ("ask", "open", "done"):
            found += [
                (act, form, tag)
                for tag in tags
                if not (_other_form(reading, act, tag) or _ends_with_count(reading, tag))
            ]
        elif form == "weak":
            found += [(act, form, tag) for tag in tags if _has_object(reading, act, tag)]
        elif name == "other_wish":
            found += [(OTHER, "ask", tag) for tag in tags]
    return found


def _ends_with_count(reading: Reading, tag: Tag) -> bool:
    """Whether what looks like an amount says how many there are: `send back one of the three`."""
    last, before = reading.tokens[tag.end - 1], tag.end - 2
    bare = last.kind == "number" and not last.hash and before >= tag.start
    counts = bare and before in tag.skipped
    return counts and any(one.end == tag.end - 1 for one in reading.found("determiner", "some_of"))


def _other_form(reading: Reading, act: str, tag: Tag) -> bool:
    """Whether it is said of an address that the act takes none of: an e-mail, not a postal one."""
    said = {reading.tokens[at].form for at in range(tag.start, tag.end)} - {""}
    if not said:
        return False
    book = next(b for b in reading.lexicon.playbooks if b.name == act)
    takes = {form for _, slot in book.text_slots() for form in FORMS[slot.form]}
    return bool(takes) and said.isdisjoint(takes)


def _skips(tag: Tag, other: Tag) -> bool:
    """Whether another word stands in what a pattern's gap skips."""
    return tag.skipped.issuperset(range(other.start, other.end))


def _within(tag: Tag, other: Tag) -> bool:
    longer = other.end - other.start > tag.end - tag.start
    return longer and other.start <= tag.start and tag.end <= other.end


def _rank(form: str, tag: Tag) -> tuple[int, int, int]:
    return (tag.end - tag.start, form == "done", -tag.start)


def _has_object(reading: Reading, act: str, tag: Tag) -> bool:
    """Whether a weak word has a name of its object, or of the object's kind, in the clause."""
    book = next(b for b in reading.lexicon.playbooks if b.name == act)
    forms = {text.form for _, text in book.text_slots()}
    if any(token.form in forms for token in reading.tokens if token.form):
        return True  # `I have moved`, beside the new address
    slot = book.object_slot
    if any(True for _ in book.slots_of(OptionSlot)):
        theirs = book.object_slot is not None
        return theirs and names_plan(reading, reading.sentence_at(tag.start).span)
    if slot is None or forms:
        return False
    names = [f"kind:{kind}" for kind in slot[1].kinds]
    if "subscription" in slot[1].kinds:
        names += ["monthly", "yearly"]
    clause = reading.clause_at(tag.start)
    sentence = reading.sentence_at(tag.start).span
    last = reading.sentence_at(max(sentence.start - 2, 0)).span
    before = Span(last.start, clause.start)
    # `I have no use for the trial. Please end it`: the pronoun stands for what was named.
    referring = reading.has("same", within=Span(tag.start, min(tag.end + 1, clause.end)))
    return any(
        reading.has(*names, within=span)
        or ("subscription" in slot[1].kinds and reading.starting("plan:", within=span))
        or reading.names_kind(slot[1].kinds, span)
        for span in ((clause, before) if referring else (clause,))
    )


def _cue(reading: Reading, act: str, form: str, tag: Tag) -> Cue:
    clause = reading.clause_at(tag.start)
    mood, bare = _mood(reading, clause, form, tag, act)
    return Cue(act, tag.start, tag.end, clause, mood, form, bare)


def _conditional(reading: Reading, sentence: Span, tag: Tag, *, dated: bool) -> bool:
    """Whether something has to be so first; `until March` is a day where the act takes one."""
    conditions = reading.found("condition", within=sentence)
    if dated:
        conditions = [
            one for one in conditions if not find_days(reading, [Span(one.start, sentence.end)])
        ]
    return bool(conditions) or (_later(reading, sentence, tag) and not dated)


def _asks_leave(reading: Reading, clause: Span, sentence: Span, tag: Tag) -> bool:
    """`May I end my trial?` asks for it where the thing is named, and else for the rules."""
    start = first_content(reading, clause)
    opened = [one for one in reading.found("leave", within=clause) if one.start == start]
    if not any(tag.start - 1 <= one.end <= tag.end for one in opened):
        return False
    return any(
        at in reading.titles or reading.tokens[at].form or reading.tokens[at].kind == "number"
        for at in range(sentence.start, sentence.end)
    ) or bool(reading.starting("plan:", within=sentence))


def _mood(
    reading: Reading, clause: Span, form: str, tag: Tag, act: str = OTHER
) -> tuple[Mood, bool]:
    sentence = reading.sentence_at(tag.start)
    before = Span(clause.start, tag.start)
    if _negated(reading, clause, tag):
        return Mood.DECLINED, False
    book = next(b for b in reading.lexicon.playbooks if b.name == act) if act != OTHER else None
    dated = book is not None and any(True for _ in book.slots_of(DateSlot))
    if _conditional(reading, sentence.span, tag, dated=dated):
        return Mood.CONDITIONAL, False
    leave = _asks_leave(reading, clause, sentence.span, tag)
    if not leave and _is_question(reading, clause, sentence.span, tag):
        return Mood.QUESTION, False
    doubts = reading.found("hesitation", within=sentence.span)
    if any(doubt.start in clause or doubt.end == clause.start for doubt in doubts):
        return Mood.HESITANT, False
    if _of_others(reading, clause, tag):
        return Mood.OTHERS, False
    wished = reading.has("wish", "wish_after", "polite_question", within=clause) or _polite(
        reading, clause, tag
    )
    start = first_content(reading, clause)
    wished = wished or leave or _inherits(reading, clause)
    ordered = any(verb.start == start for verb in reading.found("imperative", within=clause))
    behind = Span(tag.end, min(tag.end + 2, clause.end))
    told = form == "done" or reading.has("past", within=before)
    # `The refund was a surprise` tells of one.
    told = told or (
        form == "ask"
        and not reading.has("imperative", within=Span(tag.start, tag.start + 1))
        and any(one.start == tag.end for one in reading.found("past", within=behind))
    )
    if not (wished or ordered) and (told or reading.has("obtained", within=clause)):
        return Mood.TOLD, False
    if wished:
        return Mood.ASKED, False
    if sentence.question:
        return Mood.QUESTION, False
    if tag.start <= start or ordered or _fragment(reading, clause, tag):
        return Mood.ASKED, True
    return Mood.MENTIONED, False


def _negated(reading: Reading, clause: Span, tag: Tag) -> bool:
    """Whether a negation reaches the act: nothing that wishes anew stands between."""
    for negation in reading.found("negation", within=clause):
        if negation.end <= tag.start and tag.start - negation.end <= _NEAR:
            between = Span(negation.end, tag.start)
            wishes = reading.found("wish", "polite", "polite_question", within=between)
            # `I do not want a refund`: the wish itself is what is denied.
            if not [wish for wish in wishes if wish.start > negation.end + 1]:
                return True
    behind = Span(tag.end, clause.end)
    after = reading.found("negation_after", within=behind)
    # `Betaal niets terug`: it may stand within what is said of the act.
    after += reading.found("nothing", within=Span(tag.start, clause.end))
    return any(negation.start - tag.end <= _NEAR for negation in after) or _halted(reading, tag)


def _halted(reading: Reading, tag: Tag) -> bool:
    """Whether it is to be stopped, or waited with: `halt the return`, `wait with cancelling it`."""
    sentence = reading.sentence_at(tag.start).span
    for halt in reading.found("halt", within=Span(sentence.start, tag.start)):
        between = Span(halt.end, tag.start)
        wishes = reading.has("and", "polite_question", within=between) or any(
            # `I never said that I want it` denies the wish itself.
            halt.end - halt.start == 1 or wish.start > halt.end + 1
            for wish in reading.found("wish", within=between)
        )
        # `Stop, cancel it please` is two orders; `hören Sie auf, mein Abo zu kündigen` is one.
        if any(reading.tokens[at].kind == "comma" for at in range(between.start, between.end)):
            starts = tag.start <= first_content(reading, reading.clause_at(tag.start))
            wishes = wishes or starts or reading.has("polite", within=between)
        if halt.end <= tag.start <= halt.end + _NEAR and not wishes:
            return True
    return False


def _later(reading: Reading, sentence: Span, tag: Tag) -> bool:
    """Whether something has to happen first: `when it has arrived`, not `when it was opened`."""
    for later in reading.found("later", within=Span(tag.end, sentence.end)):
        rest = reading.clause_at(later.start)
        if later.end - later.start == 1 and later.end >= rest.end:
            continue  # `I used it once` says nothing of what has to happen
        if not reading.has("past", within=rest) and not reading.starting("choice:", within=rest):
            return True
    return False


def _is_question(reading: Reading, clause: Span, sentence: Span, tag: Tag) -> bool:
    """Whether something is asked about the act, rather than for it."""
    head = Span(sentence.start, tag.start)
    if reading.has("ask_info", within=head) or reading.has("general", within=clause):
        return True
    start = first_content(reading, clause)
    opens = reading.found("question_word", "question_start", within=Span(start, tag.start))
    if any(opening.start == start for opening in opens):
        return True
    whole = first_content(reading, sentence)
    words = reading.found("question_word", within=head)
    if reading.sentence_at(tag.start).question:
        words += reading.found("question_start", within=head)
    return any(word.start == whole for word in words) and not reading.has(
        "wish", "polite", "polite_question", within=clause
    )


def _of_others(reading: Reading, clause: Span, tag: Tag) -> bool:
    """Whether somebody else wants it, or it is somebody else's."""
    ways = {way.end for way in reading.found("towards", within=clause)}
    kinds = [kind.end for kind in reading.starting("kind:", within=clause)]
    for person in reading.found("persons", within=Span(tag.end, clause.end)):
        # Far behind it only `sold to my neighbour` and `my wife bought`, no `my mother's funeral`.
        near = person.start <= tag.end + _NEAR_PERSON
        # `The plan of my flatmate` is the flatmate's.
        near = near or any(0 <= person.start - end <= 1 for end in kinds)
        if near or person.start in ways or person.end - person.start > _NAMED_PERSON:
            return True
    for person in reading.found("persons", within=Span(tag.start, tag.end)):
        if person.start in tag.skipped:
            return True
    for person in reading.found("persons", within=Span(clause.start, tag.start)):
        between = Span(person.end, tag.start)
        if not reading.has("polite_question", "polite", within=between) and not any(
            wish.start > person.end + 1 for wish in reading.found("wish", within=between)
        ):
            return True
    return False


def _polite(reading: Reading, clause: Span, tag: Tag) -> bool:
    """A `please` in the clause, or by itself beside it."""
    if reading.has("polite", within=clause):
        return True
    for other in reading.sentence_at(tag.start).clauses:
        beside = other.end + 1 >= clause.start and other.start - 1 <= clause.end
        alone = other != clause and other.end - other.start <= _FEW_WORDS
        if beside and alone and reading.has("polite", within=other):
            return True
    return False


def first_content(reading: Reading, span: Span) -> int:
    """The first token that is no greeting, joint or filler."""
    skipped = {
        at
        for tag in reading.found("greeting", "conjunction", "and", "filler", "yes", within=span)
        for at in range(tag.start, tag.end)
    }
    for at in range(span.start, span.end):
        if at not in skipped and reading.tokens[at].kind not in ("comma", "end"):
            return at
    return span.end


def _inherits(reading: Reading, clause: Span) -> bool:
    """Whether the wish of the clause before goes on: `can I return it and have it refunded`."""
    start = first_content(reading, clause)
    joined = any(tag.start == clause.start for tag in reading.found("and", within=clause))
    if not joined or any(tag.start == start for tag in reading.found("subject", within=clause)):
        return False
    before = [c for c in reading.sentence_at(clause.start).clauses if c.end <= clause.start]
    return (
        bool(before)
        and reading.has("wish", "polite", "polite_question", within=before[-1])
        and not (reading.has("negation", within=before[-1]))
    )


def _fragment(reading: Reading, clause: Span, tag: Tag) -> bool:
    """A few words that all belong to the request: `Full refund for the pan`, `money back`."""
    start = first_content(reading, clause)
    return clause.end - start <= _FRAGMENT_WORDS and all(
        explained(reading, at) for at in range(start, clause.end)
    )


_EXPLAINING = frozenset(
    "polite wish wish_after thing adjective half part whole twice both one_of newest oldest "
    "dearest cheapest monthly yearly except filler greeting closing unit account reason".split()
)
_EXPLAINING_KINDS = (
    "ask",
    "open",
    "done",
    "weak",
    "product",
    "plan",
    "feature",
    "kind",
    "choice",
    "share",
)


def explained(reading: Reading, at: int) -> bool:
    """Whether a token belongs to a plain request: an act, a name, an amount, politeness."""
    token = reading.tokens[at]
    if token.kind != "word":
        return token.kind != "noise"
    if at in reading.titles or token.text in reading.lexicon.plain:
        return True
    return any(
        name in _EXPLAINING or name.partition(":")[0] in _EXPLAINING_KINDS
        for name in reading.covering[at]
    )
