#!/usr/bin/env python3
"""Write where the sources are into what is about to be built: `say_home.py HOME TAG`.

A page of PyPI shows README.md without the files beside it, so that its links and pictures lead
nowhere, and a wheel's metadata names addresses. The repository names none of its own: whoever
releases it knows where it stands. Run it in the checkout, before `uv build`; whoever builds again
to compare runs it with the same words.

HOME is the repository's address at a host with GitHub's paths, such as https://HOST/OWNER/NAME.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINK = re.compile(r"(?P<picture>!?)(?P<text>\[[^\]]*\])\((?!https?:|mailto:|#)(?P<path>[^)\s]+)\)")
LICENCE = 'license-files = ["LICENSE"]\n'


def absolute(text: str, home: str, tag: str) -> str:
    """The page with every link to a file of the repository as an address."""
    return LINK.sub(
        lambda found: (
            f"{found['picture']}{found['text']}"
            f"({home}/{'raw' if found['picture'] else 'blob'}/{tag}/{found['path']})"
        ),
        text,
    )


def with_urls(project: str, home: str, tag: str) -> str:
    """The pyproject.toml with `project.urls`, by the labels that PyPI knows."""
    if project.count(LICENCE) != 1 or "\nurls = " in project:
        sys.exit("say_home.py: run it once, in a clean checkout")
    urls = {
        "Homepage": home,
        "Documentation": f"{home}/blob/{tag}/docs/index.md",
        "Changelog": f"{home}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Source": f"{home}/tree/{tag}",
    }
    listed = ", ".join(f'{label} = "{address}"' for label, address in urls.items())
    return project.replace(LICENCE, f"{LICENCE}urls = {{ {listed} }}\n")


def main(home: str, tag: str) -> None:
    """Change README.md and each pyproject.toml of the checkout that this runs in."""
    if re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2}", home) is None:
        sys.exit(f"say_home.py: `{home}` is no address such as https://HOST/OWNER/NAME")
    readme = Path("README.md")
    written = {readme: absolute(readme.read_text("utf-8"), home, tag)}
    for path in (Path("pyproject.toml"), *Path().glob("*/pyproject.toml")):
        written[path] = with_urls(path.read_text("utf-8"), home, tag)
    for path, text in written.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: say_home.py HOME TAG")
    main(*sys.argv[1:])
