"""A workspace's `sayso.toml`, read and checked. Secrets stand in it by reference only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sayso.errors import Code, ConfigError
from sayso.ids import DEFAULT_TENANT
from sayso.settings.base import (
    NAME,
    REFERENCE,
    KeyReference,
    Name,
    PlainUrl,
    Reference,
    Section,
    Url,
    check_addresses,
)
from sayso.settings.customers import CustomersSection
from sayso.settings.desk import DeskSection
from sayso.settings.planner import PlannerSection
from sayso.settings.store import StoreSection
from sayso.settings.surfaces import (
    ApprovalsSection,
    ConsoleSection,
    FactsSection,
    HttpSection,
    IdentitySection,
    InboundSection,
    NetworkSection,
    PersonSection,
    SlackSection,
    WebhooksSection,
    WorkSection,
)
from sayso.toml import TomlMistakeError, check_as, did_you_mean, read_table

FILE_NAME = "sayso.toml"
_OURS = frozenset({"rate", "region"})
"""Keys that every connector has, and none reads itself."""
RATE = r"^[1-9][0-9]{0,5}/(s|m|h)$"
_OID = r"^[0-2](\.(0|[1-9][0-9]*)){1,30}$"


class WorkspaceSection(Section):
    """Who we are.

    Attributes:
        name: the first part of every log's origin; it never changes.
        time_zone: where the workspace is, such as `Europe/Berlin`: for rules about weekdays, hours
            and holidays, and for limits by the day.
        tenant: whose rows these are, where several share a database.
        region: where customers' data has to stay, such as `eu`: models, the store and the
            connectors have to say the same `region`; anywhere unless said.
        regions: by tenant, in place of that.
    """

    name: Name = "sayso"
    tenant: Name = DEFAULT_TENANT
    region: Name | None = None
    regions: Mapping[Name, Name] = Field(default_factory=dict)
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,59}$")] = "UTC"

    def region_of(self, tenant: str) -> str | None:
        """Where a tenant's data has to stay; None for anywhere."""
        return self.regions.get(tenant, self.region)


class SigningSection(Section):
    """The keys that sign the log's heads.

    Attributes:
        key: the one that signs now: `env:`, `file:`, `vault:`, or `kms:` and the address that the
            extra `kms` knows the key by.
        public_key: of a key in a KMS, 32 bytes of Ed25519 in base64.
        next_key: the one that `sayso audit rotate-key` hands the logs over to.
        next_public_key: likewise of that one.
    """

    key: KeyReference = "file:keys/log.key"
    public_key: str | None = None
    next_key: KeyReference | None = None
    next_public_key: str | None = None


class PlaceSection(Section):
    """A place outside of the database where signed heads are kept.

    Attributes:
        name: what messages call it.
        directory: a folder that is there already, such as a mounted share.
        witness: the address of a witness (c2sp.org/tlog-witness), https or on this machine.
        key: the witness's public key, as it prints it.
        timestamp: the address of a time-stamp authority (RFC 3161).
        roots: a file with the authority's root in PEM, and what stands between the two, if its
            answers do not carry it; relative to the workspace.
        policy: the policy that its time stamps must name, such as `1.2.3.4.1`; any unless said.
        every_s: how often a time-stamp authority is asked.
        only_logs: only the log of logs goes there, which vouches for all others: for a witness
            that does not know each tenant.
    """

    name: Name
    only_logs: bool = False
    directory: Annotated[str, Field(min_length=1)] | None = None
    witness: Url | None = None
    key: str | None = None
    # SOURCE: RFC 3161 §3.4: plain HTTP is usual; the answer proves itself, a digest leaves.
    timestamp: PlainUrl | None = None
    roots: Annotated[str, Field(min_length=1)] | None = None
    policy: Annotated[str, Field(pattern=_OID)] | None = None
    every_s: Annotated[float, Field(ge=0.1, le=2_678_400)] | None = None

    @model_validator(mode="after")
    def _is_one_of_three(self) -> PlaceSection:
        if [self.directory, self.witness, self.timestamp].count(None) != 2:
            raise ValueError("a place has a `directory`, a `witness` or a `timestamp`")
        if (self.witness is None) != (self.key is None):
            raise ValueError("a `witness` has a `key`, and no other place has one")
        if (self.timestamp is None) != (self.roots is None):
            raise ValueError("a `timestamp` has `roots`, and no other place has them")
        if self.timestamp is None and (self.policy, self.every_s) != (None, None):
            raise ValueError("only a `timestamp` has a `policy` and an `every_s` of its own")
        return self


