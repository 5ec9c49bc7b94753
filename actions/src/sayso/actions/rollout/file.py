"""Reads `rollout.toml`, and changes a dial in it, leaving the rest as people wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayso.actions.model.definition import Action
from sayso.actions.policy.problem import PolicyProblem, WrongError, read_rows
from sayso.actions.policy.tables.file import RuleTable, read_values
from sayso.actions.rollout.definition import ALL, Brake, Dial, Rollout, Stage
from sayso.errors import Code, RefusedError
from sayso.toml import did_you_mean

_TOP = {"dial", "others", "model"}
_DIAL = re.compile(r"^\s*\[\[\s*dial\s*\]\]", re.MULTILINE)


class _Brake(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wrong: Annotated[int, Field(ge=1, le=1000)]
    days: Annotated[int, Field(ge=1, le=366)]


class _Dial(BaseModel):
    """What a dial says beside its segment, whose words are those of a row."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    say: Annotated[str, Field(min_length=1, max_length=300)]
    action: str
    stage: Stage
    otherwise: Annotated[Stage, Field(alias="else")] = Stage.OFF
    share: Annotated[Decimal, Field(gt=0, le=100)] = Decimal(100)
    schedule: Mapping[str, object] = Field(default_factory=dict)
    until: date | None = None
    brake: _Brake | None = None
    released: Annotated[int, Field(ge=0, le=10**6)] = 0


_OWN = {field.alias or name for name, field in _Dial.model_fields.items()} | {"currency"}


def read_rollout(
    file: str, text: str, actions: Sequence[Action], roles: Sequence[str]
) -> tuple[Rollout, list[PolicyProblem]]:
    """Read the dials and check each; what is wrong with the others."""
    try:
        values = read_rows(text)
    except WrongError as error:
        return Rollout(), [error.problem(file, text)]
    problems: list[PolicyProblem] = []
    for key in values.keys() - _TOP:
        step = did_you_mean(key, _TOP) or "write each dial as [[dial]]"
        wrong = WrongError(f"`{key[:40]}` means nothing here", step, word=key)
        problems.append(wrong.problem(file, text))
    dials: list[Dial] = []
    given = values.get("dial", [])
    for table in cast("list[object]", given) if isinstance(given, list) else [given]:
        row = cast("dict[str, object]", table) if isinstance(table, dict) else {}
        name = str(row.get("id", ""))
        try:
            dial, wrongs = _dial(file, text, row, actions, roles)
            problems += wrongs
            if dial is not None and any(one.id == dial.id for one in dials):
                raise WrongError(f"a second dial with the id `{dial.id}`", "choose another id")
            dials += [] if dial is None else [dial]
        except WrongError as error:
            error.row = name
            problems.append(error.problem(file, text))
    stages: dict[str, Stage] = {}
    for key in ("others", "model"):
        try:
            stages[key] = _stage(values.get(key, "auto"), key)
        except WrongError as error:
            problems.append(error.problem(file, text))
    return Rollout(dials=tuple(dials), **stages), problems


def _stage(given: object, key: str) -> Stage:
    try:
        return Stage(str(given))
    except ValueError:
        known = ", ".join(Stage)
        raise WrongError(f"`{key}` is no stage", f"use one of: {known}") from None


def _dial(
    file: str,
    text: str,
    row: Mapping[str, object],
    actions: Sequence[Action],
    roles: Sequence[str],
) -> tuple[Dial | None, list[PolicyProblem]]:
    own = {name: value for name, value in row.items() if name in _OWN}
    try:
        read = _Dial.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        step = f"correct `{name}`; see docs/how-to/widen-step-by-step.md"
        raise WrongError(f"`{name}`: {str(first['msg']).lower()}", step) from None
    share = read.share * ALL / 100
    if share != int(share):
        raise WrongError(f"a share of {read.share} %", "use two decimals at most, such as 0.25")
    if read.otherwise.rank > read.stage.rank:
        raise WrongError(
            f"`else` ({read.otherwise}) goes further than `stage` ({read.stage})",
            "put what goes further into `stage`",
        )
    segment = {name: value for name, value in row.items() if name not in _OWN}
    tables: list[RuleTable] = []
    problems: list[PolicyProblem] = []
    for conditions in (segment, read.schedule):
        values: dict[str, object] = {
            "action": read.action,
            "allow": [{"id": read.id, "say": read.say, **conditions}],
        }
        if "currency" in row:
            values["currency"] = row["currency"]
        table, wrong = read_values(file, text, values, actions, roles)
        problems += wrong
        tables += [] if table is None else [table]
    if problems:
        return None, problems
    (mine,), (times,) = tables[0].rows, tables[1].rows
    if mine.by or times.by:
        raise WrongError("a dial asks nobody", "leave `by` to the rules")
    dial = Dial(
        id=read.id,
        say=read.say.strip(),
        action=read.action,
        segment=mine,
        stage=read.stage,
        otherwise=read.otherwise,
        share=int(share),
        schedule=times.conditions,
        until=read.until,
        released=read.released,
        brake=None if read.brake is None else Brake(wrong=read.brake.wrong, days=read.brake.days),
    )
    return dial, []


def change_dial(
    text: str,
    dial_id: str,
    *,
    stage: Stage,
    share: Decimal | None = None,
    other: Stage | None = None,
    released: int | None = None,
) -> str:
    """The text of a file with one dial set anew; everything else stays as it is written.

    Raises:
        RefusedError: `not_found`.
    """
    starts = [match.start() for match in _DIAL.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        block = text[start:end]
        found = re.search(r'^\s*id\s*=\s*["\']([^"\']*)["\']', block, re.MULTILINE)
        if found is None or found[1] != dial_id:
            continue
        block = _put(block, "stage", f'"{stage}"')
        if share is not None:
            block = _put(block, "share", f"{share.normalize():f}")
        if other is not None:
            block = _put(block, "else", f'"{other}"')
        if released is not None:
            block = _put(block, "released", str(released))
        return text[:start] + block + text[end:]
    raise RefusedError(
        Code.NOT_FOUND,
        f"there is no dial `{dial_id[:40]}`",
        next_step="`sayso rollout list` lists them",
    )


def _put(block: str, key: str, value: str) -> str:
    line = re.compile(rf"^(\s*{key}\s*=\s*)[^#\n]*?(\s*(?:#.*)?)$", re.MULTILINE)
    if line.search(block):
        return line.sub(rf"\g<1>{value}\g<2>", block, count=1)
    stage = re.compile(r"^(\s*)stage(\s*)=.*$", re.MULTILINE)
    found = stage.search(block)
    assert found is not None, "each dial has a stage"
    return f"{block[: found.end()]}\n{key} = {value}{block[found.end() :]}"
