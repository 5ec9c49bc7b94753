"""`[channels.teams]`: the bot, its tenant, and where its cards stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from sayso.errors import Code, ConfigError
from sayso.ids import Tenant
from sayso.network import LOOPBACK, Destination, checked_url
from sayso.sdk.client import Sayso
from sayso.secret import Secret
from sayso.settings.base import Reference, Section
from sayso.toml import TomlMistakeError, check_as

CHANNEL = "teams"
_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_THREAD = r"^19:[A-Za-z0-9_@.-]{1,200}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Microsoft's addresses of one cloud.

    Attributes:
        issuer: of the tokens with which Teams calls us. openid: where their keys are named.
        login: where ours is made. scope: of it. hosts: where Teams itself may be called.
    """

    issuer: str
    openid: str
    login: str
    scope: str
    service: str
    hosts: frozenset[str]


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "public": Cloud(
            issuer="https://api.botframework.com",
            openid="https://login.botframework.com/v1/.well-known/openidconfiguration",
            login="https://login.microsoftonline.com",
            scope="https://api.botframework.com/.default",
            service="https://smba.trafficmanager.net/teams",
            hosts=frozenset({"smba.trafficmanager.net", "smba.infra.gcc.teams.microsoft.com"}),
        ),
        "us_government": Cloud(
            issuer="https://api.botframework.us",
            openid="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
            login="https://login.microsoftonline.us",
            scope="https://api.botframework.us/.default",
            service="https://smba.infra.gov.teams.microsoft.us/teams",
            hosts=frozenset(
                {"smba.infra.gov.teams.microsoft.us", "smba.infra.dod.teams.microsoft.us"}
            ),
        ),
    }
)
"""SOURCE: Bot Connector authentication; Microsoft Teams, endpoints for bots in each cloud."""


class TeamsSection(Section):
    """The bot, and the channel in which approvers are asked.

    Attributes:
        app_id: of the bot's registration (client id). app_secret: where its secret is.
        tenant: of your organisation; whoever is of another one decides nothing.
        team, channel: where cards stand; without them each card goes to whoever may decide it.
        cloud: `public` or `us_government`.
        service_url: of Teams where it is another one than the cloud's.
        login_url, openid_url: likewise, for tests.
    """

    app_id: Annotated[str, Field(pattern=_ID)]
    app_secret: Reference
    tenant: Annotated[str, Field(pattern=_ID)]
    team: Annotated[str, Field(pattern=_THREAD)] | None = None
    channel: Annotated[str, Field(pattern=_THREAD)] | None = None
    cloud: Literal["public", "us_government"] = "public"
    service_url: str | None = None
    login_url: str | None = None
    openid_url: str | None = None

    @model_validator(mode="after")
    def _a_channel_is_in_a_team(self) -> TeamsSection:
        if (self.team is None) != (self.channel is None):
            raise ValueError("`channel` and its `team` need each other")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsSettings:
    """The section with everything looked up.

    Attributes:
        service: of Teams, without a slash at the end. hosts: where Teams may be called.
    """

    app_id: str
    app_secret: Secret
    tenant: str
    team: str | None
    channel: str | None
    cloud: Cloud
    service: str
    login: str
    openid: str
    workspace_tenant: Tenant

    @property
    def bot(self) -> str:
        """The bot's account in Teams."""
        return f"28:{self.app_id}"

    def may_call(self, url: str) -> bool:
        """Whether a token of ours may be sent there.

        INVARIANT: an activity says where it wants its answer; whoever could say so freely would
        be sent our token.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        if _origin(url) == _origin(self.service):
            return not parts.username and not parts.password
        plain = parts.username is None and parts.password is None and port in {None, 443}
        return parts.scheme == "https" and plain and parts.hostname in self.cloud.hosts

    def destination(self) -> Destination:
        """The same, for each connection that is opened."""
        own = [self.service, self.login, self.openid]
        hosts = {urlsplit(one).hostname or "" for one in own}
        if hosts <= LOOPBACK:
            return Destination.this_machine({urlsplit(one).port or 80 for one in own})
        return Destination(hosts=frozenset(hosts) | self.cloud.hosts)


def read_settings(sayso: Sayso) -> TeamsSettings:
    """The settings of an open workspace.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    table = sayso.workspace.settings.channels.get(CHANNEL)
    if table is None:
        raise ConfigError(
            Code.INVALID_SETTING,
            "sayso.toml has no `[channels.teams]`",
            next_step="add it as docs/how-to/approve-in-teams.md shows",
        )
    try:
        section = check_as(TeamsSection, table)
    except TomlMistakeError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`[channels.teams]`: {error}",
            next_step="docs/how-to/approve-in-teams.md names all of them",
        ) from error
    cloud = CLOUDS[section.cloud]
    return TeamsSettings(
        app_id=section.app_id,
        app_secret=sayso.workspace.secret(section.app_secret),
        tenant=section.tenant,
        team=section.team,
        channel=section.channel,
        cloud=cloud,
        service=_address("service_url", section.service_url or cloud.service),
        login=_address("login_url", section.login_url or cloud.login),
        openid=_address("openid_url", section.openid_url or cloud.openid),
        workspace_tenant=sayso.tenant,
    )


def _address(name: str, url: str) -> str:
    return checked_url(url, name=f"channels.teams.{name}")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
