"""The sections of `sayso.toml` about people and the surfaces that they use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from sayso.errors import RefusedError
from sayso.money import Money
from sayso.settings.base import Name, Reference, Section, Url

CONSOLE_PATH = "/console"
"""Where people open the console, under the address of `sayso serve`."""
SLACK_PATH = "/slack/events"
"""Where Slack sends clicks and forms to, likewise."""
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._/@-]{0,199}$"
"""Somebody's account in a chat."""
_LEAST_CANARIES = 0.01
_LONGEST_HOLD_S = 600
_RESOURCE = r"^(https://[^/\s?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?)/[^\s?#]*$"


class PersonSection(Section):
    """Somebody who may decide.

    Attributes:
        id: stable; stands in the log.
        roles: what they may decide.
        slack: `TEAM_ID/USER_ID` of their Slack account, set by whoever knows both.
        accounts: likewise in other chats, such as `{teams = "TENANT_ID/OBJECT_ID"}`.
        email: where reminders are sent to; it shows nobody who they are, and decides nothing.
        oidc: who they are (`sub`) at the provider of `[console.oidc]`.
        active: false takes every power away at once.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.@-]{0,63}$")]
    roles: tuple[Name, ...] = ()
    slack: Annotated[str, Field(pattern=r"^[A-Z0-9]+/[A-Z0-9]+$")] | None = None
    accounts: Mapping[Name, Annotated[str, Field(pattern=ACCOUNT)]] = Field(default_factory=dict)
    email: Annotated[str, Field(pattern=r"^[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,190}$")] | None = None
    oidc: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    active: bool = True

    @field_validator("accounts")
    @classmethod
    def _slack_has_its_own(cls, said: Mapping[str, str]) -> Mapping[str, str]:
        if "slack" in said:
            raise ValueError("a Slack account is named by `slack`")
        return said


class ApprovalsSection(Section):
    """How long people have, and which roles there are, in the order in which they are asked.

    Attributes:
        remind_after_minutes: after so long people are called once more; never unless said.
        escalate_after_minutes: after so long `escalate_to`, another role, may decide too.
        expires_after_minutes: no answer by then counts as no.
        answer_extends: once a customer has answered a question, people have the whole time again;
            else the time to decide stays as it was.
        escalate_to: one of `roles`.
        roles: asked in this order where a rule needs several people.
        max_people: the most people whom any rule may need.
        canaries: at least this share of the cards are test cards, 0.01 to 0.2; 0 for none. Each is
            a solution that was decided, with a mistake in it; nothing comes of any answer to it,
            and whoever answers is told at once. Tell your people that there are some.
        passkey_from: from which amount on a yes needs the person's passkey, by currency, such as
            `{USD = "500.00"}`; never unless said.
        yes_reason_from: from which amount on a yes needs a reason in words, in the same form.
        hold: so long what people agreed to waits before it starts, such as `30s`, at most `10m`;
            until then whoever may decide about it can take the yes back. `0` starts at once.
    """

    expires_after_minutes: Annotated[int, Field(ge=1, le=43_200)] = 480
    remind_after_minutes: Annotated[int, Field(ge=1)] | None = None
    escalate_after_minutes: Annotated[int, Field(ge=1)] | None = None
    escalate_to: Name | None = None
    answer_extends: bool = True
    roles: tuple[Name, ...] = ("support_manager", "finance")
    max_people: Annotated[int, Field(ge=1, le=3)] = 3
    canaries: Annotated[float, Field(ge=0, le=0.2, allow_inf_nan=False)] = 0.0
    passkey_from: Mapping[str, str] = Field(default_factory=dict)
    yes_reason_from: Mapping[str, str] = Field(default_factory=dict)
    hold: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,2}[sm])$")] = "0"

    @field_validator("hold")
    @classmethod
    def _is_short(cls, said: str) -> str:
        if _seconds(said) > _LONGEST_HOLD_S:
            raise ValueError(f"at most {_LONGEST_HOLD_S // 60}m; what waits longer is a card")
        return said

    @field_validator("canaries")
    @classmethod
    def _is_a_share(cls, said: float) -> float:
        if 0 < said < _LEAST_CANARIES:
            raise ValueError(f"fewer than {_LEAST_CANARIES} keep nobody awake; 0 makes none")
        return said

    @field_validator("passkey_from", "yes_reason_from")
    @classmethod
    def _are_amounts(cls, said: Mapping[str, str]) -> Mapping[str, str]:
        for currency, amount in said.items():
            try:
                Money.parse(amount, currency)
            except RefusedError as error:
                raise ValueError(f"`{currency}`: {error.message}") from error
        return said

    @property
    def passkey_tier(self) -> dict[str, int]:
        """`passkey_from` in minor units."""
        return _minor(self.passkey_from)

    @property
    def yes_reason_tier(self) -> dict[str, int]:
        """`yes_reason_from` in minor units."""
        return _minor(self.yes_reason_from)

    @property
    def hold_micros(self) -> int:
        """`hold` in microseconds."""
        return _seconds(self.hold) * 1_000_000

    @property
    def time(self) -> timedelta:
        """How long people have to decide."""
        return timedelta(minutes=self.expires_after_minutes)

    @model_validator(mode="after")
    def _timers_make_sense(self) -> ApprovalsSection:
        if (self.escalate_after_minutes is None) != (self.escalate_to is None):
            raise ValueError("`escalate_after_minutes` and `escalate_to` need each other")
        if self.escalate_to is not None and self.escalate_to not in self.roles:
            raise ValueError(f"`escalate_to` has the unknown role `{self.escalate_to}`")
        for after in (self.remind_after_minutes, self.escalate_after_minutes):
            if after is not None and after >= self.expires_after_minutes:
                raise ValueError("a timer ends after the time to decide, which then is over")
        return self


def _seconds(said: str) -> int:
    return 0 if said == "0" else int(said[:-1]) * (60 if said.endswith("m") else 1)


def _minor(said: Mapping[str, str]) -> dict[str, int]:
    return {name: Money.parse(amount, name).amount_minor for name, amount in said.items()}


class SlackSection(Section):
    """The Slack app and the private channel in which approvers are asked.

    Attributes:
        channel: id of the private channel.
        api_url: where Slack's Web API is, for tests.
        bot_token: where the `xoxb-` token is.
        signing_secret: where the secret that signs Slack's requests over HTTP is.
        app_token: where the `xapp-` token is; with it, clicks come over Socket Mode.
    """

    bot_token: Reference
    signing_secret: Reference | None = None
    app_token: Reference | None = None
    channel: Annotated[str, Field(pattern=r"^[A-Z0-9]+$")]
    api_url: Url = "https://slack.com/api/"

    @model_validator(mode="after")
    def _clicks_come_somehow(self) -> SlackSection:
        if self.signing_secret is None and self.app_token is None:
            raise ValueError("clicks need `signing_secret` (over HTTP) or `app_token` (a socket)")
        return self


class HttpSection(Section):
    """Where `sayso serve` listens; loopback unless said otherwise.

    Attributes:
        host: the address to listen on; another than loopback needs TLS in front of it.
        port: 0 takes any free one.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8390


