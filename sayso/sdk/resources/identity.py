"""Who the customer is, by a signed assertion of a platform in place of the bot's word.

Intercom and Zendesk sign a JWT for who is signed in at the shop (HS256, by a secret that they share
with it); any OIDC provider signs an ID token (by a key that it publishes). What a bot says by
itself is worth less: with `required` it is worth nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from sayso.actions.model.definition import Assurance, Subject
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.nesting import read_json
from sayso.network import LOOPBACK, Destination, checked_url
from sayso.sdk.resources.base import Resource
from sayso.settings import FILE_NAME, IdentitySection
from sayso.text import plain

if TYPE_CHECKING:
    import ssl

    from joserfc.jwk import KeySet, OctKey

    from sayso.connectors.http import HttpClient
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

LEEWAY_S = 30
MOST_CHARACTERS = 8_192
KEYS_KEPT_S = 600
FRESH_S = 300
"""Facts count only of an assertion that is not older."""
MOST_FACT_CHARACTERS = 200
MOST_ACCOUNTS_NAMED = 10
_LONGEST_LIFE_S = 24 * 3600
"""No longer are accounts tied by one assertion, whatever life it gives itself."""
_TYPES: Mapping[str, type] = {"string": str, "long": int, "bool": bool}
_ALGORITHMS = {"intercom": ["HS256"], "zendesk": ["HS256"], "oidc": ["RS256", "ES256", "PS256"]}
_ACCOUNTS = "accounts"
_CLAIM = {"intercom": "user_id", "zendesk": "external_id", "oidc": "sub"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResource:
    """What an access token is for. Source: RFC 9728.

    Attributes:
        url: its identifier, which is where clients reach it. issuers: whose tokens count.
    """

    url: str
    issuers: tuple[str, ...]


class Identity(Resource):
    """Reads assertions.

    Guarantees: an assertion counts only with the signature, the issuer, the audience and the time
    that sayso.toml asks for; none is kept or logged.
    """

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._private = tuple(map(str, workspace.settings.network.private))
        self._keys: dict[str, tuple[float, KeySet]] = {}

    @property
    def is_required(self) -> bool:
        """Whether a customer without an assertion counts as unverified."""
        return any(one.required for one in self._workspace.settings.identity.values())

    @property
    def protected_resource(self) -> ProtectedResource | None:
        """Where MCP clients come with access tokens, and who issues those; None for nowhere.

        Raises:
            ConfigError: `invalid_setting`, where two of `[identity]` name different addresses.
        """
        sections = self._workspace.settings.identity.values()
        named = [(one.resource, str(one.issuer)) for one in sections if one.resource is not None]
        urls = dict.fromkeys(url for url, _ in named)
        if len(urls) > 1:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`resource` of [identity] names {' and '.join(f'`{url}`' for url in urls)}",
                next_step=f"name one address in {FILE_NAME}; a process serves one",
            )
        issuers = tuple(dict.fromkeys(issuer for _, issuer in named))
        return next((ProtectedResource(url=url, issuers=issuers) for url in urls), None)

    async def of_access_token(self, token: str) -> Subject:
        """The customer who signed in at an issuer of the protected resource.

        Raises:
            RefusedError: `unauthenticated`, for a token of nobody named, or for something else.
            RetryableError: the keys of the issuer cannot be read now.
        """
        refused = _not_held("nobody issues tokens for this")
        for name, section in self._workspace.settings.identity.items():
            if section.resource is not None:
                try:
                    found = await self.subject(name, token)
                except RefusedError as error:
                    refused = error
                else:
                    return self._container.connectors.subject(found)
        raise refused

    async def subject(self, name: str, assertion: str) -> Subject:
        """The customer that an assertion names.

        Args:
            name: of `[identity.NAME]`. assertion: the JWT, as the platform gave it.

        Raises:
            RefusedError: `unauthenticated`, for an assertion that does not hold; `not_found`;
                `invalid_input` for further accounts that nobody can have.
            RetryableError: the keys of the issuer cannot be read now.
            ConfigError: `missing_secret`.
        """
        section = self._workspace.settings.identity.get(name)
        if section is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"nobody asserts as `{plain(name, limit=40)}`",
                next_step=f"name it in [identity] of {FILE_NAME}",
            )
        if not assertion.isascii() or not 0 < len(assertion) <= MOST_CHARACTERS:
            raise _not_held("it is no JWT")
        claims = await self._claims(name, section, assertion)
        claim = section.claim or _CLAIM[section.kind]
        found = claims.get(claim)
        if not isinstance(found, str) or not found:
            raise _not_held(f"it has no `{claim}`")
        until = self._signed_until(section, claims)
        subject = Subject(
            id=found,
            provider=section.customers or "",
            assurance=Assurance.SIGNED_IN,
            signed={} if until is None else self._facts(claims),
            signed_until=until,
        )
        return subject if not section.accounts else self._with_accounts(subject, claims)

    async def checked(self, said: Subject, name: str | None, assertion: str | None) -> Subject:
        """A customer whom a bot names, with what stands for it.

        Raises:
            RefusedError: `unauthenticated`, also where the assertion names somebody else.
        """
        read = self._container.connectors.subject
        said = read(said)
        if name is None or assertion is None:
            weak = self.is_required and said.assurance is not Assurance.UNVERIFIED
            return Subject(id=said.id, assurance=Assurance.UNVERIFIED) if weak else said
        found = read(await self.subject(name, assertion))
        if found.id != said.id:
            raise _not_held("it names another customer")
        return found

    def _signed_until(self, section: IdentitySection, claims: Mapping[str, object]) -> int | None:
        """Until when its facts count; None unless made for this workspace, and just now."""
        now, made = self._container.clock.now().timestamp(), claims.get("iat")
        is_number = isinstance(made, (int, float)) and not isinstance(made, bool)
        if section.audience is None or not is_number:
            return None
        if not -LEEWAY_S <= now - cast("float", made) <= FRESH_S + LEEWAY_S:
            return None
        ends = min(cast("float", made) + FRESH_S, cast("float", claims["exp"]))
        return int((ends + LEEWAY_S) * 1_000_000)

    def _with_accounts(self, subject: Subject, claims: Mapping[str, object]) -> Subject:
        """The customer with the further accounts that the claim names.

        Raises:
            RefusedError: `invalid_input`.
        """
        named = claims.get(_ACCOUNTS)
        if named is None:
            return subject
        if not isinstance(named, list):
            raise _no_accounts("is no list", "sign a list")
        listed = cast("list[object]", named)
        if len(listed) > MOST_ACCOUNTS_NAMED:
            raise _no_accounts(f"names more than {MOST_ACCOUNTS_NAMED}", "name fewer")
        connectors = self._container.connectors
        names, mine = connectors.accounts, connectors.subject(subject).id
        by_provider = {names.provider_in(mine): mine}
        for one in listed:
            if not isinstance(one, str):
                raise _no_accounts("holds what is no text", "write each as PROVIDER:ID")
            try:
                account = connectors.subject(one).id
            except RefusedError as error:
                raise _no_accounts(f"holds no account: {error.message}", error.next_step) from error
            provider = names.provider_in(account)
            if by_provider.setdefault(provider, account) != account:
                whose = "another one of the" if by_provider[provider] == mine else "two of the same"
                raise _no_accounts(
                    f"names {whose} customer's provider, `{plain(provider, limit=40)}`",
                    "name one account for each provider, all of the person whom it is about",
                )
        now = self._container.clock.now().timestamp()
        ends = min(cast("float", claims["exp"]) + LEEWAY_S, now + _LONGEST_LIFE_S)
        further = tuple(sorted(set(by_provider.values()) - {mine}))
        return replace(subject, accounts=further, accounts_until=int(ends * 1_000_000))

    def _facts(self, claims: Mapping[str, object]) -> dict[str, str | int | bool]:
        """The facts of `[facts.signed]` that it tells."""
        found: dict[str, str | int | bool] = {}
        for name, fact in self._workspace.settings.facts.signed.items():
            value = claims.get(name)
            if isinstance(value, (str, int, bool)) and type(value) is _TYPES[fact.type]:
                fits = not isinstance(value, str) or len(value) <= MOST_FACT_CHARACTERS
                if fits and (not fact.words or value in fact.words):
                    found[name] = value
        return found

    async def _claims(
        self, name: str, section: IdentitySection, assertion: str
    ) -> Mapping[str, object]:
        from joserfc import jwt  # only who takes assertions pays for it
        from joserfc.errors import JoseError

        now = int(self._container.clock.now().timestamp())
        essential: dict[str, Any] = {"exp": {"essential": True}}
        for claim, value in (("iss", section.issuer), ("aud", section.audience)):
            if value is not None:
                essential[claim] = {"essential": True, "value": value}
        wanted = jwt.JWTClaimsRegistry(now=now, leeway=LEEWAY_S, **essential)
        key = await self._key(name, section)
        try:
            token = jwt.decode(assertion, key, algorithms=_ALGORITHMS[section.kind])
            wanted.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _not_held(type(error).__name__) from None
        return cast("Mapping[str, object]", token.claims)

    async def _key(self, name: str, section: IdentitySection) -> OctKey | KeySet:
        from joserfc.jwk import OctKey

        if section.secret is not None:
            return OctKey.import_key(self._workspace.secret(section.secret).reveal())
        now = self._container.clock.now().timestamp()
        kept = self._keys.get(name)
        if kept is None or now - kept[0] > KEYS_KEPT_S:
            kept = (now, await _published(name, cast("str", section.keys), self._private))
            self._keys[name] = kept
        return kept[1]


async def _published(name: str, url: str, private: tuple[str, ...]) -> KeySet:
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    from sayso.connectors.http import HttpRequest

    client = safe_client(name, url, private)
    try:
        answer = await client.send(HttpRequest(method="GET", url=url))
    finally:
        await client.close()
    try:
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        return KeySet.import_key_set(read_json(answer.body))
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            f"the keys of `{name}` cannot be read",
            next_step=f"check `keys` of [identity.{name}]",
            detail=type(error).__name__,
        ) from error


def safe_client(
    name: str, url: str, private: tuple[str, ...], *, verify: ssl.SSLContext | None = None
) -> HttpClient:
    """A client of this one address, which leads nowhere else.

    Args:
        name: of the setting that it stands in, or that led to it.
        private: networks that may be reached although they are private.
        verify: other authorities than the usual ones.

    Raises:
        ConfigError: `invalid_setting`, for one that is not https and not on this machine.
    """
    from sayso.connectors.http import HttpClient, HttpLimits

    parts = urlsplit(checked_url(url, name=name, private=private, query=True))
    host, here = parts.hostname or "", parts.hostname in LOOPBACK
    port = parts.port or (80 if parts.scheme == "http" else 443)
    destination = (
        Destination.this_machine([port])
        if here
        else Destination(hosts=frozenset({host}), ports=frozenset({port}), private=private)
    )
    limits = HttpLimits(timeout_s=10.0)
    return HttpClient(who=name, destination=destination, limits=limits, verify=verify)


def _not_held(why: str) -> RefusedError:
    # NOTE: why is for the log of whoever runs it; a caller who guesses learns nothing more.
    return RefusedError(
        Code.UNAUTHENTICATED,
        "the assertion of who the customer is does not hold",
        next_step="pass the platform's own, as it is, while it is fresh",
        detail=why,
    )


def _no_accounts(why: str, next_step: str) -> RefusedError:
    """What an assertion that holds names wrongly: whoever signs it can mend it."""
    return RefusedError(
        Code.INVALID_INPUT,
        f"the assertion's `{_ACCOUNTS}` {why}",
        next_step=next_step or 'sign a list such as ["stripe:cus_9", "zendesk:7723"]',
    )
