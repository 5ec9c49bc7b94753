"""Money: the provider's books beside the ledger, and beside what people and rules agreed to.

What may go by itself, whose yes is needed above that, and what a limit lets out is written down
here once more, by the walk's own numbers, so that a guard which is gone cannot hide it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from walk.facts import Effect, FindingError
from walk.variants import MoneyLimit
from walk.world import World

from sayso.sandbox.seed import DEMO
from sayso.sdk.views.rows import ActionView

_DONE = {"succeeded", "executing", "unknown", "accepted", "compensated", "approved", "stale"}
_TENURE = {one.customer_id: one.days for one in DEMO}
_AGE = {
    one.charge_id(number): charge.days_ago
    for one in DEMO
    for number, charge in enumerate(one.charges, start=1)
}


_FRESH = timedelta(seconds=10)
"""What was read so short a time ago is not read again: docs/decisions/0003."""


async def judge_books(world: World) -> None:
    """Each effect has its action, and each action at most one effect, of its amount."""
    effects = world.effects()
    per_action = Counter(one.action_id for one in effects)
    for action_id, times in per_action.items():
        if times > 1:
            raise FindingError("untrue", f"{times} effects of one action, {action_id}")
    by_action = {one.action_id: one for one in effects}
    for tenant in (str(world.sayso.tenant), *world.variant.tenants):
        for action in await world.sayso.actions.list(limit=200, tenant=tenant):
            world.facts.begun.setdefault(action.id, world.facts.step)
            seen = (action.id, action.revision)
            world.facts.revised.setdefault(seen, (world.facts.step, world.now()))
            effect = by_action.pop(action.id, None)
            _judge_withdrawn(world, action, effect)
            _judge_one(world, action, effect)
            if effect is not None and effect.id not in world.facts.judged:
                world.facts.judged.add(effect.id)
                whole = await world.sayso.actions.get(action.id, tenant=tenant, timeline=False)
                home = tenant == str(world.sayso.tenant)
                await _judge_leave(world, whole, effect, effects, at_home=home)
    if by_action:
        raise FindingError("untrue", f"effects of no action: {sorted(by_action)}")


def _judge_withdrawn(world: World, action: ActionView, effect: Effect | None) -> None:
    """Nothing is paid after its customer was told that it is stopped, and it stays stopped."""
    told_at = world.facts.withdrawn.get(action.id)
    if told_at is None:
        return
    name = f"{action.action} of {action.subject}"
    if effect is not None and effect.at > told_at:
        raise FindingError("money", f"{name} was taken back, and the books hold it")
    if action.status not in {"withdrawn", "succeeded", "accepted"}:
        raise FindingError("untrue", f"{name} was taken back, and is {action.status}")


def _judge_one(world: World, action: ActionView, effect: Effect | None) -> None:
    name = f"{action.action} of {action.subject}"
    moves = action.action in {"stripe.refund", "stripe.credit"} or action.action.startswith("shelf")
    if effect is None:
        if moves and action.status == "succeeded":
            raise FindingError("untrue", f"{name} is `succeeded`, and the books hold nothing")
        return
    if action.status not in _DONE and not _is_settled_later(action):
        raise FindingError("untrue", f"{name} is `{action.status}`, and the books hold it")
    amount = action.amount
    if amount is not None and (amount.amount_minor, amount.currency) != (
        effect.minor,
        effect.currency,
    ):
        raise FindingError("untrue", f"{name} of {amount}, and the books hold {effect.minor}")


def _is_settled_later(action: ActionView) -> bool:
    """What broke off with an error of the connector is looked up again by itself."""
    return action.error is not None and action.error.code in {"connector_failed", "internal"}


async def _judge_leave(
    world: World, action: ActionView, effect: Effect, effects: list[Effect], *, at_home: bool
) -> None:
    """Whether somebody or some rule had agreed to it."""
    facts = world.facts
    name = f"{action.action} of {action.subject}, {effect.minor / 100:.2f} {effect.currency}"
    for stop in facts.stops.values():
        first = stop.step < facts.step and not stop.over
        covers = stop.covers(effect, action.action, at_home=at_home)
        if stop.scope == "customer" and at_home and not covers:
            covers = stop.target in _one_person(world, effect.customer, stop.step)
        if first and covers and action.status == "succeeded":
            raise FindingError("money", f"{name} was done while {stop.scope} was stopped")
    if action.undoes is not None:
        return
    born, moment = facts.revised[action.id, action.revision]
    if facts.outside.get(effect.target, 0) > born and world.now() - moment > _FRESH:
        raise FindingError("money", f"{name} was done although it had changed at the provider")
    people = _who_agreed(world, action, effect)
    if not _agreed(world, action, effect, effects, people):
        told = f"with the yes of {sorted(people) or 'nobody'}"
        raise FindingError("money", f"{name} was done {told}")
    if not people:
        facts.alone.add(effect.id)
    for limit in world.variant.limits:
        if limit.automatic and people:
            continue
        together = _one_person(world, effect.customer, born) if at_home else frozenset[str]()
        _judge_limit(world, limit, effect, effects, together)


def _who_agreed(world: World, action: ActionView, effect: Effect) -> set[str]:
    """Whose yes counts: to this revision and this amount, of who may still, after what changed."""
    facts = world.facts
    approval = action.approval
    if approval is None:
        return set()
    asked = facts.requesters.get(action.id, "")
    return {
        said.person
        for said in facts.said
        if said.action_id == action.id
        and said.revision == approval.revision
        and said.minor == effect.minor
        and said.person != asked
        and (said.person in facts.people or said.person.startswith("acme/"))
    }


def _is_acmes(world: World, effect: Effect) -> bool:
    return world.facts.requesters.get(effect.action_id, "").startswith("acme/")


def _agreed(
    world: World, action: ActionView, effect: Effect, effects: list[Effect], people: set[str]
) -> bool:
    """Whether the rules of the variant let it go with the yes of these people."""
    if world.facts.requesters.get(action.id, "").startswith("acme"):
        return True  # acme's people are not followed one by one
    roles = {role for one in people for role in world.facts.people.get(one, frozenset())}
    stages = world.facts.stages_since(action.action, world.facts.begun.get(action.id, 0))
    if not people and not stages & {"auto", "share"}:
        return False
    manager = "support_manager" in roles
    if action.action.startswith("shelf."):
        return effect.minor <= 30_00 or (manager and effect.minor <= 200_00)
    known = effect.currency in {"USD", "EUR", "GBP"}
    most = 500_00 if action.action == "stripe.refund" else 200_00
    two = len(people) >= 2 and "finance" in roles
    age = _AGE.get(effect.target)  # of the charge; a credit has none
    old = age is not None and age + world.days > 180
    finance = old or action.args.get("reason") == "fraudulent"
    if finance and "finance" not in roles:
        return False
    # As long as nobody has put another version in force, which may have no such row.
    table = world.variant.name == "tables" and not world.facts.policy_step
    over = table and effect.currency == "USD" and effect.minor > 30_00
    if over and action.action == "stripe.refund" and not manager:
        return False
    small = _is_small(world, action, effect, effects)
    return two or (known and ((effect.minor <= most and manager) or small))


def _is_small(world: World, action: ActionView, effect: Effect, effects: list[Effect]) -> bool:
    """Whether it needs nobody's yes by its amount and what was done for the customer before."""
    window = effect.at - timedelta(days=30).total_seconds()
    before = [
        one
        for one in effects
        if (one.customer, one.kind) == (effect.customer, effect.kind)
        and window < one.at <= effect.at
        and one.id != effect.id
    ]
    paid = sum(one.minor for one in before if one.currency == effect.currency)
    if len(before) >= 3:
        return False
    if action.action == "stripe.credit":
        return effect.minor <= 20_00 and paid < 40_00
    tenure = _TENURE.get(effect.customer, 0) + world.days
    year = world.variant.name == "tables" and tenure > 365 and effect.minor <= 75_00
    return year or (effect.minor <= 50_00 and tenure > 90 and paid < 100_00)


