"""`sayso.suggestions`: drafts from what people decided; a person looks, and puts them in force."""

from __future__ import annotations

import asyncio
import builtins
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import orjson

from sayso.actions.model.definition import Action, Effect
from sayso.actions.rollout.agreement import wilson
from sayso.actions.rollout.definition import Stage
from sayso.audit.entry import StoredEntry
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant, from_micros, to_micros
from sayso.sdk.resources.analysis import AnalysisResource
from sayso.sdk.resources.backtesting import what_people_said
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.policy import PolicyResource
from sayso.sdk.resources.report import edited_actions
from sayso.sdk.resources.rollout import RolloutResource
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.suggestion import (
    Fullest,
    SuggestionView,
    back,
    first_limit,
    lower,
    newly_words,
    next_step_of,
    others_words,
    share_words,
    why,
    wider,
)
from sayso.sdk.wiring.policy_in_force import weigh_change
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, Row, integer, integer_or_none, text, text_or_none

if TYPE_CHECKING:
    from sayso.actions.policy.suggest import (  # brings Cedar along
        DecidedCard,
        Done,
        Suggestion,
        Tightening,
    )
    from sayso.sdk.container import Container

PAGE = 1_000
LOOK_BACK = timedelta(days=90)
DECLINED_FOR = timedelta(days=90)
"""A no to a suggestion is kept so long."""
LEAST_DAYS = 30
"""A limit is suggested from so many days on which something was done."""
_OLD = timedelta(days=60)
"""What is younger cannot be said to be right yet: disputes come late."""
_NO = "suggestion_no/"
_MOST_CASES = 5


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
        self._policy = PolicyResource(container, workspace)
        self._analysis = analysis
        self._rollout = rollout

    async def list(self, *, tenant: str | None = None) -> list[SuggestionView]:
        """What the last 90 days suggest, tighter first; each is in its direction by the search.

        At most one rule of each sort for an action, and one change of a dial or a limit.

        Raises:
            ConfigError: `invalid_policy`, where the files cannot be read.
        """
        where = self._tenant(tenant)
        now = self._container.clock.now()
        declined = await self._container.store.read(lambda reader: _declined(reader, now.date()))
        kinds = await self._container.action_catalog.read()
        since = now - LOOK_BACK
        done = await self._done(where, since)
        found = [
            *await self._tighter_rules(where, since, kinds.actions, done, declined),
            *await self._lower_limits(where, since),
            *await self._limits(where, since, kinds.actions),
            *await self._dials(where, kinds.actions, done),
            *await self._rules(where, since, kinds.actions, declined),
        ]
        return [one for one in found if one.id not in declined and await self._is_as_said(one)]

    async def _is_as_said(self, view: SuggestionView) -> bool:
        """Whether the search says the same of its direction, against what is in force."""
        state = await self._policy.state()
        if state.document is None:
            return True
        kinds = await self._container.action_catalog.read()
        files = {**state.document.files, **view.files}
        draft = replace(state.document, files=files)
        try:
            weighed, _ = await asyncio.to_thread(weigh_change, state.document, draft, kinds.actions)
        except ConfigError:
            return False  # what is in force has a file of that name that says something else
        return weighed.direction == view.direction

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

    # ---- tighter ---------------------------------------------------------------------------------

    async def _done(self, tenant: Tenant, since: datetime) -> Sequence[tuple[str, str, Done]]:
        """What was done with nobody's yes: action, dial, and what is known of it."""

        def read(reader: Reader) -> Sequence[tuple[str, str, Done]]:
            rows = _pages(reader, "policy.done", tenant, to_micros(since))
            return [one for one in map(_done_at_once, rows) if one is not None]

        return await self._container.store.read(read)

    async def _tighter_rules(
        self,
        tenant: Tenant,
        since: datetime,
        actions: Sequence[Action],
        done: Sequence[tuple[str, str, Done]],
        declined: frozenset[str],
    ) -> Sequence[SuggestionView]:
        from sayso.actions.policy.suggest import suggest_ask, suggest_never  # loads Cedar

        state = await self._policy.state()
        roles = () if state.document is None else state.document.rules.roles
        decided = await self._decided(tenant, since)
        views = builtins.list[SuggestionView]()
        for action in actions:
            cases = decided.get(action.name, [])
            wrong = [one for name, _, one in done if name == action.name]
            never = await asyncio.to_thread(suggest_never, action.name, cases, declined)
            ask = None
            if roles:
                ask = await asyncio.to_thread(suggest_ask, action.name, wrong, roles[0], declined)
            for found in (ask, never):
                if found is not None:
                    views.append(await self._tighter_rule(tenant, since, found))
        return views

    async def _tighter_rule(
        self, tenant: Tenant, since: datetime, found: Tightening
    ) -> SuggestionView:
        name = f"policies/suggested-{found.sort}-{found.action.replace('.', '-')}.toml"
        files = {name: found.table(f"s{found.id.removeprefix('sug_')}")}
        played = await self._analysis.backtest(since=since, given=files, tenant=tenant)
        kind = "cards about" if found.sort == "never" else "times that nobody was asked about"
        ended = "ended with a no" if found.sort == "never" else "something was wrong"
        fewer = (
            f"of the last 90 days, {played.no_longer:,} would not be done at once any more,"
            f" and {max(0, played.now.refused - played.was.refused):,} more would be refused"
        )
        where = f" ({found.say.rpartition(':')[0]})"
        return SuggestionView(
            id=found.id,
            kind="rule",
            direction="tighter",
            action=found.action,
            sentence=f"of {found.of:,} {kind} {found.action}{where}, {len(found.hits):,} {ended}"
            f" ({share_words(len(found.hits), found.of)})",
            figures=(
                *why(found, to_micros(self._container.clock.now() - _OLD)),
                fewer,
                f"{played.checked:,} asked of the policy itself, 0 differences",
            ),
            files=files,
            next_step=f"sayso policy suggest --write {found.id}, then sayso policy diff",
        )

    async def _lower_limits(self, tenant: Tenant, since: datetime) -> Sequence[SuggestionView]:
        """Limits that were in force for long, and of which a tenth was never used."""
        from sayso.actions.policy.reading import calendar_of, limits_of  # loads Cedar

        state = await self._policy.state()
        if state.document is None:
            return ()
        kinds = await self._container.action_catalog.read()
        limits, calendar = limits_of(state.document, kinds.actions)[0], calendar_of(state.document)
        start = to_micros(since)

        def read(reader: Reader) -> dict[str, Fullest]:
            found: dict[str, Fullest] = {}
            # A limit may count all tenants together, and each tenant's log tells of its own.
            for row in reader.all("log.tenants"):
                for entry in _entries(reader, "policy.reserved", Tenant(text(row, "tenant"))):
                    if entry.at_micros < start:
                        continue
                    day = calendar.local(from_micros(entry.at_micros)).date()
                    for said in cast("Sequence[Mapping[str, Any]]", entry.entry.data["limits"]):
                        found.setdefault(str(said["limit"]), Fullest()).add(said, day)
            return found

        used = await self._container.store.read(read)
        texts = self._workspace.policy_texts()
        views = (
            lower(limit, used[limit.id], state.document.files, texts)
            for limit in limits.limits
            if limit.id in used and len(used[limit.id].days) >= LEAST_DAYS
        )
        return [one for one in views if one is not None]

    # ---- rules ---------------------------------------------------------------------------------

    async def _decided(
        self, tenant: Tenant, since: datetime
    ) -> Mapping[str, Sequence[DecidedCard]]:
        def read(reader: Reader) -> Mapping[str, Sequence[DecidedCard]]:
            edited = edited_actions(reader, tenant)
            cases = defaultdict[str, "builtins.list[DecidedCard]"](builtins.list)
            for row in _pages(reader, "policy.decided", tenant, to_micros(since)):
                name, case = _decided(row, edited)
                if case is not None:
                    cases[name].append(case)
            return cases

        return await self._container.store.read(read)

    async def _rules(
        self, tenant: Tenant, since: datetime, actions: Sequence[Action], declined: frozenset[str]
    ) -> Sequence[SuggestionView]:
        from sayso.actions.policy.suggest import may_be_suggested, suggest  # loads Cedar

        cases = await self._decided(tenant, since)
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
        others = len(found.others)
        sentence = (
            f"{found.yes:,} of {found.cards:,} cards about {found.action} "
            f"({found.say[0].lower()}{found.say[1:]}) were approved unchanged"
            f" ({share_words(found.yes, found.cards)})"
        )
        return SuggestionView(
            id=found.id,
            kind="rule",
            direction="looser",
            action=found.action,
            sentence=sentence,
            figures=(others_words(found, others), *newly_words(played)),
            counterexamples=played.cases[:_MOST_CASES],
            files=files,
            next_step=f"sayso policy suggest --write {found.id}, then sayso policy diff",
        )

    # ---- dials ---------------------------------------------------------------------------------

    async def _dials(
        self, tenant: Tenant, actions: Sequence[Action], done: Sequence[tuple[str, str, Done]]
    ) -> Sequence[SuggestionView]:
        from sayso.actions.policy.suggest import LEAST_DONE, REGRET  # loads Cedar

        known = {action.name for action in actions}
        found = builtins.list[SuggestionView]()
        state = await self._policy.state()
        files: Mapping[str, str] = {} if state.document is None else state.document.files
        given = {**files, **self._workspace.policy_texts()}
        for dial in await self._rollout.list(tenant=tenant):
            if dial.action not in known or dial.braked:
                continue
            mine = [one for _, name, one in done if name == dial.id]
            wrong = [one for one in mine if one.wrong]
            low, _ = wilson(len(wrong), len(mine))
            if dial.stage is Stage.AUTO and len(mine) >= LEAST_DONE and low >= REGRET:
                found.append(back(dial, mine, wrong, given))
            elif dial.ready and next_step_of(dial) is not None:
                found.append(wider(dial, given))
        return found

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
            first_limit(action, currency, moved, name, texts.get(name, ""))
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


