"""Whatever is sent, the answer is a clear 4xx that names the field, never a 500."""

from __future__ import annotations

import json
import socket
import time

import pytest
from surfaces.http.api_server import TIMEOUT_S, ApiServer, as_json, problem, refund

from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.surfaces.http.problem import respond

GOOD = json.dumps(refund("order", "cus_1"))
SUBJECT = {"id": "cus_1", "assurance": "verified"}
MESSAGE = {"role": "customer", "content": "hello"}


def _money(amount: str, currency: str = '"USD"') -> bytes:
    money = f'{{"amount_minor":{amount},"currency":{currency}}}'
    return GOOD.replace('"order": "order"', f'"order":"order","amount":{money}').encode()


@pytest.mark.promise("http:bad-input")
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1,}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        '{"a": "ä"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        GOOD.replace('"action"', '"action": "shop.pay", "action"').encode(),
        b'{"a": "line\nbreak"}',
    ],
)
def test_what_is_not_json_is_malformed(api: ApiServer, body: bytes) -> None:
    """400 `malformed_json`: also two fields of one name, and whatever is not UTF-8."""
    problem(api.send("/v1/actions", body), 400, "malformed_json")


@pytest.mark.promise("http:bad-input")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        (_money("129.0"), "amount_minor"),
        (_money("1e2"), "amount_minor"),
        (_money("9223372036854775808"), "amount_minor"),
        (_money("-9223372036854775809"), "amount_minor"),
        (_money("9" * 5_000), "amount_minor"),
        (_money("9007199254740992"), "amount_minor"),
    ],
)
def test_money_that_is_not_exact_is_refused(api: ApiServer, body: bytes, named: str) -> None:
    """Floats and integers beyond 2^53-1 are no amounts."""
    assert named in problem(api.send("/v1/actions", body), 422, "invalid_money")["detail"]


@pytest.mark.promise("http:bad-input")
@pytest.mark.parametrize(
    "body",
    [
        _money("-100"),
        _money("0"),
        _money("true"),
        _money('"129"'),
        _money("null"),
        _money("100", '"usd"'),
        _money("100", '"XXX"'),
        _money("100", '"USD","note":"x"'),
        _money("100000000000001"),
        _money("9007199254740991"),
    ],
)
def test_money_that_makes_no_sense_is_refused(api: ApiServer, body: bytes) -> None:
    """Negative, zero, true, text, an unknown currency, a further field, too much (errors.md)."""
    found = problem(api.send("/v1/actions", body), 422, "invalid_money")
    assert "amount" in found["detail"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"acton": "shop.refund"}, "acton"),
        ({"subject": {**SUBJECT, "email": "a@example.com"}}, "subject.email"),
        ({"subject": {"id": "cus_1"}}, "subject.assurance"),
        ({"subject": {"id": "cus_1", "assurance": "very"}}, "subject.assurance"),
        ({"subject": "cus_1"}, "subject"),
        ({"subject": {"id": 1, "assurance": "verified"}}, "subject.id"),
        ({"subject": {"id": "", "assurance": "verified"}}, "subject.id"),
        ({"action": ["shop.refund"]}, "action"),
        ({"args": []}, "args"),
        ({"reason": None}, "reason"),
        ({"args": {"order": "x", "share": 0.5}}, "args.share"),
        ({"args": {"order": "a\0b"}}, "args.order"),
        ({"args": {"a\0b": 1}}, "args"),
        ({"reason": "\ud83d"}, "reason"),
        ({"subject": {**SUBJECT, "attributes": {"vip": "\udc00"}}}, "subject.attributes.vip"),
        ({"args": {"order": 2**63}}, "args.order"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    api: ApiServer, change: dict[str, object], named: str
) -> None:
    """422 `invalid_input` with the path of the field, and what to do."""
    body = json.dumps({**refund("order", "cus_1"), **change}).encode()
    found = problem(api.send("/v1/actions", body), 422, "invalid_input")
    assert f"`{named}`" in found["detail"]
    assert found["next_step"]


def test_a_misspelt_field_gets_a_hint(api: ApiServer) -> None:
    """The nearest field that there is."""
    found = problem(
        api.post("/v1/actions", {**refund("o", "c"), "resaon": "x"}), 422, "invalid_input"
    )
    assert found["next_step"] == "did you mean `reason`?"


