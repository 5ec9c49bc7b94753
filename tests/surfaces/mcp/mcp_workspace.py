"""A workspace on the Stripe sandbox, with real `sayso mcp` processes and the real client."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2
import orjson
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult
from support.commands import run_command, start_command
from surfaces.cli.cli_workspace import clean_environment, start

from sayso.sandbox import Sandbox

Json = dict[str, Any]
TIMEOUT_S = 60.0


def usd(minor: int) -> Json:
    """Money as a model writes it."""
    return {"amount_minor": minor, "currency": "USD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class McpWorkspace:
    """A workspace made by `init`, and the sandbox behind it."""

    folder: Path
    sandbox: Sandbox

    def sayso(self, *words: str) -> Json:
        """What a command prints with `--json`."""
        ran = run_command(
            *(*words, "--json"),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )
        ran.check_returncode()
        return cast("Json", orjson.loads(ran.stdout))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process."""
        return clean_environment() | {"STRIPE_API_KEY": self.sandbox.api_key}

    def token(self, *scopes: str, name: str = "bot") -> str:
        """The secret of a new service's token."""
        options = [word for scope in scopes for word in ("--scope", scope)]
        return str(self.sayso("token", "create", "--service", name, *options)["secret"])

    @property
    def persons_token(self) -> str:
        """The token of the approver that `init` made."""
        return (self.folder / ".sayso" / "person.token").read_text(encoding="utf-8").strip()

    def effects(self, customer: str) -> list[int]:
        """What the sandbox's books say was done for a customer, in minor units."""
        return [one.amount for one in self.sandbox.books().effects if one.customer == customer]

    @asynccontextmanager
    async def stdio(
        self,
        subject: str,
        *more: str,
        mode: str = "auto",
        pid: Path | None = None,
        extensions: Sequence[ClientExtension] = (),
    ) -> AsyncGenerator[Client]:
        """A client with a `sayso mcp` process of its own.

        Args:
            more: further options of the command.
            pid: gets the process's number.
            extensions: of the protocol, which the client knows.
        """
        with tempfile.TemporaryDirectory() as folder, ExitStack() as ours:
            told, tells = (Path(folder) / name for name in ("told", "tells"))
            server = start_command(
                *("mcp", "--subject", subject, *more),
                cwd=self.folder,
                env=self.environment,
                stdin=_open(told, os.O_RDONLY, ours),
                stdout=_open(tells, os.O_WRONLY, ours),
            )
            if pid is not None:
                pid.write_text(str(server.pid))
            # What the client starts is the way to the server, which was started more cheaply.
            way = ["-c", 'cat <"$1" & exec cat >"$0"', str(told), str(tells)]
            parameters = StdioServerParameters(command="/bin/sh", args=way)
            async with (
                asyncio.timeout(TIMEOUT_S),
                Client(parameters, mode=mode, extensions=extensions) as client,
            ):
                ours.close()
                yield client
            await asyncio.to_thread(server.wait, TIMEOUT_S)

    @contextmanager
    def serving(self) -> Generator[str]:
        """The URL of a `sayso mcp --http` process, which is told to end afterwards."""
        process = start(
            *("mcp", "--http", "--port", "0", "--json"),
            cwd=self.folder,
            STRIPE_API_KEY=self.sandbox.api_key,
        )
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "}\n")
            yield str(orjson.loads("".join(lines) + "}")["url"])
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, errors) == (0, "")


def _open(pipe: Path, how: int, ours: ExitStack) -> int:
    """An end of a new named pipe, whose other end is not missed before `ours` is closed."""
    os.mkfifo(pipe)
    both, one = (os.open(pipe, flags) for flags in (os.O_RDWR, how))
    ours.callback(os.close, both)
    ours.callback(os.close, one)
    return one


def headers(token: str, subject: str, **more: str) -> dict[str, str]:
    """What the bot's host sends with every call."""
    return {
        "Authorization": f"Bearer {token}",
        "Sayso-Subject": subject,
        "Sayso-Assurance": "verified",
        **more,
    }


@asynccontextmanager
async def over_http(
    url: str,
    sent: Mapping[str, str],
    *,
    mode: str = "auto",
    extensions: Sequence[ClientExtension] = (),
) -> AsyncGenerator[Client]:
    """A client of a served workspace."""
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx2.AsyncClient(headers=sent, trust_env=False, timeout=TIMEOUT_S) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode, extensions=extensions
        ) as client,
    ):
        yield client


async def call(client: Client, name: str, args: Json, **meta: Any) -> tuple[Json, bool]:
    """Call a tool: its content, the same in both forms, and whether it is an error."""
    found = await client.call_tool(name, args, meta=meta or None)  # type: ignore[arg-type]
    assert isinstance(found, CallToolResult)
    content = cast("Json", found.structured_content)
    (block,) = found.content
    assert block.type == "text"
    assert orjson.loads(block.text) == content
    return content, found.is_error


async def settled(client: Client, name: str, args: Json) -> Json:
    """The content once the same call says that it is done; it is asked again and again."""
    while True:
        content, is_error = await call(client, name, args)
        assert not is_error
        if content["status"] == "succeeded":
            return content
