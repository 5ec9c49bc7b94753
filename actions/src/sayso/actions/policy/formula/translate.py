"""Cedar's typed tree as formulas, exactly; what a formula cannot express is named, never guessed.

Not translated: one fact against another, arithmetic, patterns (`like`), and dates, durations and
addresses. A rule that has such a part says so in `RuleFormula.left_out`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from cedarpy import pst

from sayso.actions.policy.formula.terms import (
    APPROVALS,
    FALSE,
    TRUE,
    AtMost,
    Const,
    FactHolds,
    Formula,
    HasRole,
    OneOf,
    conj,
    disj,
    neg,
)

Kind = Literal["number", "money", "text", "flag"]
SCALE = 10_000
"""Ten-thousandths in one: Cedar's decimals have four places."""

PRINCIPAL, RESOURCE = "principal", "resource"
ASSURANCE, OBJECT_KIND = "principal.assurance", "resource.kind"
_DECIMALS = {
    "decimal_less_than": "less",
    "decimal_less_eq": "less_eq",
    "decimal_greater": "greater",
    "decimal_greater_eq": "greater_eq",
}
_TURNED = {"less": "greater", "less_eq": "greater_eq", "greater": "less", "greater_eq": "less_eq"}


class UntranslatedError(Exception):
    """A part of a rule that no formula says.

    Attributes:
        what: in words, such as `one fact against another`.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableFacts:
    """What the rules about one action can read.

    Attributes:
        kinds: of each field of the context.
    """

    kinds: Mapping[str, Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFormula:
    """A rule as a formula.

    Attributes:
        formula: when it applies; False where it could not be translated.
        left_out: why not, in words; empty when it was.
    """

    id: str
    permits: bool
    formula: Formula
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """The rules of one action."""

    rules: tuple[RuleFormula, ...]

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why, by the id of each rule that could not be translated."""
        return {rule.id: rule.left_out for rule in self.rules if rule.left_out}

    @property
    def allowed(self) -> Formula:
        """When the action is allowed; only where nothing is left out."""
        assert not self.left_out, "what is left out decides as well"
        permits = disj(rule.formula for rule in self.rules if rule.permits)
        forbids = disj(rule.formula for rule in self.rules if not rule.permits)
        return conj((permits, neg(forbids)))


def translate(nodes: Mapping[str, pst.Template], readable: ReadableFacts) -> Translated:
    """Translate the rules that can say anything about one action."""
    return Translated(rules=tuple(_rule(name, node, readable) for name, node in nodes.items()))


def _rule(name: str, node: pst.Template, readable: ReadableFacts) -> RuleFormula:
    permits = node.effect == "permit"
    try:
        formula = conj(
            (
                _scope(node.principal, PRINCIPAL, "Customer"),
                _scope(node.resource, RESOURCE, "Object"),
                *(_clause(clause, readable) for clause in node.clauses),
            )
        )
    except UntranslatedError as error:
        return RuleFormula(id=name, permits=permits, formula=FALSE, left_out=error.what)
    return RuleFormula(id=name, permits=permits, formula=formula)


def _scope(scope: pst.PrincipalOrResourceConstraint, name: str, kind: str) -> Formula:
    match scope:
        case pst.ScopeAny():
            return TRUE
        case pst.ScopeIs(entity_type=found):
            return Const(str(found) == kind)
        case pst.ScopeEq(entity=pst.EntityUid() as entity):
            return _named(name, kind, entity)
        case pst.ScopeIn(entity=pst.EntityUid() as entity):
            return _named(name, kind, entity)  # neither has parents
        case pst.ScopeIsIn(entity_type=found, entity=pst.EntityUid() as entity):
            return conj((Const(str(found) == kind), _named(name, kind, entity)))
        case _:
            raise UntranslatedError("a slot")


def _named(name: str, kind: str, entity: pst.EntityUid) -> Formula:
    return OneOf(name, frozenset({entity.id})) if str(entity.type) == kind else FALSE


def _clause(clause: pst.Clause, readable: ReadableFacts) -> Formula:
    match clause:
        case pst.When(expr=expr):
            return _boolean(expr, readable)
        case pst.Unless(expr=expr):
            return neg(_boolean(expr, readable))


