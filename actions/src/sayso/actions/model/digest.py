"""The digest that ties what was judged, what was shown and what runs to each other."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from sayso.actions.customers.proof import Reached, Verified
from sayso.actions.model.snapshot import Resolved
from sayso.audit.entry import Json, canonical_bytes
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.money import Money

MAX_REASON_CHARS = 20_000

_DOMAIN = b"sayso/approval/v1\0"

_MONEY_KEY = "amount_minor"


def digest_of(parts: Mapping[str, Json]) -> str:
    """The approval digest over its parts, 64 hex digits.

    Source: RFC 8785 over the restricted profile of docs/reference/audit-format.md; the domain
    prefix keeps
    it from being mistaken for any other hash.
    """
    return hashlib.sha256(_DOMAIN + canonical_bytes(dict(parts))).hexdigest()


def hash_of(value: Json) -> str:
    """SHA-256 of a value's canonical bytes, 64 hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def hash_of_texts(*texts: str) -> str:
    """`hash_of` of a list of texts, which may be longer than anything that the log can hold.

    Raises:
        TypeError: for a lone surrogate.
    """
    return hashlib.sha256(orjson.dumps(texts)).hexdigest()


def call_key(tenant: str, action_id: str, digest: str) -> str:
    """The idempotency key of an action's call: derived, so that every try has the same one.

    Each action has its own, so two equal partial refunds stay two.
    """
    parts = "\0".join((tenant, action_id, digest))
    return "sayso_" + hashlib.sha256(parts.encode()).hexdigest()[:40]


def is_text(words: str) -> bool:
    """Whether it is Unicode text; a lone surrogate is not, and can be stored nowhere."""
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(words: str, most: int = 200) -> str:
    """Foreign text as the log can hold it, so that no refused attempt goes unrecorded."""
    return words[:most].encode(errors="replace").decode()


def normal_json(value: JsonValue, name: str = "") -> Json:
    """JSON as the log's profile holds it: NFC text, whole numbers, lists and dicts.

    Args:
        name: of the field that it is the value of.

    Raises:
        RefusedError: `invalid_input` for a float; `invalid_money` where it is an amount.
    """
    if type(value) is str:  # what most values are; ASCII is in that form already
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if type(value) is int or value is None:
        return value
    match value:
        case bool() | int():
            return value
        case str():
            return unicodedata.normalize("NFC", value)
        case float():
            raise RefusedError(
                Code.INVALID_MONEY if name == _MONEY_KEY else Code.INVALID_INPUT,
                f"`{value!r:.40}` is not a whole number",
                next_step="write money in minor units",
            )
        case Mapping():
            return {key: normal_json(inner, key) for key, inner in value.items()}
        case Sequence():
            return [normal_json(inner) for inner in value]


def pairs(values: Mapping[str, str | int | bool | Money | None]) -> list[Json]:
    """Free-named values as sorted `[name, value]` pairs, since a body's keys are a closed set."""
    return [
        [name, dict(value.to_json()) if isinstance(value, Money) else normal_json(value)]
        for name, value in sorted(values.items())
    ]


def resolved_json(resolved: Resolved) -> dict[str, Json]:
    """Everything of a snapshot that the digest covers; `keep` only where there is some."""
    kept: list[Json] = [[name, normal_json(value)] for name, value in sorted(resolved.keep.items())]
    way, known = resolved.reached, resolved.verified
    return {
        **({"keep": kept} if kept else {}),
        **({} if way is None else {"reached": normal_json(way.to_json())}),
        **({} if known is None else {"verified": normal_json(known.to_json())}),
        "args": normal_json(resolved.args),
        "object": [resolved.object_kind, resolved.object_id],
        "owner": resolved.owner,
        "owner_proof": resolved.owner_proof,
        "account": resolved.account,
        "payee": resolved.payee,
        "amount": None if resolved.amount is None else dict(resolved.amount.to_json()),
        "preconditions": pairs(resolved.preconditions),
        "fields": [[name, normal_json(str(value))] for name, value in resolved.fields.items()],
        "facts": pairs(resolved.facts),
        "personal": pairs({name: str(value) for name, value in resolved.personal.items()}),
    }


def resolved_from_json(value: Mapping[str, JsonValue]) -> Resolved:
    """The snapshot behind `resolved_json`."""
    match value:
        case {
            "args": Mapping() as args,
            "object": [str(kind), str(object_id)],
            "owner": str(owner),
            "owner_proof": str(owner_proof),
            "account": str(account),
            "payee": str(payee),
            "amount": amount,
            "preconditions": preconditions,
            "fields": fields,
            "facts": facts,
            "personal": personal,
        }:
            reached, verified = value.get("reached"), value.get("verified")
            return Resolved(
                args=args,
                object_kind=kind,
                object_id=object_id,
                owner=owner,
                owner_proof=owner_proof,
                account=account,
                payee=payee,
                amount=None if amount is None else Money.from_json(amount),
                preconditions={
                    name: inner
                    for name, inner in _unpair(preconditions)
                    if inner is None or isinstance(inner, str | int)
                },
                fields={name: str(inner) for name, inner in _unpair(fields)},
                facts={name: _fact(inner) for name, inner in _unpair(facts)},
                personal={name: str(inner) for name, inner in _unpair(personal)},
                keep=dict(_unpair(value.get("keep", ()))),
                reached=None if reached is None else Reached.from_json(reached),
                verified=None if verified is None else Verified.from_json(verified),
            )
        case _:
            raise RefusedError(Code.INVALID_INPUT, "that is no snapshot")


def kept_json(resolved: Resolved) -> dict[str, Json]:
    """The same as `resolved_json`, of what can be kept.

    INVARIANT: what is judged is what is stored, or the claim could not tell it from tampering.

    Raises:
        RefusedError: `invalid_input`, for what reads as another thing once it is stored.
    """
    stored = resolved_json(resolved)
    if resolved_json(resolved_from_json(stored)) != stored:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the connector resolved a value that cannot be kept",
            next_step="have it give texts, whole numbers, booleans and money only",
        )
    return stored


def _unpair(value: JsonValue) -> list[tuple[str, JsonValue]]:
    if type(value) is not list:  # as JSON has them
        return []
    items = cast("list[JsonValue]", value)
    return [(str(item[0]), item[1]) for item in items if isinstance(item, list) and len(item) == 2]


def _fact(value: JsonValue) -> str | int | bool | Money:
    if isinstance(value, str | int):
        return value
    return Money.from_json(value)


def check_reason(reason: str) -> None:
    """Refuse words that cannot be kept, or that nobody reads.

    Raises:
        RefusedError: `invalid_input`, `message_too_long`.
    """
    if not is_text(reason):
        raise RefusedError(
            Code.INVALID_INPUT,
            "the reason holds what is not text",
            next_step="remove the lone surrogates",
        )
    if len(reason) > MAX_REASON_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a reason has at most {MAX_REASON_CHARS:,} characters",
            next_step="shorten it",
        )
