"""Reading a manifest: strict, with the line and the nearest key; siblings taken over."""

from __future__ import annotations

import pytest
from connectors.manifest.stand import changed, source_of

from sayso.connectors.manifest.schema import MAX_BYTES
from sayso.errors import Code, ConfigError


@pytest.mark.promise("manifests:strict")
@pytest.mark.parametrize(
    ("before", "after", "message", "step"),
    [
        ("resolve = [", "resolv = [", "there is no key `resolv`", "did you mean `resolve`?"),
        ("keeps =", "keep_for =", "there is no key `keep_for`", "did you mean `keeps`?"),
        ("[actions.pause.facts]", "[actions.pause.fact]", "there is no key `fact`", "`facts`"),
        ('effect = "cancellation"', 'effect = "cancel"', "Input should be", "correct"),
        ('absent_after = "1m"', 'absent_after = "soon"', "write a duration", "correct"),
        ('path = "subscription.customer_id"', 'path = "!a.b"', "negates its first name", "correct"),
        ('proof = "state"\n', "", '`proof = "state"` and `so` go together', "correct"),
        (
            'like = "pause"\nsummary = "Res',
            'like = "paus"\nsummary = "Res',
            "is like `paus`",
            "pause",
        ),
        ("manifest = 1", "manifest = 2", "Input should be 1", "correct"),
        ('root = "subscription"\n', 'rout = "subscription"\n', "there is no key `rout`", "`root`"),
        ('type = "money", max', 'type = "money", most', "there is no key `most`", "`max`"),
        ('kind = "basic"', 'kind = "query"', "Input tag 'query'", "correct"),
        ("reversible = true\nresolve", "reversible = 1\nresolve", "valid boolean", "correct"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_may_be_meant(
    before: str, after: str, message: str, step: str
) -> None:
    """Closed: an unknown key is an error, with the nearest known one."""
    text = changed("chargebee", (before, after))
    with pytest.raises(ConfigError) as caught:
        source_of(text)
    error = caught.value
    assert error.code is Code.INVALID_MANIFEST
    assert message in error.message
    assert step in error.next_step
    assert "connectors/x.toml" in error.message
    assert "line " in error.message


def test_the_line_is_the_one_where_it_stands() -> None:
    """Counted from 1, as editors do."""
    text = changed("chargebee", ('absent_after = "1m"', 'absent_after = "soon"'))
    wanted = text[: text.index('absent_after = "soon"')].count("\n") + 1
    with pytest.raises(ConfigError, match=f"line {wanted}:"):
        source_of(text)


@pytest.mark.parametrize("text", ["a = ", "\x00", "[actions\n"])
def test_what_is_no_toml_says_so(text: str) -> None:
    """With the line that TOML's reader names."""
    with pytest.raises(ConfigError, match="no TOML"):
        source_of(text)


def test_a_file_that_is_too_long_is_refused() -> None:
    """A manifest is a page or two."""
    with pytest.raises(ConfigError, match="bytes"):
        source_of("#" * (MAX_BYTES + 1))


def test_like_takes_a_sibling_over_and_none_removes() -> None:
    """Tables of entries entry by entry, what is one value whole, one level only."""
    manifest = source_of(changed("chargebee")).manifest
    pause, resume = manifest.actions["pause"], manifest.actions["resume"]
    assert "when" in pause.args
    assert "when" not in resume.args
    assert resume.args["subscription"] == pause.args["subscription"]
    assert resume.owner == pause.owner
    assert resume.undo is None
    assert resume.call.form == {
        "resume_option": "immediately",
        "charges_handling": "add_to_unbilled_charges",
    }
    assert resume.call.key == pause.call.key
    text = changed(
        "chargebee", ('like = "pause"\nsummary = "Cancel', 'like = "resume"\nsummary = "Cancel')
    )
    with pytest.raises(ConfigError, match="is like another one itself"):
        source_of(text)


def test_a_draft_is_read_and_marked() -> None:
    """So that `check` can judge it; it is never loaded."""
    source = source_of(changed("chargebee") + '\n[draft]\nof = "chargebee_v1.json"\n')
    assert source.is_draft
