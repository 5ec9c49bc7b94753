"""The policy, written in Cedar: rules that say when an action may execute.

Approvals are data of the request. `judge` asks the rules what they would say with nobody's yes,
then with one person's, then with more, and the first that passes is what is needed; `permits` asks
once with the people who really said yes. Either way it is the same plain gate.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from types import MappingProxyType

import orjson

from sayso.actions.customers.proof import weakly_known_by
from sayso.actions.model.definition import Action, Assurance, Effect, Fact
from sayso.actions.policy.base import (
    LINKED_WITH_A_PERSON,
    NOT_IN_THEIR_WORDS,
    VERIFIED_ONLY,
    Approver,
    Around,
    Demand,
    Judgement,
    Outcome,
    PolicyQuestion,
    Why,
)
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar_rules import Rules, read_rules
from sayso.actions.policy.cedar_schema import (
    CONTEXT_FIELDS,
    CedarRequest,
    RequestForm,
    schema_text,
)
from sayso.actions.policy.cedarpy_adapter import CedarVerdict, Entities, evaluate, parse_schema
from sayso.actions.policy.formula.terms import OneOf, atoms, holds
from sayso.actions.policy.problem import PolicyProblem
from sayso.actions.policy.slices import Slice, cut, digest, hypotheticals
from sayso.errors import Code, ConfigError

OWN_OBJECTS_ONLY = "sayso.own-objects-only"
"""This guard and `VERIFIED_ONLY` no text can lift."""

DEFAULT_ROLES = ("support_manager", "finance")
"""The roles that the default policy names, the least first."""

_GUARDS = {
    OWN_OBJECTS_ONLY: "never on an object that belongs to somebody else",
    VERIFIED_ONLY: "an unverified customer gets messages only",
}
_UTC = Calendar()
_NO_ROLES: frozenset[str] = frozenset()
_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})
_NOT_EVALUATED = "the policy could not be evaluated, so nothing is done"
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST_QUORUM = 5
_IDS = frozenset({"principal", "resource"})
"""Who and what it was about stands in the row."""
_REMEMBERED = 1000
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


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A question that passed our own guards, ready for Cedar, and what was answered so far.

    Attributes:
        slice: the rules that it is put to; without those facts that could not be read.
        entities: the customer and the object, for Cedar.
        verdicts: by the number of people and the set of their roles.
    """

    slice: Slice
    request: CedarRequest
    entities: Entities
    verdicts: dict[tuple[int, frozenset[str]], CedarVerdict]


