"""What a pruned log no longer holds accuses nobody, and excuses nothing that it still holds."""

from __future__ import annotations

import orjson
import pytest
from audit.ruled_log import TENANT, RuledLog

from sayso.audit.entry import EntryKind
from sayso.audit.event import Event
from sayso.audit.rules.actions import check_intent, derived_key
from sayso.audit.rules.registry import judge
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Findings


def one_life(log: RuledLog) -> int:
    """An action from the proposal to its end; the index of its first entry."""
    first = len(log.bodies)
    log.asked()
    log.yes()
    log.intent()
    log.done()
    return first


def found_in(log: RuledLog, world: ReplayedState, *, but: range) -> Findings:
    """What the rules say of a log of which some entries are not there any more."""
    findings = Findings()
    for seq, body in enumerate(log.bodies):
        if seq not in but:
            judge(world, Event.of(orjson.loads(body), seq), findings)
    return findings


def pruned() -> ReplayedState:
    """Of a log whose beginning is sealed elsewhere, and which says once more who may do what."""
    world = ReplayedState(TENANT)
    world.miss()
    world.known = True
    return world


def checks(findings: Findings) -> set[Check]:
    """The rules that were broken."""
    return {one.check for one in findings.kept}


@pytest.mark.promise("audit:rules")
@pytest.mark.parametrize("gone", [1, 2, 3], ids=["proposal", "yes", "intent"])
def test_an_action_whose_beginning_is_pruned_breaks_no_rule(gone: int) -> None:
    """How it was judged, and who said yes, stands in entries that are sealed elsewhere."""
    log = RuledLog()
    first = one_life(log)
    kept = found_in(log, pruned(), but=range(first, first + gone))
    assert checks(kept) == set()
    whole = found_in(log, ReplayedState(TENANT), but=range(first, first + gone))
    assert whole.decided, "in a log that is whole, nothing may be missing"


@pytest.mark.promise("audit:rules")
def test_an_action_that_was_proposed_after_the_pruning_is_judged_like_any() -> None:
    """A pruned log knows the whole life of what begins in it: a call unlike it is found."""
    log = RuledLog()
    log.act(EntryKind.ACTION_PROPOSED, "planned", digest=None)
    log.asked()
    log.yes()
    log.intent(digest="c" * 64)
    found = found_in(log, pruned(), but=range(0))
    assert Check.RULE_JUDGED in checks(found)


@pytest.mark.promise("audit:rules")
@pytest.mark.parametrize("digest", [None, "d" * 64], ids=["none", "another"])
def test_a_call_that_nothing_was_judged_for_is_found(digest: str | None) -> None:
    """Also where the entry names no digest, like the judgement that there never was."""
    log = RuledLog()
    log.act(EntryKind.ACTION_PROPOSED, "planned")
    key = derived_key(TENANT, "act_1", digest or "")
    log.act(EntryKind.ACTION_INTENT, "executing", data={"call_key": key}, digest=digest)
    world, findings = ReplayedState(TENANT), Findings()
    *before, intent = [Event.of(orjson.loads(body), seq) for seq, body in enumerate(log.bodies)]
    for event in before:
        judge(world, event, Findings())
    check_intent(world, intent, findings)
    assert checks(findings) == {Check.RULE_JUDGED}
