"""Secrets that no log line, card, prompt or traceback can show, and where they are read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from sayso.errors import Code, ConfigError
from sayso.json import JsonValue

HIDDEN: Final = "***"
_MAX_FILE_BYTES = 65_536
_VAULT_S = 5.0
_IN_VAULT = re.compile(r"(?P<mount>[\w.-]+)/(?P<path>[\w./-]+)#(?P<field>[\w.-]+)")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HOW = "write `env:NAME`, `file:PATH` or `vault:MOUNT/PATH#FIELD`"


class Secret:
    """A value that is shown as `***` however it is printed.

    `repr`, `str`, `format` and `%` give `***`, and so does a pickled one; a JSON encoder refuses
    it, or writes `***` when it is told to write what it does not know as text.
    Two secrets are equal when their values are.

    Args:
        value: the secret itself; read it back with `reveal`, at the last moment.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one call that needs it; never keep or print it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, format_spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (HIDDEN,))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __dir__(self) -> list[str]:
        return ["reveal"]


def resolve_reference(reference: str, *, environment: Mapping[str, str], base: Path) -> Secret:
    """Read the secret that a setting refers to.

    Args:
        reference: `env:NAME`; `file:PATH`, where a relative path starts at `base`; or
            `vault:MOUNT/PATH#FIELD`, a field of a secret in HashiCorp Vault (KV version 2), whose
            `VAULT_ADDR`, `VAULT_TOKEN` (or `VAULT_TOKEN_FILE`) and `VAULT_NAMESPACE` are variables.
        environment: the variables to look in.
        base: the workspace's folder.

    Returns:
        the secret without the white space around it.

    Raises:
        ConfigError: `missing_secret`, when it is not there, is empty, or is no reference; the
            message names the reference but never a value.
    """
    scheme, _, rest = reference.partition(":")
    if not rest:
        no_value()
    match scheme:
        case "env":
            return _from_environment(rest, environment)
        case "file":
            return _from_file(base / rest)
        case "vault":
            return _from_hashicorp(rest, environment, base)
        case _:
            raise _missing("a secret has a reference of no kind that there is", _HOW)


def _from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    value = environment.get(name, "").strip()
    if not value:
        raise _missing(f"the variable `{name[:60]}` is not set", f"set {name[:60]} and start again")
    return Secret(value)


def _from_file(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            value = file.read(_MAX_FILE_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _missing(
            f"the secret file `{path}` cannot be read: {str(reason).lower()}",
            "write the secret into that file, readable for this user only",
        ) from error
    if not value:
        raise _missing(f"the secret file `{path}` is empty", "write the secret into that file")
    return Secret(value)


def _from_hashicorp(rest: str, environment: Mapping[str, str], base: Path) -> Secret:
    """SOURCE: HashiCorp Vault, KV secrets engine version 2 (HTTP API): read secret version."""
    place = _IN_VAULT.fullmatch(rest)
    if place is None or ".." in place["path"]:
        # INVARIANT: what has another form may be a pasted secret, so it is not repeated.
        raise _missing("a reference into Vault has another form", _HOW)
    address = environment.get("VAULT_ADDR", "").strip().rstrip("/")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise _missing(
            "`VAULT_ADDR` is no https address", "set VAULT_ADDR, such as https://vault.example:8200"
        )
    kept_in = environment.get("VAULT_TOKEN_FILE", "")
    token = _from_file(base / kept_in) if kept_in else _from_environment("VAULT_TOKEN", environment)
    headers = {"X-Vault-Token": token.reveal(), "X-Vault-Request": "true"}
    if environment.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = environment["VAULT_NAMESPACE"]
    shown = f"{place['mount']}/{place['path']}"
    found = _read_vault(
        f"{address}/v1/{place['mount']}/data/{place['path']}",
        headers,
        environment.get("VAULT_CACERT"),
        shown,
    )
    value = found.get(place["field"])
    if not isinstance(value, str) or not value.strip():
        raise _missing(
            f"the secret `{shown}` in Vault has no text `{place['field']}`",
            "name one of its fields after the `#`",
        )
    return Secret(value.strip())


def _read_vault(
    url: str, headers: Mapping[str, str], authority: str | None, shown: str
) -> Mapping[str, JsonValue]:
    import ssl  # both only where there is a reference into Vault

    import httpx

    try:
        trusted = ssl.create_default_context(cafile=authority or None)
        # No proxy and no redirect: the token goes to that address alone.
        answer = httpx.get(
            url,
            headers=dict(headers),
            timeout=_VAULT_S,
            verify=trusted,
            trust_env=False,
            follow_redirects=False,
        )
        document: JsonValue = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise _missing(
            f"Vault cannot be asked for `{shown}` ({type(error).__name__})",
            "check VAULT_ADDR, and that it can be reached",
        ) from None
    if document is None:
        steps = {403: "let the token read it", 404: "write it there, in a KV engine of version 2"}
        raise _missing(
            f"Vault does not give `{shown}` (HTTP {answer.status_code})",
            steps.get(answer.status_code, "check that Vault is unsealed, then start again"),
        )
    outer = document.get("data") if isinstance(document, Mapping) else None
    inner = outer.get("data") if isinstance(outer, Mapping) else None
    if not isinstance(inner, Mapping):
        raise _missing(
            f"Vault answers in another form for `{shown}`", "use a KV engine of version 2"
        )
    return inner


def _missing(message: str, next_step: str) -> ConfigError:
    return ConfigError(Code.MISSING_SECRET, message, next_step=next_step)


def is_reference(text: str) -> bool:
    """Whether it may be a reference, and is not a secret itself."""
    return bool(text.partition(":")[2])


def no_value(name: str = "") -> NoReturn:
    """Refuse a secret that is written where a reference to it belongs.

    Args:
        name: of the setting, where that is known.

    Raises:
        ConfigError: `missing_secret`, always.
    """
    # INVARIANT: what is no reference may be a pasted secret, so it is not repeated.
    what = f"the secret `{name}`" if name else "a secret"
    raise _missing(f"{what} is written as a value", f"{_HOW} instead of the value")


def no_secret(name: str, near: str | None = None) -> NoReturn:
    """Refuse to start a connector that needs a secret and has none.

    Args:
        near: a setting that may be meant for it.

    Raises:
        ConfigError: `missing_secret`, always.
    """
    step = f'set `{name} = "env:…"` in sayso.toml' + (
        f"; is `{near}` meant for it?" if near else ""
    )
    raise _missing(f"the setting `{name}` is missing", step)