class PublishingSection(Section):
    """Where signed heads go, and how often: after so many seconds or entries, what comes first.

    Attributes:
        logs_every_s: how often a log's head is entered into the log of logs.
        second_key: an ML-DSA-44 key that signs published heads as well.
        every_s: a head leaves after so many seconds.
        every_entries: or after so many entries, what comes first.
    """

    every_s: Annotated[float, Field(ge=0.1, le=86_400)] = 10.0
    every_entries: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    logs_every_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    second_key: Reference | None = None
    places: tuple[PlaceSection, ...] = ()

    @field_validator("places")
    @classmethod
    def _have_names(cls, places: tuple[PlaceSection, ...]) -> tuple[PlaceSection, ...]:
        names = [place.name for place in places]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"two places have the name `{doubles[0]}`")
        return places


class PolicySection(Section):
    """What decides, and who puts a version of it in force.

    Attributes:
        files: the drafts; none means the shipped default policy.
        follow: `files`: what the files say is put in force whenever a program starts that works on
            this database; for trying things out. Else only a person puts a version in force.
        activate: a person with one of these roles may; any role when empty.
        loosening_needs: how many people a change needs that loosens anything, 1 or 2.
        confirm: the second of them has one of these roles; those of `activate` when empty.
    """

    files: tuple[str, ...] = ()
    follow: Literal["files"] | None = None
    activate: tuple[Name, ...] = ()
    loosening_needs: Annotated[int, Field(ge=1, le=2)] = 1
    confirm: tuple[Name, ...] = ()


class StopSection(Section):
    """Who lets stopped actions go on; two people of these roles, one after the other.

    Attributes:
        roles: those of `approvals.roles` when empty. Everybody with a role may stop.
    """

    roles: tuple[Name, ...] = ()


Days = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}d$")]
LIMITS_LOOK_BACK_DAYS = 31
"""Limits look at what was done for a customer in the last 30 days, so that has to be there."""


LOG_FLOOR_DAYS = 183
"""SOURCE: Regulation (EU) 2024/1689 (AI Act), Art. 19 and 26(6): logs are kept for six months."""


class RetentionSection(Section):
    """How long personal text and the log's entries are kept, and who may erase earlier.

    Attributes:
        requests: such as `400d`; kept for good unless said.
        tenants: by tenant, in place of that.
        floor: never less, whatever the others say; at least 31d.
        roles: a person with one of these erases, exports and holds; those of `approvals.roles`
            when empty.
        erased_list: the list of erased customers outside the database, which tells a restored
            backup whom to erase again; belongs where backups of the database do not go.
        log: how long the log's entries stay in the database, such as `400d`; for good unless said.
        log_tenants: by tenant, in place of that.
        log_floor: never less, whatever the others say; at least 183d, and 365d for PCI DSS 10.5.1.
        segments: the folder of the sealed segments, into which entries are written before they
            may go; all servers of a database need the same one.
    """

    requests: Days | None = None
    tenants: Mapping[str, Days] = Field(default_factory=dict)
    floor: Days = f"{LIMITS_LOOK_BACK_DAYS}d"
    roles: tuple[Name, ...] = ()
    erased_list: str = ".sayso/erased.jsonl"
    log: Days | None = None
    log_tenants: Mapping[str, Days] = Field(default_factory=dict)
    log_floor: Days = f"{LOG_FLOOR_DAYS}d"
    segments: str = ".sayso/segments"

    @model_validator(mode="after")
    def _never_below_the_floor(self) -> RetentionSection:
        floor = days_of(self.floor)
        if floor < LIMITS_LOOK_BACK_DAYS:
            raise ValueError(
                f"`floor` is at least {LIMITS_LOOK_BACK_DAYS}d, since limits look back that far"
            )
        said = {"requests": self.requests, **{f"tenants.{k}": v for k, v in self.tenants.items()}}
        for name, value in said.items():
            if value is not None and days_of(value) < floor:
                raise ValueError(f"`{name}` is below the floor of {floor}d")
        return self

    def kept_for(self, tenant: str) -> timedelta | None:
        """How long a tenant's personal text is kept; None for good."""
        said = self.tenants.get(tenant, self.requests)
        return None if said is None else timedelta(days=days_of(said))

    @model_validator(mode="after")
    def _log_never_below_its_floor(self) -> RetentionSection:
        floor = days_of(self.log_floor)
        if floor < LOG_FLOOR_DAYS:
            raise ValueError(f"`log_floor` is at least {LOG_FLOOR_DAYS}d")
        named = {"log": self.log, **{f"log_tenants.{k}": v for k, v in self.log_tenants.items()}}
        for name, value in named.items():
            if value is not None and days_of(value) < floor:
                raise ValueError(f"`{name}` is below the floor of {floor}d")
        return self

    def log_kept_for(self, tenant: str) -> timedelta | None:
        """How long a tenant's log stays in the database; None for good."""
        said = self.log_tenants.get(tenant, self.log)
        return None if said is None else timedelta(days=days_of(said))


