"""Whatever comes back, what is said of it is true: unknown when in doubt, never a success."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import pytest
from connectors.manifest.stand import Stand, shipped, stand, stands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Receipt, Resolved
from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.connectors.manifest.answers import AnswerRules
from sayso.connectors.manifest.connector import site_of
from sayso.connectors.manifest.derive import receipt_of
from sayso.connectors.manifests import manifest_names
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.reading import read

CASES = [
    (label, table) for name in manifest_names(Path("/nowhere")) for label, table in stands(name)
]
LABELS = dict(CASES)
HTML = b"<!doctype html><title>Attention required</title>"

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

Json = Any
T = TypeVar("T")


def of(label: str) -> Stand:
    """A fresh stand of a case."""
    source, cases = shipped(label.partition(".")[0])
    return stand(source, cases, LABELS[label])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def _spoiled(draw: st.DrawFn) -> Callable[[HttpAnswer], HttpAnswer]:
    """Something that can happen to an answer on its way, or be one in its place."""
    kind = draw(st.sampled_from(["status", "body", "json", "cut", "drop", "swap", "header"]))
    status = draw(
        st.sampled_from(
            [
                100,
                103,
                200,
                201,
                202,
                204,
                206,
                301,
                302,
                307,
                400,
                401,
                402,
                403,
                404,
                408,
                409,
                410,
                422,
                425,
                429,
                431,
                451,
                500,
                502,
                503,
                504,
                520,
            ]
        )
    )
    body = draw(
        st.sampled_from(
            [
                b"",
                HTML,
                b"{",
                b"null",
                b"[]",
                b"{}",
                b"\xff\xfe",
                b'"ok"',
                b"NaN",
                b'{"data": null}',
                b'{"errors": []}',
                b"true",
            ]
        )
    )
    value = draw(_JSON)
    share = draw(st.floats(0, 0.99))
    choice = draw(st.integers(0, 10**6))

    def spoil(answer: HttpAnswer) -> HttpAnswer:
        match kind:
            case "status":
                return replace(answer, status=status)
            case "body":
                return replace(answer, body=body)
            case "json":
                return replace(answer, status=status, body=json.dumps(value).encode())
            case "cut":
                return replace(answer, body=answer.body[: int(len(answer.body) * share)])
            case "drop" | "swap":
                document = json.loads(answer.body)
                changed = _at(document, choice, kind == "drop", value)
                return replace(answer, body=json.dumps(changed).encode())
            case _:
                return replace(answer, status=status, headers={"retry-after": str(value)[:30]})

    return spoil


def _at(document: Json, choice: int, drop: bool, value: Json) -> Json:
    """The document with one of its places dropped or replaced."""
    places: list[tuple[Json, Json]] = []

    def walk(one: object) -> None:
        if isinstance(one, dict):
            table = cast("dict[str, object]", one)
            for key, inner in table.items():
                places.append((table, key))
                walk(inner)
        elif isinstance(one, list):
            items = cast("list[object]", one)
            for number, inner in enumerate(items):
                places.append((items, number))
                walk(inner)

    walk(document)
    if not places:
        return value
    where, key = places[choice % len(places)]
    if drop and isinstance(where, dict):
        del where[key]
    else:
        where[key] = value
    return document


@pytest.mark.promise("manifests:answers")
@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", LABELS)
@given(spoil=_spoiled())
async def test_a_spoilt_answer_to_a_call_is_never_a_success(
    label: str, spoil: Callable[[HttpAnswer], HttpAnswer]
) -> None:
    """Truncated, HTML, 1xx, 3xx, 4xx, 5xx, another shape, a 2xx without our reference."""
    it = of(label)
    resolved = await it.resolve()
    spoilt: list[HttpAnswer] = []

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if not request.writing:
            return answer
        spoilt.append(spoil(answer))
        return spoilt[-1]

    it.wire.change = change
    call = it.call(resolved)
    outcome = await _outcome(it.connector.call(call))
    (answer,) = spoilt
    match outcome:
        case RetryableError():
            # Surely nothing was done: only a pause that was asked for says that, or a guard.
            guard = it.provider.defined.call.guard
            asks = b"THROTTLED" in answer.body or answer.status == 429
            assert asks or (guard is not None and answer.status == guard.refused), (answer, outcome)
        case RefusedError():
            said_no = 400 <= answer.status < 500 or b"rrors" in answer.body
            assert said_no or _failed(it, answer), (answer, outcome)
        case OutcomeUnknownError():
            pass
        case Receipt():
            # By this very answer, which shows that it is ours, or found by the look-up.
            table = it.provider.defined.receipt
            shown = call.action_id.encode() in answer.body
            by_look_up = not 200 <= answer.status < 300 or b"rrors" in answer.body
            assert by_look_up or table is None or table.ours is None or shown, (answer, outcome)
            assert outcome.id
        case _:
            raise AssertionError(outcome)


@pytest.mark.promise("engine:one-effect:outdated")
@pytest.mark.parametrize(("guard", "outdated"), [(412, True), (None, False)])
def test_only_the_calls_own_stamp_says_that_no_earlier_call_can_arrive(
    guard: int | None, outdated: bool
) -> None:
    """A rule for the same status, of an action that sends no stamp, says nothing of that."""
    rules = AnswerRules(who="rt", manifest=shipped("rt")[0].manifest)
    with pytest.raises(RetryableError, match="nothing was done") as caught:
        rules.payload(HttpAnswer(status=412, headers={}, body=b"{}"), writing=True, guard=guard)
    assert caught.value.outdated is outdated


async def _outcome(work: Awaitable[T]) -> T | SaysoError:
    try:
        return await work
    except SaysoError as error:
        return error


def _failed(it: Stand, answer: HttpAnswer) -> bool:
    table = it.provider.defined.receipt
    return table is not None and any(word.encode() in answer.body for word in table.failed)


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", LABELS)
@given(spoil=_spoiled(), at=st.integers(0, 3))
async def test_a_spoilt_answer_to_a_read_is_an_error_with_a_code(
    label: str, spoil: Callable[[HttpAnswer], HttpAnswer], at: int
) -> None:
    """Nothing is done by a read, so it is refused or tried again, and never breaks off."""
    it = of(label)
    seen: list[int] = []

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        seen.append(1)
        return spoil(answer) if len(seen) == at + 1 else answer

    it.wire.change = change
    resolved = await _outcome(it.resolve())
    if isinstance(resolved, Resolved):
        assert resolved.owner == it.table.subject
        sentence = it.provider.defined.action.sentence
        assert sentence.format(**{**resolved.fields, "amount": resolved.amount})
    else:
        assert isinstance(resolved, (RetryableError, RefusedError)), resolved
    seen.clear()
    listed = await _outcome(it.connector.list_records(Subject(id=it.table.subject)))
    _check_hosts(it)
    assert not isinstance(listed, SaysoError) or isinstance(listed, (RetryableError, RefusedError))
    assert it.provider.effects == 0


@pytest.mark.promise("manifests:absence")
@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", LABELS)
@given(spoil=_spoiled())
async def test_a_spoilt_look_up_never_proves_an_absence(
    label: str, spoil: Callable[[HttpAnswer], HttpAnswer]
) -> None:
    """The effect is there: a look-up may fail to see it, and must not say that it is not there."""
    it = of(label)
    resolved = await it.resolve()
    call = it.call(resolved)
    try:
        await it.connector.call(call)
    except OutcomeUnknownError:
        assert it.provider.defined.call.accepted is not None
    assert it.provider.effects == 1

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        spoilt = spoil(answer)
        # An empty list in the provider's own form is the provider's own word.
        return answer if _is_plausibly_empty(it, spoilt) else spoilt

    it.wire.change = change
    found = await _outcome(it.connector.look_up(call))
    assert found is not Absence.ABSENT
    if isinstance(found, SaysoError):
        assert isinstance(found, (RetryableError, RefusedError)), found


def _check_hosts(it: Stand) -> None:
    """Whatever an answer says, every request goes to a host of the manifest."""
    allowed = site_of(it.source.manifest, it.cases.settings, None).allowed
    for request in it.wire.sent:
        parts = urlsplit(request.url)
        assert (parts.scheme, parts.netloc in allowed) == ("https", True), request.url


EVIL = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/v1/ParticipantConversations",
    "https://[64:ff9b::a9fe:a9fe]/v1/ParticipantConversations",
    "https://conversations.twilio.com@evil.example/v1/ParticipantConversations",
    "https://evil.example/v1/ParticipantConversations?PageToken=x",
    "//evil.example/v1/ParticipantConversations",
    "https://conversations.twilio.com/v1/Services",
    "https://conversations.twilio.com:8443/v1/ParticipantConversations",
    "gopher://conversations.twilio.com/v1/ParticipantConversations",
    "\\\\evil.example\\v1",
]


@pytest.mark.promise("manifests:no-ssrf")
@pytest.mark.parametrize("url", EVIL)
async def test_an_answer_cannot_name_another_address(url: str) -> None:
    """A next page that leads elsewhere ends the list as unreadable; nothing is sent there."""
    it = of("twilio.reply-0")

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        document = {**json.loads(answer.body), "meta": {"next_page_url": url}}
        return replace(answer, body=json.dumps(document).encode())

    it.wire.change = change
    with pytest.raises(RetryableError) as caught:
        await it.connector.list_records(Subject(id=it.table.subject))
    assert caught.value.code is Code.CONNECTOR_FAILED
    _check_hosts(it)
    assert len(it.wire.sent) == 1


def _is_plausibly_empty(it: Stand, answer: HttpAnswer) -> bool:
    """Whether an honest provider could have answered so where there is no effect."""
    look_up = it.provider.defined.look_up
    if look_up is None or answer.status // 100 != 2:
        return False
    try:
        document = json.loads(answer.body)
        whole = document.get("data") if it.provider.defined.call.mutation else document
        items = read(look_up.items, whole)
    except (ValueError, AttributeError):
        return False
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return False
    # A state that is another one is told by whatever stands in its fields.
    if look_up.proof == "reference":
        return True
    id_path = receipt_of(it.provider.defined.table).id
    return bool(items) and isinstance(read(id_path, items[0]), str)


@pytest.mark.promise("manifests:answers")
@pytest.mark.parametrize("path", ["[refund][?message]", "refund.message"])
def test_the_error_of_a_union_is_a_no(path: str) -> None:
    """It stands where the result would, by itself: the path names a list of it, or its words."""
    rules = AnswerRules(who="shop", manifest=shipped("shopify")[0].manifest)

    def answered(refund: Json) -> Json:
        body = json.dumps({"data": {"refund": refund}}).encode()
        answer = HttpAnswer(status=200, headers={}, body=body)
        return rules.payload(answer, writing=True, graphql=True, user_errors=path)

    done = {"id": "r1", "state": "Settled"}
    assert answered(done) == {"refund": done}
    with pytest.raises(RefusedError, match="nothing is left"):
        answered({"message": "nothing is left", "code": "NO_REST"})
