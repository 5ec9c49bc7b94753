"""`sayso.rollout`: the dials, how often shadow agrees with people, and what was wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

import orjson

from sayso.actions.model.action_row import ActionRow, get_action, read_action
from sayso.actions.model.status import Status
from sayso.actions.policy.active import read_in_force
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.document import PolicyDocument
from sayso.actions.rollout.agreement import Agreement, Match, ShadowCase, agreement_of
from sayso.actions.rollout.checks import braked_dials
from sayso.actions.rollout.definition import ALL, Dial, Rollout, Stage
from sayso.actions.rollout.file import change_dial
from sayso.actions.rollout.shadow import WINDOW_MICROS, match_of
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, RefusedError, RetryableError
from sayso.ids import Tenant, from_micros, to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.policy import ActivationView, PolicyResource
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, Transaction, integer, integer_or_none, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container

PAGE = 500
How = Literal["reversed", "disputed", "mistaken"]
_DAY = 24 * 3600 * 1_000_000
_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="rollout")


class AgreementView(View):
    """How often people did exactly what shadow would have done.

    Attributes:
        same, counted: the share's two numbers. unseen: beside them, in no share.
        low, high: between which percents the true share lies, with 95 % confidence.
        words: the same, for a person. missing: what keeps it from being ready to widen.
    """

    same: int
    less: int
    more: int
    other: int
    nothing: int
    unseen: int
    counted: int
    low: int
    high: int
    words: str
    missing: tuple[str, ...]


class DialView(View):
    """A dial in force.

    Attributes:
        share: of customers, in percent. braked: it went back to `suggest` by itself.
        ready: whether enough agree for long enough to widen it; nothing widens by itself.
        wrong: of `done` in 30 days, how many somebody has said were wrong.
    """

    id: str
    say: str
    action: str
    stage: Stage
    otherwise: Stage
    share: float
    until: str | None = None
    braked: bool
    agreement: AgreementView
    ready: bool
    wrong: int
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What was found of every dial.

    Attributes:
        wrong: how many in 30 days. newest_wrong: when the last one was told.
        done: how many in 30 days.
    """

    cases: Mapping[str, Sequence[ShadowCase]]
    wrong: Mapping[str, int]
    newest_wrong: Mapping[str, int]
    done: Mapping[str, int]


