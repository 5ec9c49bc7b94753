"""The project's own files, for tests that read them instead of running them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT, *sorted(one.parent for one in ROOT.glob("*/src/sayso")))
"""Where the package is: its parts stand in several folders, and are imported as one."""
TESTS = ROOT / "tests"


def package_files(pattern: str) -> Iterator[Path]:
    """Every file of the package with such a name, of all its parts."""
    return (path for folder in SOURCES for path in sorted((folder / "sayso").rglob(pattern)))


def as_imported(path: Path) -> str:
    """`sayso/audit/log.py`, wherever that part of the package stands."""
    (inside,) = (path.relative_to(one) for one in SOURCES if path.is_relative_to(one / "sayso"))
    return inside.as_posix()


def read_package() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package: its path as it is imported, and its tree."""
    for path in package_files("*.py"):
        yield as_imported(path), parse(path)


@cache
def projects() -> Mapping[str, Mapping[str, Any]]:
    """The table `[project]` of each distribution that stands here, by its name."""
    files = (ROOT / "pyproject.toml", *sorted(one.parent / "pyproject.toml" for one in SOURCES[1:]))
    tables = (tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files)
    return {table["name"]: table for table in tables}


def read_python(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module below a folder: its path from the root, and its tree."""
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), parse(path)


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file; nobody may change it."""
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.expr) -> str:
    """`a.b.c` as it is written, or nothing where it is no plain name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            before = dotted(value)
            return f"{before}.{attr}" if before else ""
        case _:
            return ""


def is_test(node: ast.AST) -> bool:
    """Whether pytest runs it."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
        "test_"
    )
