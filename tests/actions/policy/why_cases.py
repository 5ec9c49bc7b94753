"""A whole judgement of rules, limits and dials, and the same after what was said is done."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import cast

from bench.random_policies import AMOUNTS, CURRENCIES, NUMBERS, PLANS, REFUND, ROLES
from sayso.actions.customers.proof import Proof, Reached
from sayso.actions.limits.checks import LimitChecks
from sayso.actions.limits.definition import NO_LIMITS, Limit, LimitSet, Of
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.limits.reservations import Circumstances, LimitReservations
from sayso.actions.limits.usage import CounterKey, Used
from sayso.actions.limits.window import Window
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Assurance, FactValue, Subject
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import (
    Around,
    History,
    Judgement,
    Outcome,
    PolicyQuestion,
    Reason,
    Why,
)
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.tables.rows import NumberIs, RowKind, RuleRow, TextIs
from sayso.actions.rollout.checks import capped, dial_reasons
from sayso.actions.rollout.definition import MODEL, OTHERS, Dial, Rollout, Stage
from sayso.actions.rollout.dials import Dials, Draw, Staged
from sayso.audit.request_digests import ON_A_YES
from sayso.ids import Tenant, to_micros
from sayso.money import Money, exponent_of
from sayso.store.base import Reader

NOON = datetime(2026, 11, 12, 12, 30, tzinfo=UTC)
CALENDAR = Calendar()
NONE: frozenset[str] = frozenset()
READER = cast("Reader", None)
"""Nothing is read: what is used of limits is given."""


class _Row:
    """As much of an action's row as limits look at."""

    id, tenant, undoes, judgement = "act_1", Tenant("acme"), None, None


