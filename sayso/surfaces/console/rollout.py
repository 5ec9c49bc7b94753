"""The dials and the limits on the policy page: how far each goes, and the forms that move it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from starlette.responses import Response

from sayso.actions.rollout.definition import Stage
from sayso.errors import Code, ConfigError, RefusedError
from sayso.money import Money
from sayso.sdk.resources.limits import LimitUseView, LimitView
from sayso.sdk.resources.rollout import DialView, How
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.visit import Visit

SHARES = ("1", "5", "10", "25", "50", "100")
"""Of customers, in percent."""
_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_NEXT = {one: list(Stage)[min(one.rank + 1, len(Stage) - 1)] for one in Stage}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMark:
    """One stage of a dial. `sign`: `on`, `past` before what it is at, or `left` after it."""

    stage: str
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialLine:
    """A dial as the page shows it.

    Attributes:
        marks: the stages from the left. whom: for how many customers, and what the others get.
        next: the stage that it may be widened to, where enough agree; empty otherwise.
    """

    view: DialView
    marks: tuple[StageMark, ...]
    whom: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBar:
    """How full a limit is for one key: `percent` of its room, in words `said`."""

    whose: str
    percent: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit with its fullest keys, and its caps by name, as a form shows them."""

    view: LimitView
    bars: tuple[LimitBar, ...]
    caps: tuple[tuple[str, str], ...]


async def dials_by_action(visit: Visit) -> tuple[tuple[str, tuple[DialLine, ...]], ...]:
    """The dials in force, in their order, under the name of their action."""
    found: dict[str, list[DialLine]] = {}
    for view in await visit.sayso.rollout.list():
        found.setdefault(view.action, []).append(_line(view))
    return tuple((action, tuple(lines)) for action, lines in found.items())


def _line(view: DialView) -> DialLine:
    at = Stage.SUGGEST if view.braked else view.stage
    marks = tuple(
        StageMark(
            stage=one.value,
            sign="on" if one is at else "past" if one.rank < at.rank else "left",
        )
        for one in Stage
    )
    whom = "everybody"
    if view.share < 100:
        whom = f"{view.share:g} % of customers, else {view.otherwise}"
    return DialLine(
        view=view,
        marks=marks,
        whom=whom,
        next=_NEXT[at].value if view.ready and at is not Stage.AUTO else "",
    )


async def limit_lines(visit: Visit) -> tuple[LimitLine, ...]:
    """The limits in force with their three fullest keys."""
    return tuple(
        LimitLine(view=one, bars=_bars(one.uses), caps=tuple(_caps(one)))
        for one in await visit.sayso.limits.list(limit=3)
    )


def _caps(view: LimitView) -> Iterator[tuple[str, str]]:
    for currency, minor in view.sums_minor.items():
        yield currency, f"{Money(minor, currency).decimal:f}"
    for name, cap in (("count", view.count), ("cards", view.cards)):
        if cap is not None:
            yield name, str(cap)


