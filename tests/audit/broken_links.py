"""Logs in which accounts are tied and an action goes over it, by the book, and each way to cheat.

Whoever writes them holds the log's key, so that nothing but the rules can tell.
"""

from __future__ import annotations

from collections.abc import Callable

from audit.ruled_log import BEGAN, BOT, DAY, ENGINE, SUBJECT, TENANT, RuledLog, person

from sayso.audit.customer_codes import CODE_MICROS
from sayso.audit.customer_links import reach_data
from sayso.audit.entry import Actor, Entry, EntryKind, Json

Step = Callable[[RuledLog], None]
SHOWN = BEGAN + 3_600_000_000
"""Until when what was shown by a code counts."""
WROTE, BETWEEN, OTHERS = "sub_wrote", "sub_between", "sub_others"


def tie(
    log: RuledLog,
    link: str = "lnk_1",
    *,
    ends: tuple[str, str] = (WROTE, SUBJECT),
    proof: str = "record",
    actor: Actor = ENGINE,
    request: str | None = None,
    at: int | None = None,
    said: dict[str, Json] | None = None,
    **more: Json,
) -> None:
    """Two accounts are one customer's."""
    data: dict[str, Json] = {
        "link": link,
        "linked_with": ends[1],
        "providers": ["desk", "shop"],
        "proof": proof,
        "credential": f"tok_{actor.id}" if actor.kind == "person" else "host",
    }
    entry = Entry(
        kind=EntryKind.CUSTOMER_LINKED,
        actor=actor,
        subject=ends[0],
        request=request,
        data=data | more | (said or {}),
    )
    if at is None:
        log.append(entry)
    else:
        log.bodies.append(entry.body(tenant=TENANT, seq=len(log.bodies), at_micros=at))


def untie(
    log: RuledLog,
    link: str = "lnk_1",
    *,
    ends: tuple[str, str] = (WROTE, SUBJECT),
    why: str = "record_changed",
    by: Actor = ENGINE,
    credential: str | None = None,
) -> None:
    """They are so no more."""
    named = credential or (f"tok_{by.id}" if by.kind == "person" else "host")
    data: dict[str, Json] = {
        "link": link,
        "linked_with": ends[1],
        "proof": "record",
        "why": why,
        "credential": named,
    }
    log.say(EntryKind.CUSTOMER_UNLINKED, by, data, subject=ends[0])


def wrote(log: RuledLog, request: str = "req_1", account: str = WROTE) -> None:
    """Somebody writes by an account."""
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request=request, subject=account)


def signed(log: RuledLog, request: str = "req_1") -> None:
    """Somebody writes, and an assertion names another account of theirs."""
    said: dict[str, Json] = {"accounts": [SUBJECT], "accounts_until": SHOWN}
    log.say(EntryKind.REQUEST_ASKED, BOT, said, request=request, subject=WROTE)


def sent(
    log: RuledLog, request: str | None = "req_1", account: str = SUBJECT, **more: Json
) -> None:
    """A code goes to the address on file at an account."""
    said: dict[str, Json] = {"to": "email", "written_as": WROTE, "until": _next(log) + CODE_MICROS}
    data = said | more
    log.say(EntryKind.CUSTOMER_CODE_SENT, ENGINE, data, request=request, subject=account)


def known(
    log: RuledLog,
    request: str = "req_1",
    account: str = SUBJECT,
    actor: Actor = ENGINE,
    **more: Json,
) -> None:
    """It is known from here on that the account is the writer's."""
    said: dict[str, Json] = {"to": "email", "by": "code", "written_as": WROTE, "until": SHOWN}
    said["credential"] = f"tok_{actor.id}" if actor.kind == "person" else "host"
    log.say(EntryKind.CUSTOMER_VERIFIED, actor, said | more, request=request, subject=account)


def shown(log: RuledLog, request: str = "req_1", account: str = SUBJECT, **more: Json) -> None:
    """A code goes out, and comes back."""
    sent(log, request, account)
    known(log, request, account, ENGINE, **more)