class StandingLimits(LimitReservations):
    """Limits of which so much is used."""

    def __init__(self, used: Mapping[str, Used]) -> None:
        super().__init__()
        self._used = used

    def check(
        self, reader: Reader, about: Circumstances, *, automatic: bool, approver: bool = False
    ) -> list[LimitCheck]:
        found: list[LimitCheck] = []
        amount = about.resolved.amount
        for limit in about.limits.about(about.action):
            if approver or (limit.automatic and not automatic):
                continue
            if limit.sums and amount is not None:
                place = CounterKey(Tenant("acme"), limit.id, "key", amount.currency)
                look = LimitCheck(
                    limit,
                    place,
                    minor=amount.amount_minor,
                    unknown_currency=amount.currency not in limit.sums,
                )
            else:
                look = LimitCheck(limit, CounterKey(Tenant("acme"), limit.id, "key", ""))
            found.append(look._replace(used=self._used[limit.id]))
        return found

    def check_cards(self, reader: Reader, about: Circumstances) -> list[LimitCheck]:
        return []

    def plan(
        self,
        reader: Reader,
        action_id: str,
        reserving: Sequence[tuple[LimitCheck, str]],
        turned_away: Sequence[LimitCheck] = (),
    ) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What judges: rules, limits and what is used of them, and the roll-out."""

    policy: CedarPolicy
    limits: LimitSet = NO_LIMITS
    used: Mapping[str, Used] = field(default_factory=dict[str, Used])
    dials: Dials

    def judged(self, question: PolicyQuestion) -> Judgement:
        """The whole judgement, in the order of the evaluator."""
        judgement = capped(self.policy.judge(question), self._staged(question), ROLES, 1)
        about = self._about(question)
        return self._checks.judged(READER, about, self.policy, question, judgement)

    def why(self, question: PolicyQuestion, judgement: Judgement) -> Why:
        """Why it asks, likewise."""

        def held(other: PolicyQuestion) -> list[Reason]:
            return dial_reasons(partial(self._staged, other))

        def over(other: PolicyQuestion, *, automatic: bool) -> Sequence[Reason]:
            return self._checks.asking(READER, self._about(other), automatic=automatic)

        around = Around(
            asking=(*over(question, automatic=False), *held(question)),
            then=lambda other: (*over(other, automatic=True), *held(other)),
        )
        return self.policy.why(question, judgement, around)

    @property
    def _checks(self) -> LimitChecks:
        return LimitChecks(StandingLimits(self.used))

    def _staged(self, question: PolicyQuestion, opened: frozenset[str] = NONE) -> Staged:
        draw = Draw(salt="salt", customer=question.subject.id)
        return self.dials.stage(question, lambda: draw, NONE, opened)

    def _about(self, question: PolicyQuestion) -> Circumstances:
        return Circumstances(
            limits=self.limits,
            calendar=CALENDAR,
            row=cast("ActionRow", _Row),
            action=question.action,
            resolved=question.resolved,
            now=to_micros(question.at),
        )

    def without(self, reason: Reason) -> Setting:
        """The same where a limit has room, or a dial holds nothing back."""
        names = set(reason.asking.by)
        if reason.asking.kind == "limit":
            kept = tuple(one for one in self.limits.limits if one.rule not in names)
            return replace(self, limits=LimitSet(limits=kept))
        assert reason.asking.kind == "dial"
        rollout = self.dials.rollout
        opened = tuple(_opened(one) if one.rule in names else one for one in rollout.dials)
        changed = replace(
            rollout,
            dials=opened,
            others=Stage.AUTO if OTHERS in names else rollout.others,
            model=Stage.AUTO if MODEL in names else rollout.model,
        )
        return replace(self, dials=_dials(changed))


@cache
def _dials(rollout: Rollout) -> Dials:
    return Dials(rollout, [REFUND], ROLES, CALENDAR)


def _opened(dial: Dial) -> Dial:
    return replace(dial, stage=Stage.AUTO, otherwise=Stage.AUTO, share=10_000, schedule=())


def done(question: PolicyQuestion, reason: Reason) -> PolicyQuestion:
    """The question with a condition as it is said that it would have to be."""
    now = dict(reason.now)
    if {"hour", "localHour", "weekday"} & now.keys():
        at = next(
            at for at in _hours(question.at) if all(_read(at)[n] == v for n, v in now.items())
        )
        return replace(question, at=at)
    for name, value in sorted(now.items(), key=lambda one: one[0] != "currency"):
        question = _with(question, name, value)
    return question


def unguarded(question: PolicyQuestion) -> PolicyQuestion:
    """The same asked for in the customer's own words, from their own account."""
    planner = question.planner.removesuffix(ON_A_YES)
    resolved, way = question.resolved, question.resolved.reached
    if way is not None and not way.proof.moves_money_alone:
        resolved = replace(resolved, reached=None)
    return replace(question, planner=planner, resolved=resolved)


def _hours(start: datetime) -> Sequence[datetime]:
    return [start + timedelta(hours=hours) for hours in range(24 * 14)]


def _read(at: datetime) -> Mapping[str, object]:
    moment = CALENDAR.moment(at)
    return {
        "hour": at.hour,
        "localHour": moment.hour,
        "weekday": moment.weekday,
        "holiday": moment.holiday,
    }


def _with(question: PolicyQuestion, name: str, value: object) -> PolicyQuestion:
    resolved, history = question.resolved, question.history
    assert resolved.amount is not None
    currency = resolved.amount.currency

    def money(scaled: object) -> Money:
        assert isinstance(scaled, int)
        minor = Decimal(scaled).scaleb(exponent_of(currency) - 4)
        assert minor == minor.to_integral_value(), (name, scaled, currency)
        return Money(int(minor), currency)

    match name, value:
        case "amount", _:
            return replace(question, resolved=replace(resolved, amount=money(value)))
        case "currency", str():
            spent = Money(history.amount_30d_minor, currency)
            facts: dict[str, FactValue] = {
                key: _in(one, value) if isinstance(one, Money) else one
                for key, one in resolved.facts.items()
            }
            changed = replace(resolved, amount=_in(resolved.amount, value), facts=facts)
            before = replace(history, amount_30d_minor=_in(spent, value).amount_minor)
            return replace(question, resolved=changed, history=before)
        case "count30d", int():
            return replace(question, history=replace(history, count_30d=value))
        case "amount30d", _:
            minor = money(value).amount_minor
            return replace(question, history=replace(history, amount_30d_minor=minor))
        case "planner", str():
            return replace(question, planner=value)
        case (("principal.assurance" | "link"), str()):
            return _known(question, name, value)
        case (("plannedByModel" | "verifiedBy"), _):
            return question  # what it is told by was changed with it
        case "charge_amount", _:
            told = {**resolved.facts, name: money(value)}
            return replace(question, resolved=replace(resolved, facts=told))
        case _, int() | str():
            told = {**resolved.facts, name: value}
            return replace(question, resolved=replace(resolved, facts=told))
        case _:
            raise AssertionError(name)


