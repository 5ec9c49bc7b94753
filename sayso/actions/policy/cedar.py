"""The policy, written in Cedar: rules that say when an action may execute.

Approvals are data of the request. `judge` asks the rules what they would say with nobody's yes,
then with one person's, then with more, and the first that passes is what is needed; `permits` asks
once with the people who really said yes. Either way it is the same plain gate.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources

import orjson

from sayso.actions.model.definition import Action, Assurance, Effect
from sayso.actions.policy.base import Approver, Judgement, Outcome, Question
from sayso.actions.policy.cedar_rules import Problem, Rules, read_rules
from sayso.actions.policy.cedar_schema import Request, build_request, schema_text
from sayso.actions.policy.cedarpy_adapter import (
    Entities,
    RuleSet,
    Verdict,
    compile_rules,
    evaluate,
    parse_entities,
    parse_schema,
)
from sayso.errors import Code, ConfigError

OWN_OBJECTS_ONLY = "sayso.own-objects-only"
VERIFIED_ONLY = "sayso.verified-only"
"""The two guards that no text can lift."""

DEFAULT_ROLES = ("support_manager", "finance")
"""The roles that the default policy names, the least first."""

_GUARDS = {
    OWN_OBJECTS_ONLY: "never on an object that belongs to somebody else",
    VERIFIED_ONLY: "an unverified customer gets messages only",
}
_NOT_EVALUATED = "the policy could not be evaluated, so nothing is done"
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST_QUORUM = 5
_REMEMBERED = 1000
_DECIMAL = re.compile(r'\bdecimal \( "(\d{1,12}(?:\.\d{1,4})?)" \)')
_LONG = re.compile(r"(?<![\w.])\d{1,12}(?![\w.])")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
"""So many requests' answers are kept, some kilobytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What the rules say if certain people said yes.

    Attributes:
        roles: one entry for each distinct person; empty for nobody.
        outcome: `allow` or `deny`.
        rules, explain, errors: as in `Judgement`.
    """

    roles: tuple[str, ...]
    outcome: Outcome
    rules: tuple[str, ...]
    explain: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    """The part of the policy that can say anything about one action.

    Attributes:
        rule_set: its rules, compiled. hypotheticals: who might say yes, the least first.
        order: the place of each rule. version: SHA-256 in hex over all of it.
        numbers: those that its rules compare with, the smallest first.
    """

    action: Action
    rule_set: RuleSet
    hypotheticals: tuple[tuple[str, ...], ...]
    explains: Mapping[str, str]
    order: Mapping[str, int]
    version: str
    numbers: tuple[Decimal, ...]


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A question that passed our own guards, ready for Cedar, and what was answered so far.

    Attributes:
        verdicts: by the number of people and the set of their roles.
    """

    slice: _Slice
    request: Request
    entities: Entities
    verdicts: dict[tuple[int, frozenset[str]], Verdict]


