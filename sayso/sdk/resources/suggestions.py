"""`sayso.suggestions`: drafts from what people decided; a person looks, and puts them in force."""

from __future__ import annotations

import asyncio
import builtins
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Literal, cast

import orjson

from sayso.actions.model.definition import Action, Effect
from sayso.actions.rollout.agreement import wilson
from sayso.actions.rollout.definition import Stage
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, from_micros, to_micros
from sayso.money import Money, exponent_of
from sayso.sdk.resources.analysis import (
    AnalysisResource,
    BacktestCaseView,
    BacktestView,
    what_people_said,
)
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.report import edited_actions
from sayso.sdk.resources.rollout import AgreementView, DialView, RolloutResource
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views import View
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, Row, integer, integer_or_none, text, text_or_none

if TYPE_CHECKING:
    from sayso.actions.policy.suggest import Decided, Suggestion  # brings Cedar along
    from sayso.sdk.container import Container

PAGE = 1_000
LOOK_BACK = timedelta(days=90)
DECLINED_FOR = timedelta(days=90)
"""A no to a suggestion is kept so long."""
LEAST_DAYS = 30
"""A limit is suggested from so many days on which something was done."""
_ROOM = Decimal("1.5")
_NO = "suggestion_no/"
_SHARES = (10, 50, 100)
_MOST_CASES = 5


class SuggestionView(View):
    """A draft that nobody has put in force.

    Attributes:
        kind: a `rule` allows more at once, a `dial` goes further, a `limit` takes away.
        sentence: what is suggested, and what it is made of.
        figures: what the past says of it, one line each.
        counterexamples: which people had decided otherwise, some of them.
        files: texts as `policy.draft` takes them; what is to be written, by name.
    """

    id: str
    kind: Literal["rule", "dial", "limit"]
    action: str
    sentence: str
    figures: tuple[str, ...]
    counterexamples: tuple[BacktestCaseView, ...] = ()
    files: Mapping[str, str]
    next_step: str


