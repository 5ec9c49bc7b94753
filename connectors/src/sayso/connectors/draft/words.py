"""The words by which an operation is told: what support does, how serious it is, whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sayso.actions.model.definition import Effect

T = TypeVar("T")

EFFECTS: Sequence[tuple[Effect, frozenset[str]]] = (
    (Effect.MONEY_OUT, frozenset({"refund", "refunds", "payout", "payouts", "reimburse"})),
    (Effect.CREDIT, frozenset({"credit", "credits", "voucher", "goodwill", "adjustment"})),
    (
        Effect.CANCELLATION,
        frozenset({"cancel", "cancellation", "void", "terminate", "pause", "suspend"}),
    ),
    (
        Effect.MESSAGE,
        frozenset({"reply", "replies", "message", "messages", "send", "email", "sms", "notify"}),
    ),
    (
        Effect.CHANGE,
        frozenset(
            "resume skip note notes comment comments assign tag tags close reopen resolve "
            "reactivate activate reschedule extend unsubscribe address".split()
        ),
    ),
)
"""In the order in which they count: what moves money comes first."""

ENDED = frozenset(
    "subscription subscriptions order orders booking bookings reservation reservations membership "
    "memberships appointment appointments".split()
)
"""Whose DELETE ends something of a customer's; of other things it tidies up."""
_DROPPED = frozenset(
    {"bulk", "batch", "import", "export", "webhook", "webhooks", "search", "admin"}
)
OWNERS = (
    *("customer_id", "customer", "customerid", "external_customer_id", "requester_id"),
    *("requester", "payer_id", "payer"),
    *("contact_id", "contact", "subscriber_id", "subscriber", "reporter", "client_id", "client"),
    *("member_id", "member", "buyer_id", "buyer", "shopper_id", "guest_id", "user_id"),
    *("account_id", "account"),
)
"""Names of whose it is; never `author` or `created_by`, who may be staff."""
UNSURE_OWNERS = frozenset({"user_id", "client_id", "client", "account_id", "account"})
PEOPLE = frozenset(
    "customer contact user client member subscriber buyer shopper guest requester".split()
)
"""What a provider calls a customer, in the singular."""
PERSON: Sequence[tuple[str, Sequence[str]]] = (
    ("name", ("name", "display_name", "full_name", "displayName", "fullName", "first_name")),
    ("email", ("email", "email_address", "emailAddress")),
    ("phone", ("phone", "phone_number", "phoneNumber", "mobile")),
    ("since", ("created_at", "createdAt", "created", "date_created", "creation_time")),
)
"""A key of [person], and the fields that may be meant, the likeliest first."""
STATES = ("status", "state", "stage", "phase")
REFERENCES = (
    *("metadata", "meta_data", "custom_data", "custom_id", "customid", "reference_id"),
    *("reference", "external_id", "externalid", "invoice_id", "merchant_reference"),
    *("note", "memo", "comment", "reason", "description"),
)
FREE_TEXT = frozenset({"note", "memo", "comment", "reason", "description"})
KEY = re.compile(r"idempot|request[-_]?id$", re.IGNORECASE)
ASKED_FOR = frozenset("refund refunds cancel pause resume reply replies".split())
"""What support does most, and so what comes first."""
WHO = (
    *("me", "myself", "account", "accounts/me", "users/me", "agents/me", "whoami"),
    *("shop", "merchant", "site", "organization", "company"),
)
KEYS = ("id", "uuid", "sid", "key", "number", "code")
"""Names of what an object is told by, the surest first."""
MESSAGES = ("message", "detail", "error_message", "errormessage", "description", "title")
CODES = ("code", "error_code", "errorcode", "type", "name", "reason")
TRIED_OUT = re.compile(r"sandbox|staging|\btest\b|-test\b|demo|\bdev\b")
"""Words of a server that isn't the one that counts."""
NOBODYS = re.compile(r"your[-_]|//example\.|[<{]")
"""Words of a server that stands for each customer's own."""

_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


def words_of(*texts: str) -> list[str]:
    """The words of names and paths, in lower case."""
    return [word.lower() for text in texts for word in _SPLIT.split(text) if word]


def snake(text: str) -> str:
    """A name of ours: lower case with `_`, at most forty characters."""
    found = "_".join(words_of(text))
    found = re.sub(r"^[^a-z]+", "", found)
    return found[:40].strip("_") or "thing"


def singular(word: str) -> str:
    """`payments` as `payment`; nothing clever."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ses") and len(word) > 4:
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def effect_of(name: Sequence[str], *, has_amount: bool, deletes: bool) -> Effect | None:
    """How serious an operation is by its words; None for one that support does not need.

    Args:
        name: the words of the end of its path and of its id.
        has_amount: whether it takes an amount, which is at least credit.
        deletes: whether it is a DELETE.
    """
    if _DROPPED & set(name):
        return None
    if deletes and ENDED & set(name):
        return Effect.CANCELLATION
    found = next((effect for effect, words in EFFECTS if words & set(name)), None)
    if found is None:
        return None
    if has_amount and found in (Effect.CHANGE, Effect.MESSAGE):
        return Effect.CREDIT
    if deletes and found is Effect.CHANGE:
        return Effect.CANCELLATION
    return found


def first_of(wanted: Iterable[str], given: Iterable[str]) -> str | None:
    """The first wanted name among the given ones, whatever the case and the underscores."""
    bare = {one.lower().replace("_", "").replace("-", ""): one for one in given}
    for one in wanted:
        found = bare.get(one.replace("_", "").replace("-", ""))
        if found is not None:
            return found
    return None


def spread(rated: Sequence[T], effect: Callable[[T], Effect]) -> list[T]:
    """The first of each effect before the second of any, so that five refunds hide no cancel."""
    seen: dict[Effect, int] = {}
    order: list[tuple[int, int]] = []
    for number, one in enumerate(rated):
        seen[effect(one)] = seen.get(effect(one), 0) + 1
        order.append((seen[effect(one)], number))
    return [rated[number] for _, number in sorted(order)]
