"""The console's pages and forms, as a browser without scripts sends them, in this process."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount
from walk.facts import FindingError, RefusedHereError
from walk.surfaces.base import Said, Surface, said_about

from sayso.sdk.localization.languages import LANGUAGES
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console.app import create_console

ROOT = "/console"
PAGES = ("", "figures", "policy", "people", "stop", "audit", "me", "together")
_SHA = re.compile(r'name="sha256" value="([0-9a-f]{64})"')
_TEXT = re.compile(r'<textarea id="content"[^>]*>\n(.*?)</textarea>', re.DOTALL)
_AT_PROVIDER = re.compile(r'href="([^"]+)" target="_blank"')
_NOTE = re.compile(r"<h[12][^>]*>([^<]{3,120})<")


def _spoken(person: str) -> str:
    """The language of somebody's browser, the same in each walk."""
    return tuple(LANGUAGES)[sum(person.encode()) % len(LANGUAGES)]


class ConsoleSurface(Surface):
    """Signed in by a one-time link for each form."""

    name = "console"
    _app: Starlette | None = None

    async def send(
        self,
        method: str,
        path: str,
        person: str,
        form: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
    ) -> str:
        """The page that comes of it, redirects followed.

        Args:
            session: the secret of one that is open; else they sign in for this page.

        Raises:
            RefusedHereError: a page that says no.
            FindingError: `undocumented`, for a page that could not be made.
        """
        sayso = self.world.sayso
        if self._app is None:
            self._app = Starlette(routes=[Mount(ROOT, create_console(sayso))])
        secret = session or await self._sign_in(person)
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1",
            cookies={"sayso_session": secret},
            headers={"Sec-Fetch-Site": "same-origin", "Accept-Language": _spoken(person)},
            follow_redirects=True,
            timeout=60,
        ) as browser:
            answer = await browser.request(method, f"{ROOT}/{path}", data=form)
        if answer.status_code >= 500:
            told = f"{method} {path}: {answer.status_code} {_told(answer.text)}"
            raise FindingError("undocumented", told)
        if answer.status_code >= 400:
            raise RefusedHereError("", f"{answer.status_code} {_told(answer.text)}")
        return answer.text

    async def _sign_in(self, person: str) -> str:
        sessions = self.world.sayso.sessions
        _, secret = await sessions.enter(await sessions.make_link(person))
        return secret

    async def connect(
        self, person: str, name: str, answer: Callable[[str], Mapping[str, str]]
    ) -> None:
        session = await self._sign_in(person)
        page = await self.send("POST", "people/connect", person, {"name": name}, session=session)
        found = _AT_PROVIDER.search(page)
        assert found is not None, "a page that leads to the provider"
        (state,) = parse_qs(urlsplit(html.unescape(found[1])).query)["state"]
        form = {"answer": urlencode(answer(state))}
        await self.send("POST", "people/connected", person, form, session=session)
        strange = self.send("POST", "people/connected", person, form, session=session)
        try:
            await strange
        except RefusedHereError:
            return
        raise FindingError("allowed", f"{person}'s answer counts a second time")

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        asking = [step.id for step in card.steps if step.asks]
        form: dict[str, object] = {
            "decision": "no" if said.choice == "reject" else "yes",
            "revision": str(card.revision),
            "digest": card.digest,
            "step": list(said.steps) if said.steps is not None else asking,
        }
        if said.choice == "reject":
            form["reason_code"] = "not_covered"
        if said.steps is not None or said.lower:
            form["smaller"] = "1"
        for name, amount in said.lower.items():
            form[f"lower.{name}"] = f"{amount.decimal:f}"
        before = await said_about(self.world, card)
        page = await self.send("POST", f"solution/{card.id}/decision", person, form)
        if await said_about(self.world, card) == before:
            # A click that was sent again is led to what came of the first one.
            raise RefusedHereError("", _told(page))

    async def answer_test(self, card: SolutionView, person: str, choice: str) -> None:
        no = {"decision": "no", "reason_code": "not_covered"}
        form: dict[str, object] = {
            **(no if choice == "reject" else {"decision": "yes"}),
            "revision": str(card.revision),
            "digest": card.digest,
            "step": [step.id for step in card.steps if step.asks],
        }
        before = await self.world.sayso.canaries.get(card.id)
        page = await self.send("POST", f"solution/{card.id}/decision", person, form)
        if await self.world.sayso.canaries.get(card.id) == before:
            raise RefusedHereError("", _told(page))

    async def ask_customer(self, card: SolutionView, person: str, question: str) -> None:
        form = {
            "decision": "ask",
            "revision": str(card.revision),
            "digest": card.digest,
            "question": question,
        }
        await self.send("POST", f"solution/{card.id}/decision", person, form)

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        await self.send("POST", f"solution/{card.id}/note", person, {"note": text})

    async def engage(self, by: str, scope: str, target: str) -> str:
        before = {one.id for one in await self.world.sayso.stops.list(limit=200)}
        form = {"scope": scope, "target": target, "reason": "it looks odd"}
        await self.send("POST", "stop", by, form)
        after = await self.world.sayso.stops.list(limit=200)
        return next((one.id for one in after if one.id not in before), after[0].id)

    async def resume(self, stop_id: str, person: str) -> None:
        await self.send("POST", f"stop/{stop_id}/resume", person, {})

    async def settle(self, action_id: str, person: str, outcome: str, receipt_id: str) -> None:
        form = {"outcome": outcome, "evidence": "the page at the provider", "receipt": receipt_id}
        await self.send("POST", f"action/{action_id}/settle", person, form)

    async def work(self, about: str, person: str, verb: str, text: str) -> None:
        await self.send("POST", f"work/{about}", person, {"do": verb, "note": text})

    async def propose_draft(self, about: str, person: str, digest: str) -> None:
        form = {"do": "propose", "digest": digest}
        draft = (await self.world.sayso.work.get(about)).draft
        steps = [] if draft is None else [step.id for step in draft.steps]
        await self.send("POST", f"work/{about}", person, {**form, "step": steps})

    async def set_cap(
        self, limit_id: str, person: str, *, sums: Mapping[str, Decimal], cards: int | None
    ) -> None:
        form = {f"cap-{name}": f"{cap:f}" for name, cap in sums.items()}
        if cards is not None:
            form["cap-cards"] = str(cards)
        await self.send("POST", "policy/limit", person, {"limit": limit_id, **form})

    async def set_dial(self, dial: str, person: str, stage: str, share: int | None) -> None:
        form = {"dial": dial, "stage": stage, "share": str(share or 100)}
        await self.send("POST", "policy/dial", person, form)

    async def rollback(self, person: str, number: int) -> None:
        await self.send("POST", "policy/rollback", person, {"version": str(number)})

    async def confirm(self, change_id: str, person: str, sha256: str) -> None:
        form = {"answer": "confirm", "sha256": sha256}
        await self.send("POST", f"policy/change/{change_id}", person, form)

    async def write_rule(self, person: str, action: str, amount: int) -> str:
        state = await self.world.sayso.policy.in_force()
        assert state is not None, "a walk begins with a policy"
        file = f"policies/{action.replace('.', '-').replace('_', '-')}.toml"
        page = await self.send("GET", f"policy/rule?file={file}", person)
        form: dict[str, object] = {
            "file": file,
            "version": str(state.version.version),
            "content": _content(page),
            "do": "row",
            "was": "walked" if 'id = "walked"' in _content(page) else "",
            "id": "walked",
            "sort": "never",
            "say": f"Never over {amount}",
            "amount": f"{amount} USD, {amount} EUR, {amount} GBP",
        }
        for _ in range(30):  # until the last month is played
            page = await self.send("POST", "policy/rule", person, form)
            form = {**form, "content": _content(page), "do": "look"}
            if (found := _SHA.search(page)) is not None:
                signed = {**form, "do": "sign", "sha256": found[1]}
                return await self.send("POST", "policy/rule", person, signed)
            if "Last month is being played" not in page:
                break
        return page

    async def staff(self, person: str, path: str, form: Mapping[str, object]) -> str:
        return await self.send("POST", path, person, form)

    async def look(self) -> None:
        for page in PAGES:
            await self.send("GET", page, "maria")
        sayso = self.world.sayso
        for action in await sayso.actions.list(limit=3):
            await self.send("GET", f"action/{action.id}", "maria")
            if action.approval is not None:
                await self.send("GET", f"solution/{action.approval.id}", "maria")
        for request in await sayso.requests.list(limit=3):
            await self.send("GET", f"request/{request.id}", "maria")


def _content(page: str) -> str:
    found = _TEXT.search(page)
    return "" if found is None else html.unescape(found[1])


def _told(page: str) -> str:
    found = _NOTE.search(page)
    return found.group(1).strip() if found else page[:80]
