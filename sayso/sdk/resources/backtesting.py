"""Playing what was judged again, by another policy, beside what people had said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import orjson

from sayso.actions.model.status import Status
from sayso.actions.rollout.checks import SALT
from sayso.audit.entry import ActorKind
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.sdk.resources.report import edited_actions
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, integer, integer_or_none, text, text_or_none

if TYPE_CHECKING:
    from sayso.actions.policy.backtest import BacktestCase, Player
    from sayso.actions.policy.cedar import CedarPolicy
    from sayso.actions.policy.formula.terms import Value
    from sayso.actions.policy.playing import RecordedJudgement, Said, VersionAtPlay
    from sayso.actions.policy.reading import ReadPolicy
    from sayso.actions.policy.slices import Slice
    from sayso.sdk.container import Container

SEARCHED = "a line of the search is not what the policy itself says"
_PAGE = 2_000
_AGREED = frozenset(
    {
        Status.APPROVED,
        Status.EXECUTING,
        Status.UNKNOWN,
        Status.ACCEPTED,
        Status.SUCCEEDED,
        Status.FAILED,
        Status.COMPENSATED,
    }
)


class OutcomeCounts(View):
    """How many are done at once, asked about, refused; and of how many nobody can say.

    Attributes:
        by_hand: that a dial leaves to a person.
    """

    automatic: int
    asked: int
    refused: int
    cannot_say: int
    by_hand: int = 0


class BacktestCaseView(View):
    """One that would be done at once, or refused, that was not.

    Attributes:
        said: what people had said: `yes`, `less`, `no`, or empty.
        by: the rule or limit that refuses it; empty for none that allows it, or where it is done.
    """

    action: str
    name: str
    question: str
    said: str
    by: str = ""


class RefusedByView(View):
    """How many are newly refused by one rule or limit.

    Attributes:
        rule: its id; empty where no rule allows them. say: its sentence.
        had_yes: to how many of them people had said yes, also to less.
    """

    rule: str
    say: str
    count: int
    had_yes: int


class HeldByView(View):
    """How many a limit or a dial asks about, refuses or leaves to a person, before and after."""

    rule: str
    say: str
    was: int
    now: int


class BacktestView(View):
    """What was judged, played again.

    Attributes:
        was, now: by what is in force, and by the files.
        newly_yes, newly_less, newly_no, newly_undecided: of the newly automatic, what people had
            said; of the last nobody had decided.
        no_longer: automatic by what is in force and not by the files.
        checked: how many the engine itself was asked about; all as said.
        cases: of the newly automatic those that people had decided otherwise, some of them.
        newly_refused: what refuses those that were not, the most first. refused_cases: some.
        held: what each limit and dial does.
    """

    total: int
    was: OutcomeCounts
    now: OutcomeCounts
    newly_yes: int
    newly_less: int
    newly_no: int
    newly_undecided: int
    no_longer: int
    checked: int
    cases: tuple[BacktestCaseView, ...]
    newly_refused: tuple[RefusedByView, ...] = ()
    refused_cases: tuple[BacktestCaseView, ...] = ()
    held: tuple[HeldByView, ...] = ()

    @property
    def refused_more(self) -> int:
        """How many are newly refused."""
        return sum(one.count for one in self.newly_refused)

    @property
    def newly(self) -> int:
        """How many are newly automatic."""
        return self.newly_yes + self.newly_less + self.newly_no + self.newly_undecided


async def play_again(
    container: Container,
    where: Tenant,
    since: int,
    before: ReadPolicy,
    after: ReadPolicy,
    progress: Callable[[int], None] | None,
) -> BacktestView:
    """Play a tenant's judgements since a moment, in microseconds.

    What was done in the longest window of a limit before it is counted by the limits alone.

    Raises:
        IntegrityError: `tampered`, where formulas and engine disagree: a fault of ours.
    """
    from sayso.actions.policy.backtest import Player  # loads Cedar

    def first(reader: Reader) -> tuple[frozenset[str], str]:
        salt = reader.one("log.meta", key=SALT)
        return edited_actions(reader, where), "" if salt is None else text(salt, "value")

    edited, salt = await container.store.read(first)
    player, last = Player(_at_play(before, salt), _at_play(after, salt)), ""
    longest = max(
        (
            limit.window.longest()
            for read in (before, after)
            for limit in read.limits.limits
            if limit.window is not None
        ),
        default=timedelta(),
    )
    earliest = since - longest // timedelta(microseconds=1)
    while True:
        rows = await container.store.read(
            lambda reader, last=last: reader.all(  # type: ignore[misc]
                "policy.judged", tenant=where, after=last, since=earliest, limit=_PAGE
            )
        )
        await asyncio.to_thread(_play, player, rows, edited, since)
        if progress is not None:
            progress(player.played.total)
        if len(rows) < _PAGE:
            break
        last = text(rows[-1], "id")
    return await asyncio.to_thread(_view, player, before, after)


async def recently_judged(container: Container, where: Tenant) -> list[RecordedJudgement]:
    """Up to 2,000 judgements of the last 30 days."""
    since = to_micros(container.clock.now() - timedelta(days=30))
    rows = await container.store.read(
        lambda reader: reader.all("policy.judged", tenant=where, after="", since=since, limit=_PAGE)
    )
    return [_recorded(row, _snapshot(row), frozenset()) for row in rows]


def _snapshot(row: Row) -> Mapping[str, object]:
    stored = text_or_none(row, "snapshot")
    return cast("Mapping[str, object]", orjson.loads(stored)) if stored else {}


def _at_play(read: ReadPolicy, salt: str) -> VersionAtPlay:
    from sayso.actions.policy.playing import VersionAtPlay

    return VersionAtPlay(
        policy=read.policy,
        limits=read.limits,
        dials=read.dials,
        calendar=read.calendar,
        salt=salt,
    )


def _view(player: Player, before: ReadPolicy, after: ReadPolicy) -> BacktestView:
    played, now = player.finish(), after.policy
    if played.wrong:
        raise IntegrityError(Code.TAMPERED, SEARCHED, next_step="report it with both versions")
    return BacktestView(
        total=played.total,
        was=_counts(played.was),
        now=_counts(played.now),
        newly_yes=played.newly["yes"],
        newly_less=played.newly["less"],
        newly_no=played.newly["no"],
        newly_undecided=played.newly[""],
        no_longer=played.no_longer,
        checked=played.checked,
        cases=tuple(_case(now, case) for case in played.cases),
        newly_refused=tuple(
            RefusedByView(
                rule=rule,
                say=_say(rule, after, before) or "no rule allows it",
                count=said.total(),
                had_yes=said["yes"] + said["less"],
            )
            for rule, said in sorted(
                played.refused.items(), key=lambda one: (-one[1].total(), one[0])
            )
        ),
        refused_cases=tuple(_case(now, case) for case in played.refused_cases),
        held=tuple(
            HeldByView(
                rule=rule,
                say=_say(rule, after, before),
                was=played.held_was[rule],
                now=played.held_now[rule],
            )
            for rule in sorted(played.held_was.keys() | played.held_now.keys())
        ),
    )


def _case(policy: CedarPolicy, case: BacktestCase) -> BacktestCaseView:
    from sayso.actions.policy.analysis.words import question_words

    reads = slice_of(policy, case.action).form.reads
    return BacktestCaseView(
        action=case.id,
        name=case.action,
        question=question_words(case.question, reads),
        said=case.said,
        by=case.by,
    )


def _say(rule: str, *read: ReadPolicy) -> str:
    """What a rule, a limit or a dial says, by the first version that has it."""
    for one in read:
        said = one.policy.rules.explains.get(rule)
        limits = ((limit.rule, limit.say) for limit in one.limits.limits)
        dials = ((dial.rule, dial.say) for dial in one.dials.rollout.dials)
        said = said or dict((*limits, *dials)).get(rule)
        if said is not None:
            return said
    return ""


def _play(player: Player, rows: Sequence[Row], edited: frozenset[str], since: int) -> None:
    for row in rows:
        one = _recorded(row, _snapshot(row), edited)
        if one.at < since:
            player.warm(one)
        else:
            player.play(one)


def _recorded(
    row: Row, snapshot: Mapping[str, object], edited: frozenset[str]
) -> RecordedJudgement:
    from sayso.actions.policy.playing import RecordedJudgement

    resolved = cast("Mapping[str, object]", snapshot.get("resolved") or {})
    minor, currency = integer_or_none(row, "amount_minor"), text_or_none(row, "currency")
    requester = text(row, "requester")
    is_of_request = text_or_none(row, "request_id") is not None
    return RecordedJudgement(
        id=text(row, "id"),
        action=text(row, "name"),
        question=cast("Mapping[str, Value] | None", snapshot.get("question")),
        said=what_people_said(row, edited),
        at=integer(row, "created_at"),
        subject=text(row, "subject_id"),
        asker=text_or_none(row, "asker") or requester,
        planner=text(row, "planner"),
        account=str(resolved.get("account", "")).partition(" (")[0],
        payee=str(resolved.get("payee", "")),
        amount=None if minor is None or not currency else Money(minor, currency),
        done=text(row, "status") in _AGREED - {Status.FAILED},
        by_person=is_of_request and requester.startswith(f"{ActorKind.PERSON}:"),
    )


def what_people_said(row: Row, edited: frozenset[str]) -> Said:
    """What people had said of an action."""
    status = text(row, "status")
    if orjson.loads(text(row, "judgement"))["outcome"] != "ask":
        return ""
    if status == Status.REJECTED:
        return "no"
    if status in _AGREED:
        return "less" if text(row, "id") in edited else "yes"
    return ""


def _counts(found: Mapping[str, int]) -> OutcomeCounts:
    return OutcomeCounts(
        automatic=found["allow"],
        asked=found["ask"],
        by_hand=found["hand"],
        refused=found["deny"],
        cannot_say=found["unknown"],
    )


def slice_of(policy: CedarPolicy, action: str) -> Slice:
    """A policy's part about an action.

    Raises:
        RefusedError: `unknown_action`.
    """
    found = policy.slice(action)
    if found is None:
        raise RefusedError(
            Code.UNKNOWN_ACTION,
            f"no connector has `{action}` any more",
            next_step="`sayso actions types` lists what there is",
        )
    return found
