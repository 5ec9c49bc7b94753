"""The people of a workspace: who they are by the log, and what is said of them there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sayso.audit.authority.by import By
from sayso.audit.authority.credentials import SLACK, account_in, alive_of
from sayso.audit.authority.files import Files, Stated, files_of
from sayso.audit.authority.log_directory import LogDirectory
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Entry, EntryKind, Json, StoredEntry
from sayso.audit.log import AuditLog
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, from_micros, to_micros
from sayso.sdk.resources.tokens import Scope, Token
from sayso.settings import Settings
from sayso.settings.base import NAME
from sayso.settings.surfaces import ACCOUNT
from sayso.store.base import Reader, Store, Transaction, text

T = TypeVar("T")
_ID = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}")
_CHAT, _ACCOUNT = re.compile(NAME), re.compile(ACCOUNT)
_SLACK = re.compile(r"[A-Z0-9]+/[A-Z0-9]+")
_HOST_MAY = Scope.ADMIN


def files_of_settings(settings: Settings, read_at: int) -> Files:
    """What sayso.toml says of people, read at these microseconds since 1970."""
    oidc = settings.console.oidc
    issuer = "" if oidc is None else oidc.issuer
    people = [
        Stated(
            id=one.id,
            roles=one.roles,
            slack=one.slack,
            active=one.active,
            oidc=None if one.oidc is None else oidc_link(issuer, one.oidc),
            accounts=frozenset(account_in(chat, name) for chat, name in one.accounts.items()),
        )
        for one in settings.people
    ]
    return files_of(people, read_at, settings.approvals.passkey_tier)


def oidc_link(issuer: str, subject: str) -> str:
    """Somebody at a provider, as entries name them: both, since a subject alone is nobody."""
    return f"{issuer} {subject}"


def admin(token: Token, via: str) -> By:
    """The holder of a token who may say who people are, which needs the scope `admin`.

    Raises:
        RefusedError: `forbidden`.
    """
    if token.kind != "person" or _HOST_MAY not in token.scopes:
        raise RefusedError(
            Code.FORBIDDEN,
            "this token may not say who people are",
            next_step="use a person's token with the scope `admin`",
        )
    return By(actor=token.actor, credential=token.id, via=via)


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Somebody who does not answer until then. `to`: who is called in their place, or empty."""

    person: str
    until: datetime
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """By what else somebody shows who they are; `accounts`: by chat, empty for none."""

    slack: str | None
    oidc: str | None
    accounts: Mapping[str, str]

    @property
    def named(self) -> frozenset[str]:
        """The accounts as entries name them."""
        return frozenset(account_in(chat, name) for chat, name in self.accounts.items() if name)


_LONGEST_ABSENCE = timedelta(days=90)
_MOST_ABSENCES = 500
_EVER = 2**53


