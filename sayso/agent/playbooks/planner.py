"""The default planner: playbooks, no model, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import MAX_STEPS, Handoff, OnFailure, Plan, Step
from sayso.agent.base import MAX_MESSAGE_CHARS, Handles, Message
from sayso.agent.playbooks import guards
from sayso.agent.playbooks.amounts import normalise, read_amounts
from sayso.agent.playbooks.classifier import Classifier, train
from sayso.agent.playbooks.file import Playbook, read_folder, read_shipped
from sayso.agent.playbooks.slots import Trouble, find_strangers
from sayso.agent.playbooks.steps import Ask, steps_for
from sayso.agent.playbooks.words import changes_request
from sayso.errors import Code, ConfigError

NONE = "none"
"""The classifier's label for everything that no playbook is for."""

THRESHOLD = 0.5
"""The classifier must give the playbook that the rules name at least this probability."""

_CLAUSE_WORDS = 3
"""Fewer words before a comma are a greeting, or belong to what follows: `hypothetically, …`."""

_BEFORE = re.compile(
    r",|\bso\b(?= (?:please|pls|i|can|could)\b)"
    r"|\band\b(?= (?:please|pls|i(?:'d)? (?:want|need|would|like)|would)\b)",
    re.IGNORECASE,
)
"""Ends what is told before a request, as in `it broke at once, please refund it`."""

_AFTER = re.compile(
    r",\s*(?=(?:i|i'm|i've|it|it's|this|they|the|my|because|since) )"
    r"|\s(?=(?:because|since) )",
    re.IGNORECASE,
)
"""Begins what is told after a request, as in `refund order 1042, it broke at once`."""

