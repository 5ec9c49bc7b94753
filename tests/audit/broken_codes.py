"""Logs in which customers show who they are, by the book, and each way to cheat.

Whoever writes them holds the log's key, so that nothing but the rules can tell.
"""

from __future__ import annotations

from audit.broken_links import OTHERS, SHOWN, WROTE, Step, known, sent, shown, tie
from audit.ruled_log import BEGAN, BOT, DAY, ENGINE, SUBJECT, RuledLog, person

from sayso.audit.customer_codes import CODE_MICROS
from sayso.audit.entry import EntryKind, Json


def _asked(log: RuledLog, request: str = "req_1", account: str = WROTE) -> None:
    """Somebody writes whom nobody knows."""
    data: dict[str, Json] = {"assurance": "unverified"}
    log.say(EntryKind.REQUEST_ASKED, BOT, data, request=request, subject=account)


def _judged(log: RuledLog, outcome: str = "allow", action: str = "act_1", **said: Json) -> None:
    """An action of theirs that moves money is judged."""
    judged: dict[str, Json] = {"outcome": outcome, "policy_version": "p1", "policy": 1}
    kind, status = EntryKind.ACTION_PENDING, "pending_approval"
    if outcome == "allow":
        kind, status = EntryKind.ACTION_APPROVED, "approved"
    log.act(
        EntryKind.ACTION_PROPOSED,
        "planned",
        action=action,
        request="req_1",
        digest=None,
        amount=None,
        data={"planner": "playbook"},
    )
    roles: list[Json] = [] if outcome == "allow" else ["support_manager"]
    log.act(kind, status, data=judged | {"roles": roles} | said, action=action, request="req_1")


def by_the_codes(log: RuledLog) -> None:
    """A code that comes back, a link by it, a colleague's word, and money by each."""
    _asked(log, account=SUBJECT)
    sent(log, written_as=SUBJECT)
    known(log, written_as=SUBJECT)
    _judged(log, verified_by="code")
    _asked(log, "req_2")
    shown(log, "req_2")
    tie(log, proof="code", request="req_2", until=SHOWN)
    _asked(log, "req_4", account=SUBJECT)
    sent(log, "req_4", written_as=SUBJECT)
    known(log, "req_4", written_as=SUBJECT, by="link")
    _asked(log, "req_3")
    known(log, "req_3", WROTE, person("maria"), by="person")
    sent(log, "req_3")


def _vouched_alone(log: RuledLog) -> None:
    _asked(log, account=SUBJECT)
    known(log, actor=person("maria"), by="person", written_as=SUBJECT)
    _judged(log, verified_by="person")


def _over_by_its_time(log: RuledLog) -> None:
    _asked(log, account=SUBJECT)
    sent(log, written_as=SUBJECT)
    known(log, written_as=SUBJECT, until=_at(log) + 1_000_000)
    for number in range(63):
        log.say(EntryKind.AUDIT_QUERIED, ENGINE, {"number": number})
    _judged(log, verified_by="code")


def _after_its_code(log: RuledLog) -> None:
    _asked(log)
    sent(log, until=_at(log) + 1_000_000)
    for number in range(63):
        log.say(EntryKind.AUDIT_QUERIED, ENGINE, {"number": number})
    known(log)


def _at(log: RuledLog) -> int:
    return BEGAN + len(log.bodies) * 1_000_000


def _named(name: str, *steps: Step) -> Step:
    def step(log: RuledLog) -> None:
        for one in steps:
            one(log)

    step.__name__ = name
    return step


def _own(log: RuledLog) -> None:
    _asked(log, account=SUBJECT)


BROKEN_CODES: tuple[Step, ...] = (
    _named("a_code_for_no_request", lambda log: sent(log, None)),
    _named("a_code_for_ever", _asked, lambda log: sent(log, until=BEGAN + DAY)),
    _named("a_code_for_another_writer", _asked, lambda log: sent(log, written_as=OTHERS)),
    _named("a_code_over_at_once", _asked, lambda log: sent(log, until=BEGAN)),
    _named("known_without_a_code", _asked, known),
    _named("known_without_a_link", _asked, lambda log: known(log, by="link")),
    _named("known_by_its_code_and_its_link", _asked, shown, lambda log: known(log, by="link")),
    _named(
        "known_by_a_link_in_a_text",
        _asked,
        lambda log: sent(log, to="phone"),
        lambda log: known(log, by="link", to="phone"),
    ),
    _named("known_twice_by_one_code", _asked, shown, known),
    _named(
        "known_by_a_code_that_went_elsewhere",
        _asked,
        lambda log: sent(log, account=OTHERS),
        known,
    ),
    _named(
        "known_by_a_code_of_another_request",
        _asked,
        lambda log: _asked(log, "req_2"),
        lambda log: sent(log, "req_2"),
        known,
    ),
    _named("known_after_its_code", _after_its_code),
    _named("known_by_a_guess", _asked, lambda log: shown(log, by="guess")),
    _named("known_for_ever", _asked, lambda log: shown(log, until=BEGAN + 30 * DAY)),
    _named("known_as_another_writer", _asked, sent, lambda log: known(log, written_as=OTHERS)),
)

BROKEN_CODE_LINKS: tuple[Step, ...] = (
    _named(
        "tied_by_a_code_that_nobody_gave",
        _asked,
        sent,
        lambda log: tie(log, proof="code", request="req_1", until=BEGAN + CODE_MICROS),
    ),
    _named(
        "tied_for_longer_than_its_code",
        _asked,
        shown,
        lambda log: tie(log, proof="code", request="req_1", until=SHOWN + 1),
    ),
)

BROKEN_KNOWN: tuple[Step, ...] = (
    _named("money_for_whom_nobody_knows", _own, _judged),
    _named("asking_for_whom_nobody_knows", _own, lambda log: _judged(log, "ask")),
    _named("by_a_code_that_nobody_gave", _own, lambda log: _judged(log, verified_by="code")),
    _named("by_what_was_over", _over_by_its_time),
    _named("alone_on_a_colleague_s_word", _vouched_alone),
)

VOUCHED_BY_NOBODY: tuple[Step, ...] = (
    _named(
        "vouched_for_without_a_role",
        _asked,
        lambda log: known(log, actor=person("nobody"), by="person"),
    ),
    _named("vouched_for_by_the_system", _asked, lambda log: known(log, by="person")),
)

VOUCHED_BY_NO_CREDENTIAL: tuple[Step, ...] = (
    _named(
        "vouched_for_by_anothers_token",
        _asked,
        lambda log: known(log, actor=person("maria"), by="person", credential="tok_noor"),
    ),
)