def days_of(said: str) -> int:
    """The number of days in `90d`."""
    return int(said.removesuffix("d"))


class DispatchSection(Section):
    """Who runs what is due.

    Attributes:
        engine: `embedded`: every process that has the workspace open to work, such as
            `sayso serve`; `fleet`: the processes of `sayso worker`, on PostgreSQL.
        keep_minutes: how long the fleet's engine keeps what it has delivered.
    """

    engine: Literal["embedded", "fleet"] = "embedded"
    keep_minutes: Annotated[int, Field(ge=1, le=43_200)] = 60


Rate = Annotated[str, Field(pattern=RATE)]


class RatesSection(Section):
    """How many calls leave at most, by all workers together; off unless said.

    Attributes:
        tenant: for each tenant, such as `10/s`, `100/m` or `1000/h`.
        tenants: by tenant, in place of that.
        connectors: by connector, for all tenants together; for those that have a table of their
            own, `rate` in `[connectors.NAME]` says the same.
    """

    tenant: Rate | None = None
    tenants: Mapping[Name, Rate] = Field(default_factory=dict)
    connectors: Mapping[Name, Rate] = Field(default_factory=dict)


class LogSection(Section):
    """What servers and workers write to standard error; counts with the next start.

    Attributes:
        format: `text`, or `json`: one object a line, with the ids of what it is about, and without
            what libraries say in words.
        level: from which on.
    """

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "warning"


class ConnectionSection(Section):
    """An OAuth connection to a provider, under the name by which connectors ask for its token.

    Attributes:
        grant: `client_credentials` for the client itself, `refresh_token` for what a person has
            authorised.
        token_endpoint: https, or http on this machine.
        client_id, client_secret: of our registration there.
        scopes: what is asked for.
        auth_method: how the client shows its secret; by default as the secret allows.
        authorization_endpoint, redirect_uri: for connecting by a person; exact.
        client_id: the app that you registered at the provider.
        client_secret: where its secret is.
        authorization_endpoint: where a person agrees, for `refresh_token`.
        redirect_uri: where the provider sends them back to, as registered there.
    """

    grant: Literal["refresh_token", "client_credentials"]
    token_endpoint: Url
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Reference | None = None
    # SOURCE: RFC 6749 §3.3, so that two scopes cannot be written as one
    scopes: tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")], ...] = ()
    auth_method: Literal["client_secret_basic", "client_secret_post", "none"] | None = None
    authorization_endpoint: Url = ""
    redirect_uri: Url = ""

    @model_validator(mode="after")
    def _client_has_a_secret(self) -> ConnectionSection:
        # SOURCE: RFC 6749 §4.4: only a confidential client may ask in its own name.
        if self.grant == "client_credentials" and self.client_secret is None:
            raise ValueError("`client_credentials` needs a `client_secret`")
        return self


