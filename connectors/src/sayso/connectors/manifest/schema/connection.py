"""Where the provider is, how we show who we are, and how it writes amounts."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sayso.connectors.manifest.schema.base import Line, ManifestTable, Path, Pattern, Word
from sayso.connectors.manifest.schema.request import Read
from sayso.errors import RefusedError
from sayso.money import exponent_of

HOST = r"[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})+"
"""What a whole host looks like."""


class Setting(ManifestTable):
    """What sayso.toml gives, such as a subdomain.

    Attributes:
        pattern: what it has to look like, all of it.
        host: whether it is the whole host of `connection.base`, for programs that you run yourself.
    """

    pattern: Pattern
    says: Line
    default: str | None = None
    host: bool = False


class HeaderAuth(ManifestTable):
    """A header of the provider's own."""

    kind: Literal["header"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]
    prefix: str = ""


class BearerAuth(ManifestTable):
    """`Authorization: Bearer`."""

    kind: Literal["bearer"]


class BasicAuth(ManifestTable):
    """`Authorization: Basic`; `{secret}` and `{settings.X}` are the only placeholders."""

    kind: Literal["basic"]
    user: str
    password: str = ""


class OAuthAuth(ManifestTable):
    """A person authorises once; the token broker keeps what comes of it."""

    kind: Literal["oauth2"]
    authorize: str
    token: str
    header: str = "Authorization"
    prefix: str = "Bearer "
    client: Literal["client_secret_basic", "client_secret_post", "none"] | None = None


class ClientCredentialsAuth(ManifestTable):
    """The client itself is authorised."""

    kind: Literal["client_credentials"]
    token: str
    client: Literal["client_secret_basic", "client_secret_post"] | None = None


class NoAuth(ManifestTable):
    """None: an MCP server on this machine."""

    kind: Literal["none"]


Auth = Annotated[
    HeaderAuth | BearerAuth | BasicAuth | OAuthAuth | ClientCredentialsAuth | NoAuth,
    Field(discriminator="kind"),
]


class FromSetting(ManifestTable):
    """A value that is a setting; `not_ending` makes a yes or no of it."""

    setting: str
    not_ending: str | None = None


class AccountTable(Read):
    """Who-am-I: named on every card, and a change freezes the connection."""

    id: Path | FromSetting
    title: Path | FromSetting
    live: Path | FromSetting | bool | None = None


# An opening bracket of a group; else one character's worth: a class, an escape, or a character.
_ATOM = re.compile(
    r"\(\?(?:[aiLmsux-]*:|[=!>]|<[=!]|P?<\w+>)|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|."
)


class SubjectForm(ManifestTable):
    """What a customer's id looks like here, how this provider writes it, and whose customer it is.

    Attributes:
        pattern, form: of the id.
        of: a setting that names the connector whose customers these are, or that connector itself;
            they are the manifest's own without it, and where that connector is not set up.
    """

    pattern: Pattern = r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}"
    form: str = "{subject.id}"
    of: Word | None = None

    @property
    def holds_colons(self) -> bool:
        """Whether an id may hold a colon, as far as the pattern shows it; in doubt it may."""
        return any(_fits_a_colon(atom) for atom in _ATOM.findall(self.pattern))


def _fits_a_colon(atom: str) -> bool:
    if atom.startswith("(?"):
        return False
    try:
        return re.fullmatch(atom, ":") is not None
    except re.error:
        return False  # a repetition, a bracket, a reference back: nothing by itself


class RateTable(ManifestTable):
    """How fast requests leave, and which headers speak of it."""

    per_second: Annotated[int, Field(ge=1, le=1000)] | None = None
    burst: Annotated[int, Field(ge=1, le=1000)] | None = None
    retry_after: str = "Retry-After"
    remaining: str | None = None
    reset: str | None = None
    reset_is: Literal["seconds", "epoch"] = "seconds"


class McpServer(ManifestTable):
    """An MCP server: an address, or a program of this machine; exactly one.

    Attributes:
        url: https, or http on this machine.
        command: the program and its words; `secret_env` is the variable that it gets the key by.
    """

    url: str | None = None
    command: list[str] | None = None
    secret_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,60}$")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if (self.url is None) == (self.command is None) or self.command == []:
            raise ValueError("give exactly one of url, command")
        if self.secret_env is not None and self.command is None:
            raise ValueError("`secret_env` goes with `command`")
        return self


class ConnectionTable(ManifestTable):
    """Where the provider is and how we show who we are; exactly one of `base`, `mcp`.

    Attributes:
        base: https; a template in the host is one DNS label of a setting.
        hosts: further hosts; a request names them in a whole address.
        graphql: the path of GraphQL's endpoint.
        headers: sent with every request, such as a version.
        docs: domains of the provider's own pages, where they are others than its hosts'.
        scopes: the least that is needed; shown by `connect` and the docs.
    """

    base: str | None = None
    mcp: McpServer | None = None
    hosts: list[str] = Field(default_factory=list)
    graphql: str | None = None
    auth: Auth
    docs: list[str] = Field(default_factory=list)
    scopes: list[str] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    subject: SubjectForm = SubjectForm()
    rate: RateTable = RateTable()
    account: AccountTable | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ConnectionTable:
        if (self.base is None) == (self.mcp is None):
            raise ValueError("give exactly one of base, mcp")
        if self.base is not None and self.account is None:
            raise ValueError("`account` is missing: the request that says who we are")
        return self


class MoneyUnit(ManifestTable):
    """How the provider writes amounts.

    Attributes:
        unit: `minor` (1250), `major` ("12.50" or 12.50), `minor_text` ("1250").
        exponents: decimals of currencies for which the provider differs from ISO 4217.
        multiples: of currencies of which the provider takes whole steps only, such as
            `KWD = 10`: how many of its smallest units make one.
    """

    unit: Literal["minor", "major", "minor_text"]
    exponents: dict[str, Annotated[int, Field(ge=0, le=4)]] = Field(default_factory=dict)
    multiples: dict[str, Annotated[int, Field(ge=2, le=10_000)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _name_currencies(self) -> MoneyUnit:
        for code in (*self.exponents, *self.multiples):
            try:
                exponent_of(code)
            except RefusedError as error:
                raise ValueError(error.message) from error
        return self


class Spec(ManifestTable):
    """The provider's own description, for `check`."""

    openapi: list[str] | None = None
    graphql: str | None = None
