"""How entries change what is in force: read in the order of the log, each gives the next state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from sayso.audit.authority import credentials, passkeys, people
from sayso.audit.authority.codec import state_of
from sayso.audit.authority.credentials import credential_of
from sayso.audit.authority.passkeys import PasskeyRule
from sayso.audit.authority.people import person_of
from sayso.audit.authority.state import Authority, OpenHold, OpenStop, PolicyInForce
from sayso.audit.event import Event, objects_of, texts_of
from sayso.audit.fields import object_in, text_or_none

_T = TypeVar("_T")

ADOPTED = "rules.adopted"
"""From this entry on a log says all that its rules are judged by."""
POLICY = "policy.activated"
PLACED = "tenant.placed"
STATED = "authority.stated"
"""Says once more what is in force, where a sealed segment of the log ends."""
STOPS = frozenset({"stop.engaged", "stop.resume_asked", "stop.released"})
HOLDS = frozenset({"subject.held", "subject.release_asked", "subject.released"})
KINDS = (
    people.KINDS
    | credentials.KINDS
    | passkeys.KINDS
    | STOPS
    | HOLDS
    | {ADOPTED, POLICY, PLACED, STATED}
)
"""The kinds of entries that change a state."""

NO_PASSKEYS = PasskeyRule()
_FORGOTTEN_MICROS = 86_400_000_000
"""So long after its end nothing can be done by a credential, whatever the clocks say: one day."""


def after(state: Authority, event: Event) -> Authority:
    """The state once this entry counts, too; the very same one where it changes nothing."""
    step = _STEPS.get(event.kind)
    return state if step is None else step(state, event)


def _merged(state: Authority, other: Authority) -> Authority:
    """The state with what another one knows in the place of what it knows itself."""

    def both(own: Mapping[str, _T], more: Mapping[str, _T]) -> Mapping[str, _T]:
        return dict(own) | dict(more) if more else own

    return Authority(
        adopted=other.adopted if state.adopted is None else state.adopted,
        people=both(state.people, other.people),
        credentials=both(state.credentials, other.credentials),
        stops=both(state.stops, other.stops),
        holds=both(state.holds, other.holds),
        policy=_newer(state.policy, other.policy),
        passkeys=both(state.passkeys, other.passkeys),
        passkey_rule=(
            state.passkey_rule if other.passkey_rule == NO_PASSKEYS else other.passkey_rule
        ),
        places=both(state.places, other.places),
    )


def _newer(own: PolicyInForce | None, other: PolicyInForce | None) -> PolicyInForce | None:
    if other is None:
        return own
    known = other.limits is not None or own is None or own.number != other.number
    return other if known else own


def _put(known: Mapping[str, _T], name: str, value: _T | None) -> Mapping[str, _T]:
    """The same with another value under a name, or without it."""
    changed = dict(known)
    changed.pop(name, None)
    if value is not None:
        changed[name] = value
    return changed


def _adopted(state: Authority, event: Event) -> Authority:
    return replace(state, adopted=event.seq) if state.adopted is None else state


def _person(state: Authority, event: Event) -> Authority:
    found = person_of(event, state.people.get(event.text("person") or ""))
    return state if found is None else replace(state, people=_put(state.people, found.id, found))


def _created(state: Authority, event: Event) -> Authority:
    found = credential_of(event)
    if found is None:
        return state
    old = event.at - _FORGOTTEN_MICROS
    left = {name: one for name, one in state.credentials.items() if one.expires_at > old}
    return replace(state, credentials=left | {found.id: found})


def _revoked(state: Authority, event: Event) -> Authority:
    found = state.credentials.get(event.text("token") or "")
    if found is None:
        return state
    ended = credentials.ended(found, event.at)
    return replace(state, credentials=_put(state.credentials, found.id, ended))


def _passkey(state: Authority, event: Event) -> Authority:
    rule, name = state.passkey_rule, event.text("passkey_id") or ""
    if event.kind == passkeys.REQUIRED:
        amounts = passkeys.tier_of(event.data.get("amounts"))
        return replace(
            state,
            passkey_rule=replace(
                rule, amounts=amounts, at=event.at, seq=event.seq, sums=event.text("sums") or ""
            ),
        )
    known = state.passkeys.get(name)
    if event.kind == passkeys.ENROLLED:
        found = passkeys.passkey_of(event, rule.root)
        if found is None:
            return state
        if rule.root is None:
            rule = replace(rule, root=event.seq)
        return replace(state, passkeys=_put(state.passkeys, name, found), passkey_rule=rule)
    if known is None:
        return state
    left = passkeys.confirmed(known, event) if event.kind == passkeys.CONFIRMED else None
    return replace(state, passkeys=_put(state.passkeys, name, left))


def _stop(state: Authority, event: Event) -> Authority:
    name = event.text("stop") or ""
    known = state.stops.get(name)
    stop: OpenStop | None = None
    if event.kind == "stop.engaged":
        stop = OpenStop(
            id=name,
            scope=event.text("scope") or "",
            target=event.text("target") or "",
            subject=event.top("subject"),
            seq=event.seq,
            at=event.at,
        )
    elif event.kind == "stop.resume_asked" and known is not None:
        stop = replace(known, asked_by=event.actor)
    return replace(state, stops=_put(state.stops, name, stop))


def _hold(state: Authority, event: Event) -> Authority:
    name = event.text("hold") or ""
    known = state.holds.get(name)
    hold: OpenHold | None = None
    if event.kind == "subject.held":
        hold = OpenHold(id=name, subject=event.top("subject") or "", seq=event.seq)
    elif event.kind == "subject.release_asked" and known is not None:
        hold = replace(known, asked_by=event.actor)
    return replace(state, holds=_put(state.holds, name, hold))


def _placed(state: Authority, event: Event) -> Authority:
    tenant, database = event.text("tenant"), event.text("database")
    if tenant is None or database is None:
        return state
    return replace(state, places=_put(state.places, tenant, database))


def _stated(state: Authority, event: Event) -> Authority:
    return _merged(state, state_of(event.data))


def _policy(state: Authority, event: Event) -> Authority:
    rules = object_in(event.data, "rules")
    needs = rules.get("loosening_needs")
    number = event.whole("version") or 0
    policy = PolicyInForce(
        number=number,
        sha256=event.text("sha256") or "",
        seq=event.seq,
        activate=frozenset(texts_of(rules.get("activate"))),
        confirm=frozenset(texts_of(rules.get("confirm"))),
        loosening_needs=needs if type(needs) is int else 1,
        limits=_limits(state.policy, event, number),
    )
    return replace(state, policy=policy)


def _limits(was: PolicyInForce | None, event: Event, number: int) -> Mapping[str, int]:
    """Since which version each limit counts: one that comes back counts anew."""
    before: Mapping[str, int] = {} if was is None or was.limits is None else was.limits
    names = (text_or_none(one, "id") for one in objects_of(event.data.get("limits_in_force")))
    return {name: before.get(name, number) for name in names if name is not None}


_STEPS: Mapping[str, Callable[[Authority, Event], Authority]] = {
    ADOPTED: _adopted,
    STATED: _stated,
    PLACED: _placed,
    POLICY: _policy,
    credentials.CREATED: _created,
    credentials.REVOKED: _revoked,
    **dict.fromkeys(people.KINDS, _person),
    **dict.fromkeys(passkeys.KINDS, _passkey),
    **dict.fromkeys(STOPS, _stop),
    **dict.fromkeys(HOLDS, _hold),
}
