"""House rules that no tool knows, read from the source."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tree import (
    ROOT,
    SOURCES,
    TESTS,
    as_imported,
    dotted,
    is_test,
    package_files,
    read_package,
    read_python,
)

from sayso.store.queries import named_queries

MOST_LINES = 600
MOST_OF_A_LINE = 120
MOST_WITHOUT_A_MAP = 9
NAMES_ARE_THE_MAP = {"commands", "languages"}

JSON_EDGE = {
    # where bytes, rows or foreign libraries' values come in or go out
    "sayso/actions/limits/agreement.py": "lives of the verifier's rules, as JSON",
    "sayso/actions/policy/formula/solver.py": "z3, which says no types",
    "sayso/agent/conversation.py": "a stored turn, as JSON",
    "sayso/agent/graph.py": "LangGraph's state is JSON",
    "sayso/agent/model_calls.py": "JSON Schema, as LangChain takes it",
    "sayso/agent/models.py": "options of LangChain's models",
    "sayso/agent/prompts/answer.py": "builds a Pydantic model while it runs",
    "sayso/agent/run.py": "LangGraph's state is JSON, with a question in it",
    "sayso/audit/authority/codec.py": "what an entry states, as JSON",
    "sayso/audit/authority/note.py": "what a process notes, as JSON",
    "sayso/audit/entry.py": "what is to become a body, before it is known to be JSON",
    "sayso/audit/evidence/data.py": "entries' data, as JSON",
    "sayso/audit/exports/parquet.py": "pyarrow's tables",
    "sayso/audit/queries/query.py": "a query's values by their field",
    "sayso/audit/authority/state.py": "a stored entry, as JSON",
    "sayso/audit/rules/limits.py": "limits as entries state them, as JSON",
    "sayso/audit/rules/replayed.py": "lives that are put aside, as JSON",
    "sayso/audit/verifier/walk.py": "orjson's or json's decoded bodies",
    "sayso/connectors/arguments.py": "Pydantic's error details",
    "sayso/connectors/describe/body.py": "words of an enum in a schema",
    "sayso/connectors/describe/graphql.py": "graphql-core's trees, which is an extra",
    "sayso/connectors/describe/openapi.py": "a description's decoded JSON",
    "sayso/connectors/describe/paths.py": "jmespath's own trees",
    "sayso/connectors/describe/shape.py": "JSON Schema",
    "sayso/connectors/draft/graphql.py": "graphql-core's trees, which is an extra",
    "sayso/connectors/manifest/mcp_tools.py": "the MCP client's, which is an extra",
    "sayso/connectors/manifest/arguments.py": "builds a Pydantic model while it runs",
    "sayso/connectors/stripe/answer.py": "a decoded answer, whatever it holds",
    "sayso/connectors/stripe/api.py": "what is asked and answered, as JSON",
    "sayso/connectors/manifest/source.py": "tomllib's tables",
    "sayso/connectors/oauth/client.py": "Authlib's token is a dict",
    "sayso/connectors/stripe/optional.py": "Stripe's decoded answers",
    "sayso/frozen.py": "fields of every class",
    "sayso/nesting.py": "decoded JSON and TOML",
    "sayso/toml.py": "decoded TOML",
    "sayso/reading.py": "jmespath's own trees",
    "sayso/settings/document.py": "a connector's own settings, which it reads itself",
}
"""Modules that may say `Any`, and why; whole folders follow."""
JSON_EDGE_FOLDERS = ("sayso/sdk/", "sayso/store/", "sayso/surfaces/", "sayso/testing/")
"""Views; drivers' rows, and units of work of every type in one queue; HTTP bodies and the terminal;
fakes that speak foreign JSON."""

CLOCKS = {
    "datetime.now",
    "datetime.datetime.now",
    "datetime.utcnow",
    "date.today",
    "time.time",
    "time.time_ns",
}
ENVIRONMENT = {"os.environ", "os.getenv", "environ", "getenv"}
OWN_CLOCK = {"sayso/ids.py": "SystemClock, the one that surfaces hand down"}
ABOVE = ("sayso/surfaces/", "sayso/sdk/", "sayso/testing/", "sayso/__main__.py")
"""Where the time and the environment are read to be handed down."""


WORDS_IN_LOGS = {
    # by what is logged: no customer and no provider of actions is known where these arise
    "%s; next: %s (%s)": "the fleet's engine, which does not start",
    "cards cannot be sent now: %s": "the database, or whose channel it is",
    "no index at all: %s": "SQLite without a file",
    "no index can be kept in %s: %s": "a folder that cannot be written",
    "publishing %s to %s: %s": "a place for checkpoints, which sees sizes and hashes",
    "publishing to %s: %s": "the database",
    "the engine polls on for what is unused: %s": "an import",
    "the index of `%s` is behind the log: %s": "SQLite's file",
    "the log of %s stays as it is: %s": "what pruning waits for",
}
"""What may be logged with an error's own words, and whose they are."""
WORDLESS = {"logged", "logged_with_frames", "logged_with_state"}
OWN_WORDS = ("sayso/testing/",)
"""Fakes."""

