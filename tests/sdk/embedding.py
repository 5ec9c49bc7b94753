"""A program that logs everything, with Sayso inside it: `python embedding.py FOLDER`.

For `test_embedding.py`. Whatever it reaches repeats what it was sent. It prints what the program
around Sayso would see: answers, errors and spans; its log goes to standard error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

logging.basicConfig(level=logging.DEBUG)  # before anything else, as such programs do
for library in ("httpx", "httpcore", "stripe", "slack_sdk", "slack_bolt", "openai", "authlib"):
    logging.getLogger(library)  # they exist, and nobody has set their level

from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)

from sayso.audit.entry import Actor, ActorKind  # noqa: E402
from sayso.errors import SaysoError  # noqa: E402
from sayso.json import JsonObject  # noqa: E402
from sayso.sdk.client import Sayso  # noqa: E402
from sayso.sdk.resources.tokens import Scope  # noqa: E402
from sayso.sdk.webhooks.sender import DeliveryPace, WebhookSender  # noqa: E402
from sayso.sdk.workspace import Workspace  # noqa: E402
from sayso.surfaces.slack import create_slack_app  # noqa: E402
from sayso.telemetry import Telemetry  # noqa: E402

ANA, BEN, LENA = "cus_demo_ana", "cus_demo_ben", "cus_demo_lena"
OPERATOR = Actor(kind=ActorKind.SYSTEM, id="program")
FAST = DeliveryPace(timeout_s=1.0, lease_s=4.0, item_pauses_s=(0.1,), longest_pause_s=0.1)


def say(*words: object) -> None:
    """What the program shows of it."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


async def attempt(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do it, and print whatever comes of it."""
    try:
        say(what, repr(await work()))
    except SaysoError as error:
        say(what, f"{error!r} {error} {error.next_step} {error.detail}")
        say("".join(traceback.format_exception(error)))


async def live(sayso: Sayso, hook: str) -> None:
    """Everything that has a secret is used, and is answered with it."""
    made = await sayso.webhooks.add(hook)
    assert made.secret
    _, token = await sayso.tokens.create(
        sayso.tenant, "person", "maria", frozenset({Scope.DECIDE}), days=1, by=OPERATOR
    )
    (Path(sys.argv[1]) / "made.txt").write_text(f"{made.secret}\n{token}")
    say("webhook", made.model_copy(update={"secret": None}))
    for minor, charge, who in ((600, "ch_demo_lena_1", LENA), (10_000, "ch_demo_ben_1", BEN)):
        args: JsonObject = {"charge": charge, "amount": {"amount_minor": minor, "currency": "USD"}}
        await attempt("refund", partial(sayso.propose, "stripe.refund", args, subject=who))
    card = (await sayso.approvals.list(status="pending"))[0]
    decide = partial(sayso.approvals.decide, card.id, "approve", token=token)
    await attempt("yes", partial(decide, revision=card.revision, digest=card.digest))
    letter = {"title": "Sorry", "body": "We are sorry."}
    await attempt("mail", lambda: sayso.propose("email.send", letter, subject=ANA))
    note = {"ticket": "7", "text": "a note"}
    await attempt("note", lambda: sayso.propose("freshdesk.note", note, subject="freshdesk:4711"))
    await attempt("ask", lambda: sayso.ask(ANA, "please have somebody repaint my fence", wait_s=5))
    connections = sayso.container.connections
    assert connections is not None
    await attempt("token", lambda: connections.bearer("mail"))
    app = create_slack_app(sayso)
    for _ in range(3):
        await attempt("slack", app.notifier.step)
    await app.__aexit__()
    sender = asyncio.create_task(WebhookSender(sayso.container, sayso.workspace, FAST).run())
    await asyncio.wait([sender], timeout=2)
    sender.cancel()
    await asyncio.wait([sender])
    for view in await sayso.actions.list(limit=50):
        say((await sayso.actions.get(view.id)).model_dump_json())
    say(repr(sayso.workspace.settings), await sayso.webhooks.list())


async def main() -> None:
    """Open it, live in it, print the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    workspace = Workspace.load(Path(sys.argv[1]), os.environ)
    async with Sayso(workspace, mode="run", telemetry=Telemetry(provider)) as sayso:
        await live(sayso, sys.argv[2])
    for span in exporter.get_finished_spans():
        say("span", span.to_json())
    logging.getLogger("program").debug("the end")


asyncio.run(main())
