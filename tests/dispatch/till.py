"""A provider in a folder, shared by the processes of a test; its connector is `till.refund`.

Each effect is a line of `effects`, each call a line of `calls`. A file `hold` with `before` or
`after` in it keeps the next call there, until the file is gone; `held` then has its process.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from sayso import Absence, Args, Call, Receipt, Resolved, Subject, idempotent
from sayso.connectors.define import OwnConnector, action

FOLDER = Path(__file__).parent.parent / "till"


class RefundArgs(Args):
    """How much."""

    cents: Annotated[int, Field(gt=0, description="how much")]


class Till(OwnConnector):
    """Pays back."""

    name = "till"

    @action(
        summary="Pay back",
        sentence="Pay back {cents}",
        guarantee=idempotent(hours=24, settle_after_s=0),
        facts={"cents": "long"},
    )
    async def refund(self, args: RefundArgs, subject: Subject) -> Resolved:
        """Read what is needed; change nothing."""
        facts = {"cents": args.cents}
        return self.resolved(
            args, subject, kind="member", account="till", payee="them", facts=facts
        )

    @refund.calls
    async def pay(self, call: Call) -> Receipt:
        """Once per key."""
        _line("calls", f"{call.idempotency_key} {os.getpid()}")
        await _held("before")
        try:
            (FOLDER / call.idempotency_key).touch(exist_ok=False)
            _line("effects", f"{call.action_id} {os.getpid()}")
        except FileExistsError:
            pass
        await _held("after")
        return Receipt(id=call.action_id, status="paid")

    @refund.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """By the key."""
        if (FOLDER / call.idempotency_key).exists():
            return Receipt(id=call.action_id, status="paid")
        return Absence.ABSENT


def _line(name: str, line: str) -> None:
    with (FOLDER / name).open("a") as file:
        file.write(f"{line}\n")


async def _held(where: str) -> None:
    hold = FOLDER / "hold"
    try:
        if hold.read_text() != where:
            return
    except FileNotFoundError:
        return
    (FOLDER / "held").write_text(str(os.getpid()))
    while hold.exists():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()


CONNECTORS = [Till()]