class CedarPolicy:
    """A `Policy` whose rules are Cedar texts, checked as a whole when it is made.

    Args:
        texts: file name to Cedar text; every rule has a unique `@id` and an `@explain`.
        actions: every action that may be judged; the schema is made from them.
        roles: every role an approver can hold, the least first: where several would do, the
            earlier one is asked.
        max_quorum: how many distinct people may be needed at most, 1 to 5.

    Raises:
        ConfigError: `invalid_policy` with file, line, rule and next step of the first problem, the
            others in its detail; `invalid_action` for facts that cannot be put into a schema.

    Guarantees: safe to share between threads; no IO. Any error in evaluating is a deny.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        actions: Sequence[Action],
        roles: Sequence[str],
        max_quorum: int = 3,
    ) -> None:
        _check_settings(roles, max_quorum)
        text = schema_text(actions)
        self._schema = parse_schema(text)
        rules, problems = read_rules(texts, actions, roles, self._schema)
        if problems:
            raise _invalid_policy(problems)
        self._actions = {action.name: action for action in actions}
        self._roles = tuple(roles)
        self._max_quorum = max_quorum
        self._rules = rules
        self._slices: dict[str, _Slice] = {}
        self._version = _version(texts, text, roles, max_quorum)
        self._recent: OrderedDict[tuple[bytes, str], _Asked] = OrderedDict()
        self._recent_lock = threading.Lock()

    @property
    def version(self) -> str:
        """SHA-256 in hex over the texts, the schema, the roles and the quorum."""
        return self._version

    def version_for(self, action: str) -> str:
        """See `Policy.version_for`."""
        found = self._slice(action)
        return self._version if found is None else found.version

    def numbers_for(self, action: str) -> Sequence[Decimal]:
        """See `Policy.numbers_for`; each once, the smallest first."""
        found = self._slice(action)
        return () if found is None else found.numbers

    def _slice(self, name: str) -> _Slice | None:
        """The action's part of the policy, made when it is asked for; None for no such action."""
        known = self._slices.get(name)
        if known is None and name in self._actions:
            # NOTE: two threads at once make the same; one of them is kept.
            action = self._actions[name]
            known = self._slices[name] = _cut(action, self._rules, self._roles, self._max_quorum)
        return known

    def judge(self, question: Question) -> Judgement:
        """Say `allow`, `ask` with the least roles that would make it pass, or `deny`.

        Fewest people first; among as many people, the roles that were declared first.
        """
        request = self._request(question)
        if isinstance(request, Judgement):
            return request
        forbids: frozenset[str] | None = None
        mine = request.slice
        for roles in mine.hypotheticals:
            verdict = self._evaluate(request, len(roles), frozenset(roles))
            if verdict.errors:
                return _failed(mine.version, verdict.errors)
            if verdict.allowed:
                outcome = Outcome.ASK if roles else Outcome.ALLOW
                return _judgement(mine, outcome, verdict.rules, roles=roles)
            forbids = verdict.rules if forbids is None else forbids & verdict.rules
        # Only a rule that forbids it whoever approves is the reason; else no rule allows it.
        return _judgement(mine, Outcome.DENY, forbids or frozenset())

    def permits(self, question: Question, approvers: Sequence[Approver]) -> Judgement:
        """Say `allow` or `deny` with the approvals that were really given.

        People are counted once by id, and only if they hold a declared role.
        """
        request = self._request(question)
        if isinstance(request, Judgement):
            return request
        held: dict[str, frozenset[str]] = {}
        for approver in approvers:
            roles = approver.roles.intersection(self._roles) | held.get(
                approver.person, frozenset()
            )
            if approver.person and roles:
                held[approver.person] = roles
        union = frozenset(itertools.chain.from_iterable(held.values()))
        verdict = self._evaluate(request, len(held), union)
        if verdict.errors:
            return _failed(request.slice.version, verdict.errors)
        outcome = Outcome.ALLOW if verdict.allowed else Outcome.DENY
        return _judgement(request.slice, outcome, verdict.rules)

    def explain(self, question: Question) -> list[Hypothesis]:
        """List each hypothetical that `judge` may ask, its answer and the rules that decided."""
        request = self._request(question)
        if isinstance(request, Judgement):
            return [_hypothesis((), request)]
        answers: list[Hypothesis] = []
        mine = request.slice
        for roles in mine.hypotheticals:
            verdict = self._evaluate(request, len(roles), frozenset(roles))
            outcome = Outcome.ALLOW if verdict.allowed else Outcome.DENY
            failed = _failed(mine.version, verdict.errors) if verdict.errors else None
            answers.append(_hypothesis(roles, failed or _judgement(mine, outcome, verdict.rules)))
        return answers

    def _request(self, question: Question) -> _Asked | Judgement:
        """Pass the guards of our own and build the request, or say why it is denied."""
        name = question.action.name
        mine = self._slice(name)
        if mine is None:
            what = f"action `{name}` is not among those the policy was made for"
            return _failed(self._version, (what,))
        if question.resolved.owner != question.subject.id:
            return _guarded(mine.version, OWN_OBJECTS_ONLY)
        unverified = question.subject.assurance is Assurance.UNVERIFIED
        if unverified and mine.action.effect is not Effect.MESSAGE:
            return _guarded(mine.version, VERIFIED_ONLY)
        try:
            request = build_request(question, mine.action)
            if request.errors:
                return _failed(mine.version, request.errors)
            return self._asked(mine, request)
        except Exception as error:  # noqa: BLE001  (a guard that fails must deny, whatever it was)
            what = f"the question could not be read: {type(error).__name__}"
            return _failed(mine.version, (what,))

    def _asked(self, mine: _Slice, request: Request) -> _Asked:
        """The question as it was asked before, or anew.

        The rules are fixed and see nothing but the request, so the very same request has the very
        same answer: mostly what was judged is asked again when people have said yes, and again at
        the claim. The whole request is the key, so that none can stand for another.
        """
        entities_json = orjson.dumps(request.entities).decode()
        key = (orjson.dumps((request.parts, request.context)), entities_json)
        with self._recent_lock:
            asked = self._recent.get(key)
            if asked is not None:
                self._recent.move_to_end(key)
                return asked
        entities = parse_entities(entities_json, self._schema)
        asked = _Asked(slice=mine, request=request, entities=entities, verdicts={})
        with self._recent_lock:
            self._recent[key] = asked
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return asked

    def _evaluate(self, asked: _Asked, approvals: int, roles: frozenset[str]) -> Verdict:
        known = asked.verdicts.get((approvals, roles))
        if known is None:
            known = self._ask(asked, approvals, roles)
            if not known.errors:
                asked.verdicts[approvals, roles] = known
        return known

    def _ask(self, asked: _Asked, approvals: int, roles: frozenset[str]) -> Verdict:
        context = asked.request.context | {"approvals": approvals, "approvedBy": sorted(roles)}
        try:
            request = asked.request.parts | {"context": orjson.dumps(context).decode()}
            return evaluate(request, asked.slice.rule_set, asked.entities, self._schema)
        except Exception as error:  # noqa: BLE001  (a guard that fails must deny, whatever it was)
            reason = f"Cedar failed: {type(error).__name__}: {error!s:.200}"
            return Verdict(allowed=False, rules=frozenset(), errors=(reason,))


