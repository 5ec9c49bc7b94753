"""Placeholders: a dotted name and nothing else, and no value leaves its place."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.connectors.manifest.requests import ProviderSite, build
from sayso.connectors.manifest.schema import CallTable, Read
from sayso.connectors.manifest.template import ABSENT, TemplateError, fill, fill_path, names_in

SITE = ProviderSite(base="https://api.example.com/v1", hosts=frozenset({"files.example.com"}))


def test_a_lone_placeholder_keeps_its_type() -> None:
    """Inside a longer text it is written out."""
    names = {"a": {"n": 5, "t": "x", "none": ABSENT, "l": [{"k": 1}, {"k": 2}]}, "b": True}
    filled = fill(
        {
            "number": "{a.n}",
            "text": "{a.t}-{a.n} {{x}}",
            "flag": "{b}",
            "left out": "{a.none}",
            "also": "with {a.none}",
            "list": {"each": "a.l", "as": {"id": "{each.k}"}},
            "json": {"json": {"t": "{a.t}"}},
        },
        names,
    )
    assert filled == {
        "number": 5,
        "text": "x-5 {x}",
        "flag": True,
        "list": [{"id": 1}, {"id": 2}],
        "json": '{"t":"x"}',
    }


@pytest.mark.parametrize(
    "text", ["{a|upper}", "{a b}", "{}", "{a", "a}", "{a[0]}", "{a.}", "{{a}", "{a:>5}", "{a!r}"]
)
def test_anything_but_a_dotted_name_is_refused(text: str) -> None:
    """No filters, calls, arithmetic, formats or conditions."""
    with pytest.raises(TemplateError):
        list(names_in(text))
    with pytest.raises(TemplateError):
        fill(text, {"a": "x"})


def test_a_name_that_is_not_there_is_an_error() -> None:
    """Never an empty text."""
    with pytest.raises(TemplateError, match=r"there is no `a\.c`"):
        fill("{a.c}", {"a": {"b": 1}})


@pytest.mark.parametrize("value", [None, True, ["x"], {"k": 1}])
def test_what_is_no_text_does_not_stand_inside_one(value: object) -> None:
    """`None` would be written as a word."""
    with pytest.raises(TemplateError):
        fill("x {a}", {"a": value})


@given(value=st.text(min_size=1, max_size=40))
def test_a_value_is_one_segment_of_a_path(value: str) -> None:
    """`/`, `..`, `?`, `#`, `@` and the like never come through."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    try:
        path = fill_path("/things/{args.id}/do", {"args": {"id": value}})
    except TemplateError:
        assert not value.strip(".")
        return
    parts = urlsplit("https://api.example.com" + path)
    assert parts.netloc == "api.example.com"
    assert not parts.query
    assert not parts.fragment
    segments = parts.path.split("/")
    assert [segments[1], segments[3]] == ["things", "do"]
    assert len(segments) == 4
    assert unquote(segments[2]) == value


@given(value=st.text(max_size=40))
def test_a_value_in_a_header_cannot_make_another(value: str) -> None:
    """What no header can hold is refused before anything is sent."""
    call = CallTable.model_validate(
        {"post": "/x", "header": {"X-Note": "{args.note}"}, "receipt": {"id": "id", "status": "s"}}
    )
    try:
        request = build(SITE, call, {"args": {"note": value}})
    except TemplateError:
        assert any(not " " <= char <= "~" for char in value)
        return
    assert request.headers["X-Note"] == value


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "https://api.example.com@evil.example/x",
        "https://api.example.com.evil.example/x",
        "https://{args.host}/x",
        "https://files.example.com:8443/x",
        "https://127.0.0.1/x",
    ],
)
def test_a_request_to_another_host_is_not_built(path: str) -> None:
    """A whole address names an allowed host, and no template is filled into it."""
    with pytest.raises(TemplateError):
        build(SITE, Read.model_validate({"get": path}), {"args": {"host": "files.example.com"}})


def test_bodies_and_parameters_are_encoded() -> None:
    """Nested names as `a[b][0]`, truth as words, nothing for null."""
    call = CallTable.model_validate(
        {
            "post": "/x",
            "query": {"page[size]": 5, "flag": True, "none": None},
            "form": {"a": {"b": ["x", "{args.t}"]}, "on": False},
            "receipt": {"id": "id", "status": "s"},
        }
    )
    request = build(SITE, call, {"args": {"t": "a&b=c"}})
    assert request.url == "https://api.example.com/v1/x?page%5Bsize%5D=5&flag=true"
    assert request.body == b"a%5Bb%5D%5B0%5D=x&a%5Bb%5D%5B1%5D=a%26b%3Dc&on=false"


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://api.example.com/v1/list?page=2", "https://api.example.com/v1/list?page=2"),
        ("/v1/list?page=2", "https://api.example.com/v1/list?page=2"),
        ("https://evil.example/v1/list?page=2", None),
        ("https://api.example.com/v1/other?page=2", None),
        ("http://169.254.169.254/v1/list", None),
        ("https://api.example.com@evil.example/v1/list", None),
        ("https://user@api.example.com/v1/list", None),
        ("ftp://api.example.com/v1/list", None),
        ("https://[bad/v1/list", None),
    ],
)
def test_a_next_page_that_an_answer_names_is_on_the_same_path(url: str, there: str | None) -> None:
    """An answer chooses parameters and nothing else."""
    assert SITE.next_page(url, "https://api.example.com/v1/list") == there