MEASURES = {"tests/surfaces/slack/latency.py": "clicks at a pace; it measures and tests nothing"}
"""What stands beside the tests and is run by itself."""


def in_package() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module of the package."""
    for name, tree in read_package():
        for node in ast.walk(tree):
            yield name, node


def files(pattern: str) -> Iterator[Path]:
    """Every such file of the package, the tests, the benches and the examples."""
    yield from package_files(pattern)
    for folder in (TESTS, ROOT / "bench", ROOT / "examples"):
        yield from folder.rglob(pattern)


def place(name: str, node: ast.AST) -> str:
    """`file:line`, for a failure's text."""
    return f"{name}:{getattr(node, 'lineno', 1)}"


def test_no_file_is_long() -> None:
    """Split by idea; 400 lines are the aim, 600 the end. Tests are read as often."""
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in files("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


def test_no_number_points_outside_the_repository() -> None:
    """A reader cannot look up `SX-9`: say it in words; `invariant 3` stands in promises.md."""
    numbered = re.compile(r"\b((SE|SL|WC|AU)-\d+|[Ii]ssue \d+|[Dd]esign \d|autonomy\.md)\b")
    found = [
        f"{path.relative_to(ROOT).as_posix()}: {match[0]}"
        for path in (*files("*.py"), *files("*.md"), *(ROOT / "docs").rglob("*.md"))
        for match in numbered.finditer(path.read_text(encoding="utf-8"))
        if path.name != Path(__file__).name
    ]
    assert found == []


def test_a_full_folder_has_a_map() -> None:
    """A newcomer who opens one reads in its `__init__` where to look; no module is left out."""
    folders = {path.parent for path in package_files("__init__.py")}
    lost: list[str] = []
    for folder in sorted(folders):
        parts = [one / as_imported(folder) for one in SOURCES]
        own = {path.stem for part in parts for path in part.glob("*.py")}
        own -= {"__init__", "__main__"}
        if len(own) <= MOST_WITHOUT_A_MAP or folder.name in NAMES_ARE_THE_MAP:
            continue
        tree = ast.parse((folder / "__init__.py").read_text("utf-8"))
        named = set(re.findall(r"`(\w+)`", ast.get_docstring(tree) or "")) - _names(tree)
        lost += [f"{folder.name}: {name}" for name in sorted(own - named)]
        lost += [
            f"{folder.name}: there is no {name}" for name in sorted(named - own - _inner(parts))
        ]
    assert lost == []


def test_the_top_of_the_sdk_is_its_front() -> None:
    """Docs 0122: what a newcomer opens first stands at the top, and all else in a room by role."""
    top = {path.stem for path in (ROOT / "sayso" / "sdk").glob("*.py")}
    assert top == {"__init__", "client", "nouns", "sync", "container", "workspace"}


def _inner(parts: Sequence[Path]) -> set[str]:
    return {path.name for part in parts for path in part.glob("*/")}


def _names(tree: ast.Module) -> set[str]:
    """What a package offers itself."""
    offered = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ImportFrom)]
    return {
        name
        for node in offered
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef)
            else [alias.name for alias in node.names]
        )
    }


def test_one_public_class_name_stands_for_one_class() -> None:
    """Rule 5: who meets a name in one room and looks it up finds no other thing of that name."""
    homes = defaultdict[str, list[str]](list)
    for name, tree in read_package():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(place(name, node))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_any_stays_at_the_edge() -> None:
    """`Any` where foreign values come in, nowhere else; and no stale exception."""
    found = {
        name
        for name, tree in read_package()
        if not name.startswith(JSON_EDGE_FOLDERS) and _says_any(tree)
    }
    assert found - JSON_EDGE.keys() == set()
    assert JSON_EDGE.keys() - found == set()


def _says_any(tree: ast.AST) -> bool:
    """Whether it says `Any`, other than for what a coroutine is sent and yields."""
    if isinstance(tree, ast.Subscript) and dotted(tree.value) == "Coroutine":
        assert isinstance(tree.slice, ast.Tuple)
        return _says_any(tree.slice.elts[-1])
    if isinstance(tree, ast.Name):
        return tree.id == "Any"
    return any(_says_any(child) for child in ast.iter_child_nodes(tree))


def test_time_and_environment_are_arguments() -> None:
    """Nothing below the SDK asks the machine what time it is, or what is set."""
    found = [
        place(name, node)
        for name, node in in_package()
        if isinstance(node, ast.Attribute | ast.Name)
        and dotted(node) in CLOCKS | ENVIRONMENT
        and not name.startswith(ABOVE)
        and name not in OWN_CLOCK
    ]
    assert found == []


