"""The terms that an entry is found by, and those of a query.

A term is an ASCII word. Two values may share one, so what the terms find is compared with the query
once more: they may find too much and never too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from sayso.audit.entry import MAX_INT
from sayso.audit.fields import Fields, object_in, text_or_none
from sayso.audit.queries.query import Query, approvers_of, ended_as, rules_of
from sayso.audit.queries.words import texts_of, words_of

_BITS = 2
"""Amounts are put into ranges by so many more binary digits each: ranges of 1, 4, 16, …"""
_NOTHING = "m"
"""No entry has this term."""
_NAMED = ("kind", "name", "status", "approval", "subject")


def terms_of(fields: Fields) -> set[str]:
    """The terms of an entry.

    Args:
        fields: of its body.
    """
    actor, data = object_in(fields, "actor"), object_in(fields, "data")
    found = {
        _term(name, value) for name in _NAMED if (value := text_or_none(fields, name)) is not None
    }
    found.add(_term("actor", actor.get("id")))
    found.add(_term("actor_kind", actor.get("kind")))
    found.update(_term("rule", rule) for rule in rules_of(fields))
    found.update(_term("approver", person) for person in approvers_of(fields))
    for name, told in (
        ("outcome", data.get("outcome")),
        ("outcome", ended_as(fields)),
    ):
        if isinstance(told, str):
            found.add(_term(name, told))
    if (digest := text_or_none(fields, "digest")) is not None:
        found.add("d" + digest[:12])
    found.update(_amount_terms(object_in(fields, "amount")))
    for text in texts_of(fields):
        found.update(_words(text))
    return found


def match_of(query: Query) -> str:
    """The query for SQLite's full-text search; empty when no term is asked for.

    What has an index of its own in the log, `action` and `request`, is no term.
    """
    parts = [
        _quoted(_term(name, value))
        for name in (*_NAMED, "actor", "actor_kind", "rule", "approver", "outcome")
        if (value := getattr(query, name)) is not None
    ]
    if query.digest is not None:
        open_end = "*" if len(query.digest) < 12 else ""
        parts.append(_quoted("d" + query.digest[:12]) + open_end)
    if query.currency is not None:
        parts.append(_range_match(query.currency, query.amount_from, query.amount_to))
    for phrase in query.phrases:
        *whole, last = map(_word, phrase.words)
        parts += map(_quoted, whole)
        parts.append(_quoted(last) + ("*" if phrase.open_end else ""))
    return " AND ".join(parts)


@lru_cache(maxsize=8192)
def _term(name: str, value: object) -> str:
    return "q" + blake2b(f"{name}:{value}".encode(), digest_size=6).hexdigest()


@lru_cache(maxsize=8192)
def _words(text: str) -> tuple[str, ...]:
    return tuple({_word(word) for word in words_of(text)})


def _word(word: str) -> str:
    # Character by character, so that the beginning of a word gives the beginning of its term.
    if word.isascii():
        return "w" + word
    return "w" + "".join(char if char.isascii() else f"u{ord(char):x}u" for char in word)


def _amount_terms(amount: Fields) -> Iterator[str]:
    minor, currency = amount.get("amount_minor"), amount.get("currency")
    if isinstance(minor, int) and isinstance(currency, str):
        at, shift = max(minor, 0), 0
        yield _range(currency, shift, at)
        while at := at >> _BITS:
            shift += _BITS
            yield _range(currency, shift, at)


def _range_match(currency: str, low: int | None, high: int | None) -> str:
    """What finds the amounts from `low` to `high` and no others, by few ranges: each is looked up.

    At most six for each two binary digits of `high`, whatever amounts there are.
    """
    low = 0 if low is None else min(max(low, 0), MAX_INT)
    high = MAX_INT if high is None else max(min(high, MAX_INT), 0)
    found: list[str] = []
    if low == 0:  # the ranges that begin at nothing are not kept
        found.append(_range(currency, 0, 0))
        low = 1
    shift, whole = 0, 1 << _BITS
    while low <= high:
        while low % whole and low <= high:
            found.append(_range(currency, shift, low))
            low += 1
        while (high + 1) % whole and low <= high:
            found.append(_range(currency, shift, high))
            high -= 1
        low, high, shift = low >> _BITS, ((high + 1) >> _BITS) - 1, shift + _BITS
    return f"({' OR '.join(map(_quoted, found or [_NOTHING]))})"


def _range(currency: str, shift: int, number: int) -> str:
    """The amounts of a currency from `number << shift` on, to below the next number."""
    return f"m{currency.lower()}{shift}z{number:x}"


def _quoted(term: str) -> str:
    return f'"{term}"'