class People:
    """Adds people, changes their roles and takes their powers; each by an entry, at once.

    Args:
        roles: the roles that there are, by `[approvals] roles`.
    """

    def __init__(
        self, *, store: Store, log: AuditLog, directory: LogDirectory, roles: tuple[str, ...]
    ) -> None:
        self._store = store
        self._log = log
        self._directory = directory
        self._roles = roles

    async def authority(self, tenant: Tenant) -> Authority:
        """Who may do what in a tenant now.

        Raises:
            IntegrityError: `tampered`, when its log is not what its key has signed.
        """
        return await self._store.read(lambda reader: self._directory.at(reader, tenant))

    async def list(self, tenant: Tenant) -> list[KnownPerson]:
        """Everybody whom the log knows, by id."""
        authority = await self.authority(tenant)
        return sorted(authority.people.values(), key=lambda one: one.id)

    async def called(
        self, tenant: Tenant, roles: frozenset[str], without: frozenset[str], now: datetime
    ) -> tuple[KnownPerson, ...]:
        """Who is called to decide: active, with one of the roles, and not away.

        Args:
            without: people who are left out, by id.
        """
        away = await self.away(tenant, now)
        return tuple(
            person
            for person in await self.list(tenant)
            if person.active and roles & person.roles
            if person.id not in without and person.id not in away
        )

    async def away(self, tenant: Tenant, now: datetime) -> Mapping[str, Away]:
        """Who is away now, and who is called in their place, by id; what was said last counts."""

        def read(reader: Reader) -> dict[str, Away]:
            rows = reader.all(
                "log.page_by_kind",
                tenant=tenant,
                kind=EntryKind.WORK_AWAY.value,
                low=0,
                before=_EVER,
                limit=_MOST_ABSENCES,
            )
            found: dict[str, Away] = {}
            for row in rows:
                data = StoredEntry.read(text(row, "body").encode()).entry.data
                match data:
                    case {"person": str(person), "until": int(until), "to": str(to)}:
                        said = Away(person=person, until=from_micros(until), to=to)
                        found.setdefault(person, said)
                    case _:
                        pass
            return {name: one for name, one in found.items() if one.until > now}

        return await self._store.read(read)

    async def set_away(
        self,
        tenant: Tenant,
        person: str,
        until: datetime,
        *,
        to: str = "",
        now: datetime,
        by: By,
    ) -> None:
        """Say that somebody does not answer until a time; a time that is past takes it back.

        Nobody gets a power by it: it says who is called, and who is not.

        Args:
            until: aware. to: who is called in their place, who must have every role of theirs.

        Raises:
            RefusedError: `not_found` for nobody who is active; `invalid_input` for a time that is
                too far, or somebody who may not answer in their place.
        """
        if until - now > _LONGEST_ABSENCE:
            raise _invalid(
                f"an absence has at most {_LONGEST_ABSENCE.days} days", "say an earlier day"
            )

        def work(tx: Transaction) -> None:
            known = self._known(tx, tenant, person)
            if to:
                other = self._known(tx, tenant, to)
                missing = sorted(known.roles - other.roles)
                if other.id == known.id or missing:
                    lacks = f" {missing[0].replace('_', ' ')}" if missing else ""
                    raise _invalid(
                        f"`{to[:40]}` cannot answer in the place of `{known.id}`{lacks}",
                        "name somebody else who has the same roles",
                    )
            data: dict[str, Json] = {
                "person": known.id,
                "until": to_micros(until),
                "to": to,
                "via": by.via,
                "credential": by.credential,
            }
            self._log.append(tx, tenant, Entry(kind=EntryKind.WORK_AWAY, actor=by.actor, data=data))

        await self._store.write(work)

    async def add(
        self,
        tenant: Tenant,
        person: str,
        roles: tuple[str, ...],
        *,
        slack: str | None = None,
        oidc: str | None = None,
        accounts: Mapping[str, str] | None = None,
        by: By,
    ) -> KnownPerson:
        """Make somebody known, or active once more; tokens of before stay without effect.

        Args:
            slack: `TEAM/USER` of their Slack account. oidc: see `oidc_link`.
            accounts: in other chats, such as `{"teams": "TENANT/USER"}`.

        Raises:
            RefusedError: `already_in_state` for an active person; `invalid_input` for an id, a role
                or an account that is none, or an account of somebody else.
        """

        def work(tx: Transaction) -> KnownPerson:
            known = self._directory.at(tx, tenant).people.get(person)
            if known is not None and known.active:
                raise RefusedError(
                    Code.ALREADY_IN_STATE,
                    f"`{person[:60]}` is a person of this workspace already",
                    next_step="change what they may with `sayso people role`",
                )
            if known is not None:
                self._end_credentials(tx, tenant, person, by)
            links = _Links(slack=slack, oidc=oidc, accounts=accounts or {})
            return self._say(tx, tenant, known, person, roles, links, by)

        return await self._written(tenant, work)

    def _end_credentials(self, tx: Transaction, tenant: Tenant, person: str, by: By) -> None:
        """INVARIANT: who comes back shows something new, since what they had may be anybody's."""
        now = self._log.now()
        known = self._directory.at(tx, tenant).credentials
        for token in list(alive_of(known.values(), person, now)):
            data: dict[str, Json] = {"token": token.id, "credential": by.credential}
            entry = Entry(kind=EntryKind.TOKEN_REVOKED, actor=by.actor, data=data)
            seq = self._log.append(tx, tenant, entry, at=now)
            tx.run("token.revoke", tenant=tenant, id=token.id, now=now, last_seq=seq)
        tx.run("push.forget_person", tenant=tenant, person=person)

    async def change(
        self,
        tenant: Tenant,
        person: str,
        *,
        roles: tuple[str, ...] | None = None,
        slack: str | None = None,
        oidc: str | None = None,
        accounts: Mapping[str, str] | None = None,
        by: By,
    ) -> KnownPerson:
        """Give somebody other roles, or link another account in a chat.

        Args:
            slack: `TEAM/USER`; empty to unlink, None to leave it. oidc: likewise, see `oidc_link`.
            accounts: in other chats, likewise each; those of chats that are not named stay.

        Raises:
            RefusedError: `not_found` for nobody who is active; as `add`.
        """

        def work(tx: Transaction) -> KnownPerson:
            known = self._known(tx, tenant, person)
            given = tuple(sorted(known.roles)) if roles is None else roles
            links = _Links(
                slack=known.slack if slack is None else slack or None,
                oidc=known.oidc if oidc is None else oidc or None,
                accounts={**_accounts_of(known), **(accounts or {})},
            )
            return self._say(tx, tenant, known, person, given, links, by)

        return await self._written(tenant, work)

    async def deactivate(self, tenant: Tenant, person: str, *, by: By) -> None:
        """Take every power of somebody: from this commit on nothing of theirs counts, anywhere.

        Raises:
            RefusedError: `not_found`.
        """

        def work(tx: Transaction) -> None:
            known = self._known(tx, tenant, person)
            data: dict[str, Json] = {"person": known.id, **_said_by(by)}
            entry = Entry(kind=EntryKind.PERSON_DEACTIVATED, actor=by.actor, data=data)
            self._log.append(tx, tenant, entry)
            tx.run("push.forget_person", tenant=tenant, person=known.id)

        await self._written(tenant, work)

    async def _written(self, tenant: Tenant, work: Callable[[Transaction], T]) -> T:
        done = await self._store.write(work)
        await self._directory.see(self._store, tenant)
        return done

    def _known(self, tx: Transaction, tenant: Tenant, person: str) -> KnownPerson:
        known = self._directory.at(tx, tenant).person(person)
        if known is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"`{person[:60]}` is no active person of this workspace",
                next_step="`sayso people list` shows them all",
            )
        return known

    def _say(
        self,
        tx: Transaction,
        tenant: Tenant,
        known: KnownPerson | None,
        person: str,
        roles: tuple[str, ...],
        links: _Links,
        by: By,
    ) -> KnownPerson:
        self.check(person, roles)
        self._check_links(tx, tenant, person, links)
        data: dict[str, Json] = {
            "person": person,
            "roles": list[Json](sorted(set(roles))),
            **_said_by(by),
        }
        if links.slack is not None:
            data["slack"] = links.slack
        if links.oidc is not None:
            data["oidc"] = links.oidc
        if named := links.named:
            data["accounts"] = list[Json](sorted(named))
        # The file said what it says before this, which holds until it says another thing.
        if statement := self._directory.statement_of(person):
            data["statement"] = statement
        kind = EntryKind.PERSON_ADDED if known is None else EntryKind.PERSON_CHANGED
        self._log.append(tx, tenant, Entry(kind=kind, actor=by.actor, data=data))
        return self._directory.at(tx, tenant).people[person]

    def check(self, person: str, roles: tuple[str, ...]) -> None:
        """Refuse an id that nobody can have, and a role that there is not.

        Raises:
            RefusedError: `invalid_input`.
        """
        if not _ID.fullmatch(person):
            raise _invalid(
                f"`{person[:40]}` is no id of a person",
                "use lower-case letters, digits and . _ @ -, such as maria",
            )
        unknown = sorted(set(roles) - set(self._roles))
        if unknown:
            known = ", ".join(f"`{role}`" for role in self._roles)
            raise _invalid(
                f"there is no role `{unknown[0][:40]}`", f"`approvals.roles` has {known}"
            )

    def _check_links(self, tx: Transaction, tenant: Tenant, person: str, links: _Links) -> None:
        known = self._directory.at(tx, tenant).people.values()
        others = [one for one in known if one.active and one.id != person]
        if links.oidc and any(one.oidc == links.oidc for one in others):
            raise _invalid("that sign-in belongs to somebody else", "unlink it from them first")
        slack = links.slack
        if slack is not None and not _SLACK.fullmatch(slack):
            raise _invalid(
                f"`{slack[:40]}` is no Slack account",
                "write TEAM/USER, such as T012AB3CD/U045EF6GH",
            )
        if slack is not None and any(one.slack == slack for one in others):
            raise _invalid(
                "that Slack account belongs to somebody else", "unlink it from them first"
            )
        for chat, account in links.accounts.items():
            if not account:
                continue
            if chat == SLACK or not _CHAT.fullmatch(chat) or not _ACCOUNT.fullmatch(account):
                raise _invalid(
                    f"`{chat[:40]}:{account[:40]}` is no account in a chat",
                    "write the chat and the account, such as teams TENANT_ID/OBJECT_ID",
                )
            if any(one.account(chat) == account for one in others):
                raise _invalid("that account belongs to somebody else", "unlink it from them first")