@pytest.mark.promise("logs:wordless")
def test_no_error_speaks_in_a_process_log() -> None:
    """Invariant 6: an error's words may quote a customer or a provider; its code may not."""
    speaking: dict[str, str] = {}
    for name, tree in read_package():
        caught = {one.name for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler)}
        for node in ast.walk(tree):
            if not name.startswith(OWN_WORDS) and _logs_words(node, caught | {"error"}):
                assert isinstance(node, ast.Call)
                words = next(
                    str(part.value) for part in node.args if isinstance(part, ast.Constant)
                )
                speaking[words] = place(name, node)
    assert {words: at for words, at in speaking.items() if words not in WORDS_IN_LOGS} == {}
    assert WORDS_IN_LOGS.keys() - speaking.keys() == set()


def _logs_words(node: ast.AST, errors: set[str | None]) -> bool:
    if not isinstance(node, ast.Call) or not dotted(node.func).startswith("logger."):
        return False
    if dotted(node.func) == "logger.exception" or node.keywords:
        return True
    return any(_says_words(part, errors) for part in node.args)


def _says_words(part: ast.AST, errors: set[str | None]) -> bool:
    match part:
        case ast.Call(func=ast.Name(id=name)) if name in WORDLESS or name == "_loggable":
            return False
        case ast.Attribute(attr="code" | "blocked"):
            return part.attr == "blocked"
        case ast.Name(id=name):
            return name in errors
        case _:
            return any(_says_words(inner, errors) for inner in ast.iter_child_nodes(part))


def test_every_test_says_what_it_proves() -> None:
    """A sentence as name, and a line with the promise."""
    silent = [
        place(name, node)
        for name, tree in read_python(TESTS)
        for node in ast.walk(tree)
        if is_test(node) and not ast.get_docstring(node)  # type: ignore[arg-type]
    ]
    assert silent == []


def test_no_test_sleeps() -> None:
    """Wait for what is meant; `sleep(0)` only lets others go on."""
    sleepers = [
        place(name, node)
        for name, tree in read_python(TESTS)
        for node in ast.walk(tree)
        if name not in MEASURES
        and isinstance(node, ast.Call)
        and dotted(node.func) in {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}
        and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]
    assert sleepers == []


def test_nothing_of_ours_is_patched() -> None:
    """Fakes, not patches; foreign constants may be shortened."""
    patched = [
        place(name, node)
        for name, tree in read_python(TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).endswith("monkeypatch.setattr")
        and ast.unparse(node.args[0]).strip("'\"").startswith("sayso")
    ]
    assert patched == []


def test_every_connection_to_sqlite_is_closed() -> None:
    """`with` on a connection ends a transaction and leaves it open; Python 3.13 warns of each."""
    left_open = [
        place(name, node)
        for name, tree in (*read_package(), *read_python(TESTS))
        for node in ast.walk(tree)
        if (isinstance(node, ast.With) and any(_is_left_open(item, tree) for item in node.items))
        or (isinstance(node, ast.Attribute) and _is_connect(node.value))
    ]
    assert left_open == []


def _is_left_open(item: ast.withitem, tree: ast.AST) -> bool:
    if not _is_connect(item.context_expr):
        return False
    close = f"{ast.unparse(item.optional_vars)}.close" if item.optional_vars else ""
    return not any(isinstance(at, ast.Call) and dotted(at.func) == close for at in ast.walk(tree))


def _is_connect(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "sqlite3.connect"


def test_no_template_trusts_its_text() -> None:
    """Nothing marks foreign text as safe HTML."""
    trusting = [
        as_imported(path)
        for path in package_files("*")
        if path.is_file()
        and path.suffix in {".py", ".html", ".jinja", ".j2", ".md", ".txt"}
        and any(
            word in path.read_text(encoding="utf-8").replace(" ", "")
            for word in ("|safe", "Markup(", "hx-vals=js:")
        )
    ]
    assert trusting == []


def test_no_line_of_a_template_is_long() -> None:
    """One idea a line: a change of a sentence is a line of the diff, not a page of it."""
    long = [
        f"{as_imported(path)}:{number}"
        for path in package_files("*.html")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MOST_OF_A_LINE
    ]
    assert long == []


def test_every_query_is_asked() -> None:
    """What nobody asks is read by everybody who looks for what is; a test is nobody."""
    asked = "|".join({pattern for _, node in in_package() if (pattern := _query_pattern(node))})
    assert [name for name in named_queries() if not re.fullmatch(asked, name)] == []


def _query_pattern(node: ast.AST) -> str:
    """What the names of queries look like that this text may stand for."""
    match node:
        case ast.Constant(value=str(name)) if re.fullmatch(r"[a-z]+\.[a-z0-9_]+", name):
            return re.escape(name)
        case ast.JoinedStr(
            values=[ast.Constant(value=str(begin)), ast.FormattedValue(), *rest]
        ) if "." in begin and all(isinstance(one, ast.Constant) for one in rest):
            end = "".join(str(one.value) for one in rest if isinstance(one, ast.Constant))
            return re.escape(begin) + "[a-z0-9_]+" + re.escape(end)
        case _:
            return ""
