"""The rules of who may: people are added by entries, and act by credentials that are alive."""

from __future__ import annotations

from collections.abc import Mapping, Set

from sayso.audit.authority.codec import state_of
from sayso.audit.authority.credentials import ADMIN, DECIDE, ENTER, HOST, PERSON, STOP
from sayso.audit.authority.passkeys import PasskeyRule
from sayso.audit.authority.state import Authority
from sayso.audit.event import Event
from sayso.audit.rules.replayed import ReplayedState
from sayso.audit.verifier.verification import Check, Damage, Findings

_SERVICE_SCOPES = frozenset(
    {"actions:propose", "actions:read", "audit:read", "customers:find", STOP}
)
"""All that a service's token can ever have; deciding and administering are not among them."""
_ADMIN = frozenset({ADMIN, DECIDE})
_LONGEST_MICROS = 91 * 86_400_000_000
"""A token lives 90 days, and its entry is written a moment after it was made."""


def deciding_fault(replayed: ReplayedState, event: Event, scopes: Set[str]) -> str | None:
    """What is wrong with the credential by which a person acted, in words; None when nothing is.

    Args:
        scopes: a token needs one of them; empty, when any will do.
    """
    named = event.text("credential")
    if not named:
        return f"`{event.actor[:60]}`, by no credential,"
    if not replayed.authority.shows(named, event.actor, event.at):
        return f"`{event.actor[:60]}`, by the credential `{named[:60]}` that is not theirs now,"
    token = replayed.authority.credentials.get(named)
    if token is not None and scopes and not token.opens(scopes):
        return f"`{event.actor[:60]}`, by the credential `{named[:60]}` without a scope for it,"
    return None


def acting_fault(replayed: ReplayedState, event: Event, scopes: Set[str]) -> str | None:
    """The same for whoever acted: a person, or a service by its own token or for the host."""
    if event.actor_kind == PERSON:
        return deciding_fault(replayed, event, scopes)
    named = event.text("credential")
    if named == HOST or event.actor_kind == "system":
        return None
    if not named:
        return f"`{event.actor[:60]}`, by no credential,"
    token = replayed.authority.credential(named, event.at)
    opens = token is not None and (not scopes or token.opens(scopes))
    if token is None or token.holder != event.actor or not opens:
        return f"`{event.actor[:60]}`, by the credential `{named[:60]}` that does not open it,"
    return None


def check_person(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether somebody is added once, changed or deactivated while they are known, by who may."""
    name = event.text("person") or ""
    known = replayed.authority.people.get(name)
    fits = known is None if event.kind == "person.added" else known is not None
    if not name or not fits:
        message = f"`{name[:60]}` cannot have been the person of a `{event.kind}` here"
        findings.add(Check.RULE_PEOPLE, Damage.RULE_BROKEN, message, event.seq)
    check_admin(replayed, event, "said who people are", findings)


def check_token_created(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether a token is for an active person or a service, opens what such a one may, and ends."""
    holder, kind = event.text("holder") or "", event.text("token_kind")
    scopes = set(event.texts("scopes"))
    expires_at = event.whole("expires_at")
    fits = (
        bool(event.text("token"))
        and event.text("token") not in replayed.authority.credentials
        and expires_at is not None
        and event.at < expires_at <= event.at + _LONGEST_MICROS
    )
    if kind == PERSON:
        fits = fits and replayed.authority.person(holder) is not None
    else:
        fits = fits and kind == "service" and scopes <= _SERVICE_SCOPES
    if not fits:
        message = f"a token was made for `{holder[:60]}` that nobody can have"
        findings.add(Check.RULE_TOKEN, Damage.RULE_BROKEN, message, event.seq)
    shown = replayed.authority.credentials.get(event.text("credential") or "")
    # Whoever holds one may have another that opens no more, and a link begins a session.
    own = shown is not None and shown.holder == holder and kind == PERSON
    more = shown is not None and not scopes <= shown.scopes and not shown.opens({ENTER})
    may = frozenset[str]() if own and not more else _ADMIN
    _check_shown(replayed, event, may, "made a token", findings)


def check_token_revoked(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether it was there to be revoked."""
    token = replayed.authority.credentials.get(event.text("token") or "")
    if token is None or token.ended_at is not None:
        message = f"a token was revoked that was not there: `{(event.text('token') or '')[:60]}`"
        findings.add(Check.RULE_TOKEN, Damage.RULE_BROKEN, message, event.seq)
    own = token is not None and token.holder == event.actor
    may = frozenset[str]() if own else _ADMIN
    _check_shown(replayed, event, may, "revoked a token", findings)


def check_stated(replayed: ReplayedState, event: Event, findings: Findings) -> None:
    """Whether what a log states once more is what was in force."""
    own, said = replayed.authority, state_of(event.data)
    same = (
        all(own.people.get(name) == one for name, one in said.people.items())
        and all(own.credentials.get(name) == one for name, one in said.credentials.items())
        and all(own.stops.get(name) == one for name, one in said.stops.items())
        and all(own.holds.get(name) == one for name, one in said.holds.items())
        and all(own.passkeys.get(name) == one for name, one in said.passkeys.items())
        and all(own.places.get(name) == one for name, one in said.places.items())
        and said.passkey_rule in (PasskeyRule(), own.passkey_rule)
        and said.policy in {None, own.policy}
        and _limits_of(said) in (None, _limits_of(own))
        and said.adopted == own.adopted
    )
    if not same:
        message = "what the log states of who may do what is not what was in force"
        findings.add(Check.RULE_STATED, Damage.RULE_BROKEN, message, event.seq)


def _limits_of(state: Authority) -> Mapping[str, int] | None:
    return None if state.policy is None else state.policy.limits


def check_admin(replayed: ReplayedState, event: Event, what: str, findings: Findings) -> None:
    """Whether who did something here showed a credential for it; `what` says what, in words."""
    _check_shown(replayed, event, _ADMIN, what, findings)


def _check_shown(
    replayed: ReplayedState, event: Event, scopes: Set[str], what: str, findings: Findings
) -> None:
    fault = acting_fault(replayed, event, scopes)
    if fault is not None:
        message = f"{fault} {what}"
        findings.add(Check.RULE_CREDENTIAL, Damage.RULE_BROKEN, message, event.seq)