def _bars(uses: Sequence[LimitUseView]) -> tuple[LimitBar, ...]:
    found: list[LimitBar] = []
    for use in uses:
        whose = use.whose or "a customer of another tenant"
        if use.cap_minor is not None and use.used_minor is not None:
            used, cap = use.used_minor, use.cap_minor
            said = f"{Money(used, use.currency)} of {Money(cap, use.currency)}"
        elif use.cap is not None:
            used, cap = use.used, use.cap
            said = f"{used:,} of {cap:,}"
        else:
            continue
        percent = 100 if cap <= 0 else min(100, 100 * used // cap)
        found.append(LimitBar(whose=whose, percent=percent, said=said))
    return tuple(found)


async def move_dial(visit: Visit) -> Response:
    """Move a dial; to the right it waits for a second person, where the policy says so."""
    form = await read_form(visit.request)
    said = form.one("share", "100")
    try:
        share = Decimal(said) if said in SHARES else None
    except InvalidOperation:
        share = None
    if share is None:
        raise RefusedError(
            Code.INVALID_INPUT, "this is no share", next_step=f"choose one of {', '.join(SHARES)}"
        )
    await _check_seen(visit, form)
    activation = await visit.sayso.rollout.set(
        form.one("dial"),
        form.one("stage"),
        otherwise=form.one("else") or None,
        token=visit.request.cookies.get(visit.site.cookie, ""),
        share=share,
        note=form.one("note")[:200],
        via="console",
    )
    return visit.see(f"policy?moved={'waits' if activation.waits is not None else 'now'}#roll-out")


async def _check_seen(visit: Visit, form: Form) -> None:
    """Refuse a form that was made of another version than the one in force.

    Raises:
        RefusedError: `version_moved`.
    """
    state = await visit.sayso.policy.in_force()
    seen = form.one("version")
    if seen and state is not None and seen != str(state.version.version):
        raise RefusedError(
            Code.VERSION_MOVED,
            f"version {state.version.version} came into force since you opened the page",
            next_step="open the policy once more, and see what it says now",
        )


async def report_wrong(visit: Visit) -> Response:
    """Say that what was done was wrong; the dial that let it through may go back by itself."""
    form, name = await read_form(visit.request), visit.request.path_params["id"]
    found = await visit.sayso.rollout.report_wrong(
        name,
        cast("How", form.one("how")),
        token=visit.request.cookies.get(visit.site.cookie, ""),
        via="console",
    )
    if found is None:
        return visit.note("It is noted", "No dial let it through by itself.", kind="ok")
    then = " It went back to asking people." if found.braked else ""
    told = f"{found.wrong:,} of {found.done:,} in 30 days were wrong by “{found.say}”.{then}"
    return visit.note("It is noted", told, kind="ok")


async def set_limit(visit: Visit) -> Response:
    """Give a limit other caps; higher it waits for a second person, where the policy says so."""
    form = await read_form(visit.request)
    await _check_seen(visit, form)
    name = form.one("limit")
    known = next((one for one in await visit.sayso.limits.list(limit=1) if one.id == name), None)
    had = {} if known is None else dict(_caps(known))
    said = {cap: form.one(f"cap-{cap}").strip() for cap in had}
    changed = {cap: text for cap, text in said.items() if text not in ("", had[cap])}
    if not changed or not all(_PLAIN.fullmatch(text) for text in changed.values()):
        raise RefusedError(
            Code.INVALID_INPUT, "these are no other caps", next_step="write such as 600 or 600.50"
        )
    counts = {cap: changed.pop(cap, "") for cap in ("count", "cards")}
    try:
        activation = await visit.sayso.limits.set(
            name,
            token=visit.request.cookies.get(visit.site.cookie, ""),
            sums={cap: Decimal(text) for cap, text in changed.items()} or None,
            count=int(Decimal(counts["count"])) if counts["count"] else None,
            cards=int(Decimal(counts["cards"])) if counts["cards"] else None,
            note=form.one("note")[:200],
            via="console",
        )
    except ConfigError as error:  # what is no cap is whoever wrote it's to mend
        raise RefusedError(Code.INVALID_INPUT, error.message, next_step=error.next_step) from error
    return visit.see(f"policy?moved={'waits' if activation.waits is not None else 'now'}#limits")


async def go_back(visit: Visit) -> Response:
    """Put an earlier version's content in force again, by the rules of any other change."""
    form = await read_form(visit.request)
    said = form.one("version")
    activation = await visit.sayso.policy.rollback(
        int(said) if said.isascii() and said.isdecimal() and len(said) < 7 else 0,
        token=visit.request.cookies.get(visit.site.cookie, ""),
        note=form.one("note")[:200],
        via="console",
    )
    return visit.see(f"policy?moved={'waits' if activation.waits is not None else 'now'}")


async def answer_change(visit: Visit) -> Response:
    """Confirm a change that somebody else asked for, or end it."""
    form, name = await read_form(visit.request), visit.request.path_params["id"]
    token = visit.request.cookies.get(visit.site.cookie, "")
    if form.one("answer") == "confirm":
        sha256 = form.one("sha256")
        await visit.sayso.policy.confirm(name, sha256=sha256, token=token, via="console")
    elif form.one("answer") == "withdraw":
        await visit.sayso.policy.withdraw(name, token=token, via="console")
    else:
        raise RefusedError(
            Code.INVALID_INPUT,
            "a change is signed or ended, and this is neither",
            next_step="open the page once more, and press one of its buttons",
        )
    return visit.see("policy")
