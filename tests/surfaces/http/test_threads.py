"""A desk of your own over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import httpx
from fastapi import FastAPI
from sdk.desk.chats import open_chat
from sdk.desk.desks import open_desk
from surfaces.http.api_server import TIMEOUT_S, token
from tree import ROOT

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


async def test_ready_says_which_desk_cannot_be_read(tmp_path: Path) -> None:
    """By the code that says why, and it is ready all the same; nothing once it can be read."""
    async with open_desk(tmp_path) as opened:
        transport = httpx.ASGITransport(create_app(opened.sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as http:
            for unreadable, told in ((True, {"desk": "provider_unavailable"}), (False, {})):
                opened.desk.unreadable = unreadable
                opened.clock.advance(minutes=10)
                await opened.settle()
                answer = await http.get("/readyz")
                assert (answer.status_code, answer.json()["unread_desks"]) == (200, told)


class Bridge(httpx.BaseTransport):
    """Hands the calls of a thread to an app in this event loop."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app)
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._inner) as http:
                answer = await http.send(request)
            return httpx.Response(answer.status_code, content=answer.content)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(TIMEOUT_S)


async def test_the_example_tells_what_is_written_and_shows_each_answer_once(
    tmp_path: Path,
) -> None:
    """Both of its calls, as its loop makes them; it is short, since it is there to be read."""
    path = ROOT / "examples" / "own_desk.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    example = runpy.run_path(str(path))
    tell: Callable[..., None] = example["tell"]
    read: Callable[..., list[str]] = example["read"]
    async with open_chat(tmp_path) as chat:
        _, secret = await token(chat.sayso, "bot", scopes=frozenset({Scope.PROPOSE, Scope.READ}))
        headers, shown = {"Authorization": f"Bearer {secret}"}, set[str]()
        bridge = Bridge(create_app(chat.sayso))
        with httpx.Client(transport=bridge, base_url="http://sayso", headers=headers) as sayso:

            async def says(line: str, key: str) -> list[str]:
                await asyncio.to_thread(tell, sayso, "c-1", "ana", line, key)
                await chat.settle()
                return await asyncio.to_thread(read, sayso, "c-1", shown)

            (told,) = await says("Please refund order order_1", "m1")
            assert "$30.00" in told
            assert await says("Please refund order order_1", "m1") == []
            assert await says("colleague: I look into it", "m2") == []
            assert await says("Thank you!", "m3") == []
            assert len(chat.shop.books.payouts) == 1


async def test_intercoms_canvas_opens_the_seat_of_its_conversation(tmp_path: Path) -> None:
    """For what the client secret signs alone. SOURCE: Canvas Kit, `X-Body-Signature`."""
    section, console = {"secret": "file:keys/ring.key"}, {"url": "https://sayso.example"}
    async with open_desk(tmp_path, section=section, console=console) as opened:
        (tmp_path / "keys" / "ring.key").write_text("ring")
        await opened.says("t1", "Please refund $10.00 of order_1")
        transport = httpx.ASGITransport(create_app(opened.sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as http:

            async def draw(
                told: object, name: str = "desk", key: bytes = b"ring"
            ) -> httpx.Response:
                body = json.dumps(told).encode()
                signed = hmac.new(key, body, hashlib.sha256).hexdigest()
                headers = {"X-Body-Signature": signed, "Content-Type": "application/json"}
                return await http.post(f"/v1/desks/{name}/canvas", content=body, headers=headers)

            async def drawn(told: object) -> str:
                answer = await draw(told)
                assert answer.status_code == 200
                parts = answer.json()["canvas"]["content"]["components"]
                return " ".join(str(one.get("text") or one["action"]["url"]) for one in parts)

            beside = {"conversation": {"id": "t1"}, "admin": {"id": "1"}}
            seat = "https://sayso.example/console/seat?desk=desk&thread=t1"
            assert await drawn(beside) == f"Sayso Sayso answers here. {seat}"
            opened.desk.write("t1", "I have it.", author="colleague")
            await opened.settle()
            assert "a colleague has answered" in await drawn({"context": {"conversation_id": "t1"}})
            assert "has come in yet" in await drawn({"conversation": {"id": 42}})
            strange_ones: list[object] = [{}, {"conversation": {"id": "t1&desk=x"}}, []]
            for strange in strange_ones:
                assert await drawn(strange) == "Sayso Open a conversation."
            refused = [await draw(beside, key=b"other"), await draw(beside, name="nobody")]
            assert [one.status_code for one in refused] == [401, 404]
