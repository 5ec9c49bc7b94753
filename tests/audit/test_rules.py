"""The verifier knows the rules: what the log's own key has signed and was not allowed is found."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from audit.broken_codes import by_the_codes
from audit.broken_links import by_the_links
from audit.broken_passkeys import by_the_passkeys
from audit.broken_rules import BROKEN, Step
from audit.copied_verifier import places_of, without
from audit.ruled_log import RuledLog, by_the_book, write_ruled
from audit.small_log import SmallLog

from sayso.audit.entry import EntryKind
from sayso.audit.event import Event
from sayso.audit.rules.registry import REGISTRY, Free, JudgedBy, Rule
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings, Verdict, Verification
from sayso.audit.verify import verify


def _judged(path: Path) -> Verification:
    return verify(path, deep=True)


def _rules_of(found: Verification) -> set[Check]:
    return {one.check for one in found.all_findings if one.damage is Damage.RULE_BROKEN}


@pytest.mark.promise("audit:rules")
def test_what_goes_by_the_book_breaks_no_rule(tmp_path: Path) -> None:
    """And every entry of it was judged, from the one on that adopted the rules."""
    found = _judged(write_ruled(tmp_path / "bundle", by_the_book))
    assert _rules_of(found) == set()
    (log,) = found.logs
    assert log.rules_from == 0
    assert log.judged == log.entries


@pytest.mark.promise("audit:rules")
@pytest.mark.parametrize(
    ("check", "step"),
    [(check, step) for check, steps in BROKEN.items() for step in steps],
    ids=lambda value: value.value if isinstance(value, Check) else value.__name__.strip("_"),
)
def test_each_way_to_break_a_rule_is_found(check: Check, step: Step, tmp_path: Path) -> None:
    """A log that shows a broken rule does not verify, whoever signed it."""
    found = _judged(write_ruled(tmp_path / "bundle", step))
    assert _rules_of(found) == {check}, found.all_findings
    assert found.verdict is Verdict.TAMPERED


@pytest.mark.promise("audit:passkey")
def test_what_passkeys_have_signed_breaks_no_rule(tmp_path: Path) -> None:
    """Two people with a passkey each, one confirmed by the other; checked from the export alone."""
    found = _judged(write_ruled(tmp_path / "bundle", by_the_passkeys))
    assert _rules_of(found) == set(), found.all_findings


@pytest.mark.promise("customers:judged")
def test_what_goes_over_links_by_the_book_breaks_no_rule(tmp_path: Path) -> None:
    """Chains, codes in their conversation, a colleague's word, what is told again, an undoing."""
    found = _judged(write_ruled(tmp_path / "bundle", by_the_links))
    assert _rules_of(found) == set(), found.all_findings
    (log,) = found.logs
    assert log.judged == log.entries


@pytest.mark.promise("customers:step-up:judged")
def test_what_goes_by_codes_by_the_book_breaks_no_rule(tmp_path: Path) -> None:
    """A code that comes back, the link by it, a colleague's word."""
    found = _judged(write_ruled(tmp_path / "bundle", by_the_codes))
    assert _rules_of(found) == set(), found.all_findings
    (log,) = found.logs
    assert log.judged == log.entries


@pytest.mark.promise("audit:rules")
def test_every_kind_of_entry_has_its_rules_or_a_reason() -> None:
    """Whoever adds a kind has to say what it is judged by."""
    assert REGISTRY.keys() == set(EntryKind)
    assert all(rule.reason.strip() for rule in REGISTRY.values() if isinstance(rule, Free))
    for rules in REGISTRY.values():
        assert isinstance(rules, Free) or rules.rules or rules.makes is not None


def test_a_log_from_before_there_were_rules_is_not_judged_by_them(tmp_path: Path) -> None:
    """It says less, and nothing of that was promised when it was written."""
    (log,) = verify(SmallLog(8).write(tmp_path / "log.db"), deep=True).logs
    assert (log.judged, log.rules_from, log.verdict) == (0, None, Verdict.VERIFIED)


def test_what_was_done_before_the_rules_is_carried_on_after_them(tmp_path: Path) -> None:
    """An upgrade in the middle of an action's life accuses nobody."""
    log = RuledLog()
    first, rest = log.bodies[0], log.bodies[1:]
    log.bodies.clear()
    log.asked()
    log.bodies += [_at(body, len(log.bodies) + place) for place, body in enumerate((first, *rest))]
    log.yes()
    log.intent()
    log.done()
    found = _judged(log.bundle(tmp_path / "bundle"))
    assert _rules_of(found) == set(), found.all_findings
    assert found.logs[0].rules_from == 1


def _at(body: bytes, seq: int) -> bytes:
    before, _, after = body.partition(b'"seq":')
    return before + b'"seq":%d' % seq + after[after.index(b",") :]


_PLACES = [(check, place) for check in BROKEN for place in range(places_of(check))]


@pytest.mark.promise("audit:verifier-tested")
@pytest.mark.parametrize(("check", "place"), _PLACES, ids=str)
def test_each_statement_that_reports_a_broken_rule_is_needed(
    check: Check, place: int, tmp_path: Path
) -> None:
    """Without it one of the ways in which the rule can be broken would not be found."""
    paths = [write_ruled(tmp_path / str(at), step) for at, step in enumerate(BROKEN[check])]
    with without(check, place) as (_, verifier):
        verdicts = [str(verifier.verify(path, deep=True).verdict.value) for path in paths]
    assert Verdict.VERIFIED.value in verdicts


# ---- without one rule after the other ----------------------------------------------------------

_RULES = {
    rule.__qualname__: rule
    for rules in REGISTRY.values()
    if isinstance(rules, JudgedBy)
    for rule in rules.rules
}


_STEPS = [step for steps in BROKEN.values() for step in steps]


def _found_without(rule: Rule | None, step: Step) -> bool:
    """Whether a broken log is found when the book lacks one rule."""
    log = RuledLog()
    step(log)
    world, findings = ReplayedState(log.tenant), Findings()
    for seq, body in enumerate(log.bodies):
        event = Event.of(orjson.loads(body), seq)
        rules = REGISTRY[EntryKind(event.kind)]
        if isinstance(rules, JudgedBy):
            for one in rules.rules if world.judges else ():
                if one is not rule:
                    one(world, event, findings)
            if rules.makes is not None:
                rules.makes(world, event)
        world.advance(event)
    return findings.decided


@pytest.mark.promise("audit:verifier-tested")
@pytest.mark.parametrize("name", _RULES)
def test_each_rule_of_the_book_is_needed(name: str) -> None:
    """Taken out, something that it forbids goes unnoticed: no rule survives its own absence."""
    assert not all(_found_without(_RULES[name], step) for step in _STEPS)


def test_with_every_rule_of_the_book_nothing_goes_unnoticed() -> None:
    """What is missed above is missed for want of the rule."""
    assert all(_found_without(None, step) for step in _STEPS)
