"""A message or a form as plain text, as a person would read it in Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import OpenView, PostedMessage

_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def render(shown: PostedMessage | OpenView) -> str:
    """What is shown, with the buttons in brackets; lines end without blanks."""
    if isinstance(shown, OpenView):
        head = [f"== {_text(shown.view.get('title'))} =="]
        blocks = shown.view.get("blocks")
        tail = [f"! {block}: {problem}" for block, problem in shown.errors.items()]
        submit = _text(shown.view.get("submit"))
        return "\n".join(
            [*head, *_blocks(_items(blocks)), *tail, *([f"[{submit}]"] if submit else [])]
        )
    return "\n".join(_blocks(shown.blocks))


def _blocks(blocks: Sequence[JsonValue]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Mapping):
            lines += _block(block)
    return lines


def _block(block: JsonObject) -> list[str]:
    match block.get("type"):
        case "header":
            title = _text(block.get("text"))
            return [title, "=" * min(len(title), 80)]
        case "section":
            text = _text(block.get("text"))
            return ([text] if text else []) + [_text(item) for item in _items(block.get("fields"))]
        case "context":
            return [f"({_text(item)})" for item in _items(block.get("elements"))]
        case "actions":
            return [" ".join(f"[{_label(item)}]" for item in _items(block.get("elements")))]
        case "rich_text":
            return _rich(block)
        case "input":
            element = block.get("element")
            boxes = _items(element.get("options")) if isinstance(element, Mapping) else ()
            kind = element.get("type") if isinstance(element, Mapping) else ""
            ticks = [f"[x] {_label(box)}" for box in boxes] if kind == "checkboxes" else []
            return [f"{_text(block.get('label'))}: {'' if ticks else '____'}".rstrip(), *ticks]
        case _:
            return []


def _rich(block: JsonObject) -> list[str]:
    lines: list[str] = []
    for part in _items(block.get("elements")):
        if not isinstance(part, Mapping):
            continue
        words = "".join(
            f"@{item['user_id']}"
            if "user_id" in item
            else str(item.get("text", item.get("fallback", "")))
            for item in _items(part.get("elements"))
            if isinstance(item, Mapping)
        )
        mark = "> " if part.get("type") == "rich_text_quote" else ""
        lines += [f"{mark}{line}" for line in _plain(words).split("\n")]
    return lines


def _label(item: JsonValue) -> str:
    return _text(item.get("text")) if isinstance(item, Mapping) else ""


def _text(value: JsonValue) -> str:
    return _plain(str(value.get("text", ""))) if isinstance(value, Mapping) else ""


def _plain(text: str) -> str:
    for entity, char in _ENTITIES:
        text = text.replace(entity, char)
    return text


def _items(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return ()
