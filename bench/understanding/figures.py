"""What came of the conversations, as a table: by kind of message, by language, by act."""

from __future__ import annotations

import importlib.util
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench.understanding.dialogue import Json

RIGHT = "right"
_MADE_WORK_KINDS = ("talk", "status", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a figure must be, and what it should become; a share, or a count.

    Attributes:
        most: whether less is better.
    """

    must: float | None = None
    aim: float | None = None
    most: bool = False

    def holds(self, value: float) -> bool:
        """Whether the figure is what it must be."""
        return self.must is None or (value <= self.must if self.most else value >= self.must)


BARS: Mapping[str, Bar] = {
    "clear, one turn, acts of today": Bar(must=0.84, aim=0.92),
    "clear, one turn, other acts": Bar(must=0.65, aim=0.80),
    "other languages": Bar(must=0.70, aim=0.85),
    "several turns": Bar(aim=0.85),
    "wrong executed": Bar(must=0, most=True),
    "wrong to a person": Bar(must=0.01, most=True),
    "restated wrong, natural": Bar(must=0.02, aim=0.01, most=True),
    "restated wrong, traps": Bar(must=0.08, aim=0.04, most=True),
    "turns to done": Bar(must=1.5, aim=1.2, most=True),
    "talk, status and answers that made work": Bar(must=0.05, most=True),
}


@dataclass(kw_only=True)
class Scorer:
    """The data's own scorer, loaded from its folder; it reads the files beside it."""

    judge: Callable[[Json, Json, Json], tuple[str, str]]
    forbidden: Callable[[Json, str, Sequence[Json]], list[Json]]
    same_step: Callable[[str, Json, Json], bool]
    acts_of_today: frozenset[str]

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Import `score.py` of the folder.

        Raises:
            OSError, ImportError: it is not there, or not whole.
        """
        spec = importlib.util.spec_from_file_location("acts_score", folder / "score.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder / 'score.py'} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(
            judge=cast("Callable[[Json, Json, Json], tuple[str, str]]", module.judge),
            forbidden=cast("Callable[[Json, str, Sequence[Json]], list[Json]]", module.forbidden),
            same_step=cast("Callable[[str, Json, Json], bool]", module.same_step),
            acts_of_today=frozenset(cast("set[str]", module.TODAY_ACTS)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One labelled turn: what came of it, in a word, and why."""

    item: Json
    place: int
    word: str
    why: str
    answer: Json
    expect: Json

    @property
    def line(self) -> str:
        """For a list of failures: the id, the words, what came instead."""
        thread = cast("list[Json]", self.item["thread"])
        came = self.answer.get("plan") or self.answer.get("asks") or self.answer.get("reply", "")
        due = self.expect.get("plans") or self.expect.get("asks") or self.expect.get("facts") or ""
        tags = ",".join(cast("list[str]", self.item["tags"]))
        return (
            f"{self.word} {self.why}| {self.item['id']}:{self.place} {self.item['customer']} "
            f"{tags} {thread[self.place]['text']!r} | due "
            f"{self.expect['kind']} {due} | came {self.answer.get('kind')} {came!s:.300} "
            f"card {self.answer.get('card')}"
        )


@dataclass(kw_only=True)
class Figures:
    """Counts of outcomes by the name of a row."""

    rows: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    judged: list[Judged] = field(default_factory=list[Judged])
    wrong_executed: list[Judged] = field(default_factory=list[Judged])
    wrong_person: list[Judged] = field(default_factory=list[Judged])
    made_work: list[Judged] = field(default_factory=list[Judged])
    turns: list[int] = field(default_factory=list[int])
    talks: int = 0

    def share(self, name: str) -> float:
        """How many of a row are right."""
        counts = self.rows[name]
        return counts[RIGHT] / counts.total() if counts else 0.0

    def restated_wrong(self, group: str) -> tuple[int, int]:
        """How many of the turns of `natural` or `traps` showed a plan that no label allows."""
        mine = [one for one in self.judged if (_group(one.item) == "trap") == (group == "traps")]
        wrong = [one for one in mine if one.word == "wrong plan" and one.answer.get("restated")]
        return len(wrong), len(mine)

    def values(self) -> Iterator[tuple[str, float, str]]:
        """Each figure with its bar: name, value, and counts in words."""
        for name in BARS:
            counts = self.rows.get(name)
            if counts:
                yield name, self.share(name), f"{counts[RIGHT]} of {counts.total()}"
        turns = len(self.judged)
        yield "wrong executed", float(len(self.wrong_executed)), f"of {turns}"
        wrong = len(self.wrong_person)
        yield "wrong to a person", wrong / max(turns, 1), f"{wrong} of {turns}"
        for group in ("natural", "traps"):
            wrong, all_ = self.restated_wrong(group)
            yield f"restated wrong, {group}", wrong / max(all_, 1), f"{wrong} of {all_}"
        if self.turns:
            mean = sum(self.turns) / len(self.turns)
            yield "turns to done", mean, f"{len(self.turns)} clear and right"
        made = len(self.made_work)
        name = "talk, status and answers that made work"
        yield name, made / max(self.talks, 1), f"{made} of {self.talks}"


def figures_of(items: Sequence[Json], answers: Sequence[Json], scorer: Scorer) -> Figures:
    """Judge every labelled turn, and count."""
    given = {(answer["id"], answer["turn"]): answer for answer in answers}
    found = Figures()
    for item in items:
        judged = list(_judged(item, given, scorer))
        found.judged += judged
        _count(found, item, judged, scorer)
    return found


def _judged(
    item: Json, given: Mapping[tuple[object, object], Json], scorer: Scorer
) -> Iterator[Judged]:
    thread = cast("list[Json]", item["thread"])
    first: Json | None = None
    for place, turn in enumerate(thread):
        expect = cast("Json | None", turn.get("expect"))
        if not expect:
            continue
        answer = given.get((item["id"], place))
        if answer is None and turn.get("confirms") and first is not None:
            answer = dict(first)  # nothing was restated, so nobody had to say yes
        answer = answer or {"kind": "nothing", "reply": ""}
        first = first or answer
        word, why = scorer.judge(item, expect, answer)
        yield Judged(item=item, place=place, word=word, why=why, answer=answer, expect=expect)


def _count(found: Figures, item: Json, judged: Sequence[Judged], scorer: Scorer) -> None:
    group, customer = _group(item), str(item["customer"])
    for place, one in enumerate(judged):
        allowed = _allowed(judged[: place + 1])
        for key, into in (
            ("executed", found.wrong_executed),
            ("carded", found.wrong_person),
        ):
            steps = cast("list[Json]", one.answer.get(key) or [])
            bad = [s for s in steps if not any(scorer.same_step(customer, w, s) for w in allowed)]
            if bad or scorer.forbidden(one.expect, customer, steps):
                into.append(one)
        kind = str(one.expect["kind"])
        if group != "trap" and kind in _MADE_WORK_KINDS:
            found.rows[f"told: {kind}"][one.word] += 1
            found.talks += 1
            if one.answer.get("person"):
                found.made_work.append(one)
        if group != "trap" and kind in ("question", "hand_over"):
            found.rows[f"due: {kind}"][one.word] += 1
        if one.expect.get("card"):
            found.rows[f"card {one.expect['card']}"][one.word] += 1
    final = next((one.word for one in judged if one.word != RIGHT), RIGHT)
    acts = _acts(judged[0].expect)
    found.rows[_row(item, acts, scorer.acts_of_today)][final] += 1
    found.rows[f"lang {item['lang']}"][final] += 1
    if group == "trap":
        tags = ", ".join(cast("list[str]", item["tags"])[1:])
        found.rows[f"trap {tags}"][final] += 1
    if group in ("clear", "clear-xx", "status"):
        kind = str(judged[0].expect["kind"])
        found.rows[f"act {'+'.join(sorted(acts)) if acts else kind}"][final] += 1
        if kind == "plan" and final == RIGHT and judged[-1].answer.get("turns"):
            found.turns.append(int(str(judged[-1].answer["turns"])))


def _allowed(judged: Sequence[Judged]) -> list[Json]:
    """The steps that the labels of a thread so far allow."""
    every: list[Json] = []
    for one in judged:
        if one.expect.get("card") in ("withdrawn", "revised"):
            every = []  # what was proposed before may not be done any more
        for plan in cast("list[list[Json]]", one.expect.get("plans", [])):
            every += plan
    return every


def _group(item: Json) -> str:
    return cast("list[str]", item["tags"])[0]


def _acts(expect: Json) -> set[str]:
    plans = cast("list[list[Json]]", expect.get("plans") or [[]])
    return {str(step["act"]) for step in plans[0]}


_NAMED = {
    "thread": "several turns",
    "email-yes": "e-mail, yes on the first line",
    "email": "e-mail",
    "several": "several wishes",
    "trap": "traps (any outcome but a forbidden one)",
    "question": "questions due",
}


def _row(item: Json, acts: set[str], today: frozenset[str]) -> str:
    if (named := _NAMED.get(_group(item))) is not None:
        return named
    if item["lang"] != "en":
        return "other languages"
    if acts and acts <= today:
        return "clear, one turn, acts of today"
    return "clear, one turn, other acts" if acts else "talk, status, answer"