class RolloutResource(Resource):
    """`sayso.rollout`."""

    def __init__(self, container: Container, policy: PolicyResource) -> None:
        super().__init__(container)
        self._policy = policy

    async def set(
        self,
        dial: str,
        stage: Stage | str,
        *,
        token: str,
        share: Decimal | None = None,
        otherwise: Stage | str | None = None,
        note: str = "",
        via: str = "sdk",
    ) -> ActivationView:
        """Move a dial of the version in force, as the person whose token this is.

        To the left it is in force at once. To the right it loosens, so that a second person may
        have to confirm it; so does releasing a brake, which this does as well.

        Args:
            share: of customers, in percent. otherwise: the stage of the others, who never go
                further than those whom the dial is about: without it, they are pulled along.

        Raises:
            RefusedError: `not_found`, `invalid_input`, and as `policy.activate`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.set_as(
            dial, stage, holder, share=share, otherwise=otherwise, note=note, via=via
        )

    async def set_as(
        self,
        dial: str,
        stage: Stage | str,
        holder: Token,
        *,
        share: Decimal | None = None,
        otherwise: Stage | str | None = None,
        note: str = "",
        via: str,
    ) -> ActivationView:
        """The same for a person whom the calling surface has authenticated itself."""
        rollout, _ = await self._in_force()

        def work(reader: Reader) -> tuple[PolicyDocument, int | None]:
            return read_in_force(reader)[1], braked_dials(reader, rollout).get(dial)

        document, brake = await self._container.store.read(work)
        wanted, known = _stage(stage), rollout.by_id().get(dial)
        other = None if otherwise is None else _stage(otherwise)
        if other is None and known is not None and known.otherwise.rank > wanted.rank:
            other = wanted
        if other is not None and other.rank > wanted.rank:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"the others would go further (`{other}`) than those of the dial (`{wanted}`)",
                next_step="give the others the same stage, or one to the left of it",
            )
        changed = _changed(
            document,
            lambda content: change_dial(
                content, dial, stage=wanted, share=share, other=other, released=brake
            ),
        )
        said = note or f"dial {dial} to {stage}"
        return await self._policy.put_as(changed, holder, note=said, via=via)

    async def report_wrong(
        self, action_id: str, how: How, *, token: str, via: str = "sdk"
    ) -> DialView | None:
        """Say that something that was done was wrong; the dial that let it through may brake.

        Returns:
            The dial; None where none let it through.

        Raises:
            RefusedError: `not_found`, `wrong_state` for what was not done.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.report_wrong_as(action_id, how, holder)

    async def report_wrong_as(self, action_id: str, how: How, holder: Token) -> DialView | None:
        """The same for a person whom the calling surface has authenticated itself."""
        if how not in ("reversed", "disputed", "mistaken"):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{how[:20]}` is no way to be wrong",
                next_step="say reversed, disputed or mistaken",
            )
        container = self._container
        rollout, _ = await self._in_force()

        def work(tx: Transaction) -> str:
            row = get_action(tx, holder.tenant, action_id)
            if row.status not in (Status.SUCCEEDED, Status.COMPENSATED):
                raise RefusedError(
                    Code.WRONG_STATE,
                    f"`{action_id}` is {row.status}, so nothing was done",
                    next_step="name an action that was done",
                )
            now = to_micros(container.clock.now())
            dial = "" if row.judgement is None else row.judgement.dial.partition(".")[2]
            known = tx.one("rollout.wrong_of_action", tenant=row.tenant, action_id=row.id)
            if known is None:
                entry = Entry(
                    kind=EntryKind.ROLLOUT_WRONG,
                    actor=holder.actor,
                    action=row.id,
                    data={"dial": dial, "how": how, "credential": holder.id},
                )
                seq = container.log.append(tx, row.tenant, entry)
                tx.run(
                    "rollout.wrong",
                    tenant=row.tenant,
                    action_id=row.id,
                    dial=dial,
                    how=how,
                    told_by=holder.holder,
                    told_at=now,
                    last_seq=seq,
                )
                self._brake(tx, rollout, dial, row.tenant, now)
            return dial

        found = await container.store.write(work)
        return next((one for one in await self.list() if one.id == found), None)

    def _brake(
        self, tx: Transaction, rollout: Rollout, name: str, tenant: Tenant, now: int
    ) -> None:
        dial = rollout.by_id().get(name)
        if dial is None or dial.brake is None or name in braked_dials(tx, rollout):
            return
        row = tx.one("rollout.count_wrong", dial=name, since=now - dial.brake.days * _DAY)
        assert row is not None, "an aggregate always has a row"
        wrong = integer(row, "count")
        if wrong < dial.brake.wrong:
            return
        number = dial.released + 1
        data: dict[str, Json] = {"dial": name, "number": number, "wrong": wrong}
        data["days"] = dial.brake.days
        entry = Entry(kind=EntryKind.ROLLOUT_BRAKED, actor=_SYSTEM, data=data)
        seq = self._container.log.append(tx, tenant, entry)
        tx.run("rollout.brake", dial=name, number=number, engaged_at=now, last_seq=seq)

    async def compare(self, *, tenant: str | None = None) -> int:
        """Compare what shadow proposed more than 72 hours ago with what people did; how many.

        Reads the provider, so it is done in the background, each proposal once. What cannot be
        read now is left for the next time.
        """
        where, container = self._tenant(tenant), self._container
        until = to_micros(container.clock.now()) - WINDOW_MICROS
        after, done = "", 0
        while True:
            rows = await container.store.read(
                lambda reader, after=after: reader.all(  # type: ignore[misc]
                    "rollout.to_compare", tenant=where, until=until, after=after, limit=50
                )
            )
            for row in map(read_action, rows):
                done += await self._compare(row)
            if len(rows) < 50:
                return done
            after = text(rows[-1], "id")

    async def _compare(self, row: ActionRow) -> int:
        assert row.judgement is not None, "only of what was judged"
        match, given = Match.UNSEEN, None
        try:
            found = await self._container.connectors.effects_of(
                row.name, row.subject, row.updated_at
            )
            if found is not None:
                match, given = match_of(row, found)
        except RetryableError:
            return 0
        except RefusedError:
            pass  # the customer is not there any more, or was erased here
        await self._container.store.write(
            lambda tx: tx.run(
                "rollout.compared",
                tenant=row.tenant,
                action_id=row.id,
                dial=row.judgement.dial.partition(".")[2] if row.judgement else "",
                **{"class": match.value},
                seen_minor=given,
                compared_at=to_micros(self._container.clock.now()),
            )
        )
        return 1

    async def list(self, *, tenant: str | None = None) -> list[DialView]:
        """The dials in force, in their order, with what was found of each."""
        rollout, calendar = await self._in_force()
        where = self._tenant(tenant)
        if not rollout.dials:
            return []
        now = to_micros(self._container.clock.now())

        def work(reader: Reader) -> list[DialView]:
            braked = frozenset(braked_dials(reader, rollout))
            figures = _figures(reader, where, now, calendar)
            return [_dial_view(dial, figures, braked, now) for dial in rollout.dials]

        return await self._container.store.read(work)

    async def _in_force(self) -> tuple[Rollout, Calendar]:
        from sayso.actions.policy.reading import calendar_of, dials_of  # loads Cedar

        state = await self._policy.state()
        if state.document is None:
            return Rollout(), Calendar()
        kinds = await self._container.action_catalog.read()
        calendar = calendar_of(state.document)
        return dials_of(state.document, kinds.actions, calendar)[0].rollout, calendar


def _figures(reader: Reader, tenant: Tenant, now: int, calendar: Calendar) -> _Figures:
    since = now - 30 * _DAY
    cases: dict[str, list[ShadowCase]] = {}
    for row in _pages(reader, "rollout.comparisons", "action_id", tenant=tenant):
        day = calendar.local(from_micros(integer(row, "created_at"))).date()
        match = Match(text(row, "class"))
        case = ShadowCase(customer=text(row, "subject_id"), day=day, match=match)
        cases.setdefault(text(row, "dial"), []).append(case)
    told = reader.all("rollout.wrong_since", since=since)
    done: Counter[str] = Counter()
    for row in _pages(reader, "rollout.done_since", "id", tenant=tenant, since=since):
        judgement = orjson.loads(text(row, "judgement"))
        done[str(judgement.get("dial", "")).partition(".")[2]] += 1
    return _Figures(
        cases=cases,
        wrong={text(row, "dial"): integer(row, "count") for row in told},
        newest_wrong={text(row, "dial"): integer_or_none(row, "newest") or 0 for row in told},
        done=done,
    )


def _pages(reader: Reader, name: str, key: str, **named: str | int) -> Sequence[Row]:
    found: list[Row] = []
    after = ""
    while True:
        rows = reader.all(name, after=after, limit=PAGE, **named)
        found += rows
        if len(rows) < PAGE:
            return found
        after = text(rows[-1], key)


def _dial_view(dial: Dial, figures: _Figures, braked: frozenset[str], now: int) -> DialView:
    newest = figures.newest_wrong.get(dial.id)
    wrong_since = None if newest is None else timedelta(microseconds=now - newest)
    found = agreement_of(figures.cases.get(dial.id, ()), wrong_since=wrong_since)
    return DialView(
        id=dial.id,
        say=dial.say,
        action=dial.action,
        stage=dial.stage,
        otherwise=dial.otherwise,
        share=dial.share * 100 / ALL,
        until=None if dial.until is None else dial.until.isoformat(),
        braked=dial.id in braked,
        agreement=_agreement_view(found),
        ready=not found.missing,
        wrong=figures.wrong.get(dial.id, 0),
        done=figures.done.get(dial.id, 0),
    )


def _agreement_view(found: Agreement) -> AgreementView:
    counts = {match.value: count for match, count in found.counts.items()}
    return AgreementView(
        **counts,
        counted=found.counted,
        low=found.low,
        high=found.high,
        words=found.words,
        missing=found.missing,
    )


def _stage(given: Stage | str) -> Stage:
    try:
        return Stage(given)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{str(given)[:20]}` is no stage",
            next_step=f"use one of: {', '.join(Stage)}",
        ) from None


def _changed(document: PolicyDocument, change: Callable[[str], str]) -> PolicyDocument:
    files = dict(document.files)
    for name, content in files.items():
        if PurePosixPath(name).name == "rollout.toml":
            files[name] = change(content)
            return replace(document, files=files)
    raise RefusedError(
        Code.NOT_FOUND,
        "there are no dials in force",
        next_step="write policies/rollout.toml, and put it in force with `sayso policy activate`",
    )
