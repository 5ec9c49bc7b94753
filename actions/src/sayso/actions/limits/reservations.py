"""Limits at work: looked at where something is judged, reserved with what makes it approved.

INVARIANT: each action that is approved, running, unknown or done has one unreleased use of each
limit that counts it, and no other action has one; `unknown` keeps its hold, for however long. A
waiting card holds nothing, or a thousand of them would lock a limit for everybody.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import cast

from sayso.actions.customers.link import LinkEnd
from sayso.actions.limits.by_log import CountersByLog, provider_of
from sayso.actions.limits.definition import Limit, LimitSet, Of
from sayso.actions.limits.following import HOLDING, LimitsFollowing
from sayso.actions.limits.limit_check import LimitCheck, Planned
from sayso.actions.limits.linked import CustomerKeys, with_linked
from sayso.actions.limits.usage import (
    CARDS,
    CounterKey,
    Used,
    Why,
    read_used,
    sum_of,
    uses_of,
)
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Action
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.calendar import Calendar
from sayso.audit.log import AuditLog
from sayso.audit.request_digests import ON_A_YES
from sayso.errors import Code, IntegrityError
from sayso.frozen import quickly_made
from sayso.ids import Tenant, from_micros
from sayso.money import Money
from sayso.store.base import Reader, Transaction, text

EVERY_TENANT = Tenant("*")
SALT = "limit_salt"
"""Under which name a database keeps what hides customers in limits' keys."""
_TENTATIVE = "limits/tentative"


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a limit looks at.

    Attributes:
        limits: of the version in force. calendar: likewise.
        approver: who says yes; empty but for limits of approvers.
        home: the tenant whose log tells of the policy; empty for no policy of any log. None where
            counters are filled, and there is nothing yet that the log would say of them.
        beside: the customer's other accounts, by the links in force.
    """

    limits: LimitSet
    calendar: Calendar
    row: ActionRow
    action: Action
    resolved: Resolved
    now: int
    approver: str = ""
    home: Tenant | None = None
    beside: tuple[LinkEnd, ...] = ()


class LimitReservations:
    """Looks at limits and keeps their rows.

    Args:
        log: is told once when four fifths of a limit are used.
        told: holds each counter against the log; None, and the rows are believed.
    """

    def __init__(self, log: AuditLog | None = None, told: CountersByLog | None = None) -> None:
        self._log = log
        self._told = told
        self._salt: bytes | None = None

    def ahead(self, tx: Transaction) -> None:
        """Say that limits may be looked at next; see `Reader.ahead`."""
        if self._told is not None:
            self._told.ahead(tx)

    # ---- looking -------------------------------------------------------------------------------

    def check(
        self, reader: Reader, about: Circumstances, *, automatic: bool, approver: bool = False
    ) -> list[LimitCheck]:
        """How each limit stands that counts the action.

        Args:
            automatic: whether nobody agrees to it.
            approver: only the limits of approvers, or only the others.
        """
        if about.row.undoes is not None:
            return []  # taking back is never limited
        found: list[LimitCheck] = []
        for limit in about.limits.about(about.action):
            wanted = (limit.of is Of.APPROVER) is approver
            if wanted and limit.cards is None and (automatic or not limit.automatic):
                found += self._counted(reader, about, limit)
        return self._filled(reader, about, found)

    def check_cards(self, reader: Reader, about: Circumstances) -> list[LimitCheck]:
        """How the limits on open cards stand."""
        if about.row.undoes is not None:
            return []  # taking back is never limited
        found = [
            self._named(about, LimitCheck(limit, self._place(reader, about, limit, CARDS)))
            for limit in about.limits.about(about.action)
            if limit.cards is not None
        ]
        looks = self._filled(reader, about, found)
        return [_without_own_cards(reader, about.row, look) for look in looks]

    def _filled(
        self, reader: Reader, about: Circumstances, looks: Sequence[LimitCheck]
    ) -> list[LimitCheck]:
        """The same with what is used by others, stored or judged in this commit.

        Raises:
            IntegrityError: `tampered`, where a counter holds less than its entries say.
        """
        looks = self._with_linked(reader, about, looks)
        rows = iter(
            read_used(reader, [(place, look.oldest) for look in looks for place in look.places])
        )
        by_account = [list(islice(rows, len(look.places))) for look in looks]
        if looks and self._told is not None and about.home is not None and reader.writes:
            self._told.check(cast("Transaction", reader), about, looks, by_account)
        stored = map(sum_of, by_account)
        others = [
            one.check
            for one in _tentative(reader)
            if one.action_id != about.row.id and not one.turned_away
        ]
        found: list[LimitCheck] = []
        for look, used in zip(looks, stored, strict=True):
            for other in others:
                if other.place in look.places and other.bucket >= look.oldest:
                    used = Used(count=used.count + 1, minor=used.minor + other.minor)
            found.append(look._replace(used=used))
        return found

    def _with_linked(
        self, reader: Reader, about: Circumstances, looks: Sequence[LimitCheck]
    ) -> Sequence[LimitCheck]:
        """The same with the counters of the customer's other accounts."""
        if not about.beside:
            return looks
        providers = {provider_of(about)}
        if self._told is not None and reader.writes:
            providers |= self._told.providers(cast("Transaction", reader), about.row.tenant)
        keys = CustomerKeys(providers=providers, hashed=partial(self._hashed, reader))
        return with_linked(reader, about.row.tenant, looks, about.beside, keys)

    def _counted(self, reader: Reader, about: Circumstances, limit: Limit) -> Iterator[LimitCheck]:
        """What the action would use of a limit, before anybody has looked how much is used."""
        assert limit.window is not None, "only of what counts over a time"
        bucket = limit.window.bucket(about.now, about.calendar)
        is_rolling = limit.window.rolling is not None
        oldest = limit.window.oldest(about.now, about.calendar) if is_rolling else bucket
        amount = about.resolved.amount
        if limit.sums and amount is not None and amount.amount_minor > 0:
            currency, minor, unknown = _in_currency(about, limit, amount)
            place = self._place(reader, about, limit, currency)
            yield self._named(about, LimitCheck(limit, place, bucket, oldest, minor, unknown))
        if limit.count is not None:
            place = self._place(reader, about, limit, "")
            yield self._named(about, LimitCheck(limit, place, bucket, oldest))

    def _named(self, about: Circumstances, look: LimitCheck) -> LimitCheck:
        """The same with the log's own name of the counter, where the entry must not say its key."""
        if self._told is None or look.limit.of is not Of.INSTRUMENT:
            return look
        return look._replace(counter=self._told.counter(about, look))

    def _place(
        self, reader: Reader, about: Circumstances, limit: Limit, currency: str
    ) -> CounterKey:
        owner = EVERY_TENANT if limit.across else about.row.tenant
        return CounterKey(owner, limit.id, self._key(reader, about, limit), currency)

    def _key(self, reader: Reader, about: Circumstances, limit: Limit) -> str:
        row = about.row
        match limit.of:
            case Of.CUSTOMER:
                return self._hashed(reader, f"{provider_of(about)}|{row.subject.id}")
            case Of.INSTRUMENT:
                return self._hashed(reader, f"{provider_of(about)}|{about.resolved.payee}")
            case Of.TOKEN:
                return _asker(reader, row)
            case Of.APPROVER:
                return about.approver
            case Of.AGENT:
                return row.planner.removesuffix(ON_A_YES)
            case Of.TENANT:
                return row.tenant
            case Of.CONNECTOR:
                return row.name.partition(".")[0]
            case Of.WORKSPACE:
                return "*"

    def _hashed(self, reader: Reader, key: str) -> str:
        """A key that tells of nobody who does not know it and the database's salt."""
        if self._salt is None:
            found = reader.one("log.meta", key=SALT)
            if found is None:
                raise IntegrityError(
                    Code.TAMPERED,
                    "the salt that hides customers in limits is gone",
                    next_step="restore the database from a backup",
                )
            self._salt = bytes.fromhex(text(found, "value"))
        return hmac.new(self._salt, key.encode(), hashlib.sha256).hexdigest()[:32]

    # ---- following each action -----------------------------------------------------------------

    def plan(
        self,
        tx: Reader,
        action_id: str,
        looks: Sequence[tuple[LimitCheck, Why]],
        turned_away: Sequence[LimitCheck] = (),
    ) -> None:
        """Note what an action will reserve, for `follow`, and for others that are judged before.

        Args:
            turned_away: limits that had no room for it, of which people may have to be told.

        INVARIANT: what is judged in one transaction counts before it is stored, so that three steps
        of a plan are looked at as three.
        """
        remember = getattr(tx, "remember", None)  # whoever only looks reserves nothing
        if callable(remember):
            others = tuple(one for one in _tentative(tx) if one.action_id != action_id)
            mine = (Planned(action_id, look, why) for look, why in looks)
            away = (Planned(action_id, look, turned_away=True) for look in turned_away)
            remember(_TENTATIVE, (*others, *mine, *away))

    def follow(
        self, tx: Transaction, was: ActionRow | None, now: ActionRow
    ) -> LimitsFollowing | None:
        """What a change of an action does to its uses; None when nothing does.

        Args:
            was: None for a new action. now: as it will be stored.
        """
        planned = tuple(one for one in _tentative(tx) if one.action_id == now.id)
        if planned:
            self.plan(tx, now.id, ())
        before = None if was is None else was.status
        holds = was is not None and was.judgement is not None and was.judgement.holds
        late = (
            now.status is Status.SUCCEEDED
            and before not in HOLDING | {Status.SUCCEEDED}
            and now.call_key is not None
        )
        came_back = before is Status.SUCCEEDED and now.status is not Status.SUCCEEDED
        if not planned and not holds and not late and not came_back:
            return None
        known = uses_of(tx, now.tenant, now.id) if was is not None else []
        return LimitsFollowing(
            row=now, was=before, known=tuple(known), planned=planned, log=self._log
        )


