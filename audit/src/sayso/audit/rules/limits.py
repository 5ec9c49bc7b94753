"""The rules of limits: what is used of each is added up anew, and nothing hard is passed.

An entry that makes an action approved says what it uses of which limit, and how full that was. It
is held against the uses that the log itself gives, so a counter that somebody lowered is noticed as
soon as it would let anything pass. What is used in other logs, or was used before a limit was in
force, is not known here; so the log's own sum is never more than what was counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from sayso.audit.event import Event, objects_of, texts_of
from sayso.audit.fields import Fields, object_in
from sayso.audit.rules.actions import YES, is_known, judgement_in, life_of
from sayso.audit.rules.replayed import ActionLife, LimitInForce, LimitLife, ReplayedState, use_name
from sayso.audit.verifier.verification import Check, Damage, Findings

HOLDING = frozenset({"approved", "executing", "accepted", "unknown"})
CARDS = "cards"
PERSONAL = frozenset({"customer", "instrument"})
_APPROVER = "approver"
_STEPS = 256
"""Of a request, so many are known to be judged in one commit: no plan has more."""


def check_limits(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether what an action uses of limits fits, by what the log says was used before it."""
    approved = event.top("status") == "approved"
    life = life_of(replayed, event) if approved or "limits" in event.data else None
    if life is None:
        return
    said = said_in(event)
    for one in said:
        fault = _fault(replayed, event, life, one)
        if fault is not None:
            message = f"the action `{(event.top('action') or '')[:64]}` {fault}"
            findings.add(Check.RULE_LIMIT, Damage.RULE_BROKEN, message, event.seq)
    if approved and is_known(replayed, event, life) and not life.undoes:
        for limit in _unsaid(replayed, event, life, {str(one.get("limit")) for one in said}):
            message = f"the action `{(event.top('action') or '')[:64]}` was approved, and uses"
            message += f" nothing of the limit `{limit[:60]}` that counts it"
            findings.add(Check.RULE_LIMIT, Damage.RULE_BROKEN, message, event.seq)


def _fault(replayed: ReplayedState, event: Event, life: ActionLife, said: Fields) -> str | None:
    name, cap, told = str(said.get("limit"))[:60], said.get("cap"), said.get("used")
    if type(cap) is not int or type(told) is not int:
        return None  # of before entries said so, or beyond what has a cap
    added = _added(said)
    counted, since = _used_by_others(replayed, event, life, said, told + added)
    if counted > told:
        return f"was judged by less than was used of the limit `{name}`: {told} for {counted}"
    is_hard = said.get("hard") is True
    full = max(told, counted + since if is_hard else counted) + added
    if full > cap and (is_hard or said.get("why") == "fits"):
        return f"passes the limit `{name}`"
    amount = event.amount
    if amount is not None and said.get("currency") == amount[1] and added != amount[0]:
        return f"uses {added} of the limit `{name}`, and moves {amount[0]}"
    known = replayed.limits_in_force.get(str(said.get("limit")))
    if known is not None and cap not in known.caps:
        return f"was judged by another limit `{name}` than the one in force"
    return None


def _unsaid(
    replayed: ReplayedState, event: Event, life: ActionLife, said: set[str]
) -> Iterator[str]:
    """The hard limits in force that count an action that is approved now, and are unsaid."""
    choice, judged = event.text("decision"), judgement_in(event) or {}
    by_itself = choice is None and judged.get("outcome") == "allow"
    if not by_itself and choice not in YES:
        return  # it was held, and is approved as it was
    moves = event.amount is not None and event.amount[0] > 0
    for name, limit in replayed.limits_in_force.items():
        counts = limit.is_hard and event.top("name") in limit.names and (limit.counts or moves)
        if limit.of == _APPROVER:
            counts = counts and choice == "approve"
        if counts and (by_itself or not limit.automatic) and name not in said:
            yield name


def said_in(event: Event) -> list[Fields]:
    """What an entry says of what is used."""
    return objects_of(event.data.get("limits"))


def _added(said: Fields) -> int:
    minor = said.get("minor")
    return 1 if said.get("currency") in {"", CARDS} else minor if type(minor) is int else 0


