"""Reads rules from their texts and finds what is wrong with them before anybody relies on them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cedarpy import pst

from sayso.actions.model.definition import Action
from sayso.actions.policy.cedar_errors import Misuse, find_misuse
from sayso.actions.policy.cedar_schema import CONTEXT_FIELDS, ENTITY_ATTRIBUTES, GROUPS
from sayso.actions.policy.cedarpy_adapter import Schema, parse_rules, validate_rules
from sayso.actions.policy.problem import PolicyProblem, no_action

RESERVED_PREFIX = "sayso."
"""Ids that begin so are the guards that no text can lift."""

MAX_RULE_TOKENS = 800
MAX_RULE_DEPTH = 32
# NOTE: cedarpy's parser is recursive and unbounded; from some hundred nested brackets, or some
# thousand operators in a row, it overflows the stack and takes the process with it.

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|\w+|[^\w\s]', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*)*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_ID_IN_TEXT = re.compile(r'@id\s*\(\s*"((?:\\.|[^"\\])*)"')
_PREFIX = re.compile(r"^(?:Policy parse error: )?(?:for policy `policy\d+`, )?")
_WORD = re.compile(r'`(?:\w+::)*"?([^`"]+)"?`|: (\w+)$')
_UNKNOWN_ACTION = "unrecognized action"
_SHOWN = "docs/how-to/write-a-rule-in-cedar.md shows the language"
_NO_ACTION = "unable to find an applicable action"
_LANGUAGE = (
    "permit forbid when unless principal action resource context like has contains containsAll "
    "containsAny isEmpty lessThan lessThanOrEqual greaterThan greaterThanOrEqual decimal Action"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules that passed every check.

    Attributes:
        nodes: the parsed rules by `@id`, in the order of the files' names and of their texts.
        explains: their `@explain` texts by `@id`.
        signs: their words and signs by `@id`, one blank between two, without comments: two rules of
            the same signs are the same rule.
        named_roles: the roles that each of them names.
        files: the name of the text that each stands in.
    """

    nodes: Mapping[str, pst.Template]
    explains: Mapping[str, str]
    signs: Mapping[str, str]
    named_roles: Mapping[str, frozenset[str]]
    files: Mapping[str, str]

    def of_action(self, action: Action, *, replaced: bool = False) -> Rules:
        """Those that can say anything about one action.

        Args:
            replaced: without those that Sayso brings for it; see `shipped_for`.
        """
        names = {action.name, action.effect.value}
        mine = [rule for rule, node in self.nodes.items() if _is_about(node, names)]
        if replaced:
            shipped = self.shipped_for(action)
            mine = [rule for rule in mine if rule not in shipped]
        return self.only(mine)

    def shipped_for(self, action: Action) -> frozenset[str]:
        """The rules for one action in the files that Sayso brings.

        Those are `default.cedar` and its connector's, such as `stripe.cedar`. INVARIANT: what
        forbids a group or everything, such as what a model planned, is none of them.
        """
        files = {"default.cedar", f"{action.connector}.cedar"}
        return frozenset(
            rule
            for rule, node in self.nodes.items()
            if PurePosixPath(self.files[rule]).name in files
            and (
                _names(node, action.name)
                or (node.effect == "permit" and _names(node, action.effect.value))
            )
        )

    def only(self, mine: Collection[str], nodes: Mapping[str, pst.Template] | None = None) -> Rules:
        """Some of them; `nodes` in place of their own."""
        return Rules(
            nodes={rule: (nodes or self.nodes)[rule] for rule in mine},
            explains={rule: self.explains[rule] for rule in mine},
            signs={rule: self.signs[rule] for rule in mine},
            named_roles={rule: self.named_roles[rule] for rule in mine},
            files={rule: self.files[rule] for rule in mine},
        )


def _is_about(node: pst.Template, names: Collection[str]) -> bool:
    return isinstance(node.action, pst.ScopeAny) or any(_names(node, name) for name in names)


