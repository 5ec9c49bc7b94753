"""What a style hides in a mail that is HTML, as far as the mail itself says it.

INVARIANT: what is in doubt is seen, so that nothing of a customer's words is lost: a rule that this
file cannot read, such as one for some screens only, hides nothing.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

Style = Mapping[str, str]
_LONGEST_STYLE = 4_000
_LONGEST_VALUE = 120
_LONGEST_SHEET = 100_000
_MOST_RULES = 1_000
_SMALLEST_PX = 2.0
"""Nobody reads smaller letters."""
_LEAST_SEEN = 0.05
_LEAST_CONTRAST = 1.1
"""As WCAG counts it: #f5f5f5 on white has 1.09; the grey of signatures, #ccc, 1.6."""
_LENGTH = re.compile(r"(-?\d{0,9}\.?\d{0,9})(px|pt|em|rem|%|ex|ch|vw|vh|cm|mm|in|pc)?")
_PX = {"pt": 1.333, "em": 16, "rem": 16, "%": 0.16, "ex": 8, "ch": 8, "vw": 10, "vh": 10}
_FAR_PX = -500.0
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_SIMPLE = re.compile(r"(?:[a-z][a-z0-9]*|\*)?(?:[.#][\w-]+)?")
_FUNCTION = re.compile(r"(rgba?|hsla?)\(([^()]*)\)")
_SHRUNK = re.compile(r"scale[xy3d]{0,2}\(\s*0(?:\.0+)?\s*[,)]|translate[xy3d]{0,2}\([^)]*-\d{3,}")
_CLIPPED = re.compile(r"rect\(\s*(?:0|1)(?:px)?[\s,]+(?:0|1)(?:px)?[\s,]+(?:0|1)(?:px)?[\s,]")
_CLIP_PATH = re.compile(r"circle\(0|(?:inset|polygon)\(\s*(?:50|100)%")
_FADED = re.compile(r"opacity\(\s*0?\.?0+%?\s*\)")
_NAMED = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
    "ghostwhite": (248, 248, 255),
    "floralwhite": (255, 250, 240),
    "mintcream": (245, 255, 250),
    "azure": (240, 255, 255),
    "black": (0, 0, 0),
}
_INHERITED = frozenset({"inherit", "unset", "currentcolor", "initial", "revert", ""})


@dataclass(frozen=True, slots=True)
class Colour:
    """What is written with, or on.

    Attributes:
        rgb: 0 to 255 each; None for one that is only known by its name.
        name: of such a one. is_clear: whether nothing of it is seen.
    """

    rgb: tuple[int, int, int] | None = None
    name: str = ""
    is_clear: bool = False


BLACK, WHITE = Colour(rgb=(0, 0, 0)), Colour(rgb=(255, 255, 255))


def declarations(text: str) -> dict[str, str]:
    """A style's properties, lower-case, without `!important`."""
    bare = _COMMENT.sub("", text[:_LONGEST_STYLE].lower())
    pairs = (one.partition(":") for one in bare.split(";"))
    return {
        name.strip(): value.replace("!important", "").strip()[:_LONGEST_VALUE]
        for name, colon, value in pairs
        if colon
    }


class Sheet:
    """A mail's own style sheets: rules for a tag, a class or an id, or a tag with one of these."""

    def __init__(self, sources: list[str]) -> None:
        self._rules: dict[str, dict[str, str]] = {}
        text = _COMMENT.sub("", "\n".join(sources)[:_LONGEST_SHEET].lower())
        for selectors, body in islice(_rules_of(text), _MOST_RULES):
            found = declarations(body)
            for selector in map(str.strip, selectors.split(",")):
                if selector and _SIMPLE.fullmatch(selector):
                    self._rules.setdefault(selector, {}).update(found)

    def style(self, tag: str, marks: Mapping[str, str]) -> dict[str, str]:
        """What holds for a node: the sheet's rules, then its own style."""
        own = declarations(marks.get("style", ""))
        if not self._rules:
            return own
        names = [f".{one}" for one in marks.get("class", "").lower().split()[:20]]
        names += [f"#{marks['id'].lower()}"] if marks.get("id") else []
        found: dict[str, str] = {}
        for selector in ("*", tag, *names, *(tag + one for one in names)):
            found |= self._rules.get(selector, {})
        return found | own


def _rules_of(text: str) -> Iterator[tuple[str, str]]:
    """Each rule's selectors and declarations, but for those of `@media`: they are for some only."""
    said, head, depth, is_flat = "", "", 0, True
    for piece in re.split(r"([{}])", text):
        if piece == "{":
            head, is_flat = (said, True) if depth == 0 else (head, False)
            depth += 1
        elif piece == "}":
            if depth == 1 and is_flat and "@" not in (selectors := head.rpartition(";")[2]):
                yield selectors, said
            depth = max(depth - 1, 0)
        else:
            said = piece


