"""A desk of your own over HTTP: your chat tells what is written, and shows what Sayso says.

    sayso serve --workspace shop          # with `[desk.chat]` and `connector = "thread"`
    SAYSO_TOKEN=csk_… python examples/own_desk.py http://127.0.0.1:8390 cus_demo_ana

`sayso token create --service bot --workspace shop` makes the token. Type what a customer would
write; with `colleague:` before it, a colleague has written, and Sayso is silent from then on.
"""

import os
import secrets
import sys
import time

import httpx


def tell(sayso: httpx.Client, thread: str, customer: str, line: str, key: str) -> None:
    """Tell what somebody wrote; sent again with the same key, it is the same message."""
    body: dict[str, object] = {"author": "colleague"}
    if not line.startswith("colleague:"):
        # Your own login has told you who they are.
        subject = {"id": customer, "assurance": "signed_in"}
        body = {"author": "customer", "subject": subject, "text": line}
    path = f"/v1/threads/chat/{thread}/messages"
    sayso.post(path, json=body, headers={"Idempotency-Key": key}).raise_for_status()


def read(sayso: httpx.Client, thread: str, shown: set[str]) -> list[str]:
    """What was said to the customer since the last look, each once."""
    answer = sayso.get(f"/v1/threads/chat/{thread}").raise_for_status().json()
    new = [one for one in answer["said"] if one["action_id"] not in shown]
    shown.update(one["action_id"] for one in new)
    return [one["text"] for one in new if one["kind"] == "reply"]


def main(url: str, customer: str) -> None:
    """Look every second; a webhook of `action.succeeded` tells you when there is something."""
    headers = {"Authorization": f"Bearer {os.environ['SAYSO_TOKEN']}"}
    thread, shown = secrets.token_hex(8), set[str]()  # your id of the conversation
    with httpx.Client(base_url=url, headers=headers, timeout=30) as sayso:
        while line := sys.stdin.readline().strip():
            tell(sayso, thread, customer, line, secrets.token_hex(16))
            for _ in range(10):
                time.sleep(1)
                for text in read(sayso, thread, shown):
                    print(text, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
