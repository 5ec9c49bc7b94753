"""Where nothing but one distribution of ours is installed, with what its wheel asks for.

What others wrote is linked to where it is installed here, so that nothing is fetched, copied or
compiled again; what is ours is unpacked from the wheels.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import Parser
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TIMEOUT_S = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A folder with packages, which is all that a process sees beside Python itself.

    Attributes:
        distributions: their names.
    """

    folder: Path
    distributions: frozenset[str]

    def run(self, *words: str, fails: bool = False) -> str:
        """What Python prints when it is given the words; of what fails, what it complains.

        Raises:
            AssertionError: it went otherwise.
        """
        # -I and -S: neither this folder nor variables nor this environment's packages.
        start = f"import sys; sys.path.append({str(self.folder)!r}); import runpy\n"
        match words:
            case ("-m", module, *rest):
                start += (
                    f"sys.argv = {['', *rest]!r}; runpy.run_module({module!r}, None, '__main__')"
                )
            case ("-c", code):
                start += code
            case _:
                raise AssertionError(words)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def interpreter(self, folder: Path) -> Path:
        """A Python that finds these packages alone, for tools that ask one where to look."""
        venv.create(folder, with_pip=False, symlinks=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "alone.pth").write_text(f"{self.folder}\n", encoding="utf-8")
        return folder / "bin" / "python"


def install_alone(
    folder: Path, wheels: Mapping[str, Path], name: str, extras: Sequence[str]
) -> Alone:
    """Make the folder that `pip install 'NAME[EXTRAS]'` would fill, from the wheels."""
    needed = frozenset(one for one, _ in _closure(wheels, name, extras))
    packages = folder / "packages"
    packages.mkdir(parents=True)
    for one in needed:
        if one in wheels:
            with zipfile.ZipFile(wheels[one]) as archive:
                archive.extractall(packages)
    _link(packages, needed - wheels.keys())
    return Alone(folder=packages, distributions=needed)


def _closure(
    wheels: Mapping[str, Path], name: str, extras: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """Distributions with the extras that are asked of them; no extra is the empty one."""
    found = set[tuple[str, str]]()
    left = [(name, extra) for extra in ("", *extras)]
    while left:
        one = left.pop()
        if one in found:
            continue
        found.add(one)
        for requirement in _requirements_of(wheels, one[0]):
            marker = requirement.marker
            if marker is None or marker.evaluate({"extra": one[1]}):
                inner = canonicalize_name(requirement.name)
                left += [(inner, extra) for extra in ("", *sorted(requirement.extras))]
    return frozenset(found)


def _requirements_of(wheels: Mapping[str, Path], name: str) -> Iterator[Requirement]:
    if name in wheels:
        with zipfile.ZipFile(wheels[name]) as archive:
            (place,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
            lines = Parser().parsestr(archive.read(place).decode()).get_all("Requires-Dist") or []
    else:
        lines = metadata.requires(name) or []
    return map(Requirement, lines)


@cache
def _owners() -> Mapping[tuple[str, ...], frozenset[str]]:
    """Whose each folder and file of this environment is; a folder may be several's."""
    owners: dict[tuple[str, ...], set[str]] = {}
    for distribution in metadata.distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        for file in distribution.files or ():
            for depth in range(1, len(file.parts) + 1):
                owners.setdefault(file.parts[:depth], set()).add(name)
    return {place: frozenset(names) for place, names in owners.items()}


def _link(folder: Path, needed: frozenset[str]) -> None:
    """Link what is theirs, by the highest folders that nobody else has something in."""
    for name in needed:
        for file in metadata.files(name) or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            prefixes = (file.parts[:depth] for depth in range(1, len(file.parts) + 1))
            top = next(one for one in prefixes if _owners()[one] <= needed)
            place = folder.joinpath(*top)
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                site = Path(str(file.locate())).parents[len(file.parts) - 1]
                place.symlink_to(site.joinpath(*top))
