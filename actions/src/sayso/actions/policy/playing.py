"""One version at play: its rules, then its dials, then its limits, as each would have stood.

Played are the dials with their shares, and the limits but for those of approvers and on open cards:
nobody knows who would have said yes, or how long a card would have waited. A brake is not pulled,
and accounts that are linked count apart. What people are asked about uses a limit where it was
done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sayso.actions.limits.definition import NO_LIMITS, Limit, LimitSet, Of
from sayso.actions.model.definition import Action
from sayso.actions.policy.analysis.words import missing_of
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.slices import Slice
from sayso.actions.rollout.definition import Stage
from sayso.actions.rollout.dials import Dials, Draw
from sayso.audit.request_digests import ON_A_YES
from sayso.ids import from_micros
from sayso.money import Money

Said = Literal["yes", "less", "no", ""]
"""What people had said: yes unchanged, yes to less, no; empty where nobody was asked or decided."""
PlayedOutcome = Literal["allow", "ask", "hand", "deny", "unknown"]
"""`hand`: a person does it, by a dial; `unknown`: its facts were not recorded."""


@dataclass(frozen=True, slots=True)
class RecordedJudgement:
    """A judgement that stands in the ledger.

    Attributes:
        question: None where it was not recorded.
        at: when it was asked for, in microseconds since 1970.
        asker: whoever asked, or asked for its plan. account: of the provider, without its name.
        done: whether it was done, or may still be. by_person: a person took it from a draft.
    """

    id: str
    action: str
    question: Mapping[str, Value] | None
    said: Said
    at: int = 0
    subject: str = ""
    asker: str = ""
    planner: str = "caller"
    account: str = ""
    payee: str = ""
    amount: Money | None = None
    done: bool = False
    by_person: bool = False


class Ended(NamedTuple):
    """How one ends: by which rules, limits or dials, where these decided."""

    outcome: PlayedOutcome
    by: tuple[str, ...] = ()


class _Meets(NamedTuple):
    """A limit as one meets it; `over` where it is in a currency that the limit does not name."""

    limit: Limit
    place: tuple[str, str, str]
    bucket: int
    oldest: int
    minor: int
    over: bool


@dataclass(kw_only=True)
class VersionAtPlay:
    """A version, and what its limits have counted so far.

    Attributes:
        salt: of the shares of its dials.
    """

    policy: CedarPolicy
    limits: LimitSet = NO_LIMITS
    dials: Dials | None = None
    calendar: Calendar = field(default_factory=Calendar)
    salt: str = ""
    _used: dict[tuple[str, str, str], dict[int, list[int]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def play(self, one: RecordedJudgement) -> Ended:
        """How it ends; counts in the limits what it uses of them."""
        ended = self._staged(one, Ended(rules_say(self.policy, one)))
        mine = self.policy.slice(one.action)
        if ended.outcome == "deny" and mine is not None and mine.guess is not None:
            assert one.question is not None, "or nobody could say"
            return Ended("deny", _forbids(mine, one.question))
        if mine is None or ended.outcome not in ("allow", "ask"):
            return ended
        return self._limited(one, mine.action, ended)

    def _staged(self, one: RecordedJudgement, ended: Ended) -> Ended:
        if self.dials is None or self.dials.is_open or ended.outcome not in ("allow", "ask"):
            return ended
        assert one.question is not None, "or nobody could say"
        connector = one.action.partition(".")[0]
        draw = Draw(salt=self.salt, customer=f"{connector}|{one.account}|{one.subject}")
        at = from_micros(one.at)
        staged = self.dials.stage_again(one.action, one.question, one.planner, at, lambda: draw)
        stage = staged.stage
        if one.by_person and stage.rank < Stage.SUGGEST.rank:
            stage = Stage.SUGGEST
        if stage is Stage.SUGGEST and not self.dials.roles:
            stage = Stage.OFF
        if stage is Stage.AUTO or (stage is Stage.SUGGEST and ended.outcome == "ask"):
            return ended
        return Ended("ask" if stage is Stage.SUGGEST else "hand", (staged.rule,))

    def _limited(self, one: RecordedJudgement, action: Action, ended: Ended) -> Ended:
        automatic = ended.outcome == "allow"
        met = list(self._meets(one, action, automatic=automatic))
        over = [look.limit for look in met if self._is_over(look)]
        hard = [limit.rule for limit in over if limit.is_hard]
        if hard:
            return Ended("deny", tuple(dict.fromkeys(hard)))
        if automatic and over:
            ended = Ended("ask", tuple(dict.fromkeys(limit.rule for limit in over)))
            met = list(self._meets(one, action, automatic=False))
        if one.done or ended.outcome == "allow":
            self._use(met)
        return ended

    def _meets(
        self, one: RecordedJudgement, action: Action, *, automatic: bool
    ) -> Iterator[_Meets]:
        for limit in self.limits.about(action):
            window = limit.window
            if window is None or limit.of is Of.APPROVER or (limit.automatic and not automatic):
                continue
            bucket = window.bucket(one.at, self.calendar)
            oldest = bucket if window.rolling is None else window.oldest(one.at, self.calendar)
            key = _key(limit, one)
            if limit.sums and one.amount is not None and one.amount.amount_minor > 0:
                currency, minor, unknown = self._in_currency(limit, one.amount, one.at)
                yield _Meets(limit, (limit.id, key, currency), bucket, oldest, minor, unknown)
            if limit.count is not None:
                yield _Meets(limit, (limit.id, key, ""), bucket, oldest, 0, False)

    def _in_currency(self, limit: Limit, amount: Money, at: int) -> tuple[str, int, bool]:
        if not limit.reporting:
            return amount.currency, amount.amount_minor, amount.currency not in limit.sums
        minor = self.limits.rates.convert(amount, limit.reporting, from_micros(at))
        return limit.reporting, minor or 0, minor is None

    def _is_over(self, look: _Meets) -> bool:
        if look.over:
            return True
        buckets = self._used[look.place]
        for old in [one for one in buckets if one < look.oldest]:
            del buckets[old]
        currency = look.place[2]
        if currency:
            used = sum(minor for _, minor in buckets.values())
            return used + look.minor > look.limit.sums[currency]
        assert look.limit.count is not None, "it counts how many"
        return sum(count for count, _ in buckets.values()) + 1 > look.limit.count

    def _use(self, met: list[_Meets]) -> None:
        for look in met:
            if not look.over:
                used = self._used[look.place].setdefault(look.bucket, [0, 0])
                used[0] += 1
                used[1] += look.minor


def rules_say(policy: CedarPolicy, one: RecordedJudgement) -> PlayedOutcome:
    """What the rules alone say; `unknown` where nobody can say."""
    mine = policy.slice(one.action)
    if mine is None or one.question is None or mine.guess is None:
        return "unknown"
    if not mine.form.needs <= one.question.keys():
        return "unknown"  # recorded before there was such a field
    try:
        place = mine.guess.least(one.question)
    except KeyError:  # a fact that was missing
        return _without(mine, one.question)
    return _outcome(mine, place)


def _without(mine: Slice, question: Mapping[str, Value]) -> PlayedOutcome:
    missing, denies = missing_of(mine, question)
    if denies:
        return "deny"
    asked = mine.lacking(missing)
    if asked.guess is None:
        return "unknown"
    try:
        return _outcome(mine, asked.guess.least(question))
    except KeyError:
        return "unknown"


def _outcome(mine: Slice, place: int) -> PlayedOutcome:
    if place < 0:
        return "deny"
    return "ask" if mine.hypotheticals[place] else "allow"


def _forbids(mine: Slice, question: Mapping[str, Value]) -> tuple[str, ...]:
    """The rules that forbid it whoever says yes; empty where no rule allows it."""
    missing, _ = missing_of(mine, question)
    asked = mine.lacking(missing) if missing else mine
    assert mine.guess is not None, "or nobody could say"
    try:
        return () if asked.guess is None else asked.guess.always(question)
    except KeyError:
        return ()


def _key(limit: Limit, one: RecordedJudgement) -> str:
    connector = one.action.partition(".")[0]
    match limit.of:
        case Of.CUSTOMER:
            return f"{connector}|{one.account}|{one.subject}"
        case Of.INSTRUMENT:
            return f"{connector}|{one.account}|{one.payee}"
        case Of.TOKEN:
            return one.asker
        case Of.AGENT:
            return one.planner.removesuffix(ON_A_YES)
        case Of.CONNECTOR:
            return connector
        case Of.TENANT | Of.WORKSPACE | Of.APPROVER:
            return ""
