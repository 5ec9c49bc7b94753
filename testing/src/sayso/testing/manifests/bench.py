"""The bench on which a manifest's connector stands: one generated provider for each case."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.retry import RetryPolicy
from sayso.connectors.setup import Address
from sayso.errors import Code, RefusedError
from sayso.ids import Clock
from sayso.secret import Secret
from sayso.testing.clock import FakeClock
from sayso.testing.manifests.cases import Cases, CaseTable
from sayso.testing.manifests.provider import LINK_HOSTS, GeneratedProvider
from sayso.testing.manifests.server import ProviderServer
from sayso.testing.suites.connector import Case, ConnectorBench, HttpProvider

LONG_S = 60.0
_ONCE = RetryPolicy(attempts=1)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another connector, which knows where one customer is reached."""

    subject: str
    on_file: dict[str, str]

    async def address_of(self, subject: Subject) -> Address:
        """See `AddressBook.address_of`."""
        self._check(subject)
        return Address(email=self.on_file["email"], name=self.on_file.get("name", ""))

    async def phone_of(self, subject: Subject) -> str:
        """See `PhoneBook.phone_of`."""
        self._check(subject)
        return self.on_file["phone"]

    def _check(self, subject: Subject) -> None:
        if subject.id != self.subject:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "nobody of that name")


def connect(
    source: ManifestSource,
    cases: Cases,
    case: CaseTable,
    url: str,
    clock: Clock,
    timeout_s: float = LONG_S,
) -> ManifestConnector:
    """The manifest's connector, with the provider at that address."""

    async def secret() -> Secret:
        return Secret("sk_test_generated")

    def peer(name: str) -> Connector:
        return Peer(case.subject, cases.peer)  # type: ignore[return-value]  # only its books

    return connector_of(
        source,
        Connected(
            settings=cases.settings,
            secret=secret,
            clock=clock,
            peer=peer,
            link_hosts=LINK_HOSTS,
            verified=True,
            loopback=url,
            timeout_s=timeout_s,
            retry=_ONCE,
        ),
    )


def case_of(source: ManifestSource, table: CaseTable) -> Case:
    """The case as the suite has it."""
    return Case(
        action=f"{source.manifest.connector}.{table.action}",
        args=table.args,
        subject=Subject(id=table.subject),
    )


@asynccontextmanager
async def manifest_bench(
    source: ManifestSource,
    cases: Cases,
    table: CaseTable,
    provider: GeneratedProvider | None = None,
) -> AsyncGenerator[ConnectorBench, None]:
    """One case of a manifest on its generated provider."""
    clock = FakeClock()
    made = provider or GeneratedProvider(source=source, cases=cases, case=table, clock=clock)
    with ProviderServer(made) as server, _closed_port() as closed:
        away = f"http://127.0.0.1:{closed}"
        yield ConnectorBench(
            connector=connect(source, cases, table, server.url, clock),
            cases=(case_of(source, table),),
            effects=lambda: made.effects,
            unreachable=connect(source, cases, table, away, clock),
            http=HttpProvider(
                url=server.url,
                connect=lambda url, timeout_s: connect(source, cases, table, url, clock, timeout_s),
                roll_back=None if _holds_the_money(source, table) else made.roll_back,
            ),
        )


def _holds_the_money(source: ManifestSource, table: CaseTable) -> bool:
    look_up = source.manifest.actions[table.action].look_up
    return look_up is not None and look_up.record == "with"


@contextmanager
def _closed_port() -> Generator[int]:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])