_OF_THE_PROTOCOL = frozenset(
    "client_id code_challenge code_challenge_method code_verifier nonce redirect_uri response_mode "
    "response_type scope state url".split()
)


class OidcSection(Section):
    """Your company's OpenID provider, by which people sign in to the console.

    Attributes:
        issuer: exactly as the provider says it of itself; `https://…`.
        client_id: of our registration there.
        client_secret: where its secret is; none for a public client.
        name: what the button says.
        scopes: what is asked for, beside `openid`; with `offline_access` most providers give a
            refresh token, by which they are asked again while somebody is signed in.
        parameters: what else a browser takes there, such as `{access_type = "offline"}`.
        groups_claim: which claim of the ID token, or of the userinfo, has somebody's groups.
        groups: the roles of each group, such as `{leads = ["support_manager"]}`. Where there are
            any, somebody's roles follow their groups with each sign-in and each time the provider
            is asked again, and none of them means no way in. Empty: roles stay what the log says.
        recheck_minutes: so old at most is what the provider said of somebody when they decide;
            without a refresh token they sign in again after so long to decide.
        outage_minutes: so much longer people decide while the provider cannot be reached.
        create: the claim that names a person whom nobody has linked yet, such as
            `preferred_username`; without it somebody has to be linked first.
    """

    issuer: Url
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret: Reference | None = None
    name: Annotated[str, Field(min_length=1, max_length=40)] = "your company"
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ()
    parameters: Mapping[str, str] = Field(default_factory=dict)
    groups_claim: Annotated[str, Field(min_length=1, max_length=100)] = "groups"
    groups: Mapping[str, tuple[Name, ...]] = Field(default_factory=dict)
    create: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    recheck_minutes: Annotated[int, Field(ge=1, le=720)] = 5
    outage_minutes: Annotated[int, Field(ge=0, le=720)] = 10

    @field_validator("parameters")
    @classmethod
    def _leave_the_protocol(cls, said: Mapping[str, str]) -> Mapping[str, str]:
        for name in said.keys() & _OF_THE_PROTOCOL:
            raise ValueError(f"`{name}` is set by Sayso itself")
        return said


