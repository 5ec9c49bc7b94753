"""A strict offline check of Block Kit, for the few blocks that our templates use.

It finds what slack_sdk's own validators let pass: fields over 2,000 characters, empty texts, mrkdwn
in headers and buttons, action blocks without elements, doubled ids, 51 blocks, long options,
unknown elements (which slack_sdk drops silently) and keys that nobody knows.

Source: Slack docs, Reference: Blocks; slack_sdk 3.48 misses some of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sayso.json import JsonObject, JsonValue

MAX_BLOCKS = {"message": 50, "modal": 100, "home": 100}
MAX_TOTAL_CHARS = 13_000
"""SOURCE: slackapi/bolt-js#2509: `msg_blocks_too_long` begins a little above, undocumented."""
MAX_ID_CHARS = 255

_RAW_MARKUP = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")
_DATE = re.compile(r"\{date_short_pretty\} \{time(?:_secs)?\}")
_USER = re.compile(r"[A-Z0-9]{2,40}")

Surface = Literal["message", "modal", "home"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Which keys a block or an element has.

    Attributes:
        texts: text objects by key, with the most characters.
        required: keys that must be there.
        other: further keys, which are checked elsewhere or hold plain values.
    """

    texts: Mapping[str, int] = field(default_factory=dict[str, int])
    required: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()


_BLOCKS = {
    "header": _Kind(texts={"text": 150}, required=frozenset({"text"})),
    "section": _Kind(texts={"text": 3000}, other=frozenset({"fields"})),
    "context": _Kind(required=frozenset({"elements"})),
    "actions": _Kind(required=frozenset({"elements"})),
    "rich_text": _Kind(required=frozenset({"elements"})),
    "divider": _Kind(),
    "input": _Kind(
        texts={"label": 2000, "hint": 2000},
        required=frozenset({"label", "element"}),
        other=frozenset({"optional", "dispatch_action"}),
    ),
}
_ELEMENTS = {
    "button": _Kind(
        texts={"text": 75},
        required=frozenset({"text", "action_id"}),
        other=frozenset({"value", "style", "url"}),
    ),
    "static_select": _Kind(
        texts={"placeholder": 150},
        required=frozenset({"action_id", "options"}),
        other=frozenset({"initial_option"}),
    ),
    "checkboxes": _Kind(
        required=frozenset({"action_id", "options"}), other=frozenset({"initial_options"})
    ),
    "plain_text_input": _Kind(
        texts={"placeholder": 150},
        required=frozenset({"action_id"}),
        other=frozenset({"initial_value", "multiline", "min_length", "max_length"}),
    ),
}
_SURFACES: dict[str, frozenset[str]] = {
    "message": frozenset(_BLOCKS) - {"input"},
    "modal": frozenset(_BLOCKS),
    "home": frozenset(_BLOCKS) - {"input"},
}
_PLACES = {"actions": {"button"}, "input": {"static_select", "plain_text_input", "checkboxes"}}
_PLAIN_ONLY = {"header", "button", "static_select", "plain_text_input", "input", "option"}


def check_blocks(
    blocks: Sequence[JsonObject], *, surface: Surface = "message", ours: bool = True
) -> list[str]:
    """What Slack would refuse, or our own rules forbid, with the place of each.

    Args:
        ours: also forbid what Slack allows and our templates never use: mrkdwn anywhere, and a
            text in which `&`, `<` or `>` stands unescaped.

    Returns:
        One line per problem, such as `/blocks/2/text: is empty`; nothing when all is well.
    """
    return list(_Check(surface, ours).blocks(blocks))


def check_view(view: JsonObject) -> list[str]:
    """The same for a modal, with its title, its buttons and its metadata."""
    check = _Check("modal", ours=True)
    problems: list[str] = []
    if view.get("type") != "modal":
        problems.append("/type: only modals are opened")
    for key in ("title", "submit", "close"):
        if key in view or key == "title":
            problems += check.text(f"/{key}", view.get(key), 24, plain_only=True)
    for key, most in (("private_metadata", 3000), ("callback_id", MAX_ID_CHARS)):
        if len(str(view.get(key, ""))) > most:
            problems.append(f"/{key}: has more than {most} characters")
    known = {"type", "title", "submit", "close", "private_metadata", "callback_id", "blocks"}
    problems += [f"/{key}: is no key of a view" for key in sorted(set(view) - known)]
    return [*problems, *check.blocks(_list(view.get("blocks")))]


class _Check:
    """One walk over one message or modal."""

    def __init__(self, surface: Surface, ours: bool) -> None:
        self._surface = surface
        self._ours = ours
        self._ids: dict[str, set[str]] = {"block_id": set(), "action_id": set()}
        self._chars = 0

    def blocks(self, blocks: Sequence[JsonValue]) -> Iterator[str]:
        most = MAX_BLOCKS[self._surface]
        if not 1 <= len(blocks) <= most:
            yield f"/blocks: there are {len(blocks)}, and 1 to {most} are allowed"
        for place, block in enumerate(blocks):
            yield from self._block(f"/blocks/{place}", block)
        if self._chars > MAX_TOTAL_CHARS:
            yield f"/blocks: {self._chars} characters in all, over {MAX_TOTAL_CHARS}"

    def _block(self, at: str, block: JsonValue) -> Iterator[str]:
        if not isinstance(block, Mapping) or block.get("type") not in _SURFACES[self._surface]:
            yield f"{at}: is no block of a {self._surface}"
            return
        name = str(block["type"])
        yield from self._keys(at, block, _BLOCKS[name], "block_id", name)
        match name:
            case "section":
                yield from self._section(at, block)
            case "context":
                yield from self._elements(at, block, 10)
                for place, element in enumerate(_list(block.get("elements"))):
                    yield from self.text(f"{at}/elements/{place}", element, 2000)
            case "actions":
                yield from self._elements(at, block, 25)
                for place, element in enumerate(_list(block.get("elements"))):
                    yield from self._element(f"{at}/elements/{place}", element, name)
            case "rich_text":
                yield from self._rich(at, block)
            case "input":
                yield from self._element(f"{at}/element", block.get("element"), name)
            case _:
                pass

    def _keys(
        self, at: str, thing: JsonObject, kind: _Kind, id_key: str, name: str
    ) -> Iterator[str]:
        known = {"type", id_key} | set(kind.texts) | kind.required | kind.other
        for key in sorted(set(thing) - known):
            yield f"{at}/{key}: is no key of `{name}`"
        for key in sorted(kind.required - set(thing)):
            yield f"{at}/{key}: is missing"
        for key, most in kind.texts.items():
            if key in thing:
                yield from self.text(f"{at}/{key}", thing[key], most, name in _PLAIN_ONLY)
        if id_key in thing:
            yield from self._id(at, id_key, thing[id_key])

    def _id(self, at: str, key: str, value: JsonValue) -> Iterator[str]:
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARS:
            yield f"{at}/{key}: has not 1 to {MAX_ID_CHARS} characters"
        elif value in self._ids[key]:
            yield f"{at}/{key}: `{value[:40]}` is there twice"
        else:
            self._ids[key].add(value)

    def text(self, at: str, value: JsonValue, most: int, plain_only: bool = False) -> Iterator[str]:
        """Problems of one text object."""
        if not isinstance(value, Mapping):
            yield f"{at}: is no text object"
            return
        if value.get("type") not in {"plain_text", "mrkdwn"}:
            yield f"{at}: is neither plain_text nor mrkdwn"
        elif value.get("type") == "mrkdwn" and (plain_only or self._ours):
            yield f"{at}: mrkdwn is not allowed here"
        for key in sorted(set(value) - {"type", "text", "emoji", "verbatim"}):
            yield f"{at}/{key}: is no key of a text"
        yield from self._string(at, value.get("text"), most)

    def _string(self, at: str, text: JsonValue, most: int) -> Iterator[str]:
        if not isinstance(text, str) or not text.strip():
            yield f"{at}: is empty"
            return
        self._chars += len(text)
        if len(text) > most:
            yield f"{at}: has {len(text)} characters, over {most}"
        if self._ours and _RAW_MARKUP.search(text):
            yield f"{at}: has markup that is not escaped"

    def _elements(self, at: str, block: JsonObject, most: int) -> Iterator[str]:
        count = len(_list(block.get("elements")))
        if not 1 <= count <= most:
            yield f"{at}/elements: there are {count}, and 1 to {most} are allowed"

    def _section(self, at: str, block: JsonObject) -> Iterator[str]:
        if "text" not in block and "fields" not in block:
            yield f"{at}: has neither text nor fields"
        if "fields" in block:
            fields = _list(block["fields"])
            if not 1 <= len(fields) <= 10:
                yield f"{at}/fields: there are {len(fields)}, and 1 to 10 are allowed"
            for place, value in enumerate(fields):
                yield from self.text(f"{at}/fields/{place}", value, 2000)

    def _element(self, at: str, element: JsonValue, block: str) -> Iterator[str]:
        if not isinstance(element, Mapping) or element.get("type") not in _PLACES[block]:
            yield f"{at}: is no element of `{block}`"
            return
        name = str(element["type"])
        yield from self._keys(at, element, _ELEMENTS[name], "action_id", name)
        if len(str(element.get("value", ""))) > 2000:
            yield f"{at}/value: has more than 2000 characters"
        if element.get("style", "primary") not in {"primary", "danger"}:
            yield f"{at}/style: is neither primary nor danger"
        if not str(element.get("url", "https://")).startswith(("https://", "http://127.0.0.1:")):
            yield f"{at}/url: is no address of a page"
        if name in {"static_select", "checkboxes"}:
            yield from self._options(at, element, 10 if name == "checkboxes" else 100)

    def _options(self, at: str, element: JsonObject, most: int) -> Iterator[str]:
        options = _list(element.get("options"))
        if not 1 <= len(options) <= most:
            yield f"{at}/options: there are {len(options)}, and 1 to {most} are allowed"
        for place, option in enumerate(options):
            here = f"{at}/options/{place}"
            if not isinstance(option, Mapping) or set(option) - {"text", "value", "description"}:
                yield f"{here}: is no option"
                continue
            yield from self.text(here, option.get("text"), 75, plain_only=True)
            if not 1 <= len(str(option.get("value", ""))) <= 150:
                yield f"{here}/value: has not 1 to 150 characters"

    def _rich(self, at: str, block: JsonObject) -> Iterator[str]:
        parts = _list(block.get("elements"))
        if not parts:
            yield f"{at}/elements: is empty"
        for place, part in enumerate(parts):
            here = f"{at}/elements/{place}"
            allowed = {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}
            if not isinstance(part, Mapping) or part.get("type") not in allowed:
                yield f"{here}: is no part of a rich text"
                continue
            for inner, element in enumerate(_list(part.get("elements"))):
                if isinstance(element, Mapping) and element.get("type") == "user":
                    if not _USER.fullmatch(str(element.get("user_id", ""))):
                        yield f"{here}/elements/{inner}: names no user"
                    continue
                if isinstance(element, Mapping) and element.get("type") == "date":
                    yield from self._date(f"{here}/elements/{inner}", element)
                    continue
                if isinstance(element, Mapping) and element.get("type") == "link":
                    # Made by `link_blocks` alone: nothing that somebody wrote becomes one.
                    if not str(element.get("url", "")).startswith("https://"):
                        yield f"{here}/elements/{inner}: leads nowhere safe"
                elif not isinstance(element, Mapping) or element.get("type") != "text":
                    yield f"{here}/elements/{inner}: only texts are allowed in a rich text"
                    continue
                yield from self._string(f"{here}/elements/{inner}", element.get("text"), 3000)

    def _date(self, at: str, element: JsonObject) -> Iterator[str]:
        for key in sorted(set(element) - {"type", "timestamp", "format", "fallback"}):
            yield f"{at}/{key}: is no key of `date`"
        stamp = element.get("timestamp")
        if not isinstance(stamp, int) or stamp < 0:
            yield f"{at}/timestamp: is no whole number of seconds"
        if not _DATE.fullmatch(str(element.get("format", ""))):
            yield f"{at}/format: is none of ours"
        yield from self._string(f"{at}/fallback", element.get("fallback"), 100)


def _list(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return ()