_REQUEST = re.compile(
    r"\b(?:please|can you|could you|would you|will you|i'd (?:also )?like|"
    r"i (?:also |just |really |still )?(?:want|need|wish|would like)|"
    r"give me|send me|make|let me|change|update|add|remove|delete|upgrade|downgrade|move|ship|"
    r"resend|book|transfer|pay|switch|close|reset|tell)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"(?:,\s*)?\b(?:and|then|also|plus|as well as)\b(?:\s+(?:then|also|please))*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    match: tuple[re.Pattern[str], ...]
    never: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookPlanner:
    """Plans the requests that the playbooks know, and hands over everything else.

    Guarantees: deterministic; no network and no model; a plan only where the rules and the
    classifier name the same playbook for every sentence that asks for something.

    Attributes:
        playbooks: at least one with steps.
        name: recorded with each plan.
    """

    playbooks: tuple[Playbook, ...]
    name: str = "playbooks"
    _classifier: Classifier = field(init=False, repr=False, compare=False)
    _rules: Mapping[str, _Rules] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [book.name for book in self.playbooks]
        double = sorted({name for name in names if names.count(name) > 1})
        if double or not any(book.steps for book in self.playbooks):
            problem = f"two are called `{double[0]}`" if double else "there is none with steps"
            raise ConfigError(
                Code.INVALID_PLAYBOOK,
                f"the playbooks are not valid: {problem}",
                next_step="rename one, or add one",
            )
        # Frozen outside; these two follow from the playbooks and are never set again.
        object.__setattr__(self, "_classifier", _trained(self.playbooks))
        object.__setattr__(self, "_rules", {book.name: _rules_of(book) for book in self.playbooks})

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        """Plan the newest message; earlier turns are not read."""
        newest = messages[-1] if messages else None
        if newest is None or newest.role != "customer":
            # A playbook would only say again what it said before.
            return self._hand_over("the customer has not written anything that is still open")
        return self.plan_text(newest.content, handles, actions)

    def plan_text(
        self, content: str, handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        """Plan one message.

        Args:
            content: the customer's words, as they came.
            handles: the customer's objects.
            actions: what may be used; a playbook whose action is missing hands over.
        """
        text = normalise(content[: MAX_MESSAGE_CHARS + 1])
        asks = self.read_asks(text)
        if isinstance(asks, Trouble):
            return self._hand_over(asks.reason)
        stranger = find_strangers(text, handles.records, read_amounts(text))
        if stranger is not None:
            return self._hand_over(f"`{stranger[:40]}` is none of the customer's records")
        steps: list[Step] = []
        known = {action.name for action in actions}
        asked = {t.action for ask in asks for t in ask.playbook.steps if not t.optional}
        for ask in asks:
            more = steps_for(ask, handles, known, asked, first=len(steps) + 1)
            if isinstance(more, Trouble):
                return self._hand_over(more.reason)
            steps += more
        if len(steps) > MAX_STEPS:
            return self._hand_over(f"the request takes more than {MAX_STEPS} steps")
        names = "+".join(dict.fromkeys(ask.playbook.name for ask in asks))
        return Plan(
            steps=tuple(steps),
            planner=f"playbook:{names}",
            on_failure=OnFailure.strictest(ask.playbook.on_failure for ask in asks),
        )

    def read_asks(self, text: str) -> tuple[Ask, ...] | Trouble:
        """What a normalised message asks for, or why no playbook may answer it."""
        if not text.strip():
            return Trouble(reason="the message is empty")
        text, quoted = guards.quotes_cut(text)
        stopped = guards.stop_message(text)
        if stopped is not None:
            return Trouble(reason=stopped)
        found: list[tuple[Playbook, str]] = []
        context: list[str] = []
        before = ""
        for part in self._parts(text):
            book = self._understand(part)
            if isinstance(book, Trouble):
                return book
            if book is None:
                if found and changes_request(part, before):
                    return Trouble(reason="what follows the request may change it")
                context.append(part)
            else:
                found.append((book, part))
            before = part
        if not found:
            return Trouble(reason="no playbook is for this request")
        if quoted:
            return Trouble(reason="the message quotes somebody's words")
        around = ". ".join(context)
        alone = len({book.name for book, _ in found}) == 1
        asks = tuple(
            Ask(playbook=book, text=part, context=around, alone=alone) for book, part in found
        )
        return _merged(asks)

    def _parts(self, text: str) -> Iterator[str]:
        """Sentences, cut again at an `and` that stands between two things asked for."""
        for sentence in guards.sentences_of(text):
            start = 0
            for joint in _JOINT.finditer(sentence):
                left, right = sentence[start : joint.start()], sentence[joint.end() :]
                if self._matching(left) and self._matching(right):
                    yield from self._clauses(left)
                    start = joint.end()
            yield from self._clauses(sentence[start:])

    def _clauses(self, part: str) -> Iterator[str]:
        """The clause that asks, and what is told before and after it in the same sentence."""
        starts = [at for rules in self._rules.values() if (at := _first_match(rules, part))]
        before = list(_BEFORE.finditer(part, 0, min(starts, default=0)))
        if before and len(part[: before[-1].start()].split()) >= _CLAUSE_WORDS:
            yield part[: before[-1].start()].strip()
            part = part[before[-1].end() :].strip()
        after = _AFTER.search(part) if self._matching(part) else None
        if after is not None and self._matching(part[: after.start()]):
            yield part[: after.start()].strip()
            part = part[after.end() :].strip()
        yield part

    def _matching(self, part: str) -> list[Playbook]:
        """The playbooks whose rules fit."""
        books = [book for book in self.playbooks if book.steps]
        return [book for book in books if _first_match(self._rules[book.name], part) is not None]

    def _understand(self, part: str) -> Playbook | Trouble | None:
        """The playbook that a part asks for; None when it asks for nothing."""
        chances = self._classifier.probabilities(part)
        likely = max(chances, key=lambda label: chances[label])
        books = self._matching(part)
        if not books:
            if _REQUEST.search(part):
                return Trouble(
                    reason="a part of the message asks for something that no playbook is for"
                )
            if likely != NONE and chances[likely] > 0.9:
                return Trouble(
                    reason=f"a part of the message may ask for `{likely}`, in other words"
                )
            return None
        if len(books) > 1:
            # The classifier may choose between playbooks that share a word, not overrule them all.
            books = [book for book in books if book.name == likely] or books
        book = books[0]
        at = _first_match(self._rules[book.name], part)
        if at is not None and (guards.negated(part, at) or guards.limited(part, at)):
            return Trouble(reason=f"the message may say that `{book.name}` is not wanted")
        if len(books) > 1 or likely != book.name or chances[likely] < THRESHOLD:
            return Trouble(reason=f"it is not sure that the message asks for `{book.name}`")
        return book

    def _hand_over(self, reason: str) -> Handoff:
        return Handoff(reason=reason, planner=self.name)


def load_playbooks(folder: Path | None = None, *, shipped: bool = True) -> PlaybookPlanner:
    """The planner over the shipped playbooks and those of a workspace folder.

    A playbook of the folder replaces a shipped one of the same name.

    Args:
        folder: such as `playbooks/` of the workspace; a folder that is not there counts as empty.
        shipped: False leaves the shipped ones out, apart from the sentences that ask for nothing.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    base = [book for book in read_shipped() if shipped or not book.steps]
    own = read_folder(folder) if folder is not None else ()
    replaced = {book.name for book in own}
    return PlaybookPlanner(playbooks=(*(b for b in base if b.name not in replaced), *own))


@lru_cache(maxsize=8)
def _trained_from(examples: tuple[tuple[str, str], ...]) -> Classifier:
    return train(examples)


def _trained(playbooks: Sequence[Playbook]) -> Classifier:
    """Trained once per process for the same sentences."""
    pairs = [(normalise(text), book.name) for book in playbooks for text in book.asks]
    pairs += [(normalise(text), NONE) for book in playbooks for text in book.none]
    return _trained_from(tuple(pairs))


def _rules_of(book: Playbook) -> _Rules:
    return _Rules(
        match=tuple(re.compile(pattern, re.IGNORECASE) for pattern in book.match),
        never=tuple(re.compile(pattern, re.IGNORECASE) for pattern in book.never),
    )


def _first_match(rules: _Rules, part: str) -> int | None:
    if any(pattern.search(part) for pattern in rules.never):
        return None
    starts = [found.start() for pattern in rules.match if (found := pattern.search(part))]
    return min(starts, default=None)


def _merged(asks: tuple[Ask, ...]) -> tuple[Ask, ...] | Trouble:
    """Sentences that ask for the same thing twice are one ask with all their words."""
    merged: dict[str, Ask] = {}
    for ask in asks:
        name = ask.playbook.name
        before = merged.get(name)
        words = ask.text if before is None else f"{before.text}. {ask.text}"
        merged[name] = replace(ask, text=words)
    return tuple(merged.values())