@pytest.mark.parametrize(
    ("path", "body", "step"),
    [
        ("/v1/actions", {"subject": {**SUBJECT, "customer": "c"}}, "remove it"),
        ("/v1/actions", {"subject": {**SUBJECT, "atributes": {}}}, "did you mean `attributes`?"),
        ("/v1/actions", {"digset": "x"}, "remove it"),
        ("/v1/actions?dry-run=true", {}, "did you mean `dry_run`?"),
        ("/v1/actions?statuss=failed", {}, "remove it"),
        ("/v1/approvals/apr_1/decision", {"digset": "x"}, "did you mean `digest`?"),
        (
            "/v1/requests",
            {"messages": [{**MESSAGE, "contents": ""}]},
            "`content`?",
        ),
        ("/v1/approvals/apr_1/decision", {"subjekt": "x"}, "remove it"),
    ],
)
def test_a_hint_names_a_field_that_fits_there(
    api: ApiServer, path: str, body: dict[str, object], step: str
) -> None:
    """One of another call, or of another part of the body, would be refused as well."""
    whole: dict[str, object] = {}
    if path.startswith("/v1/actions"):
        whole = refund("o", "c")
    elif path == "/v1/requests":
        whole = {"subject": SUBJECT}
    elif path.startswith("/v1/approvals"):
        whole = {"decision": "approve", "revision": 1, "digest": "0" * 64}
    found = as_json(api.post(path, {**whole, **body}, by="maria"))
    assert found["code"] == "invalid_input", found
    assert found["next_step"].endswith(step), found


@pytest.mark.parametrize("key", ["a b", "a\tb", "\u00e9", "x" * 201, ""])
def test_a_key_that_is_not_visible_ascii_is_refused(api: ApiServer, key: str) -> None:
    """A space at one end gets lost on the way, and the same call would have two keys."""
    headers = {**api.headers("bot"), "Idempotency-Key": key}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = api.http.post("/v1/actions", json=refund("o", "c"), headers=raw)
    assert "visible ASCII" in problem(answer, 400, "invalid_input")["next_step"]


def test_two_keys_are_none(api: ApiServer) -> None:
    """The first one counted: who repeats a call by the second one would have it done again."""
    headers = [*api.headers("bot").items(), ("Idempotency-Key", "one"), ("Idempotency-Key", "2")]
    answer = api.http.post("/v1/actions", json=refund(*api.order()), headers=headers)
    assert "twice" in problem(answer, 400, "invalid_input")["detail"]


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null", b"7", b"{}"])
def test_a_body_that_is_no_object_with_the_fields_is_refused(api: ApiServer, body: bytes) -> None:
    """Empty, a list, a scalar, an empty object: 422."""
    problem(api.send("/v1/actions", body), 422, "invalid_input")


@pytest.mark.promise("http:bad-input")
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(api: ApiServer, opening: bytes) -> None:
    """Neither a crash nor a 500, 17 or 100,000 levels down."""
    closing = b"]" if opening == b"[" else b"}"
    for levels in (17, 100_000):
        body = opening * levels + b"1" + closing * levels
        found = problem(api.send("/v1/actions", body), 422, "invalid_input")
        assert "deep" in found["detail"]


@pytest.mark.promise("http:bad-input")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("actions", "{" + "".join(f'"{name:x}":0,' for name in range(60_000)) + '"z":0,"z":0}'),
        ("requests", '{"messages":[' + "{}," * 340_000 + "{}]}"),
        ("requests/req_1/decision", '{"decisions":[' + "{}," * 340_000 + "{}]}"),
    ],
    ids=["a field that stands twice", "messages", "decisions"],
)
def test_no_body_keeps_the_server_from_others(api: ApiServer, path: str, body: str) -> None:
    """However many fields, or wrong parts of a list: the work grows with the body, no faster.

    While it lasts nobody else is answered, and nobody could stop anything.
    """
    before = time.process_time()
    answer = api.send(f"/v1/{path}", body.encode(), by="maria")
    assert answer.status_code in {400, 422}
    assert len(answer.content) < 1_000
    assert time.process_time() - before < 4.0


@pytest.mark.promise("http:bad-input")
def test_a_body_over_1_mib_is_not_read(api: ApiServer) -> None:
    """413 from the announced length alone: the answer comes though no byte was sent."""
    head = (
        "POST /v1/actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {api.secrets['bot']}\r\nIdempotency-Key: big\r\n"
        f"Content-Length: {2**40}\r\n\r\n"
    )
    assert b" 413 " in _raw(api, head.encode())


