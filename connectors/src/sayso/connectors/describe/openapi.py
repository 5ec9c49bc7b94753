"""OpenAPI 3 and Swagger 2: operations by method and path, what they take and what they answer."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from sayso.connectors.describe.shape import Document, Schema
from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra

METHODS = ("get", "post", "put", "patch", "delete")
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Something that an operation takes outside of its body.

    Attributes:
        name: such as `limit`. place: `query`, `header` or `path`.
        required: whether it has to be there. schema: what it may be.
    """

    name: str
    place: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a description.

    Attributes:
        method: in capitals. path: with its parameters in braces, after the server's own path.
        name: the operation's id, or empty. summary, description: the provider's words.
        parameters: outside of the body.
        body: the schema of the body, by media type.
        answer: the schema of a success; empty where it says none.
        error: the schema of a refusal; empty where it says none.
        form: the media type of the body that is sent.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Schema]
    answer: Schema
    error: Schema

    @property
    def body_schema(self) -> Schema:
        """The body's schema, of JSON before forms."""
        for wanted in ("json", "form", ""):
            for media, schema in self.body.items():
                if wanted in media:
                    return schema
        return {}

    @property
    def is_form(self) -> bool:
        """Whether the body is a form and no JSON."""
        return bool(self.body) and not any("json" in media for media in self.body)


class OpenApi:
    """A description.

    Args:
        root: the whole document.
        name: what messages call it.
    """

    def __init__(self, root: Mapping[str, Any], name: str) -> None:
        self.name = name
        self.document = Document(root)
        self._is_swagger = str(root.get("swagger", "")).startswith("2")

    @classmethod
    def read(cls, path: Path) -> OpenApi:
        """Read a file: JSON or YAML, also compressed by gzip.

        Raises:
            ConfigError: `invalid_setting` when it is none; `missing_extra` for YAML without it.
        """
        root = read_document(path)
        if not isinstance(root, Mapping) or "paths" not in root:
            raise _unreadable(path, "it describes no paths")
        return cls(cast("Mapping[str, Any]", root), path.name)

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """The paths of the servers, without a trailing slash."""
        root = self.document.root
        if self._is_swagger:
            return (str(root.get("basePath", "")).rstrip("/"),)
        servers = cast("Sequence[Mapping[str, Any]]", root.get("servers") or ())
        found = [urlsplit(str(one.get("url", ""))).path.rstrip("/") for one in servers]
        return tuple(dict.fromkeys(found)) or ("",)

    @cached_property
    def servers(self) -> tuple[str, ...]:
        """The addresses of the servers, as the description has them."""
        root = self.document.root
        if self._is_swagger:
            schemes = cast("Sequence[str]", root.get("schemes") or ("https",))
            return (f"{schemes[0]}://{root.get('host', '')}{root.get('basePath', '')}",)
        servers = cast("Sequence[Mapping[str, Any]]", root.get("servers") or ())
        return tuple(str(one.get("url", "")) for one in servers)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, in the order of the document."""
        return tuple(self._all())

    def _all(self) -> Iterator[Operation]:
        paths = cast("Mapping[str, Any]", self.document.root.get("paths") or {})
        for path, item in paths.items():
            whole = self.document.follow(item)
            shared = cast("Sequence[object]", whole.get("parameters") or ())
            for method in METHODS:
                if isinstance(whole.get(method), Mapping):
                    yield self._operation(method, path, whole[method], shared)

    def _operation(
        self, method: str, path: str, found: Mapping[str, Any], shared: Sequence[object]
    ) -> Operation:
        listed = [*shared, *cast("Sequence[object]", found.get("parameters") or ())]
        given = [self.document.follow(one) for one in listed]
        return Operation(
            method=method.upper(),
            path=path,
            name=str(found.get("operationId", "")),
            summary=str(found.get("summary", "")),
            description=str(found.get("description", "")),
            parameters=tuple(self._parameters(given)),
            body=self._body(found, given),
            answer=self._answer(found, "2"),
            error=self._answer(found, "4"),
        )

    def _parameters(self, given: Sequence[Schema]) -> Iterator[Parameter]:
        for one in given:
            place = str(one.get("in", ""))
            if place in ("query", "header", "path"):
                yield Parameter(
                    name=str(one.get("name", "")),
                    place=place,
                    required=bool(one.get("required")),
                    schema=cast("Schema", one.get("schema") or one),
                )

    def _body(self, found: Mapping[str, Any], given: Sequence[Schema]) -> dict[str, Schema]:
        if self._is_swagger:
            return self._swagger_body(given)
        request = self.document.follow(found.get("requestBody"))
        content = cast("Mapping[str, Any]", request.get("content") or {})
        return {
            media: cast("Schema", self.document.follow(one).get("schema") or {})
            for media, one in content.items()
        }

    def _swagger_body(self, given: Sequence[Schema]) -> dict[str, Schema]:
        for one in given:
            if one.get("in") == "body":
                return {"application/json": cast("Schema", one.get("schema") or {})}
        fields = {str(one["name"]): one for one in given if one.get("in") == "formData"}
        if not fields:
            return {}
        required = [name for name, one in fields.items() if one.get("required")]
        schema = {"type": "object", "properties": fields, "required": required}
        return {"application/x-www-form-urlencoded": schema}

    def _answer(self, found: Mapping[str, Any], first: str) -> Schema:
        """What is answered with a status that begins so, else by default."""
        answers = cast("Mapping[str, Any]", found.get("responses") or {})
        order = sorted(one for one in answers if str(one).startswith(first)) or ["default"]
        for status in order:
            one = self.document.follow(answers.get(status))
            if self._is_swagger and one.get("schema"):
                return cast("Schema", one["schema"])
            for media, content in cast("Mapping[str, Any]", one.get("content") or {}).items():
                if "json" in media:
                    return cast("Schema", self.document.follow(content).get("schema") or {})
        return {}

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a request; literal segments come before parameters.

        Args:
            path: of the address, without a query; a segment that is filled in is `{}`.
        """
        best: tuple[int, Operation] | None = None
        for operation in self.operations:
            if operation.method != method:
                continue
            for prefix in (*self.prefixes, ""):
                score = _fits(prefix + operation.path, path)
                if score is not None and (best is None or score > best[0]):
                    best = (score, operation)
        if best is None:
            for operation in self.operations:
                # A description of another version may have another path before the same words.
                score = _fits_end(operation.path, path) if operation.method == method else None
                if score is not None and (best is None or score > best[0]):
                    best = (score, operation)
        return best[1] if best is not None else None


