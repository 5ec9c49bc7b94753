"""The command line, run in this process: it opens the workspace by itself, beside the open one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import Any, cast

import orjson
from walk.facts import FindingError, RefusedHereError
from walk.places import ENVIRONMENT
from walk.surfaces.base import VOUCHED, Said, Surface

from sayso.json import JsonValue
from sayso.sdk.resources.rollout import How
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.cli.app import main

_CODE = re.compile(r"\[([a-z_]+)\]\s*$", re.MULTILINE)
LISTS = (
    ("requests", "list"),
    ("actions", "list"),
    ("approvals", "list", "--status", "all"),
    ("work", "list"),
    ("stop", "list", "--ended"),
    ("policy", "history"),
    ("limits",),
    ("rollout", "list"),
    ("people", "list"),
    ("audit", "tail"),
    ("audit", "verify"),
    ("report",),
    ("check",),
    ("doctor",),
)


class CliSurface(Surface):
    """Runs `sayso …` as the holder of a token."""

    name = "cli"

    async def run(self, *words: str, by: str = "maria") -> Any:
        """The document of a command.

        Raises:
            RefusedHereError: it ended with an error that the pages tell of.
            FindingError: `undocumented`, for a traceback, or an error without its code.
        """
        folder = str(self.world.folder)
        line = [*words, "--json"] if words[0] != "doctor" else list(words)
        status, out, err = await asyncio.to_thread(_run, [*line], folder, self.world.token(by))
        try:
            document = orjson.loads(out) if out.startswith(("{", "[")) else out
        except orjson.JSONDecodeError as error:
            told = f"sayso {' '.join(words)} prints no one document: {error}; {out[-300:]}"
            raise FindingError("undocumented", told) from error
        if status == 0 or (status == 1 and "id" in document and "code" not in document):
            return document
        told = (err or out).strip()
        found = _CODE.search(told)
        code = _code_in(err) or _code_in(out) or (found.group(1) if found else "")
        if "Traceback" in told or not code:
            raise FindingError("undocumented", f"sayso {' '.join(words)}: {status} {told[-400:]}")
        raise RefusedHereError(code, told[:200])

    async def ask(
        self, subject: str, words: str, *, by: str, key: str, conversation: str | None = None
    ) -> str:
        more = [] if conversation is None else ["--conversation", conversation]
        line = ("ask", words, "--subject", subject, "--key", key, *more)
        return str((await self.run(*line, by=by))["id"])

    async def reply(self, request_id: str, number: int, *, words: str, choice: str | None) -> None:
        said = ["--choice", choice] if choice is not None else [words]
        await self.run("requests", "answer", request_id, *said, "--question", str(number), by="bot")

    async def withdraw(self, request_id: str, words: str) -> None:
        await self.run("requests", "withdraw", request_id, words, by="bot")

    async def propose(
        self, action: str, args: Mapping[str, JsonValue], subject: str, *, by: str, key: str
    ) -> str:
        told = orjson.dumps(dict(args)).decode()
        line = ("propose", action, "--subject", subject, "--args", told, "--key", key)
        return str((await self.run(*line, by=by))["id"])

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        asking = [step for step in card.steps if step.asks]
        if len(asking) != 1 or said.steps is not None or asking[0].digest is None:
            raise RefusedHereError("walk", "a plan is answered elsewhere")
        step = asking[0]
        line = [str(step.approval_id), "--digest", str(step.digest)]
        match said.choice:
            case "approve":
                words = ["approvals", "approve", *line, "--yes"]
            case "reject":
                words = ["approvals", "reject", *line, "--reason-code", "not_covered"]
            case _:
                amount = next(iter(said.lower.values()))
                words = ["approvals", "edit", *line, "--amount", f"{amount.decimal:f}", "--yes"]
        await self.run(*words, by=person)

    async def ask_customer(self, card: SolutionView, person: str, question: str) -> None:
        await self.run("approvals", "ask", card.id, question, by=person)

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        await self.run("approvals", "note", card.id, text, by=person)

    async def engage(self, by: str, scope: str, target: str) -> str:
        where = [f"--{scope}", *([target] if target else [])]
        return str((await self.run("stop", *where, "--reason", "it looks odd", by=by))["id"])

    async def resume(self, stop_id: str, person: str) -> None:
        await self.run("resume", stop_id, by=person)

    async def settle(self, action_id: str, person: str, outcome: str, receipt_id: str) -> None:
        receipt = ["--receipt", receipt_id] if receipt_id else []
        line = (
            "actions",
            "settle",
            action_id,
            "--outcome",
            outcome,
            "--evidence",
            "seen",
            *receipt,
        )
        await self.run(*line, by=person)

    async def work(self, about: str, person: str, verb: str, text: str) -> None:
        await self.run("work", verb, about, *([] if verb == "take" else [text]), by=person)

    async def propose_draft(self, about: str, person: str, digest: str) -> None:
        await self.run("work", "propose", about, "--digest", digest, "--yes", by=person)

    async def report_wrong(self, action_id: str, person: str, how: How) -> None:
        await self.run("rollout", "wrong", action_id, "--how", how, by=person)

    async def set_cap(
        self, limit_id: str, person: str, *, sums: Mapping[str, Decimal], cards: int | None
    ) -> None:
        caps = [word for name, cap in sums.items() for word in ("--sum", f"{name}={cap:f}")]
        if cards is not None:
            caps += ["--cards", str(cards)]
        await self.run("limits", "set", limit_id, *caps, by=person)

    async def set_dial(self, dial: str, person: str, stage: str, share: int | None) -> None:
        more = [] if share is None else ["--share", str(share)]
        await self.run("rollout", "set", dial, stage, *more, by=person)

    async def activate(self, person: str) -> None:
        await self.run("policy", "activate", "--note", "the files", by=person)

    async def rollback(self, person: str, number: int) -> None:
        await self.run("policy", "rollback", str(number), by=person)

    async def confirm(self, change_id: str, person: str, sha256: str) -> None:
        await self.run("policy", "confirm", change_id, sha256, by=person)

    async def erase(self, subject: str, person: str, key: str) -> None:
        await self.run("privacy", "erase", subject, "--key", key, "--yes", by=person)

    async def hold(self, subject: str, person: str, key: str) -> str:
        line = ("privacy", "hold", subject, "--reason", "litigation")
        return str((await self.run(*line, by=person))["id"])

    async def release(self, hold_id: str, person: str, key: str) -> None:
        await self.run("privacy", "release", hold_id, by=person)

    async def vouch(self, a: str, b: str, person: str, key: str) -> str:
        made = await self.run("customers", "link", a, b, "--reason", VOUCHED, by=person)
        return str(made["link"]["id"])

    async def merge(self, a: str, b: str, person: str, key: str) -> str:
        made = await self.run("customers", "merge", a, b, "--reason", VOUCHED, by=person)
        return str(made["link"]["id"])

    async def vouch_for(self, request_id: str, person: str, key: str, reason: str) -> None:
        await self.run("customers", "vouch", request_id, "--reason", reason, by=person)

    async def unlink(self, link_id: str, person: str, key: str) -> None:
        await self.run("customers", "unlink", link_id, "--reason", VOUCHED, by=person)

    async def repair(self, repair_id: str, person: str) -> None:
        await self.run("audit", "repair", repair_id, by=person)

    async def accept(self, finding: str, person: str) -> None:
        await self.run("audit", "accept", finding, by=person)

    async def look(self) -> None:
        for words in LISTS:
            await self.run(*words)


def _code_in(told: str) -> str:
    """The code of a problem that was printed as one document."""
    try:
        problem = cast("dict[str, Any]", orjson.loads(told))
    except orjson.JSONDecodeError:
        return ""
    return str(problem.get("code", ""))


def _run(words: list[str], folder: str, token: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    variables = {**ENVIRONMENT, "SAYSO_TOKEN": token, "SAYSO_WORKSPACE": folder}
    with (
        _environment(variables),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main(words)
    return status, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
