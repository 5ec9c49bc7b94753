"""Two tenants of one database, none of whom sees, asks or decides anything of the other's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.database import make_database
from walk.facts import FindingError
from walk.operations.asking import SHELF_CUSTOMERS, money, put, some_key
from walk.operations.base import actions, cards, must_refuse, operation, pick, remember_yes
from walk.surfaces.base import Said, Surface
from walk.variants import Variant
from walk.world import World

from sayso.errors import Code, RefusedError, SaysoError
from sayso.frozen import replace
from sayso.sdk.client import Sayso
from sayso.sdk.databases.mover import Mover
from sayso.sdk.databases.open_ones import Databases
from sayso.sdk.databases.transfers import copy_operator
from sayso.sdk.resources.base import SDK
from sayso.sdk.workspace import Workspace
from sayso.settings.store import StoreSection


def _two(variant: Variant) -> bool:
    return bool(variant.tenants)


@operation("propose for another tenant", verb="propose", weight=6, fits=_two)
async def propose(world: World, dice: Random, surface: Surface) -> str | None:
    """The other tenant's bot works, too."""
    minor = dice.choice([1000, 4500, 12000])
    args = {"amount": money(minor, "USD")}
    customer = dice.choice(SHELF_CUSTOMERS)
    action = dice.choice(["shelf.pay", "shelf.post"])
    found = await surface.propose(action, args, customer, by="acme/bot", key=some_key(dice))
    world.facts.requesters.setdefault(found, "acme/bot")
    return f"acme's bot proposes {action} for {customer}"


@operation("decide for another tenant", verb="answer", weight=4, fits=_two)
async def decide(world: World, dice: Random, surface: Surface) -> str | None:
    """Somebody of acme answers a card of ours."""
    card = pick(dice, await cards(world))
    if card is None:
        return None
    return await must_refuse(
        "the yes of another tenant's person", surface.answer(card, "acme/maria", Said("approve"))
    )


@operation("read another tenant's", weight=4, fits=_two)
async def read(world: World, dice: Random, surface: Surface) -> str | None:
    """Under another tenant's name there is nothing of ours."""
    found = pick(dice, await actions(world, dice.choice(["succeeded", "pending_approval"])))
    if found is None:
        return None
    return await must_refuse(
        "an action read under another tenant", world.sayso.actions.get(found.id, tenant="acme")
    )


@operation("yes of another tenant", weight=5, fits=_two)
async def yes(world: World, dice: Random, surface: Surface) -> str | None:
    """Acme's own people answer their own cards."""
    page = await world.sayso.solutions.waiting(limit=50, tenant="acme")
    card = pick(dice, sorted(page.items, key=lambda one: (one.created_at, one.customer.id)))
    if card is None:
        return None
    try:
        choice = dice.choice(["approve", "approve", "reject"])
        await world.sayso.solutions.answer(
            card.id,
            choice,
            token=world.token("acme/maria"),
            revision=card.revision,
            digest=card.digest,
            reason_code="not_covered",
        )
    except SaysoError as error:
        if error.code is Code.NOT_FOUND:
            raise
        return f"acme's maria: {error.code}"
    if choice == "approve":
        await remember_yes(world, card, "acme/maria", tenant="acme")
    return f"acme's maria answers {card.lead.headline!r}"


async def ours(world: World, dice: Random, surface: Surface) -> str:
    """A proposal of ours beside it."""
    wanted = ("shelf.pay", {"amount": money(1000, "USD")}, dice.choice(SHELF_CUSTOMERS))
    return await put(world, surface, wanted, "bot", some_key(dice))


@operation("move a tenant", weight=3, fits=_two)
async def move(world: World, dice: Random, surface: Surface) -> str | None:
    """To another database and back, so that the walk goes on; or begun, and given up."""
    elsewhere = world.folder / "elsewhere.db"
    if not elsewhere.exists():
        make_database(elsewhere)
    was = world.workspace
    store = StoreSection(
        url=was.settings.store.url,
        region=was.settings.store.region,
        tenants="directory",
        databases={"elsewhere": f"sqlite:///{elsewhere}"},
    )
    workspace = replace(was, settings=was.settings.model_copy(update={"store": store}))
    copy_operator(workspace, workspace.in_database("elsewhere"))

    def opening(where: Workspace) -> Sayso:
        return Sayso(where, mode="read", clock=world.clock)

    async with opening(workspace) as home, Databases(home, opening) as databases:

        async def mover(to: str, passing: Callable[[str], None], tenant: str = "acme") -> None:
            source = await databases.place_of(tenant)
            async with databases.named(source) as one, databases.named(to) as other:
                both = ((source, one), (to, other))
                await Mover(home, *both, tenant, SDK, wait_s=0.0, passing=passing).move()

        wrong = dice.choice([("home", "acme"), ("elsewhere", "main"), ("elsewhere", "nobody")])
        told = await must_refuse(f"{wrong[1]} to {wrong[0]}", mover(wrong[0], _on, wrong[1]))
        stays = ""
        try:
            await mover("elsewhere", dice.choice([_on, _on, _give_up]))
        except SaysoError as error:  # such as a call that is under way
            stays = f"{told}; acme stays: {error.code}"
        found = home.workspace.in_database("elsewhere")
        async with opening(found) as there:
            assert_verifies(there)
            if stays and await there.actions.list(tenant="acme", limit=1):
                raise FindingError("untrue", "elsewhere: a copy that never arrived has rows")
        if stays:
            return stays
        await mover("home", _on)
    return f"{told}; acme was elsewhere, and is back"


def _on(step: str) -> None:
    """Go on."""


def _give_up(step: str) -> None:
    """Whoever moves it has an error of their own, before the log has ended."""
    if step == "verified":
        raise RefusedError(Code.WRONG_STATE, "given up")


def assert_verifies(sayso: Sayso) -> None:
    """Each log of the other database does, with its rows."""
    found = sayso.audit.verify()
    if found.findings:
        raise FindingError("accused", f"elsewhere: {found.findings[0].message}")