def _entries(reader: Reader, name: str, tenant: Tenant) -> Iterator[StoredEntry]:
    after = -1
    while True:
        rows = reader.all(name, tenant=tenant, after=after, limit=PAGE)
        for row in rows:
            yield StoredEntry.read(text(row, "body").encode())
        if len(rows) < PAGE:
            return
        after = integer(rows[-1], "seq")


def _declined(reader: Reader, today: date) -> frozenset[str]:
    found: set[str] = set()
    for row in reader.all("policy.declined"):
        _, suggestion, day = text(row, "key").split("/")
        if today - date.fromisoformat(day) < DECLINED_FOR:
            found.add(suggestion)
    return frozenset(found)


def _decided(row: Row, edited: frozenset[str]) -> tuple[str, DecidedCard | None]:
    from sayso.actions.policy.suggest import DecidedCard

    stored = text_or_none(row, "snapshot")
    snapshot: dict[str, object] = orjson.loads(stored) if stored else {}
    question = cast("Mapping[str, int | str | bool] | None", snapshot.get("question"))
    if question is None:
        return text(row, "name"), None
    return text(row, "name"), DecidedCard(
        id=text(row, "id"),
        customer=text(row, "subject_id"),
        question=question,
        said=what_people_said(row, edited),
        took=integer(row, "decided_at") - integer(row, "asked_at"),
        people=frozenset({text(row, "one"), text(row, "another")}),
    )


def _done_at_once(row: Row) -> tuple[str, str, Done] | None:
    from sayso.actions.policy.suggest import Done

    stored, judged = text_or_none(row, "snapshot"), text_or_none(row, "judgement")
    snapshot: dict[str, Any] = orjson.loads(stored) if stored else {}
    judgement: dict[str, Any] = orjson.loads(judged) if judged else {}
    question = snapshot.get("question")
    if question is None or judgement.get("outcome") != "allow" or judgement.get("with_plan"):
        return None
    found = Done(
        id=text(row, "id"),
        customer=text(row, "subject_id"),
        question=question,
        wrong=text_or_none(row, "how") or "",
        at=integer(row, "created_at"),
    )
    return text(row, "name"), str(judgement.get("dial", "")).partition(".")[2], found
