"""Local time: weekdays, hours and holidays of the workspace's place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from policy_cases import ACTIONS, ROLES, question, rule

from sayso.actions.policy.base import Outcome
from sayso.actions.policy.calendar import read_calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.reading import read_policy
from sayso.errors import Code, ConfigError

HOLIDAYS = """
# Berlin
2026-12-25 Christmas
2026-12-26 Second day of Christmas
"""
WEEKEND = rule('["sat", "sun"].contains(context.weekday)')
CLOSED = rule("!context.holiday", name="open") + rule(
    'context.amount.lessThanOrEqual(decimal("5.00"))', name="tiny"
)
BERLIN = read_calendar("Europe/Berlin", HOLIDAYS)


def outcome(text: str, at: datetime, zone: str = "Europe/Berlin") -> Outcome:
    """What a policy of one or two rules says at a moment."""
    calendar = read_calendar(zone, HOLIDAYS)
    policy = CedarPolicy({"p": text}, ACTIONS, ROLES, calendar=calendar)
    return policy.judge(replace(question(), at=at)).outcome


@pytest.mark.promise("policy:calendar")
@pytest.mark.parametrize(
    ("at", "weekday", "hour"),
    [
        (datetime(2026, 11, 27, 22, 59, 59, tzinfo=UTC), "fri", 23),
        (datetime(2026, 11, 27, 23, 0, 0, tzinfo=UTC), "sat", 0),
        (datetime(2026, 7, 31, 21, 59, tzinfo=UTC), "fri", 23),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), "sat", 0),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "sun", 1),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "sun", 3),  # there is no two o'clock
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "sun", 2),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "sun", 2),  # and here there are two
    ],
)
def test_the_weekday_and_the_hour_are_those_of_the_place(
    at: datetime, weekday: str, hour: int
) -> None:
    """Also where the clock is changed."""
    moment = BERLIN.moment(at)
    assert (moment.weekday, moment.hour) == (weekday, hour)


@pytest.mark.promise("policy:calendar")
def test_a_rule_about_weekends_begins_at_midnight_there() -> None:
    """Not at midnight in UTC."""
    friday = datetime(2026, 11, 27, 22, 59, 59, tzinfo=UTC)
    assert outcome(WEEKEND, friday) is Outcome.DENY
    assert outcome(WEEKEND, friday + timedelta(seconds=1)) is Outcome.ALLOW
    assert outcome(WEEKEND, friday + timedelta(seconds=1), "UTC") is Outcome.DENY


@pytest.mark.promise("policy:calendar")
def test_after_the_last_holiday_nobody_knows_and_the_rules_about_it_are_met() -> None:
    """Neither a holiday nor none: the permit that reads it is out, and people are told before."""
    assert outcome(CLOSED, datetime(2026, 12, 24, 12, tzinfo=UTC)) is Outcome.ALLOW
    assert outcome(CLOSED, datetime(2026, 12, 25, 12, tzinfo=UTC)) is Outcome.DENY
    assert outcome(CLOSED, datetime(2026, 12, 27, 12, tzinfo=UTC)) is Outcome.DENY
    assert not BERLIN.ends_within(datetime(2026, 11, 25, tzinfo=UTC))
    assert BERLIN.ends_within(datetime(2026, 11, 26, tzinfo=UTC))


@pytest.mark.promise("policy:calendar")
@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../../etc/passwd", "", "zone.tab", "Europe"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    """And nothing else is read in its place."""
    with pytest.raises(ConfigError) as wrong:
        read_calendar(zone)
    assert wrong.value.code is Code.INVALID_SETTING


def test_a_line_that_is_no_date_is_named() -> None:
    """With its number."""
    with pytest.raises(ConfigError, match="holidays line 2: `24 December`"):
        read_calendar("UTC", "2026-12-25\n24 December")


@pytest.mark.promise("policy:calendar")
def test_a_version_made_by_other_data_of_the_zone_is_not_judged_by() -> None:
    """Two workers with other data would let different things through."""
    rules = PolicyRules(roles=ROLES, time_zone="Europe/Berlin", zone_sha256="0" * 64)
    with pytest.raises(ConfigError, match="other here than in this version"):
        read_policy(PolicyDocument(files={"a.cedar": WEEKEND}, rules=rules), ACTIONS)
    same = rules.model_copy(update={"zone_sha256": BERLIN.sha256})
    read_policy(PolicyDocument(files={"a.cedar": WEEKEND}, rules=same), ACTIONS)


@pytest.mark.promise("policy:slices")
def test_the_zone_belongs_to_the_slices_that_read_it() -> None:
    """A card about something else is not judged anew because the office moved."""
    other = read_calendar("America/New_York")
    for text, differs in (
        (WEEKEND, True),
        (rule("true"), False),
        (rule("context.hour > 3"), False),
    ):
        one, two = (
            CedarPolicy({"p": text}, ACTIONS, ROLES, calendar=each).version_for("shop.refund")
            for each in (BERLIN, other)
        )
        assert (one != two) is differs