def _names(node: pst.Template, name: str) -> bool:
    """Whether a rule names an action or a group."""
    match node.action:
        case pst.ScopeAny():
            return False
        case pst.ActionEq(entity=entity):
            return entity.id == name
        case pst.ActionIn(entities=entities):
            return any(entity.id == name for entity in entities)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One rule's text and where it stands."""

    file: str
    line: int
    text: str
    tokens: int
    depth: int

    @property
    def rule(self) -> str:
        found = _ID_IN_TEXT.search(self.text)
        return found[1][:80] if found else ""

    @property
    def signs(self) -> str:
        """Its words and signs, one blank between two."""
        signs = (found[0] for found in _TOKEN.finditer(self.text))
        return " ".join(sign for sign in signs if not sign.startswith("//"))

    def problem(self, message: str, next_step: str, word: str = "") -> PolicyProblem:
        at = self.text.find(word) if word else 0
        line = self.line + self.text.count("\n", 0, max(at, 0))
        return PolicyProblem(
            file=self.file, line=line, rule=self.rule, message=message, next_step=next_step
        )


def read_rules(
    texts: Mapping[str, str], actions: Sequence[Action], roles: Sequence[str], schema: Schema
) -> tuple[Rules, list[PolicyProblem]]:
    """Read and check every rule.

    Args:
        texts: file name to Cedar text.
        actions: what the schema was made from.
        roles: every declared role.
        schema: the compiled `schema_text(actions)`.

    Returns:
        The rules that are right, and everything that is wrong, in the order of the texts.
    """
    words = _known_words(actions)
    nodes: dict[str, pst.Template] = {}
    explains: dict[str, str] = {}
    signs: dict[str, str] = {}
    named_roles: dict[str, frozenset[str]] = {}
    files: dict[str, str] = {}
    problems: list[PolicyProblem] = []
    for piece in (piece for file in sorted(texts) for piece in _split(file, texts[file])):
        node = _parse(piece, words)
        if isinstance(node, PolicyProblem):
            problems.append(node)
            continue
        found = [*_label_problems(piece, node, nodes), *_type_problems(piece, node, schema, words)]
        misuse, named = find_misuse(node, roles, words.attributes, words.closed)
        found += [_misused(piece, one) for one in misuse]
        if found:
            problems += found
            continue
        rule = node.annotations["id"]
        nodes[rule], named_roles[rule] = node, named
        explains[rule], signs[rule] = node.annotations["explain"].strip(), piece.signs
        files[rule] = piece.file
    if not nodes and not problems:
        problems.append(_empty(texts))
    read = Rules(nodes=nodes, explains=explains, signs=signs, named_roles=named_roles, files=files)
    return read, problems


