"""Customers and bots: asking in words, answering, taking back, proposing, and doing so wrongly."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import aclosing
from random import Random

from walk.facts import Asked, FindingError, RefusedHereError
from walk.operations.base import must_refuse, operation, pick
from walk.surfaces.base import Surface
from walk.world import World

from sayso.actions.model.definition import Assurance, Subject
from sayso.errors import RefusedError
from sayso.json import JsonValue
from sayso.sdk.views.progress import ProgressView
from sayso.sdk.views.rows import RequestView

_SEVERAL = (
    "Please refund order 1039, the mugs came broken. Please give me a $10 credit for the late "
    "delivery. I want an apology in writing."
)
WORDS: Mapping[str, tuple[str, ...]] = {
    "cus_demo_ana": (
        "Hi, could you please refund order 0977? The tea towels are not what I expected.",
        "Please refund order 1042, the mugs came broken.",
        "Please refund $20 of order 1042.",
        "Please refund order 1042 and order 0977, all of it came broken.",
        "Please cancel my subscription at the end of the month.",
        "Can I please get a $15 credit on my account for the late delivery?",
        "When will my parcel arrive?",
    ),
    "cus_demo_ben": (
        "Please refund order 1039, the mugs came broken.",
        _SEVERAL,
        "Please refund $12.50 of order 1039.",
        "Please refund order 1042 to me as well.",
        "Cancel my subscription immediately, please.",
    ),
    "cus_demo_chloe": (
        "Bonjour, remboursez €10 de la commande 1031, s'il vous plaît.",
        "Please refund €10 of order 1031, the pan came with a scratch.",
        "I want a refund of €80 for order 1031.",
    ),
    "cus_demo_lena": (
        "I was charged twice for order 1047, please refund one of them.",
        "Please refund order 1047.",
    ),
    "cus_demo_kim": (
        "Can I please get a $10 credit on my account for the late delivery?",
        "Please give me a $90 credit.",
        "Please refund order 0860.",
    ),
    "cus_demo_nia": (
        "The mug of order 1041 arrived broken. Please refund it and send me an apology by email.",
        "Please refund order 1041.",
    ),
    "cus_demo_marco": ("I would like a full refund of order 1036, the espresso machine.",),
}
CHARGES: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "cus_demo_ana": (("ch_demo_ana_1", 12900, "USD"), ("ch_demo_ana_2", 4500, "USD")),
    "cus_demo_ben": (("ch_demo_ben_1", 12900, "USD"),),
    "cus_demo_chloe": (("ch_demo_chloe_1", 6900, "EUR"), ("ch_demo_chloe_2", 1900, "EUR")),
    "cus_demo_lena": (("ch_demo_lena_1", 2500, "USD"), ("ch_demo_lena_2", 2500, "USD")),
    "cus_demo_kim": (("ch_demo_kim_1", 19900, "USD"),),
    "cus_demo_nia": (("ch_demo_nia_1", 2500, "GBP"), ("ch_demo_nia_2", 7900, "GBP")),
    "cus_demo_marco": (("ch_demo_marco_1", 149900, "EUR"),),
}
"""Each charge with what could be given back at the start, in minor units."""
SUBSCRIPTIONS = ("cus_demo_ana", "cus_demo_ben", "cus_demo_chloe")
SHELF_CUSTOMERS = ("cus_demo_ana", "cus_demo_ben", "cus_demo_kim", "cus_demo_nia")

Proposal = tuple[str, dict[str, JsonValue], str]
"""The action, its arguments, the customer."""


def mark_of(dice: Random) -> str:
    """A word that nobody else says: where it turns up, this text has been read."""
    return f"zq{dice.getrandbits(40):010x}"


def some_key(dice: Random) -> str:
    """An idempotency key."""
    return f"key-{dice.getrandbits(48):012x}"


def wish(world: World, dice: Random) -> Proposal:
    """A concrete action that can be right."""
    kinds = ["refund"] * 5 + ["credit"] * 2 + ["cancel"]
    if world.variant.has_shelf:
        kinds += ["shelf"] * 6
    match dice.choice(kinds):
        case "credit":
            customer = dice.choice(sorted(CHARGES))
            minor = dice.choice([500, 1500, 1900, 2500, 9000, 25000])
            currency = CHARGES[customer][0][2]
            return "stripe.credit", {"amount": money(minor, currency)}, customer
        case "cancel":
            customer = dice.choice(SUBSCRIPTIONS)
            args: dict[str, JsonValue] = {
                "subscription": customer.replace("cus_", "sub_"),
                "when": dice.choice(["now", "period_end"]),
            }
            return "stripe.cancel_subscription", args, customer
        case "shelf":
            minor = dice.choice([500, 2000, 3000, 4500, 12000, 30000])
            action = dice.choice(["shelf.pay", "shelf.post", "shelf.hand"])
            return action, {"amount": money(minor, "USD")}, dice.choice(SHELF_CUSTOMERS)
        case _:
            return refund_wish(dice)


def refund_wish(dice: Random) -> Proposal:
    """A refund of a part of some charge, or of all that is left."""
    customer = dice.choice(sorted(CHARGES))
    charge, most, currency = dice.choice(CHARGES[customer])
    args: dict[str, JsonValue] = {"charge": charge}
    minor = dice.choice([0, 0, 500, 1200, 2500, 3000, 4500, 7000, most])
    if 0 < minor <= most:
        args["amount"] = money(minor, currency)
    if dice.random() < 0.1:
        args["reason"] = "fraudulent"
    return "stripe.refund", args, customer


def money(minor: int, currency: str) -> JsonValue:
    """Money as JSON."""
    return {"amount_minor": minor, "currency": currency}


def askers(world: World, dice: Random) -> str:
    """Who asks: mostly a bot, at times a person by themselves."""
    people = [name for name in sorted(world.facts.people) if world.facts.people[name]]
    return dice.choice(["bot"] * 5 + ["otherbot"] + people[:1] + people[-1:])


async def remember_requesters(world: World, request: RequestView, by: str) -> None:
    """Note who asked for what came of a request."""
    for action in request.actions:
        world.facts.requesters.setdefault(action.id, by)


@operation("ask", verb="ask", weight=14)
async def ask(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer writes to the bot."""
    customer = dice.choice(sorted(WORDS))
    mark = mark_of(dice)
    words = f"{dice.choice(WORDS[customer])} (my note {mark})"
    by = dice.choice(["bot", "otherbot"])
    thread = dice.choice([None, f"thread-{customer}"])
    key = some_key(dice)
    world.facts.marks.setdefault(customer, []).append(mark)
    found = await surface.ask(customer, words, by=by, key=key, conversation=thread)
    request = await world.sayso.requests.get(found)
    world.facts.keys.append(
        Asked(key=key, content=("ask", customer, words, by, thread), id=found, door=surface.name)
    )
    await remember_requesters(world, request, by)
    return f"{customer} asks {words[:60]!r}: {request.status}"


