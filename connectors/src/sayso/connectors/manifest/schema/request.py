"""Requests that read, and how a list goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from sayso.connectors.manifest.schema.base import MAX_PAGES, ManifestTable, Names, Path


class Until(ManifestTable):
    """Stop at items that are older than the call."""

    older_than: Literal["call.started"]
    path: Path


class Pagination(ManifestTable):
    """How a list goes on; exactly one of `cursor`, `token`, `next_url`, `number`, `offset`,
    `link`.

    Attributes:
        cursor: path of the cursor that the next request gets as `{page.cursor}`; with `more`.
        more: path of whether there is more.
        token: path of the token that goes to `into`, such as `query.offset`.
        next_url: path of the next page's whole address, of an allowed host.
        number: where the page's number goes, such as `query.page`, from 1; with `size`.
        offset: where the number of the items before the page goes, such as `query.offset`, from 0;
            with `size`.
        total: path of how many items there are, with `offset`.
        size: how many items a full page has; fewer are the last, unless `total` says otherwise.
        link: whether the header `Link` names the next page (RFC 8288).
        max_pages: how many are read at most.
        until: stop at items older than the call.
    """

    cursor: Path | None = None
    more: Path | None = None
    token: Path | None = None
    into: str | None = None
    next_url: Path | None = None
    number: str | None = None
    offset: str | None = None
    total: Path | None = None
    size: Annotated[int, Field(ge=1, le=1000)] | None = None
    link: bool = False
    max_pages: Annotated[int, Field(ge=1, le=MAX_PAGES)] = 2
    until: Until | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Pagination:
        counted = [self.number, self.offset]
        ways = [self.cursor, self.token, self.next_url, *counted, self.link or None]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give exactly one of cursor, token, next_url, number, offset, link")
        if (self.token is None) != (self.into is None):
            raise ValueError("`token` and `into` go together")
        if all(way is None for way in counted) != (self.size is None):
            raise ValueError("`number` or `offset`, and `size` go together")
        if self.total is not None and self.offset is None:
            raise ValueError("`total` goes with `offset`")
        if self.cursor is not None and self.more is None:
            raise ValueError("`cursor` needs `more`")
        return self


class RequestTable(ManifestTable):
    """What every request may have.

    Attributes:
        query: parameters of the address; for GraphQL the document itself, as a text.
        header, json, form, variables, arguments: templates; `json` and `form` are bodies,
            `variables` GraphQL's, `arguments` an MCP tool's.
    """

    query: str | Names | None = None
    header: dict[str, str] = Field(default_factory=dict)
    json_: Names | None = Field(default=None, alias="json")
    form: Names | None = None
    variables: Names = Field(default_factory=dict)
    arguments: Names = Field(default_factory=dict)
    tool: str | None = None

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """Of the address."""
        return self.query if isinstance(self.query, dict) else {}


class Read(RequestTable):
    """A request that changes nothing: exactly one of `get`, `post`, `query` as a text, `tool`.

    Attributes:
        get, post: a path, or a whole address of an allowed host.
        post_read: why a `post` changes nothing; needed with it.
        root: path of what is meant in the answer; null there is `unknown_object`.
        page: how it goes on.
    """

    get: str | None = None
    post: str | None = None
    post_read: str | None = None
    root: Path | None = None
    page: Pagination | None = None

    @model_validator(mode="after")
    def _one_request(self) -> Read:
        document = self.query if isinstance(self.query, str) else None
        ways = [self.get, self.post, document, self.tool]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give exactly one of get, post, query (a GraphQL text), tool")
        if (self.post is None) != (self.post_read is None):
            raise ValueError("a `post` that reads says why it changes nothing in `post_read`")
        if self.json_ is not None and self.form is not None:
            raise ValueError("a body is either `json` or `form`")
        return self
