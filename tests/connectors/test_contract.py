"""Contract v1 of connectors: what stands in tests/vectors/connector-contract-v1.json stays.

Names, their types and what has to be given may not change; what is added is optional. Write the
file anew by `python tests/connectors/test_contract.py` only when something optional was added.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from sayso.actions.model.definition import Action, Effect, Guarantee, Undo
from sayso.actions.model.snapshot import (
    Absence,
    Call,
    Finality,
    Receipt,
    Record,
    Resolved,
    SeenEffect,
)
from sayso.connectors.base import Connector, EffectBook, RefundBook, SubjectBook, Warmable
from sayso.connectors.manifest.schema import Manifest
from sayso.connectors.person import Person, PersonBook, PersonSearch
from sayso.connectors.setup import AccountBook, AddressBook, Setup

VECTOR = Path(__file__).parents[1] / "vectors" / "connector-contract-v1.json"
PROTOCOLS = (
    Connector,
    Warmable,
    SubjectBook,
    EffectBook,
    RefundBook,
    AccountBook,
    AddressBook,
    PersonBook,
    PersonSearch,
    Setup,
)
VALUES = (Action, Guarantee, Undo, Resolved, Call, Receipt, Record, SeenEffect, Person)
WORDS = (Absence, Effect, Finality)
Json = dict[str, Any]


def contract() -> Json:
    """What there is now."""
    schema = Manifest.model_json_schema(by_alias=True)
    tables = {"Manifest": schema, **schema["$defs"]}
    return {
        "methods": {one.__name__: _methods(one) for one in PROTOCOLS},
        "values": {one.__name__: _fields(one) for one in VALUES},
        "words": {one.__name__: sorted(word.value for word in one) for one in WORDS},
        "manifest": {
            name: {
                "keys": sorted(table.get("properties", {})),
                "required": sorted(table.get("required", [])),
            }
            for name, table in sorted(tables.items())
            if table.get("properties")
        },
    }


def _methods(kind: type) -> Json:
    found: Json = {}
    for name, member in sorted(vars(kind).items()):
        if name.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function):
            found[name] = str(inspect.signature(function))
    return found


def _fields(kind: type) -> Json:
    found: Json = {}
    for one in dataclasses.fields(cast("Any", kind)):
        given = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        found[one.name] = {"type": str(one.type), "required": given}
    return found


FROZEN: Json = json.loads(VECTOR.read_text("utf-8"))


@pytest.mark.promise("connectors:contract")
def test_no_method_of_the_contract_is_gone_or_takes_something_else() -> None:
    """A connector that was written for it is called as it was."""
    now = contract()["methods"]
    for protocol, methods in FROZEN["methods"].items():
        assert methods.items() <= now[protocol].items(), protocol
    assert now["Connector"].keys() == FROZEN["methods"]["Connector"].keys(), "one more is a demand"


@pytest.mark.promise("connectors:contract")
def test_no_value_of_the_contract_has_lost_a_field_or_demands_another_one() -> None:
    """What a connector makes and reads."""
    now = contract()
    for kind, fields in FROZEN["values"].items():
        assert fields.items() <= now["values"][kind].items(), kind
        added = now["values"][kind].keys() - fields.keys()
        assert not [one for one in added if now["values"][kind][one]["required"]], kind
    for kind, words in FROZEN["words"].items():
        assert set(words) <= set(now["words"][kind]), kind


@pytest.mark.promise("connectors:contract")
def test_a_manifest_of_version_1_still_loads() -> None:
    """No key is gone, and none has become required."""
    now = contract()["manifest"]
    for table, said in FROZEN["manifest"].items():
        assert set(said["keys"]) <= set(now[table]["keys"]), table
        assert set(now[table]["required"]) <= set(said["required"]), table


if __name__ == "__main__":
    text = json.dumps(contract(), indent=1, sort_keys=True, ensure_ascii=False)
    VECTOR.write_text(text + "\n", "utf-8")
    sys.stdout.write(f"{VECTOR.name} is written\n")
