"""The question for a code: as its row has it, as its entry tells it, and what it is bound to."""

from __future__ import annotations

from sayso.agent.base import Choice, Question
from sayso.agent.codes import Challenge
from sayso.agent.question import question_json
from sayso.agent.request_row import RequestRow
from sayso.audit.customer_codes import VERIFY
from sayso.audit.entry import Json, StoredEntry
from sayso.audit.request_digests import question_digest
from sayso.ids import Tenant
from sayso.json import JsonObject
from sayso.store.base import Reader, text

AGAIN, NO_ACCESS = "again", "no_access"
"""What can be answered besides a code."""
FIRST_NUMBER = 51
"""Questions for codes are counted apart from those of planners, so that neither takes the other's
answer."""
TIMES, TRIES = "times", "tries"
"""In the entries of such questions: how often a code was asked for, and how many were wrong."""


def asked_before(reader: Reader, tenant: Tenant, request_id: str) -> tuple[int, int]:
    """How often a request has asked for a code, and how many answers were wrong, by the log."""
    for row in reader.all("log.codes_asked_in", tenant=tenant, request=request_id):
        data = StoredEntry.read(text(row, "body").encode()).entry.data
        times, tries = data.get(TIMES), data.get(TRIES)
        if isinstance(times, int) and isinstance(tries, int):
            return times, tries
    return 0, 0


def code_question(challenge: Challenge, nonce: str, number: int, language: str) -> JsonObject:
    """A question for a code, as its row has it."""
    question = Question(
        about="",
        slot=VERIFY,
        choices=(Choice(slot=VERIFY, value=AGAIN), Choice(slot=VERIFY, value=NO_ACCESS)),
        nonce=nonce,
    )
    shape = question_json(question, number=number, language=language)
    return {**shape, "challenge": challenge.to_json()}


def questioned_data(stored: JsonObject) -> dict[str, Json]:
    """What an entry says of such a question."""
    number = stored["number"]
    assert isinstance(number, int)
    return {
        "planner": "",
        "question": number,
        "slot": VERIFY,
        "restated": [],
        "asked": question_digest(stored),
    }


def place_of(row: RequestRow, writer: str, nonce: str) -> tuple[str, ...]:
    """All that a code is for, besides accounts: request, writer, conversation and question."""
    return (row.tenant, row.id, writer, row.conversation or "", nonce)
