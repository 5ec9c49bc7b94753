"""A whole support bot over HTTP, in any language: it asks back, waits, and tells the truth.

    sayso serve --workspace shop
    SAYSO_TOKEN=csk_… python examples/bot_http.py http://127.0.0.1:8390 cus_demo_ana

`sayso token create --service bot --workspace shop` makes the token. Type what a customer would
write. Where a person has to agree, that is you: open the console, or `sayso approvals list`.
"""

import os
import secrets
import sys
from typing import Any

import httpx

ON_ITS_WAY = {"received", "acting"}


def ask(sayso: httpx.Client, customer: str, words: str, thread: str) -> dict[str, Any]:
    """Hand over what the customer wrote; sent again with the same key, it is one request."""
    answer = sayso.post(
        "/v1/requests?wait=30",
        headers={"Idempotency-Key": secrets.token_hex(16)},
        json={
            "subject": {"id": customer, "assurance": "signed_in"},
            "messages": [{"role": "customer", "content": words}],
            "conversation": thread,
        },
    )
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def main(url: str, customer: str) -> None:
    """Each line is what the customer writes; your own login has told you who they are."""
    headers = {"Authorization": f"Bearer {os.environ['SAYSO_TOKEN']}"}
    thread = secrets.token_hex(8)  # your id of this conversation
    with httpx.Client(base_url=url, headers=headers, timeout=90) as sayso:
        while words := sys.stdin.readline().strip():
            request = ask(sayso, customer, words, thread)
            print(request["reply"], flush=True)  # a question to them, or what is true by now
            while request["status"] in ON_ITS_WAY:  # as long as a person takes
                told = request["reply"]
                request = sayso.get(f"/v1/requests/{request['id']}?wait=60").json()
                if request["reply"] != told:
                    print(request["reply"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
