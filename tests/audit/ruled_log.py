"""A log that has adopted its rules, in which one thing after the other is done by the book.

Every test breaks one rule in it. Whoever writes it holds the log's key, so that nothing but the
rules can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from audit.small_log import SmallLog

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.exports.bundle import write_bundle
from sayso.audit.rules.actions import derived_key
from sayso.money import Money

TENANT = "main"
WORKSPACE = Actor(kind=ActorKind.SYSTEM, id="workspace")
ENGINE = Actor(kind=ActorKind.SYSTEM, id="engine")
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
BEGAN = 1_764_072_000_000_000
DAY = 86_400_000_000
DIGEST, OTHER = "a" * 64, "b" * 64
SUBJECT = "sub_abc"
ROLES = {
    "maria": ["support_manager"],
    "noor": ["support_manager"],
    "finn": ["finance"],
    "dora": ["director"],
    "nobody": [],
}

Data = dict[str, Json]


def person(name: str) -> Actor:
    """Somebody by their id."""
    return Actor(kind=ActorKind.PERSON, id=name)


class RuledLog(SmallLog):
    """A log with its rules, its people with a token each, its policy; then what is added."""

    def __init__(self) -> None:
        super().__init__(0, plain=True)
        self.policy_number = 1
        self.say(EntryKind.RULES_ADOPTED, WORKSPACE, {"rules": 1})
        for name, roles in ROLES.items():
            self.say(
                EntryKind.PERSON_ADDED, WORKSPACE, {"person": name, "roles": list[Json](roles)}
            )
            self.token(name)
        self.token("stopper", kind="service", scopes=["stop"])
        self.policy(1, WORKSPACE, parent=None)

    def say(self, kind: EntryKind, actor: Actor, data: Data, **more: object) -> None:
        """Add an entry."""
        self.append(Entry(kind=kind, actor=actor, data=data, **more))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def token(
        self,
        holder: str,
        *,
        kind: str = "person",
        scopes: list[str] | None = None,
        days: int = 60,
        seconds: int = 0,
        name: str | None = None,
    ) -> None:
        """Make a token for somebody, `tok_NAME`; entries are a second apart."""
        scopes = ["approvals:decide", "admin"] if scopes is None else scopes
        data: Data = {
            "token": name or f"tok_{holder}",
            "token_kind": kind,
            "holder": holder,
            "scopes": list[Json](scopes),
            "expires_at": BEGAN + days * DAY + seconds * 1_000_000,
        }
        self.say(EntryKind.TOKEN_CREATED, WORKSPACE, data)

    def policy(self, number: Json, by: Actor, **more: Json) -> None:
        """A version of the policy comes in force; two people loosen it."""
        if type(number) is int:
            self.policy_number = number
        data: Data = {
            "version": number,
            "sha256": DIGEST,
            "parent": 1,
            "direction": "looser",
            "asked_by": None,
            "credential": "host",
            "rules": {"activate": ["finance"], "confirm": ["director"], "loosening_needs": 2},
        }
        self.say(EntryKind.POLICY_ACTIVATED, by, data | more)

    def policy_change(self, by: str = "finn", sha256: str = DIGEST) -> None:
        """Somebody asks for a second person."""
        data: Data = {
            "change": "pol_1",
            "sha256": sha256,
            "parent": 1,
            "direction": "looser",
            "credential": f"tok_{by}",
        }
        self.say(EntryKind.POLICY_ASKED, person(by), data)

    def bundle(self, folder: Path) -> Path:
        """The whole log, beside which there are no rows."""
        write_bundle(
            folder,
            tenant=self.tenant,
            note=self.note(),
            vkeys=[self.signer.vkey],
            entries=enumerate(self.bodies),
        )
        return folder

    # ---- an action -----------------------------------------------------------------------------

    def act(
        self,
        kind: EntryKind,
        status: str,
        actor: Actor = ENGINE,
        data: Data | None = None,
        **more: object,
    ) -> None:
        """An entry that moves the action."""
        said: dict[str, object] = {
            "action": "act_1",
            "name": "shop.refund",
            "subject": SUBJECT,
            "digest": DIGEST,
            "amount": Money(9900, "USD"),
        } | more
        self.say(kind, actor, {"revision": 1, **(data or {})}, status=status, **said)

    def asked(self, *roles: str, actor: Actor = BOT, **data: Json) -> None:
        """It is proposed, and these people are asked."""
        said: Data = {
            "planner": "caller",
            "outcome": "ask",
            "policy_version": "p1",
            "policy": 1,
            "roles": list[Json](roles or ("support_manager",)),
            "expires_at": BEGAN + DAY,
            "approval_status": "pending",
        }
        self.act(EntryKind.ACTION_PENDING, "pending_approval", actor, said | data, approval="apr_1")

    def refused(self, digest: str = DIGEST, **data: Json) -> None:
        """The provider refuses it after all; earlier logs repeat the judgement that it had."""
        said: Data = {"code": "already_refunded", "outcome": "ask", "policy_version": "p1"}
        more: Data = {"policy": 1, "roles": ["support_manager"]}
        self.act(EntryKind.ACTION_STALE, "stale", approval="apr_1")
        self.act(EntryKind.ACTION_REFUSED, "refused", data=said | more | data, digest=digest)

    def yes(self, name: str = "maria", *, enough: bool = True, **more: Json) -> None:
        """Somebody says yes."""
        data: Data = {
            "decision": "approve",
            "via": "cli",
            "credential": f"tok_{name}",
            "approval_status": "approved" if enough else "pending",
        }
        kind = EntryKind.ACTION_APPROVED if enough else EntryKind.ACTION_PENDING
        status = "approved" if enough else "pending_approval"
        self.act(kind, status, person(name), data | more, approval="apr_1")

    def allowed(self, action: str, **data: Json) -> None:
        """It is approved by itself, without anybody's yes."""
        said: Data = {"planner": "caller", "outcome": "allow", "policy_version": "p1"}
        more: Data = {"policy": self.policy_number, "roles": []}
        self.act(EntryKind.ACTION_APPROVED, "approved", BOT, said | more | data, action=action)

    def limited(self, action: str, **more: Json) -> None:
        """The same, under a limit of $100 for one bot, of which it uses $99."""
        use: Data = {
            "limit": "bot",
            "of": "token",
            "key": "service:bot",
            "currency": "USD",
            "bucket": 0,
            "oldest": 0,
            "minor": 9_900,
            "why": "fits",
            "hard": True,
            "cap": 10_000,
            "used": 0,
        }
        self.allowed(action, limits=[use | more])

    def limits(self) -> None:
        """A version of the policy with that limit comes in force."""
        limit: Data = {
            "id": "bot",
            "of": "token",
            "hard": True,
            "automatic": False,
            "counts": False,
            "caps": [10_000],
            "names": ["shop.refund"],
        }
        self.policy(2, WORKSPACE, direction="tighter", limits_in_force=[limit])

    def intent(self, *, digest: str = DIGEST, approval: str | None = "apr_1", **more: Json) -> None:
        """The call is begun."""
        data: Data = {"call_key": derived_key(TENANT, "act_1", digest), "fence": 1}
        self.act(
            EntryKind.ACTION_INTENT, "executing", data=data | more, digest=digest, approval=approval
        )

    def done(self) -> None:
        """The provider did it."""
        self.act(EntryKind.ACTION_SUCCEEDED, "succeeded", data={"receipt": "re_1"})

    def lost(self) -> None:
        """Nobody knows what became of it."""
        self.act(EntryKind.ACTION_UNKNOWN, "unknown", data={"code": "outcome_unknown"})

    # ---- stops and holds -----------------------------------------------------------------------

    def stop(self, kind: EntryKind, name: str, of: str | None = None, **more: Json) -> None:
        """An entry about a stop of everything; `of`: of one customer."""
        data: Data = {"stop": "stp_1", "scope": "tenant", "credential": f"tok_{name}"}
        self.say(kind, person(name), data | more, subject=of)

    def hold(self, kind: EntryKind, name: str) -> None:
        """An entry about a hold on the customer."""
        data: Data = {"hold": "hld_1", "reason": "court", "credential": f"tok_{name}"}
        self.say(kind, person(name), data, subject=SUBJECT)

    def erase(self, kind: EntryKind = EntryKind.SUBJECT_ERASING, name: str = "maria") -> None:
        """An entry about the customer's erasure."""
        data: Data = {"erasure": "ers_1", "reason": "asked", "credential": f"tok_{name}"}
        self.say(kind, person(name), data, subject=SUBJECT)


