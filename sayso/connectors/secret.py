"""Secrets that no log line, card, prompt or traceback can show, and where they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from sayso.errors import Code, ConfigError

HIDDEN: Final = "***"
_MAX_FILE_BYTES = 65_536


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
        reference: `env:NAME` or `file:PATH`; a relative path starts at `base`.
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
        # INVARIANT: what is no reference may be a pasted secret, so it is not repeated.
        raise _missing(
            "a secret is written as a value", "write `env:NAME` or `file:PATH` instead of the value"
        )
    match scheme:
        case "env":
            return _from_environment(rest, environment)
        case "file":
            return _from_file(base / rest)
        case _:
            raise _missing(
                "a secret has a reference that is neither `env:` nor `file:`",
                "write `env:NAME` or `file:PATH`",
            )


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


def _missing(message: str, next_step: str) -> ConfigError:
    return ConfigError(Code.MISSING_SECRET, message, next_step=next_step)


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
