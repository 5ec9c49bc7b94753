"""The connector that the engine sees: one for every manifest."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from sayso.actions.customers.contact import CodeMessage, Medium
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Finality, Receipt, Record, Resolved
from sayso.connectors.arguments import read_args
from sayso.connectors.base import Connector
from sayso.connectors.customers import owner_of
from sayso.connectors.desk import Changes, DeskParts, Thread
from sayso.connectors.http import HttpClient, HttpLimits, Sender
from sayso.connectors.manifest.answers import AnswerRules
from sayso.connectors.manifest.calling import RequestSender
from sayso.connectors.manifest.code_sending import send_code
from sayso.connectors.manifest.credentials import AuthHeaders
from sayso.connectors.manifest.definition import Defined, define
from sayso.connectors.manifest.derive import UNPROVEN, Proven
from sayso.connectors.manifest.desk_reading import DeskReader, parts_of, rung
from sayso.connectors.manifest.listing import Lister
from sayso.connectors.manifest.picks import Picker, as_failure
from sayso.connectors.manifest.provider import ManifestProvider, Tools
from sayso.connectors.manifest.requests import ProviderSite, templates_of
from sayso.connectors.manifest.resolving import Resolver
from sayso.connectors.manifest.schema import FromSetting, Manifest
from sayso.connectors.manifest.scope import OnFile, whose
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.manifest.template import fill_path, names_in
from sayso.connectors.retry import RetryPolicy
from sayso.connectors.setup import AccountSeen, AddressBook, PhoneBook
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.network import Destination
from sayso.reading import ReadingError, read
from sayso.secret import Secret
from sayso.text import plain

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What a manifest's connector is made from, beside the manifest.

    Attributes:
        settings: of sayso.toml, by name.
        link_hosts: where links in texts may lead.
        secret: the key, or a fresh access token.
        clock: the time.
        peer: another connector of the tenant, by the setting that names it.
        verified: whether its cases have passed against a sandbox of this very file.
        proofs: what was seen of its actions at an account of the provider, by verb.
        private: networks that may be reached although they are private.
        loopback: a sandbox on this machine in place of the provider.
        timeout_s: for one request, all in all.
        retry: how reads are repeated.
        tools: the MCP server.
        sender: sends in place of the client, to record what is sent or to stand in for it.
    """

    settings: Mapping[str, str]
    secret: Callable[[], Awaitable[Secret]]
    clock: Clock
    peer: Callable[[str], Connector]
    link_hosts: frozenset[str] = frozenset()
    verified: bool = False
    proofs: Mapping[str, Proven] = field(default_factory=dict[str, Proven])
    private: tuple[str, ...] = ()
    loopback: str | None = None
    timeout_s: float = TIMEOUT_S
    retry: RetryPolicy | None = None
    tools: Tools | None = None
    sender: Callable[[Sender], Sender] | None = None


@lru_cache(maxsize=1024)
def defined_once(
    source: ManifestSource, verb: str, hosts: frozenset[str], verified: bool, proven: Proven
) -> Defined:
    """As `define`; made once for each file, since a reload makes every connector anew."""
    manifest = source.manifest
    table = manifest.actions[verb]
    return define(manifest, verb, table, hosts=hosts, verified=verified, proven=proven)


