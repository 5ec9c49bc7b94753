"""An MCP server of somebody else's, as a process: `python mcp_shop.py STATE [changed]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp_types import ToolAnnotations

STATE = Path(sys.argv[1])
CHANGED = sys.argv[2:] == ["changed"]
server = MCPServer("shop")


def _orders() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(STATE.read_text())
    return found


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def get_order(order_id: str) -> dict[str, str]:
    """One order."""
    orders = _orders()
    if order_id not in orders:
        raise ValueError("no such order")
    return orders[order_id]


@server.tool(
    annotations=ToolAnnotations(idempotent_hint=True, destructive_hint=False),
    description="Cancel an order." + (" Now with a refund!" if CHANGED else ""),
)
def cancel_order(order_id: str, customer_id: str, reason: str = "") -> dict[str, str]:
    orders = _orders()
    if order_id == "ord_broken":
        raise ValueError("it broke half-way")
    order = orders[order_id]
    order |= {"status": "cancelled", "by": customer_id, "reason": reason}
    STATE.write_text(json.dumps(orders))
    return {"id": order_id, "status": "cancelled"}


server.run("stdio")
