"""A whole support bot with a model in LangGraph: its graph pauses until a person has decided.

    python examples/bot_langgraph.py shop cus_demo_ana openai:gpt-5

Needs `uv sync --inexact --extra openai`, or another provider of LangChain's. Type what a customer
would write. Where a person has to agree, that is you: `sayso approvals list --workspace shop`.
"""

# pyright: basic
import asyncio
import sys
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from sayso import Sayso, langchain_tools

PROMPT = (
    "You help one customer, whom the tools know already. Hand over what they want by `ask`, in "
    "their own words; put a `question` to them word for word, and hand over what they say by "
    "`answer`. Say that something is done only where a tool answers `succeeded`, and else what "
    "`tell_customer` says."
)


async def converse(sayso: Sayso, customer: str, model: BaseChatModel) -> None:
    """Each line is what the customer writes; your own login has told you who they are."""
    tools = langchain_tools(sayso, customer, conversation="thread-1", pause=True)
    agent = create_agent(model, tools, system_prompt=PROMPT, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "thread-1"}}
    while words := (await asyncio.to_thread(sys.stdin.readline)).strip():
        out = await agent.ainvoke({"messages": [{"role": "user", "content": words}]}, thread)
        while stopped := out.get("__interrupt__"):  # a person is asked: tell, wait, go on
            print(stopped[0].value["tell_customer"], flush=True)
            async for _ in sayso.follow(stopped[0].value["id"]):
                pass  # each step of it, until it has ended; in earnest, a webhook wakes you
            out = await agent.ainvoke(Command(resume=True), thread)
        print(out["messages"][-1].text, flush=True)


async def main(workspace: str, customer: str, model: str) -> None:
    """Talk until the input ends."""
    async with Sayso.open(workspace) as sayso:
        await converse(sayso, customer, init_chat_model(model))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
