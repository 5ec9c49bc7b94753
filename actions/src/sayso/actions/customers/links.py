"""Links: which accounts are one customer's now, by the log; tying and untying them.

INVARIANT: a row says nothing by itself. Whatever is read is held against the entries of both
accounts, which an index finds by either end: a link that was put there, changed, revived or deleted
by whoever writes the database is `tampered` before anything goes by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sayso.actions.customers.link import AccountLink, LinkEnd, accounts_in, lasting_ends
from sayso.actions.customers.proof import Proof
from sayso.audit.authority.by import By
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.keyring import Keyring, sealed_bytes
from sayso.audit.authority.state import changed_outside, check_credential, read_body
from sayso.audit.customer_codes import BY, UNTIL, VerifiedBy
from sayso.audit.customer_links import (
    ACCOUNTS,
    ACCOUNTS_UNTIL,
    BY_PERSON,
    ToldLink,
    linked_entry,
    parts,
    unlinked_entry,
)
from sayso.audit.entry import ActorKind, PiiRef
from sayso.audit.event import Event
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.rules.replayed import SKEW_MICROS
from sayso.audit.verifier.replay import State, add, agrees, rows_said_by
from sayso.audit.verifier.stored_rows import said_in
from sayso.errors import Code, RefusedError
from sayso.ids import IdSource, Tenant
from sayso.store.base import (
    Reader,
    Row,
    SqlValue,
    Transaction,
    integer,
    integer_or_none,
    text,
    text_or_none,
)
from sayso.text import plain

MOST_ACCOUNTS = 20
"""So many accounts one customer has at most: more are somebody's mistake, and each is a look-up."""
_TABLE = "customer_link"
_FOR_A_WHILE = {Proof.CODE: "code", Proof.SIGNED: "signed assertion"}
"""What ties accounts in one conversation alone, until a time that it gives."""


