"""A program that is called by webhooks: a real HTTP server that verifies, dies and comes back."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

from sayso.ids import Clock

Json = dict[str, Any]
Answer = tuple[int, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Got:
    """A message that came in, verified."""

    id: str
    type: str
    data: Json
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def item(self) -> str:
        """What the order is about: the request, or the action of its own."""
        return str(self.data["request_id"] or self.data["action_id"])


def always(status: int, headers: Mapping[str, str] | None = None) -> Callable[[Got], Answer]:
    """The same answer to everything."""

    def answer(_: Got) -> Answer:
        return status, headers or {}

    return answer


class Receiver:
    """Receives on a port of its own, which it keeps when it comes back.

    Args:
        answers: the status and headers for a message; 204 for all unless given.
        clock: what the sender's time stamps are compared with; the machine's own, by the library
            itself, unless given.

    Attributes:
        secrets: any of them verifies; set them once the endpoint is added.
        taken: what was answered with a 2xx, in the order of arrival. tries: all that was verified.
        strange: bodies that no secret verifies.
    """

    def __init__(
        self, answers: Callable[[Got], Answer] | None = None, clock: Clock | None = None
    ) -> None:
        self._clock = clock
        self.secrets: list[str] = []
        self.taken: list[Got] = []
        self.tries: list[Got] = []
        self.strange: list[bytes] = []
        self.answers: Callable[[Got], Answer] = answers or always(204)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:40123/hooks`."""
        return f"http://127.0.0.1:{self._port}/hooks"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), _handler_of(self))
        self._port = self._server.server_address[1]
        serving = self._server.serve_forever
        threading.Thread(target=serving, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Die: nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def take(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a message."""
        for secret in self.secrets:
            try:
                found = self._verified(Webhook(secret), headers, body)
            except WebhookVerificationError:
                continue
            got = Got(
                id=headers["webhook-id"],
                type=found["type"],
                data=found["data"],
                headers=headers,
                body=body,
            )
            answer = self.answers(got)
            with self._changed:
                self.tries.append(got)
                if 200 <= answer[0] < 300:
                    self.taken.append(got)
                self._changed.notify_all()
            return answer
        self.strange.append(body)
        return 400, {}

    def _verified(self, webhook: Webhook, headers: Mapping[str, str], body: bytes) -> Json:
        if self._clock is None:
            found: Json = webhook.verify(body, dict(headers))
            return found
        sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signed = webhook.sign(headers["webhook-id"], sent_at, body.decode())
        is_fresh = abs(self._clock.now() - sent_at) < timedelta(minutes=5)
        if signed not in headers["webhook-signature"].split(" ") or not is_fresh:
            raise WebhookVerificationError("not signed so now")
        read: Json = json.loads(body)
        return read

    def wait_for(self, count: int, timeout_s: float = 60.0) -> None:
        """Wait until so many messages were taken."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, timeout_s)

    @property
    def types(self) -> list[str]:
        """The types of what was taken, in the order of arrival."""
        return [got.type for got in self.taken]

    def firsts(self) -> dict[str, list[int]]:
        """By item, the numbers of the events in the order in which each came first."""
        found: dict[str, list[int]] = defaultdict(list)
        for got in self.taken:
            # A message by which somebody tries an endpoint is of no entry.
            if "seq" in got.data and got.data["seq"] not in found[got.item]:
                found[got.item].append(got.data["seq"])
        return dict(found)

    def counts(self) -> Counter[str]:
        """How often each message was taken."""
        return Counter(got.id for got in self.taken)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # two senders connect at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Senders die here, on purpose."""


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            named = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            if len(body) < length:  # the sender died in the middle
                self.close_connection = True
                return
            status, headers = receiver.take(named, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content-length" not in {name.lower() for name in headers}:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name)
            pass

    return Handler
