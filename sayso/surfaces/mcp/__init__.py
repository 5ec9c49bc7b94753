"""The MCP server: a workspace's actions as gated tools, over stdio and streamable HTTP.

Importing this imports the package `mcp` (the extra `mcp`). docs/how-to/use-mcp.md
shows it in use.
"""

from __future__ import annotations

from sayso.surfaces.mcp.app import McpApp, create_mcp_app, metadata_routes, serve_http
from sayso.surfaces.mcp.server import serve_stdio

__all__ = ["McpApp", "create_mcp_app", "metadata_routes", "serve_http", "serve_stdio"]
