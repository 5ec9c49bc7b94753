"""A manifest's action, made ready: its definition for the house, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.act import ActUse
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Action, Args, FactType, Undo
from sayso.connectors.manifest.arguments import args_model
from sayso.connectors.manifest.derive import UNPROVEN, Derived, Proven, derive
from sayso.connectors.manifest.picks import fact_type
from sayso.connectors.manifest.requests import template_at, with_template
from sayso.connectors.manifest.schema import (
    ActionTable,
    Arg,
    CallTable,
    EnumArg,
    ListArg,
    LookUp,
    Manifest,
    MoneyArg,
    Read,
    ReceiptTable,
    RefArg,
)
from sayso.connectors.manifest.template import ABSENT
from sayso.json import JsonObject, JsonValue
from sayso.money import Money

LIVE_FACT = "livemode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """One action of a manifest.

    Attributes:
        action: as the house knows it.
        table: as the manifest has it.
        call: its request, with key and reference in their places.
        reads: every read that it may name, its own before the shared ones.
        derived: its guarantee, and why.
    """

    action: Action
    table: ActionTable
    call: CallTable
    reads: Mapping[str, Read]
    derived: Derived

    @property
    def receipt(self) -> ReceiptTable | None:
        """How the call's answer is read; None where it is only accepted."""
        return self.table.call.receipt

    @property
    def look_up(self) -> LookUp | None:
        """How the effect is found again."""
        return self.table.look_up


def define(
    manifest: Manifest,
    verb: str,
    table: ActionTable,
    *,
    hosts: frozenset[str],
    verified: bool,
    proven: Proven = UNPROVEN,
) -> Defined:
    """Make an action ready.

    Args:
        hosts: where links in texts may lead.
        verified: whether its cases have passed against a sandbox of this very file.
        proven: what was seen of this very action at an account of the provider.

    Raises:
        ValueError: for an argument that nobody may pass.
        ConfigError: `invalid_action`.
    """
    name = f"{manifest.connector}.{verb}"
    derived = derive(table, verified=verified, proven=proven)
    action = Action(
        name=name,
        summary=table.summary,
        args=args_model(name, table.args, hosts=hosts),
        guarantee=derived.guarantee,
        effect=table.effect,
        reversible=table.reversible,
        sentence=table.sentence,
        money_arg=table.amount.arg if table.amount is not None else None,
        facts=_facts(manifest, table),
        undo=_undo(table),
        always_ask=derived.ask,
        changes=table.changes,
        act=act_of(manifest, table),
        words=_words(table),
    )
    return Defined(
        action=action,
        table=table,
        call=_with_key(table.call),
        reads={**manifest.reads, **table.reads},
        derived=derived,
    )


def _facts(manifest: Manifest, table: ActionTable) -> dict[str, FactType]:
    facts: dict[str, FactType] = {name: fact_type(pick) for name, pick in table.facts.items()}
    account = manifest.connection.account
    if account is not None and account.live is not None:
        facts.setdefault(LIVE_FACT, "bool")
    return facts


def act_of(manifest: Manifest, table: ActionTable) -> ActUse | None:
    """Which act of the vocabulary an action carries out."""
    if table.act is None:
        return None
    objects = {
        name: "object"
        for name, arg in table.args.items()
        if isinstance(arg, RefArg) and arg.kind == table.on
    }
    among = table.among
    return ActUse(
        name=table.act,
        on=table.on,
        because=table.because,
        fills={**objects, **table.fills},
        fixed=table.fixed,
        does=table.does,
        status=tuple(among.status),
        needs=among.needs,
        duplicates_within_h=among.duplicates_within_h,
        listed_by=among.of or manifest.connector,
    )


def _words(table: ActionTable) -> dict[str, CustomerWords]:
    """How it is called towards the customer, where the manifest says so."""
    return {
        language: CustomerWords(thing=says, done="")
        if isinstance(says, str)
        else CustomerWords(thing=says.thing, done=says.done, note=says.note)
        for language, says in table.says.items()
    }


def _undo(table: ActionTable) -> Undo | None:
    if table.undo is None:
        return None
    return Undo(action=table.undo.action, args=table.undo.args, only=table.undo.only)


def _with_key(call: CallTable) -> CallTable:
    """The call with the key in its place, where the manifest leaves that to us."""
    if call.key is None or template_at(call, call.key.at) is not None:
        return call
    return with_template(call, call.key.at, "{call.key}")


def template_args(
    args: JsonObject, table: Mapping[str, Arg], written: Mapping[str, Mapping[str, JsonValue]]
) -> dict[str, object]:
    """Arguments as templates name them: the provider's words, amounts by their parts.

    Args:
        args: as resolved.
        written: amounts by argument, in the provider's forms.
    """
    found: dict[str, object] = {}
    for name, arg in table.items():
        value = args.get(name)
        if value is None:
            found[name] = ABSENT
        elif isinstance(arg, EnumArg) and isinstance(arg.of, dict):
            found[name] = arg.of.get(str(value), value)
        elif isinstance(arg, MoneyArg):
            found[name] = written.get(name, value)
        elif isinstance(arg, ListArg) and isinstance(value, (list, tuple)):
            items = [one for one in value if isinstance(one, Mapping)]
            found[name] = [template_args(one, arg.of, {}) for one in items]
        else:
            found[name] = value
    return found


def amounts_in(args: Args, table: Mapping[str, Arg]) -> dict[str, Money]:
    """The amounts among the arguments."""
    found: dict[str, Money] = {}
    for name, arg in table.items():
        value: object = getattr(args, name)
        if isinstance(arg, MoneyArg) and isinstance(value, Money):
            found[name] = value
    return found
