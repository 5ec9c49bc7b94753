"""Drafts of a workspace's connectors: from a description, an MCP server, a page, or by hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sayso.connectors.draft.draft import DraftedManifest
from sayso.connectors.manifests import FOLDER
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.sdk.setup.scaffold_tables import template
from sayso.sdk.workspace import Workspace
from sayso.secret import Secret

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from sayso.connectors.draft.docs import PageAnswers

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ASK = re.compile(r"#\s*ASK\b\s*(.*)")


def draft_openapi_file(path: Path, name: str, only: Sequence[str] = ()) -> DraftedManifest:
    """A draft from an OpenAPI document.

    Raises:
        ConfigError: `invalid_setting`, `missing_extra`.
    """
    from sayso.connectors.describe.openapi import OpenApi
    from sayso.connectors.draft.openapi import draft_openapi

    return draft_openapi(OpenApi.read(path), name, path.name, only)


def draft_graphql_file(path: Path, name: str, only: Sequence[str] = ()) -> DraftedManifest:
    """A draft from a GraphQL schema, or the answer to an introspection.

    Raises:
        ConfigError: `invalid_setting`, `missing_extra`.
    """
    from sayso.connectors.describe.graphql import GraphQl
    from sayso.connectors.draft.graphql import draft_graphql

    return draft_graphql(GraphQl.read(path), name, path.name, only)


async def draft_mcp_server(
    server: Sequence[str], name: str, only: Sequence[str] = (), key: Secret | None = None
) -> DraftedManifest:
    """A draft from an MCP server's own list of tools.

    Args:
        server: an address, or a program and its words.
        key: shown as a bearer to an address.

    Raises:
        ConfigError: `invalid_setting`, `missing_extra`.
        RetryableError: it cannot be reached.
    """
    from sayso.connectors.draft.mcp import draft_mcp
    from sayso.connectors.manifest.mcp_tools import McpTools
    from sayso.connectors.manifest.schema import McpServer

    is_address = len(server) == 1 and server[0].startswith(("https://", "http://"))
    where = McpServer(url=server[0]) if is_address else McpServer(command=list(server))

    async def headers() -> dict[str, str]:
        return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}

    async def nothing() -> str:
        return ""

    tools = McpTools(who=name, server=where, headers=headers, secret=nothing, timeout_s=60.0)
    return draft_mcp(await tools.list_tools(), where, name, " ".join(server)[:120], only)


def docs_model(workspace: Workspace) -> BaseChatModel:
    """The workspace's model, which reads pages.

    Raises:
        ConfigError: `invalid_setting` where there is none; `missing_secret`, `missing_extra`.
    """
    section = workspace.settings.planner
    if section.model is None:
        raise ConfigError(
            Code.INVALID_SETTING,
            "a page is read by a model, and none is set",
            next_step="set `model` in [planner] of sayso.toml, or draft from an OpenAPI document",
        )
    from sayso.agent.models import open_chat_model
    from sayso.sdk.wiring.agent import model_settings

    key = None if section.api_key is None else workspace.secret(section.api_key)
    return open_chat_model(model_settings(section, key))


async def draft_docs_page(
    model: BaseChatModel, page: str, name: str, source: str, *, timeout_s: float = 120.0
) -> DraftedManifest:
    """A draft from a provider's prose, read by a model.

    Args:
        page: as text or Markdown. source: where it is from, for the head.

    Raises:
        ConfigError: `invalid_setting`, for too long a page.
        RetryableError: `model_failed`.
    """
    from sayso.connectors.draft.docs import MOST_CHARACTERS, draft_docs

    if len(page) > MOST_CHARACTERS:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{source}` has {len(page)} characters, and {MOST_CHARACTERS} is most",
            next_step="give the pages about the operations that you need",
        )
    return draft_docs(await _answers(model, page, timeout_s), page, name, source)


async def _answers(model: BaseChatModel, page: str, timeout_s: float) -> PageAnswers:
    from langchain_core.messages import HumanMessage, SystemMessage

    from sayso.connectors.draft.docs import PROMPT, PageAnswers

    reading = model.with_structured_output(
        PageAnswers.model_json_schema(), include_raw=True, method="json_schema"
    )
    try:
        async with asyncio.timeout(timeout_s):
            found = await reading.ainvoke([SystemMessage(PROMPT), HumanMessage(page)])
        return PageAnswers.model_validate(cast("Mapping[str, object]", found)["parsed"])
    except Exception as error:  # noqa: BLE001  (each provider's package raises its own kinds)
        raise RetryableError(
            Code.MODEL_FAILED,
            "the model gave no answer that can be read",
            next_step="try again, or give a shorter page",
            detail=type(error).__name__,
        ) from None


def read_page(path: Path) -> str:
    """A page of prose.

    Raises:
        ConfigError: `invalid_setting`, for what cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{path.name}` cannot be read",
            next_step="give a page as text or Markdown",
        ) from error


def write_draft(folder: Path, name: str, drafted: DraftedManifest) -> Path:
    """Put a draft into the workspace; never over a file that is there.

    Raises:
        ConfigError: `invalid_setting`, for a name that no connector can have.
        RefusedError: `wrong_state`, when there is such a file.
    """
    return _write(folder / FOLDER / f"{checked_name(name)}.toml", drafted.text)


def new_connector(folder: Path, name: str) -> list[Path]:
    """Start a connector in Python: `actions/NAME.py` over HTTP, and the suite that judges it.

    Raises:
        ConfigError, RefusedError: as `write_draft`.
    """
    made: list[Path] = []
    kind = "".join(part.capitalize() for part in checked_name(name).split("_"))
    for text, path in (
        ("connector.py", folder / "actions" / f"{name}.py"),
        ("connector_test.txt", folder / "tests" / f"test_{name}.py"),
    ):
        filled = template(text).replace("acme", name).replace("Acme", kind)
        made.append(_write(path, filled))
    return made


def questions_in(folder: Path, name: str) -> list[tuple[int, str]]:
    """What a draft still asks, by line."""
    path = folder / FOLDER / f"{name}.toml"
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").splitlines()
    found = ((number, _ASK.match(line.strip())) for number, line in enumerate(lines, 1))
    return [(number, asked[1]) for number, asked in found if asked is not None]


def checked_name(name: str) -> str:
    """The name, when a connector can have it.

    Raises:
        ConfigError: `invalid_setting`.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{name[:40]}` is no name of a connector",
            next_step="use lower-case letters, digits and `_`, such as acme_billing",
        )
    return name


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise RefusedError(
            Code.WRONG_STATE,
            f"`{path.parent.name}/{path.name}` is there already",
            next_step="move it away, or give another name",
        ) from error
    return path
