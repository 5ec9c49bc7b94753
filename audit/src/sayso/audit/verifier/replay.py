"""What the rows of a database must hold, by the entries of its log alone.

An entry says some columns of one or several rows. Said in the order of the log, the later word
over the earlier one, they are what the stored rows are compared with.
`docs/reference/audit-format.md` lists
the columns. What no entry says, such as when something is due next, is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, cast

from sayso.audit.authority.keyring import ROW, fits_seal
from sayso.audit.verifier import replay_controls

State: TypeAlias = "dict[str, object]"
"""Columns with their values; plain JSON."""

Fields: TypeAlias = "dict[str, object]"
"""A body, decoded."""

UNSAID = replay_controls.UNSAID

SEQ, JUDGED, BEGUN, SEAL = ".seq", ".judged", ".begun", replay_controls.SEAL
"""Beside the columns: the last entry that says anything, the revision that was judged, whether the
first entry is the one with which such a row begins, and the seal of the whole row."""

_LATE_MICROS = 60_000_000
"""The time of a row and that of its entry are read a moment apart: one minute at most."""
_BEGINS = frozenset(
    {
        *("action.proposed", "request.asked", "stop.engaged", "subject.held", "subject.erasing"),
        *("token.created", "policy.activated", "policy.asked", "canary.shown"),
        *("work.noted", "work.ended", "effect.seen", "thread.left", "customer.linked"),
    }
)

# The first word counts: who asked is whoever proposed it, and a person votes once on a revision.
FIRST = {
    "action": frozenset(
        {
            *("requester", "request_id", "name", "planner", "step", "after", "undoes"),
            *("created_at", "reason_ref"),
        }
    ),
    "approval": frozenset({"action_id", "created_at"}),
    "vote": frozenset({"decision", "digest", "via", "at"}),
    "request": frozenset({"requester", "assurance", "words_ref", "messages_ref", "created_at"}),
    "stop": frozenset({"scope", "target", "reason", "engaged_by", "engaged_at"}),
    **replay_controls.FIRST,
}
"""Per table, the columns of which the first word counts."""
SAYS: Mapping[str, frozenset[str]] = {
    "action": frozenset(
        "status last_seq name request_id subject requester created_at args_as_judged reason_ref"
        " called_at digest rule amount_minor currency planner step after undoes revision error"
        " joins call_key fence outcome explain policy_version roles either receipt receipt_status"
        " receipt_amount".split()
    ),
    "approval": frozenset(
        "status action_id last_seq created_at asked_alike shown digest revision roles reminded_seq"
        " escalated_seq".split()
    ),
    "vote": frozenset("decision digest via at".split()),
    "request": frozenset(
        "status last_seq subject requester created_at assurance words_ref steps planner reply_ref"
        " messages_ref asked planned turns".split()
    ),
    "stop": frozenset(
        "last_seq scope engaged_by asked_by released_by asked_at released_at engaged_at tenant"
        " target reason subject".split()
    ),
    **replay_controls.SAYS,
}
"""Per table, the columns that entries say, one or another."""
GROWS = "turns"
"""The column to which each entry that says it adds."""
UNTOLD: Mapping[str, State] = {
    "action": {"after": []},
    "request": {GROWS: [], "planned": None},
    "approval": {"reminded_seq": None, "escalated_seq": None},
}
"""What columns hold as long as no entry says anything of them."""
_JUDGED = ("outcome", "explain", "policy_version", "roles")
_WAYS = "either"
"""Beside them, where there is more than one way to say yes."""
_REQUEST_STATUS = {
    "request.asked": "received",
    "request.questioned": "needs_customer",
    "request.continued": "received",
    "request.planned": "acting",
    "request.proposed": "acting",
    "request.replied": "answered",
    "request.handed_over": "handed_over",
    "request.withdrawn": "withdrawn",
}
ASKED_BY_PEOPLE = "people"
"""The slot of a question that a person asks the customer while a solution waits for them."""
_WITH_REPLY = {
    "request.questioned",
    "request.planned",  # where a question beside the wish is answered with it
    "request.replied",
    "request.handed_over",
}
_WITH_TURN = {"request.continued", "request.withdrawn"}
_WITH_PLAN = {"request.planned", "request.proposed"}
_DECISIONS = {"approve": "approve", "edit": "approve", "reject": "reject"}


def said_by(fields: Fields, seq: int) -> Iterator[tuple[str, str, State]]:
    """`(table, id, columns)` of each row about which an entry says something."""
    yield from rows_said_by(fields, seq)
    for table, name, state in replay_controls.of_texts(fields, _data(fields)):
        yield table, name, state | {SEQ: seq, BEGUN: True}


def rows_said_by(fields: Fields, seq: int) -> Iterator[tuple[str, str, State]]:
    """The same without the sealed texts that it names by the digests of what was stored."""
    family, _, _ = str(fields.get("kind")).partition(".")
    say = _SAYING.get(family)
    if say is not None:
        begins = fields.get("kind") in _BEGINS
        for table, name, state in say(fields, _data(fields), seq):
            state[SEQ], state[BEGUN] = seq, begins
            yield table, name, state


def add(table: str, known: State, later: State) -> None:
    """Say what a later entry, or a later part of the log, says of the same row."""
    first = FIRST[table] | {BEGUN}
    same_digest = JUDGED in known and known.get("digest") == later.get("digest")
    for column, value in later.items():
        if column == GROWS and column in known:
            known[column] = [*cast("list[object]", known[column]), *cast("list[object]", value)]
        elif not ((column in first and column in known) or (column == JUDGED and same_digest)):
            known[column] = value


def without_beginning(table: str, state: State) -> State:
    """What is left of a row's columns when its first entries were not read.

    Those that the first word counts for are not known, nor what was judged first.
    """
    left_out = FIRST[table] | {JUDGED, GROWS}
    return {column: value for column, value in state.items() if column not in left_out}


def vote_id(approval: object, revision: object, person: object) -> str:
    """What a vote is called here: it has no id of its own."""
    return f"{approval} {revision} {person}"


def agrees(column: str, own: object, said: object) -> bool:
    """Whether a column holds what was said; a time, to within what a commit may take."""
    if column.endswith("_at") and type(own) is int and type(said) is int:
        return abs(own - said) <= _LATE_MICROS
    if column == SEAL:
        return fits_seal(cast("list[str]", own), str(said))
    return own == said


def request_status(kind: str, data: Mapping[str, object]) -> str:
    """The status of a request from an entry on: what is stored, and what is held against it.

    The answer to a person's question leaves it with those who decide: nothing is planned anew.
    """
    if kind == "request.continued" and data.get("slot") == ASKED_BY_PEOPLE:
        return "acting"
    return _REQUEST_STATUS[kind]


# ---- what each kind says -----------------------------------------------------------------------

_Said = Iterator[tuple[str, str, State]]


def _of_action(fields: Fields, data: Fields, seq: int) -> _Said:
    action, approval = fields.get("action"), fields.get("approval")
    if type(action) is not str or "status" not in fields:
        return
    state: State = {
        "status": fields["status"],
        "last_seq": seq,
        "name": fields.get("name"),
        "request_id": fields.get("request"),
        "subject": fields.get("subject"),
        "requester": _who(fields),
        "created_at": data.get("created_at", fields.get("at")),
        "args_as_judged": True,
    }
    state[SEAL] = data.get(ROW, UNSAID)
    pii = fields.get("pii")
    # The first entry's text is the reason; later ones have their own, such as a settlement's.
    state["reason_ref"] = cast("Fields", pii).get("ref") if isinstance(pii, dict) else None
    if fields.get("kind") == "action.intent":
        state["called_at"] = fields.get("at")
    elif "called_at" in data:
        state["called_at"] = data["called_at"]
    elif fields.get("kind") == "action.unknown" or "released" in data:
        state["called_at"] = UNSAID  # earlier logs leave out when a slow call ended
    if data.get("code") != "tampered":  # else the entry leaves out what it cannot vouch for
        state |= {"digest": fields.get("digest"), "rule": fields.get("rule"), **_amount(fields)}
    told = ("planner", "step", "after", "undoes", "revision", "error", "joins", "call_key", "fence")
    state |= {column: data[column] for column in told if column in data}
    if "revision" in data:
        state[JUDGED] = data["revision"]
    state |= _judgement(fields, data)
    named_only = fields.get("kind") == "action.resolved" and fields["status"] == "failed"
    if "receipt" in data and not named_only:  # a person may name one of a failure
        state["receipt"] = data["receipt"]
        state["receipt_status"] = data.get("provider_status", UNSAID)
        state["receipt_amount"] = data.get("moved", UNSAID)
    yield "action", action, state
    if type(approval) is str and "approval_status" in data:
        yield "approval", approval, _approval(fields, data)
        if str(data.get("decision")) in _DECISIONS:
            name = vote_id(approval, data.get("revision"), _actor(fields).get("id"))
            yield "vote", name, _vote(fields, data)


def _judgement(fields: Fields, data: Fields) -> State:
    if fields.get("kind") == "action.edited":
        judged = data.get("judged")
        said = cast("Fields", judged) if isinstance(judged, dict) else {}
        return {**{column: said.get(column, UNSAID) for column in _JUDGED}, _WAYS: said.get(_WAYS)}
    # NOTE: `action.resolved` has an outcome of another sort.
    if "policy_version" not in data:
        return {}
    return {**{column: data.get(column, UNSAID) for column in _JUDGED}, _WAYS: data.get(_WAYS)}


def _approval(fields: Fields, data: Fields) -> State:
    state: State = {"status": data["approval_status"], "action_id": fields.get("action")}
    state["last_seq"] = fields.get("seq")
    state |= {"created_at": fields.get("at"), "asked_alike": True, "shown": True}
    edited = fields.get("kind") == "action.edited"
    if edited or (fields.get("kind") == "action.pending" and "decision" not in data):
        state["digest"] = fields.get("digest")
        if "revision" in data:
            state["revision"] = data["revision"]
        judged = _judgement(fields, data)
        if judged.get("outcome") != "allow":  # an edit that needs nobody leaves who was asked
            state["roles"] = judged.get("roles", UNSAID)
    return state


def _vote(fields: Fields, data: Fields) -> State:
    return {
        "decision": _DECISIONS[str(data["decision"])],
        "digest": fields.get("digest"),
        "via": data.get("via"),
        "at": fields.get("at"),
    }


def _of_approval(fields: Fields, data: Fields, seq: int) -> _Said:
    approval, kind = fields.get("approval"), fields.get("kind")
    told = {"approval.reminded": "reminded_seq", "approval.escalated": "escalated_seq"}
    if type(approval) is str and str(kind) in told:
        yield "approval", approval, {told[str(kind)]: seq}


def _of_request(fields: Fields, data: Fields, seq: int) -> _Said:
    request, kind = fields.get("request"), str(fields.get("kind"))
    if type(request) is not str or kind not in _REQUEST_STATUS:
        return
    state: State = {
        "status": request_status(kind, data),
        "last_seq": seq,
        "subject": fields.get("subject"),
        "requester": _who(fields),
        "created_at": fields.get("at"),
    }
    for column in ("assurance", "words_ref", "steps"):
        if column in data:
            state[column] = data[column]
    if data.get("planner"):
        state["planner"] = data["planner"]
    state[SEAL] = data.get(ROW, UNSAID)
    asks = kind == "request.questioned"
    state["asked"] = data.get("asked", UNSAID) if asks else None
    if kind in _WITH_PLAN:
        state["planned"] = data.get("plan", UNSAID)
    pii = fields.get("pii")
    if kind in _WITH_TURN and isinstance(pii, dict):
        state[GROWS] = [cast("Fields", pii).get("ref")]
    if kind in _WITH_REPLY and isinstance(pii, dict):
        state["reply_ref"] = cast("Fields", pii).get("ref")
    if kind == "request.asked" and isinstance(pii, dict):
        state["messages_ref"] = cast("Fields", pii).get("ref")
    yield "request", request, state
    if kind == "request.proposed":  # whoever proposes what is drafted has taken it, if nobody had
        yield "work", request, {"is_ended": False, "assignee": UNSAID, "last_seq": seq}


def _of_stop(fields: Fields, data: Fields, seq: int) -> _Said:
    stop, kind = data.get("stop"), fields.get("kind")
    if type(stop) is not str:
        return
    state: State = {"last_seq": seq, "scope": data.get("scope")}
    if kind == "stop.engaged":
        state |= {"engaged_by": _who(fields), "asked_by": None, "released_by": None}
        state |= {"asked_at": None, "released_at": None}
        everywhere = data.get("scope") == "all"
        state["engaged_at"] = fields.get("at")
        state["tenant"] = "*" if everywhere else fields.get("tenant")
        state |= {column: data[column] for column in ("target", "reason") if column in data}
        if "subject" in fields:
            state["subject"] = fields["subject"]
    elif kind == "stop.resume_asked":
        state |= {"asked_by": _actor(fields).get("id"), "asked_at": fields.get("at")}
    elif kind == "stop.released":
        state |= {"asked_by": data.get("asked_by"), "released_by": _actor(fields).get("id")}
        state["released_at"] = fields.get("at")
    else:
        return
    yield "stop", stop, state


_SAYING: Mapping[str, Callable[[Fields, Fields, int], _Said]] = {
    "action": _of_action,
    "request": _of_request,
    "stop": _of_stop,
    "approval": _of_approval,
    **replay_controls.SAYING,
}
TABLES = tuple(FIRST)
"""The tables that are compared."""


def _data(fields: Fields) -> Fields:
    data = fields.get("data")
    return cast("Fields", data) if isinstance(data, dict) else {}


def _actor(fields: Fields) -> Fields:
    actor = fields.get("actor")
    return cast("Fields", actor) if isinstance(actor, dict) else {}


def _who(fields: Fields) -> str:
    actor = _actor(fields)
    return f"{actor.get('kind')}:{actor.get('id')}"


def _amount(fields: Fields) -> State:
    amount = fields.get("amount")
    money = cast("Fields", amount) if isinstance(amount, dict) else {}
    return {"amount_minor": money.get("amount_minor"), "currency": money.get("currency")}


def is_part(asked: object, judged: object) -> bool:
    """Whether what was asked for stands in what was resolved.

    That may say more, such as an amount, also where `null` left it open, and a connector may write
    texts in another form, such as with a line break at their end.
    """
    if isinstance(asked, str) and isinstance(judged, str):
        return asked.casefold().split() == judged.casefold().split()
    if not isinstance(asked, dict) or not isinstance(judged, dict):
        return asked == judged
    part, whole = cast("State", asked), cast("State", judged)
    return bool(part or not whole) and all(
        value is None or (name in whole and is_part(value, whole[name]))
        for name, value in part.items()
    )
