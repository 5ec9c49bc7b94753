"""A draft from the tools of somebody's MCP server: each write becomes a gated action.

A server says little: no owner, no key, no guarantee. So each tool is at most once and a person
always decides; what the server calls harmless may raise that and never lowers it. A tool is pinned
by the digest of what its server says of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Effect
from sayso.connectors.describe.shape import Document
from sayso.connectors.draft.draft import DraftedManifest, DraftLines, begin
from sayso.connectors.draft.words import (
    OWNERS,
    PEOPLE,
    UNSURE_OWNERS,
    effect_of,
    first_of,
    singular,
    snake,
    words_of,
)
from sayso.connectors.manifest.mcp_tools import McpTool
from sayso.connectors.manifest.schema import McpServer
from sayso.errors import Code, ConfigError
from sayso.json import JsonValue
from sayso.text import plain

MOST_ACTIONS = 12
_READING = frozenset("list get search find read fetch describe show count lookup query".split())
"""What the names of tools that only read begin with, where their server says nothing of it."""


def draft_mcp(
    tools: Sequence[McpTool],
    server: McpServer,
    name: str,
    source: str,
    wanted: Sequence[str] = (),
) -> DraftedManifest:
    """A draft of a server's tools.

    Args:
        tools: as the server describes them; foreign text.
        server: where it is. name: the connector's. source: for the head.
        wanted: tools to take by name; none means every one that doesn't only read, as its server
            says or as it is called.

    Raises:
        ConfigError: `invalid_setting`, for a tool that is not there, or when none writes.
    """
    known = {one.name: one for one in tools}
    names = ", ".join(plain(one, limit=40) for one in list(known)[:12])
    for one in wanted:
        if one not in known:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the server has no tool `{plain(one, limit=60)}`",
                next_step=f"there are {names}",
            )
    reads = [one for one in tools if one.reads_only or _READING & set(words_of(one.name)[:1])]
    found = [known[one] for one in wanted] or [one for one in tools if one not in reads]
    if not found:
        raise ConfigError(
            Code.INVALID_SETTING,
            "each of the server's tools only reads, as it says or as they are called",
            next_step="name by --only the ones that act",
        )
    taken, left = found[:MOST_ACTIONS], found[MOST_ACTIONS:]
    draft = begin(name, name.replace("_", " ").capitalize(), "1", source)
    draft.table("connection")
    draft.put("mcp", cast("JsonValue", server.model_dump(exclude_none=True)))
    draft.put("auth", {"kind": "none"}, 'a key: { kind = "bearer" }, and api_key in sayso.toml')
    who = [one.name for one in reads if PEOPLE & {singular(word) for word in words_of(one.name)}]
    if who:
        question = "which tool says who a customer is? tool, arguments by `{subject.id}`, id, name"
        draft.lines.append("")
        draft.ask("person", question, who)
    drafted: dict[str, str] = {}
    for tool in taken:
        verb = snake(tool.name)
        while verb in drafted:
            verb = f"{verb[:38]}_2"
        drafted[verb] = tool.name
        _action(draft, verb, tool, reads)
    unsaid = [] if wanted else [one.name for one in reads if not one.reads_only]
    return draft.done(drafted, [*(one.name for one in left), *unsaid])


def _action(draft: DraftLines, verb: str, tool: McpTool, reads: Sequence[McpTool]) -> None:
    document = Document(tool.schema)
    fields = document.properties(tool.schema)
    required = document.required(tool.schema)
    own = first_of([one for one in OWNERS if one not in UNSURE_OWNERS], fields)
    ids = [one for one in fields if one.lower().endswith("id") and one != own]
    thing = ids[0] if ids else next(iter(sorted(required - {own or ""})), "")
    kind = snake(thing.removesuffix("_id").removesuffix("Id")) if thing else snake(verb)
    effect = effect_of(words_of(tool.name), has_amount="amount" in fields, deletes=False)
    draft.lines += ["", f"# {'-' * 90}"]
    draft.say(f"The server says of `{tool.name}`: {tool.description}")
    draft.table("actions", verb)
    draft.put("summary", plain(tool.description or tool.name, limit=120).split(". ")[0])
    # What cannot be told apart is taken for the more serious.
    serious = effect if effect not in (None, Effect.MONEY_OUT, Effect.CREDIT) else Effect.CHANGE
    if effect is not None and effect in (Effect.MONEY_OUT, Effect.CREDIT):
        draft.ask("effect", f"`{effect.value}` it seems; then say `amount`, and `[money]`")
    draft.put("effect", (serious or Effect.CHANGE).value, "is it more serious?")
    draft.put("sentence", f"{' '.join(words_of(tool.name)).capitalize()}: {{{kind}}}")
    draft.put("reversible", False)
    at_arg = f"args.{snake(thing)}" if thing else "subject.id"
    draft.put("object", {"kind": kind, "id": at_arg})
    near = [one.name for one in reads if set(document.required(one.schema)) <= set(fields)]
    draft.put("owner", {"none": "the server doesn't say; its tool is trusted to look"})
    draft.ask(
        "owner",
        "does a tool that reads say whose it is? then reads.X = { tool = …, "
        "arguments = … }, resolve, and owner = { path = X.PATH }",
        near,
    )
    draft.put("payee", "whatever the tool reaches")
    card: dict[str, JsonValue] = {kind: at_arg}
    for one in fields:
        if snake(one) not in FORBIDDEN_FIELDS and one != thing and one in required:
            card[snake(one)] = f"args.{snake(one)}"
    draft.put("card", card)
    draft.put(
        "words",
        {"done": "We have done that.", "refused": "We could not do that."},
        "say it as you would",
    )
    _args(draft, verb, document, tool, thing, kind, required)
    draft.table("actions", verb, "call")
    draft.put("tool", tool.name)
    draft.put("schema_digest", tool.digest)
    sent: dict[str, JsonValue] = {}
    for one in fields:
        if snake(one) in FORBIDDEN_FIELDS or one == own:
            if one in ("customer", "customer_id", "subject", "user", "user_id") or one == own:
                sent[one] = "{subject.id}"
            elif one in required:
                draft.ask(
                    f"arguments.{one}",
                    "never an argument: bind it to the customer, or leave this tool out",
                )
        else:
            sent[one] = f"{{args.{snake(one)}}}"
    draft.put("arguments", sent)
    answered = Document(tool.answer or {}).properties(tool.answer or {})
    key = "id" if "id" in answered else None
    draft.put(
        "receipt",
        {"id": key or "_.object", "status": "status" if "status" in answered else "'done'"},
    )


def _args(
    draft: DraftLines,
    verb: str,
    document: Document,
    tool: McpTool,
    thing: str,
    kind: str,
    required: set[str],
) -> None:
    draft.table("actions", verb, "args")
    for name, schema in document.properties(tool.schema).items():
        if snake(name) in FORBIDDEN_FIELDS:
            continue
        arg = _arg(document, schema, name, is_thing=name == thing, kind=kind)
        if arg is None:
            draft.ask(snake(name), "what is it, and where does it come from?")
            continue
        if name not in required:
            arg["optional"] = True
        draft.put(snake(name), arg)


def _arg(
    document: Document, schema: Mapping[str, object], name: str, *, is_thing: bool, kind: str
) -> dict[str, JsonValue] | None:
    says = plain(str(schema.get("description", "")), limit=100) or name
    words = [one for one in document.enum(schema) if isinstance(one, str)]
    match document.type_of(schema):
        case "string" if words:
            return {"type": "enum", "of": cast("JsonValue", words), "says": says}
        case "string" if is_thing:
            return {"type": "ref", "kind": kind, "pattern": "[A-Za-z0-9_.:-]{1,120}", "says": says}
        case "string":
            return {"type": "text", "max": 4000, "lines": True, "links": "settings", "says": says}
        case "integer":
            return {"type": "int", "min": 0, "max": 1_000_000_000, "says": says}
        case "boolean":
            return {"type": "bool", "says": says}
        case _:
            return None