def _fits(template: str, path: str) -> int | None:
    """How many segments are the same words; None where it is another path."""
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    if len(wanted) != len(given):
        return None
    score = 0
    for one, other in zip(wanted, given, strict=True):
        if one == other:
            score += 2
        elif "{" not in one or not _segment(one, other):
            return None
    return score


def _segment(template: str, given: str) -> bool:
    """Whether a segment such as `{Sid}.json` can be filled in so."""
    pattern = "".join(
        ".+" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^{}]*\})", template)
        if part
    )
    return re.fullmatch(pattern, given) is not None


def _fits_end(template: str, path: str) -> int | None:
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    if len(wanted) > len(given):
        return None
    return _fits(template, "/".join(given[-len(wanted) :]))


def read_document(path: Path) -> object:
    """A JSON or YAML document, also compressed by gzip.

    Raises:
        ConfigError: `invalid_setting`, `missing_extra`.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it is not there") from error
    if len(raw) > MAX_BYTES:
        raise _unreadable(path, f"it has more than {MAX_BYTES} bytes")
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError):
        return _yaml(raw, path)


def _yaml(raw: bytes, path: Path) -> object:
    try:
        import yaml  # of the extra
    except ImportError as error:
        raise missing_extra("connectors", "YAML needs the extra `connectors`") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Dates stay texts, as they are in JSON.
        plain = type("Plain", (loader,), {"yaml_implicit_resolvers": _without_dates(loader)})
        found: object = yaml.load(raw, Loader=cast("Any", plain))  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unreadable(path, "it is neither JSON nor YAML") from error
    return found


def _without_dates(loader: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, resolvers in loader.yaml_implicit_resolvers.items():
        kept[key] = [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
    return kept


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_SETTING,
        f"the description `{path.name}` cannot be read: {why}",
        next_step="give the provider's own OpenAPI document, JSON or YAML",
    )
