"""Intercom's canvas: the card beside a conversation that opens the seat at it.

SOURCE: Intercom, Canvas Kit: `initialize` and `submit` requests, `X-Body-Signature` over the body
by the app's client secret, which signs its webhooks as well. A double has seen it, no live account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import quote

from sayso.connectors.signatures import is_rung
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject, JsonValue
from sayso.nesting import read_json
from sayso.sdk.desk.rows import MOST_THREAD_CHARS, Place
from sayso.sdk.desk.seat import show_seat

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

HEADER = "x-body-signature"
Component: TypeAlias = Mapping[str, JsonValue]


async def draw_canvas(
    container: Container,
    workspace: Workspace,
    place: Place,
    headers: Mapping[str, str],
    body: bytes,
) -> JsonObject:
    """What Intercom shows beside a conversation: how it stands, and the way to the seat.

    Args:
        headers: by lower-case name. body: as it came.

    Raises:
        RefusedError: `not_found` for a desk without a secret; `unauthenticated`, before anything is
            read; `malformed_json`. ConfigError: `missing_secret`, `invalid_setting`.
    """
    kept = place.section.secret
    if kept is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"the desk `{place.name}` has no secret that signs its canvas",
            next_step=f"put the app's client secret where [desk.{place.name}] `secret` points",
        )
    now = container.clock.now()
    if not is_rung("hmac-sha256", HEADER, workspace.secret(kept), headers, body, now):
        raise RefusedError(
            Code.UNAUTHENTICATED,
            "the canvas isn't the desk's",
            next_step="put the app's client secret where `secret` points",
        )
    thread = _thread_of(_read(body))
    site = workspace.settings.console.url
    if not thread or not site:
        missing = "Open a conversation." if site else "Set `url` in [console] of sayso.toml."
        return _canvas(_text(missing))
    seat = await container.store.read(lambda reader: show_seat(reader, container, place, thread))
    if not seat.requests:
        stands = "Nothing of this conversation has come in yet."
    else:
        stands = f"Sayso is silent here: {seat.silent}." if seat.silent else "Sayso answers here."
    address = f"desk={quote(place.name, safe='')}&thread={quote(thread, safe='')}"
    button: Component = {
        "type": "button",
        "id": "open-seat",
        "label": "Open the seat",
        "style": "primary",
        "action": {"type": "url", "url": f"{site.rstrip('/')}/console/seat?{address}"},
    }
    return _canvas(_text(stands), button)


def _read(body: bytes) -> JsonValue:
    try:
        return cast("JsonValue", read_json(body))
    except (ValueError, RecursionError) as error:
        raise RefusedError(Code.MALFORMED_JSON, "the body is no JSON object") from error


def _thread_of(told: JsonValue) -> str:
    """The conversation beside which the canvas stands; empty for none."""
    match told:
        case {"conversation": {"id": str(found) | int(found)}}:
            thread = str(found)
        case {"context": {"conversation_id": str(found) | int(found)}}:
            thread = str(found)
        case _:
            return ""
    return thread if thread.isalnum() and len(thread) <= MOST_THREAD_CHARS else ""


def _text(words: str) -> Component:
    return {"type": "text", "text": words, "style": "paragraph"}


def _canvas(*components: Component) -> JsonObject:
    head: Component = {"type": "text", "text": "Sayso", "style": "header"}
    return {"canvas": {"content": {"components": [head, *components]}}}