class SuggestionResource(Resource):
    """`sayso.suggestions`. Nothing here puts anything in force."""

    def __init__(
        self,
        container: Container,
        workspace: Workspace,
        analysis: AnalysisResource,
        rollout: RolloutResource,
    ) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._analysis = analysis
        self._rollout = rollout

    async def list(self, *, tenant: str | None = None) -> list[SuggestionView]:
        """What the last 90 days suggest: at most one rule, dial and limit for each action.

        Raises:
            ConfigError: `invalid_policy`, where the files cannot be read.
        """
        where = self._tenant(tenant)
        now = self._container.clock.now()
        declined = await self._container.store.read(lambda reader: _declined(reader, now.date()))
        kinds = await self._container.action_catalog.read()
        found = [
            *await self._rules(where, now - LOOK_BACK, kinds.actions, declined),
            *await self._dials(where, kinds.actions),
            *await self._limits(where, now - LOOK_BACK, kinds.actions),
        ]
        return [one for one in found if one.id not in declined]

    async def decline(self, suggestion: str, *, token: str, via: str = "sdk") -> None:
        """Say no: nothing of this segment is suggested for 90 days.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; `not_found`, for what is not suggested.
        """
        await self.decline_as(
            suggestion, await self._container.authentication.person(token, via=via)
        )

    async def decline_as(self, suggestion: str, holder: Token) -> None:
        """The same for a person whom the calling surface has authenticated itself."""
        await self.get(suggestion)
        today = self._container.clock.now().date()
        key = f"{_NO}{suggestion}/{today.isoformat()}"
        await self._container.store.write(
            lambda tx: tx.run("log.meta_insert", key=key, value=holder.holder)
        )

    async def get(self, suggestion: str) -> SuggestionView:
        """One that is suggested now.

        Raises:
            RefusedError: `not_found`.
        """
        for one in await self.list():
            if one.id == suggestion:
                return one
        raise RefusedError(
            Code.NOT_FOUND,
            f"`{suggestion[:40]}` is not suggested",
            next_step="`sayso policy suggest` lists what is",
        )

    def write(self, view: SuggestionView) -> tuple[str, ...]:
        """Write its files into the workspace, as a draft; names of what was written."""
        for name, content in view.files.items():
            path = self._workspace.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return tuple(view.files)

    # ---- rules ---------------------------------------------------------------------------------

    async def _rules(
        self, tenant: Tenant, since: datetime, actions: Sequence[Action], declined: frozenset[str]
    ) -> Sequence[SuggestionView]:
        from sayso.actions.policy.suggest import may_be_suggested, suggest  # loads Cedar

        def read(reader: Reader) -> Mapping[str, Sequence[Decided]]:
            edited = edited_actions(reader, tenant)
            cases = defaultdict[str, "builtins.list[Decided]"](builtins.list)
            for row in _pages(reader, "policy.decided", tenant, to_micros(since)):
                name, case = _decided(row, edited)
                if case is not None:
                    cases[name].append(case)
            return cases

        cases = await self._container.store.read(read)
        views = builtins.list[SuggestionView]()
        for action in actions:
            mine = cases.get(action.name, [])
            if not mine or not may_be_suggested(action):
                continue
            found = await asyncio.to_thread(suggest, action.name, mine, declined)
            if found is not None:
                view = await self._rule(tenant, since, found)
                views += [] if view is None else [view]
        return views

    async def _rule(
        self, tenant: Tenant, since: datetime, found: Suggestion
    ) -> SuggestionView | None:
        name = f"policies/suggested-{found.action.replace('.', '-')}.toml"
        files = {name: found.table(f"s{found.id.removeprefix('sug_')}")}
        played = await self._analysis.backtest(since=since, given=files, tenant=tenant)
        if not played.newly:
            return None  # something else asks people about them, which this row would not change
        low, high = wilson(found.yes, found.cards)
        others = len(found.others)
        sentence = (
            f"{found.yes:,} of {found.cards:,} cards about {found.action} "
            f"({found.say[0].lower()}{found.say[1:]}) were approved unchanged"
            f" ({int(low * 100)} to {-int(-high * 100 // 1)} %)"
        )
        return SuggestionView(
            id=found.id,
            kind="rule",
            action=found.action,
            sentence=sentence,
            figures=(_others(found, others), *_newly(played)),
            counterexamples=played.cases[:_MOST_CASES],
            files=files,
            next_step=f"sayso policy suggest --write {found.id}, then sayso policy diff",
        )

    # ---- dials ---------------------------------------------------------------------------------

    async def _dials(self, tenant: Tenant, actions: Sequence[Action]) -> Sequence[SuggestionView]:
        known = {action.name for action in actions}
        dials = await self._rollout.list(tenant=tenant)
        return [
            _wider(dial)
            for dial in dials
            if dial.ready and dial.action in known and not dial.braked and _next(dial) is not None
        ]

    # ---- limits --------------------------------------------------------------------------------

    async def _limits(
        self, tenant: Tenant, since: datetime, actions: Sequence[Action]
    ) -> Sequence[SuggestionView]:
        _, read = await self._analysis.draft()
        bare = {
            action.name: action
            for action in actions
            if action.effect in (Effect.MONEY_OUT, Effect.CREDIT) and not read.limits.counts(action)
        }
        if not bare:
            return []

        def work(reader: Reader) -> dict[tuple[str, str], dict[date, int]]:
            days: dict[tuple[str, str], dict[date, int]] = {}
            for row in _pages(reader, "report.actions", tenant, to_micros(since)):
                minor, currency = (
                    integer_or_none(row, "amount_minor"),
                    text_or_none(row, "currency"),
                )
                if text(row, "name") in bare and text(row, "status") == "succeeded" and minor:
                    moved = days.setdefault((text(row, "name"), str(currency)), {})
                    day = read.calendar.local(from_micros(integer(row, "updated_at"))).date()
                    moved[day] = moved.get(day, 0) + minor
            return days

        days = await self._container.store.read(work)
        texts = self._workspace.policy_texts()
        name = next((one for one in texts if one.endswith("limits.toml")), "policies/limits.toml")
        return [
            _limit(action, currency, moved, name, texts.get(name, ""))
            for (action, currency), moved in sorted(days.items())
            if len(moved) >= LEAST_DAYS
        ]


