"""The page behind the link in a customer's mail; the link stands in for a token.

Programs that look through mail open links. So GET and HEAD show what they show, and read and change
nothing; only the button's POST acts. The page loads nothing, runs nothing, and tells nobody where
somebody came from. No other page can have its form sent for somebody: the address is the secret.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from sayso.agent.code_links import PATH
from sayso.sdk.resources.confirmations import ConfirmPage, ConfirmState
from sayso.surfaces.http.auth import Open
from sayso.surfaces.http.edge import PlainRoute

router = APIRouter(route_class=PlainRoute)

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:10vh auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}h1{font-size:1.4rem}"
    "button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:.4rem;background:#1a4fd6;"
    "color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #1a1a1a;outline-offset:3px}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex, nofollow",
}
_STATUS = {
    ConfirmState.ASK: 200,
    ConfirmState.DONE: 200,
    ConfirmState.OVER: 410,
    ConfirmState.LATER: 503,
}


# NOTE: no part of the document: who comes here is a customer with a browser.
@router.get(f"{PATH}/{{language}}/{{token}}", include_in_schema=False)
@router.head(f"{PATH}/{{language}}/{{token}}", include_in_schema=False)
async def show_page(language: str, token: str, sayso: Open) -> HTMLResponse:
    """Show what the link is for, with a button; however often, nothing comes of it."""
    return _page(sayso.confirmations.show(token, language))


@router.post(f"{PATH}/{{language}}/{{token}}", include_in_schema=False)
async def press_button(language: str, token: str, sayso: Open) -> HTMLResponse:
    """Take the press; whatever is sent along is not read."""
    return _page(await sayso.confirmations.press(token, language))


def _page(page: ConfirmPage) -> HTMLResponse:
    title, text = escape(page.title), escape(page.text)
    button = f"<form method=post><button>{escape(page.button)}</button></form>"
    body = (
        f"<!doctype html><html lang={page.language}><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><meta name=robots content=noindex>"
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1><p>{text}</p>"
        f"{button if page.button else ''}</main></html>"
    )
    return HTMLResponse(body, status_code=_STATUS[page.shown], headers=_HEADERS)