class VaultSection(Section):
    """The key outside the database, without which nothing that is sealed in it opens.

    It makes tokens count, wraps the keys of customers' text, and seals connections' tokens.

    Attributes:
        key: 32 bytes in base64: `env:`, `file:` or `vault:`; or `kms:` and the address that the
            extra `kms` knows an Ed25519 key by.
        public_key: of a key in a KMS, 32 bytes of Ed25519 in base64.
        older_keys: those that were `key` before; what they sealed still opens.
    """

    key: KeyReference = "file:keys/vault.key"
    public_key: str | None = None
    older_keys: tuple[Reference, ...] = ()


class Settings(Section):
    """Everything that `sayso.toml` can say.

    Attributes:
        connectors: settings by connector name, checked by the connector itself; `token`, where a
            connector has it, names one of `connections`; `rate`, which every connector has, is
            how many of its calls leave at most, such as `25/s`; `region` likewise says where its
            provider keeps what it is sent.
        connections: OAuth connections by name.
        channels: settings by channel name, checked by the channel itself: where people are told
            and asked besides Slack and e-mail.
        inbound: providers' webhooks by the name in their address.
        desk: where customers write and colleagues sit, by name.
        identity: who asserts who the customer is, by name.
        customers: whose account ids are, and what ties two of them.
        work: what you promise customers who wait for a person.
        actions: Python files with own connectors, as globs relative to the workspace.
    """

    workspace: WorkspaceSection = WorkspaceSection()
    store: StoreSection = StoreSection()
    signing: SigningSection = SigningSection()
    publishing: PublishingSection = PublishingSection()
    policy: PolicySection = PolicySection()
    approvals: ApprovalsSection = ApprovalsSection()
    dispatch: DispatchSection = DispatchSection()
    rates: RatesSection = RatesSection()
    log: LogSection = LogSection()
    stop: StopSection = StopSection()
    retention: RetentionSection = RetentionSection()
    people: tuple[PersonSection, ...] = ()
    planner: PlannerSection = PlannerSection()
    slack: SlackSection | None = None
    http: HttpSection = HttpSection()
    network: NetworkSection = NetworkSection()
    webhooks: WebhooksSection = WebhooksSection()
    inbound: Mapping[Name, InboundSection] = Field(default_factory=dict)
    desk: Mapping[Name, DeskSection] = Field(default_factory=dict)
    identity: Mapping[Name, IdentitySection] = Field(default_factory=dict)
    customers: CustomersSection = CustomersSection()
    facts: FactsSection = FactsSection()
    console: ConsoleSection = ConsoleSection()
    work: WorkSection = WorkSection()
    vault: VaultSection = VaultSection()
    connectors: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    connections: Mapping[Name, ConnectionSection] = Field(default_factory=dict)
    channels: Mapping[Name, Mapping[str, Any]] = Field(default_factory=dict)
    actions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _people_make_sense(self) -> Settings:
        ids = [person.id for person in self.people]
        accounts = [person.slack for person in self.people if person.slack]
        elsewhere = [f"{k} {v}" for person in self.people for k, v in person.accounts.items()]
        kinds = ((ids, "id"), (accounts, "slack account"), (elsewhere, "account"))
        for values, what in kinds:
            doubles = sorted({value for value in values if values.count(value) > 1})
            if doubles:
                raise ValueError(f"two people have the {what} `{doubles[0]}`")
        named = [(f"`{person.id}`", person.roles) for person in self.people]
        sections = (
            ("`stop.roles`", self.stop.roles),
            ("`policy.activate`", self.policy.activate),
            ("`policy.confirm`", self.policy.confirm),
            ("`retention.roles`", self.retention.roles),
        )
        oidc = self.console.oidc
        groups = () if oidc is None else oidc.groups.items()
        named += [(f"the group `{name[:40]}` of `console.oidc`", roles) for name, roles in groups]
        for who, roles in (*named, *sections):
            unknown = sorted(set(roles) - set(self.approvals.roles))
            if unknown:
                known = ", ".join(f"`{role}`" for role in self.approvals.roles)
                near = did_you_mean(unknown[0], self.approvals.roles).rstrip("?")
                hint = near or f"`approvals.roles` has {known}"
                raise ValueError(f"{who} has the unknown role `{unknown[0]}`; {hint}")
        return self

    @model_validator(mode="after")
    def _addresses_are_safe(self) -> Settings:
        check_addresses(self, self.network.private)
        return self

    @model_validator(mode="after")
    def _rates_are_rates(self) -> Settings:
        for connector, table in self.connectors.items():
            rate = table.get("rate", "1/s")
            if not isinstance(rate, str) or not re.match(RATE, rate):
                raise ValueError(f"`connectors.{connector}.rate`: write such as 25/s or 100/m")
        return self

    @property
    def connector_tables(self) -> dict[str, dict[str, Any]]:
        """The settings that the connectors themselves check, by connector."""
        return {
            name: {key: value for key, value in table.items() if key not in _OURS}
            for name, table in self.connectors.items()
        }

    @model_validator(mode="after")
    def _data_stays_in_its_region(self) -> Settings:
        tenants = {self.workspace.tenant, *self.workspace.regions}
        wanted = {self.workspace.region_of(tenant) for tenant in tenants} - {None}
        places: dict[str, object] = {"store": self.store.region}
        places |= {f"connectors.{name}": one.get("region") for name, one in self.connectors.items()}
        for place, region in places.items() if wanted else ():
            if wanted != {region}:
                said = f"it is in `{region}`" if region else "nobody says where it is"
                there = " and ".join(sorted(map(str, wanted)))
                raise ValueError(f"`{place}`: data has to stay in {there}, and {said}")
        return self

    @model_validator(mode="after")
    def _tokens_have_connections(self) -> Settings:
        for connector, table in self.connectors.items():
            token = table.get("token")
            if not isinstance(token, str) or re.match(REFERENCE, token):
                continue
            if token not in self.connections:
                raise ValueError(f"`connectors.{connector}`: {no_connection(token, self)}")
        return self


