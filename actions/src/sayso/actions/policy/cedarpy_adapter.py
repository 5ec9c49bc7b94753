"""The only module that calls `cedarpy`, so that the engine behind our policies can be swapped.

Guarantees: an evaluation that reports any error is never an allow. Cedar itself skips a rule that
fails, so a `forbid` that cannot be evaluated would otherwise turn into an allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import cedarpy
from cedarpy import pst

from sayso.json import JsonObject

Schema = cedarpy.Schema
RuleSet = cedarpy.PolicySet
Entities = cedarpy.Entities


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarVerdict:
    """What Cedar said to one request.

    Attributes:
        allowed: true only for a clean `Allow`.
        rules: ids of the rules that decided: the permits of an allow, the forbids of a deny.
        errors: what could not be evaluated.
    """

    allowed: bool
    rules: frozenset[str]
    errors: tuple[str, ...]


def parse_schema(text: str) -> Schema:
    """Compile a schema. Raises ValueError when it is none."""
    return Schema.from_str(text)


def parse_rules(text: str) -> pst.PolicySet:
    """Parse rules into typed nodes.

    NOTE: the parser is recursive and ends the whole process on a nesting of some hundred brackets,
    so bound the text first (`cedar_rules` does).

    Raises:
        ValueError: it is no Cedar, or an expression is nested more than 100 deep.
    """
    return cedarpy.policies_to_pst(text)


def compile_rules(rules: Mapping[str, pst.Template]) -> RuleSet:
    """Make the set that `evaluate` takes; rules are reported under the ids given here."""
    # Cedar numbers rules by position; the ids that people wrote are what a verdict should name.
    named = {rule: replace(node, id=rule) for rule, node in rules.items()}
    return RuleSet.from_pst(pst.PolicySet(templates={}, static_policies=named, template_links=()))


def validate_rules(text: str, schema: Schema) -> list[str]:
    """Check types and names; the sentences are Cedar's own, empty when all is well."""
    # cedarpy annotates schema and request as bare `dict`s, here and below.
    result = cedarpy.validate_policies(text, schema)  # pyright: ignore[reportUnknownMemberType]
    if result.validation_passed:
        return []
    return [problem.error for problem in result.errors] or ["validation failed"]


def parse_entities(entities_json: str, schema: Schema) -> Entities:
    """Compile Cedar's JSON list of entities. Raises ValueError when they do not fit the schema."""
    return Entities.from_json_str(  # pyright: ignore[reportUnknownMemberType]
        entities_json, schema
    )


def evaluate(
    request: JsonObject, rules: RuleSet, entities: Entities, schema: Schema
) -> CedarVerdict:
    """Ask one request.

    Args:
        request: `principal`, `action`, `resource` (`{"type", "id"}`) and `context` (as JSON text);
            one that does not fit the schema gives an error, never an allow.
        rules: from `compile_rules`.
        entities: those that the request names.
        schema: what rules, entities and request were made for.
    """
    ask = cast("dict[str, object]", request)
    result = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType]
        ask, rules, entities, schema
    )
    return _verdict(result)


def _verdict(result: cedarpy.AuthzResult) -> CedarVerdict:
    errors = tuple(result.diagnostics.errors)
    decision = result.decision
    if decision is cedarpy.Decision.NoDecision and not errors:
        errors = ("no decision",)
    return CedarVerdict(
        allowed=decision is cedarpy.Decision.Allow and not errors,
        rules=frozenset(result.diagnostics.reasons),
        errors=errors,
    )
