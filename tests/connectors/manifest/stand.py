"""A manifest's connector on its generated provider, without a network; answers can be changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sayso.actions.model.snapshot import Call, Resolved
from sayso.connectors.base import Connector
from sayso.connectors.http import HttpAnswer, HttpRequest, Sender
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.source import ManifestSource, read_source
from sayso.connectors.manifests import SHIPPED
from sayso.connectors.retry import RetryPolicy
from sayso.sandbox.wire import Request
from sayso.secret import Secret
from sayso.testing.clock import FakeClock
from sayso.testing.manifests import Cases, CaseTable, GeneratedProvider, read_cases
from sayso.testing.manifests.bench import Peer, case_of
from sayso.testing.manifests.provider import LINK_HOSTS
from sayso.testing.suites.bench import call_for

Change = Callable[[HttpRequest, HttpAnswer], HttpAnswer]


@cache
def shipped(name: str) -> tuple[ManifestSource, Cases]:
    """A manifest that ships, and its cases."""
    path = SHIPPED / f"{name}.toml"
    return read_source(path.read_bytes(), path.name), read_cases(path.with_suffix(".cases.toml"))


def source_of(text: str, name: str = "connectors/x.toml") -> ManifestSource:
    """A manifest of a test's own."""
    return read_source(text.encode(), name)


def changed(path: Path | str, *changes: tuple[str, str]) -> str:
    """A shipped manifest's text with some words replaced; each has to be there."""
    text = (SHIPPED / f"{path}.toml").read_text("utf-8")
    for before, after in changes:
        assert before in text, f"`{before}` is not in {path}"
        text = text.replace(before, after, 1)
    return text


@dataclass
class InProcess:
    """Hands requests to a generated provider, and lets a test change the answers."""

    provider: GeneratedProvider
    change: Change = field(default=lambda _request, answer: answer)
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See `Sender.send`."""
        self.sent.append(request)
        parts = urlsplit(request.url)
        answer = self.provider.serve(
            Request(
                method=request.method,
                path=unquote(parts.path),
                query=parts.query,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=(request.body or b"").decode(),
            )
        )
        headers = {name.lower(): value for name, value in answer.headers}
        return self.change(
            request, HttpAnswer(status=answer.status, headers=headers, body=answer.body)
        )

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Stand:
    """One case of a manifest, ready to be tried."""

    source: ManifestSource
    cases: Cases
    table: CaseTable
    provider: GeneratedProvider
    wire: InProcess
    connector: ManifestConnector

    async def resolve(self) -> Resolved:
        """Resolve the case."""
        case = case_of(self.source, self.table)
        action = self.connector.defined[case.action].action
        return await self.connector.resolve(
            action, action.args.model_validate(dict(case.args)), case.subject
        )

    def call(self, resolved: Resolved, number: int = 1) -> Call:
        """The call that the engine would make."""
        call = call_for(case_of(self.source, self.table), resolved, number)
        return replace(call, idempotency_key=f"sayso_{number:040x}")


def stand(
    source: ManifestSource, cases: Cases, table: CaseTable, *, verified: bool = True
) -> Stand:
    """A case of a manifest on a provider of its own."""
    clock = FakeClock()
    provider = GeneratedProvider(source=source, cases=cases, case=table, clock=clock)
    wire = InProcess(provider)

    async def secret() -> Secret:
        return Secret("sk_test_generated")

    def instead(_: Sender) -> Sender:
        return wire

    def peer(_: str) -> Connector:
        return Peer(table.subject, cases.peer)  # type: ignore[return-value]  # only its books

    connector = connector_of(
        source,
        Connected(
            settings=cases.settings,
            secret=secret,
            clock=clock,
            peer=peer,
            link_hosts=LINK_HOSTS,
            verified=verified,
            retry=RetryPolicy(attempts=1),
            sender=instead,
        ),
    )
    return Stand(source, cases, table, provider, wire, connector)


def stands(name: str) -> list[tuple[str, CaseTable]]:
    """Every case of a shipped manifest that works, by a label."""
    _, cases = shipped(name)
    working = [table for table in cases.case if table.refused is None]
    return [(f"{name}.{table.action}-{number}", table) for number, table in enumerate(working)]


Work = Callable[[Stand], Awaitable[None]]
