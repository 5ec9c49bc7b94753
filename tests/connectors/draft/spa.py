"""A spa's API: a description that no manifest was written for, and a server that keeps to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

_BOOKING = {
    "type": "object",
    "required": ["id", "customer_id", "state", "starts_at"],
    "properties": {
        "id": {"type": "string"},
        "customer_id": {"type": "string"},
        "state": {"type": "string", "enum": ["booked", "cancelled", "over"]},
        "starts_at": {"type": "string", "format": "date-time"},
        "price": {"type": "integer"},
        "currency": {"type": "string"},
        "note": {"type": "string"},
        "external_id": {"type": "string"},
    },
}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _ok(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "ok", **_json(schema)}}


_ID = {"name": "booking_id", "in": "path", "required": True, "schema": {"type": "string"}}

SPEC: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Harbour Spa", "version": "3"},
    "servers": [{"url": "https://api.harbour.example/v3"}],
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {"Booking": _BOOKING},
    },
    "paths": {
        "/me": {
            "get": {
                "operationId": "whoAmI",
                "responses": _ok(
                    {
                        "type": "object",
                        "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
                    }
                ),
            }
        },
        "/bookings": {
            "get": {
                "operationId": "listBookings",
                "parameters": [
                    {"name": "customer_id", "in": "query", "schema": {"type": "string"}}
                ],
                "responses": _ok(
                    {
                        "type": "object",
                        "properties": {
                            "data": {
                                "type": "array",
                                "items": {"$ref": "#/components/schemas/Booking"},
                            }
                        },
                    }
                ),
            },
            "post": {"operationId": "createBooking", "responses": {}},
        },
        "/bookings/{booking_id}": {
            "parameters": [_ID],
            "get": {
                "operationId": "getBooking",
                "responses": _ok({"$ref": "#/components/schemas/Booking"}),
            },
        },
        "/bookings/{booking_id}/cancel": {
            "parameters": [_ID],
            "post": {
                "operationId": "cancelBooking",
                "summary": "Cancel a booking",
                "requestBody": _json(
                    {
                        "type": "object",
                        "properties": {
                            "external_id": {"type": "string", "maxLength": 80},
                            "notify": {"type": "boolean"},
                        },
                    }
                ),
                "responses": _ok({"$ref": "#/components/schemas/Booking"}),
            },
        },
        "/bookings/bulk_cancel": {"post": {"operationId": "bulkCancel", "responses": {}}},
    },
}

ANSWERS = (
    (
        '# ASK act: which act is it, `on` which kind of record? or `act = "none"` and `because`',
        'act = "none"\nbecause = "the spa\'s own staff cancel bookings"',
    ),
    # What somebody fills in who has the draft, the provider's pages, and nothing else.
    (
        "# ASK message:",
        'message = "message"\n# was',
    ),
    ("\n[draft]\n", "\n"),
    ('source = "spa.json"', ""),
    (
        "# ASK require:",
        """require = [{ that = "booking.state == 'booked'", else = "already_in_state" }]\n# was""",
    ),
    (
        "# ASK actions.cancel.look_up:",
        """[actions.cancel.look_up]
get = "/bookings/{object.id}"
items = "[@]"
absent_after = "2m"
# was""",
    ),
)


class Spa(ThreadingHTTPServer):
    """Two bookings of one customer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cancelled = 0
        self.keys: set[str] = set()
        self.bookings: dict[str, dict[str, Any]] = {
            name: {
                "id": name,
                "customer_id": "cus_7",
                "state": "booked",
                "starts_at": "2026-12-01T10:00:00Z",
                "price": 9000,
                "currency": "EUR",
                "note": "",
                "external_id": "",
            }
            for name in ("bk_1", "bk_2")
        }


class _Handler(BaseHTTPRequestHandler):
    @property
    def spa(self) -> Spa:
        return cast("Spa", self.server)

    def do_GET(self) -> None:
        self.spa.keys.add(self.headers.get("Authorization", ""))
        words = self.path.partition("?")[0].strip("/").split("/")[1:]
        if words == ["me"]:
            self._answer(200, {"id": "spa_1", "name": "Harbour"})
        elif words == ["bookings"]:
            self._answer(200, {"data": list(self.spa.bookings.values())})
        elif words[1:] and words[1] in self.spa.bookings:
            self._answer(200, self.spa.bookings[words[1]])
        else:
            self._answer(404, {"message": "no such booking"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        booking = self.spa.bookings[self.path.split("/")[3]]
        if booking["state"] != "booked":
            self._answer(409, {"message": "not open"})
            return
        self.spa.cancelled += 1
        booking |= {"state": "cancelled", "external_id": body["external_id"]}
        self._answer(200, booking)

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        """Say nothing."""


@contextmanager
def spa_server() -> Generator[Spa]:
    """The spa on a loopback port."""
    with Spa() as spa:
        threading.Thread(target=spa.serve_forever, daemon=True).start()
        try:
            yield spa
        finally:
            spa.shutdown()


def answered(text: str) -> str:
    """A draft with its questions answered."""
    for before, after in ANSWERS:
        assert before in text, f"the draft has no `{before}`"
        text = text.replace(before, after, 1)
    return text
