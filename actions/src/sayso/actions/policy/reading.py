"""Reading a policy document: its Cedar files, its tables and its calendar become one policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sayso.actions.limits.definition import Limit, LimitSet
from sayso.actions.limits.file import read_limits
from sayso.actions.limits.rates import Rates, read_rates
from sayso.actions.model.definition import Action
from sayso.actions.policy.absent import declared_actions
from sayso.actions.policy.calendar import Calendar, read_calendar
from sayso.actions.policy.cedar import CedarPolicy, invalid_policy
from sayso.actions.policy.cedarpy_adapter import parse_rules
from sayso.actions.policy.document import PolicyDocument
from sayso.actions.policy.problem import PolicyProblem
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.tables.compile import compile_rows
from sayso.actions.policy.tables.file import RuleTable, read_table, readable_fields
from sayso.actions.policy.tables.read_back import read_row
from sayso.actions.policy.tables.rows import RuleRow
from sayso.actions.rollout.definition import Rollout
from sayso.actions.rollout.dials import Dials, unreachable
from sayso.actions.rollout.file import read_rollout
from sayso.errors import Code, ConfigError

HOLIDAYS, LIMITS, RATES, ROLLOUT = "holidays.txt", "limits.toml", "rates.toml", "rollout.toml"
_NO_RULES = frozenset({HOLIDAYS, LIMITS, RATES, ROLLOUT})
_TESTS = ".test.toml"
_REPLACES = "// in place of the rules that ship for it\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """A policy that can be asked, with what it was made of.

    Attributes:
        tables: its files of rows. limits: how much may be done. dials: how far, for whom.
        absent: names of actions that it was put in force with, and that nobody can judge here.
    """

    document: PolicyDocument
    policy: CedarPolicy
    calendar: Calendar
    tables: tuple[RuleTable, ...]
    limits: LimitSet
    dials: Dials
    absent: frozenset[str] = frozenset()


def is_test(name: str) -> bool:
    """Whether a file holds tests, which change no answer and are no part of a version."""
    return name.endswith(_TESTS)


def read_policy(document: PolicyDocument, actions: Sequence[Action]) -> ReadPolicy:
    """Read a document for the actions of this program.

    Rules about actions that another process has are kept, and ask nothing here: what another
    program may do never stops what this one may.

    Raises:
        ConfigError: `invalid_policy` with file, line, rule and next step of the first problem, the
            others in its detail, also for a row that is not read back as it was written;
            `invalid_setting`, also for a time zone with other data here.
    """
    declared = declared_actions(document.schema, actions)
    names = frozenset(action.name for action in declared.absent)
    try:
        return _read(document, [*actions, *declared.absent], names)
    except ConfigError:
        if not declared.narrower:
            raise
    other = {action.name: action for action in declared.narrower}
    mixed = [other.get(action.name, action) for action in actions]
    return _read(document, [*mixed, *declared.absent], names | other.keys())


def _read(
    document: PolicyDocument, actions: Sequence[Action], absent: frozenset[str]
) -> ReadPolicy:
    calendar = calendar_of(document)
    texts: dict[str, str] = {}
    tables: list[RuleTable] = []
    problems: list[PolicyProblem] = []
    limits, wrong_limits = _limits_of(document, actions)
    problems += wrong_limits
    dials, wrong_dials = _dials_of(document, actions, calendar)
    problems += wrong_dials
    for name, text in sorted(document.files.items()):
        base = PurePosixPath(name).name
        if base in _NO_RULES:
            continue
        if base.endswith(".cedar"):
            texts[name] = text
        elif base.endswith(".toml"):
            table, wrong = read_table(name, text, actions, document.rules.roles)
            problems += wrong
            if table is not None:
                tables.append(table)
                texts[name] = _REPLACES * table.replaces + compile_rows(table.action, table.rows)
        else:
            problems.append(_other_file(name))
    if problems:
        raise invalid_policy(problems)
    by_name = {action.name: action for action in actions}
    for table in tables:
        _check_read_back(table, texts[table.file], by_name[table.action])
    policy = CedarPolicy(
        texts=texts,
        actions=actions,
        roles=document.rules.roles,
        max_quorum=document.rules.max_people,
        calendar=calendar,
        missing_asks={
            table.action: frozenset(
                name
                for other in tables
                if other.action == table.action
                for name, what in other.missing.items()
                if what == "ask"
            )
            for table in tables
        },
        replaces=frozenset(table.action for table in tables if table.replaces),
    )
    return ReadPolicy(
        document=document,
        policy=policy,
        calendar=calendar,
        tables=tuple(tables),
        limits=limits,
        dials=dials,
        absent=absent,
    )


def dials_of(
    document: PolicyDocument, actions: Sequence[Action], calendar: Calendar
) -> tuple[Dials, list[PolicyProblem]]:
    """The dials of a document, and what is wrong with others."""
    declared = declared_actions(document.schema, actions)
    return _dials_of(document, [*actions, *declared.absent], calendar)


def _dials_of(
    document: PolicyDocument, actions: Sequence[Action], calendar: Calendar
) -> tuple[Dials, list[PolicyProblem]]:
    roles = document.rules.roles
    rollout, problems = Rollout(), list[PolicyProblem]()
    for name, text in _files(document, ROLLOUT):
        rollout, problems = read_rollout(name, text, actions, roles)
        dials = Dials(rollout, actions, roles, calendar)
        problems += [
            PolicyProblem(
                file=name,
                line=1,
                rule=dial.id,
                message="nothing reaches this dial: those above take all of it",
                next_step="put it higher, or remove it",
            )
            for mine in dials.by_action.values()
            for dial in unreachable(mine)
        ]
    return Dials(rollout, actions, roles, calendar), problems


def limits_of(
    document: PolicyDocument, actions: Sequence[Action]
) -> tuple[LimitSet, list[PolicyProblem]]:
    """The limits of a document, and what is wrong with others."""
    declared = declared_actions(document.schema, actions)
    return _limits_of(document, [*actions, *declared.absent])


def _limits_of(
    document: PolicyDocument, actions: Sequence[Action]
) -> tuple[LimitSet, list[PolicyProblem]]:
    limits: list[Limit] = []
    problems: list[PolicyProblem] = []
    rates = Rates()
    for name, text in _files(document, LIMITS):
        found, wrong = read_limits(name, text, actions, document.rules.roles)
        limits += found
        problems += wrong
    for name, text in _files(document, RATES):
        rates, wrong = read_rates(name, text)
        problems += wrong
    return LimitSet(limits=tuple(limits), rates=rates), problems


def rows_of(policy: CedarPolicy, action: Action) -> dict[str, RuleRow | None]:
    """Each rule about one action as a row, in order; None for those that are none."""
    mine = policy.slice(action.name)
    assert mine is not None, "of an action that the policy was made for"
    numbers, money = _names(action)
    return {rule: read_row(node, numbers, money) for rule, node in mine.rules.nodes.items()}


def row_of(mine: Slice, rule: str) -> RuleRow | None:
    """A rule about an action as a row; None where it is none, or is not there."""
    node = mine.rules.nodes.get(rule)
    return None if node is None else read_row(node, *_names(mine.action))


def _names(action: Action) -> tuple[list[str], list[str]]:
    fields = readable_fields(action).values()
    numbers = [field.name for field in fields if field.type == "number"]
    return numbers, [field.name for field in fields if field.type == "money"]


def _check_read_back(table: RuleTable, text: str, action: Action) -> None:
    # INVARIANT: what people read in a table is what the engine was given.
    numbers, money = _names(action)
    nodes = parse_rules(text).static_policies.values()
    found = {row.id: row for node in nodes if (row := read_row(node, numbers, money)) is not None}
    for row in table.rows:
        if found.get(row.id) != row:
            raise ConfigError(
                Code.INVALID_POLICY,
                f"{table.file}: row `{row.id}` is not read back from Cedar as it stands there",
                next_step="write it in a .cedar file, and report it",
                detail=f"{row} {found.get(row.id)}",
            )


def calendar_of(document: PolicyDocument) -> Calendar:
    """The calendar of a document: its zone and its holidays.

    Raises:
        ConfigError: `invalid_policy`; `invalid_setting` for a zone with other data here.
    """
    rules = document.rules
    holidays = list(_files(document, HOLIDAYS))
    file, text = holidays[0] if holidays else (HOLIDAYS, None)
    calendar = read_calendar(rules.time_zone, text, file=file)
    if calendar.sha256 != rules.zone_sha256:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the data of the time zone `{rules.time_zone}` is other here than in this version",
            next_step="have every process use one version of the package `tzdata`, or put the"
            " policy in force anew",
        )
    return calendar


def _files(document: PolicyDocument, base: str) -> Iterator[tuple[str, str]]:
    for name, text in sorted(document.files.items()):
        if PurePosixPath(name).name == base:
            yield name, text


def _other_file(name: str) -> PolicyProblem:
    return PolicyProblem(
        file=name,
        line=1,
        rule="",
        message="a file of this name means nothing here",
        next_step=f"name it .cedar, .toml (a table), {_TESTS} or {', '.join(sorted(_NO_RULES))}",
    )
