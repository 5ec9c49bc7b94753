"""Playing what was judged again, by another policy, beside what people had said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import orjson

from sayso.actions.model.status import Status
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.sdk.resources.report import edited_actions
from sayso.sdk.views.rows import View
from sayso.store.base import Row, text, text_or_none

if TYPE_CHECKING:
    from sayso.actions.policy.backtest import Player, Said
    from sayso.actions.policy.cedar import CedarPolicy
    from sayso.actions.policy.formula.terms import Value
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
    """How many are done at once, asked about, refused; and of how many nobody can say."""

    automatic: int
    asked: int
    refused: int
    cannot_say: int


class BacktestCaseView(View):
    """One that would be done at once, and about which people had decided otherwise.

    Attributes:
        said: `less` or `no`.
    """

    action: str
    name: str
    question: str
    said: str


class BacktestView(View):
    """What was judged, played again.

    Attributes:
        was, now: by what is in force, and by the files.
        newly_yes, newly_less, newly_no, newly_undecided: of the newly automatic, what people had
            said; of the last nobody had decided.
        no_longer: automatic by what is in force and not by the files.
        checked: how many the engine itself was asked about; all as said.
        cases: of the newly automatic those that people had decided otherwise, some of them.
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
    """Play what a tenant's actions were judged by since a moment, in microseconds.

    Raises:
        IntegrityError: `tampered`, where formulas and engine disagree: a fault of ours.
    """
    from sayso.actions.policy.backtest import Player  # loads Cedar

    player, last = Player(before.policy, after.policy), ""
    edited = await container.store.read(lambda reader: edited_actions(reader, where))
    while True:
        rows = await container.store.read(
            lambda reader, last=last: reader.all(  # type: ignore[misc]
                "policy.judged", tenant=where, after=last, since=since, limit=_PAGE
            )
        )
        await asyncio.to_thread(_play, player, rows, edited)
        if progress is not None:
            progress(player.played.total)
        if len(rows) < _PAGE:
            break
        last = text(rows[-1], "id")
    return await asyncio.to_thread(_view, player, after.policy)


def _view(player: Player, now: CedarPolicy) -> BacktestView:
    from sayso.actions.policy.analysis.words import question_words

    played = player.finish()
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
        cases=tuple(
            BacktestCaseView(
                action=case.id,
                name=case.action,
                question=question_words(case.question, slice_of(now, case.action).form.reads),
                said=case.said,
            )
            for case in played.cases
        ),
    )


def _play(player: Player, rows: Sequence[Row], edited: frozenset[str]) -> None:
    from sayso.actions.policy.backtest import RecordedJudgement

    for row in rows:
        stored = text_or_none(row, "snapshot")
        snapshot: Mapping[str, object] = orjson.loads(stored) if stored else {}
        player.play(
            RecordedJudgement(
                id=text(row, "id"),
                action=text(row, "name"),
                question=cast("Mapping[str, Value] | None", snapshot.get("question")),
                said=what_people_said(row, edited),
            )
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
