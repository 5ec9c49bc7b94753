"""Reads `limits.toml`, and changes a limit in it, leaving the rest as people wrote it.

What is wrong with a limit is said by its id, with what to write instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayso.actions.limits.definition import EFFECTS, EVERY, Limit, Of
from sayso.actions.limits.window import Window, read_rolling
from sayso.actions.model.definition import Action
from sayso.actions.policy.problem import PolicyProblem, WrongError, no_action, read_rows
from sayso.errors import Code, RefusedError
from sayso.money import exponent_of
from sayso.toml import did_you_mean, read_table

_LIMIT = re.compile(r"^(?:[ \t]*#[^\n]*\n)*[ \t]*\[\[\s*limit\s*\]\]", re.MULTILINE)
"""Where a limit begins: with what is said right above it, which goes where it goes."""
_CARDS_OF = {Of.CUSTOMER, Of.TOKEN}


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ask: str


class _Row(BaseModel):
    """A limit as it stands in the file."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    say: Annotated[str, Field(min_length=1, max_length=300)]
    of: Of
    action: str = ""
    effect: str = ""
    sum: Mapping[str, int | Decimal] = Field(default_factory=dict)
    count: Annotated[int, Field(ge=1, le=10**9)] | None = None
    cards: Annotated[int, Field(ge=1, le=10**6)] | None = None
    per: Literal["hour", "day", "month"] | None = None
    rolling: str | None = None
    counts: Literal["automatic", "all"] = "all"
    then: Literal["refuse"] | _Ask = "refuse"
    across: Literal["tenants"] | None = None
    reporting: str = ""


def read_limits(
    file: str, text: str, actions: Sequence[Action], roles: Sequence[str]
) -> tuple[list[Limit], list[PolicyProblem]]:
    """Read limits and check each.

    Returns:
        Those that are right, and what is wrong with the others.
    """
    try:
        values = read_rows(text)
    except WrongError as error:
        return [], [error.problem(file, text)]
    limits: list[Limit] = []
    problems: list[PolicyProblem] = []
    for key in values.keys() - {"limit"}:
        wrong = WrongError(f"`{key[:40]}` means nothing here", "write each limit as [[limit]]")
        problems.append(wrong.problem(file, text))
    given = values.get("limit", [])
    for table in cast("list[object]", given) if isinstance(given, list) else [given]:
        row = cast("dict[str, object]", table) if isinstance(table, dict) else {}
        name = str(row.get("id", ""))
        try:
            limit = _limit(_parse(row), actions, roles)
            if any(one.id == limit.id for one in limits):
                raise WrongError(f"a second limit with the id `{limit.id}`", "choose another id")
            limits.append(limit)
        except WrongError as error:
            error.row = name
            problems.append(error.problem(file, text))
    return limits, problems


def _parse(row: Mapping[str, object]) -> _Row:
    try:
        return _Row.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "limit"
        if first["type"] == "extra_forbidden":
            step = did_you_mean(name, _Row.model_fields) or "remove it"
            raise WrongError(f"a limit has no `{name[:40]}`", step) from None
        step = f"correct `{name}`; see docs/how-to/limit-what-is-done.md"
        raise WrongError(f"`{name}`: {str(first['msg']).lower()}", step) from None


def _limit(row: _Row, actions: Sequence[Action], roles: Sequence[str]) -> Limit:
    _check_measure(row)
    return Limit(
        id=row.id,
        say=row.say.strip(),
        of=row.of,
        action=_counted(row, actions),
        sums={currency: _minor(amount, currency) for currency, amount in row.sum.items()},
        count=row.count,
        cards=row.cards,
        window=_window(row),
        automatic=row.counts == "automatic",
        ask=_ask(row, roles),
        across=row.across == "tenants" or row.of is Of.WORKSPACE,
        reporting=_reporting(row),
    )


