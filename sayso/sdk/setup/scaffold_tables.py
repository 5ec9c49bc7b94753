"""What `sayso init` writes for each connector: its table in sayso.toml, and its rules."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from sayso.actions.model.definition import MONEY, Effect
from sayso.actions.policy.cedar import read_default_policy
from sayso.connectors.manifest.credentials import needs_secret
from sayso.connectors.manifest.review import find_source
from sayso.connectors.manifest.schema import ClientCredentialsAuth, Manifest, OAuthAuth
from sayso.connectors.manifests import SHIPPED, manifest_names
from sayso.errors import Code, ConfigError
from sayso.settings import FILE_NAME

BY_DEFAULT = ("stripe", "email")
"""The connectors of a workspace unless others are named."""


def read_connectors(names: Sequence[str]) -> dict[str, Manifest | None]:
    """The connectors that a workspace is to have, with the manifests of those that have one.

    Raises:
        ConfigError: `invalid_setting` for one that there is not, with the nearest, and for none.
    """
    known = sorted({*BY_DEFAULT, *manifest_names(SHIPPED)})
    found: dict[str, Manifest | None] = {}
    if not names:
        raise ConfigError(
            Code.INVALID_SETTING,
            "a workspace without any connector could do nothing",
            next_step=f"choose among {', '.join(known)}",
        )
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigError(
                Code.INVALID_SETTING,
                f"no connector `{name[:40]}` ships with Sayso",
                next_step=f"did you mean `{near[0]}`?"
                if near
                else f"choose among {', '.join(known)}; your own you add afterwards "
                "(docs/how-to/add-a-connector.md)",
            )
        source = None if name in BY_DEFAULT else find_source(name, Path())
        found[name] = None if source is None else source[0].manifest
    return found


def tables_of(connectors: Mapping[str, Manifest | None]) -> str:
    """Their tables for sayso.toml; what you have to fill in is empty."""
    return "\n".join(
        template(f"{name}.toml") if manifest is None else _table(name, manifest)
        for name, manifest in connectors.items()
    )


def settings_of(connectors: Mapping[str, Manifest | None]) -> str:
    """The `sayso.toml` of a workspace with these; who approves is still to be filled in."""
    text = template(FILE_NAME).replace("{connectors}\n", tables_of(connectors) + "\n")
    return text.replace("{customers}\n", _customers(connectors))


def _customers(connectors: Mapping[str, Manifest | None]) -> str:
    """Whose an id without a provider is, so that a connector that comes later changes nothing."""
    own = [
        name
        for name, manifest in connectors.items()
        if name != "email"
        and (manifest is None or getattr(manifest.connection.subject, "of", None) is None)
    ]
    default = "stripe" if "stripe" in own else next(iter(own), None)
    return "" if default is None else template("customers.toml").replace("{default}", default)


def open_settings(connectors: Mapping[str, Manifest | None]) -> list[str]:
    """What you fill in before anything of it is loaded, such as `[connectors.shopify] shop`."""
    return [
        f"[connectors.{name}] {setting}"
        for name, manifest in connectors.items()
        if manifest is not None
        for setting, table in manifest.settings.items()
        if not re.fullmatch(table.pattern, table.default or "")
    ]


def secrets_of(connectors: Mapping[str, Manifest | None]) -> list[str]:
    """The environment variables that their tables name."""
    return re.findall(r'"env:([A-Z0-9_]+)"', _without_comments(tables_of(connectors)))


def rules_of(connectors: Mapping[str, Manifest | None]) -> dict[str, str]:
    """Their rules by file name: those that ship; for the others a manager's yes to everything."""
    files = read_default_policy(connectors)
    for name, manifest in connectors.items():
        if manifest is not None:
            files[f"{name}.cedar"] = _rules(name, manifest)
    return files


def template(name: str) -> str:
    """One of the texts that `init` writes."""
    return (resources.files("sayso.sdk.setup") / "template" / name).read_text(encoding="utf-8")


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(^| )#.*$", "", text)


def _table(name: str, manifest: Manifest) -> str:
    upper = name.upper()
    lines = [f"[connectors.{name}]"]
    auth = manifest.connection.auth
    if needs_secret(auth):
        lines.append(f'api_key = "env:{upper}_API_KEY"')
    for setting, table in manifest.settings.items():
        lines.append(f'{setting} = "{table.default or ""}"  # {table.says}')
    if not isinstance(auth, (OAuthAuth, ClientCredentialsAuth)):
        return "\n".join(lines) + "\n"
    base = re.sub(r"\{settings\.([a-z_]+)\}", r"YOUR-\1", manifest.connection.base or "")
    by_person = (
        [
            f'authorization_endpoint = "{_url(base, auth.authorize)}"',
            'redirect_uri = "http://127.0.0.1:8391/callback"',
        ]
        if isinstance(auth, OAuthAuth)
        else []
    )
    lines += [
        "",
        f"[connections.{name}]  # then `sayso connect {name}`",
        f'grant = "{"refresh_token" if by_person else "client_credentials"}"',
        f'token_endpoint = "{_url(base, auth.token)}"',
        *by_person,
        'client_id = "YOUR-ID"  # of your registration there',
        f'client_secret = "env:{upper}_CLIENT_SECRET"',
        "scopes = [" + ", ".join(f'"{scope}"' for scope in manifest.connection.scopes) + "]",
    ]
    return "\n".join(lines) + "\n"


def _url(base: str, path: str) -> str:
    return path if path.startswith("https://") else base + path


def _rules(name: str, manifest: Manifest) -> str:
    """A manager's yes to everything; above 500, and in currencies without an amount, two people's.

    NOTE: nothing runs by itself from the first day at a connector whose use nobody has seen yet;
    `sayso policy suggest` shows later what people always agree to.
    """
    money = sorted(verb for verb, one in manifest.actions.items() if one.effect in MONEY)
    other = sorted(
        verb
        for verb, one in manifest.actions.items()
        if one.effect not in MONEY and one.effect is not Effect.MESSAGE
    )
    title = manifest.title
    text = [
        f"// {title}, beside default.cedar: whatever is done there, a person agrees to it first.",
        "// Messages are asked about by `message-manager` there.",
    ]
    if other:
        text.append(
            f'\n@id("{name}-manager")\n@explain("What is changed at {title} once a support manager '
            f'has approved")\npermit (principal, action in {_group(name, other)}, resource)\n'
            'when { context.approvedBy.contains("support_manager") };'
        )
    if money:
        group = _group(name, money)
        text.append(
            f'\n@id("{name}-money-manager")\n@explain("Up to 500 at {title} once a support manager '
            f'has approved")\npermit (principal, action in {group}, resource)\nwhen {{\n'
            '  ["USD", "EUR", "GBP"].contains(context.currency) &&\n'
            '  context.amount.lessThanOrEqual(decimal("500.00")) &&\n'
            '  context.approvedBy.contains("support_manager")\n};'
        )
        text.append(
            f'\n@id("{name}-money-two")\n@explain("Any amount at {title} once two people have '
            f'approved, one of them from finance")\npermit (principal, action in {group}, '
            'resource)\nwhen { context.approvals >= 2 && context.approvedBy.contains("finance") };'
        )
    return "\n".join(text) + "\n"


def _group(name: str, verbs: Sequence[str]) -> str:
    return "[" + ", ".join(f'Action::"{name}.{verb}"' for verb in verbs) + "]"
