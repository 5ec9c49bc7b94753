"""Resources: how the actions and requests of a customer stand, as documents that a host reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from sayso.errors import RefusedError
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.look_ups import LookUps
from sayso.sdk.tools.tool import Caller

_JSON = "application/json"
_URI = re.compile(r"sayso://(?:actions/(act_[0-9a-z]{1,40})|requests/(req_[0-9a-z]{1,40}))")

Context = ServerRequestContext[Any, Any]
Reader = Callable[[Context], tuple[Caller, frozenset[Scope]]]


def serve_resources(server: Server[Any], look_ups: LookUps, reader: Reader) -> None:
    """Answer `resources/list`, `resources/templates/list` and `resources/read`."""

    async def list_resources(
        context: Context, params: PaginatedRequestParams
    ) -> ListResourcesResult:
        caller, scopes = reader(context)
        found = await look_ups.open_actions(caller) if Scope.READ in scopes else []
        return ListResourcesResult(
            resources=[
                Resource(
                    uri=f"sayso://actions/{one['id']}",
                    name=str(one["id"]),
                    title=str(one["action"]),
                    description=f"an action of this customer that has not ended: {one['status']}",
                    mime_type=_JSON,
                )
                for one in found
            ]
        )

    async def list_templates(
        context: Context, params: PaginatedRequestParams
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(
            resource_templates=[
                ResourceTemplate(
                    uri_template=f"sayso://{kind}s/{{id}}",
                    name=kind,
                    description=f"how {article} {kind} of this customer stands",
                    mime_type=_JSON,
                )
                for article, kind in (("an", "action"), ("a", "request"))
            ]
        )

    async def read_resource(
        context: Context, params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        caller, scopes = reader(context)
        uri = str(params.uri)
        match = _URI.fullmatch(uri)
        if match is not None and Scope.READ in scopes:
            try:
                standing = await look_ups.standing(match[1] or match[2], caller)
            except RefusedError:  # none, or of another customer: both read the same
                pass
            else:
                text = standing.answer.text
                return ReadResourceResult(
                    contents=[TextResourceContents(uri=params.uri, mime_type=_JSON, text=text)]
                )
        raise MCPError(INVALID_PARAMS, "this customer has no such resource", {"uri": uri[:200]})

    server.add_request_handler("resources/list", PaginatedRequestParams, list_resources)
    server.add_request_handler("resources/templates/list", PaginatedRequestParams, list_templates)
    server.add_request_handler("resources/read", ReadResourceRequestParams, read_resource)