class ConsoleSection(Section):
    """The console; `url` is `https://HOST` where other machines open it, else empty.

    Attributes:
        url: what links to the console begin with.
        oidc: how people of your company sign in.
        links: where else one can look, by a connector's name (`{object}` in the address), `ticket`
            (`{conversation}`, the id that you gave with the customer's words) and `trace`
            (`{trace}`), such as `{stripe = "https://dashboard.stripe.com/search?query={object}"}`.
        frame_ancestors: whose pages may have the seat beside a ticket in a frame, such as
            `["https://yourshop.zendesk.com"]`; nobody's unless said, and no other page ever.
        language: of whoever has chosen none, and whose browser asks for none that there is.
    """

    url: Annotated[str, Field(pattern=r"^(https://[^/\s?#@]+)?$")] = ""
    oidc: OidcSection | None = None
    links: Mapping[Name, Annotated[str, Field(max_length=500)]] = Field(default_factory=dict)
    frame_ancestors: tuple[
        Annotated[str, Field(pattern=r"^https://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?$")],
        ...,
    ] = ()
    language: Literal["en", "de", "es", "fr", "it", "nl", "pt"] = "en"

    @field_validator("links")
    @classmethod
    def _lead_to_one_place(cls, said: Mapping[str, str]) -> Mapping[str, str]:
        for name, address in said.items():
            word = {"ticket": "{conversation}", "trace": "{trace}"}.get(name, "{object}")
            host, _, rest = address.removeprefix("https://").partition("/")
            fixed = address.startswith("https://") and host and not set("{}?#@\\ ") & set(host)
            if not fixed or rest.count(word) != 1 or set("{}") & set(rest.replace(word, "")):
                raise ValueError(f"`{name}`: write https://HOST/… with {word} once after the host")
        return said


class WorkSection(Section):
    """What you promise customers who wait for a person.

    Attributes:
        answer_within: so long a customer who was handed over waits at most; such as `30m` or `4h`.
            Whoever waits longer is shown as late, and told of once by the event `work.late`.
            Nothing is promised unless said.
    """

    answer_within: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,3}[mh])?$")] = ""

    @property
    def answer_micros(self) -> int | None:
        """The same in microseconds; None where nothing is promised."""
        if not self.answer_within:
            return None
        number = int(self.answer_within[:-1])
        minutes = number if self.answer_within.endswith("m") else number * 60
        return timedelta(minutes=minutes) // timedelta(microseconds=1)


class NetworkSection(Section):
    """Which private networks the addresses in this file may be in.

    Attributes:
        private: such as `10.1.0.0/16`; what is not named is refused, as are all link-local ones.
    """

    private: tuple[IPv4Network | IPv6Network, ...] = ()


class WebhooksSection(Section):
    """Where webhooks may lead, too.

    Attributes:
        local: to this machine, for trying things out.
        private: to these networks, such as `10.1.0.0/16`.
    """

    local: bool = False
    private: tuple[IPv4Network | IPv6Network, ...] = ()