def _check_measure(row: _Row) -> None:
    measured = bool(row.sum) or row.count is not None
    if row.cards is None and not measured:
        raise WrongError("it limits nothing", "add sum = { USD = 900 }, count = 20 or cards = 20")
    if row.cards is not None and (measured or row.per or row.rolling):
        raise WrongError("`cards` counts what waits now", "leave `sum`, `count` and `per` out")
    if row.cards is not None and row.of not in _CARDS_OF:
        raise WrongError(f"`cards` of `{row.of}`", "cards are of a customer or a token")
    if row.cards is not None and row.then != "refuse":
        raise WrongError("beyond `cards` nobody can be asked", 'write then = "refuse"')
    if row.of is Of.APPROVER and row.counts == "automatic":
        raise WrongError("what is automatic has no approver", 'write counts = "all"')


def _counted(row: _Row, actions: Sequence[Action]) -> str:
    if row.cards is not None and not row.action and not row.effect:
        return EVERY
    if bool(row.action) == bool(row.effect):
        raise WrongError("of what?", 'write action = "stripe.refund" or effect = "money_out"')
    known = EFFECTS if row.effect else {action.name for action in actions}
    name = row.effect or row.action
    if name not in known:
        listed = f"use one of: {', '.join(sorted(known))}"
        if not row.effect:
            raise WrongError(*no_action(name, known, listed))
        step = did_you_mean(name, known) or listed
        raise WrongError(f"there is no effect `{name[:60]}`", step)
    return name


def _window(row: _Row) -> Window | None:
    if row.cards is not None:
        return None
    if (row.per is None) == (row.rolling is None):
        raise WrongError("in which time?", 'write per = "day" or rolling = "30d"')
    if row.rolling is None:
        return Window(per=row.per)
    length = read_rolling(row.rolling)
    if length is None:
        raise WrongError(f"`{row.rolling[:20]}` is no time", "write such as 90m, 24h or 30d")
    return Window(rolling=length)


def _ask(row: _Row, roles: Sequence[str]) -> tuple[str, ...]:
    if row.then == "refuse":
        return ()
    role = row.then.ask
    if role not in roles:
        step = did_you_mean(role, roles) or f"use one of: {', '.join(roles)}"
        raise WrongError(f"role `{role[:40]}` is not declared", step)
    return tuple(roles[list(roles).index(role) :])


def _reporting(row: _Row) -> str:
    if row.reporting and (set(row.sum) != {row.reporting}):
        raise WrongError(
            f"it reports in {row.reporting[:12]}", f"write sum = {{ {row.reporting[:12]} = … }}"
        )
    return row.reporting


def _minor(amount: int | Decimal, currency: str) -> int:
    try:
        places = exponent_of(currency)
    except RefusedError:
        places = -1
    if places < 0:
        raise WrongError(f"`{currency[:12]}` is no ISO 4217 currency code", "use such as USD")
    minor = Decimal(amount).scaleb(places)
    if minor != minor.to_integral_value() or not 0 < minor < 10**15:
        raise WrongError(f"{amount} {currency} is no amount", "write such as sum = { USD = 900 }")
    return int(minor)