def _place(replayed: ReplayedState, event: Event, said: Fields) -> str:
    """Which counter; what nobody but the engine can tell apart is one by itself."""
    limit, key = str(said.get("limit")), said.get("key")
    since = replayed.limits_in_force[limit].since if limit in replayed.limits_in_force else 0
    if replayed.authority.policy is None:
        # Another log tells of the policy: between two versions it may have gone, and come anew.
        since = event.whole("policy") or 0
    of, account = said.get("of"), said.get("account")
    if of == "customer" and type(account) is str:
        key = f"{account}|{event.top('subject')}"
    elif type(key) is not str or of not in _OPEN:
        key = f"?{event.top('action')}"
    return "\0".join((limit, str(since), str(said.get("currency")), key))


_OPEN = frozenset({"token", "approver", "agent", "tenant", "connector", "workspace"})


def _used_by_others(
    replayed: ReplayedState, event: Event, life: ActionLife, said: Fields, after: int
) -> tuple[int, int]:
    """What others use by the entries before: what was judged before, and what was judged since.

    Steps of a plan are judged in one commit, and told of in another order: what waits only for the
    others is judged last. Whoever was judged later says that this one was counted already.

    Args:
        after: how full it was with the action.
    """
    place, oldest = _place(replayed, event, said), said.get("oldest")
    start = oldest if type(oldest) is int else 0
    counts = said.get("currency") in {"", CARDS}
    counter = replayed.limits.of(place)
    used = since = 0
    for bucket, (count, minor) in counter.buckets.items():
        if int(bucket) >= start:
            used += count if counts else minor
    for use in life.uses:
        if use["place"] == place and use["bucket"] >= start and use["state"] != "released":
            used -= use["count"] if counts else _minor_of(use)
    request = event.top("request")
    steps = replayed.requests.of(request).steps if used and request is not None else ()
    for action in steps:
        for use in replayed.actions.of(action).uses if action != event.top("action") else ():
            beside = use["at"] == event.at and use["state"] == "held"
            is_here = use["place"] == place and use["bucket"] >= start
            if beside and is_here and use["told"] >= after:
                since += use["count"] if counts else _minor_of(use)
    return used - since, since


# ---- what an entry makes true ------------------------------------------------------------------


def follow(replayed: ReplayedState, event: Event, life: ActionLife, was: str) -> None:
    """Take in what a change of an action does to its uses; see `actions.limits.following`.

    Args:
        was: the action's status before.
    """
    status, said, request = life.status, said_in(event), event.top("request")
    if not said and not life.uses:
        return
    action = event.top("action") or ""
    if (
        said
        and request is not None
        and action not in (steps := replayed.requests.of(request).steps)
    ):
        steps[:] = [*steps[1 - _STEPS :], action]
    if status in HOLDING or status == "pending_approval":
        anew = bool(said) or judgement_in(event) is not None or status in HOLDING
        for use in life.uses if was not in HOLDING and anew else ():
            if use["state"] == "held":
                _change(replayed, event, use, "released")
        for one in said:
            _reserve(replayed, event, life, one)
        return
    newest = max((use["revision"] for use in life.uses if use["currency"] != CARDS), default=0)
    for use in life.uses:
        _end(replayed, event, use, status, is_newest=use["revision"] == newest)


def followed(
    event: Event, uses: list[dict[str, Any]], *, was: str, revision: int
) -> dict[str, dict[str, Any]]:
    """What an entry changes of the uses of its action, for the writer, which must store just that.

    Args:
        uses: those that there are: `action`, `limit`, `currency`, `key` (empty for a hashed one),
            `revision`, `bucket`, `count`, `minor`, `state`, `why`.
        was: the action's status before. revision: that it has with the entry.

    Returns:
        By its name (`use_name`), the columns of each use that is changed.
    """
    replayed, life = (
        ReplayedState(""),
        ActionLife(status=event.top("status") or was, revision=revision),
    )
    life.uses = [{**use, "place": _name(use), "told": 0, "at": 0} for use in uses]
    follow(replayed, event, life, was)
    return dict(replayed.used)


def _end(
    replayed: ReplayedState, event: Event, use: dict[str, Any], status: str, *, is_newest: bool
) -> None:
    held, settled = use["state"] == "held", use["state"] == "settled"
    if use["currency"] == CARDS:
        if held:
            _change(replayed, event, use, "released")
    elif status == "succeeded":
        late = use["state"] == "released" and is_newest
        if held or late:
            why = "late" if late else use["why"]
            moved = moved_by(event.amount, object_in(event.data, "moved"), use["minor"])
            _change(replayed, event, use, "settled", minor=moved, why=why)
    elif settled:
        if status in {"compensated", "failed"}:
            _change(replayed, event, use, "returned")
    elif held:
        _change(replayed, event, use, "released")


