"""The provider: who may, what is asked, has it been asked before, what goes wrong, do it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from sayso.ids import Clock, Entropy
from sayso.sandbox.auth import Auth
from sayso.sandbox.call import EndpointCall, expand
from sayso.sandbox.faults import Fault, FaultQueue
from sayso.sandbox.journal import JournalLine, Saved
from sayso.sandbox.params import Params
from sayso.sandbox.problems import (
    StripeError,
    broken,
    invalid_key,
    key_in_use,
    key_too_long,
    no_key,
    not_permitted,
    other_endpoint,
    other_parameters,
    too_many,
    unrecognised,
)
from sayso.sandbox.refunds import end_refund
from sayso.sandbox.routes import Route, find_route
from sayso.sandbox.rows import ACCOUNT_ID
from sayso.sandbox.shapes import API_VERSION, Json
from sayso.sandbox.state import ProviderState, Work
from sayso.sandbox.wire import Request, Response, Transmission

KEY_LIFETIME_S = 24 * 3600
"""How long an idempotency key is remembered. Source: Stripe docs: Idempotent requests."""

_MAX_KEY = 255
_HTML = b"<html><body><h1>We'll be right back</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admitted:
    """A call that may be executed."""

    request: Request
    request_id: str
    route: Route
    ids: tuple[str, ...]
    params: Params
    key: str
    fault: Fault | None


class Provider:
    """Answers API calls from its state.

    Args:
        state: what it knows.
        clock: the time, to which the clock's offset is added.
        keys: API keys; None means everything, a set means these permissions (`charge_read`).
        entropy: for request ids.

    Guarantees: one call at a time takes effect (the lock); what took effect is in the books before
    the answer leaves.
    """

    def __init__(
        self,
        state: ProviderState,
        clock: Clock,
        keys: Mapping[str, frozenset[str] | None],
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.state = state
        self.faults: FaultQueue[Fault] = FaultQueue()
        self.gate = Auth()
        self.lock = threading.RLock()
        self._clock = clock
        self._keys = dict(keys)
        self._entropy = entropy
        self._executing: set[str] = set()

    def now(self) -> datetime:
        """The sandbox's time, aware, in UTC."""
        return self._clock.now() + timedelta(seconds=self.state.clock_offset_s)

    def advance(self, seconds: float) -> datetime:
        """Put the clock forward; the new time."""
        with self.lock:
            self.state.write(JournalLine(clock_offset_s=self.state.clock_offset_s + seconds))
            return self.now()

    async def serve(self, request: Request) -> Transmission:
        """Answer one call, with whatever fault waits for it."""
        request_id = f"req_{self._entropy(7).hex()}"
        with self.lock:
            admitted = self._admit(request, request_id)
        if isinstance(admitted, Transmission):
            return admitted
        try:
            return await self._perform(admitted)
        finally:
            self._executing.discard(admitted.key)

    def _admit(self, request: Request, request_id: str) -> _Admitted | Transmission:
        """What comes before the endpoint: nothing here is saved under the idempotency key."""
        fault: Fault | None = None
        try:
            granted = self._check_key(request)
            fault = self.faults.take(request.method, request.path)
            if request.idempotency_key:
                self.state.count_call(request.idempotency_key)
            if fault is not None and fault.kind == "drop_before":
                return Transmission(answer=None)
            if fault is not None and fault.kind == "rate_limit":
                raise too_many(fault.retry_after_s)
            if fault is not None and fault.kind == "answer_500_before":
                raise broken()
            admitted = self._read(request, request_id, granted, fault)
            replay = self._replay(admitted)
        except StripeError as error:
            return Transmission(answer=_refusal(request, request_id, error))
        if replay is not None:
            return _deliver(replay, fault)
        if admitted.key:
            self._executing.add(admitted.key)
        return admitted

    def _check_key(self, request: Request) -> frozenset[str] | None:
        key = request.api_key
        if not key:
            raise no_key()
        if key not in self._keys:
            raise invalid_key(key)
        return self._keys[key]

    def _read(
        self,
        request: Request,
        request_id: str,
        granted: frozenset[str] | None,
        fault: Fault | None,
    ) -> _Admitted:
        found = find_route(request.method, request.path)
        if found is None:
            raise unrecognised(request.method, request.path)
        route, ids = found
        if granted is not None and not _permits(granted, route):
            raise not_permitted(request.api_key, ACCOUNT_ID, f"rak_{route.permission}")
        if len(request.idempotency_key) > _MAX_KEY:
            raise key_too_long()
        params = Params.decode(request.query, request.body)
        params.check_known(route.params)
        # SOURCE: Stripe docs: keys have an effect on POST only.
        key = request.idempotency_key if request.method == "POST" else ""
        return _Admitted(
            request=request,
            request_id=request_id,
            route=route,
            ids=ids,
            params=params,
            key=key,
            fault=fault,
        )

    def _replay(self, call: _Admitted) -> Response | None:
        """The saved answer of the call's key, or None when it is to be executed."""
        if not call.key:
            return None
        if call.key in self._executing:
            raise key_in_use(call.key)
        saved = self.state.saved(call.key)
        if saved is None or saved.at + KEY_LIFETIME_S <= int(self.now().timestamp()):
            return None
        endpoint = f"{call.request.method} {call.request.path}"
        if saved.endpoint != endpoint:
            first = saved.endpoint.partition(" ")[2]
            raise other_endpoint(call.key, call.request.path, first)
        if saved.fingerprint != call.params.fingerprint:
            raise other_parameters(call.key)
        headers = (
            *_headers(call.request, call.request_id, saved.request_id),
            ("Idempotent-Replayed", "true"),
        )
        return Response(status=saved.status, body=saved.body.encode(), headers=headers)

    async def _perform(self, call: _Admitted) -> Transmission:
        fault = call.fault
        if fault is not None and fault.kind == "slow_before":
            await self.gate.pause(fault.seconds)
        if fault is not None and fault.kind == "hold_before":
            await self.gate.hold()
        with self.lock:
            answer = self._execute(call)
        if fault is not None and fault.kind == "slow_after":
            await self.gate.pause(fault.seconds)
        if fault is not None and fault.kind == "hold_after":
            await self.gate.hold()
        return _deliver(answer, fault)

    def _execute(self, call: _Admitted) -> Response:
        now = int(self.now().timestamp())
        self._hear_banks(now)
        work = Work(state=self.state, now=now, key=call.request.idempotency_key)
        fault_kind = call.fault.kind if call.fault is not None else None
        try:
            status, body = 200, self._run(call, work)
            if fault_kind == "do_twice":
                work.buggy = True
                self._run(call, work)
            if fault_kind == "answer_500_after":
                status, body = 500, broken().body(call.request_id)
        except StripeError as error:
            if not error.began:
                return _refusal(call.request, call.request_id, error)
            if not error.keeps:
                work = Work(state=self.state, now=now)
            status, body = error.status, error.body(call.request_id)
        text = orjson.dumps(body)
        saved = Saved(
            key=call.key,
            endpoint=f"{call.request.method} {call.request.path}",
            fingerprint=call.params.fingerprint,
            at=now,
            status=status,
            body=text.decode(),
            request_id=call.request_id,
        )
        if call.request.method != "GET":
            self.state.commit(work, saved if call.key else None)
        headers = _headers(call.request, call.request_id, call.request_id)
        return Response(status=status, body=text, headers=headers)

    def _hear_banks(self, now: int) -> None:
        ended = self.state.refunds_ended(now)
        if ended:
            heard = Work(state=self.state, now=now)
            for refund in ended:
                end_refund(heard, refund)
            self.state.commit(heard, None)

    def _run(self, admitted: _Admitted, work: Work) -> Json:
        call = EndpointCall(
            path=admitted.request.path,
            ids=admitted.ids,
            params=admitted.params,
            work=work,
            version=admitted.request.api_version or API_VERSION,
        )
        return expand(call, admitted.route.handler(call))


