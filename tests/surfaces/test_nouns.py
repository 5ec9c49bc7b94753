"""The same nouns on every surface: the table of docs/reference/policy.md, against what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from surfaces.cli.reference import every_command
from surfaces.http.routes import ROUTES

from sayso.sdk import resources
from sayso.sdk.client import Sayso
from sayso.surfaces.console import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.md"
ROW = re.compile(r"^\| ([a-z][^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
SECTION = "## Where each can be done"


def rows() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each noun with its four cells: command, route, Python, console."""
    text = PAGE.read_text("utf-8").partition(SECTION)[2].partition("\n## ")[0]
    for found in ROW.finditer(text):
        noun, *cells = (one.strip() for one in found.groups())
        if noun != "what":
            yield noun, tuple(cells)


@pytest.mark.promise("policy:nouns")
def test_what_the_table_names_is_there() -> None:
    """Commands, routes, methods of the SDK and routes of the console; none is made up."""
    commands = {" ".join(one) for one in every_command()}
    console = set(re.findall(r'Route\("([^"]+)"', Path(app.__file__).read_text("utf-8")))
    nouns = dict(rows())
    assert len(nouns) >= 15
    for noun, (command, route, method, page) in nouns.items():
        assert {" ".join(one.split()[1:]) for one in CODE.findall(command)} <= commands, noun
        ways = {re.sub(r"\{[a-z_]+\}", "{}", one) for one in ROUTES}
        assert {one.replace("{id}", "{}") for one in CODE.findall(route)} <= ways, noun
        assert {one.replace("{id}", "{}") for one in CODE.findall(page)} <= {
            re.sub(r"\{[a-z_]+\}", "{}", one) for one in console
        }, noun
        for named in CODE.findall(method):
            owner, _, name = named.rpartition(".")
            found = getattr(Sayso, owner or name, None)
            assert found is not None, named
            if owner:
                made = found.fget.__annotations__["return"]
                assert hasattr(_class(str(made)), name), named


@pytest.mark.promise("policy:nouns")
def test_no_cell_is_empty_without_a_reason() -> None:
    """Where a surface has none, the table says why, or where instead."""
    for noun, cells in rows():
        for cell in cells:
            assert len(cell) > 1, noun


def _class(name: str) -> type:

    for module in iter_modules(resources.__path__):
        found = getattr(import_module(f"{resources.__name__}.{module.name}"), name, None)
        if isinstance(found, type):
            return found
    raise AssertionError(f"no resource `{name}`")
