"""Prints the OpenAPI document that the types are made of: `python openapi.py > openapi.json`.

Without its examples, which would be nine tenths of the types, and with nothing running.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from sayso import Sayso, create_app


def document() -> dict[str, Any]:
    """The document of `/openapi.json`, bare of examples."""
    nobody = SimpleNamespace(version=None, rejected_calls=None)
    return cast("dict[str, Any]", _bare(create_app(cast("Sayso", nobody)).openapi()))


def _bare(value: object, *, names: bool = False) -> object:
    """The same without examples; in an object of names, each is a name whatever it is."""
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        kept = (name for name in found if names or name not in _EXAMPLES)
        return {name: _bare(found[name], names=name == "properties") for name in kept}
    return [_bare(one) for one in cast("list[object]", value)] if isinstance(value, list) else value


_EXAMPLES = frozenset({"example", "examples"})

if __name__ == "__main__":
    print(json.dumps(document(), indent=1))  # noqa: T201
