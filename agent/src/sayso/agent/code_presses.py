"""Pressing the button behind a link, in the transaction that stores what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.actions.model.ledger import SYSTEM
from sayso.agent.code_answers import CodeAnswer
from sayso.agent.code_links import CodeLink
from sayso.agent.code_places import Seen
from sayso.agent.request_row import RequestStatus, get_request
from sayso.agent.requests import Requests
from sayso.audit.customer_codes import VERIFY
from sayso.audit.entry import Json
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.store.base import Transaction


async def press(requests: Requests, link: CodeLink) -> bool:
    """Whether a link is the one that was sent, and its question waited: it counts from then on.

    One whose secret is another than the question's is a wrong answer, and counted as one.

    Raises:
        RetryableError: the provider cannot be read now; nothing was stored.
        IntegrityError: `tampered`, when the row is not what the log says.
    """

    def work(tx: Transaction, seen: Seen) -> bool:
        try:
            row = get_request(tx, link.tenant, link.request)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return False
        stored = row.question if isinstance(row.question, Mapping) else dict[str, JsonValue]()
        waits = row.status is RequestStatus.NEEDS_CUSTOMER and stored.get("slot") == VERIFY
        if not waits or stored.get("number") != link.number or requests.codes is None:
            return False
        told: dict[str, Json] = {
            "question": link.number,
            "asked": requests.checked_question(tx, row),
        }
        answer = CodeAnswer(
            content=link.secret, choice=None, requester=SYSTEM, told=told, seen=seen
        )
        asked = requests.asked_text(tx, row)
        return requests.codes.take_link(tx, requests.move, row, stored, asked, answer)

    return await requests.write_seen(work)