def change_limit(
    text: str,
    limit_id: str,
    *,
    sums: Mapping[str, Decimal] | None = None,
    count: int | None = None,
    cards: int | None = None,
) -> str:
    """The text of a file with other caps of one limit; everything else stays as it is written.

    Args:
        sums: in major units, of currencies that it names. count, cards: likewise, where it has one.

    Raises:
        RefusedError: `not_found`; `invalid_input`, where it has no such cap.
    """
    start, end, row = _block(text, limit_id)
    has = cast("Mapping[str, Decimal | int]", row.get("sum", {}))
    wanted = {"count": count, "cards": cards, **(sums or {})}
    unknown = [n for n, v in wanted.items() if v is not None and n not in row and n not in has]
    if unknown or not any(value is not None for value in wanted.values()):
        held = ", ".join([*has, *(name for name in ("count", "cards") if name in row)])
        raise RefusedError(
            Code.INVALID_INPUT,
            f"limit `{limit_id}` has no cap of `{unknown[0][:12] if unknown else 'nothing'}`",
            next_step=f"it has: {held}; another measure is another limit, in a draft",
        )
    block, caps = text[start:end], {**has, **(sums or {})}
    if sums:
        inside = ", ".join(f"{name} = {Decimal(cap):f}" for name, cap in caps.items())
        block = _put(block, "sum", f"{{ {inside} }}")
    for name, cap in (("count", count), ("cards", cards)):
        block = block if cap is None else _put(block, name, str(cap))
    given = {name: cap for name, cap in (("count", count), ("cards", cards)) if cap is not None}
    after = {**row, **given, **({"sum": caps} if sums else {})}
    say = _said_with(str(row.get("say", "")), row, {**wanted, **(sums or {})}) or _made(after)
    if say != row.get("say"):
        block = _put(block, "say", json.dumps(say, ensure_ascii=False))
        after["say"] = say
    changed = text[:start] + block + text[end:]
    if _block(changed, limit_id)[2] != after:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"limit `{limit_id}` is written in a form that cannot be changed here",
            next_step="change it in its file, and put that in force with `sayso policy activate`",
        )
    return changed


def _said_with(
    say: str, row: Mapping[str, object], caps: Mapping[str, Decimal | int | None]
) -> str:
    """The sentence that people read, with a new cap where it names the old one, once.

    INVARIANT: empty where it does not: nobody's sentence stays on a cap that they did not set.
    """
    has = cast("Mapping[str, Decimal | int]", row.get("sum", {}))
    for name, cap in caps.items():
        old = has.get(name, row.get(name))
        if cap is None or not isinstance(old, int | Decimal):
            continue
        forms = "|".join(sorted({re.escape(f"{old:,}"), re.escape(str(old))}))
        found = list(re.finditer(rf"(?<![\d.,])(?:{forms})(?![\d]|[.,]\d)", say))
        if len(found) != 1:
            return ""
        say = f"{say[: found[0].start()]}{cap:,}{say[found[0].end() :]}"
    return say


def _made(row: Mapping[str, object]) -> str:
    """What a limit says, such as `At most 900 USD or 850 EUR an hour, of one token`."""
    sums = cast("Mapping[str, Decimal | int]", row.get("sum", {}))
    caps = " or ".join(f"{cap:,} {name}" for name, cap in sums.items())
    counted = f"{row['count']:,}{' of them' if sums else ''}" if "count" in row else ""
    waits = f"{row['cards']:,} that wait for people" if "cards" in row else ""
    said = " and ".join(one for one in (caps, counted, waits) if one)
    per = {"hour": " an hour", "day": " a day", "month": " a month"}.get(str(row.get("per")), "")
    rolls = f" in {row['rolling']}" if "rolling" in row else ""
    whose = str(row.get("of", ""))
    of = "" if whose in ("", "workspace", "tenant") else f", of one {whose}"
    return f"At most {said}{per}{rolls}{of}"


def drop_limit(text: str, limit_id: str) -> str:
    """The text of a file without one limit.

    Raises:
        RefusedError: `not_found`.
    """
    start, end, _ = _block(text, limit_id)
    return text[:start] + text[end:]


def _block(text: str, limit_id: str) -> tuple[int, int, dict[str, object]]:
    """Where a limit begins and ends in a file that was read before, and what it says."""
    starts = [match.start() for match in _LIMIT.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        row = read_table(text[start:end], parse_float=Decimal)["limit"][0]
        if row.get("id") == limit_id:
            return start, end, row
    raise RefusedError(
        Code.NOT_FOUND,
        f"there is no limit `{limit_id[:40]}`",
        next_step="`sayso limits` lists them",
    )


def _put(block: str, key: str, value: str) -> str:
    line = re.compile(rf"^([ \t]*{key}[ \t]*=[ \t]*)[^#\n]*?([ \t]*(?:#.*)?)$", re.MULTILINE)
    return line.sub(lambda found: f"{found[1]}{value}{found[2]}", block, count=1)
