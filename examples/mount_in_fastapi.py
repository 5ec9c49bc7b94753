"""Sayso inside a FastAPI app of yours: the console and the HTTP API beside your own routes.

    SAYSO_WORKSPACE=shop uvicorn --app-dir examples mount_in_fastapi:app

Your bot calls the workspace itself; people decide at http://127.0.0.1:8000/console/, and others
may call http://127.0.0.1:8000/v1. One process: the workspace is open in its event loop.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from sayso import Sayso, open_site


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Keep the workspace open while the app is served; what is due is done meanwhile."""
    workspace = os.environ.get("SAYSO_WORKSPACE", "sayso.toml")
    async with Sayso.open(workspace) as sayso, open_site(sayso) as site:
        app.state.sayso = sayso
        app.mount("/", site)  # behind every route of yours, so that yours come first
        yield


# Sayso's own /openapi.json describes its API; yours has another path.
app = FastAPI(lifespan=lifespan, openapi_url="/shop/openapi.json", docs_url="/shop/docs")


class Said(BaseModel):
    """What the customer wrote, and in which chat."""

    words: str
    chat: str


def customer_of(request: Request) -> str:
    """Who is logged in: your own session says so, never what they write."""
    customer = request.cookies.get("shop_session")  # look it up in earnest
    if customer is None:
        raise HTTPException(401)
    return customer


@app.post("/shop/chat")
async def chat(
    said: Said, request: Request, customer: Annotated[str, Depends(customer_of)]
) -> dict[str, str]:
    """Answer a customer with what is true by now."""
    sayso: Sayso = request.app.state.sayso
    answer = await sayso.ask(customer, said.words, conversation=said.chat)
    return {"reply": answer.reply, "status": answer.status}