def _invalid(message: str, next_step: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, message, next_step=next_step)


def _said_by(by: By) -> dict[str, Json]:
    said: dict[str, Json] = {"source": by.via, "via": by.via, "credential": by.credential}
    return {**said, "asked_by": by.asked_by} if by.asked_by else said


def by_account(authority: Authority, chat: str, account: str) -> KnownPerson | None:
    """The active person behind an account in a chat; never by name or e-mail."""
    known = authority.people.values()
    return next((one for one in known if one.active and one.account(chat) == account), None)


def _accounts_of(known: KnownPerson) -> dict[str, str]:
    found = (named.partition(":") for named in known.accounts)
    return {chat: account for chat, _, account in found}


def by_oidc(authority: Authority, link: str) -> KnownPerson | None:
    """The active person behind a company's sign-in; never by name or e-mail."""
    found = (one for one in authority.people.values() if one.active and one.oidc == link)
    return next(found, None)


def roles_of(settings: Settings) -> frozenset[str]:
    """The roles of sayso.toml that may erase, export, hold, seal and sweep."""
    return frozenset(settings.retention.roles or settings.approvals.roles)


def check_role(authority: Authority, person_id: str, roles: frozenset[str]) -> None:
    """Refuse somebody without a role for it.

    Raises:
        RefusedError: `not_an_approver`.
    """
    person = authority.person(person_id)
    if person is None or not person.roles & roles:
        wanted = " or ".join(sorted(roles)) or "a role that nobody has"
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            f"you may not do this; it needs {wanted}",
            next_step="ask somebody with that role",
        )


def check_keeper(by: Token, authority: Authority, settings: Settings) -> None:
    """Refuse who may not seal, prune or sweep: no person, no scope for it, or no role.

    Raises:
        RefusedError: `forbidden`, `not_an_approver`.
    """
    if by.kind != "person" or not by.scopes & {Scope.DECIDE, Scope.ADMIN}:
        raise RefusedError(
            Code.FORBIDDEN,
            "only a person with a role does this",
            next_step="use the token of somebody who may decide, or one with the scope `admin`",
        )
    check_role(authority, by.holder, roles_of(settings))