def over(
    log: RuledLog,
    *links: str,
    written_as: str | None = WROTE,
    request: str | None = "req_1",
    action: str = "act_1",
) -> None:
    """An action for `SUBJECT` is planned for a request, over these links."""
    said = {} if written_as is None else reach_data(written_as, links)
    log.act(
        EntryKind.ACTION_PROPOSED,
        "planned",
        action=action,
        request=request,
        digest=None,
        amount=None,
        data={"planner": "playbook", **said},
    )


def allowed(log: RuledLog, action: str = "act_1") -> None:
    """The policy needs nobody for it."""
    judged: dict[str, Json] = {"outcome": "allow", "policy_version": "p1", "policy": 1, "roles": []}
    log.act(EntryKind.ACTION_APPROVED, "approved", data=judged, action=action, request="req_1")


def by_the_links(log: RuledLog) -> None:
    """A chain of two, a code in its conversation, a colleague's word, one told again."""
    wrote(log)
    shown(log)
    tie(log, "lnk_1", ends=(WROTE, BETWEEN))
    tie(log, "lnk_2", ends=(SUBJECT, BETWEEN))
    over(log, "lnk_1", "lnk_2", action="act_1")
    allowed(log, "act_1")
    tie(log, "lnk_3", proof="code", request="req_1", until=SHOWN)
    over(log, "lnk_3", action="act_2")
    allowed(log, "act_2")
    tie(log, "lnk_4", proof="person", actor=person("maria"))
    over(log, "lnk_4", action="act_3")
    untie(log, "lnk_4", why="by_person", by=person("noor"))
    untie(log, "lnk_2", ends=(SUBJECT, BETWEEN))
    data: dict[str, Json] = {"again": True, "by": "system:engine", "since": _at_of(log, "lnk_1")}
    tie(log, "lnk_1", ends=(WROTE, BETWEEN), said=data)
    signed(log, "req_3")
    tie(log, "lnk_5", proof="signed", request="req_3", until=SHOWN)
    over(log, "lnk_5", request="req_3", action="act_6")
    wrote(log, "req_2", SUBJECT)
    log.act(
        EntryKind.ACTION_PROPOSED,
        "planned",
        action="act_4",
        request="req_2",
        digest=None,
        amount=None,
    )
    undone: dict[str, Json] = {"undoes": "act_1", **reach_data(WROTE, ["lnk_1", "lnk_2"])}
    log.act(
        EntryKind.ACTION_PROPOSED,
        "planned",
        action="act_5",
        request="req_1",
        digest=None,
        amount=None,
        data=undone,
    )


def _judged_over(log: RuledLog, *links: str, written_as: str = WROTE, outcome: str = "ask") -> None:
    """It is judged later, when another link is what is left."""
    judged: dict[str, Json] = {"outcome": outcome, "policy_version": "p1", "policy": 1}
    said = judged | {"roles": ["support_manager"]} | reach_data(written_as, links)
    kind, status = EntryKind.ACTION_PENDING, "pending_approval"
    if outcome == "allow":
        kind, status = EntryKind.ACTION_APPROVED, "approved"
    log.act(kind, status, data=said, request="req_1")


def _weaker_later(log: RuledLog) -> None:
    wrote(log)
    tie(log)
    tie(log, "lnk_2", proof="email")
    over(log, "lnk_1")
    _judged_over(log, "lnk_2", outcome="allow")


def _elsewhere_later(log: RuledLog) -> None:
    wrote(log)
    tie(log)
    tie(log, "lnk_2", ends=(WROTE, OTHERS))
    over(log, "lnk_1")
    _judged_over(log, "lnk_2")


def _at_of(log: RuledLog, link: str) -> int:
    place = next(seq for seq, body in enumerate(log.bodies) if f'"link":"{link}"'.encode() in body)
    return BEGAN + place * 1_000_000


def _named(name: str, step: Step) -> Step:
    step.__name__ = name
    return step


def _tied(name: str, **how: object) -> Step:
    return _named(name, lambda log: tie(log, **how))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _asserted(name: str, before: Step, **how: object) -> Step:
    def step(log: RuledLog) -> None:
        before(log)
        said = {"proof": "signed", "request": "req_1", "until": SHOWN} | how
        tie(log, **said)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    return _named(name, step)