def is_name(word: str) -> bool:
    """Whether a workspace, a tenant or a connector can be called so."""
    return re.fullmatch(NAME, word) is not None


def no_connection(name: str, settings: Settings) -> str:
    """Says that there is no connection of that name, and which one may be meant."""
    near = did_you_mean(name[:40], settings.connections).rstrip("?")
    hint = f"; {near or 'name one under [connections]'}"
    # INVARIANT: what can be no name may be a pasted token, so it is not repeated.
    said = f"`{name}`" if re.match(NAME, name) else "of such a name"
    return f"there is no connection {said}{hint}"


def read_settings(path: Path) -> Settings:
    """Read and check a `sayso.toml`.

    Raises:
        ConfigError: `no_workspace` when there is none, `invalid_setting` with the file, the
            setting, and the line where TOML itself is broken.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            Code.NO_WORKSPACE,
            f"there is no `{path.name}` in `{path.parent}`",
            next_step="run `sayso init` there, or pass --workspace FOLDER",
        ) from None
    except OSError as error:
        raise ConfigError(
            Code.NO_WORKSPACE,
            f"`{path}` cannot be read",
            next_step="check its permissions",
            detail=str(error),
        ) from error
    try:
        return parse_settings(read_table(raw), path.name, raw.decode("utf-8"))
    except TomlMistakeError as wrong:
        raise ConfigError(
            Code.INVALID_SETTING, f"`{path.name}`: {wrong}", next_step=wrong.next_step
        ) from wrong


def parse_settings(values: Mapping[str, object], where: str, text: str = "") -> Settings:
    """Check settings that are read already.

    Args:
        text: where lines are looked for.

    Raises:
        ConfigError: `invalid_setting`, naming the first wrong setting and what is near it.
    """
    try:
        return check_as(Settings, values, text)
    except TomlMistakeError as wrong:
        raise wrong_setting(wrong, where) from wrong


def wrong_setting(wrong: TomlMistakeError, where: str) -> ConfigError:
    """The error for one mistake in the settings."""
    line = "" if wrong.line is None else f", line {wrong.line}"
    step = wrong.next_step
    if wrong.unknown and wrong.at[:-1]:
        step = of_the_top(str(wrong.at[-1]), where) or step
    place = f"`{wrong.place}` in {where}{line}" if wrong.at else where
    return ConfigError(Code.INVALID_SETTING, f"{place}: {wrong.problem}", next_step=step)


def of_the_top(name: str, where: str) -> str | None:
    """Says where a name belongs that is one of the whole file's, and not of a section."""
    if name not in Settings.model_fields:
        return None
    return f"`{name}` belongs at the top of {where}, above the first [section]"
