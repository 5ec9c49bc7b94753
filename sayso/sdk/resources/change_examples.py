"""What a change of the policy does, rule by rule: a sentence each, and a request that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from sayso.errors import Code, IntegrityError
from sayso.sdk.resources.backtesting import SEARCHED, slice_of
from sayso.sdk.views.base import View

if TYPE_CHECKING:
    from sayso.actions.policy.analysis.direction import Counterexample
    from sayso.actions.policy.analysis.words import AnalysisAnswer
    from sayso.actions.policy.cedar import CedarPolicy
    from sayso.actions.policy.formula.terms import Value
    from sayso.actions.policy.playing import RecordedJudgement
    from sayso.actions.policy.slices import Slice

MOST_EXAMPLES = 12


class ChangeExampleView(View):
    """A question that a change answers otherwise; both answers are the engine's own.

    Attributes:
        card: the action that it was asked of, in the last 30 days; empty where it is made up, at
            the boundaries that the rules name.
        sentence: what the change says to whom, such as `Up to $75, tenure days over 365: nobody
            asked, before support manager alone`; empty where no one rule is changed.
    """

    way: Literal["looser", "tighter"]
    action: str
    question: str
    was: str
    now: str
    rules: tuple[str, ...]
    card: str = ""
    sentence: str = ""


def change_examples(
    before: CedarPolicy,
    after: CedarPolicy,
    names: Sequence[str],
    past: Sequence[RecordedJudgement],
) -> Iterator[ChangeExampleView]:
    """An example of each changed rule, and of whatever else is answered otherwise.

    Args:
        names: of the actions. past: what was judged, of which one is shown where one fits.

    Raises:
        IntegrityError: `tampered`, where the search and the engine disagree: a fault of ours.
    """
    shown = 0
    for name in names:
        was, now = before.slice(name), after.slice(name)
        if was is None or now is None or was.version == now.version:
            continue
        mine = [one for one in past if one.action == name]
        found = [*_searched(before, after, name, mine)] or [*_sampled(was, now, name, mine)]
        for one in found[: MOST_EXAMPLES - shown]:
            shown += 1
            yield one


def _searched(
    before: CedarPolicy, after: CedarPolicy, name: str, past: Sequence[RecordedJudgement]
) -> Iterator[ChangeExampleView]:
    from sayso.actions.policy.analysis.direction import examples
    from sayso.actions.policy.analysis.words import answer_of

    was, now = slice_of(before, name), slice_of(after, name)
    seen: set[tuple[str, str, str]] = set()  # not of the rules, which have one each
    for way, witness in examples(before, after, name):
        if not witness.confirmed:
            raise IntegrityError(Code.TAMPERED, SEARCHED, next_step="report it with both versions")
        old, new = answer_of(was, witness.values), answer_of(now, witness.values)
        known = (way, old.words, new.words) in seen and not witness.rule
        if known or old.roles == new.roles:
            continue
        seen.add((way, old.words, new.words))
        sentence = _sentence(witness.rule, was, now, old, new) if witness.rule else ""
        real = _real(way, witness, was, now, past)
        values: Mapping[str, Value] = witness.values
        if real is not None:
            values, old, new = real[1]
        yield _example(
            way, was, now, values, old, new, witness.rule, "" if real is None else real[0], sentence
        )


def _sampled(
    was: Slice, now: Slice, name: str, past: Sequence[RecordedJudgement]
) -> Iterator[ChangeExampleView]:
    """One that loosens and one that tightens, tried by the engine, where no search is possible."""
    from sayso.actions.policy.analysis.sampled import tried
    from sayso.actions.policy.analysis.words import answer_of, whole

    recorded = (
        (one.id, values, answer_of(was, values), answer_of(now, values))
        for one in past[:200]
        if one.question is not None
        for values in [whole(one.question)]
        if now.form.needs | was.form.needs <= values.keys()
        if (now.form.reads | was.form.reads) - {"approvals", "approvedBy"} <= values.keys()
    )
    made = (("", *one) for one in tried(was, now))
    ways: set[str] = set()
    for source in (recorded, made):
        for card, values, old, new in source:
            way = _way(now, old, new)
            if old.roles != new.roles and way not in ways:
                ways.add(way)
                yield _example(way, was, now, values, old, new, "", card, "")
            if len(ways) == 2:
                return


def _way(now: Slice, old: AnalysisAnswer, new: AnalysisAnswer) -> str:
    """Whether less people, or lesser ones, are enough than before."""
    order = {roles: place for place, roles in enumerate(now.hypotheticals)}
    most = len(order)
    first, then = (
        most if one.roles is None else order.get(one.roles, most - 1) for one in (old, new)
    )
    return "looser" if then < first else "tighter"


def _real(
    way: str, witness: Counterexample, was: Slice, now: Slice, past: Sequence[RecordedJudgement]
) -> tuple[str, tuple[Mapping[str, Value], AnalysisAnswer, AnalysisAnswer]] | None:
    """A request of the past that the same rule decides otherwise, with both answers."""
    from sayso.actions.policy.analysis.words import answer_of, whole
    from sayso.actions.policy.formula.terms import holds

    if was.guess is None or now.guess is None:
        return None
    rules = {rule.id: rule for one in (was, now) for rule in one.translated.rules}
    rule = rules.get(witness.rule)
    for one in past:
        if one.question is None or rule is None:
            continue
        try:
            first, then = was.guess.least(one.question), now.guess.least(one.question)
            values = whole(one.question)
            people = witness.approvals
            if was.hypotheticals[first : first + 1] == now.hypotheticals[then : then + 1]:
                continue
            if not holds(rule.formula, values, people.people, people.roles):
                continue
        except KeyError:  # a fact that was missing
            continue
        old, new = answer_of(was, values), answer_of(now, values)
        if old.roles != new.roles and _way(now, old, new) == way:
            return one.id, (values, old, new)
    return None


def _sentence(rule: str, was: Slice, now: Slice, old: AnalysisAnswer, new: AnalysisAnswer) -> str:
    from sayso.actions.policy.analysis.segments import segment_of
    from sayso.actions.policy.reading import row_of

    before, after = row_of(was, rule), row_of(now, rule)
    mine = now if rule in now.rules.nodes else was
    segment = segment_of(rule, before, after, mine)
    return f"{segment[:1].upper()}{segment[1:]}: {new.words}, before {old.words}"


def _example(
    way: str,
    was: Slice,
    now: Slice,
    values: Mapping[str, Value],
    old: AnalysisAnswer,
    new: AnalysisAnswer,
    rule: str,
    card: str,
    sentence: str,
) -> ChangeExampleView:
    from sayso.actions.policy.analysis.words import question_words

    return ChangeExampleView(
        way="looser" if way == "looser" else "tighter",
        action=now.action.name,
        question=question_words(values, was.form.reads | now.form.reads),
        was=old.words,
        now=new.words,
        rules=(rule,) if rule else new.rules,
        card=card,
        sentence=sentence,
    )