def _going(name: str, *links: str, how: Step = lambda log: tie(log), **over_: object) -> Step:
    def step(log: RuledLog) -> None:
        wrote(log)
        how(log)
        over(log, *links, **over_)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    return _named(name, step)


def _tied_and(name: str, *more: Step) -> Step:
    def step(log: RuledLog) -> None:
        tie(log)
        for one in more:
            one(log)

    return _named(name, step)


def _alone_over(proof: str, by: Actor) -> Step:
    def step(log: RuledLog) -> None:
        wrote(log)
        tie(log, proof=proof, actor=by)
        over(log, "lnk_1")
        allowed(log)

    return _named(f"money_alone_over_{proof}", step)


def _judged_at_once(log: RuledLog) -> None:
    wrote(log)
    tie(log, proof="email")
    data: dict[str, Json] = {"outcome": "allow", "policy_version": "p1", "policy": 1, "roles": []}
    said = data | reach_data(WROTE, ["lnk_1"])
    log.act(EntryKind.ACTION_APPROVED, "approved", BOT, said, request="req_1")


def _over_time(log: RuledLog) -> None:
    tie(log, until=_next(log) + 1)
    for number in range(62):
        log.say(EntryKind.AUDIT_QUERIED, ENGINE, {"number": number})
    wrote(log)
    over(log, "lnk_1")


def _next(log: RuledLog) -> int:
    return BEGAN + len(log.bodies) * 1_000_000


def _of_an_erased(log: RuledLog) -> None:
    log.erase()
    tie(log)


def _again(**more: Json) -> Step:
    def step(log: RuledLog) -> None:
        since = _at_of(log, "lnk_1")
        said: dict[str, Json] = {"again": True, "by": "system:engine", "since": since}
        tie(log, said=said | more)

    return step


def _revived(log: RuledLog) -> None:
    untie(log)
    _again()(log)


BROKEN_LINKS: tuple[Step, ...] = (
    _tied("tied_to_itself", ends=(WROTE, WROTE)),
    _tied("tied_to_nobody", ends=(WROTE, "")),
    _tied("tied_by_no_proof", proof="guess"),
    _tied("tied_before_its_entry", since=BEGAN),
    _named("tied_in_the_name_of_another", lambda log: _in_the_name(log)),
    _tied("backdated", at=BEGAN - DAY),
    _tied("over_before_it_begins", until=BEGAN),
    _tied("a_code_for_ever", proof="code", request="req_1"),
    _tied("a_code_for_anybody", proof="code", until=BEGAN + DAY),
    _tied("an_assertion_for_ever", proof="signed", request="req_1"),
    _tied("an_assertion_for_anybody", proof="signed", until=SHOWN),
    _asserted("an_assertion_that_never_came", wrote),
    _asserted("an_assertion_in_another_request", lambda log: signed(log, "req_2")),
    _asserted("an_assertion_that_names_somebody_else", signed, ends=(WROTE, OTHERS)),
    _asserted("an_assertion_about_somebody_else", signed, ends=(OTHERS, SUBJECT)),
    _asserted("an_assertion_that_was_over", signed, until=SHOWN + 1),
    _named("tied_to_who_is_being_erased", _of_an_erased),
    _tied_and("two_with_one_id", lambda log: tie(log, ends=(WROTE, BETWEEN))),
    _tied_and("told_again_with_another_end", _again(linked_with=OTHERS)),
    _tied_and("told_again_as_older", _again(since=BEGAN)),
    _tied_and("told_again_after_its_end", _revived),
    _named("told_again_and_never_told", lambda log: tie(log, again=True, since=BEGAN)),
    _named("untied_what_is_not_there", untie),
    _tied_and("untied_twice", untie, untie),
    _tied_and("untied_between_others", lambda log: untie(log, ends=(WROTE, BETWEEN))),
    _tied_and("untied_for_no_reason", lambda log: untie(log, why="because")),
)

