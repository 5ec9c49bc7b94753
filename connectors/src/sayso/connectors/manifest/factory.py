"""From a reviewed manifest and a table of sayso.toml to a connector."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping

from sayso.connectors.http import Sender
from sayso.connectors.manifest.connector import TIMEOUT_S, Connected, ManifestConnector
from sayso.connectors.manifest.credentials import AuthHeaders, needs_secret
from sayso.connectors.manifest.mcp_tools import McpTools
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.review import Reviewed
from sayso.connectors.manifest.schema import ListArg, Manifest, NoAuth, TextArg
from sayso.connectors.setup import Setup
from sayso.errors import Code, ConfigError
from sayso.network import LOOPBACK, Destination, checked_url
from sayso.secret import Secret


def factory_of(
    reviewed: Reviewed, sender: Callable[[Sender], Sender] | None = None
) -> Callable[[Setup], ManifestConnector]:
    """The factory of a manifest's connector.

    Args:
        sender: stands between the connector and its client, to record what is sent.

    Its settings are those that the manifest declares, and: `api_key` (a reference) or `token` (a
    connection of the token broker), `links` (hosts), `timeout_s`, `base_url` (a sandbox on this
    machine), `private` (networks that may be reached although they are private).
    """

    def connect(setup: Setup) -> ManifestConnector:
        manifest = reviewed.source.manifest
        secret = _secret(setup, manifest)
        settings = {name: _setting(setup, manifest, name) for name in manifest.settings}
        timeout_s, private = setup.number("timeout_s", TIMEOUT_S), _networks(setup)
        has_links = any(True for _ in _texts_with_links(manifest))
        return connector_of(
            reviewed.source,
            Connected(
                settings=settings,
                secret=secret,
                clock=setup.clock,
                peer=setup.peer,
                link_hosts=frozenset(host.lower() for host in setup.texts("links"))
                if has_links
                else frozenset(),
                verified=reviewed.verified,
                proofs=reviewed.proofs,
                private=private,
                loopback=_sandbox(setup),
                timeout_s=timeout_s,
                sender=sender,
                tools=tools_of(manifest, settings, secret, timeout_s, private),
            ),
        )

    return connect


def tools_of(
    manifest: Manifest,
    settings: Mapping[str, str],
    secret: Callable[[], Awaitable[Secret]],
    timeout_s: float,
    private: tuple[str, ...] = (),
) -> McpTools | None:
    """The MCP server that a manifest names; None where it names none."""
    server = manifest.connection.mcp
    if server is None:
        return None
    shown = AuthHeaders(auth=manifest.connection.auth, settings=settings, secret=secret)

    async def revealed() -> str:
        return (await secret()).reveal()

    return McpTools(
        who=manifest.connector,
        server=server,
        headers=shown.headers,
        secret=revealed,
        timeout_s=timeout_s,
        private=private,
    )


def _setting(setup: Setup, manifest: Manifest, name: str) -> str:
    table = manifest.settings[name]
    value = setup.text(name, table.default)
    if not re.fullmatch(table.pattern, value):
        raise setup.invalid(name, f"{table.says} (of the form `{table.pattern}`)")
    return value


def _secret(setup: Setup, manifest: Manifest) -> Callable[[], Awaitable[Secret]]:
    auth = manifest.connection.auth
    if isinstance(auth, NoAuth):

        async def nothing() -> Secret:
            return Secret("")

        return nothing
    if needs_secret(auth):
        key = setup.secret_at("api_key")

        async def kept() -> Secret:
            return key

        return kept
    connection = setup.text("token", manifest.connector)

    async def fresh() -> Secret:
        return await setup.bearer(connection)

    return fresh


def _networks(setup: Setup) -> tuple[str, ...]:
    networks = setup.texts("private")
    try:
        Destination(private=networks).policy()
    except ValueError as error:
        raise setup.invalid("private", "a list of networks such as 10.1.0.0/16") from error
    return networks


def _sandbox(setup: Setup) -> str | None:
    """The sandbox that stands in for the provider; only on this machine."""
    url = setup.text("base_url", "")
    if not url:
        return None
    checked = checked_url(url, name="base_url", path=False)
    host = checked.partition("://")[2].rpartition(":")[0].strip("[]")
    if host not in LOOPBACK:
        raise ConfigError(
            Code.INVALID_SETTING,
            "the connector's setting `base_url` is not on this machine",
            next_step="leave it out: the manifest says where the provider is; it is for sandboxes",
        )
    return checked


def _texts_with_links(manifest: Manifest) -> Iterator[TextArg]:
    for action in manifest.actions.values():
        for arg in action.args.values():
            inner = arg.of.values() if isinstance(arg, ListArg) else (arg,)
            yield from (
                one for one in inner if isinstance(one, TextArg) and one.links == "settings"
            )
