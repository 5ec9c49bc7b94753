"""What the customer said, for the card of an action that is judged anew."""

from __future__ import annotations

import orjson

from sayso.actions.approvals.repository import approval_of
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.customer_words import WRITTEN_SINCE
from sayso.actions.model.definition import Assurance
from sayso.actions.model.status import Status
from sayso.audit.personal import Personal
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE
from sayso.store.base import Reader, text


def quote_of(reader: Reader, personal: Personal, row: ActionRow) -> str:
    """The customer's words for a card that is made anew, with what was said since."""
    if (row.error or {}).get("message") == WRITTEN_SINCE:
        since = _written_since(reader, personal, row)
        if since:
            return f"{since}Before: {_request_words(reader, personal, row)}"
    if row.reason_ref is not None:
        return personal.open(reader, row.tenant, row.reason_ref) or ""
    approval = approval_of(reader, row)
    answers = _answers_to_people(reader, personal, row) if row.status is Status.STALE else ""
    if answers:
        return f"{answers}Before: {_request_words(reader, personal, row)}"
    if approval is not None:
        return approval.card.quote
    return _request_words(reader, personal, row)


def _answers_to_people(reader: Reader, personal: Personal, row: ActionRow) -> str:
    """What people have asked the customer about it, each with the answer, newest first."""
    if row.request_id is None:
        return ""
    found = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
    refs = None if found is None else found["turns"]
    told: list[str] = []
    for ref in orjson.loads(refs) if isinstance(refs, str) else ():
        match orjson.loads(personal.open(reader, row.tenant, ref) or "null"):
            case [["agent", asked, {"slot": slot}], ["customer", said, *_]]:
                if slot == ASKED_BY_PEOPLE:
                    told.insert(0, f"We asked: {asked}\nAnswered: {said}\n")
            case _:
                pass
    return "".join(told)


def _written_since(reader: Reader, personal: Personal, row: ActionRow) -> str:
    """What the customer has written in the thread after its request, newest first.

    Not what somebody wrote who was known less surely than who asked.
    """
    found = None
    if row.request_id is not None:
        found = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
    if found is None or found["conversation"] is None:
        return ""
    later = reader.all(
        "request.later_in_thread",
        tenant=row.tenant,
        subject_id=found["subject_id"],
        conversation=found["conversation"],
        id=row.request_id,
        since=found["created_at"],
    )
    said = [
        personal.open(reader, row.tenant, text(one, "words_ref"))
        for one in later
        if Assurance(text(one, "assurance")).is_as_sure(row.subject.assurance)
    ]
    return "".join(f"Written since: {one}\n" for one in said if one)


def _request_words(reader: Reader, personal: Personal, row: ActionRow) -> str:
    if row.request_id is None:
        return ""
    found = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
    ref = None if found is None else found["words_ref"]
    return personal.open(reader, row.tenant, ref) or "" if isinstance(ref, str) else ""