def _one_person(world: World, account: str, before: int) -> frozenset[str]:
    """The accounts that were tied to one before a step, and surely are so still, without it.

    By what the walk itself has tied; what has an end, and what nobody here has tied, is left out.
    """
    rows = world.rows("select id from customer_link where ended_at is null")
    lasting = {str(row[0]) for row in rows}
    ties = [
        {one.a, one.b}
        for name, one in world.facts.tied.items()
        if name in lasting and one.until is None and one.step < before
    ]
    known = {account}
    while more := set[str]().union(*(tie for tie in ties if tie & known)) - known:
        known |= more
    return frozenset(known - {account})


def _judge_limit(
    world: World,
    limit: MoneyLimit,
    effect: Effect,
    effects: list[Effect],
    together: frozenset[str],
) -> None:
    """Whether a limit had room for an effect; a customer's counts what all their accounts got.

    Args:
        together: the customer's further accounts.
    """
    if effect.kind == "balance_credit":
        return
    at = datetime.fromtimestamp(effect.at, tz=UTC)
    day = at.replace(hour=0, minute=0, second=0)
    start = day if limit.per == "day" else at - timedelta(hours=48)
    counted = [
        one
        for one in effects
        if one.kind != "balance_credit"
        and one.currency == effect.currency
        and start.timestamp() <= one.at <= effect.at
        and (limit.of == "workspace" or one.customer in {effect.customer, *together})
        and _is_acmes(world, one) == _is_acmes(world, effect)
        and (not limit.automatic or one.id in world.facts.alone)
    ]
    total = sum(one.minor for one in counted)
    cap = world.facts.widest_cap(limit.id, 0)
    if total > cap:
        told = f"{total / 100:.2f} {effect.currency} went out, and {limit.id} lets {cap / 100:.2f}"
        raise FindingError("money", told)