@operation("ask and listen", weight=3)
async def ask_and_listen(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer hears where it stands, or stops listening in the middle: it is one request."""
    customer, mark, key = dice.choice(sorted(WORDS)), mark_of(dice), some_key(dice)
    words = f"{dice.choice(WORDS[customer])} (my note {mark})"
    world.facts.marks.setdefault(customer, []).append(mark)
    leaves = dice.random() < 0.5
    heard: list[ProgressView] = []
    async with aclosing(world.sayso.stream(customer, words, idempotency_key=key)) as steps:
        async for step in steps:
            heard.append(step)
            if leaves or step.action_id is not None or step.request is not None:
                break
    found = await world.sayso.ask(customer, words, idempotency_key=key)
    if {step.request_id for step in heard} != {found.id}:
        raise FindingError("allowed", f"{customer} listened, and asked {found.id} besides")
    told = " ".join(step.message or "" for step in heard)
    if any(name in told for name in world.facts.people):
        raise FindingError("untrue", f"{customer} was told {told!r}")
    await remember_requesters(world, found, "bot")
    return f"{customer} asks {words[:60]!r} and listens to {len(heard)} steps: {found.status}"


@operation("ask and listen wrongly", weight=2)
async def ask_and_listen_wrongly(world: World, dice: Random, surface: Surface) -> str | None:
    """Other words under the key of what was asked are refused before anything is told."""
    customer, key = dice.choice(sorted(WORDS)), some_key(dice)
    await world.sayso.ask(customer, ASIDES[0], idempotency_key=key)
    steps = world.sayso.stream(customer, ASIDES[1], idempotency_key=key)
    return await must_refuse("a stream of other words under a used key", anext(steps))


ASIDES = (
    "Has order 1042 been refunded?",
    "Where is order 1039?",
    "When will I get my money?",
    "How long do refunds usually take?",
    "Thank you so much!",
    "Hallo, vielen Dank!",
)


@operation("ask for nothing", verb="ask", weight=3)
async def ask_for_nothing(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer asks how something stands, or says something kind: nothing is done for it."""
    customer, words = dice.choice(sorted(WORDS)), dice.choice(ASIDES)
    found = await surface.ask(customer, words, by="bot", key=some_key(dice))
    request = await world.sayso.requests.get(found)
    if request.actions:
        raise FindingError("allowed", f"{words!r} came to {request.actions[0].action}")
    if request.status == "answered" and not request.reply:
        raise FindingError("stuck", f"{words!r} is answered with nothing")
    return f"{customer} says {words!r}: {request.kind} {request.status}"


CORRECTIONS = (
    "No, only $20.",
    "Sorry, I meant order 1039.",
    "Not 1042 but 0977.",
    "Only half of it, please.",
    "And order 0977 too, please.",
)


@operation("put right", verb="ask", weight=5)
async def put_right(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer writes in their thread that it is meant otherwise, or that there is more."""
    customer, words = dice.choice(sorted(WORDS)), dice.choice(CORRECTIONS)
    if customer in world.facts.erased:
        return None
    thread, by, key = f"thread-{customer}", dice.choice(["bot", "otherbot"]), some_key(dice)
    before = {one.id: one for one in await world.sayso.requests.list(limit=100)}
    found = await surface.ask(customer, words, by=by, key=key, conversation=thread)
    request = await world.sayso.requests.get(found)
    content = ("ask", customer, words, by, thread)
    world.facts.keys.append(Asked(key=key, content=content, id=found, door=surface.name))
    await remember_requesters(world, request, by)
    stopped = 0
    for one in [await world.sayso.requests.get(each) for each in before]:
        if one.status == "withdrawn" != before[one.id].status:
            stopped += 1
            if one.subject != customer or one.id == found:
                raise FindingError("allowed", f"{words!r} of {customer} stopped {one.subject}'s")
            for action in one.actions:
                if action.status == "withdrawn":
                    world.facts.withdrawn.setdefault(action.id, world.now().timestamp())
    if stopped > 1:
        raise FindingError("allowed", f"{words!r} stopped {stopped} requests")
    return f"{customer} writes {words!r}: {request.status}, {stopped} stopped"


@operation("forge a correction", weight=2)
async def forge_correction(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody whom nobody knows puts right what a customer asked for: nothing of it changes."""
    customer = dice.choice(sorted(WORDS))
    listed = await world.sayso.requests.list(limit=100)
    mine = [one for one in listed if (one.subject, one.assurance) == (customer, "verified")]
    asked = await world.sayso.ask(
        Subject(id=customer, assurance=Assurance.UNVERIFIED),
        dice.choice(CORRECTIONS),
        conversation=f"thread-{customer}",
        idempotency_key=some_key(dice),
    )
    for one in mine:
        after = await world.sayso.requests.get(one.id)
        if after.status == "withdrawn" != one.status:
            raise FindingError("allowed", f"{one.id} was put right by a forged sender")
    return f"somebody puts it right as {customer}: {asked.status}"


@operation("forge a withdrawal", weight=2)
async def forge_withdrawal(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody whom nobody knows writes in a customer's thread that it is all taken back."""
    customer = dice.choice(sorted(WORDS))

    listed = await world.sayso.requests.list(limit=100)
    mine = [one for one in listed if (one.subject, one.assurance) == (customer, "verified")]
    forged = Subject(id=customer, assurance=Assurance.UNVERIFIED)
    asked = await world.sayso.ask(
        forged,
        "Actually no, stop, I will keep it.",
        conversation=f"thread-{customer}",
        idempotency_key=some_key(dice),
    )
    for one in mine:
        after = await world.sayso.requests.get(one.id)
        if after.status == "withdrawn" != one.status:
            raise FindingError("allowed", f"{one.id} was taken back by a forged sender")
    return f"somebody writes as {customer}: {asked.status}"


@operation("reply", verb="reply", weight=16)
async def reply(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer answers what they were asked: mostly yes, at times no, or something else."""
    waiting = await world.sayso.requests.list(status="needs_customer", limit=100)
    waiting = sorted(waiting, key=lambda one: (one.created_at, one.subject, one.reply or ""))
    request = pick(dice, [one for one in waiting if one.question is not None])
    if request is None or request.question is None:
        return None
    choices = [one.value for one in request.question.choices]
    words, choice = "", None
    if choices and dice.random() < 0.8:
        choice = choices[0] if dice.random() < 0.7 else dice.choice(choices)
    else:
        words = dice.choice(["Yes, please.", "No, leave it.", "twenty dollars", "I don't know"])
    await surface.reply(request.id, request.question.number, words=words, choice=choice)
    after = await world.sayso.requests.get(request.id)
    await remember_requesters(world, after, "bot")
    return f"{request.subject} answers {choice or words!r}: {after.status}"


@operation("withdraw", verb="withdraw", weight=6)
async def withdraw(world: World, dice: Random, surface: Surface) -> str | None:
    """A customer takes back what they asked for, whatever has become of it."""
    found = await world.sayso.requests.list(limit=100)
    found = sorted(found, key=lambda one: (one.created_at, one.subject))
    waiting = [one for one in found if one.status not in {"answered", "withdrawn"}]
    request = pick(dice, waiting if waiting and dice.random() < 0.8 else found)
    erased = request is not None and request.subject.startswith("sub_")  # by its pseudonym now
    if request is None or erased or request.subject in world.facts.erased:
        return None
    await surface.withdraw(request.id, dice.choice(["", "Actually no, I will keep it."]))
    after = await world.sayso.requests.get(request.id)
    open_ones = [one for one in after.actions if one.status in {"planned", "pending_approval"}]
    if open_ones or (after.status in {"received", "needs_customer", "handed_over"}):
        raise FindingError("stuck", f"{after.subject} took it back, and it is {after.status}")
    for one in after.actions:
        if one.status == "withdrawn":
            world.facts.withdrawn.setdefault(one.id, world.now().timestamp())
    return f"{request.subject} takes back what was {request.status}: {after.status}"


@operation("reply to an older question", verb="reply", weight=2)
async def reply_late(world: World, dice: Random, surface: Surface) -> str | None:
    """An answer to a question that is not the one that is open is refused."""
    found = await world.sayso.requests.list(limit=100)
    found = sorted(found, key=lambda one: (one.created_at, one.subject))
    request = pick(dice, found)
    if request is None:
        return None
    number = 7 if request.question is None else request.question.number + 1
    late = surface.reply(request.id, number, words="Yes, please.", choice=None)
    return await must_refuse("an answer to a question that nobody asked", late)


@operation("say again", verb="ask", weight=3)
async def ask_again(world: World, dice: Random, surface: Surface) -> str | None:
    """The same words with the same key are the same request."""
    known = pick(dice, [one for one in _keys(world, surface) if one.content[0] == "ask"])
    if known is None:
        return None
    _, customer, words, by, thread = known.content
    if str(customer) in world.facts.erased:
        return None
    found = await surface.ask(
        str(customer),
        str(words),
        by=str(by),
        key=known.key,
        conversation=None if thread is None else str(thread),
    )
    if found != known.id:
        raise FindingError("allowed", f"the same key made a second request of {customer}")
    return f"{customer} says the same again"


@operation("ask once more", verb="ask", weight=5)
async def ask_equal(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody who hears nothing writes the same elsewhere: it joins what is open of it."""
    known = pick(dice, [one for one in world.facts.keys if one.content[0] == "ask"])
    if known is None or str(known.content[1]) in world.facts.erased:
        return None
    customer, mark, by = str(known.content[1]), mark_of(dice), dice.choice(["bot", "otherbot"])
    words = f"{str(known.content[2]).partition(' (my note')[0]} (my note {mark})"
    world.facts.marks.setdefault(customer, []).append(mark)
    found = await surface.ask(customer, words, by=by, key=some_key(dice))
    request = await world.sayso.requests.get(found)
    await remember_requesters(world, request, by)
    return f"{customer} asks once more {words[:60]!r}: {request.status}"


@operation("propose", verb="propose", weight=16)
async def propose(world: World, dice: Random, surface: Surface) -> str | None:
    """A caller proposes a concrete action."""
    action, args, customer = wish(world, dice)
    by, key = askers(world, dice), some_key(dice)
    return await put(world, surface, (action, args, customer), by, key)


async def put(world: World, surface: Surface, wanted: Proposal, by: str, key: str) -> str:
    """Propose it, and remember who did."""
    action, args, customer = wanted
    found = await surface.propose(action, args, customer, by=by, key=key)
    world.facts.requesters.setdefault(found, by)
    content = ("propose", action, repr(args), customer, by)
    world.facts.keys.append(Asked(key=key, content=content, id=found, door=surface.name))
    view = await world.sayso.actions.get(found, timeline=False)
    told = "" if view.error is None else f" ({view.error.code})"
    return f"{by} proposes {action} {_short(args)} for {customer}: {view.status}{told}"


@operation("propose again", verb="propose", weight=4)
async def propose_again(world: World, dice: Random, surface: Surface) -> str | None:
    """The same proposal with the same key is the same action."""
    known = pick(dice, [one for one in _keys(world, surface) if one.content[0] == "propose"])
    if known is None:
        return None
    _, action, args, customer, by = known.content
    if str(customer) in world.facts.erased or str(by) not in world.secrets:
        return None
    found = await surface.propose(
        str(action), _args_of(str(args)), str(customer), by=str(by), key=known.key
    )
    if found != known.id:
        raise FindingError("allowed", f"the same key made a second {action} for {customer}")
    return f"{by} proposes the same {action} again"


@operation("propose an equal one", verb="propose", weight=6)
async def propose_equal(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody proposes what waits already, with a key of their own: it joins."""
    known = pick(dice, [one for one in world.facts.keys if one.content[0] == "propose"])
    if known is None:
        return None
    _, action, args, customer, _ = known.content
    wanted = (str(action), _args_of(str(args)), str(customer))
    by = askers(world, dice)
    before = {one.id for one in world.facts.keys}
    told = await put(world, surface, wanted, by, some_key(dice))
    one, other = [
        await world.sayso.actions.get(found, timeline=False)
        for found in (known.id, world.facts.keys[-1].id)
    ]
    both = {one.status, other.status} == {"pending_approval"}
    same = (one.args, one.assurance, one.revision) == (other.args, other.assurance, 1)
    # A person's own stands under their own name, so that they cannot approve it; beside it a bot's
    # joins the bot's.
    if both and same and other.id not in before and by.endswith("bot"):
        raise FindingError("allowed", f"two equal cards about {customer} wait")
    return told


@operation("propose another with a known key", verb="propose", weight=2)
async def propose_conflict(world: World, dice: Random, surface: Surface) -> str | None:
    """A key says one thing."""
    known = pick(dice, [one for one in _keys(world, surface) if one.content[0] == "propose"])
    if known is None or known.content[3] in world.facts.erased:
        return None
    args: dict[str, JsonValue] = {"amount": money(777, "USD"), "note": mark_of(dice)}
    by = str(known.content[4])
    if not by.endswith("bot"):
        return None
    attempt = surface.propose("stripe.credit", args, "cus_demo_kim", by=by, key=known.key)
    return await must_refuse("another action with a key that was used", attempt)


@operation("propose nonsense", verb="propose", weight=3)
async def propose_nonsense(world: World, dice: Random, surface: Surface) -> str | None:
    """What is not there, or not theirs, is never done."""
    ana = "cus_demo_ana"
    wrong: tuple[Proposal, ...] = (
        ("stripe.refund", {"charge": "ch_demo_ben_1"}, ana),
        ("stripe.refund", {"charge": "ch_nobody_1"}, ana),
        ("stripe.refund", {"charge": "ch_demo_ana_1", "amount": money(99_999, "USD")}, ana),
        ("stripe.refund", {"charge": "ch_demo_ana_1", "amount": money(500, "EUR")}, ana),
        ("stripe.refund", {"charge": "ch_demo_ana_1", "amount": money(-500, "USD")}, ana),
        ("stripe.refund", {"charge": "ch_demo_ella_1"}, "cus_demo_ella"),
        ("stripe.nothing", {}, ana),
        ("stripe.refund", {"charge": "ch_demo_ana_1", "customer": "cus_demo_ben"}, ana),
    )
    action, args, customer = dice.choice(wrong)
    try:
        found = await surface.propose(action, args, customer, by="bot", key=some_key(dice))
    except (RefusedError, RefusedHereError) as error:
        return f"{action} {_short(args)} for {customer}: {error.code}"
    view = await world.sayso.actions.get(found, timeline=False)
    world.facts.requesters.setdefault(found, "bot")
    if view.status not in {"refused", "failed", "rejected"}:
        raise FindingError("allowed", f"{action} {_short(args)} for {customer} is {view.status}")
    return f"{action} {_short(args)} for {customer}: {view.status}"


def _keys(world: World, surface: Surface) -> list[Asked]:
    """The keys that were used through this door, each of which has keys of its own."""
    return [one for one in world.facts.keys if one.door == surface.name]


def _short(args: Mapping[str, JsonValue]) -> str:
    parts: list[str] = []
    for name, value in args.items():
        match value:
            case {"amount_minor": int(minor), "currency": str(currency)}:
                parts.append(f"{minor / 100:.2f} {currency}")
            case _:
                parts.append(f"{name}={value}" if name != "charge" else str(value))
    return " ".join(parts)


def _args_of(told: str) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = ast.literal_eval(told)
    return found