def read_default_policy(actions: Iterable[Action] = ()) -> dict[str, str]:
    """The texts of the default policy by file name, for `DEFAULT_ROLES`.

    `default.cedar` needs the Stripe actions; a connector with rules of its own brings its file only
    when one of its actions is there, since a rule about an unknown action is refused.
    """
    folder = resources.files("sayso.actions.policy") / "policies"
    names = ["default.cedar", *sorted({f"{action.connector}.cedar" for action in actions})]
    files = [folder / name for name in names]
    return {file.name: file.read_text(encoding="utf-8") for file in files if file.is_file()}


def _cut(action: Action, rules: Rules, roles: Sequence[str], max_quorum: int) -> _Slice:
    mine = rules.of_action(action)
    named = frozenset(itertools.chain.from_iterable(mine.named_roles.values()))
    asked = _asked_roles(roles, named)
    whole = {
        "action": action.name,
        "effect": action.effect.value,
        "facts": dict(action.facts),
        "max_quorum": max_quorum,
        "roles": asked,
        "rules": sorted(mine.signs.values()),
    }
    return _Slice(
        action=action,
        rule_set=compile_rules(mine.nodes),
        hypotheticals=tuple(_hypotheticals(asked, max_quorum)),
        explains=mine.explains,
        order={rule: place for place, rule in enumerate(mine.nodes)},
        version=_digest(whole),
        numbers=_numbers(mine.signs.values()),
    )


