"""`sayso.limits`: the limits in force, how much of each is used, and other caps for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from sayso.actions.limits.definition import PERSONAL, Limit, LimitSet
from sayso.actions.limits.file import change_limit, drop_limit
from sayso.actions.limits.fill import forget
from sayso.actions.limits.invariants import find_problems
from sayso.actions.limits.usage import CARDS
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Action
from sayso.actions.policy.calendar import Calendar
from sayso.audit.authority.state import read_body
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.sdk.resources.base import Resource, page_of
from sayso.sdk.resources.policy import ActivationView, PolicyResource
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.sdk.wiring.policy_in_force import read_state
from sayso.store.base import Reader, Row, Store, integer, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container


HOLDS = (
    "each counter is the sum of its uses, each action has its uses of each limit and no other has"
    " any, no window holds more than its cap but for what came late or was agreed to"
)
"""What holds of the rows of limits where `check` finds nothing."""


class LimitUseView(View):
    """How much of a limit one key uses.

    Attributes:
        whose: the key: a token's holder, a person, a tenant; of a customer or an instrument the
            customer's id as the tenant knows it, empty where it is another tenant's.
        used_minor, cap_minor: in minor units of `currency`; None where it is counted how many.
        held_minor: of it, what is not done yet. used, cap: how many.
    """

    whose: str
    currency: str
    used_minor: int | None = None
    held_minor: int | None = None
    cap_minor: int | None = None
    used: int
    cap: int | None = None

    @property
    def fill(self) -> float:
        """How much of the cap is used: 1.0 is all of it, and 0.0 stands for no cap, too."""
        used, cap = (
            (self.used, self.cap)
            if self.cap_minor is None
            else (self.used_minor or 0, self.cap_minor)
        )
        return used / cap if cap else 0.0


class LimitView(View):
    """A limit in force.

    Attributes:
        action: a name, or an effect such as `money_out`.
        window: such as `today`; `at once` for a limit of open cards.
        counts: whether only what nobody agreed to counts.
        beyond: `refuse`, or the role that is asked.
        sums_minor: caps by currency, in minor units. count, cards: likewise, where it has one.
        uses: the fullest first.
    """

    id: str
    say: str
    of: str
    action: str
    window: str
    counts: Literal["automatic", "all"]
    beyond: str
    across_tenants: bool
    sums_minor: Mapping[str, int]
    count: int | None = None
    cards: int | None = None
    uses: tuple[LimitUseView, ...]


class LimitNewsView(View):
    """A limit that four fifths of, or all of it, is used now.

    Attributes:
        whose: the key; empty for limits of customers and instruments, which are hidden.
        full: whether there is no room left. words: how much is used, as a sentence.
        next_step: what happens beyond it, and what can be done.
    """

    limit: str
    say: str
    whose: str
    full: bool
    words: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _InForce:
    limits: LimitSet
    calendar: Calendar
    tenant: Tenant
    now: int
    size: int


class LimitResource(Resource):
    """`sayso.limits`."""

    def __init__(self, container: Container, policy: PolicyResource) -> None:
        super().__init__(container)
        self._policy = policy

    async def set(
        self,
        limit_id: str,
        *,
        token: str,
        sums: Mapping[str, Decimal] | None = None,
        count: int | None = None,
        cards: int | None = None,
        note: str = "",
        via: str = "sdk",
    ) -> ActivationView:
        """Give a limit of the version in force other caps, as the person whose token this is.

        Lower, it is in force at once. Higher, it loosens, so that a second person may have to
        confirm it. What it counts stays; another measure is another limit, in a draft.

        Args:
            sums: in major units, of currencies that it names; the others stay as they are.
            count, cards: how many, where the limit has such a cap.

        Raises:
            RefusedError: `not_found`, `invalid_input`, and as `policy.activate`.
            ConfigError: `invalid_policy`, for a cap that is none.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.set_as(
            limit_id, holder, sums=sums, count=count, cards=cards, note=note, via=via
        )

    async def set_as(
        self,
        limit_id: str,
        holder: Token,
        *,
        sums: Mapping[str, Decimal] | None = None,
        count: int | None = None,
        cards: int | None = None,
        note: str = "",
        via: str,
    ) -> ActivationView:
        """The same for a person whom the calling surface has authenticated itself."""
        return await self._change(
            limit_id,
            lambda content: change_limit(content, limit_id, sums=sums, count=count, cards=cards),
            holder,
            note or f"limit {limit_id} has another cap",
            via,
        )

    async def drop(
        self, limit_id: str, *, token: str, note: str = "", via: str = "sdk"
    ) -> ActivationView:
        """Take a limit of the version in force away, which loosens.

        Raises:
            RefusedError: `not_found`, and as `policy.activate`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.drop_as(limit_id, holder, note=note, via=via)

    async def drop_as(
        self, limit_id: str, holder: Token, *, note: str = "", via: str
    ) -> ActivationView:
        """The same for a person whom the calling surface has authenticated itself."""
        return await self._change(
            limit_id,
            lambda content: drop_limit(content, limit_id),
            holder,
            note or f"limit {limit_id} is taken away",
            via,
        )

    async def _change(
        self, limit_id: str, change: Callable[[str], str], holder: Token, note: str, via: str
    ) -> ActivationView:
        limits, _ = await self._in_force()
        document = (await self._policy.state()).document
        files = {} if document is None else dict(document.files)
        name = next((one for one in files if PurePosixPath(one).name == "limits.toml"), None)
        if document is None or name is None or limits.get(limit_id) is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"no limit `{limit_id[:40]}` is in force",
                next_step="`sayso limits` lists them; a new one is written in policies/limits.toml",
            )
        changed = replace(document, files={**files, name: change(files[name])})
        return await self._policy.put_as(changed, holder, note=note, via=via)

    async def check(self) -> list[str]:
        """What is wrong with the rows that say how much is used; nothing where all is well."""
        kinds = await self._container.action_catalog.read()
        now = to_micros(self._container.clock.now())
        return (await check_limits(self._container.store, kinds.actions, now))[1]

    async def list(self, *, limit: int = 10, tenant: str | None = None) -> list[LimitView]:
        """The limits in force, each with so many of its fullest keys.

        Raises:
            RefusedError: `invalid_input`.
        """
        limits, calendar = await self._in_force()
        about = _InForce(
            limits=limits,
            calendar=calendar,
            tenant=self._tenant(tenant),
            now=to_micros(self._container.clock.now()),
            size=page_of(limit),
        )
        return await self._container.store.read(
            lambda reader: [_limit_view(reader, one, about) for one in limits.limits]
        )

    async def news(self, seq: int, *, tenant: str | None = None) -> LimitNewsView | None:
        """What the entry `limit.near` at this place of the log tells people.

        Returns:
            None where there is no such entry any more, or no such limit in force.
        """
        limits, calendar = await self._in_force()
        where, now = self._tenant(tenant), to_micros(self._container.clock.now())
        row = await self._container.store.read(
            lambda reader: reader.one("log.bodies", tenant=where, from_seq=seq, limit=1)
        )
        body: dict[str, Any] = {} if row is None else read_body(text(row, "body"))
        if (body.get("seq"), body.get("kind")) != (seq, EntryKind.LIMIT_NEAR.value):
            return None
        limit = limits.get(str(body["data"]["limit"]))
        return None if limit is None else _news(limit, body["data"], calendar, now)

    async def forget(self) -> int:
        """Take away rows of windows that are over; how many."""
        limits, _ = await self._in_force()
        now = to_micros(self._container.clock.now())
        return await self._container.store.write(lambda tx: forget(tx, limits, now))

    async def _in_force(self) -> tuple[LimitSet, Calendar]:
        kinds = await self._container.action_catalog.read()
        return await limits_in_force(self._container.store, kinds.actions)


async def check_limits(
    store: Store, actions: Sequence[Action], now: int
) -> tuple[LimitSet, list[str]]:
    """The limits in force, and what is wrong with their rows.

    Args:
        actions: those of this program. now: microseconds since 1970.
    """
    limits, _ = await limits_in_force(store, actions)
    by_name = {action.name: action for action in actions}
    version = (await read_state(store, None)).version
    since = 0 if version is None else version.activated_at
    return limits, await store.read(
        lambda reader: find_problems(reader, limits, by_name, now, since)
    )


async def limits_in_force(store: Store, actions: Sequence[Action]) -> tuple[LimitSet, Calendar]:
    """The limits of the version in force, and the calendar by which their windows begin."""
    from sayso.actions.policy.reading import calendar_of, limits_of  # loads Cedar

    state = await read_state(store, None)
    if state.document is None:
        return LimitSet(), Calendar()
    return limits_of(state.document, actions)[0], calendar_of(state.document)


def _limit_view(reader: Reader, limit: Limit, about: _InForce) -> LimitView:
    oldest = 0 if limit.window is None else limit.window.oldest(about.now, about.calendar)
    rows = reader.all(
        "limits.counters",
        limit_id=limit.id,
        oldest=oldest,
        owner=about.tenant,
        limit=about.size,
    )
    return LimitView(
        id=limit.id,
        say=limit.say,
        of=limit.of.value,
        action=limit.action,
        window="at once" if limit.window is None else limit.window.words,
        counts="automatic" if limit.automatic else "all",
        beyond=limit.ask[0] if limit.ask else "refuse",
        across_tenants=limit.across,
        sums_minor=limit.sums,
        count=limit.count,
        cards=limit.cards,
        uses=tuple(_use_view(reader, limit, row, about.tenant) for row in rows),
    )


def _use_view(reader: Reader, limit: Limit, row: Row, tenant: Tenant) -> LimitUseView:
    currency = text(row, "currency")
    is_money = currency not in ("", CARDS)
    held = integer(row, "held")
    return LimitUseView(
        whose=_whose(reader, limit, row, tenant),
        currency=currency if is_money else "",
        used_minor=held + integer(row, "settled") if is_money else None,
        held_minor=held if is_money else None,
        cap_minor=limit.sums.get(currency) if is_money else None,
        used=integer(row, "count"),
        cap=None if is_money else limit.cards if currency == CARDS else limit.count,
    )


def _whose(reader: Reader, limit: Limit, row: Row, tenant: Tenant) -> str:
    key = text(row, "key")
    if limit.of not in PERSONAL:
        return key
    newest = reader.one("limits.newest_use", owner=text(row, "tenant"), limit_id=limit.id, key=key)
    if newest is None or text(newest, "home") != tenant:
        return ""
    return get_action(reader, tenant, text(newest, "action_id")).subject.id


def _news(limit: Limit, data: Mapping[str, Any], calendar: Calendar, now: int) -> LimitNewsView:
    used = used_words(
        LimitUseView(
            whose="",
            currency="" if data["cap_minor"] is None else data["currency"],
            used_minor=None if data["cap_minor"] is None else data["used_minor"],
            cap_minor=data["cap_minor"],
            used=data["used_count"],
            cap=data["cap_count"],
        )
    )
    when = "wait now" if limit.window is None else f"are used {limit.window.words}"
    if limit.ask:
        beyond = f"beyond it, {limit.ask[0].replace('_', ' ')} is asked"
    elif limit.window is None:
        beyond = "beyond it nothing more is asked; decide some of what waits"
    else:
        ends = calendar.local(limit.window.ends(now, calendar))
        beyond = f"beyond it nothing is done; some is free again from {ends:%Y-%m-%d %H:%M} on"
    return LimitNewsView(
        limit=limit.id,
        say=limit.say,
        whose=str(data.get("key", "")),
        full=data["full"] is True,
        words=f"{used} {when}",
        next_step=f"{beyond}; `sayso limits` shows all",
    )


def used_words(use: LimitUseView) -> str:
    """How much is used, for a person: `$882.00 of $900.00`, `3 of 20`."""
    if use.used_minor is None:
        return f"{use.used:,}" if use.cap is None else f"{use.used:,} of {use.cap:,}"
    used = Money(use.used_minor, use.currency)
    return str(used) if use.cap_minor is None else f"{used} of {Money(use.cap_minor, use.currency)}"