def _without_own_cards(reader: Reader, row: ActionRow, look: LimitCheck) -> LimitCheck:
    """The same without the action's own card, which is about to be asked about anew."""
    if row.judgement is None or not row.judgement.holds:
        return look
    uses = uses_of(reader, row.tenant, row.id)
    own = sum(use.count for _, use in uses if use.place == look.place and use.state == "held")
    return look._replace(used=Used(count=look.used.count - own, minor=0))


def _tentative(reader: Reader) -> tuple[Planned, ...]:
    recall = getattr(reader, "recall", None)
    found = recall(_TENTATIVE) if callable(recall) else None
    return cast("tuple[Planned, ...]", found) if isinstance(found, tuple) else ()


def _asker(reader: Reader, row: ActionRow) -> str:
    """Who asked: for a step of a plan, whoever asked for the plan."""
    if row.request_id is None:
        return row.requester
    found = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
    return row.requester if found is None else text(found, "requester")


def _in_currency(about: Circumstances, limit: Limit, amount: Money) -> tuple[str, int, bool]:
    """The currency that is counted in, the amount in it, and whether that is not known."""
    if limit.reporting:
        minor = about.limits.rates.convert(amount, limit.reporting, from_micros(about.now))
        return limit.reporting, 0 if minor is None else minor, minor is None
    return amount.currency, amount.amount_minor, amount.currency not in limit.sums