def _judgement(
    mine: _Slice, outcome: Outcome, rules: Iterable[str], *, roles: tuple[str, ...] = ()
) -> Judgement:
    deciding = tuple(sorted(rules, key=mine.order.__getitem__))
    explain = "; ".join(mine.explains[rule] for rule in deciding)
    return Judgement(
        outcome=outcome,
        rules=deciding,
        explain=explain or "no rule allows it",
        roles=roles,
        policy_version=mine.version,
    )


def _guarded(version: str, guard: str) -> Judgement:
    return Judgement(
        outcome=Outcome.DENY, rules=(guard,), explain=_GUARDS[guard], policy_version=version
    )


def _failed(version: str, errors: tuple[str, ...]) -> Judgement:
    return Judgement(
        outcome=Outcome.DENY,
        rules=(),
        explain=_NOT_EVALUATED,
        policy_version=version,
        errors=errors,
    )


def _numbers(signs: Iterable[str]) -> tuple[Decimal, ...]:
    """The numbers that rules compare with, from their words and signs."""
    found: set[Decimal] = set()
    for rule in signs:
        found.update(map(Decimal, _DECIMAL.findall(rule)))
        found.update(map(Decimal, _LONG.findall(_STRING.sub("", rule))))
    return tuple(sorted(found))


def _hypothesis(roles: tuple[str, ...], judgement: Judgement) -> Hypothesis:
    return Hypothesis(
        roles=roles,
        outcome=judgement.outcome,
        rules=judgement.rules,
        explain=judgement.explain,
        errors=judgement.errors,
    )


def _check_settings(roles: Sequence[str], max_quorum: int) -> None:
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise ConfigError(
                Code.INVALID_POLICY,
                f"`{role[:40]}` is no name for a role",
                next_step="use lower-case letters, digits and underscores",
            )
    if len(set(roles)) != len(roles):
        raise ConfigError(
            Code.INVALID_POLICY, "a role is declared twice", next_step="remove one of them"
        )
    if not 1 <= max_quorum <= _LARGEST_QUORUM:
        raise ConfigError(
            Code.INVALID_POLICY,
            f"a quorum of {max_quorum} people cannot be asked for",
            next_step=f"use 1 to {_LARGEST_QUORUM}",
        )


def _invalid_policy(problems: Sequence[Problem]) -> ConfigError:
    first, *others = problems
    more = f" (and {len(others)} more)" if others else ""
    return ConfigError(
        Code.INVALID_POLICY,
        f"{first}{more}",
        next_step=first.next_step,
        detail="\n".join(f"{problem}; {problem.next_step}" for problem in others),
    )


def _asked_roles(roles: Sequence[str], named: Collection[str]) -> list[str]:
    """The roles worth asking about: those that a rule names, and one that stands for the others.

    To the rules all roles that none of them names are the same, so the first declared is enough.
    """
    unnamed = next((role for role in roles if role not in named), None)
    return [role for role in roles if role in named or role == unnamed]


def _hypotheticals(roles: Sequence[str], max_quorum: int) -> list[tuple[str, ...]]:
    """Who might say yes: nobody, each one role, each two, …; fewest people and least roles first.

    Rules see the number of people and the set of their roles, so combinations that differ in
    neither are asked once.
    """
    found: dict[tuple[int, frozenset[str]], tuple[str, ...]] = {}
    for people in range(max_quorum + 1):
        for combination in itertools.combinations_with_replacement(roles, people):
            found.setdefault((people, frozenset(combination)), combination)
    return list(found.values())


def _version(texts: Mapping[str, str], schema: str, roles: Sequence[str], max_quorum: int) -> str:
    return _digest(
        {
            "max_quorum": max_quorum,
            "roles": list(roles),
            "schema": schema,
            "texts": dict(texts),
        }
    )


def _digest(whole: Mapping[str, object]) -> str:
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
