"""Fin proposes through Sayso: the data connector that is made at Intercom, and what it sends."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from support.shop_workspace import open_shop
from surfaces.cli.cli_workspace import Line
from surfaces.http.api_server import token as make_token

from sayso.connectors.describe.openapi import OpenApi
from sayso.errors import Code, ConfigError
from sayso.json import JsonObject
from sayso.money import Money
from sayso.sdk.connectors.fin import CONVERSATION, NAME, USER, fin_definition
from sayso.sdk.resources.tokens import Scope
from sayso.secret import Secret
from sayso.surfaces.http.app import create_app

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEC = DATA / "specs" / "intercom_openapi_2.16.yaml.gz"
HERE = "https://sayso.shop.example"


class Intercom(ThreadingHTTPServer):
    """Intercom's API, as far as data connectors go."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made: list[dict[str, Any]] = [{"id": "1", "name": "Order status", "state": "live"}]
        self.keys = set[str]()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        intercom = cast("Intercom", self.server)
        intercom.keys.add(self.headers["Authorization"])
        length = int(self.headers.get("Content-Length") or 0)
        body: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
        path = self.path.partition("?")[0]
        if path == "/me":
            return self._say({"type": "admin", "app": {"id_code": "ws_1", "name": "ACME"}})
        if self.command == "GET":
            return self._say({"type": "list", "data": intercom.made, "pages": {"next": None}})
        if self.command == "POST":
            made = {"id": str(len(intercom.made) + 1), "state": "draft", **body}
            intercom.made.append(made)
            return self._say(made)
        found = next(one for one in intercom.made if one["id"] == path.rpartition("/")[2])
        found.update(body)
        return self._say(found)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815  (http.server's names)

    def _say(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        """Say nothing."""


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> Line:
    """Runs `sayso …`."""
    return Line(capsys)


@pytest.fixture
def intercom() -> Generator[Intercom]:
    """An Intercom on this machine."""
    with Intercom() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def definition() -> JsonObject:
    """As it is sent to Intercom."""
    return fin_definition(HERE, Secret("tok_fin"))


@pytest.mark.promise("fin:connector")
def test_connecting_intercom_makes_the_data_connector_once(
    intercom: Intercom, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a draft, and a second time it is brought up to date; other ones are left alone."""
    folder = tmp_path / "ws"
    assert line("init", str(folder), "--approver", "ana").status == 0
    settings = (folder / "sayso.toml").read_text()
    table = f'api_key = "env:INTERCOM_KEY"\nadmin = "1"\nbase_url = "{intercom.url}"\n'
    (folder / "sayso.toml").write_text(f"{settings}\n[connectors.intercom]\n{table}")
    monkeypatch.setenv("INTERCOM_KEY", "tok_intercom")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_none")
    here = ("--workspace", str(folder))
    missing = line("connect", "intercom", "--fin", HERE, *here)
    assert "SAYSO_FIN_TOKEN" in missing.err
    assert len(intercom.made) == 1
    monkeypatch.setenv("SAYSO_FIN_TOKEN", "tok_fin")
    first = line("connect", "intercom", "--fin", HERE, *here)
    assert first.status == 0, first.err
    assert "the data connector 2 (draft) is made" in first.out
    assert USER in first.out
    assert "tok_fin" not in first.out
    again = line("connect", "intercom", "--fin", "https://other.example", "--json", *here)
    assert json.loads(again.out)["fin"] == {"id": "2", "state": "draft"}
    assert [one["name"] for one in intercom.made] == ["Order status", NAME]
    assert intercom.made[1]["url"] == "https://other.example/v1/requests?wait=10"
    assert intercom.keys == {"Bearer tok_intercom"}
    other = line("connect", "stripe", "--fin", HERE, *here)
    assert "only Intercom has Fin" in other.err


@pytest.mark.promise("fin:connector")
async def test_what_fin_sends_becomes_a_request(tmp_path: Path) -> None:
    """Its address, headers and body, filled in as Intercom does, are a proposal like any other."""
    async with open_shop(tmp_path, work=True) as opened:
        opened.shop.books.add("o1", "ana", Money(3_000, "USD"))
        _, token = await make_token(
            opened.sayso, "fin", scopes=frozenset({Scope("actions:propose")})
        )
        made = cast("dict[str, Any]", fin_definition(HERE, Secret(token)))
        filled = {USER: "ana", CONVERSATION: "1042", "{{words}}": "refund o1", "{{number}}": "1"}

        def fill(text: str) -> str:
            for name, value in filled.items():
                text = text.replace(name, value)
            return text

        headers = {one["name"]: fill(one["value"]) for one in made["headers"]}
        transport = httpx.ASGITransport(app=create_app(opened.sayso))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as fin:
            body = fill(made["body"])
            answer = await fin.post(made["url"], headers=headers, content=body)
            assert answer.status_code == 202, answer.text
            told = answer.json()
            assert (told["subject"], told["reply"] != "") == ("ana", True)
            again = await fin.post(made["url"], headers=headers, content=body)
            assert again.json()["id"] == told["id"]
            filled[USER] = USER  # nobody has put the attribute in yet
            headers["Idempotency-Key"] = "fin-1042-2"
            refused = await fin.post(made["url"], headers=headers, content=fill(made["body"]))
            view = refused.json()
            assert (view["actions"], view["status"]) == ([], "handed_over")


def test_fin_is_only_told_a_safe_address() -> None:
    """The token travels there."""
    with pytest.raises(ConfigError) as caught:
        fin_definition("http://sayso.shop.example", Secret("tok_fin"))
    assert caught.value.code is Code.INVALID_SETTING


@pytest.mark.external_data
@pytest.mark.skipif(not SPEC.is_file(), reason=f"no description in {SPEC}; set SAYSO_TEST_DATA")
def test_the_data_connector_is_one_that_intercom_describes() -> None:
    """Each field of it and of its parts, for making it and for changing it."""
    described = OpenApi.read(SPEC)
    for method, path in (("POST", "/data_connectors"), ("PATCH", "/data_connectors/{}")):
        operation = described.find(method, path)
        assert operation is not None
        known = described.document.properties(operation.body_schema)
        assert definition().keys() <= known.keys()
        for name in ("headers", "data_inputs"):
            inner = described.document.properties(described.document.items(known[name]))
            for part in cast("list[JsonObject]", definition()[name]):
                assert part.keys() <= inner.keys()
    listed = described.find("GET", "/data_connectors")
    assert listed is not None
    assert "per_page" in {one.name for one in listed.parameters}
