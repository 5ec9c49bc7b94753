"""A LangChain agent whose tools are a workspace's actions, each behind policy, people and log.

    python examples/langchain_agent.py shop cus_demo_ana openai:gpt-5 "Please refund order 1042"

Needs `uv sync --inexact --extra openai`, or another provider of LangChain's.
"""

# pyright: basic
import asyncio
import sys

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from sayso import Sayso, langchain_tools

PROMPT = (
    "You help one customer, whom the tools know already. Say that something is done only where a "
    "tool answers `succeeded`, and else what `tell_customer` says."
)


async def answer(workspace: str, customer: str, model: BaseChatModel, words: str) -> str:
    """One turn: the customer's words, whatever the model asks for, its reply."""
    async with Sayso.open(workspace) as sayso:
        agent = create_agent(model, langchain_tools(sayso, customer), system_prompt=PROMPT)
        turns = await agent.ainvoke({"messages": [{"role": "user", "content": words}]})
        return str(turns["messages"][-1].text)


if __name__ == "__main__":
    workspace, customer, name, words = sys.argv[1:]
    print(asyncio.run(answer(workspace, customer, init_chat_model(name), words)))