def _empty(texts: Mapping[str, str]) -> PolicyProblem:
    return PolicyProblem(
        file=min(texts, default="the policy"),
        line=1,
        rule="",
        message="there is no rule, so nothing could ever be done",
        next_step="write a `permit`, or start from the default policy",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    attributes: frozenset[str]
    fact_homes: Mapping[str, str]
    actions: tuple[str, ...]
    all: tuple[str, ...]
    closed: Mapping[str, frozenset[str]]


def _known_words(actions: Sequence[Action]) -> _Words:
    homes: dict[str, list[str]] = {}
    for action in actions:
        for fact in action.facts:
            homes.setdefault(fact, []).append(action.name)
    attributes = {field.name for field in CONTEXT_FIELDS} | set(homes)
    attributes.update(*ENTITY_ATTRIBUTES.values())
    names = [action.name for action in actions]
    return _Words(
        attributes=frozenset(attributes),
        fact_homes={fact: ", ".join(sorted(home)) for fact, home in homes.items()},
        actions=tuple(sorted(names)),
        all=(*sorted(attributes), *sorted(names), *GROUPS, *ENTITY_ATTRIBUTES, *_LANGUAGE),
        closed=_closed_words(actions),
    )


def _closed_words(actions: Sequence[Action]) -> dict[str, frozenset[str]]:
    """The fields that have a closed list of words, whichever action they are of."""
    found = {field.name: frozenset(field.words) for field in CONTEXT_FIELDS if field.words}
    open_ones: set[str] = set()
    for action in actions:
        for name, fact in action.declared.items():
            if fact.words:
                found[name] = found.get(name, frozenset()) | frozenset(fact.words)
            else:
                open_ones.add(name)
    return {name: words for name, words in found.items() if name not in open_ones}


def _split(file: str, text: str) -> Iterator[_Piece]:
    """Cut a text behind each rule's semicolon; strings and comments are left alone."""
    start = tokens = depth = deepest = 0
    for found in _TOKEN.finditer(text):
        sign = found[0]
        tokens += 0 if sign.startswith("//") else 1
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
        if sign == ";":
            yield _piece(file, text, start, found.end(), tokens, deepest)
            start, tokens, depth, deepest = found.end(), 0, 0, 0
    if tokens:
        yield _piece(file, text, start, len(text), tokens, deepest)


def _piece(file: str, text: str, start: int, end: int, tokens: int, depth: int) -> _Piece:
    blank = _BLANK.match(text, start, end)
    begin = blank.end() if blank else start
    line = text.count("\n", 0, begin) + 1
    return _Piece(file=file, line=line, text=text[begin:end], tokens=tokens, depth=depth)


def _parse(piece: _Piece, words: _Words) -> pst.Template | PolicyProblem:
    if piece.tokens > MAX_RULE_TOKENS or piece.depth > MAX_RULE_DEPTH:
        return piece.problem(
            f"longer than {MAX_RULE_TOKENS} words and signs, or nested over {MAX_RULE_DEPTH} deep",
            "split the rule",
        )
    try:
        parsed = parse_rules(piece.text)
    except ValueError as error:
        return _cedar_problem(piece, str(error), words)
    if parsed.templates:
        return piece.problem(
            "a template with `?principal` or `?resource` allows nothing",
            "write a rule without slots",
        )
    if len(parsed.static_policies) != 1:
        return piece.problem("not one rule", "write one `permit` or `forbid` before each `;`")
    return next(iter(parsed.static_policies.values()))


def _label_problems(
    piece: _Piece, node: pst.Template, nodes: Mapping[str, pst.Template]
) -> Iterator[PolicyProblem]:
    rule = node.annotations.get("id", "")
    if not _ID.fullmatch(rule):
        yield piece.problem(
            f"`@id` is missing or holds other characters: `{rule[:40]}`",
            'begin the rule with @id("a-name") of letters, digits, dots and hyphens',
        )
    elif rule.startswith(RESERVED_PREFIX):
        yield piece.problem(f"ids with `{RESERVED_PREFIX}` are taken", "choose another @id")
    elif rule in nodes:
        yield piece.problem(f"a second rule with the id `{rule}`", "choose another @id")
    if not node.annotations.get("explain", "").strip():
        yield piece.problem(
            "it does not explain itself", 'add @explain("…"), one sentence for the approver'
        )


def _type_problems(
    piece: _Piece, node: pst.Template, schema: Schema, words: _Words
) -> list[PolicyProblem]:
    errors = validate_rules(piece.text, schema)
    # A wrong name also leaves the rule without an action; only the name is worth reading.
    sharp = [error for error in errors if _NO_ACTION not in error]
    if errors and not sharp and not _is_about_groups(node):
        sharp = errors[:1]
    return [_cedar_problem(piece, error, words) for error in sharp]


def _is_about_groups(node: pst.Template) -> bool:
    """Whether a rule that fits no action waits for one: then it stays, since it can do nothing.

    The groups are a closed list, so this hides no misspelt name, and one policy serves workspaces
    with and without, say, a connector that sends messages.
    """
    match node.action:
        case pst.ActionIn(entities=entities):
            return all(entity.id in GROUPS for entity in entities)
        case _:
            return False


def _cedar_problem(piece: _Piece, error: str, words: _Words) -> PolicyProblem:
    message = _PREFIX.sub("", error)
    found = _WORD.search(message)
    word = (found[1] or found[2]) if found else ""
    if _NO_ACTION in message:
        message, step = (
            "it fits no action",
            'name an action, or a group: action in Action::"credit"',
        )
    elif message.startswith(_UNKNOWN_ACTION) and "." in word:
        message, step = no_action(word, words.actions, _SHOWN)
    elif word in words.fact_homes:
        home = words.fact_homes[word]
        step = f"only {home} knows it: name that action, or write `context has {word} && …`"
    elif "decimal" in message:
        step = 'compare money so: context.amount.lessThanOrEqual(decimal("50.00"))'
    elif " in context " in message:
        close = difflib.get_close_matches(word, sorted(words.attributes), n=1)
        step = (
            f"did you mean `{close[0]}`?"
            if close
            else "a rule reads facts, not arguments: declare it among the action's `facts`"
        )
    else:
        close = difflib.get_close_matches(word, words.all, n=1)
        step = f"did you mean `{close[0]}`?" if close else _SHOWN
    return piece.problem(message[:1].lower() + message[1:300], step, word)


def _misused(piece: _Piece, misuse: Misuse) -> PolicyProblem:
    close = difflib.get_close_matches(misuse.word, misuse.known, n=1)
    step = f"did you mean `{close[0]}`?" if close else misuse.next_step
    return piece.problem(misuse.message, step, misuse.word)
