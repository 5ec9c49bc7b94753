"""What is wrong with a manifest, found without asking anybody: each mistake with its place."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic_core import SchemaError

from sayso.actions.model.definition import MONEY, Effect
from sayso.connectors.manifest.answer_check import check_answer
from sayso.connectors.manifest.arguments import args_model
from sayso.connectors.manifest.citations import check_citations
from sayso.connectors.manifest.code_sending import check_code_sender
from sayso.connectors.manifest.derive import receipt_of
from sayso.connectors.manifest.desk_check import check_desk
from sayso.connectors.manifest.ownership import unproven
from sayso.connectors.manifest.person_check import check_person
from sayso.connectors.manifest.request_check import (
    Found,
    Place,
    check_request,
    names_in_text,
    names_of,
)
from sayso.connectors.manifest.requests import template_at, templates_of
from sayso.connectors.manifest.schema import (
    HOST,
    ActionTable,
    AnyPick,
    BasicAuth,
    EnumArg,
    ErrorRule,
    ErrorWhen,
    LookUp,
    Manifest,
    Pick,
    Read,
    RecordList,
)
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.manifest.template import TemplateError
from sayso.connectors.manifest.template import names_in as placeholders
from sayso.network import LOOPBACK
from sayso.reading import names_in

_RESERVED = frozenset(
    "args subject settings peer page keep object amount before call each secret _".split()
)
_AT_A_READ = frozenset({"args", "subject", "settings", "page", "peer"})
_AT_A_CALL = frozenset(
    {"args", "keep", "object", "subject", "amount", "before", "call", "settings", "peer"}
)
_LABEL = re.compile(r"\[[^\[\]]*\](?:\[[^\[\]]*\]|\{[0-9]+(?:,[0-9]+)?\}|[*+?])*")
_STATE_EFFECTS = frozenset({Effect.CANCELLATION, Effect.CHANGE})
_SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestMistake:
    """One thing that is wrong.

    Attributes:
        at: where, as keys of the file.
        line: of the file, as far as it is found.
        problem, next_step: for whoever corrects it.
    """

    at: Place
    line: int | None
    problem: str
    next_step: str = ""

    def __str__(self) -> str:
        where = ".".join(map(str, self.at))
        line = f"line {self.line}: " if self.line is not None else ""
        return f"{line}`{where}`: {self.problem}" + (
            f"; {self.next_step}" if self.next_step else ""
        )


def mistakes(source: ManifestSource) -> list[ManifestMistake]:
    """Everything that is wrong with a manifest, in the order of the file."""
    found = [
        ManifestMistake(at=at, line=source.line(*at), problem=problem, next_step=step)
        for at, problem, step in _all(source.manifest)
    ]
    return sorted(found, key=lambda one: (one.line or 0, one.at and str(one.at)))


def _all(manifest: Manifest) -> Iterator[Found]:
    yield from _connection(manifest)
    for name, read in manifest.reads.items():
        yield from _names(("reads", name), name)
        yield from check_request(("reads", name), read, _AT_A_READ | set(manifest.reads))
    for kind, table in manifest.records.items():
        yield from _records(manifest, ("records", kind), table)
    for name, answer in manifest.answers.items():
        yield from check_answer(manifest, ("answers", name), answer)
    if manifest.person is not None:
        yield from check_person(manifest, manifest.person)
    if manifest.desk is not None:
        yield from check_desk(manifest, manifest.desk)
    if manifest.code_sender is not None:
        yield from check_code_sender(manifest, manifest.code_sender)
    for number, rule in enumerate(manifest.errors):
        yield from _rule(("errors", number), rule)
    for verb, action in manifest.actions.items():
        yield from _action(manifest, verb, action)
    yield from _money(manifest)
    yield from check_citations(manifest)


def _records(manifest: Manifest, at: Place, table: RecordList) -> Iterator[Found]:
    known = {"subject", "settings", "page"}
    first = [manifest.reads[name] for name in table.resolve if name in manifest.reads]
    for name in table.resolve:
        if name not in manifest.reads:
            yield (*at, "resolve"), f"there is no read `{name}`", "name a shared one"
        else:
            yield from check_request((*at, "resolve"), manifest.reads[name], known)
            known.add(name)
    yield from check_request(at, table, known)
    if not any(name[0] == "subject" for one in (table, *first) for name in names_of(one)):
        yield at, "its request does not name the customer", "put `{subject.id}` into it"
    yield from _slots((*at, "title"), table.title, table.picks)
    yield from _slots((*at, "label"), table.label, table.picks)
    unknown = sorted(set(table.references) - set(table.picks))
    if unknown:
        yield (*at, "references"), f"there is no pick `{unknown[0]}`", "name a pick"


# ---- the connection ------------------------------------------------------------------------------


def _connection(manifest: Manifest) -> Iterator[Found]:
    connection = manifest.connection
    if connection.base is not None:
        if not connection.base.startswith("https://"):
            yield ("connection", "base"), "it is not https", "write `https://`"
        host = connection.base.removeprefix("https://").partition("/")[0]
        yield from _host(manifest, ("connection", "base"), host)
    for host in connection.hosts:
        yield from _host(manifest, ("connection", "hosts"), host)
    if isinstance(connection.auth, BasicAuth):
        for text in (connection.auth.user, connection.auth.password):
            for name in names_in_text(text):
                if name != ("secret",) and not _is_setting(manifest, name):
                    step = "use `{secret}` or `{settings.X}`"
                    yield ("connection", "auth"), f"there is no `{'.'.join(name)}` here", step
    if connection.account is not None:
        known = frozenset({"settings", "page"})
        yield from check_request(("connection", "account"), connection.account, known)
    for name in names_in_text(connection.subject.form):
        if name != ("subject", "id"):
            problem = f"`{'.'.join(name)}` is not known here"
            yield ("connection", "subject"), problem, "use `{subject.id}` alone"
    yield from _settings(manifest)
    yield from _mcp(manifest)


def _mcp(manifest: Manifest) -> Iterator[Found]:
    server = manifest.connection.mcp
    if server is None:
        return
    at: Place = ("connection", "mcp")
    if server.url is not None:
        parts = urlsplit(server.url)
        here = parts.scheme == "http" and (parts.hostname or "") in LOOPBACK
        if parts.scheme != "https" and not here:
            yield at, "it is not https", "write `https://`, or http for this machine"
        if "{" in server.url or "@" in parts.netloc:
            yield at, "its address is fixed", "write it out, without placeholders or names"
    for verb, action in manifest.actions.items():
        if action.call.tool is None:
            yield ("actions", verb, "call"), "an MCP server has tools and no addresses", "`tool`"


def _settings(manifest: Manifest) -> Iterator[Found]:
    for name, setting in manifest.settings.items():
        if setting.default is not None and not re.fullmatch(setting.pattern, setting.default):
            yield ("settings", name, "default"), "it does not fit the pattern", "correct it"
        if setting.host and setting.pattern != HOST:
            # INVARIANT: no port, no path and no user can stand in what is read as a host.
            problem = "a whole host has another pattern"
            yield ("settings", name, "pattern"), problem, f"write `'{HOST}'`"


def _host(manifest: Manifest, at: Place, host: str) -> Iterator[Found]:
    try:
        names = list(placeholders(host))
    except TemplateError as error:
        yield at, str(error), ""
        return
    for name in names:
        setting = manifest.settings.get(name[1]) if len(name) == 2 else None
        if name[0] != "settings" or setting is None:
            yield at, "a host takes settings and nothing else", "use `{settings.X}`"
        elif setting.host:
            if at[1] != "base" or host != f"{{settings.{name[1]}}}":
                problem = "it is a whole host, and stands beside something else"
                yield at, problem, f'write `base = "https://{{settings.{name[1]}}}"`'
            return
        elif not _is_label(setting.pattern):
            # INVARIANT: a setting is one label, so that it cannot make another host of it.
            yield (
                ("settings", name[1], "pattern"),
                "it stands in a host, and fits more than a label",
                ("use letters, digits and `-` only, such as `[a-z0-9][a-z0-9-]{0,62}`"),
            )
    bare = _SLOT.sub("x", host)
    if "@" in bare or not re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", bare) or "." not in bare:
        yield at, f"`{host[:60]}` is no host", "write its name in lower case"


def _is_label(pattern: str) -> bool:
    """Whether a pattern is made of classes of label characters and literals alone.

    A choice of whole words may have dots, such as `api-m|api-m\\.sandbox`.
    """
    if re.fullmatch(r"[a-z0-9-]+(?:\\\.[a-z0-9-]+)*(?:\|[a-z0-9-]+(?:\\\.[a-z0-9-]+)*)*", pattern):
        return True
    rest = _LABEL.sub("", pattern)
    classes = re.findall(r"\[([^\[\]]*)\]", pattern)
    fits = all(re.fullmatch(r"[A-Za-z0-9-]*", one) for one in classes)
    return fits and re.fullmatch(r"[A-Za-z0-9|()-]*", rest) is not None


def _is_setting(manifest: Manifest, name: tuple[str, ...]) -> bool:
    return len(name) == 2 and name[0] == "settings" and name[1] in manifest.settings


def _names(at: Place, name: str) -> Iterator[Found]:
    if name in _RESERVED:
        yield at, f"`{name}` is a name of ours", "call the read something else"


# ---- errors --------------------------------------------------------------------------------------


def _rule(at: Place, rule: ErrorRule) -> Iterator[Found]:
    when = rule.when
    if when == ErrorWhen():
        yield at, "`when` is empty, so it would be about every answer", "name a status"
    # INVARIANT: a rule may only make an answer less sure, unless the provider itself says so.
    unsure = when.graphql_code is not None or (
        when.user_error_text is None
        and (
            when.status is None
            or any(not 400 <= one < 500 or one in (408, 425) for one in when.status)
        )
    )
    if unsure and rule.means != "unknown" and rule.nothing_done is None:
        yield (
            at,
            "it makes an answer surer that says nothing about what was done",
            ("give the address where the provider says that nothing was done, as `nothing_done`"),
        )


# ---- actions -------------------------------------------------------------------------------------


def _action(manifest: Manifest, verb: str, action: ActionTable) -> Iterator[Found]:
    at: Place = ("actions", verb)
    reads = {**manifest.reads, **action.reads}
    try:
        args_model(verb, action.args, hosts=frozenset())
    except SchemaError:
        problem = "a pattern cannot be used: there is no look-around, and no back reference"
        yield (*at, "args"), problem, "write it with classes and repetitions"
    except (ValueError, TypeError) as error:
        yield (*at, "args"), " ".join(str(error).split())[:200], "correct the argument"
    yield from _resolving(at, action, reads)
    yield from _changes(at, manifest, action)
    yield from _reading(at, action)
    yield from _owner(at, manifest, action)
    yield from _call(at, action)
    yield from _look_up(at, action)
    yield from _words(at, action)
    yield from _undo(at, manifest, action)


def _resolving(at: Place, action: ActionTable, reads: Mapping[str, Read]) -> Iterator[Found]:
    seen: set[str] = set(_AT_A_READ)
    for name in action.resolve:
        if name not in reads:
            yield (*at, "resolve"), f"there is no read `{name}`", f"there are {', '.join(reads)}"
            continue
        yield from check_request((*at, "reads", name), reads[name], seen)
        seen.add(name)
    for name in action.reads:
        yield from _names((*at, "reads", name), name)
    unread = action.owner.none is not None and action.call.tool is not None
    if not action.resolve and action.owner.peer is None and not unread:
        yield (*at, "resolve"), "nothing is read before it", "name the reads that prove whose it is"
    if not action.preconditions and action.effect is not Effect.MESSAGE and not unread:
        yield at, "nothing has to be still so at the call", "give it `preconditions`"


def _changes(at: Place, manifest: Manifest, action: ActionTable) -> Iterator[Found]:
    """What nothing on the same kind of object looks at is a slip of the pen."""
    known = {
        name
        for one in manifest.actions.values()
        if one.object.kind == action.object.kind
        for name in one.preconditions
    }
    for name in action.changes:
        if name not in known:
            step = f"name one of {', '.join(sorted(known)) or 'its preconditions'}, or leave it out"
            yield (*at, "changes", name), f"no action has the precondition `{name}`", step


def _reading(at: Place, action: ActionTable) -> Iterator[Found]:
    """Paths over all that was read start from what is read."""
    known = {"args", "subject", "settings", "peer", *action.resolve}
    picks: list[tuple[str, AnyPick]] = [("object", action.object.id)]
    for table in ("facts", "card", "personal", "preconditions"):
        picks += [(f"{table}.{name}", one) for name, one in getattr(action, table).items()]
    picks += [("require", rule.that) for rule in action.require]
    picks += [("after", rule.that) for rule in action.after]
    picks += [(f"keep.{name}", path) for name, path in action.keep.items()]
    if action.amount is not None:
        picks += [("amount", action.amount.left)] if action.amount.left is not None else []
        picks += [("amount", action.amount.as_pick())] if action.amount.money is not None else []
    for where, pick in picks:
        for path in _paths(pick):
            unknown = sorted(names_in(path) - known)
            if unknown:
                yield (
                    (*at, *where.split(".", 1)),
                    f"nothing is read as `{unknown[0]}`",
                    (f"there are {', '.join(sorted(known))}"),
                )
    try:
        names = list(placeholders(action.payee))
    except TemplateError as error:
        yield (*at, "payee"), str(error), ""
        return
    alone = {".".join(name) for name in names if len(name) == 1}
    both = sorted(alone & known & set(action.card))
    if both:
        problem = f"`{{{both[0]}}}` is a read and a name of the card"
        yield (*at, "payee"), problem, "call the one on the card something else"
    starts = {name[0] for name in names} - (alone & set(action.card))
    if starts - known:
        yield (*at, "payee"), f"nothing is read as `{min(starts - known)}`", ""


def _paths(pick: AnyPick) -> list[str]:
    if isinstance(pick, str):
        return [pick]
    return [path for path in (pick.path, pick.currency, pick.minus) if path is not None]


def _owner(at: Place, manifest: Manifest, action: ActionTable) -> Iterator[Found]:
    owner = action.owner
    at = (*at, "owner")
    for path in (owner.path, owner.any):
        if path is None:
            continue
        starts = names_in(path)
        if starts & {"args", "subject", "settings"} or not starts:
            yield at, "whose it is has to be what the provider says", "start it from a read"
        elif starts - set(action.resolve):
            yield (
                at,
                f"nothing is read as `{min(starts - set(action.resolve))}`",
                ("name the read in `resolve`"),
            )
    if owner.is_ is not None:
        reads = {**manifest.reads, **action.reads}
        for name in names_in_text(owner.is_):
            read = reads.get(name[0]) if name[0] in action.resolve else None
            of_subject = read is not None and any(one[0] == "subject" for one in names_of(read))
            if name[0] != "subject" and not of_subject:
                problem = f"`{'.'.join(name)}` does not come from the customer"
                yield at, problem, "use `{subject.form}`, or a read that names the customer"
    if owner.peer is not None and owner.peer not in manifest.settings:
        yield at, f"there is no setting `{owner.peer}`", "declare it under [settings]"
    for problem, step in unproven(manifest, action):
        yield at, problem, step
    if owner.any is not None and not action.require:
        yield at, "several people may read it", "say in `require` that no other customer does"


def _call(at: Place, action: ActionTable) -> Iterator[Found]:
    call = action.call
    at = (*at, "call")
    yield from check_request(at, call, _AT_A_CALL)
    if call.key is not None:
        found = template_at(call, call.key.at)
        if found not in (None, "{call.key}"):
            yield (*at, "key"), f"`{call.key.at}` holds something else", "put `{call.key}` there"
    if call.reference is not None:
        found = template_at(call, call.reference.at)
        names: set[tuple[str, ...]] = set(() if found is None else placeholders(found))
        if ("call", "ref") not in names:
            yield (
                (*at, "reference"),
                f"`{call.reference.at}` does not hold our reference",
                ("put `{call.ref}` there"),
            )
        elif any(name[0] not in ("call", "settings") for name in names):
            yield (
                (*at, "reference"),
                "the field of our reference holds other people's words",
                ("put nothing but `{call.ref}` and your own words there"),
            )
        if call.reference.max is not None and call.reference.max < 30:
            yield (*at, "reference"), "our reference has 30 characters", "use another field"
    if call.guard is not None:
        wanted = ("before", *call.guard.from_.split("."))
        found = template_at(call, call.guard.at)
        if found is None or wanted not in set(placeholders(found)):
            yield (
                (*at, "guard"),
                f"`{call.guard.at}` does not hold it",
                (f"put `{{before.{call.guard.from_}}}` there"),
            )
        if call.guard.from_ not in action.preconditions:
            yield (*at, "guard"), f"there is no precondition `{call.guard.from_}`", "add it"
    for template in templates_of(call):
        for name in placeholders(template):
            yield from _at_call(at, action, name)


def _at_call(at: Place, action: ActionTable, name: tuple[str, ...]) -> Iterator[Found]:
    known: Mapping[str, Iterable[str]] = {
        "args": action.args,
        "keep": action.keep,
        "before": action.preconditions,
    }
    head, rest = name[0], ".".join(name[1:])
    if head in known and rest.split(".")[0] not in known[head] and rest not in known[head]:
        yield at, f"there is no `{head}.{rest}`", f"there are {', '.join(known[head]) or 'none'}"
    if head == "amount" and action.amount is None:
        yield at, "the action has no `amount`", "declare it"
    if head == "peer" and action.owner.peer is None:
        yield at, "the action names no peer", 'declare `owner = { peer = "SETTING" }`'


def _look_up(at: Place, action: ActionTable) -> Iterator[Found]:
    look_up = action.look_up
    if look_up is None:
        if action.call.accepted is not None:
            yield at, "what is only accepted has to be looked up", "add `look_up`"
        receipt = action.call.receipt
        if receipt is not None and (receipt.pending or receipt.done):
            step = "add `look_up`, or take `pending` and `done` out of the receipt"
            yield at, "what can still change has to be looked up until it has ended", step
        return
    at = (*at, "look_up")
    yield from check_request(at, look_up, _AT_A_CALL | {"page"})
    if look_up.receipt is None and action.call.receipt is None:
        yield at, "nothing says how the effect is read", "add `receipt`"
        return
    if look_up.proof == "state":
        if action.effect not in _STATE_EFFECTS:
            yield (
                at,
                "a state proves a cancellation or a change, never money, credit or a message",
                ("find the effect by our reference, or leave `look_up` out"),
            )
        yield from _state(at, action, look_up)
    elif receipt_of(action).ours is None:
        yield at, "nothing tells our effect from others", "give `receipt.ours`"
    elif action.call.reference is None:
        yield at, "our reference is looked for, and nothing carries it", "give `call.reference`"


def _state(at: Place, action: ActionTable, look_up: LookUp) -> Iterator[Found]:
    if not action.require:
        yield at, "it may be so before the call", "say in `require` that it is not so yet"
    if isinstance(look_up.so, dict) and look_up.by is not None:
        arg = action.args.get(look_up.by.removeprefix("args."))
        if not isinstance(arg, EnumArg):
            yield at, "`by` names no argument of a few words", "name one, as `args.when`"
        elif set(arg.words) != set(look_up.so):
            yield at, "`so` has not exactly the words of the argument", ", ".join(arg.words)


def _words(at: Place, action: ActionTable) -> Iterator[Found]:
    slots: dict[str, object] = {**action.card, "amount": None} if action.amount else {**action.card}
    yield from _slots((*at, "sentence"), action.sentence, slots)
    for name in ("done", "pending", "refused"):
        text: str = getattr(action.words, name)
        yield from _slots((*at, "words", name), text, slots)
    if action.amount is not None and action.amount.arg is not None:
        if action.amount.arg not in action.args:
            yield (*at, "amount"), f"there is no argument `{action.amount.arg}`", "declare it"
    elif action.amount is None and action.effect is Effect.MONEY_OUT:
        yield at, "money goes out, and nothing says how much", "give it `amount`"


def _slots(at: Place, text: str, known: Mapping[str, object]) -> Iterator[Found]:
    try:
        slots = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        yield at, str(error), "write a brace twice"
        return
    unknown = [slot for slot in slots if slot not in known]
    if unknown:
        yield at, f"there is no `{unknown[0]}` to fill in", f"there are {', '.join(known)}"


def _undo(at: Place, manifest: Manifest, action: ActionTable) -> Iterator[Found]:
    undo = action.undo
    if undo is None:
        return
    connector, _, verb = undo.action.partition(".")
    other = manifest.actions.get(verb)
    if connector != manifest.connector or other is None:
        yield (*at, "undo"), f"there is no `{undo.action}` here", "name an action of this file"
        return
    if not set(undo.args) <= set(other.args):
        yield (*at, "undo"), f"`{undo.action}` does not take these arguments", "correct `args`"
    if not set(undo.only) <= set(action.args):
        yield (*at, "undo"), "`only` names no argument of this action", "correct `only`"


# ---- money ---------------------------------------------------------------------------------------


def _money(manifest: Manifest) -> Iterator[Found]:
    if manifest.money is not None:
        return
    for verb, action in manifest.actions.items():
        picks = [*action.facts.values(), *action.card.values()]
        has_money = any(isinstance(one, Pick) and one.kind == "money" for one in picks)
        if has_money or action.amount is not None or action.effect in MONEY:
            yield (
                ("actions", verb),
                "it is about money, and nothing says how amounts are written",
                ('add `[money]` with `unit = "minor"` or `unit = "major"`'),
            )
            return
