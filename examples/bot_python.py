"""A whole support bot in Python: it asks back, has things done, waits, and tells the truth.

    python examples/bot_python.py shop cus_demo_ana

Type what a customer would write. Where a person has to agree, that is you, in another terminal:
`sayso approvals list --workspace shop`, then `sayso approvals approve apr_…`.
"""

import asyncio
import secrets
import sys

from sayso import Sayso

ON_ITS_WAY = {"received", "acting"}


async def converse(sayso: Sayso, customer: str) -> None:
    """Each line is what the customer writes; your own login has told you who they are."""
    thread = secrets.token_hex(8)  # your id of this conversation
    while words := (await asyncio.to_thread(sys.stdin.readline)).strip():
        request = await sayso.ask(customer, words, conversation=thread)
        print(request.reply, flush=True)  # a question to them, or what is true by now
        while request.status in ON_ITS_WAY:  # as long as a person takes
            told = request.reply
            request = await sayso.requests.wait(request.id, 60)
            if request.reply != told:
                print(request.reply, flush=True)


async def main(workspace: str, customer: str) -> None:
    """Talk until the input ends."""
    async with Sayso.open(workspace) as sayso:
        await converse(sayso, customer)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
