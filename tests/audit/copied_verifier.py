"""A copy of the verifier that lacks one check, to see what only this check finds.

Only the modules that report it are read anew; what the other copies are is compiled once.
"""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

import sayso.audit
from sayso.audit.verifier.verification import Check

_COPY = "copied_verifier"
"""The package in which the copies stand, in one folder; only one at a time is there."""
_COPIED = (
    "verifier.verification",
    "log_of_logs",
    "rules.people",
    "rules.policy",
    "rules.requests",
    "rules.controls",
    "rules.actions",
    "rules.passkeys",
    "rules.canaries",
    "rules.limits",
    "rules.links",
    "rules.codes",
    "rules.repairs",
    "rules.registry",
    "verifier.walk",
    "verifier.replayed_rows",
    "signing.rotation",
    "signing.keys",
    "signed_note.cosigned_checkpoints",
    "segments.sealed",
    "verifier.sealed_checks",
    "signed_note.timestamps",
    "verifier.state_checks",
    "verifier.checks",
    "verifier.guard",
    "verifier.filtered",
    "verifier.one_segment",
    "verifier.database",
    "verifier.bundle",
)


@contextmanager
def without(check: Check, only: int | None = None) -> Generator[tuple[ModuleType, ModuleType]]:
    """The modules `checks` and `verify` of a copy of the verifier that lacks one check.

    Args:
        only: the number of the one place, from 0, that does not report it any more.
    """
    copies = _Copies(check, only)
    assert copies.removed, f"nothing reports {check}"
    sys.meta_path.insert(0, copies)
    try:
        yield importlib.import_module(f"{_COPY}.checks"), importlib.import_module(f"{_COPY}.verify")
    finally:
        sys.meta_path.remove(copies)
        for name in [name for name in sys.modules if name.partition(".")[0] == _COPY]:
            del sys.modules[name]


def places_of(check: Check) -> int:
    """How many statements report a check."""
    return _Copies(check).removed


class _Remove(ast.NodeTransformer):
    """Takes out the statements that report one check, or only the one with that number."""

    def __init__(self, check: Check, only: int | None) -> None:
        self._check = check
        self._only = only
        self.removed = 0

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Replace `….add(Check.THIS, …)` by nothing."""
        call = node.value
        if isinstance(call, ast.Call) and any(
            isinstance(argument, ast.Attribute)
            and argument.attr == self._check.name
            and isinstance(argument.value, ast.Name)
            and argument.value.id == "Check"
            for argument in call.args
        ):
            self.removed += 1
            if self._only in {None, self.removed - 1}:
                return ast.copy_location(ast.Pass(), node)
        return node


def _copy_of(module: str) -> str:
    """The name of a module's copy."""
    return _COPY if module == "__init__" else f"{_COPY}.{module.rpartition('.')[2]}"


@functools.cache
def _text_of(module: str) -> str:
    """The source of a module's copy, which asks the other copies."""
    source = Path(str(sayso.audit.__file__)).parent
    text = source.joinpath(*module.split(".")).with_suffix(".py").read_text()
    for name in _COPIED:
        text = text.replace(f"from sayso.audit.{name} ", f"from {_copy_of(name)} ")
    return text.replace("from sayso.audit.rules import ", f"from {_COPY} import ")


@functools.cache
def _code_of(module: str) -> CodeType:
    """What it is as a whole."""
    return compile(_text_of(module), _copy_of(module), "exec")


class _Copies(InspectLoader, MetaPathFinder):
    """Finds the copies by their names, with one check removed from them.

    Attributes:
        removed: how often it was reported.
    """

    def __init__(self, check: Check, only: int | None = None) -> None:
        remove = _Remove(check, only)
        self._codes: dict[str, CodeType] = {}
        for module in ("__init__", *_COPIED, "verify"):
            name = _copy_of(module)
            if f"Check.{check.name}" in (text := _text_of(module)):
                self._codes[name] = compile(remove.visit(ast.parse(text)), name, "exec")
            else:
                self._codes[name] = _code_of(module)
        self.removed = remove.removed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a copy is: here."""
        return spec_from_loader(fullname, self) if fullname in self._codes else None

    def is_package(self, fullname: str) -> bool:
        """Only the folder of all."""
        return fullname == _COPY

    def get_code(self, fullname: str) -> CodeType:
        """What is executed."""
        return self._codes[fullname]

    def get_source(self, fullname: str) -> None:
        """Nothing that fits the code."""
        return
