"""An entry in words: what changed, about whom, on whose word."""

from __future__ import annotations

import pytest

from sayso.audit.entry import EntryKind, Json
from sayso.audit.queries.sentence import sentence_of, title_of

pytestmark = pytest.mark.promise("audit:says")


def body(kind: str, **data: Json) -> dict[str, object]:
    """The fields of a body, as far as words need them."""
    return {"kind": kind, "actor": {"kind": "person", "id": "dana"}, "data": data}


def test_every_kind_has_a_title() -> None:
    """A table never shows a bare kind where people read."""
    assert [kind for kind in EntryKind if title_of(kind) == kind] == []
    assert title_of("what.else") == "what.else"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            body(
                "policy.activated",
                version=8,
                parent=7,
                direction="looser",
                asked_by="jonas",
                changes=["refunds.toml", "the cap of `c` rises from $100 to $200"],
            ),
            (
                "version 8, in place of 7, looser, refunds.toml, "
                "the cap of `c` rises from $100 to $200, asked for by jonas"
            ),
        ),
        (
            body("person.added", person="noor", roles=["finance", "support_manager"]),
            "noor, as finance, support manager",
        ),
        (body("person.changed", person="noor", roles=[]), "noor, without a role"),
        (body("person.deactivated", person="noor"), "noor"),
        (
            body(
                "token.created",
                token="tok_1",
                token_kind="service",
                holder="bot",
                scopes=["actions:propose"],
                expires_at=1_798_761_600_000_000,
            ),
            "tok_1, service bot, may actions:propose, until 2027-01-01",
        ),
        (body("action.stale", taken_back=True), "took the yes back"),
        (body("stop.released", scope="all", asked_by="noor"), "everything, asked for by noor"),
        (body("passkey.required", amounts=[["USD", 10_000]]), "from $100.00"),
    ],
)
def test_what_changed_is_said_with_version_and_whom(fields: dict[str, object], said: str) -> None:
    """Not `policy.activated policy.activated`: what an auditor asks stands in the row."""
    assert sentence_of(fields) == said


@pytest.mark.parametrize("kind", list(EntryKind))
def test_a_body_of_any_shape_gives_words(kind: EntryKind) -> None:
    """An export is whatever somebody wrote: a value of another type is left out."""
    for odd in (None, 7, ["x", 1], {"code": 3}, [["USD", "1"]], "a\nb"):
        names = ("person", "roles", "version", "amounts", "scopes", "rows", "error", "expires_at")
        said = sentence_of(body(kind, **dict.fromkeys(names, odd)))
        assert len(said) <= 300
        assert "\n" not in said
    assert sentence_of({}) == ""
