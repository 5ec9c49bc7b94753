"""What is in force as plain JSON: in a process's notes, and where a log states it once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sayso.audit.authority.credentials import Credential
from sayso.audit.authority.passkeys import Passkey, PasskeyRule, tier_of, tier_to_json
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority, OpenHold, OpenStop, PolicyInForce
from sayso.audit.entry import Json

_T = TypeVar("_T", KnownPerson, Credential, OpenStop, OpenHold, Passkey)
_AT_ONCE = 50
"""So many things stand in one entry, of which each has a few hundred bytes."""


def to_json(state: Authority) -> dict[str, Json]:
    """Everything of a state, in the profile of an entry's `data`."""
    return {
        "adopted": state.adopted,
        "policy": None if state.policy is None else _policy(state.policy),
        "limits": _limits(state.policy),
        "people": [_person(one) for one in state.people.values()],
        "credentials": [_credential(one) for one in state.credentials.values()],
        "stops": [_stop(one) for one in state.stops.values()],
        "holds": [_hold(one) for one in state.holds.values()],
        "passkeys": [_passkey(one) for one in state.passkeys.values()],
        "passkey_rule": _rule(state.passkey_rule),
        "places": [{"tenant": one, "database": name} for one, name in state.places.items()],
    }


def state_of(fields: Mapping[str, object]) -> Authority:
    """The state behind `to_json`, or a part of it.

    Raises:
        KeyError, TypeError: for what `to_json` never makes.
    """
    said = cast("Mapping[str, Any]", fields)
    return Authority(
        adopted=said.get("adopted"),
        policy=_policy_of(said.get("policy"), said.get("limits")),
        people=_by_id(_person_of(one) for one in said.get("people", ())),
        credentials=_by_id(
            Credential(**_sets(one, "scopes")) for one in said.get("credentials", ())
        ),
        stops=_by_id(OpenStop(**one) for one in said.get("stops", ())),
        holds=_by_id(OpenHold(**one) for one in said.get("holds", ())),
        passkeys=_by_id(Passkey(**one) for one in said.get("passkeys", ())),
        passkey_rule=_rule_of(said.get("passkey_rule")),
        places={one["tenant"]: one["database"] for one in said.get("places", ())},
    )


def parts(state: Authority) -> Iterator[dict[str, Json]]:
    """The same in parts that each fit into an entry, numbered from 1."""
    whole = to_json(state)
    lists = {name: cast("list[Json]", whole[name]) for name in _LISTS}
    flat = [(name, one) for name, found in lists.items() for one in found]
    chunks = [flat[at : at + _AT_ONCE] for at in range(0, len(flat), _AT_ONCE)] or [[]]
    for number, chunk in enumerate(chunks, 1):
        said: dict[str, Json] = {"part": number, "parts": len(chunks), "adopted": state.adopted}
        if number == 1:
            said["policy"] = whole["policy"]
            if whole["limits"] is not None:
                said["limits"] = whole["limits"]
            if state.passkey_rule != PasskeyRule():
                said["passkey_rule"] = whole["passkey_rule"]
        for name in _LISTS:
            of_name: list[Json] = [one for of, one in chunk if of == name]
            if of_name:
                said[name] = of_name
        yield said


_LISTS = ("people", "credentials", "stops", "holds", "passkeys", "places")


def _by_id(found: Iterable[_T]) -> Mapping[str, _T]:
    return {one.id: one for one in found}


def _sets(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {**fields, name: frozenset(fields[name])}


def _policy(one: PolicyInForce) -> dict[str, Json]:
    return {
        "number": one.number,
        "sha256": one.sha256,
        "seq": one.seq,
        "activate": list[Json](sorted(one.activate)),
        "confirm": list[Json](sorted(one.confirm)),
        "loosening_needs": one.loosening_needs,
    }


def _limits(one: PolicyInForce | None) -> Json:
    # Beside the policy, where builds that do not know of them pass them over; and not as keys of
    # an entry, which have a form of their own.
    if one is None or one.limits is None:
        return None
    return [{"id": name, "since": since} for name, since in one.limits.items()]


def _policy_of(
    said: dict[str, Any] | None, limits: Sequence[Mapping[str, Any]] | None
) -> PolicyInForce | None:
    if said is None:
        return None
    since = None if limits is None else {one["id"]: one["since"] for one in limits}
    return PolicyInForce(**_sets(_sets(said, "activate"), "confirm"), limits=since)


def _person(one: KnownPerson) -> dict[str, Json]:
    return {
        "id": one.id,
        "roles": list[Json](sorted(one.roles)),
        "slack": one.slack,
        **({} if one.oidc is None else {"oidc": one.oidc}),
        **({"accounts": list[Json](sorted(one.accounts))} if one.accounts else {}),
        "active": one.active,
        "source": one.source,
        "statement": one.statement,
        "stated_at": one.stated_at,
        "seq": one.seq,
    }


def _person_of(said: dict[str, Any]) -> KnownPerson:
    return KnownPerson(**_sets({"accounts": (), **_sets(said, "roles")}, "accounts"))


def _credential(one: Credential) -> dict[str, Json]:
    return {
        "id": one.id,
        "kind": one.kind,
        "holder": one.holder,
        "keyed": one.keyed,
        "kid": one.kid,
        "scopes": list[Json](sorted(one.scopes)),
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "ended_at": one.ended_at,
        "seq": one.seq,
        **({"session": one.session} if one.session else {}),
    }


def _stop(one: OpenStop) -> dict[str, Json]:
    return {
        "id": one.id,
        "scope": one.scope,
        "target": one.target,
        "subject": one.subject,
        "seq": one.seq,
        "at": one.at,
        "asked_by": one.asked_by,
    }


def _hold(one: OpenHold) -> dict[str, Json]:
    return {"id": one.id, "subject": one.subject, "seq": one.seq, "asked_by": one.asked_by}


def _passkey(one: Passkey) -> dict[str, Json]:
    return {
        "id": one.id,
        "person": one.person,
        "public_key": one.public_key,
        "rp_id": one.rp_id,
        "name": one.name,
        "confirmed_by": one.confirmed_by,
        "seq": one.seq,
        "at": one.at,
        **({"origin": one.origin} if one.origin else {}),
    }


def _rule(one: PasskeyRule) -> dict[str, Json]:
    said: dict[str, Json] = {"amounts": tier_to_json(one.amounts), "root": one.root}
    said |= {"at": one.at, "seq": one.seq}
    return said | ({"sums": one.sums} if one.sums else {})


def _rule_of(said: dict[str, Any] | None) -> PasskeyRule:
    if said is None:
        return PasskeyRule()
    return PasskeyRule(
        amounts=tier_of(said["amounts"]),
        root=said["root"],
        at=said["at"],
        seq=said["seq"],
        sums=said.get("sums", ""),
    )
