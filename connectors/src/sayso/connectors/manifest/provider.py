"""The provider of one manifest: sends its requests, and gives what the answers hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar, cast

from sayso.connectors.http import HttpAnswer, HttpRequest, Sender
from sayso.connectors.manifest.answers import AnswerRules
from sayso.connectors.manifest.pages import PageRead, items_of, pages
from sayso.connectors.manifest.picks import as_failure
from sayso.connectors.manifest.requests import ProviderSite, build
from sayso.connectors.manifest.schema import CallTable, Read
from sayso.connectors.manifest.template import Scope, TemplateError, fill
from sayso.connectors.retry import RetryPolicy
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.reading import ReadingError, read

T = TypeVar("T")


class Credentials(Protocol):
    """Shows who we are."""

    async def headers(self) -> Mapping[str, str]:
        """What goes with every request; never kept, never logged.

        Raises:
            RefusedError: `needs_reauth`.
            RetryableError: a token cannot be fetched now.
        """
        ...


class Tools(Protocol):
    """An MCP server, in place of addresses."""

    async def call(
        self, tool: str, arguments: JsonValue, *, writing: bool, digest: str | None
    ) -> JsonValue:
        """What a tool gives.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: as for a request.
        """
        ...

    async def close(self) -> None:
        """End the session."""
        ...


class ManifestProvider:
    """Sends what a manifest says.

    Args:
        rules: how answers are read.
        site: where it is.
        client: sends what is built.
        credentials: show who we are.
        retry: how reads are repeated; a write never is.
        tools: the MCP server, where the manifest names one.
    """

    def __init__(
        self,
        *,
        rules: AnswerRules,
        site: ProviderSite,
        client: Sender,
        credentials: Credentials,
        retry: RetryPolicy,
        tools: Tools | None = None,
    ) -> None:
        self._rules = rules
        self._site = site
        self._client = client
        self._credentials = credentials
        self._retry = retry
        self._tools = tools

    async def read(self, name: str, request: Read, scope: Scope) -> JsonValue:
        """What a read gives, at its root.

        Raises:
            RefusedError: `unknown_object` for null at the root; what the rules say.
            RetryableError: no usable answer; `connector_failed` for one of another form.
        """
        if request.page is not None and request.root is not None:
            return await self._whole_list(name, request, scope)
        payload = await self._payload(name, request, scope)
        if request.root is None:
            return payload
        found = _at(name, request.root, payload)
        if found is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, f"{self._rules.who} has no such {name}")
        return found

    async def _payload(self, name: str, request: Read, scope: Scope) -> JsonValue:
        if request.tool is not None:
            return await self._retry.run(lambda: self._ask_tool(name, request, scope))
        paged = {**scope, "page": {"cursor": None}}
        built = _built(name, lambda: build(self._site, request, paged))
        return (await self._ask(name, request, built))[1]

    async def _whole_list(self, name: str, request: Read, scope: Scope) -> JsonValue:
        assert request.root is not None
        found: list[JsonValue] = []
        last = True
        async for page in self.pages(name, request, scope, items=request.root):
            found += page.items
            last = page.is_last
        if not last:
            raise as_failure(ReadingError("it goes on after the last page that is read"), name)
        return found

    def pages(
        self,
        name: str,
        request: Read,
        scope: Scope,
        *,
        items: str,
        begun: datetime | None = None,
        check: Callable[[JsonValue], None] | None = None,
    ) -> AsyncGenerator[PageRead, None]:
        """A list page by page.

        Args:
            items: path of the items.
            begun: when the call was made at the earliest.
            check: judges each whole page first.

        Raises:
            RefusedError, RetryableError: as `read`.
        """

        async def ask(built: HttpRequest) -> tuple[HttpAnswer, JsonValue]:
            answer, payload = await self._ask(name, request, built)
            if check is not None:
                check(payload)
            return answer, payload

        def build_page(cursor: str | None) -> HttpRequest:
            paged = {**scope, "page": {"cursor": cursor}}
            return _built(name, lambda: build(self._site, request, paged))

        if request.tool is not None:
            return self._tool_page(name, request, scope, items)
        return _failing(
            name,
            pages(
                build=build_page,
                ask=ask,
                site=self._site,
                page=request.page,
                items=items,
                begun=begun,
            ),
        )

    async def _tool_page(
        self, name: str, request: Read, scope: Scope, items: str
    ) -> AsyncGenerator[PageRead, None]:
        payload = await self._retry.run(lambda: self._ask_tool(name, request, scope))
        try:
            yield PageRead(items=items_of(items, payload), is_last=True)
        except ReadingError as error:
            raise as_failure(error, name) from error

    async def write(
        self, name: str, call: CallTable, scope: Scope
    ) -> tuple[JsonValue, Mapping[str, str]]:
        """Send the one request of a call, once.

        Returns:
            what the answer holds, and its headers by lower-case name.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: see `Connector.call`.
        """
        if call.tool is not None:
            assert self._tools is not None
            arguments = _built(name, lambda: fill_arguments(call, scope))
            found = await self._tools.call(
                call.tool, arguments, writing=True, digest=call.schema_digest
            )
            return found, {}
        built = _built(name, lambda: build(self._site, call, scope))
        answer = await self._send(built)
        payload = self._rules.payload(
            answer,
            writing=True,
            graphql=call.mutation is not None,
            user_errors=call.user_errors,
            keyed=call.key is not None,
            guard=call.guard.refused if call.guard is not None else None,
        )
        return payload, answer.headers

    def check(self, call: CallTable, scope: Scope) -> None:
        """Make sure that a call can be sent with these names; sends nothing.

        Raises:
            TemplateError: with what fits nowhere.
        """
        if call.tool is not None:
            fill_arguments(call, scope)
        else:
            build(self._site, call, scope)

    async def _ask_tool(self, name: str, request: Read, scope: Scope) -> JsonValue:
        assert self._tools is not None
        assert request.tool is not None
        arguments = _built(name, lambda: fill_arguments(request, scope))
        return await self._tools.call(request.tool, arguments, writing=False, digest=None)

    async def _ask(
        self, name: str, request: Read, built: HttpRequest
    ) -> tuple[HttpAnswer, JsonValue]:
        async def attempt() -> tuple[HttpAnswer, JsonValue]:
            answer = await self._send(built)
            graphql = isinstance(request.query, str)
            return answer, self._rules.payload(answer, writing=False, graphql=graphql)

        return await self._retry.run(attempt)

    async def _send(self, request: HttpRequest) -> HttpAnswer:
        shown = await self._credentials.headers()
        return await self._client.send(replace(request, headers={**request.headers, **shown}))

    async def close(self) -> None:
        """Close the sockets."""
        await self._client.close()
        if self._tools is not None:
            await self._tools.close()


def fill_arguments(request: Read | CallTable, scope: Scope) -> JsonValue:
    """A tool's arguments, filled in."""
    return cast("JsonValue", fill(dict(request.arguments), scope))


def _built(name: str, make: Callable[[], T]) -> T:
    """What is made from templates; a value that fits nowhere is the manifest's fault."""
    try:
        return make()
    except TemplateError as error:
        raise as_failure(error, name) from error


def _at(name: str, path: str, payload: JsonValue) -> JsonValue:
    try:
        return read(path, payload)
    except ReadingError as error:
        raise as_failure(error, name) from error


async def _failing(
    name: str, found: AsyncGenerator[PageRead, None]
) -> AsyncGenerator[PageRead, None]:
    try:
        async for page in found:
            yield page
    except ReadingError as error:
        raise as_failure(error, name) from error
