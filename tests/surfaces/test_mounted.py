"""examples/mount_in_fastapi.py: Sayso's pages and calls in somebody else's app."""

from __future__ import annotations

import runpy
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tree import ROOT

from sayso.sandbox import Sandbox
from sayso.sdk.setup.scaffold import create_workspace


@pytest.mark.promise("http:mounted")
async def test_the_app_has_its_own_routes_the_console_and_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answers under its own path, and a customer is answered in the app's chat."""
    await create_workspace(tmp_path / "shop", approver="maria")
    with Sandbox.start(seed="demo") as sandbox:
        settings = tmp_path / "shop" / "sayso.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace("# base_url", f'base_url = "{sandbox.url}"  #'), "utf-8")
        monkeypatch.setenv("SAYSO_WORKSPACE", str(settings))
        monkeypatch.setenv("STRIPE_API_KEY", sandbox.api_key)
        app = runpy.run_path(str(ROOT / "examples" / "mount_in_fastapi.py"))["app"]
        assert isinstance(app, FastAPI)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http,
        ):
            said = {"words": "Please refund order 1042, it came broken", "chat": "t-1"}
            assert (await http.post("/shop/chat", json=said)).status_code == 401
            signed_in = {"Cookie": "shop_session=cus_demo_ana"}
            told = (await http.post("/shop/chat", json=said, headers=signed_in)).json()
            assert "$129.00" in told["reply"], told
            page = await http.get("/console/", follow_redirects=True)
            assert page.url.path.startswith("/console/enter"), "nobody is signed in"
            assert '"/console/static/' in page.text
            refused = await http.get("/v1/actions")
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
            document = (await http.get("/openapi.json")).json()
            assert document["info"]["title"] == "Sayso"
            ours = (await http.get("/shop/openapi.json")).json()
            assert "/shop/chat" in ours["paths"]