WRITES = frozenset({"zendesk", "intercom"})
"""Providers whose webhooks bring what customers write."""


class InboundSection(Section):
    """A provider's webhooks, which come to `POST /v1/inbound/NAME`.

    Attributes:
        provider: by whose scheme they are signed.
        secret: where the signing secret is.
        ask: whether a customer's words on a support platform become a request.
        subject: JMESPath to the customer's id in a webhook, where it is not the platform's own.
        assurance: how surely the platform knows who writes: `verified` where it does so by itself.
        customers: whose customer that id names: a connector of this workspace. The platform's own,
            unless `subject` names another place.
    """

    provider: Literal["stripe", "shopify", "zendesk", "intercom"]
    secret: Reference
    ask: bool = True
    subject: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    assurance: Literal["unverified", "verified"] = "unverified"
    customers: Name | None = None

    @property
    def account_of(self) -> str | None:
        """Whose account ids come in by it; None for the workspace's default."""
        return self.customers or (None if self.subject is not None else self.provider)

    @field_validator("subject")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        if value is not None:
            from sayso.reading import check_expression  # who has one pays

            check_expression(value)
        return value


class SignedFactSection(Section):
    """A fact that a caller signs, for rules to read.

    Attributes:
        type: what the claim of its name is.
        words: all that a text can be; another one counts as missing.
        missing: what becomes of an action that a rule about it would judge, where it is not told.
    """

    type: Literal["bool", "string", "long"]
    words: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    missing: Literal["deny", "ask"] = "deny"

    @model_validator(mode="after")
    def _only_texts_have_words(self) -> SignedFactSection:
        if self.words and self.type != "string":
            raise ValueError("only a string has `words`")
        return self


class FactsSection(Section):
    """Facts that rules read besides those of the connectors.

    Attributes:
        signed: claims of a signed assertion of who the customer is, by name.
    """

    signed: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], SignedFactSection] = (
        Field(default_factory=dict)
    )


class IdentitySection(Section):
    """Who asserts who the customer is, in place of the bot's word.

    Attributes:
        kind: Intercom's or Zendesk's JWT for signed-in users, or an OIDC provider's ID token.
        secret: the secret that Intercom or Zendesk shares with you.
        keys: the address of an OIDC provider's published keys (JWKS).
        issuer, audience: what an ID token has to say; both are needed for OIDC.
        claim: which claim is the customer's id; by default `user_id`, `external_id`, `sub`.
        customers: whose customer that id names: a connector of this workspace; the workspace's
            default unless said.
        required: whether a customer without an assertion counts as unverified, whatever a bot says.
        accounts: whether its claim `accounts` is believed, which names further accounts of the
            same person, such as `["stripe:cus_9"]`; only where nobody but you writes that claim.
        resource: where MCP clients reach `sayso mcp --http`, such as
            `https://mcp.shop.example/mcp`: they have the customer sign in at `issuer`, and its
            access tokens for `audience` say who the customer is.
        issuer: who made the token.
        audience: for whom.
    """

    kind: Literal["intercom", "zendesk", "oidc"]
    secret: Reference | None = None
    keys: Url | None = None
    issuer: str | None = None
    audience: str | None = None
    claim: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    customers: Name | None = None
    required: bool = False
    accounts: bool = False
    resource: Annotated[str, Field(pattern=_RESOURCE)] | None = None

    @model_validator(mode="after")
    def _says_whom_to_believe(self) -> IdentitySection:
        if self.resource is not None and self.kind != "oidc":
            raise ValueError("MCP clients sign in by OAuth: `resource` needs the kind `oidc`")
        if self.kind == "oidc":
            if self.keys is None or self.issuer is None or self.audience is None or self.secret:
                raise ValueError("OIDC needs `keys`, `issuer` and `audience`, and no `secret`")
        elif self.secret is None or self.keys is not None:
            raise ValueError(f"{self.kind} needs `secret`, and no `keys`")
        return self
