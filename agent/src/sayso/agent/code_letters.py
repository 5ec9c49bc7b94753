"""A code on its way: what is written to the customer, and what the log tells before it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sayso.actions.customers.contact import CodeMessage, Medium
from sayso.actions.model.ledger import SYSTEM
from sayso.agent.codes import MOST_A_DAY, spaced
from sayso.agent.phrases import phrases_of
from sayso.agent.request_row import RequestRow, get_request
from sayso.agent.requests import Requests
from sayso.audit.customer_codes import ToldCode
from sayso.audit.request_digests import NONCE
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.store.base import Reader, Transaction, integer

_HOUR, _DAY = 3600 * 1_000_000, 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLetter:
    """What leaves for one question, once the log has told of it.

    Attributes:
        told: one for each account that the code is for.
        nonce: of the question. until: when the code is over, microseconds since 1970.
    """

    tenant: Tenant
    request: str
    to: Medium
    message: CodeMessage = field(repr=False)
    told: tuple[ToldCode, ...]
    nonce: str
    until: int


def tell(tx: Transaction, requests: Requests, letter: CodeLetter, now: int) -> bool:
    """Have the log tell that a code leaves; False where it may not any more.

    Its question or its time may be over meanwhile, as where the machine slept, or others have sent
    as many as an account gets in a day.
    """
    if now >= letter.until:
        return False
    row = get_request(tx, letter.tenant, letter.request)
    stored = row.question if isinstance(row.question, Mapping) else dict[str, JsonValue]()
    if stored.get(NONCE) != letter.nonce:
        return False
    for one in letter.told:
        if used(tx, letter.tenant, one.account, one.written_as, now)[0] >= MOST_A_DAY:
            return False
    for one in letter.told:
        requests.append(tx, letter.tenant, one.sent(SYSTEM, letter.until))
    return True


def used(reader: Reader, tenant: Tenant, account: str, sender: str, now: int) -> tuple[int, int]:
    """How many codes went to the account today, and were asked for by the sender lately."""
    found = reader.one(
        "log.codes_since",
        tenant=tenant,
        account=account,
        sender=sender,
        day=now - _DAY,
        hour=now - _HOUR,
    )
    assert found is not None, "an aggregate always has a row"
    return integer(found, "sent"), integer(found, "asked")


def write_message(
    row: RequestRow, *, recipient: str, code: str, link: str, language: str, nonce: str
) -> CodeMessage:
    """What the customer gets; `link` is empty where there is none."""
    phrases = phrases_of(language)
    paragraphs = phrases.code_text.replace("{code}", spaced(code)).split("\n\n")
    if link:
        paragraphs.insert(-1, phrases.code_link.replace("{link}", link))
    return CodeMessage(
        recipient=recipient,
        title=phrases.code_title,
        text="\n\n".join(paragraphs),
        short=phrases.code_short.replace("{code}", spaced(code)),
        key=f"{row.id}/{nonce}",
        about=row.id,
    )