def _boolean(expr: pst.Expr, readable: ReadableFacts) -> Formula:
    match expr:
        case pst.BoolLit(value=value):
            return Const(value)
        case pst.UnaryOp(op="not", arg=arg):
            return neg(_boolean(arg, readable))
        case pst.UnaryOp(op="is_empty", arg=arg) if _is_approved_by(arg):
            return AtMost(APPROVALS, 0)  # who counts has a declared role
        case pst.BinaryOp(op="and", left=left, right=right):
            first = _boolean(left, readable)
            # INVARIANT: Cedar does not look further, so what follows need not even be readable.
            return first if first == FALSE else conj((first, _boolean(right, readable)))
        case pst.BinaryOp(op="or", left=left, right=right):
            first = _boolean(left, readable)
            return first if first == TRUE else disj((first, _boolean(right, readable)))
        case pst.IfThenElse(cond=cond, then_expr=then, else_expr=other):
            return _if(_boolean(cond, readable), then, other, readable)
        case pst.BinaryOp():
            return _binary(expr, readable)
        case pst.HasAttr(base=pst.Var(name=whose), attrs=(name,)):
            return Const(name in _ATTRIBUTES.get(whose, {*readable.kinds, *_APPROVALS}))
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if _is(name, "flag", readable):
            return FactHolds(name)
        case pst.Is(base=pst.Var(name=whose), entity_type=kind, in_expr=None):
            return Const(str(kind) == _TYPES.get(whose))
        case _:
            raise UntranslatedError(_what(expr))


_APPROVALS = frozenset({APPROVALS, "approvedBy"})
_ATTRIBUTES = {"principal": {"assurance"}, "resource": {"kind", "owner"}}
_TYPES = {"principal": "Customer", "resource": "Object"}


def _if(cond: Formula, then: pst.Expr, other: pst.Expr, readable: ReadableFacts) -> Formula:
    if isinstance(cond, Const):
        return _boolean(then if cond.value else other, readable)
    yes, no = _boolean(then, readable), _boolean(other, readable)
    return disj((conj((cond, yes)), conj((neg(cond), no))))


def _binary(expr: pst.BinaryOp, readable: ReadableFacts) -> Formula:
    left, right = expr.left, expr.right
    match expr.op:
        case "eq":
            return _equal(left, right, readable)
        case "not_eq":
            return neg(_equal(left, right, readable))
        case "less" | "less_eq" | "greater" | "greater_eq":
            return _long(expr.op, left, right, readable)
        case "contains":
            return _contains(left, right, readable)
        case "contains_all" if _is_approved_by(left):
            return conj(HasRole(role) for role in _words(right))
        case "contains_any" if _is_approved_by(left):
            return disj(HasRole(role) for role in _words(right))
        case op if op in _DECIMALS:
            return _decimal(_DECIMALS[op], left, right, readable)
        case _:
            raise UntranslatedError(_what(expr))


def _equal(left: pst.Expr, right: pst.Expr, readable: ReadableFacts) -> Formula:
    for one, other in ((left, right), (right, left)):
        match one, other:
            case pst.StringLit(value=word), pst.StringLit(value=another):
                return Const(word == another)
            case pst.LongLit(value=number), pst.LongLit(value=another_number):
                return Const(number == another_number)
            case _, pst.StringLit(value=word) if name := _text_name(one, readable):
                return OneOf(name, frozenset({word}))
            case _, _ if (found := _literal(other)) is not None and (
                name := _number_name(one, readable)
            ):
                return _exactly(name, found)
            case _, pst.UnaryOp(op="decimal") if name := _money_name(one, readable):
                return _exactly(name, _scaled(other))
            case _, pst.BoolLit(value=value):
                inner = _boolean(one, readable)
                return inner if value else neg(inner)
            case _, pst.EntityLit(value=entity) if one == pst.Var("principal"):
                return _named(PRINCIPAL, "Customer", entity)
            case _, pst.EntityLit(value=entity) if one == pst.Var("resource"):
                return _named(RESOURCE, "Object", entity)
            case pst.Var(name="principal"), pst.GetAttr(
                base=pst.Var(name="resource"), attr="owner"
            ):
                return TRUE  # the engine's own guard: nothing of somebody else's is judged
            case _:
                continue
    raise UntranslatedError("one fact against another")


def _literal(expr: pst.Expr) -> int | None:
    match expr:
        case pst.LongLit(value=value):
            return value
        case pst.UnaryOp(op="neg", arg=pst.LongLit(value=value)):
            return -value
        case _:
            return None


