"""What a connector promises about one effect, and what that promise is worth for money.

A promise is worth what was proven at the provider. The rules for money stand in `effective` alone:

| the provider | worth |
|---|---|
| has somebody else pay (`record="after"`, or nothing is said) | at most once |
| holds the money itself, key and look-up claimed | idempotent; once more under the same key |
| holds the money itself, proven at an account of it | as declared; once more at most |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, assert_never

Record = Literal["with", "after"]
MONEY_REPEATS = 1
"""How often a payment is repeated without a person, all in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """How a connector keeps one approved action at one effect, best first.

    Attributes:
        kind: `idempotent`: the provider drops a repeated key for `retention_s` seconds;
            `verifiable`: our reference can be looked up before any new try;
            `at_most_once`: neither, so a lost answer is left to a person.
        retention_s: seconds for which the provider surely remembers a key; only for `idempotent`.
        settle_after_s: seconds after which a look-up that finds nothing proves that nothing was
            done; None when a look-up never proves it.
        record: when the provider writes down what a look-up finds: `with`: it holds the money
            itself, so the record is the effect; `after`: it has somebody else pay, and writes its
            record then, or never. None: nobody says, which counts as `after` for money.
        source: the provider's page that says so; `with` counts for nothing without one.
        keyed: whether the call carries a key at all. proven: the day (`2026-11-29`) on which key
            and look-up were tried at an account of the provider; empty where they are claimed.
        shown_after_s: seconds after which an effect shows, as a rule; no proof of anything.
        repeats: how often the call may be repeated without a person; None: as long as it does no
            harm.
    """

    kind: Literal["idempotent", "verifiable", "at_most_once"]
    retention_s: int | None = None
    settle_after_s: int | None = None
    record: Record | None = None
    source: str = ""
    keyed: bool = False
    proven: str = ""
    shown_after_s: int | None = None
    repeats: int | None = None

    @property
    def sentence(self) -> str:
        """The guarantee as the approver reads it."""
        seen = f"proven on {self.proven}" if self.proven else "claimed"
        match self.kind:
            case "idempotent":
                kept = _duration(self.retention_s or 0)
                return f"done once (idempotent, {kept}, {seen}): the provider drops a repeated call"
            case "verifiable":
                return (
                    f"done once (verifiable, {seen}): looked up at the provider before any second"
                    " try"
                )
            case "at_most_once":
                return "tried once (at most once): if the answer is lost, a person has to look"
            case _:
                assert_never(self.kind)


def effective(declared: Guarantee, *, money: bool) -> Guarantee:
    """What a declared guarantee is worth; done twice, it changes nothing.

    INVARIANT: an empty look-up proves that nobody was paid only where the record and the payment
    are one, and somebody has seen so. Whoever pays first and writes afterwards can have paid and
    hold nothing, for ever. And what was repeated once is not repeated again, since a provider that
    answers a payment with an error twice does something that nobody has foreseen.
    """
    if not money:
        return declared
    shown = declared.settle_after_s if declared.settle_after_s is not None else None
    shown = shown if shown is not None else declared.shown_after_s
    looked_up = shown is not None
    held = declared.record == "with" and declared.source != ""
    keyed = declared.keyed or declared.kind == "idempotent"
    known = replace(declared, keyed=keyed, shown_after_s=shown, repeats=MONEY_REPEATS)
    if held and keyed and declared.kind != "at_most_once":
        if declared.proven:
            return known
        if declared.kind == "idempotent" and looked_up:
            return replace(known, settle_after_s=None)
    return replace(known, kind="at_most_once", retention_s=None, settle_after_s=None, repeats=0)


def _duration(seconds: int) -> str:
    """Such as `24 h` or `30 min`, never more than it is."""
    return f"{seconds // 3600} h" if seconds >= 3600 else f"{seconds // 60} min"


def idempotent(
    *,
    hours: int = 0,
    minutes: int = 0,
    settle_after_s: int | None = None,
    record: Record | None = None,
    source: str = "",
    proven: str = "",
) -> Guarantee:
    """The provider drops a repeated key for that long; the rest is as in `Guarantee`."""
    return Guarantee(
        kind="idempotent",
        retention_s=hours * 3600 + minutes * 60,
        settle_after_s=settle_after_s,
        record=record,
        source=source,
        keyed=True,
        proven=proven,
    )


def verifiable(
    *,
    settle_after_s: int,
    record: Record | None = None,
    source: str = "",
    keyed: bool = False,
    proven: str = "",
) -> Guarantee:
    """Our reference can be looked up; an empty look-up after that time proves there is none."""
    return Guarantee(
        kind="verifiable",
        settle_after_s=settle_after_s,
        record=record,
        source=source,
        keyed=keyed,
        proven=proven,
    )


def at_most_once() -> Guarantee:
    """Neither keys nor look-ups: tried once, and a lost answer is a person's work."""
    return Guarantee(kind="at_most_once")
