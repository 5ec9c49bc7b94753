"""What a team writes from the docs alone; `test_typed_program.py` has both checkers judge it.

It is never run. Every name comes from `sayso`, since that is where a reader looks first.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI
from pydantic import Field

from sayso import (
    Absence,
    ActionView,
    ApprovalView,
    Args,
    Assurance,
    Call,
    Code,
    ConfigError,
    DecisionView,
    Effect,
    EntryView,
    ErrorView,
    EventView,
    JsonValue,
    Message,
    Money,
    OutcomeUnknownError,
    OwnConnector,
    QuestionView,
    Receipt,
    ReceiptView,
    RefusedError,
    RequestView,
    Resolved,
    RetryableError,
    Sayso,
    SaysoError,
    SolutionView,
    StopView,
    Subject,
    SyncSayso,
    WorkView,
    action,
    at_most_once,
    create_app,
    open_site,
    verifiable,
)

log = logging.getLogger("shop")


class GrantArgs(Args):
    """How many points."""

    points: Annotated[int, Field(gt=0, le=1000)]
    note: str = ""


class Loyalty(OwnConnector):
    """Gives points to members."""

    name = "loyalty"
    customers_of = "stripe"

    def __init__(self, members: set[str]) -> None:
        super().__init__()
        self.members = members
        self.granted: dict[str, int] = {}

    @action(
        summary="Give points",
        guarantee=verifiable(settle_after_s=60),
        effect=Effect.CREDIT,
        facts={"points": "long"},
    )
    async def grant(self, args: GrantArgs, subject: Subject) -> Resolved:
        """Read, and change nothing."""
        if subject.id not in self.members:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such member", next_step="join")
        facts = {"points": args.points}
        return self.resolved(args, subject, kind="member", account="us", payee="them", facts=facts)

    @grant.calls
    async def give(self, call: Call) -> Receipt:
        """Do it, with our reference on it."""
        self.granted[call.action_id] = int(call.resolved.fields["points"])
        return Receipt(id=call.action_id, status="granted", amount=Money(500, "USD"))

    @grant.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find it again by our reference."""
        if call.action_id in self.granted:
            return Receipt(id=call.action_id, status="granted")
        return Absence.ABSENT

    @action(summary="Take points", guarantee=at_most_once())
    async def take(self, args: GrantArgs, subject: Subject) -> Resolved:
        """Read, and change nothing."""
        return self.resolved(args, subject, kind="member", account="us", payee="them")

    @take.calls
    async def took(self, call: Call) -> Receipt:
        """Do it."""
        return Receipt(id=call.action_id, status="taken")


def tell(request: RequestView) -> str:
    """What the customer is shown."""
    question: QuestionView | None = request.question
    if question is not None:
        return " / ".join(choice.label for choice in question.choices) or question.text
    error: ErrorView | None = request.error
    return request.reply if error is None else f"{request.reply} ({error.code})"


def show(found: ActionView) -> str:
    """An action in a line."""
    decision: DecisionView | None = found.decision
    receipt: ReceiptView | None = found.receipt
    amount: Money | None = receipt.amount if receipt else found.amount
    why = decision.reason if decision else ""
    return f"{found.id} {found.status} {amount.amount_minor if amount else 0} {why}"


async def refund(sayso: Sayso, customer: str, args: Mapping[str, JsonValue]) -> ActionView | None:
    """Propose, with each kind of error by its name."""
    subject = Subject(id=customer, assurance=Assurance.SIGNED_IN)
    try:
        return await sayso.propose("stripe.refund", args, subject=subject, idempotency_key="k-1")
    except RefusedError as error:
        log.info(error.next_step if error.code is Code.FORBIDDEN else error.message)
    except RetryableError as error:
        log.info(error.code.value)
    except OutcomeUnknownError:
        return None
    except ConfigError as error:
        log.info(error.detail)
    except SaysoError as error:
        log.info(str(error))
    return None


async def decide(sayso: Sayso, token: str) -> list[ActionView]:
    """Say yes to what waits."""
    waiting: list[ApprovalView] = await sayso.approvals.list(status="pending", limit=10)
    return [
        await sayso.approvals.decide(
            one.id, "approve", token=token, revision=one.revision, digest=one.digest
        )
        for one in waiting
    ]


async def converse(sayso: Sayso, customer: str) -> None:
    """Ask, follow, and look things up."""
    thread = [Message(role="customer", content="Refund order 1042, please")]
    request: RequestView = await sayso.ask(customer, thread, conversation="t-1", wait_s=5)
    changes: AsyncIterator[EventView] = sayso.follow(request.id)
    async for change in changes:
        log.info("%d %s %s", change.seq, change.kind, change.status)
    actions: list[ActionView] = await sayso.actions.list(status="succeeded")
    entries: list[EntryView] = await sayso.audit.query("kind:action.succeeded", verified=True)
    work: list[WorkView] = await sayso.work.list()
    cards: tuple[SolutionView, ...] = (await sayso.solutions.waiting()).items
    stops: list[StopView] = await sayso.stops.list()
    log.info("%s %s %s", tell(request), [show(one) for one in actions], entries[0].proof)
    log.info("%d", len(work) + len(cards) + len(stops))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Mount the API, or the console with it, while the workspace is open."""
    async with Sayso.open("shop", connectors=[Loyalty({"ana"})]) as sayso, open_site(sayso) as site:
        app.mount("/api", create_app(sayso))
        app.mount("/sayso", site)
        await converse(sayso, "cus_ana")
        yield


def blocking() -> str:
    """The same without `async`."""
    with SyncSayso.open("shop", mode="decide") as sayso:
        waiting: list[ApprovalView] = sayso.approvals.list()
        entries: list[EntryView] = sayso.audit.query("kind:action.succeeded")
        for event in sayso.follow("req_1"):
            log.info("%s %d", event.status, len(waiting) + len(entries))
        return sayso.ask("cus_ana", "hello").reply


app = FastAPI(lifespan=lifespan)

if __name__ == "__main__":
    asyncio.run(asyncio.to_thread(blocking))
