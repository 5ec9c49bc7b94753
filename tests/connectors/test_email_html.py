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
    "<!x HIDE>",
    '<p style="color:#fefefe">HIDE</p>',
    '<p style="color:hsl(0, 0%, 100%)">HIDE</p>',
    '<p style="color:transparent">HIDE</p>',
    '<p style="color:rgba(0,0,0,0)">HIDE</p>',
    '<p style="color:#0000">HIDE</p>',
    '<p style="color:teal;background-color:teal">HIDE</p>',
    '<div style="background:transparent"><p style="color:white">HIDE</p></div>',
    '<p style="display:/**/none !important">HIDE</p>',
    '<p style="font:0/0 a">HIDE</p>',
    '<div style="font-size:10%"><p style="font-size:0.1em">HIDE</p></div>',
    '<p style="opacity:.01">HIDE</p><p style="filter:opacity(0)">HIDE</p>',
    '<p style="transform:scale(0)">HIDE</p><p style="clip-path:inset(50%)">HIDE</p>',
    '<p style="position:absolute;clip:rect(0 0 0 0)">HIDE</p>',
    '<p style="text-indent:-9999px">HIDE</p><p style="margin-left:-200em">HIDE</p>',
    '<p style="overflow:hidden;width:1px;height:1px">HIDE</p>',
    "<style>.a,p#b{display:none} @media print{p{top:0}}</style><p class=a>HIDE</p><p id=b>HIDE</p>",
    "<style><!-- .c{display:none} --></style><p class=c>HIDE</p>",
    "<style>i{display:none}</style><i>HIDE</i>",
    "<style>/* x */ span{font-size:0}</style><span>HIDE</span>",
    '<div style="visibility:hidden"><p>HIDE</p></div>',
]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize("html", HIDDEN)
def test_what_nobody_sees_is_not_read(html: str) -> None:
    """A customer who forwards such a mail has not said what it hides."""
    read = read_html(f"<p>Please <b>refund</b> order 7.</p>{html}<p>Thanks</p>")
    assert "HIDE" not in read.whole
    assert read.own.split() == "Please refund order 7. Thanks".split()


def test_what_is_seen_is_read() -> None:
    """Also what a screen reader leaves out, and white words on a dark ground."""
    own = read_html(
        '<p aria-hidden="true">one</p><div style="background:#111"><p style="color:#fff">two</p>'
        '</div><p style="line-height:0">three</p><p style="color:#fff;background:url(x)">four</p>'
    ).own
    assert own.split() == ["one", "two", "three", "four"]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    "html",
    [
        '<td style="font-size:0"><div style="font-size:13px">SHOWN</div></td>',
        '<div style="color:#fff"><p style="color:#000">SHOWN</p></div>',
        '<div style="color:#fff"><p style="background:#111">SHOWN</p></div>',
        '<div style="visibility:hidden"><p style="visibility:visible">SHOWN</p></div>',
        "<style>@media print{p{display:none}}</style><p>SHOWN</p>",
        "<style>p.a b{display:none} p{display:none</style><p>SHOWN</p>",
        "<style>i, span{display:none}</style><p>SHOWN</p>",
        "<style>p{display:none}</style><p style='display:block'>SHOWN</p>",
        '<p style="color:#ccc">SHOWN</p><p style="color:red">SHOWN</p>',
        '<p style="color:inherit;background:nonsense">SHOWN</p>',
        '<p style="left:-9999px;overflow:hidden;width:100%">SHOWN</p>',
        "<font color=" + "9" * 5_000 + f">SHOWN</font><p style='color:rgb({'9' * 5_000},1,1)'>",
    ],
)
def test_what_is_seen_after_all_is_read(html: str) -> None:
    """An inner tag says otherwise than an outer one, a style is for some only, or is none."""
    assert "SHOWN" in read_html(f"<table><tr>{html}").own


@pytest.mark.parametrize(
    "deep",
    [
        "<div>",
        "<svg><input>",
        "<div><!--</div>-->",
        "<div a='></div>'>",
        "<div><object></div></object>",
        "<div><textarea></div></textarea>",
    ],
)
def test_html_that_nests_without_end_is_read_as_far_as_it_does_not(deep: str) -> None:
    """The parser takes the square of how deep it is."""
    read = read_html("<p>Refund order 7.</p>" + deep * 3_000 + "the end")
    assert (read.own, read.is_whole) == ("Refund order 7.", False)


def test_tags_that_are_never_closed_are_opened_once() -> None:
    """A parser opens them anew in each paragraph: a small mail would fill all memory."""
    read = read_html("".join(f"<p><b a={n}></p>" for n in range(500)) + "<p>x</p>" * 5_000)
    assert (read.own.split(), read.is_whole) == (["x"] * 5_000, True)


def test_a_page_of_any_length_that_nests_as_people_write_is_read_whole() -> None:
    """Outlook's tables and a mail program's unclosed tags are no depth."""
    row = '<table><tr><td><div><span style="x:1"><b>a</b></span><br></div></td></tr></table><p>b'
    assert read_html(f"<body>{row * 1_100}").is_whole


def test_words_stay_together_and_blocks_apart() -> None:
    """Inline tags break no word and no line; paragraphs, cells and breaks do."""
    own = read_html(
        "<p>re<b>fund</b> of <a href=x>order 7</a>.</p><div>And<br>this</div>"
        "<table><tr><td>1</td><td>2</td></tr></table><p style='color:#000'>end</p>"
    ).own
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
    read = read_html(f"<div>Yes, the blue one.</div>{quote}")
    assert read.own == "Yes, the blue one."
    assert "OLD" in read.whole


def test_an_answer_between_quoted_lines_stays() -> None:
    """Gmail puts it beside the quotes, in the same container; an indent of one's own stays."""
    own = read_html(
        '<div class="gmail_quote"><div class="gmail_attr">On x, y wrote:</div>'
        '<blockquote class="gmail_quote">Which one?</blockquote><div>The blue one.</div>'
        '<blockquote class="gmail_quote">And when?</blockquote><div>Today.</div></div>'
        "<blockquote>my own indent</blockquote>"
    ).own
    assert own.split() == "The blue one. Today. my own indent".split()
