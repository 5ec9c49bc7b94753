"""Where connectors of each name come from: a package, a file of the workspace, or a manifest."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from sayso.connectors.arguments import ECHO_LIMIT
from sayso.connectors.manifests import FOLDER, manifest_names
from sayso.connectors.setup import Factory
from sayso.errors import Code, ConfigError
from sayso.text import plain

GROUP = "sayso.connectors"
"""The entry point group of connectors."""


class Sources:
    """Where connectors of each name come from.

    A manifest of the workspace comes before a shipped one, which it is a copy of, and never before
    a package or a file of the same name, which it would replace unnoticed.
    """

    def __init__(
        self, base: Path, points: Mapping[str, EntryPoint], own: Mapping[str, Factory]
    ) -> None:
        self.own = own
        self._base = base
        self._points = points

    def check(self, name: str) -> None:
        """Refuse a name that nothing is called by.

        Raises:
            ConfigError: `invalid_setting`, with the nearest name.
        """
        if name not in self.own and name not in self._points:
            names = manifest_names(self._base)
            if name not in names:
                raise no_connector(name, {*self._points, *self.own, *names})

    def factory(self, name: str) -> Factory:
        """What makes the connector of that name.

        Raises:
            ConfigError: `missing_extra`, `invalid_action`, `invalid_manifest`, `not_reviewed`.
        """
        own, point = self.own.get(name), self._points.get(name)
        if own is not None or point is not None:
            if (self._base / FOLDER / f"{name}.toml").is_file() or None not in (own, point):
                raise invalid_connector(f"`{name}`", "two connectors have this name")
            return own if own is not None else factory_from(name, cast("EntryPoint", point))
        from sayso.connectors.manifest.factory import factory_of  # 60 ms, for who has one
        from sayso.connectors.manifest.review import load

        reviewed = load(name, self._base)
        if reviewed is None:
            raise no_connector(name, self._points)
        return factory_of(reviewed)


def is_installed(name: str, base: Path) -> bool:
    """Whether a package or a manifest brings a connector of that name, and no file needs to."""
    points = installed_points(tuple(sys.path))
    return any(point.name == name for point in points) or name in manifest_names(base)


@functools.lru_cache(maxsize=1)
def installed_points(_path: tuple[str, ...]) -> Sequence[EntryPoint]:
    """The entry points of all packages on this path; their files are read once in a process."""
    return tuple(entry_points(group=GROUP))


def factory_from(name: str, point: EntryPoint) -> Factory:
    """What an entry point names.

    Raises:
        ConfigError: `missing_extra`, `invalid_action`.
    """
    try:
        loaded: object = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            Code.MISSING_EXTRA,
            f"the connector `{name}` cannot be imported from `{point.value[:80]}`",
            next_step="install or repair the package that brings it",
            detail=str(error),
        ) from error
    if not callable(loaded):
        raise invalid_connector(f"`{name}`", f"`{point.value[:80]}` is no factory")
    return cast("Factory", loaded)


def no_connector(name: str, known: Iterable[str]) -> ConfigError:
    """There is none of that name; with the nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    there = ", ".join(f"`{known_name}`" for known_name in names) or "none"
    return ConfigError(
        Code.INVALID_SETTING,
        f"there is no connector `{plain(name, limit=ECHO_LIMIT)}`",
        next_step=f"did you mean `{near[0]}`?" if near else f"there are: {there}",
    )


def invalid_connector(whose: str, problem: str) -> ConfigError:
    """Its code is to be changed."""
    return ConfigError(
        Code.INVALID_ACTION,
        f"the connector {whose} is not valid: {problem}",
        next_step="change the connector's code",
    )