def moved_by(planned: tuple[int, str] | None, got: Fields, minor: int) -> int:
    """What the receipt says has moved, as far as it says so.

    Args:
        planned: minor units and currency. got: what has moved, as an entry says it.
    """
    amount = got.get("amount_minor")
    if planned is None or type(amount) is not int or got.get("currency") != planned[1]:
        return minor
    if planned[0] == amount or minor == 0:
        return minor
    return -(-minor * amount // planned[0])


def _reserve(replayed: ReplayedState, event: Event, life: ActionLife, said: Fields) -> None:
    place = _place(replayed, event, said)
    of, key = said.get("of"), said.get("key")
    minor, bucket, told = said.get("minor"), said.get("bucket"), said.get("used")
    for use in life.uses:
        same = use["revision"] == life.revision and use["place"] == place
        if same and use["state"] != "released":
            _count(replayed, use, -1)
            life.uses.remove(use)
            break
    fresh: dict[str, Any] = {
        "action": event.top("action"),
        "place": place,
        "limit": str(said.get("limit")),
        "currency": str(said.get("currency")),
        "key": "" if of in PERSONAL or type(key) is not str else key,
        "revision": life.revision,
        "bucket": bucket if type(bucket) is int else 0,
        "count": 1,
        "minor": minor if type(minor) is int else 0,
        "state": "held",
        "why": str(said.get("why")),
        "told": told if type(told) is int else 0,
        "at": event.at,
    }
    life.uses[:] = [one for one in life.uses if _name(one) != _name(fresh)]
    life.uses.append(fresh)
    _count(replayed, fresh, 1)
    _tell(replayed, event, fresh)


def _change(
    replayed: ReplayedState,
    event: Event,
    use: dict[str, Any],
    state: str,
    *,
    minor: int | None = None,
    why: str | None = None,
) -> None:
    _count(replayed, use, -1)
    use["state"] = state
    use["minor"] = use["minor"] if minor is None else minor
    use["why"] = use["why"] if why is None else why
    _count(replayed, use, 1)
    _tell(replayed, event, use)


def _tell(replayed: ReplayedState, event: Event, use: dict[str, Any]) -> None:
    said = {name: use[name] for name in ("bucket", "count", "minor", "state", "why")}
    replayed.used.append((_name(use), {**said, "last_seq": event.seq}))


def _count(replayed: ReplayedState, use: dict[str, Any], sign: int) -> None:
    if use["state"] == "released":
        return
    life: LimitLife = replayed.limits.of(use["place"])
    bucket = str(use["bucket"])
    count, minor = life.buckets.get(bucket, (0, 0))
    left = (count + sign * use["count"], minor + sign * _minor_of(use))
    if any(left):
        life.buckets[bucket] = left
    else:
        life.buckets.pop(bucket, None)


def _minor_of(use: dict[str, Any]) -> int:
    """What was taken back moves nothing any more, and was one nevertheless."""
    minor: int = use["minor"]
    return minor if use["state"] in {"held", "settled"} else 0


def _name(use: dict[str, Any]) -> str:
    return use_name(use["action"], use["revision"], use["limit"], use["currency"], use["key"])


# ---- which limits there are --------------------------------------------------------------------


def put_in_force(replayed: ReplayedState, event: Event) -> None:
    """Take in the limits of a version of the policy; a new one counts from nothing."""
    found: dict[str, LimitInForce] = {}
    for fields in objects_of(event.data.get("limits_in_force")):
        name = str(fields.get("id"))
        before, caps = replayed.limits_in_force.get(name), fields.get("caps")
        numbers = cast("list[object]", caps) if isinstance(caps, list) else []
        found[name] = LimitInForce(
            since=event.seq if before is None else before.since,
            of=str(fields.get("of")),
            caps=tuple(cap for cap in numbers if type(cap) is int),
            names=frozenset(texts_of(fields.get("names"))),
            counts=fields.get("counts") is True,
            automatic=fields.get("automatic") is True,
            is_hard=fields.get("hard") is True,
        )
    replayed.limits_in_force = found
