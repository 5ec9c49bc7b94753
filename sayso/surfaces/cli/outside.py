"""What the commands are given from outside, since a surface knows neither its neighbours nor the
sandbox: `sayso/__main__.py` is the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from socket import socket
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sayso.actions.model.definition import Subject
    from sayso.audit.entry import Actor
    from sayso.audit.witness.witness import Witness
    from sayso.sdk.client import Sayso


class BookedEffect(Protocol):
    """One thing that really happened at the provider; see `sayso.sandbox.Effect`."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...


class Books(Protocol):
    """What a provider says really happened."""

    @property
    def effects(self) -> Sequence[BookedEffect]: ...
    @property
    def money_out(self) -> Mapping[str, int]: ...
    @property
    def credits(self) -> Mapping[str, int]: ...


class Provider(Protocol):
    """A running sandbox."""

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:40123`."""
        ...

    @property
    def api_key(self) -> str:
        """The key it accepts."""
        ...

    def books(self) -> Books:
        """What really happened there."""
        ...

    def stop(self) -> None:
        """Close it."""
        ...


class SlackCards(Protocol):
    """A Slack channel in which cards are shown and clicked."""

    async def card(self, approval_id: str, revision: int) -> str:
        """A revision of a card as text; waits until it is posted."""
        ...

    async def click(self, approval_id: str, choice: str) -> str:
        """Click yes (`approve`) or no (`reject`); returns what the card then says."""
        ...


class SlackStage(Protocol):
    """A Slack of the demo's own; see `sayso.testing.slack_stage`."""

    @property
    def settings(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def account(self) -> str: ...
    def open(self, sayso: Sayso) -> AbstractAsyncContextManager[SlackCards]: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The neighbours, each as a function that imports it when called.

    Attributes:
        start_sandbox: port (0 for any) and seed (`demo` or `empty`) to a running provider.
        customer_names: the demo seed's customers, name by id.
        listen: host, port and whether other machines may reach it, to a bound socket.
        serve: an open workspace, a bound socket, and who is told the URL once calls are answered;
            ends with SIGINT or SIGTERM. Slack's requests are taken too when `[slack]` is set.
        start_slack: a fake Slack, running.
        serve_mcp: an open workspace, a bound socket, and who is told the URL once calls are
            answered; ends with SIGINT or SIGTERM.
        serve_mcp_stdio: an open workspace, the customer, who asks, and the conversation; ends with
            standard input.
        serve_witness: a witness, a bound socket, and who is told the URL once calls are answered;
            ends with SIGINT or SIGTERM.
    """

    start_sandbox: Callable[[int, str], Provider]
    customer_names: Callable[[], Mapping[str, str]]
    listen: Callable[[str, int, bool], socket]
    serve: Callable[[Sayso, socket, Callable[[str], None]], Awaitable[None]]
    start_slack: Callable[[], SlackStage]
    serve_mcp: Callable[[Sayso, socket, Callable[[str], None]], Awaitable[None]]
    serve_mcp_stdio: Callable[[Sayso, Subject, Actor, str], Awaitable[None]]
    serve_witness: Callable[[Witness, socket, Callable[[str], None]], Awaitable[None]]
