"""What rows of holds, erasures, tokens, policies, test cards, links and texts must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, cast

from sayso.audit.authority.keyring import ROW

State: TypeAlias = "dict[str, object]"
Fields: TypeAlias = "dict[str, object]"
Said: TypeAlias = Iterator[tuple[str, str, State]]

SEAL = ".seal"
"""Beside the columns: the seal of the whole row."""
UNSAID: object = ["unsaid"]
"""Stands where an entry changes a column and does not say to what; older logs have such entries."""
SEALED_AT = ".at"
"""Beside the columns of a sealed text: when it was sealed, so that a sweep may have taken it."""

FIRST = {
    "hold": frozenset({"pseudonym", "reason", "placed_by", "placed_at"}),
    "erasure": frozenset({"pseudonym", "reason", "asked_by", "begun_seq", "begun_at"}),
    "token": frozenset({"kind", "holder", "hash", "scopes", "created_at", "expires_at"}),
    "policy_version": frozenset[str](),
    "policy_change": frozenset({"sha256", "parent", "direction", "asked_by", "asked_at", "note"}),
    "limit_use": frozenset[str](),
    "canary": frozenset({"source_id", "step", "mistake", "roles", "digest", "expires_at"}),
    "personal": frozenset({"c", "pseudonym", SEALED_AT}),
    "work_note": frozenset({"about", "person", "noted_at", "ref"}),
    "work": frozenset[str](),
    "customer_link": frozenset(
        "account other proof linked_by linked_at until request_id reason_ref".split()
    ),
}
"""Per table, the columns of which the first word counts."""
SAYS = {
    "work_note": FIRST["work_note"],
    "work": frozenset({"assignee", "is_ended", "last_seq"}),
    "hold": FIRST["hold"] | {"asked_by", "asked_at", "released_by", "released_at", "last_seq"},
    "erasure": FIRST["erasure"] | {"done_seq", "done_at", "subject_id"},
    "token": FIRST["token"] | {"revoked_at", "last_seq"},
    "policy_version": frozenset(
        "sha256 parent direction activated_by asked_by via note activated_at last_seq content"
        " tenant".split()
    ),
    "policy_change": FIRST["policy_change"]
    | {"via", "ended", "ended_at", "ended_by", "last_seq", "content"},
    "limit_use": frozenset("bucket count minor state why last_seq".split()),
    "canary": FIRST["canary"] | {"status", "person", "answer", "via"},
    "personal": frozenset({"c", "pseudonym", "opens"}),
    "customer_link": FIRST["customer_link"]
    | {"ended_by", "ended_at", "ended_why", "ended_ref", "last_seq", "leads"},
}
"""Per table, the columns that entries say, one or another."""


def of_subject(fields: Fields, data: Fields, seq: int) -> Said:
    """Holds and erasures."""
    kind, subject, at = str(fields.get("kind")), fields.get("subject"), fields.get("at")
    hold, erasure = data.get("hold"), data.get("erasure")
    who = cast("Fields", fields.get("actor") or {})
    if kind == "subject.held" and type(hold) is str:
        state: State = {
            "pseudonym": subject,
            "reason": data.get("reason"),
            "placed_by": who.get("id"),
            "placed_at": at,
            "asked_by": None,
            "asked_at": None,
            "released_by": None,
            "released_at": None,
            "last_seq": seq,
        }
        yield "hold", hold, state
    elif kind == "subject.release_asked" and type(hold) is str:
        yield "hold", hold, {"asked_by": who.get("id"), "asked_at": at, "last_seq": seq}
    elif kind == "subject.released" and type(hold) is str:
        yield "hold", hold, {"released_by": who.get("id"), "released_at": at, "last_seq": seq}
    elif kind == "subject.erasing" and type(erasure) is str:
        state = {
            "pseudonym": subject,
            "reason": data.get("reason"),
            "asked_by": f"{who.get('kind')}:{who.get('id')}",
            "begun_seq": seq,
            "begun_at": at,
            "done_seq": None,
        }
        yield "erasure", erasure, state
    elif kind == "subject.erased" and type(erasure) is str:
        yield "erasure", erasure, {"done_seq": seq, "done_at": at, "subject_id": None}


def of_token(fields: Fields, data: Fields, seq: int) -> Said:
    """Tokens, as far as they are keyed."""
    token, kind = data.get("token"), fields.get("kind")
    if type(token) is not str:
        return
    if kind == "token.created" and "keyed" in data:
        state: State = {
            "kind": data.get("token_kind"),
            "holder": data.get("holder"),
            "hash": data.get("keyed"),
            "scopes": data.get("scopes"),
            "created_at": fields.get("at"),
            "expires_at": data.get("expires_at"),
            "revoked_at": None,
            "last_seq": seq,
        }
        yield "token", token, state
    elif kind == "token.revoked":
        yield "token", token, {"revoked_at": fields.get("at"), "last_seq": seq}


def of_policy(fields: Fields, data: Fields, seq: int) -> Said:
    """Versions of the policy, and changes that wait for a second person."""
    kind, change, at = fields.get("kind"), data.get("change"), fields.get("at")
    who = cast("Fields", fields.get("actor") or {})
    if kind == "policy.activated":
        state: State = {
            "sha256": data.get("sha256"),
            "parent": data.get("parent"),
            "direction": data.get("direction"),
            "activated_by": f"{who.get('kind')}:{who.get('id')}",
            "asked_by": _person(data.get("asked_by")),
            "via": data.get("via"),
            "note": data.get("note"),
            "activated_at": at,
            "last_seq": seq,
            "content": data.get("sha256"),
            "tenant": "*",
        }
        yield "policy_version", str(data.get("version")), state
    if type(change) is not str:
        return
    if kind == "policy.asked":
        state = {name: data.get(name) for name in ("sha256", "parent", "direction", "via", "note")}
        state |= {"asked_by": who.get("id"), "asked_at": at, "ended": None, "last_seq": seq}
        yield "policy_change", change, state | {"content": data.get("sha256")}
    elif kind in {"policy.activated", "policy.withdrawn"}:
        ended = "activated" if kind == "policy.activated" else data.get("ended")
        state = {"ended": ended, "ended_at": at, "ended_by": who.get("id"), "last_seq": seq}
        yield "policy_change", change, state


def _person(said: object) -> str | None:
    """Kind and id, of an id alone."""
    return None if said is None else f"person:{str(said).removeprefix('person:')}"


def of_canary(fields: Fields, data: Fields, seq: int) -> Said:
    """Test cards."""
    canary, kind = data.get("canary"), fields.get("kind")
    if type(canary) is not str:
        return
    state: State = {"status": data.get("canary_status", "open")}
    if kind == "canary.shown":
        state |= {name: data.get(name) for name in ("step", "mistake", "roles", "expires_at")}
        state |= {"source_id": data.get("source"), "digest": fields.get("digest")}
        state |= {"person": None, "answer": None, "via": None}
    elif kind == "canary.answered":
        who = cast("Fields", fields.get("actor") or {})
        state |= {"person": who.get("id"), "answer": data.get("answer"), "via": data.get("via")}
    yield "canary", canary, state


def of_work(fields: Fields, data: Fields, seq: int) -> Said:
    """What people have taken, noted and ended; and what was seen outside Sayso."""
    about, pii = data.get("about"), fields.get("pii")
    who = cast("Fields", fields.get("actor") or {})
    if type(about) is not str or fields.get("kind") == "work.late":  # which changes no row
        return
    # A note below a card changes nobody's work; that a card was given to somebody does.
    if data.get("work") != "solution" or fields.get("kind") == "work.taken":
        work: State = {"is_ended": fields.get("kind") == "work.ended", "last_seq": seq}
        if fields.get("kind") == "work.taken":
            work["assignee"] = data.get("person")
        elif work["is_ended"]:
            work["assignee"] = UNSAID  # whoever ends it has it, where nobody else had
        yield "work", about, work
    if not isinstance(pii, dict):
        return  # `work.taken` notes nothing
    person = who.get("id") if who.get("kind") == "person" else ""
    state: State = {"about": about, "person": person, "noted_at": fields.get("at")}
    yield "work_note", note_id(about, seq), state | {"ref": cast("Fields", pii).get("ref")}


def of_customer(fields: Fields, data: Fields, seq: int) -> Said:
    """Links between the accounts of a customer.

    One that is told again, since its entry goes from the database, says by whom and since when.
    """
    link, kind, at = data.get("link"), fields.get("kind"), fields.get("at")
    if type(link) is not str:
        return
    who, pii = cast("Fields", fields.get("actor") or {}), fields.get("pii")
    by = f"{who.get('kind')}:{who.get('id')}"
    ref = cast("Fields", pii).get("ref") if isinstance(pii, dict) else None
    if kind == "customer.linked":
        state: State = {
            "account": fields.get("subject"),
            "other": data.get("linked_with"),
            "proof": data.get("proof"),
            "linked_by": data.get("by", by),
            "linked_at": data.get("since", at),
            "until": data.get("until"),
            "request_id": fields.get("request"),
            "reason_ref": ref,
            "ended_by": None,
            "ended_at": None,
            "ended_why": None,
            "ended_ref": None,
            "last_seq": seq,
            SEAL: data.get(ROW, UNSAID),
            "leads": True,
        }
        yield "customer_link", link, state
    elif kind == "customer.unlinked":
        seal = data.get(ROW, UNSAID)
        ended: State = {"ended_by": by, "ended_at": at, "ended_why": data.get("why")}
        yield (
            "customer_link",
            link,
            ended | {"ended_ref": ref, "last_seq": seq, SEAL: seal, "leads": UNSAID},
        )


def note_id(about: object, seq: object) -> str:
    """What a note is called here: it has no id of its own."""
    return f"{about} {seq}"


def of_texts(fields: Fields, data: Fields) -> Said:
    """The sealed texts that an entry names, by the digests of what is stored."""
    pii = fields.get("pii")
    named = cast("Fields", pii) if isinstance(pii, dict) else {}
    for ref, digest in (
        (named.get("ref"), named.get("c")),
        (data.get("words_ref"), data.get("words_c")),
    ):
        if type(ref) is not str or type(digest) is not str:
            continue
        state: State = {"c": digest, "opens": True, SEALED_AT: fields.get("at")}
        if "subject" in fields:
            state["pseudonym"] = fields["subject"]
        yield "personal", ref, state


SAYING: Mapping[str, Callable[[Fields, Fields, int], Said]] = {
    "subject": of_subject,
    "token": of_token,
    "policy": of_policy,
    "canary": of_canary,
    "work": of_work,
    "effect": of_work,
    "thread": of_work,
    "customer": of_customer,
}
