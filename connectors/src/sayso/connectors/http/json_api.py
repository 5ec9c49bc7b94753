"""JSON over `HttpClient`, for connectors in Python: an answer, or our error for it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

from sayso.connectors.http.client import HttpAnswer, HttpClient, HttpLimits, HttpRequest
from sayso.connectors.http.outcome import no_answer, problem_of
from sayso.connectors.retry import RetryPolicy
from sayso.json import JsonObject, JsonValue
from sayso.nesting import read_json
from sayso.network import LOOPBACK, Destination

Headers = Callable[[], Awaitable[Mapping[str, str]]]


def path(template: str, **values: str | int) -> str:
    """A path with its values filled in, each as one segment: `path("/orders/{id}", id=…)`."""
    return template.format(**{name: quote(str(one), safe="") for name, one in values.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonApi:
    """A provider's API.

    Attributes:
        who: the connector, for messages.
        base: https, or http on this machine; `checked_url` has judged it.
        headers: what shows who we are; asked at each request.
        client: sends; made by `open`.
        retry: how reads are repeated; a write never is.
    """

    who: str
    base: str
    headers: Headers
    client: HttpClient
    retry: RetryPolicy

    @classmethod
    def open(
        cls,
        *,
        who: str,
        base: str,
        headers: Headers,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> JsonApi:
        """An API at one host; nothing is connected to before the first request."""
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
        destination = (
            Destination.this_machine([port])
            if host in LOOPBACK
            else Destination(hosts=frozenset({host}), ports=frozenset({port}))
        )
        client = HttpClient(
            who=who, destination=destination, limits=HttpLimits(timeout_s=timeout_s)
        )
        return cls(
            who=who,
            base=base.rstrip("/"),
            headers=headers,
            client=client,
            retry=retry or RetryPolicy(),
        )

    async def get(self, path: str, **query: str | int) -> JsonObject:
        """What is there.

        Raises:
            RefusedError: `unknown_object` for 404, `needs_reauth`, `needs_permission`.
            RetryableError: no usable answer, after the policy's tries.
        """
        url = self.base + path + (f"?{urlencode(query)}" if query else "")

        async def attempt() -> JsonObject:
            return await self._ask(HttpRequest(method="GET", url=url))

        return await self.retry.run(attempt)

    async def write(
        self, method: str, path: str, body: JsonValue, *, key: str | None = None
    ) -> JsonObject:
        """Do something, once.

        Args:
            key: the idempotency key, sent as `Idempotency-Key`.

        Raises:
            RefusedError: it said no, and nothing was done.
            RetryableError: surely nothing was done.
            OutcomeUnknownError: it was sent, and there is no usable answer.
        """
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = HttpRequest(
            method=method,
            url=self.base + path,
            headers=headers,
            body=json.dumps(body).encode(),
            writing=True,
        )
        return await self._ask(request)

    async def close(self) -> None:
        """Close the sockets."""
        await self.client.close()

    async def _ask(self, request: HttpRequest) -> JsonObject:
        shown = {**request.headers, "Accept": "application/json", **await self.headers()}
        answer = await self.client.send(
            HttpRequest(
                method=request.method,
                url=request.url,
                headers=shown,
                body=request.body,
                writing=request.writing,
            )
        )
        found = _object(answer)
        problem = problem_of(
            self.who,
            answer.status,
            answer.headers,
            writing=request.writing,
            own_words=found is not None or not answer.body,
            said=_said(found),
        )
        if problem is not None:
            raise problem
        if found is None:
            raise no_answer(self.who, "its answer is no JSON object", writing=request.writing)
        return found


def _object(answer: HttpAnswer) -> JsonObject | None:
    try:
        found: object = read_json(answer.body)
    except ValueError:
        return None
    return cast("JsonObject", found) if isinstance(found, dict) else None


def _said(found: JsonObject | None) -> str:
    for name in ("message", "detail", "title", "error"):
        value = (found or {}).get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("message"), str):
            return str(value["message"])
    return ""