def drafted(log: RuledLog, digest: str = DIGEST) -> None:
    """A request that is left to people with a draft."""
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_9", subject=SUBJECT)
    data: Data = {"planner": "playbook", "code": "not_asked_for", "draft": digest}
    log.say(EntryKind.REQUEST_HANDED_OVER, ENGINE, data, request="req_9", subject=SUBJECT)


def restated(
    log: RuledLog, *, asked: str = DIGEST, answered: str = DIGEST, planned: str = OTHER
) -> None:
    """A request whose plan is restated to its customer, who says yes to it."""
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_8", subject=SUBJECT)
    question: Data = {"question": 1, "slot": "confirm", "asked": asked, "plan": OTHER}
    log.say(EntryKind.REQUEST_QUESTIONED, ENGINE, question, request="req_8", subject=SUBJECT)
    if answered:
        said: Data = {"question": 1, "picked": True, "asked": answered}
        log.say(EntryKind.REQUEST_CONTINUED, BOT, said, request="req_8", subject=SUBJECT)
    plan: Data = {"planner": "playbook", "steps": [], "confirmed": True, "plan": planned}
    log.say(EntryKind.REQUEST_PLANNED, ENGINE, plan, request="req_8", subject=SUBJECT)


def proposed(
    log: RuledLog,
    by: str = "maria",
    *,
    actor: Actor | None = None,
    draft: Json = DIGEST,
    credential: str = "",
) -> None:
    """Somebody proposes what is drafted in it."""
    data: Data = {
        "planner": "playbook",
        "steps": ["s1 shop.refund"],
        "draft": draft,
        "via": "cli",
        "credential": credential or f"tok_{by}",
    }
    who = actor or person(by)
    log.say(EntryKind.REQUEST_PROPOSED, who, data, request="req_9", subject=SUBJECT)


def by_the_book(log: RuledLog) -> None:
    """A bit of everything, none of it against a rule."""
    log.asked()
    log.yes()
    log.intent()
    log.done()
    log.stop(EntryKind.STOP_ENGAGED, "maria")
    log.stop(EntryKind.STOP_RESUME_ASKED, "maria")
    log.stop(EntryKind.STOP_RELEASED, "noor", asked_by="maria")
    log.hold(EntryKind.SUBJECT_HELD, "maria")
    log.hold(EntryKind.SUBJECT_RELEASE_ASKED, "maria")
    log.hold(EntryKind.SUBJECT_RELEASED, "noor")
    log.erase()
    log.erase(EntryKind.SUBJECT_ERASED)
    log.limits()
    log.limited("act_3")
    log.act(EntryKind.ACTION_STALE, "stale", action="act_3")
    log.limited("act_4")
    drafted(log)
    proposed(log)


def write_ruled(folder: Path, *steps: Callable[[RuledLog], None]) -> Path:
    """A bundle of such a log after these steps."""
    log = RuledLog()
    for step in steps:
        step(log)
    return log.bundle(folder)
