"""A desk of your own over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
from sdk.desk.chats import open_chat
from surfaces.http.api_server import token

from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.app import create_app

THREAD = "/v1/threads/chat/c-1"


async def test_a_bot_tells_a_message_and_reads_the_answer(tmp_path: Path) -> None:
    """The same key is the same message; whoever may not, and no desk of your own, is told so."""
    async with open_chat(tmp_path) as chat:
        _, secret = await token(chat.sayso, "bot", scopes=frozenset({Scope.PROPOSE, Scope.READ}))
        _, only_reads = await token(chat.sayso, "screen")
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "m1"}
        said = {
            "author": "customer",
            "subject": {"id": "ana", "assurance": "signed_in"},
            "text": "Please refund order order_1",
        }
        transport = httpx.ASGITransport(create_app(chat.sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as http:

            async def post(path: str, body: object, **more: str) -> httpx.Response:
                return await http.post(path, json=body, headers={**headers, **more})

            first = await post(f"{THREAD}/messages", said)
            again = await post(f"{THREAD}/messages", said)
            assert (first.status_code, first.json()) == (202, again.json())
            await chat.settle()
            answer = await http.get(THREAD, headers=headers)
            (reply,) = answer.json()["said"]
            assert (reply["kind"], "$30.00" in reply["text"]) == ("reply", True)
            refused = [
                await post(f"{THREAD}/messages", {**said, "text": "Another"}),
                await post(f"{THREAD}/messages", said, Authorization=f"Bearer {only_reads}"),
                await post("/v1/threads/desk/c-1/messages", said),
                await post("/v1/threads/chat/ana@x.example/messages", said),
                await post(f"{THREAD}/messages", {"author": "customer", "text": "Hello"}),
                await http.get("/v1/threads/chat/c-2", headers=headers),
            ]
            assert [one.status_code for one in refused] == [409, 403, 404, 422, 422, 404]
            told = {"author": "colleague"}
            silent = await post(f"{THREAD}/messages", told, **{"Idempotency-Key": "m2"})
            assert silent.json()["silent"] == "answered"