BROKEN_REACH: tuple[Step, ...] = (
    _going("over_no_such_link", "lnk_2"),
    _going("over_an_ended_link", "lnk_1", how=_tied_and("ended", untie)),
    _named("over_a_link_whose_time_is_over", _over_time),
    _going("over_a_link_that_comes_later", "lnk_1", how=lambda log: None),
    _going("over_a_link_of_others", "lnk_1", how=lambda log: tie(log, ends=(OTHERS, BETWEEN))),
    _going("from_another_account", "lnk_1", how=lambda log: tie(log, ends=(OTHERS, SUBJECT))),
    _going("to_another_account", "lnk_1", how=lambda log: tie(log, ends=(WROTE, OTHERS))),
    _going(
        "against_the_way_of_an_address",
        "lnk_1",
        how=lambda log: tie(log, ends=(SUBJECT, WROTE), proof="email"),
    ),
    _going("over_a_chain_with_a_gap", "lnk_1", "lnk_2", how=lambda log: _gap(log)),
    _going("over_a_chain_in_another_order", "lnk_2", "lnk_1", how=lambda log: _chain(log)),
    _going("over_nothing"),
    _going("over_a_code_of_another_request", "lnk_1", how=lambda log: _code(log, "req_2")),
    _going("over_a_code_of_no_request", "lnk_1", how=lambda log: _code(log, "req_1"), request=None),
    _going(
        "written_by_another_than_asked", "lnk_1", how=lambda log: _other(log), written_as=OTHERS
    ),
    _going("without_saying_so", written_as=None),
    _named("links_of_nobody", lambda log: _links_of_nobody(log)),
    _alone_over("email", ENGINE),
    _alone_over("person", person("maria")),
    _named("money_alone_at_once", _judged_at_once),
    _named("money_alone_over_another_link_later", _weaker_later),
    _named("elsewhere_later", _elsewhere_later),
)

BY_NOBODY: tuple[Step, ...] = (
    _tied("vouched_by_the_system", proof="person"),
    _tied("vouched_without_a_role", proof="person", actor=person("nobody")),
    _tied_and(
        "untied_without_a_role", lambda log: untie(log, why="by_person", by=person("nobody"))
    ),
)

BY_NO_CREDENTIAL: tuple[Step, ...] = (
    _tied(
        "vouched_by_anothers_token", proof="person", actor=person("maria"), credential="tok_noor"
    ),
    _tied("tied_by_a_service_without_one", actor=BOT, credential="tok_none"),
    _tied_and(
        "untied_by_anothers_token",
        lambda log: untie(log, why="by_person", by=person("maria"), credential="tok_noor"),
    ),
)


def _in_the_name(log: RuledLog) -> None:
    more: dict[str, Json] = {"by": "person:maria"}
    data: dict[str, Json] = {
        "link": "lnk_1",
        "linked_with": SUBJECT,
        "proof": "record",
        "credential": "host",
        **more,
    }
    log.say(EntryKind.CUSTOMER_LINKED, ENGINE, data, subject=WROTE)


def _gap(log: RuledLog) -> None:
    tie(log, "lnk_1", ends=(WROTE, BETWEEN))
    tie(log, "lnk_2", ends=(OTHERS, SUBJECT))


def _chain(log: RuledLog) -> None:
    tie(log, "lnk_1", ends=(WROTE, BETWEEN))
    tie(log, "lnk_2", ends=(BETWEEN, SUBJECT))


def _code(log: RuledLog, request: str) -> None:
    if request != "req_1":
        wrote(log, request)
    shown(log, request)
    tie(log, proof="code", request=request, until=SHOWN)


def _other(log: RuledLog) -> None:
    tie(log, ends=(OTHERS, SUBJECT))


def _links_of_nobody(log: RuledLog) -> None:
    tie(log)
    log.act(
        EntryKind.ACTION_PROPOSED, "planned", digest=None, amount=None, data={"links": ["lnk_1"]}
    )


def under_a_stop_beside(log: RuledLog) -> None:
    """A call for an account that links tie to one whose customer is stopped."""
    tie(log, ends=(OTHERS, BETWEEN))
    tie(log, "lnk_2", ends=(BETWEEN, SUBJECT), proof="email")
    log.asked()
    log.yes()
    log.stop(EntryKind.STOP_ENGAGED, "maria", scope="customer", of=OTHERS)
    log.intent()


STOPPED: tuple[Step, ...] = (under_a_stop_beside,)
