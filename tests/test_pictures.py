"""The picture in the README shows what the program prints now, those of Slack what it posts."""

from __future__ import annotations

import html
import re

import slack_pictures
from pictures import PICTURE, draw

_VARYING = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"apr_\w{26}", "apr_ID"),
    (r"\b[0-9a-f]{12}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "DAY"),
    (r"time +\d+\.\d s", "time"),
)
_MADE_UP = (
    (r"apr_\w{26}", "apr_ID"),
    (r"(re|cbtxn)_sbx\w+", r"\1_ID"),
    (r"&lt;[0-9a-f]{20,}", "&lt;LETTER"),
    (r"digest [0-9a-f]{12}\b", "digest DIGEST"),
)


def _words(drawing: str) -> list[str]:
    """The texts of a drawing in their order, but for what differs from run to run."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing)
    shown = html.unescape(" ".join(texts)).replace("\xa0", " ")
    for pattern, name in _VARYING:
        shown = re.sub(pattern, name, shown)
    return shown.split()


def test_the_picture_is_what_the_demo_shows() -> None:
    """Else `python tests/pictures.py` draws it anew."""
    kept = PICTURE.read_text("utf-8")
    assert _words(kept) == _words(draw())
    assert "http:" not in kept.replace("http://www.w3.org/", "").replace("http://127.0.0.1", "")


def _posted(page: str) -> str:
    """The page without what is made up anew each time."""
    for pattern, name in _MADE_UP:
        page = re.sub(pattern, name, page)
    return page


def test_the_pictures_of_slack_are_of_what_is_posted() -> None:
    """Else `python tests/slack_pictures.py` takes them anew; the page is what a browser took."""
    kept = slack_pictures.SOURCE.read_text("utf-8")
    assert _posted(kept) == _posted(slack_pictures.draw())
    for name in slack_pictures.NAMES:
        picture = slack_pictures.PICTURES / f"slack-{name}.webp"
        assert 5_000 < picture.stat().st_size < 60_000