def _known(question: PolicyQuestion, name: str, value: str) -> PolicyQuestion:
    """The same with its customer otherwise known."""
    resolved = question.resolved
    if name != "link":
        return replace(question, subject=replace(question.subject, assurance=Assurance(value)))
    if value == "own":
        return replace(question, resolved=replace(resolved, reached=None))
    assert resolved.reached is not None
    assert resolved.reached.proof == value, "nothing better was needed"
    return question


def _in(money: Money, currency: str) -> Money:
    return Money(int(money.decimal.scaleb(exponent_of(currency))), currency)


# ---- what is judged ------------------------------------------------------------------------------


@dataclass(slots=True)
class Settings:
    """Makes random limits, dials and questions; the same seed makes the same ones."""

    dice: random.Random

    def rules(self) -> str:
        """Rules as people write them: some by themselves, more with people, and what asks."""
        dice = self.dice

        def part() -> str:
            return dice.choice(
                (
                    f"context.tenure_days > {dice.choice(NUMBERS)}",
                    f"context.charge_age_days <= {dice.choice(NUMBERS)}",
                    f"context.count30d < {dice.choice((1, 2, 3))}",
                    'context.amount30d.lessThan(decimal("75.00"))',
                    "!context.full",
                    "context.vip",
                    'context.plan == "pro"',
                    'context.reason != "fraudulent"',
                    "context.localHour >= 8 && context.localHour < 18",
                    '!["sat", "sun"].contains(context.weekday)',
                    'principal.assurance == "signed_in"',
                    'context.link == "own"',
                    'context.planner == "caller"',
                    "!context.plannedByModel",
                    '["USD", "EUR", "GBP"].contains(context.currency)',
                    'context.charge_amount.lessThanOrEqual(decimal("75.00"))',
                )
            )

        def up_to(amount: str) -> str:
            return f'context.amount.lessThanOrEqual(decimal("{amount}"))'

        manager, two = (
            'context.approvedBy.contains("support_manager")',
            'context.approvals >= 2 && context.approvedBy.contains("finance")',
        )
        permits = [
            *(" && ".join((up_to(dice.choice(AMOUNTS[1:4])), part(), part())) for _ in range(2)),
            f"{manager} && {up_to('75.00')}",
            two,
        ]
        kept = permits[dice.choice((0, 0, 0, 2)) :]
        lines = [f"permit (HEAD) when {{ {one} }};" for one in kept]
        lines += [
            f"forbid (HEAD) when {{ !({part()}) }} unless {{ {dice.choice((manager, two))} }};"
            for _ in range(dice.choice((0, 1, 2)))
        ]
        head = 'principal, action == Action::"shop.refund", resource'
        return "\n".join(
            f'@id("r{place}") @explain("rule {place}") {line.replace("HEAD", head)}'
            for place, line in enumerate(lines)
        )

    def limits(self) -> tuple[LimitSet, dict[str, Used]]:
        """Up to two limits, mostly soft, and what is used of each."""
        limits: list[Limit] = []
        used: dict[str, Used] = {}
        for name in ("daily", "often")[: self.dice.choice((0, 0, 0, 1, 2))]:
            sums = {"USD": 60_000, "EUR": 60_000} if name == "daily" else {}
            limits.append(
                Limit(
                    id=name,
                    say=f"The limit {name}",
                    of=Of.CUSTOMER,
                    action=REFUND.name,
                    sums=sums,
                    count=None if sums else 3,
                    window=Window(per="day"),
                    automatic=self.dice.random() < 0.5,
                    ask=() if self.dice.random() < 0.2 else (self.dice.choice(ROLES),),
                )
            )
            used[name] = Used(
                count=self.dice.choice((0, 2, 3)), minor=self.dice.choice((0, 55_000, 60_000))
            )
        return LimitSet(limits=tuple(limits)), used

    def dials(self) -> Dials:
        """Up to two dials, and how far all others go."""
        dials: list[Dial] = []
        for name in ("first", "second")[: self.dice.choice((0, 0, 0, 1, 2))]:
            condition = self.dice.choice(
                (
                    NumberIs("tenure_days", (("over", self.dice.choice(NUMBERS)),)),
                    TextIs("currency", ("USD", "EUR")),
                    NumberIs("count30d", (("up_to", 2),)),
                )
            )
            row = RuleRow(
                sort=RowKind.ALLOW, id=f"rollout.{name}", say=name, conditions=(condition,)
            )
            schedule = (NumberIs("hour", (("under", 13),)),) if self.dice.random() < 0.3 else ()
            dials.append(
                Dial(
                    id=name,
                    say=f"The dial {name}",
                    action=REFUND.name,
                    segment=row,
                    stage=self.dice.choice((Stage.SUGGEST, Stage.AUTO, Stage.AUTO)),
                    otherwise=self.dice.choice((Stage.OFF, Stage.SUGGEST)),
                    schedule=schedule,
                )
            )
        others, model = (
            Stage.SUGGEST if self.dice.random() < 0.1 else Stage.AUTO for _ in range(2)
        )
        rollout = Rollout(dials=tuple(dials), others=others, model=model)
        return _dials(rollout)

    def question(self) -> PolicyQuestion:
        """A question about a refund, mostly at the bounds that rules have."""
        dice = self.dice
        currency = dice.choice(CURRENCIES)

        def money(least: int) -> Money:
            number = Decimal(dice.choice(AMOUNTS)).quantize(
                Decimal(1).scaleb(-exponent_of(currency))
            )
            minor = int(number.scaleb(exponent_of(currency))) + dice.choice((-1, 0, 1))
            return Money(max(least, minor), currency)

        def number() -> int:
            return max(0, dice.choice(NUMBERS) + dice.choice((-1, 0, 1)))

        facts: dict[str, FactValue] = {
            "tenure_days": number(),
            "charge_age_days": number(),
            "full": dice.random() < 0.5,
            "vip": dice.random() < 0.5,
            "plan": dice.choice(PLANS),
            "reason": dice.choice(("", "fraudulent", "duplicate", "broken")),
            "charge_amount": money(0),
        }
        for name in ("vip", "plan"):
            if dice.random() < 0.1:
                del facts[name]
        count = number() % 5
        reached = Reached(links=("lnk_1",), proof=dice.choice((Proof.EMAIL, Proof.RECORD)))
        return PolicyQuestion(
            tenant="acme",
            action=REFUND,
            subject=Subject(
                id="cus_1", assurance=dice.choice((Assurance.SIGNED_IN, Assurance.VERIFIED))
            ),
            resolved=Resolved(
                args={},
                object_kind="charge",
                object_id="ch_1",
                owner="cus_1",
                owner_proof="charge.customer",
                account="acct_1",
                payee="the card that paid",
                amount=money(1),
                facts=facts,
                reached=reached if dice.random() < 0.1 else None,
            ),
            history=History(
                count_30d=count, amount_30d_minor=money(0).amount_minor if count else 0
            ),
            planner=dice.choice(("caller", "caller", "playbook", "model:gpt"))
            + (ON_A_YES if dice.random() < 0.05 else ""),
            at=NOON + timedelta(hours=dice.randrange(24 * 7)),
        )


def is_let_go(judgement: Judgement) -> bool:
    """Whether nobody is asked."""
    return judgement.outcome is Outcome.ALLOW
