"""One value has one encoding, and nothing else is read back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.audit.entry import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_INT,
    Actor,
    ActorKind,
    Entry,
    EntryKind,
    Json,
    PiiRef,
    StoredEntry,
    canonical_bytes,
    read_canonical,
)
from sayso.audit.tree.merkle import leaf_hash
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.money import Money

ENTRY = Entry(
    kind=EntryKind.ACTION_REFUSED,
    actor=Actor(kind=ActorKind.AGENT, id="agt_1"),
    action="act_1",
    request="req_1",
    approval="apr_1",
    subject="sub_abc",
    name="stripe.refund",
    amount=Money(12900, "USD"),
    status="pending_approval",
    rule="refunds.large",
    digest="ab" * 32,
    data={"reads": [{"kind": "charge", "found": True}], "note": None},
    pii=PiiRef(ref="pii_1", alg="A256GCM", c="cd" * 32),
)

scalars = (
    st.text(st.characters(codec="utf-8"), max_size=12)
    | st.integers(-MAX_INT, MAX_INT)
    | st.booleans()
    | st.none()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abz019_", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.promise("audit:one-encoding")
@given(values)
def test_the_encoding_is_that_of_rfc_8785(value: object) -> None:
    """On the profile, the fast encoder and the reference implementation agree on every byte."""
    encoded = canonical_bytes(cast("Json", value))
    assert encoded == rfc8785.dumps(cast("dict[str, str]", value))
    assert read_canonical(encoded) == value


def _nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        {"a": 0.5},
        MAX_INT + 1,
        -MAX_INT - 1,
        2**70,
        {"A": 1},
        {"": 1},
        {"a-b": 1},
        {"ä": 1},
        {1: 2},
        (1, 2),
        {1, 2},
        b"x",
        object(),
        "\ud800",
        ["\udfff"],
        _nested(MAX_DEPTH + 1),
        "x" * MAX_BODY_BYTES,
    ],
    ids=lambda value: re.sub("0x[0-9a-f]+", "", repr(value))[:40],
)
def test_what_encoders_disagree_on_is_refused_at_the_door(value: object) -> None:
    """Floats, large integers, odd keys, lone surrogates, too deep, too large."""
    with pytest.raises(RefusedError) as refusal:
        canonical_bytes(cast("Json", value))
    assert refusal.value.code is Code.INVALID_INPUT


def test_the_limits_themselves_are_allowed() -> None:
    """The largest integer, the deepest nesting, the longest body."""
    for value in (MAX_INT, -MAX_INT, _nested(MAX_DEPTH), "x" * (MAX_BODY_BYTES - 2)):
        assert read_canonical(canonical_bytes(value)) == value


@pytest.mark.promise("audit:one-encoding")
@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1.0}',
        b'{"a":1.5}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":9007199254740992}',
        b'{"a":18446744073709551616}',
        b'{"A":1}',
        rb'{"a":"\u0061"}',
        rb'{"a":"\/"}',
        rb'{"a":"\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b"[" * 17 + b"]" * 17,
        b'"' + b"x" * MAX_BODY_BYTES + b'"',
        b"NaN",
    ],
)
def test_bytes_that_are_not_the_one_encoding_are_refused(encoded: bytes) -> None:
    """Duplicate keys, blanks, another order, other escapes, floats: not canonical, so not read."""
    with pytest.raises(IntegrityError) as refusal:
        read_canonical(encoded)
    assert refusal.value.code is Code.TAMPERED


def test_an_entry_comes_back_as_it_was() -> None:
    """body and read are inverse, and the leaf is the hash of exactly the stored bytes."""
    body = ENTRY.body(tenant="main", seq=7, at_micros=1_764_072_000_000_000)
    stored = StoredEntry.read(body)
    assert (stored.tenant, stored.seq, stored.at_micros) == ("main", 7, 1_764_072_000_000_000)
    assert stored.entry == ENTRY
    assert stored.encoded == body
    assert stored.leaf == leaf_hash(body)


def test_absent_fields_are_left_out() -> None:
    """A small entry is a small body; the version stands in each."""
    entry = Entry(kind=EntryKind.LOG_OPENED, actor=Actor(kind=ActorKind.SYSTEM, id="sayso"))
    assert entry.body(tenant="main", seq=0, at_micros=1) == (
        b'{"actor":{"id":"sayso","kind":"system"},"at":1,"kind":"log.opened","seq":0,'
        b'"tenant":"main","v":1}'
    )


@pytest.mark.parametrize("kind", EntryKind)
def test_every_kind_can_be_read_back(kind: EntryKind) -> None:
    """The set of kinds is closed, and each is one that a reader knows."""
    entry = replace(ENTRY, kind=kind)
    assert StoredEntry.read(entry.body(tenant="t", seq=0, at_micros=0)).entry.kind is kind


BODY = ENTRY.body(tenant="main", seq=7, at_micros=5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b',"v":1', b""),
        (b'"seq":7,', b""),
        (b'"seq":7', b'"seq":"7"'),
        (b'"seq":7', b'"seq":-7'),
        (b'"seq":7', b'"seq":true'),
        (b'"kind":"action.refused"', b'"kind":"action.invented"'),
        (b'"kind":"agent"', b'"kind":"ghost"'),
        (b'"id":"agt_1"', b'"id":1'),
        (b'"subject":"sub_abc"', b'"subject":"cus_abc"'),
        (b'"currency":"USD"', b'"currency":"???"'),
        (b'"tenant":"main"', b'"tenant":null'),
        (b'"rule":', b'"role":"x","rule":'),
        (b'"alg":"A256GCM",', b""),
        (b'"digest":"ab', b'"digest":"AB'),
    ],
)
def test_a_canonical_body_of_another_format_is_refused(old: bytes, new: bytes) -> None:
    """An unknown version, kind or field, or a value of another shape, is never guessed at."""
    assert old in BODY
    with pytest.raises(IntegrityError):
        StoredEntry.read(BODY.replace(old, new))


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"{}"])
def test_json_that_is_no_object_of_the_format_is_refused(body: bytes) -> None:
    """Canonical is not enough."""
    with pytest.raises(IntegrityError):
        StoredEntry.read(body)


@pytest.mark.parametrize("tenant", ["", "a/b", "a b", "a+b", "a\n", "-a", "x" * 129])
def test_a_tenant_that_cannot_stand_in_an_origin_is_refused(tenant: str) -> None:
    """The tenant is a part of the note's origin line."""
    with pytest.raises(RefusedError):
        ENTRY.body(tenant=tenant, seq=0, at_micros=0)


@pytest.mark.parametrize("change", [{"subject": "cus_1"}, {"digest": "ab"}, {"digest": "AB" * 32}])
def test_an_id_of_the_provider_cannot_be_the_subject(change: dict[str, str]) -> None:
    """The log holds pseudonyms, and digests of one form."""
    with pytest.raises(RefusedError):
        Entry(kind=ENTRY.kind, actor=ENTRY.actor, **change)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_that_is_unicode_survives(one: str, two: str) -> None:
    """What an agent or a customer wrote cannot break the form."""
    entry = replace(ENTRY, rule=one, data={"text": two})
    try:
        body = entry.body(tenant="main", seq=0, at_micros=0)
    except RefusedError:
        assert any("\ud800" <= char <= "\udfff" for char in one + two)
    else:
        assert StoredEntry.read(body).entry == entry