def test_a_body_without_a_length_is_read_no_further_than_1_mib(api: ApiServer) -> None:
    """413 in the middle of a chunked body that never ends."""
    head = (
        "POST /v1/actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {api.secrets['bot']}\r\nIdempotency-Key: big\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert b" 413 " in _raw(api, head.encode() + chunk * 16 + b"1\r\n \r\n")


def _raw(api: ApiServer, sent: bytes) -> bytes:
    """The first bytes of the answer to raw bytes."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(sent)
        return connection.recv(4096)


def test_a_body_of_1_mib_is_read(api: ApiServer) -> None:
    """The limit itself is allowed; then the fields count."""
    body = GOOD.encode()
    padded = body[:-1] + b" " * (1024 * 1024 - len(body)) + b"}"
    assert api.send("/v1/actions", padded).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_that_is_not_marked_as_json_is_refused(api: ApiServer, kind: str) -> None:
    """415, with what to send; `curl -d` alone marks it as a form."""
    answer = api.send("/v1/actions", GOOD.encode(), **{"Content-Type": kind})
    assert "application/json" in problem(answer, 415, "invalid_input")["next_step"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("dryrun=true", "dryrun"),
        ("dry_run=maybe", "dry_run"),
        ("dry_run=true&dry_run=false", "twice"),
        ("dry_run=false&tenant=other", "tenant"),
    ],
)
def test_a_misspelt_query_changes_nothing_silently(api: ApiServer, query: str, named: str) -> None:
    """A wrong `dry_run` must not become a real refund."""
    order, customer = api.order(4_000)
    answer = api.post(f"/v1/actions?{query}", refund(order, customer))
    assert named in problem(answer, 422, "invalid_input")["detail"]
    assert api.shop.books.orders[order].refunded_minor == 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/actions?limit=0",
        "/v1/actions?limit=201",
        "/v1/actions?limit=many",
        "/v1/actions?limit=1.5",
        "/v1/actions?status=done",
        "/v1/actions?statuss=failed",
        "/v1/approvals?status=open",
        "/v1/requests?limit=-1",
        "/v1/audit/entries?limit=1001",
        "/v1/audit/entries?after=-1",
        "/v1/audit/entries?after=99999999999999999999",
        "/v1/audit/entries?q=colour:red",
        "/v1/audit/entries?q=%22",
        "/v1/audit/entries?q=created:2026-02-30",
        "/v1/audit/entries?q=amount:>1.2.3USD",
        f"/v1/audit/entries?q={'x' * 501}",
        "/v1/actions/act_1?verbose=1",
        *(
            f"/v1/{noun}?after={after}"
            for noun, other in (("actions", "apr"), ("approvals", "act"), ("requests", "act"))
            for after in ("zzz", "", "%F0%9F%92%A5", f"{other}_{'0' * 26}", f"act_{'U' * 26}")
        ),
    ],
)
def test_a_query_that_does_not_fit_is_refused(api: ApiServer, path: str) -> None:
    """A filter that is ignored would show too much, so it is refused."""
    problem(api.get(path), 422, "invalid_input")


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "soon"])
def test_a_wait_out_of_range_is_refused(api: ApiServer, wait: str) -> None:
    """0 to 60 seconds."""
    body = {"subject": SUBJECT, "messages": [{"role": "customer", "content": "hello"}]}
    problem(api.post(f"/v1/requests?wait={wait}", body), 422, "invalid_input")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/actions/%00",
        "/v1/actions/%ff%fe",
        "/v1/actions/%ed%a0%80",
        "/v1/actions/" + "x" * 10_000,
        "/v1/approvals/..%2f..%2fetc%2fpasswd",
        "/v1/requests/%F0%9F%92%B8",
        "/v1/actions/",
        "/V1/actions",
        "/",
    ],
)
def test_a_path_that_leads_nowhere_is_a_404(api: ApiServer, path: str) -> None:
    """Whatever bytes stand in it."""
    problem(api.get(path), 404, "not_found")


def test_a_filter_of_strange_characters_is_no_customer(api: ApiServer) -> None:
    """NUL, half characters and emoji stand in no account id, which is read as everywhere."""
    for value in ("%00", "%ed%a0%80", "%F0%9F%92%B8", "'; drop table action; --"):
        problem(api.get(f"/v1/actions?subject={value}"), 422, "invalid_input")


def test_another_method_is_a_405(api: ApiServer) -> None:
    """With the methods that there are."""
    answer = api.http.delete("/v1/actions/act_1", headers=api.headers("bot"))
    problem(answer, 405, "invalid_input")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["actions", "requests", "privacy/holds", "audit/segments"])
def test_a_405_names_all_that_a_path_takes(api: ApiServer, path: str) -> None:
    """RFC 9110 §10.2.1, as `next_step` sends whoever reads it there: it named one of the two."""
    answer = api.http.put(f"/v1/{path}", headers=api.headers("bot"))
    problem(answer, 405, "invalid_input")
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("name", ["shop.pay", "x", "shop.refund\u202e", "💸.refund", "a" * 200])
def test_an_unknown_action_is_a_404(api: ApiServer, name: str) -> None:
    """`unknown_action`, recorded; the name is shown without what hides or reorders text."""
    body = {**refund(*api.order()), "action": name}
    found = problem(api.post("/v1/actions", body), 404, "unknown_action")
    assert "\u202e" not in found["detail"]


@pytest.mark.parametrize(
    "customer", ["a b", "cus_\u202e1", "💸", "../x", "c" * 129, "cus_1\n", "-dash"]
)
def test_a_customer_id_of_another_alphabet_is_refused(api: ApiServer, customer: str) -> None:
    """1 to 128 characters of a closed alphabet."""
    problem(api.post("/v1/actions", refund("order", customer)), 422, "invalid_input")


@pytest.mark.parametrize(
    "text",
    [
        "🙂" * 1_000,
        "مرحبا \u202eabc\u202c \u2066x\u2069",
        "e\u0301\u200d\ufeff",
        "<script>alert(1)</script>",
        "\x1b[31mred\x07",
        "{{7*7}} ${7*7} %s %n",
        "Robert'); drop table action;--",
    ],
)
def test_hostile_words_are_only_words(api: ApiServer, text: str) -> None:
    """They are stored with the action and change nothing about what it does."""
    order, customer = api.order()
    body = as_json(api.post("/v1/actions", {**refund(order, customer), "reason": text}))
    assert body["status"] == "pending_approval"
    done = api.decide(body["approval"], "approve", by="maria", reason=text[:2_000])
    assert as_json(done)["status"] == "succeeded"


@pytest.mark.promise("http:bad-input")
def test_100_kb_of_words_are_too_many(api: ApiServer) -> None:
    """413 `message_too_long` for a reason, a message and a decision's reason."""
    text = "x" * 100_000
    body = {**refund(*api.order()), "reason": text}
    problem(api.post("/v1/actions", body), 413, "message_too_long")
    asked = {"subject": SUBJECT, "messages": [{"role": "customer", "content": text}]}
    problem(api.post("/v1/requests", asked), 413, "message_too_long")
    approval = api.propose()["approval"]
    answer = api.decide(approval, "approve", by="maria", reason=text)
    problem(answer, 413, "message_too_long")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"decision": "maybe"}, "invalid_input"),
        ({"revision": "1"}, "invalid_input"),
        ({"revision": 0}, "invalid_input"),
        ({"revision": True}, "invalid_input"),
        ({"digest": "0" * 11}, "invalid_input"),
        ({"digest": "G" * 64}, "invalid_input"),
        ({"decision": "reject", "reason_code": "NOT OK"}, "invalid_input"),
        ({"args": {"amount": {"amount_minor": 5, "currency": "USD"}}}, "edit_not_allowed"),
        ({"decision": "edit"}, "edit_not_allowed"),
        ({"decision": "edit", "args": {"order": "other"}}, "edit_not_allowed"),
        ({"decision": "edit", "args": {"amount": 5}}, "invalid_money"),
        (
            {"decision": "edit", "args": {"amount": {"amount_minor": 10**9, "currency": "USD"}}},
            "edit_not_allowed",
        ),
        ({"person": "finn"}, "invalid_input"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(
    api: ApiServer, change: dict[str, object], code: str
) -> None:
    """422, and the approval still waits."""
    approval = api.propose()["approval"]
    body = {"decision": "approve", "revision": 1, "digest": approval["digest"], **change}
    answer = api.post(f"/v1/approvals/{approval['id']}/decision", body, by="maria")
    problem(answer, 422, code)
    assert as_json(api.get(f"/v1/approvals/{approval['id']}"))["status"] == "pending"


@pytest.mark.promise("http:hidden")
@pytest.mark.parametrize(
    "error",
    [
        RefusedError(Code.NOT_OWNER, "not possible", next_step="ask", detail="owner: cus_2"),
        IntegrityError(Code.TAMPERED, "not possible", next_step="ask", detail="row of cus_2"),
    ],
    ids=["4xx", "5xx"],
)
def test_what_is_for_the_log_is_in_no_answer(error: SaysoError) -> None:
    """docs/reference/errors.md: `detail` may quote a provider or a row; callers do not see it."""
    answer = respond({"type": "http", "method": "GET"}, error)
    assert b"not possible" in answer.body
    assert b"cus_2" not in answer.body
