"""Reading an e-mail that is HTML: what is seen of it, and what it quotes."""

from __future__ import annotations

import pytest

from sayso.connectors.email.inbox.html import read_html

HIDDEN = [
    '<div style="display:none">HIDE</div>',
    '<span style="font-size:0px">HIDE</span>',
    '<span style="font-size: 0.1pt">HIDE</span>',
    "<p hidden>HIDE</p>",
    '<p style="color:#fff">HIDE</p>',
    '<p style="color:white;background:#FFFFFF">HIDE</p>',
    '<table bgcolor="#000000"><tr><td style="color:rgb(0,0,0)">HIDE</td></tr></table>',
    '<font color="#ffffff">HIDE</font>',
    "<template>HIDE</template><style>HIDE{}</style><script>HIDE</script>",
    "<svg><title>HIDE</title><text>HIDE</text></svg>",
    "<!-- HIDE -->",
    '<div style="visibility:hidden">HIDE</div><div style="opacity:0">HIDE</div>',
    '<div style="overflow:hidden;max-height:0">HIDE</div>',
    '<div style="position:absolute;left:-9999px">HIDE</div>',
    '<div style="mso-hide:all">HIDE</div>',
    "<noscript>HIDE</noscript>",
]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize("html", HIDDEN)
def test_what_nobody_sees_is_not_read(html: str) -> None:
    """A customer who forwards such a mail has not said what it hides."""
    own, whole = read_html(f"<p>Please <b>refund</b> order 7.</p>{html}<p>Thanks</p>")
    assert "HIDE" not in whole
    assert own.split() == "Please refund order 7. Thanks".split()


def test_what_is_seen_is_read() -> None:
    """Also what a screen reader leaves out, and white words on a dark ground."""
    own, _ = read_html(
        '<p aria-hidden="true">one</p><div style="background:#111"><p style="color:#fff">two</p>'
        '</div><p style="line-height:0">three</p><p style="color:#fff;background:url(x)">four</p>'
    )
    assert own.split() == ["one", "two", "three", "four"]


def test_words_stay_together_and_blocks_apart() -> None:
    """Inline tags break no word and no line; paragraphs, cells and breaks do."""
    own, _ = read_html(
        "<p>re<b>fund</b> of <a href=x>order 7</a>.</p><div>And<br>this</div>"
        "<table><tr><td>1</td><td>2</td></tr></table><p style='color:#000'>end</p>"
    )
    lines = [line for line in own.splitlines() if line]
    assert lines == ["refund of order 7.", "And", "this", "1 2", "end"]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    "quote",
    [
        "<div class=gmail_quote><div class=gmail_attr>x</div><blockquote class=gmail_quote>OLD",
        '<blockquote type="cite"><div>On x, y wrote:</div>OLD</blockquote>',
        '<hr><div id="divRplyFwdMsg">From: x</div><div>OLD</div>',
        '<div id="appendonsend"></div><div>OLD</div>',
        '<div class="yahoo_quoted">OLD</div>',
        '<div class="protonmail_quote">OLD</div>',
        '<div class="moz-cite-prefix">On x wrote:</div><blockquote type="cite">OLD</blockquote>',
        '<div class="gmail_quote"><div class="gmail_attr">-- Forwarded --</div>OLD</div>',
        '<div class="gmail_signature">OLD</div>',
    ],
)
def test_what_html_marks_as_quoted_is_cut(quote: str) -> None:
    """As each mail program marks it, in no language; all of it stays in `whole`."""
    own, whole = read_html(f"<div>Yes, the blue one.</div>{quote}")
    assert own == "Yes, the blue one."
    assert "OLD" in whole


def test_an_answer_between_quoted_lines_stays() -> None:
    """Gmail puts it beside the quotes, in the same container; an indent of one's own stays."""
    own, _ = read_html(
        '<div class="gmail_quote"><div class="gmail_attr">On x, y wrote:</div>'
        '<blockquote class="gmail_quote">Which one?</blockquote><div>The blue one.</div>'
        '<blockquote class="gmail_quote">And when?</blockquote><div>Today.</div></div>'
        "<blockquote>my own indent</blockquote>"
    )
    assert own.split() == "The blue one. Today. my own indent".split()