class Links:
    """Reads, makes and ends links, as part of the caller's unit.

    Args:
        directory: who may do what now. keyring: seals rows in their entries.
        provider_of: the connector whose customer an account is that is stored so.
    """

    def __init__(
        self,
        *,
        log: AuditLog,
        personal: Personal,
        directory: Directory,
        keyring: Keyring,
        ids: IdSource,
        provider_of: Callable[[str], str],
    ) -> None:
        self._log = log
        self._personal = personal
        self._directory = directory
        self._keyring = keyring
        self._ids = ids
        self._provider_of = provider_of

    # ---- reading -------------------------------------------------------------------------------

    @staticmethod
    def ahead(reader: Reader, tenant: Tenant, account: str) -> None:
        """Say that the account's links will be asked for next; see `Reader.ahead`."""
        reader.ahead("link.of_account", tenant=tenant, account=account)

    def of(self, reader: Reader, tenant: Tenant, account: str, now: int) -> tuple[AccountLink, ...]:
        """Every link in force that leads to or from an account, over whatever lies between.

        One statement for an account without links, and one for each account of a customer.

        Args:
            account: as it is stored. now: microseconds since 1970.

        Raises:
            RefusedError: `too_many_accounts`, beyond `MOST_ACCOUNTS`.
            IntegrityError: `tampered`, when rows and log disagree about any of them.
        """
        found: dict[str, AccountLink] = {}
        known, todo = {account}, [account]
        while todo:
            at = todo.pop()
            for link in self._around(reader, tenant, at, now):
                found[link.id] = link
                far = link.far_from(at).account
                if far not in known:
                    known.add(far)
                    todo.append(far)
            if len(known) > MOST_ACCOUNTS:
                raise _too_many(account)
        return tuple(sorted(found.values(), key=lambda link: link.id))

    def others(self, reader: Reader, tenant: Tenant, account: str, now: int) -> tuple[LinkEnd, ...]:
        """The customer's further accounts, by every link in force; in the order of their names.

        Args and raises: as `of`.
        """
        ends = {end for link in self.of(reader, tenant, account, now) for end in link.ends}
        return tuple(sorted((end for end in ends if end.account != account), key=_account_of))

    def person(self, reader: Reader, tenant: Tenant, account: str, now: int) -> tuple[LinkEnd, ...]:
        """The same by lasting links alone: a code tells who writes in one conversation.

        Args and raises: as `of`.
        """
        links = self.of(reader, tenant, account, now)
        here = {end.pseudonym for link in links for end in link.ends if end.account == account}
        ends = {end for pseudonym in here for end in lasting_ends(links, pseudonym)}
        return tuple(sorted((end for end in ends if end.account != account), key=_account_of))

    def get(self, reader: Reader, tenant: Tenant, link_id: str) -> AccountLink:
        """One link, in force or ended, by its row alone: what it says is for showing.

        Raises:
            RefusedError: `not_found`, also where an end of it is erased.
            IntegrityError: `tampered`, when an end is not what was stored.
        """
        row = reader.one("link.by_id", tenant=tenant, id=link_id)
        ends: list[LinkEnd] = []
        for end in () if row is None else (text(row, "account"), text(row, "other")):
            named = reader.one("erasure.subject_named", tenant=tenant, pseudonym=end)
            found = None if named is None else self._near(reader, tenant, text(named, "id"))
            if found is not None:
                ends.append(found)
        if row is None or len(ends) < 2:
            raise _no_link(link_id)
        return _link_of(row, ends[0], ends[1])

    @staticmethod
    def parted(
        reader: Reader, tenant: Tenant, accounts: Collection[str]
    ) -> frozenset[frozenset[str]]:
        """Pairs of accounts that a person said last are not one customer's.

        Args:
            accounts: of which at least one is an end of each pair.
        """
        found: set[frozenset[str]] = set()
        for account in sorted(accounts):
            rows = reader.all("link.of_account", tenant=tenant, account=account)
            told = sorted(
                (row for row in rows if row["seq"] is not None), key=lambda row: integer(row, "seq")
            )
            last: dict[frozenset[str], bool] = {}
            for row in told:
                said_parted = parts(read_body(text(row, "body")))
                if said_parted is not None:
                    last[said_parted[0]] = said_parted[1]
            for pair in (pair for pair, is_parted in last.items() if is_parted):
                names = [
                    text(row, "id")
                    for pseudonym in sorted(pair)
                    for row in reader.all(
                        "erasure.subject_named", tenant=tenant, pseudonym=pseudonym
                    )
                ]
                found.add(frozenset(names))
        return frozenset(found)

    def _around(self, reader: Reader, tenant: Tenant, account: str, now: int) -> list[AccountLink]:
        """The links in force that end at an account."""
        rows = reader.all("link.of_account", tenant=tenant, account=account)
        if not rows:
            return []
        told = _told(rows, now)
        stored = {text(row, "id"): row for row in rows if row["seq"] is None and _in_time(row, now)}
        for name in sorted(told.keys() | stored.keys()):
            row = stored.get(name)
            if row is None or name not in told or not self._agree(row, told[name]):
                raise changed_outside(f"the link {name[:40]}")
        near = self._near(reader, tenant, account) if stored else None
        if near is None:
            return []
        ends = [(row, self._far(reader, tenant, row, near)) for row in stored.values()]
        return [_link_of(row, near, far) for row, far in ends if far is not None]

    def _agree(self, row: Row, said: State) -> bool:
        """Whether a row is, in every column, what its entries say, and what was sealed in them."""
        own = said_in(_TABLE, row, self._keyring)
        return all(agrees(name, own[name], value) for name, value in said.items() if name in own)

    def _near(self, reader: Reader, tenant: Tenant, account: str) -> LinkEnd | None:
        row = reader.one("personal.subject", tenant=tenant, id=account)
        if row is None or row["key"] is None:
            return None
        self._personal.check_subject(tenant, row)
        return _end_of(row)

    def _far(self, reader: Reader, tenant: Tenant, row: Row, near: LinkEnd) -> LinkEnd | None:
        """The other end of a link's row; None for a customer who was erased."""
        names = ("id", "pseudonym", "key", "created_at")
        far: Row = {name: row[f"far_{name}"] for name in names}
        if far["id"] is not None:
            self._personal.check_subject(tenant, far)
            return _end_of(far)
        ends = (text(row, "account"), text(row, "other"))
        pseudonym = ends[1] if ends[0] == near.pseudonym else ends[0]
        # NOTE: a process of the release before erases a customer, and ends no link.
        if reader.one("erasure.begun_of", tenant=tenant, pseudonym=pseudonym) is None:
            raise changed_outside(f"the customer of the link {text(row, 'id')}")
        return None

    # ---- tying and untying ---------------------------------------------------------------------

    def link(
        self,
        tx: Transaction,
        tenant: Tenant,
        a: str,
        b: str,
        *,
        proof: Proof,
        by: By,
        now: int,
        reason: str = "",
        until: int | None = None,
        request_id: str | None = None,
    ) -> AccountLink:
        """Tie two accounts; the same accounts by the same proof stay tied as they are.

        Args:
            a, b: as they are stored; the reason is sealed as text of `a`. With an equal address `a`
                is where it is verified.
            until: microseconds since 1970, after `now`; a code and a signed assertion need it, and
                a conversation, which has to tell of them.

        Raises:
            RefusedError: `invalid_input` for one account twice, a name of the log's own, and a code
                without an end; `subject_in_use` for one that is being erased; `forbidden` where
                only a person with a role may; `unauthenticated`; `too_many_accounts`;
                `wrong_state` where this machine's clock is behind.
            IntegrityError: `tampered`.
        """
        self._check_tie(tx, tenant, (a, b), proof, until, request_id, now)
        self._check_by(tx, tenant, by, now, proof is Proof.PERSON)
        known = self._personal.pseudonym(tx, tenant, a, now)
        other = self._personal.pseudonym(tx, tenant, b, now)
        if proof is Proof.CODE:
            _check_given(tx, tenant, request_id, (known, other), until)
        if proof is Proof.SIGNED:
            _check_signed(tx, tenant, request_id, (known, other), until)
        links = self.of(tx, tenant, a, now)
        for link in links:
            ends = tuple(end.account for end in link.ends)
            # An equal address leads one way alone; every other proof, both.
            same = ends == (a, b) or (proof is not Proof.EMAIL and ends == (b, a))
            is_longer = proof is Proof.SIGNED and (until or 0) > (link.until or 0)
            if same and link.proof is proof and link.request_id == request_id and not is_longer:
                return link
        beyond = self.of(tx, tenant, b, now)
        if len({*accounts_in(links, a), *accounts_in(beyond, b)}) > MOST_ACCOUNTS:
            raise _too_many(a)
        columns: dict[str, SqlValue] = {
            "tenant": tenant,
            "id": self._ids.new("lnk"),
            "account": known,
            "other": other,
            "proof": proof.value,
            "linked_by": f"{by.actor.kind}:{by.actor.id}",
            "linked_at": now,
            "until": until,
            "request_id": request_id,
            "reason_ref": self._ids.new("pii") if reason else None,
        }
        pii = self._seal(tx, tenant, a, columns["reason_ref"], reason)
        entry = linked_entry(self._told(columns, (a, b), by), request=request_id, pii=pii)
        seq = self._log.append(tx, tenant, entry, at=now)
        tx.run("link.insert", **columns, last_seq=seq)
        return next(one for one in self.of(tx, tenant, a, now) if one.id == columns["id"])

    def unlink(
        self,
        tx: Transaction,
        tenant: Tenant,
        link_id: str,
        *,
        why: str,
        by: By,
        now: int,
        reason: str = "",
    ) -> bool:
        """End a link; returns whether it was in force until now.

        Args:
            why: one of `sayso.audit.customer_links.ENDINGS`.

        Raises:
            RefusedError: `not_found`; `forbidden` where only a person with a role may;
                `unauthenticated`; `wrong_state` where this machine's clock is behind.
            IntegrityError: `tampered`.
        """
        row = tx.one("link.by_id", tenant=tenant, id=link_id)
        if row is None:
            raise _no_link(link_id)
        self._check_by(tx, tenant, by, now, why == BY_PERSON)
        named = tx.one("erasure.subject_named", tenant=tenant, pseudonym=row["account"])
        if named is None:
            return False  # who is erased has no links
        account = text(named, "id")
        for link in self._around(tx, tenant, account, now):
            if link.id == link_id:
                self._end(tx, tenant, row, link, why, by, now, reason)
                return True
        return False

    def end_all(
        self, tx: Transaction, tenant: Tenant, account: str, *, why: str, by: By, now: int
    ) -> list[str]:
        """End every link in force of one account, as before it is erased; returns their ids.

        Raises:
            RefusedError: `unauthenticated`.
            IntegrityError: `tampered`.
        """
        ended: list[str] = []
        for link in self._around(tx, tenant, account, now):
            row = tx.one("link.by_id", tenant=tenant, id=link.id)
            assert row is not None, "read in this very transaction"
            self._end(tx, tenant, row, link, why, by, now, "")
            ended.append(link.id)
        return ended

    def _end(
        self,
        tx: Transaction,
        tenant: Tenant,
        row: Row,
        link: AccountLink,
        why: str,
        by: By,
        now: int,
        reason: str,
    ) -> None:
        self._check_clock(tx, tenant, now)
        accounts = {end.pseudonym: end.account for end in link.ends}
        first, second = accounts[text(row, "account")], accounts[text(row, "other")]
        ended: dict[str, SqlValue] = {
            "ended_by": f"{by.actor.kind}:{by.actor.id}",
            "ended_at": now,
            "ended_why": why,
            "ended_ref": self._ids.new("pii") if reason else None,
        }
        pii = self._seal(tx, tenant, first, ended["ended_ref"], reason)
        entry = unlinked_entry(self._told({**row, **ended}, (first, second), by), why=why, pii=pii)
        seq = self._log.append(tx, tenant, entry, at=now)
        tx.run("link.end", tenant=tenant, id=link.id, **ended, last_seq=seq)

    def _told(self, columns: Row, accounts: tuple[str, str], by: By) -> ToldLink:
        """What entries tell of a row as it will be."""
        return ToldLink(
            id=text(columns, "id"),
            ends=(text(columns, "account"), text(columns, "other")),
            providers=(self._provider_of(accounts[0]), self._provider_of(accounts[1])),
            proof=text(columns, "proof"),
            until=integer_or_none(columns, "until"),
            by=by,
            seal=self._keyring.seal_row(sealed_bytes(_TABLE, columns)),
        )

    def _seal(
        self, tx: Transaction, tenant: Tenant, account: str, ref: SqlValue, plain_text: str
    ) -> PiiRef | None:
        if not isinstance(ref, str):
            return None
        return self._personal.seal(tx, tenant, account, ref, plain_text)

    # ---- what is refused -----------------------------------------------------------------------

    def _check_tie(
        self,
        tx: Transaction,
        tenant: Tenant,
        accounts: tuple[str, str],
        proof: Proof,
        until: int | None,
        request_id: str | None,
        now: int,
    ) -> None:
        if accounts[0] == accounts[1]:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{plain(accounts[0], limit=60)}` is one account, and a link ties two",
                next_step="name the account that is to be the same customer's",
            )
        for account in accounts:
            self._personal.check_id(tx, tenant, account)
        if until is not None and until <= now:
            raise RefusedError(
                Code.INVALID_INPUT, "the link would be over at once", next_step="give a later end"
            )
        if proof in _FOR_A_WHILE and (until is None or request_id is None):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"a {_FOR_A_WHILE[proof]} proves who writes in one conversation, for a while",
                next_step="give the request, and until when",
            )
        self._check_clock(tx, tenant, now)

    def _check_clock(self, tx: Transaction, tenant: Tenant, now: int) -> None:
        """Refuse what would be dated before the newest entry, which the verifier would convict."""
        newest = tx.one("log.newest_at", tenant=tenant)
        if newest is not None and now + SKEW_MICROS < integer(newest, "at"):
            raise RefusedError(
                Code.WRONG_STATE,
                "this machine's clock is more than a minute behind the log's newest entry",
                next_step="set the clock right, and try again",
            )

    def _check_by(
        self, tx: Transaction, tenant: Tenant, by: By, now: int, needs_person: bool
    ) -> None:
        is_person = by.actor.kind is ActorKind.PERSON
        if is_person:
            authority = self._directory.at(tx, tenant)
            check_credential(authority, by.credential, by.actor.id, now)
            person = authority.person(by.actor.id)
            if not needs_person or (person is not None and person.roles):
                return
        if needs_person:
            raise RefusedError(
                Code.FORBIDDEN,
                f"`{plain(by.actor.id, limit=60)}` may not vouch that two accounts are one"
                " customer's",
                next_step="have somebody with a role do it",
            )


def _check_given(
    reader: Reader, tenant: Tenant, request_id: str | None, ends: Sequence[str], until: int | None
) -> None:
    """Refuse to tie by a code that the log tells nobody has given, or for longer than it holds."""
    for row in reader.all("log.verified_in", tenant=tenant, request=request_id):
        event = Event.of(read_body(text(row, "body")), 0)
        holds = event.whole(UNTIL) or 0
        by_code = event.text(BY) in {VerifiedBy.CODE, VerifiedBy.LINK}
        if by_code and event.top("subject") in ends and (until or 0) <= holds:
            return
    raise RefusedError(
        Code.INVALID_INPUT,
        "nobody has sent back a code for either account in that request",
        next_step="have the customer asked for one",
    )


def _check_signed(
    reader: Reader, tenant: Tenant, request_id: str | None, ends: Sequence[str], until: int | None
) -> None:
    """Refuse to tie by an assertion that the log does not tell of, or for longer than it holds."""
    for row in reader.all("log.signed_in", tenant=tenant, request=request_id):
        event = Event.of(read_body(text(row, "body")), 0)
        holds = event.whole(ACCOUNTS_UNTIL) or 0
        wrote, named = event.top("subject"), event.texts(ACCOUNTS)
        if wrote in ends and set(ends) - {wrote} <= set(named) and (until or 0) <= holds:
            return
    raise RefusedError(
        Code.INVALID_INPUT,
        "no assertion came with that request that names both accounts, for so long",
        next_step="pass the assertion with the customer's words",
    )


def _told(rows: Sequence[Row], now: int) -> Mapping[str, State]:
    """The links in force by the entries among these rows, with all that those say of their rows."""
    told: dict[str, State] = {}
    entries = [row for row in rows if row["seq"] is not None]
    for row in sorted(entries, key=lambda row: integer(row, "seq")):
        for _, name, state in rows_said_by(read_body(text(row, "body")), integer(row, "seq")):
            known = told.setdefault(name, state)
            if known is not state:
                add(_TABLE, known, state)
    return {
        name: state
        for name, state in told.items()
        if state.get("ended_at") is None and _in_time(state, now)
    }


def _in_time(state: Mapping[str, object], now: int) -> bool:
    until = state["until"]
    return not isinstance(until, int) or until > now


def _account_of(end: LinkEnd) -> str:
    return end.account


def _end_of(row: Row) -> LinkEnd:
    return LinkEnd(
        account=text(row, "id"), pseudonym=text(row, "pseudonym"), since=integer(row, "created_at")
    )


def _link_of(row: Row, near: LinkEnd, far: LinkEnd) -> AccountLink:
    is_first = text(row, "account") == near.pseudonym
    return AccountLink(
        id=text(row, "id"),
        ends=(near, far) if is_first else (far, near),
        proof=Proof(text(row, "proof")),
        by=text(row, "linked_by"),
        since=integer(row, "linked_at"),
        until=integer_or_none(row, "until"),
        request_id=text_or_none(row, "request_id"),
        reason_ref=text_or_none(row, "reason_ref"),
    )


def _no_link(link_id: str) -> RefusedError:
    return RefusedError(
        Code.NOT_FOUND,
        f"there is no link `{plain(link_id, limit=40)}`",
        next_step="look at the customer, whose links have their ids beside them",
    )


def _too_many(account: str) -> RefusedError:
    return RefusedError(
        Code.TOO_MANY_ACCOUNTS,
        f"more than {MOST_ACCOUNTS} accounts are linked to `{plain(account, limit=60)}`",
        next_step="end those links that are not this customer's",
    )