def hides(marks: Mapping[str, str], style: Style) -> bool:
    """Whether nothing below a node is seen, whatever stands in it."""
    if "hidden" in marks or style.get("display") == "none" or style.get("mso-hide") == "all":
        return True
    if _is_faded(style.get("opacity", "")) or _FADED.search(style.get("filter", "")):
        return True
    if _SHRUNK.search(style.get("transform", "")) or _CLIP_PATH.match(style.get("clip-path", "")):
        return True
    placed = style.get("position") in ("absolute", "fixed", "relative")
    if placed and _CLIPPED.match(style.get("clip", "")):
        return True
    cut = style.get("overflow", "").startswith(("hidden", "clip"))
    flat = any(
        (size := _pixels(style.get(side, ""))) is not None and size < _SMALLEST_PX
        for side in ("max-height", "height", "width", "max-width")
    )
    sides = ("left", "top", "right", "bottom") if placed else ()
    moved = (*sides, "text-indent", "margin-left", "margin-top")
    return (cut and flat) or any(
        (by := _pixels(style.get(side, ""))) is not None and by < _FAR_PX for side in moved
    )


def letters(style: Style, above: float) -> float:
    """How high letters are, in pixels, where they are `above` in what a node stands in."""
    size = style.get("font-size", "")
    if not size and "/" in (font := style.get("font", "")):
        size = (font.partition("/")[0].split() or [""])[-1]
    found = _LENGTH.fullmatch(size)
    number = _number(found[1]) if found else None
    if found is None or number is None:
        return above if size in ("", "inherit", "unset", "smaller", "larger") else 16.0
    if found[2] in ("em", "%"):
        return above * number / (100 if found[2] == "%" else 1)
    return number * _PX.get(found[2] or "px", 1)


def is_too_small(pixels: float) -> bool:
    """Whether nobody reads letters of that height."""
    return pixels < _SMALLEST_PX


def is_seen_on(ink: Colour, paper: Colour) -> bool:
    """Whether somebody sees words of one colour on another."""
    if ink.is_clear:
        return False
    if ink.rgb is None or paper.rgb is None:
        return not ink.name or ink.name != paper.name
    brighter, darker = sorted((_luminance(ink.rgb), _luminance(paper.rgb)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05) >= _LEAST_CONTRAST


def ink_of(style: Style, marks: Mapping[str, str], above: Colour) -> Colour:
    """The colour that a node's words have."""
    said = (style.get("color") or marks.get("color", "")).strip().lower()
    return above if said in _INHERITED else colour(said)


def paper_of(style: Style, marks: Mapping[str, str], above: Colour) -> Colour:
    """The colour of what they stand on; one that is a picture is nobody's."""
    said = style.get("background-color") or style.get("background") or marks.get("bgcolor", "")
    said = said.strip().lower()
    if said in _INHERITED or said.startswith(("none", "transparent")):
        return above
    found = colour(said)
    return above if found.is_clear else found


def colour(said: str) -> Colour:
    """A colour as CSS writes it; one without a name where it is none that is known."""
    text = said[:_LONGEST_VALUE]
    if found := _FUNCTION.match(text):
        return _computed(found[1], found[2])
    word = text.split()[0] if text.split() else ""
    if word == "transparent":
        return Colour(is_clear=True)
    if word in _NAMED:
        return Colour(rgb=_NAMED[word])
    digits = word.removeprefix("#")
    if re.fullmatch(r"[0-9a-f]{3,4}", digits):
        digits = "".join(2 * char for char in digits)
    if re.fullmatch(r"[0-9a-f]{6}(?:[0-9a-f]{2})?", digits):
        red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
        seen = int(digits[6:] or "ff", 16) / 255
        return Colour(rgb=(red, green, blue), is_clear=seen < _LEAST_SEEN)
    return Colour(name=word if word.isalpha() else "")


def _computed(kind: str, inside: str) -> Colour:
    parts = re.split(r"[\s,/]+", inside.strip())
    numbers = [_number(one.removesuffix("%").removesuffix("deg")) for one in parts]
    known = [one for one in numbers if one is not None]
    if len(known) != len(numbers) or len(known) not in (3, 4):
        return Colour()
    first, second, third = known[:3]
    if kind.startswith("hsl"):
        red, green, blue = colorsys.hls_to_rgb(first % 360 / 360, third / 100, second / 100)
        rgb = red * 255, green * 255, blue * 255
    else:
        scale = 2.55 if parts[0].endswith("%") else 1
        rgb = first * scale, second * scale, third * scale
    seen = (known[3] / (100 if parts[3].endswith("%") else 1)) if len(known) == 4 else 1.0
    clamped = [min(max(round(one), 0), 255) for one in rgb]
    return Colour(rgb=(clamped[0], clamped[1], clamped[2]), is_clear=seen < _LEAST_SEEN)


def _luminance(rgb: tuple[int, int, int]) -> float:
    """SOURCE: WCAG 2.2, relative luminance."""
    parts = [one / 255 for one in rgb]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _is_faded(opacity: str) -> bool:
    number = _number(opacity.removesuffix("%"))
    return number is not None and number / (100 if opacity.endswith("%") else 1) < _LEAST_SEEN


def _pixels(value: str) -> float | None:
    """A length in pixels; None for what is none, or depends on what is around it."""
    found = _LENGTH.fullmatch(value)
    number = _number(found[1]) if found else None
    if found is None or number is None:
        return None
    return number * _PX.get(found[2] or "px", 30 if found[2] in ("cm", "in") else 1)


def _number(text: str) -> float | None:
    """A plain number of CSS."""
    return float(text) if re.fullmatch(r"-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", text) else None