class ManifestConnector:
    """Reaches one provider as its manifest says.

    Args:
        source: the manifest, reviewed.
        connected: settings, credentials and neighbours.

    Guarantees: makes no connection before the first call; never repeats a write.

    Raises:
        ConfigError: `invalid_manifest`, `invalid_action`.
    """

    def __init__(self, source: ManifestSource, connected: Connected) -> None:
        manifest = source.manifest
        self._source = source
        self._manifest = manifest
        self._connected = connected
        self._settings = connected.settings
        self._picker = Picker(money=manifest.money, now=connected.clock.now)
        self._defined = {
            f"{manifest.connector}.{verb}": self._define(verb) for verb in manifest.actions
        }
        self._provider = self._connect()
        self._account: AccountSeen | None = None

    def _define(self, verb: str) -> Defined:
        try:
            return defined_once(
                self._source,
                verb,
                self._connected.link_hosts,
                self._connected.verified,
                self._connected.proofs.get(verb, UNPROVEN),
            )
        except ValueError as error:
            raise ConfigError(
                Code.INVALID_MANIFEST,
                f"`{self._source.name}`: action `{verb}`: {error}",
                next_step=f"correct `actions.{verb}`",
            ) from error

    def _connect(self) -> ManifestProvider:
        connection, connected = self._manifest.connection, self._connected
        site = site_of(self._manifest, self._settings, connected.loopback)
        rate = connection.rate
        client = HttpClient(
            who=self.name,
            destination=_destination(site, connected.private),
            limits=HttpLimits(
                timeout_s=connected.timeout_s, per_second=rate.per_second, burst=rate.burst
            ),
        )
        return ManifestProvider(
            rules=AnswerRules(who=self.name, manifest=self._manifest),
            site=site,
            client=client if connected.sender is None else connected.sender(client),
            credentials=AuthHeaders(
                auth=connection.auth, settings=self._settings, secret=connected.secret
            ),
            retry=connected.retry or RetryPolicy(),
            tools=connected.tools,
        )

    @property
    def provider(self) -> ManifestProvider:
        """The way to the provider, for what is set up there and is no action."""
        return self._provider

    @property
    def manifest(self) -> Manifest:
        """What the file says."""
        return self._manifest

    @property
    def settings(self) -> Mapping[str, str]:
        """Of sayso.toml, by name."""
        return self._settings

    @property
    def name(self) -> str:
        """As the manifest says."""
        return self._manifest.connector

    @property
    def version(self) -> str:
        """The manifest's, and its digest: a change of the file makes waiting approvals stale."""
        return f"{self._manifest.version}+{self._source.digest.partition(':')[2][:12]}"

    @property
    def actions(self) -> Sequence[Action]:
        """What the manifest defines."""
        return tuple(defined.action for defined in self._defined.values())

    @property
    def defined(self) -> Mapping[str, Defined]:
        """The actions by name, with what was derived for them."""
        return self._defined

    @property
    def customers_of(self) -> str | None:
        """Whose customers it takes: see `sayso.connectors.customers`."""
        manifest = self._manifest
        named = whose(manifest, self._settings)
        if named is None or named == self.name or self._peer(named) is not None:
            return named
        knows_some = manifest.person or manifest.contact or manifest.records
        return self.name if knows_some else None

    @property
    def ids_hold_colons(self) -> bool:
        """Whether a customer's id may hold a colon, by the manifest's pattern."""
        return self._manifest.connection.subject.holds_colons

    @property
    def sends_to(self) -> Medium | None:
        """See `CodeSender.sends_to`."""
        table = self._manifest.code_sender
        return None if table is None else table.sends_to

    async def send_code(self, code: CodeMessage) -> None:
        """See `CodeSender.send_code`."""
        await send_code(self._manifest, self._provider, self._settings, code)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        defined = self._of(action.name)
        self.check_subject(subject)
        return await (await self._resolver(defined, subject)).resolve(args)

    async def _resolver(self, defined: Defined, subject: Subject) -> Resolver:
        return Resolver(
            manifest=self._manifest,
            defined=defined,
            provider=self._provider,
            picker=self._picker,
            settings=self._settings,
            subject=subject,
            account=await self.account(),
            on_file=await self._on_file(defined, subject),
        )

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        receipt = await (await self._caller(call)).call(call)
        return replace(receipt, read_again=True) if self._of(call.action).table.after else receipt

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        look_up = self._of(call.action).look_up
        named = () if look_up is None else templates_of(look_up)
        on_file = any(name[0] == "peer" for one in named for name in names_in(one))
        found = await (await self._caller(call, on_file=on_file)).look_up(call)
        defined = self._of(call.action)
        if not isinstance(found, Receipt) or not defined.table.after:
            return found
        if found.finality is Finality.PENDING:
            return replace(found, read_again=True)
        resolver = await self._resolver(defined, Subject(id=call.subject_id))
        why = await resolver.unfitting(read_args(defined.action, call.resolved.args))
        return replace(found, unfitting=why, read_again=True)

    async def effects_of(self, call: Call) -> int:
        """How many effects of one action the provider lists; one is right, two are one too many."""
        return await (await self._caller(call)).effects(call)

    async def _caller(self, call: Call, *, on_file: bool = True) -> RequestSender:
        defined = self._of(call.action)
        reached = await self._on_file(defined, Subject(id=call.subject_id)) if on_file else None
        return RequestSender(
            who=self.name,
            defined=defined,
            provider=self._provider,
            picker=self._picker,
            settings=self._settings,
            form=self._manifest.connection.subject,
            on_file=reached,
        )

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """See `Connector.list_records`."""
        if not self._manifest.records:
            return ()
        self.check_subject(subject)
        lister = Lister(
            who=self.name,
            manifest=self._manifest,
            provider=self._provider,
            picker=self._picker,
            settings=self._settings,
        )
        return await lister.records(subject)

    @property
    def desk(self) -> DeskParts | None:
        """See `Desk.desk`."""
        return parts_of(self._manifest)

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """See `Desk.changes`."""
        return await self._desk_reader().changes(cursor, begun)

    async def read_thread(self, thread: str) -> Thread:
        """See `Desk.read_thread`."""
        return await self._desk_reader().read_thread(thread)

    def rung(
        self, secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> str | None:
        """See `Belled.rung`."""
        bell = None if self._manifest.desk is None else self._manifest.desk.bell
        return None if bell is None else rung(bell, secret, headers, body, now)

    def _desk_reader(self) -> DeskReader:
        table = self._manifest.desk
        if table is None:
            raise RefusedError(Code.WRONG_STATE, f"{self.name} is no desk")
        return DeskReader(
            manifest=self._manifest,
            table=table,
            provider=self._provider,
            settings=self._settings,
            clock=self._connected.clock,
        )

    async def account(self) -> AccountSeen:
        """Who we are at the provider, asked once.

        Raises:
            RefusedError: the credentials are not accepted.
            RetryableError: no usable answer.
        """
        if self._account is None:
            self._account = await self.who_am_i()
        return self._account

    async def who_am_i(self) -> AccountSeen:
        """Who we are at the provider, asked now.

        Raises:
            RefusedError, RetryableError: as `account`.
        """
        table = self._manifest.connection.account
        if table is None:
            title = self._manifest.title
            return AccountSeen(id=self.name, title=title)
        asked = table.get or table.post or table.query or table.tool
        names = {"settings": dict(self._settings)}
        payload: JsonValue = {}
        if asked is not None:
            payload = await self._provider.read("account", table, names)
        try:
            account_id, title = (self._told(one, payload) for one in (table.id, table.title))
            live = None if table.live is None else self._is_live(table.live, payload)
        except ReadingError as error:
            raise as_failure(error, "account") from error
        return AccountSeen(id=account_id, title=plain(title, limit=60), live=live)

    def _told(self, path: str | FromSetting, payload: JsonValue) -> str:
        if isinstance(path, FromSetting):
            return self._settings.get(path.setting, "")
        found = read(path, payload)
        if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
            raise ReadingError(f"`{path}` does not say which account this is")
        return str(found)

    def _is_live(self, path: str | FromSetting | bool, payload: JsonValue) -> bool:
        if isinstance(path, bool):
            return path
        if isinstance(path, FromSetting):
            return not self._settings.get(path.setting, "").endswith(path.not_ending or "\0")
        found = read(path, payload)
        if not isinstance(found, bool):
            raise ReadingError(f"`{path}` does not say whether this is real")
        return found

    def check_subject(self, subject: Subject) -> None:
        """Refuse what no customer's id looks like here, before anybody is asked.

        Raises:
            RefusedError: `unknown_subject`.
        """
        if not re.fullmatch(self._manifest.connection.subject.pattern, subject.id):
            raise RefusedError(
                Code.UNKNOWN_SUBJECT,
                f"{self.name} knows no customer `{plain(subject.id, limit=40)}`",
                next_step="pass the id that this provider knows the customer by",
            )

    async def _on_file(self, defined: Defined, subject: Subject) -> OnFile | None:
        setting = defined.table.owner.peer
        if setting is None:
            return None
        peer = self._connected.peer(self._settings[setting])
        self._check_peer(setting)
        if "phone" in _peer_kinds(defined):
            if not isinstance(peer, PhoneBook):
                raise self._knows_none(setting, "phone numbers")
            return OnFile(kind="phone", value=await peer.phone_of(subject))
        if not isinstance(peer, AddressBook):
            raise self._knows_none(setting, "addresses")
        address = await peer.address_of(subject)
        return OnFile(kind="email", value=address.email, name=address.name)

    def _check_peer(self, setting: str) -> None:
        """INVARIANT: no id is handed to a connector whose customers have other ids."""
        ours, theirs = self.customers_of, owner_of(self._settings[setting], self._peer)
        if ours != self.name and ours is not None:
            ours = owner_of(ours, self._peer)
        if theirs != ours:
            named = self._settings[setting][:40]
            raise ConfigError(
                Code.INVALID_SETTING,
                f"{self.name} acts on customers of `{ours or 'nobody'}`, and `{named}` knows "
                f"those of `{theirs or 'nobody'}`",
                next_step=f"set `{setting}` of [connectors.{self.name}] to a connector that knows "
                "the same customers",
            )

    def _peer(self, name: str) -> Connector | None:
        try:
            return self._connected.peer(name)
        except ConfigError:
            return None

    def _knows_none(self, setting: str, what: str) -> ConfigError:
        return ConfigError(
            Code.INVALID_SETTING,
            f"the connector `{self._settings[setting][:40]}` knows no {what}",
            next_step=f"set `{setting}` of [connectors.{self.name}] to one that does",
        )

    def _of(self, name: str) -> Defined:
        found = self._defined.get(name)
        if found is None:
            raise RefusedError(Code.UNKNOWN_ACTION, f"{self.name} has no action `{name[:40]}`")
        return found

    async def close(self) -> None:
        """Close the sockets; the next call opens them again."""
        await self._provider.close()


def site_of(manifest: Manifest, settings: Mapping[str, str], loopback: str | None) -> ProviderSite:
    """Where the provider is, with the settings filled in."""
    connection = manifest.connection
    names = {"settings": dict(settings)}
    base = fill_path(connection.base or "https://mcp.invalid", names).rstrip("/")
    hosts = frozenset(fill_path(host, names).lower() for host in connection.hosts)
    return ProviderSite(
        base=base,
        hosts=hosts,
        graphql=connection.graphql,
        loopback=loopback,
        headers=dict(connection.headers),
    )


def _destination(site: ProviderSite, private: tuple[str, ...]) -> Destination:
    if site.loopback is not None:
        port = urlsplit(site.loopback).port
        return Destination.this_machine([port or 80])
    ports, hosts = {443}, set[str]()
    for allowed in site.allowed:
        parts = urlsplit(f"https://{allowed}")
        hosts.add(parts.hostname or "")
        ports.add(parts.port or 443)
    return Destination(hosts=frozenset(hosts), ports=frozenset(ports), private=private)


def _peer_kinds(defined: Defined) -> set[str]:
    """Which of a peer's facts an action names."""
    text = defined.table.model_dump_json()
    return {kind for kind in ("email", "phone") if f"peer.{kind}." in text}