def _permits(granted: frozenset[str], route: Route) -> bool:
    return route.permission in granted or f"{route.resource}_write" in granted


def _headers(request: Request, request_id: str, original: str) -> tuple[tuple[str, str], ...]:
    headers = [
        ("Content-Type", "application/json"),
        ("Request-Id", request_id),
        ("Stripe-Version", request.api_version or API_VERSION),
    ]
    if request.idempotency_key and request.method == "POST":
        headers += [
            ("Idempotency-Key", request.idempotency_key),
            ("Original-Request", original),
        ]
    return tuple(headers)


def _refusal(request: Request, request_id: str, error: StripeError) -> Response:
    return Response(
        status=error.status,
        body=orjson.dumps(error.body(request_id)),
        headers=(*_headers(request, request_id, request_id), *error.headers),
    )


def _deliver(answer: Response, fault: Fault | None) -> Transmission:
    if fault is None:
        return Transmission(answer=answer)
    if fault.kind == "drop_after":
        return Transmission(answer=None)
    if fault.kind == "reset_after_bytes":
        return Transmission(answer=answer, reset_after_bytes=fault.after_bytes)
    if fault.kind == "html_garbage":
        return Transmission(
            answer=Response(status=200, body=_HTML, headers=(("Content-Type", "text/html"),))
        )
    return Transmission(answer=answer)
