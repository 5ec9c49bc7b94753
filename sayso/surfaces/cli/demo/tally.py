"""What the demo adds up: how the messages ended, and whether the provider's books agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Effect
from sayso.errors import Code, SaysoError
from sayso.money import Money
from sayso.sandbox import Books
from sayso.sandbox import JournalEffect as BookedEffect
from sayso.sdk.client import Sayso
from sayso.sdk.resources.base import MAX_PAGE
from sayso.sdk.views.rows import ActionView, RequestView
from sayso.surfaces.cli.demo.answers import DemoAnswer
from sayso.surfaces.cli.demo.messages import CustomerMessage, why_refused

if TYPE_CHECKING:
    from sayso.audit.verifier.verification import Verification

ENDS = (
    *("done", "declined", "refused", "waiting", "asked back", "answered", "handed over"),
    "failed",
)
"""How a message can end; each ends in one way, the first below that fits one of its steps."""

_CANCELS = frozenset({"cancel", "cancel_at_period_end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTally:
    """One message from the words to the reply.

    Attributes:
        request: as it stands at the end; None when the message was not even taken.
        refused: why it was not taken; None when it was.
        handed_over: why a person has to take it.
        answers: what was said to its cards, in order.
    """

    message: CustomerMessage
    request: RequestView | None
    refused: SaysoError | None = None
    handed_over: str = ""
    answers: tuple[DemoAnswer, ...] = ()

    @property
    def bad_input(self) -> str:
        """The code of what is wrong with the message itself, whatever a policy says; else empty."""
        if self.refused is not None:
            return self.refused.code.value
        error = None if self.request is None else self.request.error
        return error.code if error is not None and error.code == Code.UNKNOWN_SUBJECT else ""

    @property
    def end(self) -> str:
        """How it ended; one of `ENDS`."""
        if self.request is None:
            return "refused"
        if self.request.status == "handed_over":
            return "handed over"
        if self.request.question is not None:
            return "asked back"
        if not self.request.actions:
            return "answered"
        states = {action.status for action in self.request.actions}
        if states & {"failed", "unknown", "stale", "planned", "executing", "accepted"}:
            return "failed"
        if "pending_approval" in states:
            return "waiting"
        if "refused" in states:
            return "refused"
        return "declined" if states & {"rejected", "expired", "withdrawn"} else "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksComparison:
    """The provider's own books beside the ledger; minor units by currency.

    Attributes:
        differences: what only one of them knows, or knows otherwise; empty when they agree.
    """

    provider_out: Mapping[str, int]
    ledger_out: Mapping[str, int]
    provider_credit: Mapping[str, int]
    ledger_credit: Mapping[str, int]
    effects: int
    differences: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether they agree to the cent and to the last effect."""
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The whole demo, added up.

    Attributes:
        seconds: from the first message to the last reply.
    """

    told: tuple[MessageTally, ...]
    books: BooksComparison
    log: Verification
    seconds: float

    @property
    def ends(self) -> Counter[str]:
        """How many messages ended how."""
        return Counter(told.end for told in self.told)

    @property
    def tokens(self) -> int:
        """Model tokens that planning took."""
        return sum(told.request.tokens for told in self.told if told.request)

    @property
    def cost_micro_usd(self) -> int:
        """What planning cost, in millionths of a US dollar."""
        return sum(told.request.cost_micro_usd for told in self.told if told.request)

    @property
    def bad_inputs(self) -> list[tuple[int, str]]:
        """The number of each message that is wrong in itself, from 1, with its code."""
        numbered = enumerate(self.told, start=1)
        return [(number, told.bad_input) for number, told in numbered if told.bad_input]

    @property
    def ok(self) -> bool:
        """Whether the log verifies and the books agree."""
        return self.log.exit_status == 0 and self.books.agree


async def every_action(sayso: Sayso) -> list[ActionView]:
    """All actions of the workspace."""
    found: list[ActionView] = []
    after: str | None = None
    while page := await sayso.actions.list(limit=MAX_PAGE, after=after):
        found += page
        after = page[-1].id
    return found


async def compare_books(sayso: Sayso, books: Books) -> BooksComparison:
    """Compare every effect that the provider booked with every one that the ledger holds."""
    done = [one for one in await every_action(sayso) if one.status == "succeeded"]
    effect_of = {
        one.name: Effect(one.effect)
        for one in (await sayso.actions.types()).items
        if one.name.startswith("stripe.")
    }
    ledger: dict[str, Money | None] = {}
    out: Counter[str] = Counter()
    credit: Counter[str] = Counter()
    for one in done:
        effect = effect_of.get(one.action)
        if effect is None or one.receipt is None:
            continue
        ledger[one.receipt.id] = one.receipt.amount
        if one.receipt.amount is not None and effect in {Effect.MONEY_OUT, Effect.CREDIT}:
            sums = out if effect is Effect.MONEY_OUT else credit
            sums[one.receipt.amount.currency] += one.receipt.amount.amount_minor
    booked = {effect.id: _money(effect) for effect in books.effects}
    return BooksComparison(
        provider_out=_upper(books.money_out),
        ledger_out=dict(out),
        provider_credit=_upper(books.credits),
        ledger_credit=dict(credit),
        effects=len(books.effects),
        differences=(
            *_differences(booked, ledger),
            *_sums("refunded", _upper(books.money_out), out),
            *_sums("credited", _upper(books.credits), credit),
        ),
    )


def _money(effect: BookedEffect) -> Money | None:
    if not effect.currency or effect.kind in _CANCELS:
        return None
    return Money(effect.amount, effect.currency.upper())


def _upper(sums: Mapping[str, int]) -> dict[str, int]:
    return {currency.upper(): amount for currency, amount in sums.items()}


def _differences(
    booked: Mapping[str, Money | None], ledger: Mapping[str, Money | None]
) -> Iterable[str]:
    for key in sorted(booked.keys() | ledger.keys()):
        if key not in ledger:
            yield f"the provider did {key} and the ledger knows nothing of it"
        elif key not in booked:
            yield f"the ledger holds {key} and the provider knows nothing of it"
        elif booked[key] != ledger[key]:
            yield f"{key} is {booked[key]} at the provider and {ledger[key]} in the ledger"


def _sums(what: str, provider: Mapping[str, int], ledger: Mapping[str, int]) -> Iterable[str]:
    for currency in sorted(provider.keys() | ledger.keys()):
        theirs, ours = provider.get(currency, 0), ledger.get(currency, 0)
        if theirs != ours:
            yield (
                f"the provider {what} {Money(theirs, currency)}, "
                f"the ledger holds {Money(ours, currency)}"
            )


def tally_json(tally: Tally, names: Mapping[str, str]) -> dict[str, object]:
    """The one document of `sayso demo --json`."""
    books = tally.books
    return {
        "messages": [_told_json(told, names) for told in tally.told],
        "summary": {
            "asked": len(tally.told),
            **{end.replace(" ", "_"): tally.ends[end] for end in ENDS},
            "money_out": _money_list(books.ledger_out),
            "credited": _money_list(books.ledger_credit),
            "tokens": tally.tokens,
            "cost_micro_usd": tally.cost_micro_usd,
            "seconds": round(tally.seconds, 3),
        },
        "log": tally.log.to_json(),
        "books": {
            "agree": books.agree,
            "effects": books.effects,
            "provider": {
                "money_out": _money_list(books.provider_out),
                "credited": _money_list(books.provider_credit),
            },
            "differences": list(books.differences),
        },
        "ok": tally.ok,
    }


def _told_json(told: MessageTally, names: Mapping[str, str]) -> dict[str, object]:
    return {
        "subject": told.message.subject,
        "customer": names.get(told.message.subject),
        "text": told.message.text,
        "replies": list(told.message.answers),
        "end": told.end,
        "refused": None if told.refused is None else why_refused(told.refused),
        "handed_over": told.handed_over or None,
        "answers": [
            {"choice": one.choice, "words": one.words, "error": one.error or None}
            for one in told.answers
        ],
        "request": told.request,
    }


def _money_list(sums: Mapping[str, int]) -> list[dict[str, int | str]]:
    return [Money(amount, currency).to_json() for currency, amount in sorted(sums.items())]
