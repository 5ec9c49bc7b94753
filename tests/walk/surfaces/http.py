"""The HTTP API, called in this process: one app, no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import httpx
from walk.facts import FindingError, RefusedHereError
from walk.surfaces.base import VOUCHED, Said, Surface

from sayso.json import JsonValue
from sayso.sdk.resources.rollout import How
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.http.app import create_app

LISTS = (
    "/v1/requests",
    "/v1/actions",
    "/v1/approvals",
    "/v1/solutions",
    "/v1/solutions?status=decided",
    "/v1/work",
    "/v1/stops",
    "/v1/policy",
    "/v1/policy/versions",
    "/v1/policy/changes",
    "/v1/limits",
    "/v1/dials",
    "/v1/report",
    "/v1/audit/entries",
    "/v1/audit/checkpoint",
    "/v1/privacy/holds",
    "/v1/privacy/erasures",
)
_FIELDS = {"type", "title", "status", "detail", "code", "next_step", "instance"}


class HttpSurface(Surface):
    """Each call with a key of its own, unless one is given."""

    name = "http"
    _client: httpx.AsyncClient | None = None
    _calls = 0

    async def call(
        self, method: str, path: str, by: str, body: object = None, key: str | None = None
    ) -> Any:
        """The answer's document.

        Raises:
            RefusedHereError: a problem that the pages tell of.
            FindingError: `undocumented`, for a 500, or for what is no problem document.
        """
        if self._client is None:
            transport = httpx.ASGITransport(
                create_app(self.world.sayso), raise_app_exceptions=False
            )
            self._client = httpx.AsyncClient(transport=transport, base_url="http://walk")
        headers = {"Authorization": f"Bearer {self.world.token(by)}"}
        if method == "POST":
            HttpSurface._calls += 1
            headers["Idempotency-Key"] = key or f"call-{HttpSurface._calls}"
        answer = await self._client.request(method, path, json=body, headers=headers, timeout=60)
        if answer.status_code < 400:
            is_json = answer.headers.get("content-type", "").endswith("json")
            return answer.json() if is_json else answer.text
        where = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if answer.headers.get("content-type") != "application/problem+json":
            raise FindingError("undocumented", where)
        problem = cast("dict[str, Any]", answer.json())
        if answer.status_code == 500 or set(problem) != _FIELDS:
            raise FindingError("undocumented", where)
        raise RefusedHereError(str(problem["code"]), str(problem["detail"]))

    async def ask(
        self, subject: str, words: str, *, by: str, key: str, conversation: str | None = None
    ) -> str:
        body: dict[str, object] = {
            "subject": {"id": subject, "assurance": "verified"},
            "messages": [{"role": "customer", "content": words}],
        }
        if conversation is not None:
            body["conversation"] = conversation
        found = await self.call("POST", "/v1/requests?wait=20", by, body, key)
        return str(found["id"])

    async def reply(self, request_id: str, number: int, *, words: str, choice: str | None) -> None:
        body: dict[str, object] = {"question": number, "content": words}
        if choice is not None:
            body["choice"] = choice
        await self.call("POST", f"/v1/requests/{request_id}/answer?wait=20", "bot", body)

    async def withdraw(self, request_id: str, words: str) -> None:
        path = f"/v1/requests/{request_id}/withdraw"
        await self.call("POST", path, "bot", {"content": words})

    async def propose(
        self, action: str, args: Mapping[str, JsonValue], subject: str, *, by: str, key: str
    ) -> str:
        body = {
            "subject": {"id": subject, "assurance": "verified"},
            "action": action,
            "args": dict(args),
        }
        found = await self.call("POST", "/v1/actions", by, body, key)
        return str(found["id"])

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        body: dict[str, object] = {
            "decision": said.choice,
            "revision": card.revision,
            "digest": card.digest,
            "lower": {name: amount.to_json() for name, amount in said.lower.items()},
        }
        if said.steps is not None:
            body["steps"] = list(said.steps)
        if said.choice == "reject":
            body["reason_code"] = "not_covered"
        await self.call("POST", f"/v1/solutions/{card.id}/decision", person, body)

    async def ask_customer(self, card: SolutionView, person: str, question: str) -> None:
        body = {"question": question, "revision": card.revision, "digest": card.digest}
        await self.call("POST", f"/v1/solutions/{card.id}/question", person, body)

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        await self.call("POST", f"/v1/solutions/{card.id}/note", person, {"note": text})

    async def engage(self, by: str, scope: str, target: str) -> str:
        body = {"scope": scope, "target": target, "reason": "it looks odd"}
        return str((await self.call("POST", "/v1/stop", by, body))["id"])

    async def resume(self, stop_id: str, person: str) -> None:
        await self.call("POST", "/v1/resume", person, {"stop": stop_id})

    async def settle(self, action_id: str, person: str, outcome: str, receipt_id: str) -> None:
        body = {"outcome": outcome, "evidence": "the provider's page", "receipt_id": receipt_id}
        await self.call("POST", f"/v1/actions/{action_id}/settle", person, body)

    async def work(self, about: str, person: str, verb: str, text: str) -> None:
        body = {} if verb == "take" else {"note": text}
        await self.call("POST", f"/v1/work/{about}/{verb}", person, body)

    async def propose_draft(self, about: str, person: str, digest: str) -> None:
        await self.call("POST", f"/v1/work/{about}/propose?wait=20", person, {"digest": digest})

    async def report_wrong(self, action_id: str, person: str, how: How) -> None:
        await self.call("POST", f"/v1/actions/{action_id}/wrong", person, {"how": how})

    async def set_cap(
        self, limit_id: str, person: str, *, sums: Mapping[str, Decimal], cards: int | None
    ) -> None:
        body: dict[str, object] = {"sums": {name: int(cap) for name, cap in sums.items()}}
        if cards is not None:
            body["cards"] = cards
        await self.call("POST", f"/v1/limits/{limit_id}", person, body)

    async def set_dial(self, dial: str, person: str, stage: str, share: int | None) -> None:
        body: dict[str, object] = {"stage": stage}
        if share is not None:
            body["share"] = share
        await self.call("POST", f"/v1/dials/{dial}", person, body)

    async def activate(self, person: str) -> None:
        draft = await self.call("POST", "/v1/policy/diff", person, {})
        body = {"sha256": draft["sha256"], "note": "the files"}
        await self.call("POST", "/v1/policy/activate", person, body)

    async def rollback(self, person: str, number: int) -> None:
        await self.call("POST", "/v1/policy/rollback", person, {"version": number})

    async def confirm(self, change_id: str, person: str, sha256: str) -> None:
        path = f"/v1/policy/changes/{change_id}/confirm"
        await self.call("POST", path, person, {"sha256": sha256})

    async def erase(self, subject: str, person: str, key: str) -> None:
        body = {"subject": subject, "reason": "subject_request"}
        await self.call("POST", "/v1/privacy/erasures", person, body, key)

    async def hold(self, subject: str, person: str, key: str) -> str:
        body = {"subject": subject, "reason": "litigation"}
        return str((await self.call("POST", "/v1/privacy/holds", person, body, key))["id"])

    async def release(self, hold_id: str, person: str, key: str) -> None:
        await self.call("POST", f"/v1/privacy/holds/{hold_id}/release", person, {}, key)

    async def vouch(self, a: str, b: str, person: str, key: str) -> str:
        body = {"account": a, "other": b, "reason": VOUCHED}
        made = await self.call("POST", "/v1/customers/links", person, body, key)
        return str(made["link"]["id"])

    async def merge(self, a: str, b: str, person: str, key: str) -> str:
        body = {"customer": a, "other": b, "reason": VOUCHED}
        made = await self.call("POST", "/v1/customers/merges", person, body, key)
        return str(made["link"]["id"])

    async def vouch_for(self, request_id: str, person: str, key: str, reason: str) -> None:
        body = {"request": request_id, "reason": reason}
        path = "/v1/customers/vouch?wait=20"
        made = await self.call("POST", path, person, body, key)
        again = await self.call("POST", path, person, body, key)
        if made["verified"] != again["verified"]:
            raise FindingError("untrue", f"{person} vouches twice by one key for {request_id}")

    async def unlink(self, link_id: str, person: str, key: str) -> None:
        body = {"reason": VOUCHED}
        await self.call("POST", f"/v1/customers/links/{link_id}/end", person, body, key)

    async def see(self, account: str, person: str) -> frozenset[str]:
        found = await self.call("POST", "/v1/customers/search", person, {"query": account}, "see")
        seen = (one["account"] for item in found["items"] for one in item["accounts"])
        return frozenset(map(str, seen))

    async def repair(self, repair_id: str, person: str) -> None:
        await self.call("POST", "/v1/audit/repair", person, {"repair": repair_id})

    async def accept(self, finding: str, person: str) -> None:
        await self.call("POST", "/v1/audit/accept", person, {"finding": finding})

    async def look(self) -> None:
        for path in LISTS:
            await self.call("GET", path, "maria")
        for path in ("/healthz", "/readyz"):
            await self.call("GET", path, "maria")