class CedarPolicy:
    """A `Policy` whose rules are Cedar texts, checked as a whole when it is made.

    Args:
        texts: file name to Cedar text; every rule has a unique `@id` and an `@explain`.
        actions: every action that may be judged; the schema is made from them.
        roles: every role an approver can hold, the least first: where several would do, the
            earlier one is asked.
        max_quorum: how many distinct people may be needed at most, 1 to 5.
        calendar: tells the weekday, the local hour and the holidays.
        missing_asks: by action, the facts that ask instead of denying when they cannot be read.
        replaces: names of actions whose shipped rules count no more; see `Rules.shipped_for`.

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
        *,
        calendar: Calendar = _UTC,
        missing_asks: Mapping[str, Collection[str]] = _NOTHING,
        replaces: Collection[str] = (),
    ) -> None:
        _check_settings(roles, max_quorum)
        text = schema_text(actions)
        rules, problems = read_rules(texts, actions, roles, parse_schema(text))
        if problems:
            raise invalid_policy(problems)
        self._actions = {action.name: action for action in actions}
        self._facts = {
            action.name: _facts(action, missing_asks.get(action.name, ())) for action in actions
        }
        self._roles = tuple(roles)
        self._max_quorum = max_quorum
        self._calendar = calendar
        self._rules, self._replaces = rules, frozenset(replaces)
        self._slices: dict[str, Slice] = {}
        self._whole: dict[str, RequestForm] = {}
        self._version = _version(texts, text, roles, max_quorum)
        self._recent: OrderedDict[tuple[str, bytes], _Asked] = OrderedDict()
        self._recent_lock = threading.Lock()

    @property
    def version(self) -> str:
        """SHA-256 in hex over the texts, the schema, the roles and the quorum."""
        return self._version

    def version_for(self, action: str) -> str:
        """See `Policy.version_for`."""
        found = self.slice(action)
        return self._version if found is None else found.version

    def wanted_facts(self, action: str) -> frozenset[str]:
        """See `Policy.wanted_facts`."""
        found = self.slice(action)
        if found is None:
            return frozenset()
        return frozenset(
            name for name, fact in found.facts.items() if fact.on_demand and name in found.reads
        )

    def slice(self, name: str) -> Slice | None:
        """The action's part of the policy, made when it is asked for; None for no such action."""
        known = self._slices.get(name)
        if known is None and name in self._actions:
            # NOTE: two threads at once make the same; one of them is kept.
            known = self._slices[name] = cut(
                self._actions[name],
                self._facts[name],
                self._rules.of_action(self._actions[name], replaced=name in self._replaces),
                self._roles,
                self._max_quorum,
                self._calendar,
            )
        return known

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role, the least first."""
        return self._roles

    @property
    def max_quorum(self) -> int:
        """How many people may be needed at most."""
        return self._max_quorum

    @property
    def rules(self) -> Rules:
        """Every rule."""
        return self._rules

    def judge(self, question: PolicyQuestion, also: Sequence[Demand] = ()) -> Judgement:
        """Say `allow`, `ask` with the least roles that would make it pass, or `deny`.

        Fewest people first; among as many people, the roles that were declared first.
        """
        asked = self._ready(question)
        if isinstance(asked, Judgement):
            return asked
        also = (*also, *self._demands(question))
        if also:
            return self._judged(asked, also)
        return self._guessed(asked) or self._judged(asked)

    def _demands(self, question: PolicyQuestion) -> tuple[Demand, ...]:
        """A person has to agree to what rests on too little to go by itself.

        INVARIANT: whatever a rule allows, since who wrote is not known well enough, or since their
        words do not show what is to be done.
        """
        anybody = frozenset(self._roles)
        found: list[Demand] = []
        words = weakly_known_by(question.resolved.reached, question.verified)
        if words is not None and question.action.effect is not Effect.MESSAGE:
            say = f"the account is known to be the customer's by {words}"
            found.append(Demand(rule=LINKED_WITH_A_PERSON, say=say, by=anybody))
        if question.rests_on_a_yes:
            say = "the customer's own words do not show it; they said yes to it"
            found.append(Demand(rule=NOT_IN_THEIR_WORDS, say=say, by=anybody))
        return tuple(found)

    def _guessed(self, asked: _Asked) -> Judgement | None:
        """The judgement by one question to the engine; None where it does not confirm the guess."""
        guess, values = asked.slice.guess, asked.request.values
        if guess is None or not asked.slice.hypotheticals:
            return None
        place = guess.least(values)
        if place >= 0:
            roles = asked.slice.hypotheticals[place]
            verdict = self._evaluate(asked, len(roles), frozenset(roles))
            if not verdict.allowed:
                return None
            return self._passed(asked, roles, verdict.rules)
        forbids = frozenset(guess.always(values))
        most = asked.slice.hypotheticals[-1]
        verdict = self._evaluate(asked, len(most), frozenset(most))
        if verdict.allowed or verdict.errors or not forbids <= verdict.rules:
            return None
        return _judgement(asked, Outcome.DENY, forbids)

    def _judged(self, asked: _Asked, also: Sequence[Demand] = ()) -> Judgement:
        """The judgement by asking the engine about everybody who might say yes."""
        forbids: frozenset[str] | None = None
        for roles in self._supposed(asked.slice, also):
            if any(not demand.by.intersection(roles) for demand in also):
                continue
            verdict = self._evaluate(asked, len(roles), frozenset(roles))
            if verdict.errors:
                return _failed(asked.slice.version, verdict.errors)
            if verdict.allowed:
                return self._passed(asked, roles, verdict.rules, also)
            forbids = verdict.rules if forbids is None else forbids & verdict.rules
        # Only a rule that forbids it whoever approves is the reason; else no rule allows it.
        return _judgement(asked, Outcome.DENY, forbids or frozenset())

    def _passed(
        self,
        asked: _Asked,
        roles: tuple[str, ...],
        rules: Iterable[str],
        also: Sequence[Demand] = (),
    ) -> Judgement:
        """What to say where the yes of these people is what is needed."""
        if not roles:
            return _judgement(asked, Outcome.ALLOW, rules, also=also)
        ways = self._other_ways(asked, roles)
        met = [way for way in ways if all(demand.by.intersection(way) for demand in also)]
        return _judgement(asked, Outcome.ASK, rules, roles=roles, either=tuple(met), also=also)

    def _other_ways(self, asked: _Asked, roles: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """In which other ways as many people who hold these roles would be enough."""
        held = [role for role in self._roles if role in roles]
        if len(held) < 2:
            return ()
        enough = self._enough(asked, len(roles))
        ways = itertools.combinations_with_replacement(held, len(roles))
        return tuple(way for way in ways if way != roles and frozenset(way) in enough)

    def _enough(self, asked: _Asked, people: int) -> set[frozenset[str]]:
        """The sets of roles with which so many people are enough.

        NOTE: by the formulas, where they say everything: whoever says yes in the end is put to the
        engine all the same.
        """
        guess = asked.slice.guess
        if guess is not None:
            passing = guess.passing(asked.request.values)
            return {frozenset(one) for one in passing if len(one) == people}
        return {
            frozenset(one)
            for one in asked.slice.hypotheticals
            if len(one) == people and self._evaluate(asked, people, frozenset(one)).allowed
        }

    def _supposed(self, mine: Slice, also: Sequence[Demand]) -> Sequence[tuple[str, ...]]:
        """Who might say yes, also those whom only a demand names."""
        demanded = frozenset(role for demand in also for role in demand.by)
        named = frozenset(role for one in mine.hypotheticals for role in one)
        if demanded <= named:
            return mine.hypotheticals
        roles = [role for role in self._roles if role in named | demanded]
        return hypotheticals(roles, self._max_quorum)

    def why(self, question: PolicyQuestion, judgement: Judgement, around: Around) -> Why:
        """See `Policy.why`."""
        # Loaded where somebody is asked: most actions need nobody.
        from sayso.actions.policy.reasons.asked import why_asked

        mine = self.slice(question.action.name)
        assert mine is not None, "of an action that was judged"
        return why_asked(mine, question, judgement, around)

    def permits(
        self, question: PolicyQuestion, approvers: Sequence[Approver], also: Sequence[Demand] = ()
    ) -> Judgement:
        """Say `allow` or `deny` with the approvals that were really given.

        People are counted once by id, and only if they hold a declared role.
        """
        asked = self._ready(question)
        if isinstance(asked, Judgement):
            return asked
        held: dict[str, frozenset[str]] = {}
        for approver in approvers:
            roles = approver.roles.intersection(self._roles)
            roles |= held.get(approver.person, frozenset())
            if approver.person and roles:
                held[approver.person] = roles
        if asked.slice.action.always_ask and not held:
            return _judgement(asked, Outcome.DENY, (), lacks_a_person=True)
        union = frozenset(itertools.chain.from_iterable(held.values()))
        also = (*also, *self._demands(question))
        verdict = self._evaluate(asked, len(held), union)
        if verdict.errors:
            return _failed(asked.slice.version, verdict.errors)
        unmet = [demand for demand in also if not demand.by & union]
        if verdict.allowed and unmet:
            return _judgement(asked, Outcome.DENY, (), also=unmet)
        outcome = Outcome.ALLOW if verdict.allowed else Outcome.DENY
        return _judgement(asked, outcome, verdict.rules, also=also if verdict.allowed else ())

    def record(self, question: PolicyQuestion) -> dict[str, int | str | bool]:
        """Every fact that some rule could read, for explaining and for playing it again later."""
        action = question.action
        form = self._whole.get(action.name)
        if form is None:
            facts = self._facts.get(action.name)
            if facts is None:
                return {}
            form = self._whole[action.name] = RequestForm(
                action=action,
                facts=facts,
                reads=frozenset(field.name for field in CONTEXT_FIELDS) | facts.keys(),
                names_ids=False,
                calendar=self._calendar,
            )
        values, _, _ = form.plain(question)
        return {name: value for name, value in values.items() if name not in _IDS}

    def explain(self, question: PolicyQuestion) -> list[Hypothesis]:
        """List each hypothetical that `judge` may ask, its answer and the rules that decided."""
        asked = self._ready(question)
        if isinstance(asked, Judgement):
            return [_hypothesis((), asked)]
        answers: list[Hypothesis] = []
        for roles in asked.slice.hypotheticals:
            verdict = self._evaluate(asked, len(roles), frozenset(roles))
            outcome = Outcome.ALLOW if verdict.allowed else Outcome.DENY
            version = asked.slice.version
            failed = _failed(version, verdict.errors) if verdict.errors else None
            answers.append(_hypothesis(roles, failed or _judgement(asked, outcome, verdict.rules)))
        return answers

    def _ready(self, question: PolicyQuestion) -> _Asked | Judgement:
        """Pass the guards of our own and build the request, or say why it is denied."""
        name = question.action.name
        mine = self.slice(name)
        if mine is None:
            what = f"action `{name}` is not among those the policy was made for"
            return _failed(self._version, (what,))
        if question.resolved.owner != question.subject.id:
            return _guarded(mine.version, OWN_OBJECTS_ONLY)
        unverified = question.assurance is Assurance.UNVERIFIED
        # What was done while they were known is taken back whoever they are.
        if unverified and mine.action.effect is not Effect.MESSAGE and not question.undoes:
            return _guarded(mine.version, VERIFIED_ONLY)
        try:
            request = mine.form.build(question)
            if request.errors:
                return _failed(mine.version, request.errors)
            return self._asked(mine.lacking(request.missing) if request.missing else mine, request)
        except Exception as error:  # noqa: BLE001  (a guard that fails must deny, whatever it was)
            what = f"the question could not be read: {type(error).__name__}"
            return _failed(mine.version, (what,))

    def _asked(self, mine: Slice, request: CedarRequest) -> _Asked:
        """The question as it was asked before, or anew.

        The rules are fixed and see nothing but the request, so the very same request has the very
        same answer: mostly what was judged is asked again when people have said yes, and again at
        the claim. The whole request is the key, so that none can stand for another.
        """
        key = (mine.action.name, orjson.dumps((request.values, request.context, request.missing)))
        with self._recent_lock:
            known = self._recent.get(key)
            if known is not None:
                self._recent.move_to_end(key)
                return known
        entities = mine.form.entities(request)
        asked = _Asked(slice=mine, request=request, entities=entities, verdicts={})
        with self._recent_lock:
            self._recent[key] = asked
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return asked

    def _evaluate(self, asked: _Asked, approvals: int, roles: frozenset[str]) -> CedarVerdict:
        known = asked.verdicts.get((approvals, roles))
        if known is None:
            known = self._ask(asked, approvals, roles)
            if not known.errors:
                asked.verdicts[approvals, roles] = known
        return known

    def _ask(self, asked: _Asked, approvals: int, roles: frozenset[str]) -> CedarVerdict:
        context = asked.request.context | {"approvals": approvals, "approvedBy": sorted(roles)}
        try:
            request = asked.request.parts | {"context": orjson.dumps(context).decode()}
            return evaluate(request, asked.slice.rule_set, asked.entities, asked.slice.form.schema)
        except Exception as error:  # noqa: BLE001  (a guard that fails must deny, whatever it was)
            reason = f"Cedar failed: {type(error).__name__}: {error!s:.200}"
            return CedarVerdict(allowed=False, rules=frozenset(), errors=(reason,))


def read_default_policy(connectors: Iterable[str]) -> dict[str, str]:
    """The texts of the default policy by file name, for `DEFAULT_ROLES`.

    Args:
        connectors: those that the workspace has.

    A connector with rules of its own, such as `stripe.cedar`, brings its file only where it
    is, since a rule about an unknown action does nothing.
    """
    folder = resources.files("sayso.actions.policy") / "policies"
    names = ["default.cedar", *sorted(f"{name}.cedar" for name in set(connectors))]
    files = [folder / name for name in names]
    return {file.name: file.read_text(encoding="utf-8") for file in files if file.is_file()}


def _judgement(
    asked: _Asked,
    outcome: Outcome,
    rules: Iterable[str],
    *,
    roles: tuple[str, ...] = (),
    either: tuple[tuple[str, ...], ...] = (),
    also: Sequence[Demand] = (),
    lacks_a_person: bool = False,
) -> Judgement:
    mine, missing = asked.slice, asked.request.missing
    deciding = tuple(sorted(rules, key=mine.order.__getitem__))
    forced = mine.action.always_ask if roles or lacks_a_person else ()
    said = [demand.say for demand in also]
    foreign = _of_other_currencies(asked, deciding) if outcome is Outcome.DENY else {}
    said += [foreign.get(rule, mine.rules.explains[rule]) for rule in deciding]
    said = said or ([] if forced else ["no rule allows it"])
    said += [f"{name.replace('_', ' ')}: could not be read" for name in missing]
    said += [f"a person always decides: {'; '.join(forced)}"] if forced else []
    return Judgement(
        outcome=outcome,
        rules=(*(demand.rule for demand in also), *deciding),
        explain="; ".join(said),
        roles=roles,
        either=either,
        policy_version=mine.version,
        missing=missing,
    )


def _of_other_currencies(asked: _Asked, deciding: Iterable[str]) -> dict[str, str]:
    """The sentences of rules that forbid it by its currency alone, and speak of an amount."""
    values = asked.request.values
    currency = values.get("currency")
    found: dict[str, str] = {}
    for rule in asked.slice.alone if currency else ():
        if rule.permits or rule.id not in deciding:
            continue
        named = {
            word
            for atom in atoms(rule.formula)
            if isinstance(atom, OneOf) and atom.name == "currency"
            for word in atom.words
        }
        if not named or currency in named or rule.left_out:
            continue
        # INVARIANT: with the same numbers of a currency that it names it would not forbid this.
        if any(not holds(rule.formula, {**values, "currency": one}, 0, _NO_ROLES) for one in named):
            said, names = asked.slice.rules.explains[rule.id], ", ".join(sorted(named))
            found[rule.id] = f"“{said}” is about {names}, and this is in {currency}"
    return found


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


def invalid_policy(problems: Sequence[PolicyProblem]) -> ConfigError:
    """Says what is wrong with a policy: the first problem, the others in the detail."""
    first, *others = problems
    more = f" (and {len(others)} more)" if others else ""
    return ConfigError(
        Code.INVALID_POLICY,
        f"{first}{more}",
        next_step=first.next_step,
        detail="\n".join(f"{problem}; {problem.next_step}" for problem in others),
    )


def _facts(action: Action, asks: Collection[str]) -> dict[str, Fact]:
    return {
        name: replace(fact, missing="ask") if name in asks else fact
        for name, fact in action.declared.items()
    }


def _version(texts: Mapping[str, str], schema: str, roles: Sequence[str], max_quorum: int) -> str:
    return digest(
        {
            "max_quorum": max_quorum,
            "roles": list(roles),
            "schema": schema,
            "texts": dict(texts),
        }
    )
