"""One log for each rule, in which just that rule was broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audit.broken_codes import (
    BROKEN_CODE_LINKS,
    BROKEN_CODES,
    BROKEN_KNOWN,
    VOUCHED_BY_NO_CREDENTIAL,
    VOUCHED_BY_NOBODY,
)
from audit.broken_links import BROKEN_LINKS, BROKEN_REACH, BY_NO_CREDENTIAL, BY_NOBODY, STOPPED
from audit.broken_passkeys import BROKEN_PASSKEYS, removed_by_an_ended_token
from audit.broken_withdrawals import AFTER_A_WITHDRAWAL
from audit.ruled_log import (
    BEGAN,
    BOT,
    DIGEST,
    ENGINE,
    OTHER,
    SUBJECT,
    WORKSPACE,
    RuledLog,
    drafted,
    person,
    proposed,
    restated,
)

from sayso.audit.entry import Actor, ActorKind, EntryKind, Json
from sayso.audit.verifier.verification import Check

Step = Callable[[RuledLog], None]


def _twice(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent()
    log.done()
    log.intent()


def _never_asked(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_REPLIED, ENGINE, {}, request="req_1")


def _denied_and_done(log: RuledLog) -> None:
    data: dict[str, Json] = {"outcome": "deny", "policy": 1, "policy_version": "p1", "roles": []}
    log.act(EntryKind.ACTION_APPROVED, "approved", BOT, data)


def _something_else_is_called(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent(digest=OTHER)


def _under_no_policy(log: RuledLog) -> None:
    log.asked(policy=2)


def _under_the_last_policy(log: RuledLog) -> None:
    log.policy(2, WORKSPACE)
    log.asked()


def _refused_by_a_later_policy(log: RuledLog) -> None:
    log.asked()
    log.policy(2, WORKSPACE)
    log.refused(policy=3)


def _another_thing_refused(log: RuledLog) -> None:
    log.asked()
    log.policy(2, WORKSPACE)
    log.refused(digest=OTHER)


def _without_a_yes(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent(approval="apr_2")


def _about_something_else(log: RuledLog) -> None:
    log.asked()
    log.yes(revision=2)


def _escalated_to_another(log: RuledLog) -> None:
    log.asked()
    data: dict[str, Json] = {"of_action": "act_1", "revision": 2, "role": "director", "roles": []}
    log.say(EntryKind.APPROVAL_ESCALATED, ENGINE, data, approval="apr_1")


def _too_late(log: RuledLog) -> None:
    log.asked(expires_at=BEGAN)
    log.yes()


def _called_too_late(log: RuledLog) -> None:
    log.asked(expires_at=BEGAN + (len(log.bodies) + 2) * 1_000_000)
    log.yes()
    log.intent()


def _one_for_two(log: RuledLog) -> None:
    log.asked("support_manager", "finance")
    log.yes()


def _one_left(log: RuledLog) -> None:
    log.asked("support_manager", "finance")
    log.yes(enough=False)
    log.yes("finn")
    log.say(EntryKind.PERSON_DEACTIVATED, WORKSPACE, {"person": "maria"})
    log.intent()


def _not_asked(log: RuledLog) -> None:
    log.asked()
    log.yes(enough=False)
    log.yes("finn")


def _settled_without_a_role(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent()
    log.lost()
    data: dict[str, Json] = {"outcome": "succeeded", "credential": "tok_nobody"}
    log.act(EntryKind.ACTION_RESOLVED, "succeeded", person("nobody"), data)


def _proposed(
    by: str = "maria", *, draft: Json = DIGEST, credential: str = "", twice: bool = False
) -> Step:
    def _broken(log: RuledLog) -> None:
        drafted(log)
        if twice:
            proposed(log, "noor")
        proposed(log, by, draft=draft, credential=credential)

    return _broken


def _another_question_answered(log: RuledLog) -> None:
    restated(log, answered=OTHER)


def _another_plan_than_was_restated(log: RuledLog) -> None:
    restated(log, planned=DIGEST)


def _a_yes_that_nobody_said(log: RuledLog) -> None:
    restated(log, answered="")


def _a_yes_to_nothing(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_8", subject=SUBJECT)
    plan: dict[str, Json] = {"planner": "playbook", "confirmed": True, "plan": DIGEST}
    log.say(EntryKind.REQUEST_PLANNED, ENGINE, plan, request="req_8", subject=SUBJECT)


ON_A_YES = "model:one@yes"


def _shown_by_nothing(log: RuledLog, planner: str = ON_A_YES) -> None:
    """A plan that no words show, restated and confirmed; its step is proposed by that planner."""
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_8", subject=SUBJECT)
    question: dict[str, Json] = {"question": 1, "slot": "confirm", "asked": DIGEST, "plan": OTHER}
    log.say(EntryKind.REQUEST_QUESTIONED, ENGINE, question, request="req_8", subject=SUBJECT)
    said: dict[str, Json] = {"question": 1, "picked": True, "asked": DIGEST}
    log.say(EntryKind.REQUEST_CONTINUED, BOT, said, request="req_8", subject=SUBJECT)
    step: dict[str, Json] = {"planner": planner, "step": "s1", "after": []}
    log.act(EntryKind.ACTION_PROPOSED, "planned", BOT, step, request="req_8", digest=None)
    plan: dict[str, Json] = {
        "planner": ON_A_YES,
        "steps": ["s1 shop.refund"],
        "confirmed": True,
        "plan": OTHER,
    }
    log.say(EntryKind.REQUEST_PLANNED, ENGINE, plan, request="req_8", subject=SUBJECT)


def _alone_on_a_yes(log: RuledLog) -> None:
    _shown_by_nothing(log)
    log.allowed("act_1", planner=ON_A_YES)


def _alone_under_another_name(log: RuledLog) -> None:
    _shown_by_nothing(log, planner="playbook:refund")
    log.allowed("act_1", planner="playbook:refund")


def _on_a_yes_unsaid(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_8", subject=SUBJECT)
    plan: dict[str, Json] = {"planner": ON_A_YES, "steps": ["s1 shop.refund"], "confirmed": False}
    log.say(EntryKind.REQUEST_PLANNED, ENGINE, plan, request="req_8", subject=SUBJECT)


def _proposed_by_the_agent(log: RuledLog) -> None:
    drafted(log)
    agent = Actor(kind=ActorKind.SERVICE, id="maria")
    proposed(log, actor=agent)


def _own(log: RuledLog) -> None:
    log.asked(actor=person("maria"))
    log.yes()


def _own_request(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_ASKED, person("maria"), {}, request="req_1", subject=SUBJECT)
    data: dict[str, Json] = {"planner": "playbook", "step": "s1"}
    log.act(EntryKind.ACTION_PROPOSED, "planned", ENGINE, data, request="req_1", digest=None)
    log.asked()
    log.yes()


def _own_settled(log: RuledLog) -> None:
    log.asked(actor=person("noor"))
    log.yes()
    log.intent()
    log.lost()
    data: dict[str, Json] = {"outcome": "failed", "credential": "tok_noor"}
    log.act(EntryKind.ACTION_RESOLVED, "failed", person("noor"), data)


def _revoked(log: RuledLog) -> None:
    log.asked()
    log.say(EntryKind.TOKEN_REVOKED, WORKSPACE, {"token": "tok_maria"})
    log.yes()


def _ended(log: RuledLog) -> None:
    log.token("maria", name="tok_short", days=0, seconds=len(log.bodies) + 2)
    log.asked()
    log.yes(credential="tok_short")


def _by_a_credential(credential: Json) -> Step:
    def step(log: RuledLog) -> None:
        log.asked()
        log.yes(credential=credential)

    return step


def _stopped_by_nobody(log: RuledLog) -> None:
    log.stop(EntryKind.STOP_ENGAGED, "maria", credential="tok_stopper")


def _service_without_scope(log: RuledLog) -> None:
    log.say(EntryKind.STOP_ENGAGED, BOT, {"stop": "stp_1", "scope": "all", "credential": "tok_bot"})


def _policy_out_of_order(number: Json, parent: Json = 1) -> Step:
    return lambda log: log.policy(number, WORKSPACE, parent=parent)


def _policy_loosened_alone(log: RuledLog) -> None:
    log.policy(2, person("finn"), credential="tok_finn")


def _policy_by_somebody(log: RuledLog) -> None:
    log.policy(2, person("noor"), credential="tok_noor", direction="same")


def _policy_asked_by_somebody(log: RuledLog) -> None:
    log.policy_change("noor")


def _policy_confirmed(by: str, asked_by: str = "finn", sha256: str = DIGEST) -> Step:
    def step(log: RuledLog) -> None:
        log.policy_change(sha256=sha256)
        said: dict[str, Json] = {"change": "pol_1", "asked_by": asked_by}
        log.policy(2, person(by), credential=f"tok_{by}", **said)

    return step


def _policy_withdrawn(log: RuledLog) -> None:
    log.policy_change()
    data: dict[str, Json] = {"change": "pol_1", "credential": "tok_none"}
    log.say(EntryKind.POLICY_WITHDRAWN, person("finn"), data)


def _settled_by_an_ended_token(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent()
    log.lost()
    data: dict[str, Json] = {"outcome": "failed", "credential": "tok_none"}
    log.act(EntryKind.ACTION_RESOLVED, "failed", person("noor"), data)


def _by_an_ended_token(kind: EntryKind, data: dict[str, Json], subject: str | None = None) -> Step:
    def step(log: RuledLog) -> None:
        log.say(kind, person("maria"), {**data, "credential": "tok_none"}, subject=subject)

    return step


def _released_by_an_ended_token(log: RuledLog) -> None:
    log.stop(EntryKind.STOP_ENGAGED, "maria")
    log.stop(EntryKind.STOP_RESUME_ASKED, "maria", credential="tok_none")


def _pruned_under_a_hold(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.say(EntryKind.LOG_PRUNED, WORKSPACE, {"size": 0})


def _under_a_stop(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.stop(EntryKind.STOP_ENGAGED, "maria")
    log.intent()


def _another_key(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent(call_key="sayso_0")


def _taken_back_by_nothing(log: RuledLog) -> None:
    log.asked()
    log.yes()
    log.intent()
    log.done()
    data: dict[str, Json] = {"planner": "caller", "undoes": "act_1"}
    log.act(EntryKind.ACTION_PROPOSED, "planned", ENGINE, data, action="act_2", digest=None)
    log.act(EntryKind.ACTION_COMPENSATED, "compensated", data={"by": "act_2"})


def _released_alone(log: RuledLog) -> None:
    log.stop(EntryKind.STOP_ENGAGED, "maria")
    log.stop(EntryKind.STOP_RESUME_ASKED, "maria")
    log.stop(EntryKind.STOP_RELEASED, "maria", asked_by="noor")


def _released_unasked(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.hold(EntryKind.SUBJECT_RELEASED, "noor")


def _released_twice(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_RELEASE_ASKED, "noor")


def _erased_under_a_hold(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.erase()


def _swept_under_a_hold(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.say(EntryKind.RETENTION_SWEPT, ENGINE, {"subjects": 1, "of": [SUBJECT]})


def _swept_unsaid_under_a_hold(log: RuledLog) -> None:
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.say(EntryKind.RETENTION_SWEPT, ENGINE, {"subjects": 1})


def _never_erased(log: RuledLog) -> None:
    log.erase(EntryKind.SUBJECT_ERASED)


def _added_twice(log: RuledLog) -> None:
    log.say(EntryKind.PERSON_ADDED, WORKSPACE, {"person": "maria", "roles": ["director"]})


def _added_by_somebody(log: RuledLog) -> None:
    data: dict[str, Json] = {"person": "eve", "roles": ["finance"], "credential": "tok_eve"}
    log.say(EntryKind.PERSON_ADDED, person("nobody"), data)


def _token_of_nobody(log: RuledLog) -> None:
    log.token("eve")


def _token_for_ever(log: RuledLog) -> None:
    log.token("bot", kind="service", scopes=["actions:read"], days=4000)


def _deciding_service(log: RuledLog) -> None:
    log.token("bot", kind="service")


def _revoked_twice(log: RuledLog) -> None:
    log.say(EntryKind.TOKEN_REVOKED, WORKSPACE, {"token": "tok_gone"})


def _beyond_a_limit(**said: Json) -> Step:
    def step(log: RuledLog) -> None:
        log.limited("act_1")
        log.limited("act_2", **said)

    return step


def _limit_unsaid(log: RuledLog) -> None:
    log.limits()
    log.allowed("act_1")


def _another_cap(log: RuledLog) -> None:
    log.limits()
    log.limited("act_1", cap=99_000)


def _stated_otherwise(log: RuledLog) -> None:
    said: dict[str, Json] = {
        "id": "eve",
        "roles": ["finance"],
        "slack": None,
        "active": True,
        "source": "",
        "statement": "",
        "stated_at": 0,
        "seq": 1,
    }
    data: dict[str, Json] = {"part": 1, "parts": 1, "adopted": 0, "people": [said]}
    log.say(EntryKind.AUTHORITY_STATED, WORKSPACE, data)


def _test_card(*steps: Step) -> Step:
    """A test card that waits, and what is said of it then."""

    def step(log: RuledLog) -> None:
        shown: dict[str, Json] = {"canary": "apr_1", "roles": ["support_manager"]}
        log.say(EntryKind.CANARY_SHOWN, ENGINE, shown)
        for one in steps:
            one(log)

    return step


def _test_card_answered(name: str, credential: str = "") -> Step:
    def step(log: RuledLog) -> None:
        data: dict[str, Json] = {"canary": "apr_1", "credential": credential or f"tok_{name}"}
        log.say(EntryKind.CANARY_ANSWERED, person(name), data)

    return step


def _test_card_ended(log: RuledLog) -> None:
    log.say(EntryKind.CANARY_ENDED, person("maria"), {"canary": "apr_1", "why": "unanswered"})


def _mended(
    *words: tuple[str, str], asked: bool = True, other: bool = False
) -> Callable[[RuledLog], None]:
    """A repair by these people with these credentials; by two, unless said."""

    def steps(log: RuledLog) -> None:
        first, *rest = words or (("maria", "tok_maria"), ("noor", "tok_noor"))
        if asked:
            data: dict[str, Json] = {"repair": DIGEST, "credential": first[1]}
            log.say(EntryKind.REPAIR_ASKED, person(first[0]), data)
        for name, credential in rest:
            done = {"repair": OTHER if other else DIGEST, "asked_by": first[0]}
            log.say(EntryKind.REPAIRED, person(name), {**done, "credential": credential})

    return steps


BROKEN: Mapping[Check, tuple[Step, ...]] = {
    Check.RULE_TRANSITION: (_twice, _never_asked),
    Check.RULE_JUDGED: (_denied_and_done, _something_else_is_called),
    Check.RULE_POLICY: (
        _under_no_policy,
        _under_the_last_policy,
        _refused_by_a_later_policy,
        _another_thing_refused,
        _policy_out_of_order(3),
        _policy_out_of_order(None),
        _policy_out_of_order(2, parent=None),
        _policy_loosened_alone,
        _policy_by_somebody,
        _policy_asked_by_somebody,
        _policy_confirmed("noor"),
        _policy_confirmed("finn"),
        _policy_confirmed("dora", sha256=OTHER),
        _policy_confirmed("dora", asked_by="noor"),
    ),
    Check.RULE_APPROVED: (_without_a_yes, _alone_on_a_yes, _alone_under_another_name),
    Check.RULE_BOUND: (
        _another_question_answered,
        _another_plan_than_was_restated,
        _a_yes_that_nobody_said,
        _a_yes_to_nothing,
        _on_a_yes_unsaid,
        _about_something_else,
        _escalated_to_another,
        _proposed(draft=OTHER),
        _proposed(draft=None),
        _proposed(twice=True),
    ),
    Check.RULE_UNEXPIRED: (_too_late, _called_too_late),
    Check.RULE_WITHDRAWN: AFTER_A_WITHDRAWAL,
    Check.RULE_QUORUM: (_one_for_two, _one_left),
    Check.RULE_APPROVER: (
        _not_asked,
        _settled_without_a_role,
        _proposed("nobody"),
        _proposed_by_the_agent,
        *BY_NOBODY,
        *VOUCHED_BY_NOBODY,
    ),
    Check.RULE_OWN_REQUEST: (_own, _own_request, _own_settled),
    Check.RULE_CREDENTIAL: (
        _revoked,
        _ended,
        _by_a_credential("tok_noor"),
        _by_a_credential("tok_stopper"),
        _by_a_credential("tok_none"),
        _by_a_credential("slack:T1/U1"),
        _by_a_credential("teams:t1/u1"),
        _by_a_credential(None),
        _stopped_by_nobody,
        _service_without_scope,
        _added_by_somebody,
        _settled_by_an_ended_token,
        _proposed(credential="tok_noor"),
        _proposed(credential="tok_none"),
        _released_by_an_ended_token,
        _by_an_ended_token(EntryKind.SUBJECT_HELD, {"hold": "hld_1"}, SUBJECT),
        _by_an_ended_token(EntryKind.SUBJECT_ERASING, {"erasure": "ers_1"}, SUBJECT),
        _by_an_ended_token(EntryKind.LOG_PRUNED, {"size": 0}),
        _policy_withdrawn,
        removed_by_an_ended_token,
        _test_card(_test_card_answered("maria", "tok_none")),
        *BY_NO_CREDENTIAL,
        *VOUCHED_BY_NO_CREDENTIAL,
    ),
    Check.RULE_STOPPED: (_under_a_stop, *STOPPED),
    Check.RULE_CALL_KEY: (_another_key,),
    Check.RULE_COMPENSATED: (_taken_back_by_nothing,),
    Check.RULE_TWO_PEOPLE: (_released_alone, _released_unasked, _released_twice),
    Check.RULE_HELD: (
        _erased_under_a_hold,
        _swept_under_a_hold,
        _swept_unsaid_under_a_hold,
        _pruned_under_a_hold,
    ),
    Check.RULE_ERASURE: (_never_erased,),
    Check.RULE_PEOPLE: (_added_twice,),
    Check.RULE_TOKEN: (_token_of_nobody, _token_for_ever, _deciding_service, _revoked_twice),
    Check.RULE_LIMIT: (
        _beyond_a_limit(used=9_900),
        _beyond_a_limit(used=0),
        _beyond_a_limit(used=9_900, minor=1),
        _limit_unsaid,
        _another_cap,
    ),
    Check.RULE_STATED: (_stated_otherwise,),
    Check.RULE_PASSKEY: BROKEN_PASSKEYS,
    Check.RULE_REPAIR: (
        _mended(("maria", "tok_maria"), ("maria", "tok_maria")),
        _mended(("maria", "tok_maria"), ("noor", "host")),
        _mended(("maria", "tok_maria"), ("noor", "tok_maria")),
        _mended(("nobody", "tok_nobody")),
        _mended(asked=False),
        _mended(other=True),
    ),
    Check.RULE_LINK: (*BROKEN_LINKS, *BROKEN_CODE_LINKS),
    Check.RULE_REACH: (*BROKEN_REACH, *BROKEN_KNOWN),
    Check.RULE_CODE: BROKEN_CODES,
    Check.RULE_CANARY: (
        _test_card(_test_card()),
        _test_card_answered("maria"),
        _test_card(_test_card_answered("finn")),
        _test_card(_test_card_answered("maria"), _test_card_answered("noor")),
        _test_card(_test_card_ended),
        _test_card(RuledLog.asked),
    ),
}
"""Each way in which a rule can be broken, and which one it is."""