def _pages(reader: Reader, name: str, tenant: Tenant, since: int) -> Iterator[Row]:
    after = ""
    while True:
        rows = reader.all(name, tenant=tenant, after=after, since=since, limit=PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        after = text(rows[-1], "id")


def _declined(reader: Reader, today: date) -> frozenset[str]:
    found: set[str] = set()
    for row in reader.all("policy.declined"):
        _, suggestion, day = text(row, "key").split("/")
        if today - date.fromisoformat(day) < DECLINED_FOR:
            found.add(suggestion)
    return frozenset(found)


def _decided(row: Row, edited: frozenset[str]) -> tuple[str, Decided | None]:
    from sayso.actions.policy.suggest import Decided

    stored = text_or_none(row, "snapshot")
    snapshot: dict[str, object] = orjson.loads(stored) if stored else {}
    question = cast("Mapping[str, int | str | bool] | None", snapshot.get("question"))
    if question is None:
        return text(row, "name"), None
    return text(row, "name"), Decided(
        id=text(row, "id"),
        customer=text(row, "subject_id"),
        question=question,
        said=what_people_said(row, edited),
        took=integer(row, "decided_at") - integer(row, "asked_at"),
        people=frozenset({text(row, "one"), text(row, "another")}),
    )


def _others(found: Suggestion, others: int) -> str:
    if not others:
        return "nobody decided otherwise"
    less = sum(one.said == "less" for one in found.others)
    return f"of the other {others}: {less} were less, {others - less} no"


def _newly(played: BacktestView) -> Iterator[str]:
    yield (
        f"of the last 90 days, {played.newly:,} more would be done at once; people had said"
        f" yes, unchanged {played.newly_yes:,}; less {played.newly_less:,}; no {played.newly_no:,};"
        f" nobody had decided {played.newly_undecided:,}"
    )
    yield f"{played.checked:,} asked of the policy itself, 0 differences"


def _next(dial: DialView) -> tuple[Stage, int] | None:
    """The next step to the right: nothing jumps from shadow to everybody."""
    if dial.stage is not Stage.AUTO:
        return Stage.AUTO, _SHARES[0]
    share = next((one for one in _SHARES if one > dial.share), None)
    return None if share is None else (Stage.AUTO, share)


def _wider(dial: DialView) -> SuggestionView:
    step = _next(dial)
    assert step is not None, "only of what can go further"
    stage, share = step
    other = "" if share == _SHARES[-1] else " --else suggest"
    return SuggestionView(
        id=f"dial_{dial.id}_{share}",
        kind="dial",
        action=dial.action,
        sentence=f"{dial.say}: {stage} for {share} % of customers, now {dial.stage}"
        f" for {dial.share:g} %",
        figures=(
            f"people did the same as shadow in {dial.agreement.words}",
            _otherwise(dial.agreement),
            f"wrong: {dial.wrong} of {dial.done} in 30 days",
        ),
        files={},
        next_step=f"sayso rollout set {dial.id} {stage} --share {share}{other}",
    )


def _otherwise(found: AgreementView) -> str:
    return (
        f"less {found.less}, more {found.more}, other {found.other}, nothing {found.nothing};"
        f" unseen, in no share, {found.unseen}"
    )


def _limit(
    action: str, currency: str, days: Mapping[date, int], name: str, present: str
) -> SuggestionView:
    highest = max(days.values())
    places = exponent_of(currency)
    major = (Decimal(highest) * _ROOM).scaleb(-places)
    digits = max(0, major.adjusted() - 1)
    cap = (major / 10**digits).to_integral_value(ROUND_UP) * 10**digits
    limit = f"{action.replace('.', '-').replace('_', '-')}-day"
    text_of = (
        f'\n[[limit]]\nid     = "{limit}"\n'
        f'say    = "At most {cap:,} {currency} a day by {action}"\n'
        f'of     = "workspace"\naction = "{action}"\nsum    = {{ {currency} = {cap} }}\n'
        'per    = "day"\n'
    )
    return SuggestionView(
        id=f"limit_{limit}_{currency.lower()}",
        kind="limit",
        action=action,
        sentence=f"{action} has no limit; the fullest of {len(days)} days had"
        f" {Money(highest, currency)}, so at most {cap:,} {currency} a day",
        figures=(
            f"it would have stopped 0 of these {len(days)} days; nobody can approve beyond it",
        ),
        files={name: f"{present.rstrip()}\n{text_of}" if present else text_of.lstrip()},
        next_step=f"sayso policy suggest --write limit_{limit}_{currency.lower()}",
    )
