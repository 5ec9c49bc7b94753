"""A server between our connector and a provider: passes everything on, and keeps what was said."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx

_PART = re.compile(r"\[([^\]]*)\]")

Complete = Callable[[str, httpx.Response], httpx.Response]
"""What makes of an answer to a path what the provider itself would have said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call, as it was on the wire, and its answer."""

    method: str
    path: str
    params: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Recorder:
    """A server that passes everything on and keeps it."""

    upstream: str
    complete: Complete | None = None
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list[Exchange])

    def pass_on(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Ask the provider, and keep what was said."""
        kept = {name: value for name, value in headers.items() if name.lower() != "host"}
        answer = httpx.request(
            method, self.upstream + target, headers=kept, content=body, trust_env=False
        )
        split = urlsplit(target)
        if self.complete is not None:
            answer = self.complete(split.path, answer)
        flat = parse_qsl(split.query, keep_blank_values=True) + parse_qsl(
            body.decode(), keep_blank_values=True
        )
        params = nested(flat)
        self.exchanges.append(
            Exchange(method=method, path=split.path, params=params, answer=answer.json())
        )
        return answer


@contextmanager
def recording(upstream: str, complete: Complete | None = None) -> Generator[Recorder]:
    """A recorder in front of a provider."""
    recorder = Recorder(upstream=upstream, complete=complete)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            answer = recorder.pass_on(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(answer.status_code)
            for name in ("content-type", "request-id", "idempotent-replayed"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815  (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


def nested(flat: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b]=1&c[0]=x` as `{"a": {"b": "1"}, "c": ["x"]}`."""
    found: dict[str, Any] = {}
    for name, value in flat:
        head, *rest = [name.partition("[")[0], *_PART.findall(name)]
        here: dict[str, Any] = found
        for key, following in zip([head, *rest], [*rest, None], strict=True):
            if following is None:
                here[key] = value
            else:
                here = here.setdefault(key, {})
    return {key: _as_lists(value) for key, value in found.items()}


def _as_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _as_lists(one) for key, one in cast("dict[str, Any]", value).items()}
    return list(inner.values()) if all(key.isdigit() for key in inner) else inner