def _exactly(name: str, number: int) -> Formula:
    return conj((AtMost(name, number), neg(AtMost(name, number - 1))))


def _long(op: str, left: pst.Expr, right: pst.Expr, readable: ReadableFacts) -> Formula:
    match _literal(left), _literal(right):
        case int(a), int(b):
            return Const(_compare(op, a, b))
        case None, int(bound) if name := _number_name(left, readable):
            return _bounded(op, name, bound)
        case int(bound), None if name := _number_name(right, readable):
            return _bounded(_TURNED[op], name, bound)
        case _:
            raise UntranslatedError("one fact against another, or arithmetic")


def _decimal(op: str, left: pst.Expr, right: pst.Expr, readable: ReadableFacts) -> Formula:
    match left, right:
        case pst.UnaryOp(op="decimal"), pst.UnaryOp(op="decimal"):
            return Const(_compare(op, _scaled(left), _scaled(right)))
        case _, pst.UnaryOp(op="decimal") if name := _money_name(left, readable):
            return _bounded(op, name, _scaled(right))
        case pst.UnaryOp(op="decimal"), _ if name := _money_name(right, readable):
            return _bounded(_TURNED[op], name, _scaled(left))
        case _:
            raise UntranslatedError("one fact against another")


def _bounded(op: str, name: str, bound: int) -> Formula:
    match op:
        case "less":
            return AtMost(name, bound - 1)
        case "less_eq":
            return AtMost(name, bound)
        case "greater":
            return neg(AtMost(name, bound))
        case _:
            return neg(AtMost(name, bound - 1))


def _compare(op: str, left: int, right: int) -> bool:
    return {
        "less": left < right,
        "less_eq": left <= right,
        "greater": left > right,
        "greater_eq": left >= right,
    }[op]


def _contains(left: pst.Expr, right: pst.Expr, readable: ReadableFacts) -> Formula:
    if _is_approved_by(left) and isinstance(right, pst.StringLit):
        return HasRole(right.value)
    if isinstance(left, pst.Set):
        return disj(_equal(element, right, readable) for element in left.elements)
    raise UntranslatedError("a set that is not written out")


def _words(expr: pst.Expr) -> Collection[str]:
    match expr:
        case pst.Set(elements=elements):
            words = [one.value for one in elements if isinstance(one, pst.StringLit)]
            if len(words) == len(elements):
                return words
        case _:
            pass
    raise UntranslatedError("a set that is not written out")


def _scaled(expr: pst.Expr) -> int:
    match expr:
        case pst.UnaryOp(op="decimal", arg=pst.StringLit(value=said)):
            try:
                found = Decimal(said).scaleb(4)
            except InvalidOperation as error:
                raise UntranslatedError("a decimal that is none") from error
            if found == found.to_integral_value():
                return int(found)
        case _:
            pass
    raise UntranslatedError("a decimal that is not written out")


def _is(name: str, kind: Kind, readable: ReadableFacts) -> bool:
    return readable.kinds.get(name) == kind


def _is_approved_by(expr: pst.Expr) -> bool:
    return expr == pst.GetAttr(pst.Var("context"), "approvedBy")


def _text_name(expr: pst.Expr, readable: ReadableFacts) -> str:
    match expr:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if _is(name, "text", readable):
            return name
        case pst.GetAttr(base=pst.Var(name="principal"), attr="assurance"):
            return ASSURANCE
        case pst.GetAttr(base=pst.Var(name="resource"), attr="kind"):
            return OBJECT_KIND
        case _:
            return ""


def _number_name(expr: pst.Expr, readable: ReadableFacts) -> str:
    match expr:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return name if name == APPROVALS or _is(name, "number", readable) else ""
        case _:
            return ""


def _money_name(expr: pst.Expr, readable: ReadableFacts) -> str:
    match expr:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name) if _is(name, "money", readable):
            return name
        case _:
            return ""


def _what(expr: pst.Expr) -> str:
    match expr:
        case pst.Like():
            return "`like`"
        case pst.BinaryOp(op="add" | "sub" | "mul") | pst.UnaryOp(op="neg"):
            return "arithmetic"
        case pst.GetAttr(attr=name):
            return f"`{name}`, which this action has not"
        case pst.BinaryOp(op=op) | pst.UnaryOp(op=op):
            return f"`{op}`"
        case _:
            return type(expr).__name__
