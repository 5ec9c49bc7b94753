"""The console as an app of its own: its manifest, its worker, and the browsers that are told.

Neither file says anything of anybody: a browser reads both without its cookies.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from sayso.json import JsonValue
from sayso.sdk.localization.languages import LANGUAGES, Language, language
from sayso.surfaces.console.edge import Form
from sayso.surfaces.console.render import assets, static_path
from sayso.surfaces.console.visit import Visit, root_of

MANIFEST, WORKER = "/app.webmanifest", "/worker.js"
"""Below the console's root; the worker's folder is what it serves."""
BROWSER_COOKIE = "sayso_browser"
"""Which of its person's browsers this one is."""
LIGHT, DARK = "#f7f7f5", "#121416"
"""The ground of both themes, as `--bg` of console.css has it."""
_OFFLINE = "You are offline; nothing was decided."
_AGAIN = "Load this page again once you are connected."
_WHAT = "What waits for a yes or no"
_A_DAY = "public, max-age=86400"
_A_YEAR_S = 365 * 24 * 3600
_KINDS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")


async def show_manifest(request: Request) -> Response:
    """What an installed console is called, and looks like. Source: W3C Web Application Manifest."""
    root = root_of(request)
    reader = language(request.query_params.get("in", ""))
    icons = [("icon.svg", "any", "any"), ("icon-192.png", "192x192", "any")]
    icons += [("icon-512.png", "512x512", "any"), ("icon-maskable.png", "512x512", "maskable")]
    body: JsonValue = {
        "id": f"{root}/",
        "name": "Sayso",
        "short_name": "Sayso",
        "description": reader.gettext(_WHAT),
        "lang": reader.code,
        "dir": reader.direction,
        "start_url": f"{root}/",
        "scope": f"{root}/",
        "display": "standalone",
        "background_color": LIGHT,
        "theme_color": LIGHT,
        "icons": [
            {
                "src": root + static_path(name),
                "sizes": sizes,
                "type": assets()[name].media_type,
                "purpose": purpose,
            }
            for name, sizes, purpose in icons
        ],
    }
    headers = {"Cache-Control": _A_DAY}
    return Response(orjson.dumps(body), media_type="application/manifest+json", headers=headers)


async def show_worker(request: Request) -> Response:
    """The service worker, with its words in every language; asked anew each time."""
    icon = root_of(request) + static_path("icon-192.png")
    head = b"const SAYSO = " + orjson.dumps({"icon": icon, "words": _words()}) + b";\n"
    body = head + assets()["worker.js"].body
    headers = {"Cache-Control": "no-cache"}
    return Response(body, media_type="text/javascript; charset=utf-8", headers=headers)


@cache
def _words() -> dict[str, JsonValue]:
    return {code: _of(language(code)) for code in LANGUAGES}


def _of(reader: Language) -> JsonValue:
    said = {"offline": reader.gettext(_OFFLINE), "again": reader.gettext(_AGAIN)}
    return {"lang": reader.code, "dir": reader.direction, **said}


async def browsers_of(visit: Visit) -> dict[str, Any]:
    """What one's own page says of the browsers in which one is told; empty where nobody is."""
    settings = visit.sayso.browsers.settings
    if settings is None:
        return {"push_key": "", "browsers": (), "this_browser": ""}
    found = await visit.sayso.browsers.list(visit.person.id)
    return {
        "push_key": settings.keys[0].named,
        "browsers": [(one, settings.key(one.key) is not None) for one in found],
        "this_browser": visit.request.cookies.get(BROWSER_COOKIE, ""),
    }


async def turn(visit: Visit, form: Form) -> Response:
    """Have this browser told, or one of one's browsers no more."""
    answer = visit.see("me#told")
    if form.one("do") == "untell":
        await visit.sayso.browsers.remove(visit.person.id, form.one("browser"))
        return answer
    made = await visit.sayso.browsers.add(
        visit.person.id,
        form.one("said"),
        language=visit.times.language.code,
        name=name_of(visit.request.headers),
    )
    answer.set_cookie(
        BROWSER_COOKIE,
        made.id,
        max_age=_A_YEAR_S,
        path="/",
        secure=visit.site.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def forget(visit: Visit, *, everywhere: bool) -> None:
    """Whoever signs out by hand is told nothing more here, or anywhere."""
    if everywhere:
        await visit.sayso.browsers.remove_all(visit.person.id)
    elif here := visit.request.cookies.get(BROWSER_COOKIE):
        await visit.sayso.browsers.remove(visit.person.id, here)


def name_of(headers: Headers) -> str:
    """What a browser calls itself, for its person to tell it from others: `Chrome, Android`."""
    said = headers.get("user-agent", "")
    kind = next((name for mark, name in _KINDS if mark in said), "")
    system = next((name for name in _SYSTEMS if name in said), "")
    return ", ".join(filter(None, (kind, system))) or "?"
