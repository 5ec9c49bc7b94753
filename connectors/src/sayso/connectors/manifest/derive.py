"""What a manifest's action is worth: its guarantee, and whether a person is always asked, with why.

Nobody writes a guarantee down. It follows from what the file says and from where that was read:

| declared | guarantee | after a lost answer |
|---|---|---|
| a key with `keeps`, `source`, a look-up | idempotent so long | looked up, then the same key |
| such a key alone | at most once, until it is proven | a person looks |
| our reference, found again | verifiable | looked up; nothing late enough: called |
| the state, for a cancellation or a change | verifiable | read again |
| nothing, or `absent_after = "never"` | at most once | a person looks |
| money at who has somebody else pay | at most once | looked up, then a person looks |
| money at who holds it, `record = "with"` | at most once, until it is proven and said | likewise |

Proven is what `sayso connector record --do-it` has seen at an account of the provider
(`sayso.connectors.manifest.proof`); everything else is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sayso.actions.model.definition import MONEY, Effect, Guarantee
from sayso.actions.model.guarantee import Record, effective
from sayso.connectors.manifest.requests import templates_of
from sayso.connectors.manifest.schema import ActionTable, LookUp, ReceiptTable, seconds_of
from sayso.connectors.manifest.template import names_in
from sayso.reading import names_in as paths_in

SHORTEST_KEY = 32
"""Characters of a key that are enough to be nobody else's."""
Name = tuple[str, ...]
_SERIOUS = MONEY | {Effect.CANCELLATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What was seen of an action at an account of the provider.

    Attributes:
        on: the day, such as `2026-11-29`; empty where nothing was.
        key: whether the same key, sent twice, had one effect.
        absent_after_s: the time from which absence counts, by when the effect showed there.
        holds_the_money: whether who recorded it has said that nobody else pays. No trial shows
            that: a shop that has somebody else pay looks the same until it loses its own record.
    """

    on: str = ""
    key: bool = False
    absent_after_s: int = 0
    holds_the_money: bool = False


UNPROVEN = Proven()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What follows from a manifest for one of its actions.

    Attributes:
        guarantee: how one approved action stays at one effect.
        reasons: why it is this one, a sentence each.
        ask: why a person is always asked, a sentence each; empty when the policy decides alone.
    """

    guarantee: Guarantee
    reasons: tuple[str, ...]
    ask: tuple[str, ...]


def derive(action: ActionTable, *, verified: bool, proven: Proven = UNPROVEN) -> Derived:
    """Derive an action's guarantee.

    Args:
        action: as the manifest has it.
        verified: whether its cases have passed against a sandbox of this very file.
        proven: what was seen of this very action at an account of the provider.
    """
    guarantee, reasons = _guarantee(action, proven)
    return Derived(
        guarantee=guarantee,
        reasons=tuple(reasons),
        ask=tuple(_ask(action, guarantee, verified=verified)),
    )


def _guarantee(action: ActionTable, proven: Proven) -> tuple[Guarantee, list[str]]:
    reasons: list[str] = []
    found_again, settle_after_s = _look_up(action, reasons, proven)
    retention_s = _retention(action, reasons)
    is_money = action.effect in MONEY
    guard = action.call.guard
    if guard is not None:
        reasons.append(
            f"the provider itself refuses a second one (HTTP {guard.refused}) by `{guard.from_}`"
        )
    known = Guarantee(
        kind="at_most_once",
        record=_record(action) if is_money else None,
        source=_source(action),
        keyed=action.call.key is not None,
        proven=proven.on,
        shown_after_s=settle_after_s,
    )
    if is_money:
        reasons.append(_held(action, proven))
    if is_money and not (proven.on and proven.holds_the_money):
        return effective(known, money=True), reasons
    if retention_s is not None and not found_again and not proven.key:
        reasons.append("the key counts for nothing until it is proven: nothing finds the first one")
        retention_s = None
    if retention_s is not None:
        worth = replace(
            known,
            kind="idempotent",
            retention_s=retention_s,
            settle_after_s=settle_after_s,
            shown_after_s=None,
        )
    elif found_again and settle_after_s is not None:
        worth = replace(known, kind="verifiable", settle_after_s=settle_after_s, shown_after_s=None)
    else:
        if not found_again:
            reasons.append("nothing drops a second call, and nothing finds the first one")
        worth = known
    return effective(worth, money=is_money), reasons


def _record(action: ActionTable) -> Record:
    return "after" if action.look_up is None else action.look_up.record


def _source(action: ActionTable) -> str:
    return (action.look_up.source or "") if action.look_up is not None else ""


def _held(action: ActionTable, proven: Proven) -> str:
    if _record(action) != "with" or not _source(action):
        return "it has somebody else pay, so what it shows proves no payment that it does not show"
    host = urlsplit(_source(action)).netloc
    if not proven.on:
        return f"it holds the money itself ({host}), which nobody has tried: claimed"
    if not proven.holds_the_money:
        return f"it was tried on {proven.on}; that it holds the money itself ({host}) is claimed"
    return f"it holds the money itself ({host}): proven on {proven.on}"


def _retention(action: ActionTable, reasons: list[str]) -> int | None:
    key = action.call.key
    if key is None:
        return None
    if key.keeps is None or key.source is None:
        reasons.append("the key is sent and counts for nothing: nobody says how long it is kept")
        return None
    if key.max is not None and key.form == "raw" and key.max < SHORTEST_KEY:
        reasons.append(f"the key counts for nothing: {key.max} characters are too few")
        return None
    host = urlsplit(key.source).netloc
    reasons.append(f"the provider drops a repeated key for {key.keeps} ({host})")
    return seconds_of(key.keeps)


def _look_up(action: ActionTable, reasons: list[str], proven: Proven) -> tuple[bool, int | None]:
    """Whether the effect is found again, and from when on nothing there is proof."""
    look_up = action.look_up
    if look_up is None:
        return False, None
    if look_up.proof == "state":
        reasons.append("its state is read again: who made it so is not told")
    elif receipt_of(action).ours is None:
        return False, None
    else:
        reasons.append("our reference is found again at the provider")
    if look_up.absent_after == "never":
        reasons.append("that it is not there never proves that it was not done")
        return True, None
    after_s = max(seconds_of(look_up.absent_after), proven.absent_after_s)
    later = f"{after_s} s" if after_s > seconds_of(look_up.absent_after) else look_up.absent_after
    if action.effect in MONEY and not (proven.holds_the_money and look_up.record == "with"):
        reasons.append(f"it is looked for during {later}, and then left to a person")
    else:
        reasons.append(f"nothing there after {later} proves that nothing was done")
    return True, after_s


def receipt_of(action: ActionTable) -> ReceiptTable:
    """How the look-up reads an effect: its own receipt, else the call's."""
    own = action.look_up.receipt if action.look_up is not None else None
    found = own or action.call.receipt
    assert found is not None, "checked when it was read"
    return found


def _ask(action: ActionTable, guarantee: Guarantee, *, verified: bool) -> Iterator[str]:
    effect = action.effect
    if action.ask:
        yield action.ask
    if action.owner.none is not None:
        yield f"the provider does not say whose it is: {action.owner.none}"
    if action.owner.weak:
        yield "whose it is rests on an e-mail address or a phone number"
    lost = guarantee.kind == "at_most_once" and guarantee.shown_after_s is None
    if lost and effect in _SERIOUS:
        yield "if the answer is lost, nobody can tell whether it was done"
    if effect in _SERIOUS and action.amount is not None and not sends_amount(action):
        yield "the provider works out the amount when it is done"
    receipt = (action.look_up and action.look_up.receipt) or action.call.receipt
    if effect in MONEY and receipt is not None and receipt.amount is None:
        yield "nothing reads how much was done: `receipt` has no `amount`"
    if action.call.tool is not None:
        yield "it is a tool of an MCP server"
    if (
        _is_state(action.look_up)
        and not action.reversible
        and action.undo is None
        and effect is Effect.CANCELLATION
    ):
        yield "who did it cannot be told, and nothing takes it back"
    if not verified:
        yield "its manifest hasn't been tried against the provider as it is now"


def _is_state(look_up: LookUp | None) -> bool:
    return look_up is not None and look_up.proof == "state"


def sends_amount(action: ActionTable) -> bool:
    """Whether the call itself says how much: by the amount, or by what that was read from.

    Something else that was kept, such as an id, says nothing of it.
    """
    amount = action.amount
    if amount is None:
        return False
    kept = _kept_amounts(action, amount.money) if amount.money is not None else set[Name]()
    for template in templates_of(action.call):
        for name in names_in(template):
            if name[0] == "amount" or name[:2] == ("args", amount.arg) or name in kept:
                return True
    return False


def _kept_amounts(action: ActionTable, path: str) -> set[Name]:
    """How the call may name what was kept of the very field that the amount was read from."""
    field = re.escape(path.rpartition(".")[2])
    found: set[Name] = set()
    for name, kept in action.keep.items():
        if paths_in(kept) & paths_in(path) and re.search(rf"\b{field}\b", kept):
            renamed = re.findall(rf"(\w+)\s*:\s*[\w.]*\b{field}\b", kept)
            found |= {("keep", name), *(("each", one) for one in renamed or [field])}
    return found
