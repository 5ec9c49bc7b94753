"""A whole support bot over MCP, with the official client: it asks back, waits, tells the truth.

    python examples/bot_mcp.py shop cus_demo_ana

Needs `uv sync --inexact --extra mcp`. Type what a customer would write. Where a person has to
agree, that is you, in another terminal: `sayso approvals list --workspace shop`, then
`sayso approvals approve apr_…`. A bot with a model gives it the same tools; this one needs none.
"""

import asyncio
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters

ON_ITS_WAY = {"received", "acting"}


async def call(client: Client, tool: str, **args: object) -> dict[str, Any]:
    """Call a tool; a refusal is told like an answer."""
    answer = await client.call_tool(tool, args)
    content: dict[str, Any] = answer.structured_content or {}
    return content


async def converse(client: Client) -> None:
    """Each line is what the customer writes; the server knows who they are."""
    asked: dict[str, Any] = {}
    while words := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if question := asked.get("question"):
            told = {"id": asked["id"], "question": question["number"], "message": words}
            asked = await call(client, "answer", **told)
        else:
            asked = await call(client, "ask", message=words)
        if "error" in asked:
            raise SystemExit(str(asked["error"]))
        print(asked["tell_customer"], flush=True)  # a question to them, or what is true by now
        first = asked["tell_customer"]
        while asked["status"] in ON_ITS_WAY:  # as long as a person takes
            asked = await call(client, "get_request", id=asked["id"], wait_s=60)
        if asked["tell_customer"] != first:
            print(asked["tell_customer"], flush=True)


async def main(workspace: str, customer: str) -> None:
    """Start the server for this customer, and talk until the input ends."""
    words = ["-m", "sayso", "mcp", "--workspace", workspace, "--subject", customer]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    async with Client(server) as client:
        await converse(client)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
