"""The picture in the README shows what the program prints now."""

from __future__ import annotations

import html
import re

from pictures import PICTURE, draw

_VARYING = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"apr_\w{26}", "apr_ID"),
    (r"\b[0-9a-f]{12}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "DAY"),
    (r"time +\d+\.\d s", "time"),
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
