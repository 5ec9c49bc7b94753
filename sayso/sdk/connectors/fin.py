"""Intercom's Fin asks Sayso: a data connector at Intercom that sends a customer's words here.

Fin is a bot as any other: it proposes, and the policy decides. The connector is made as a draft. A
person puts the two attributes of Intercom in that its API has no names for, and sets it live.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sayso.connectors.manifest.connector import ManifestConnector
from sayso.connectors.manifest.schema import CallTable, Read
from sayso.errors import Code, ConfigError
from sayso.ids import Clock
from sayso.json import JsonObject, JsonValue
from sayso.network import checked_url
from sayso.reading import read
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.resources.connections import Connections
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.secret import Secret

NAME = "Sayso: carry out what the customer asks for"
USER, CONVERSATION = "PUT-USER-ID-HERE", "PUT-CONVERSATION-ID-HERE"
"""What a person replaces in Intercom's editor. Until then every call is refused: there is no such
customer, and a data input in its place would be whatever Fin was talked into."""
WAIT_S = 10
_ONE = "/data_connectors/{fin.id}"
_LIST = Read.model_validate(
    {
        "get": "/data_connectors",
        "query": {"per_page": 50, "starting_after": "{page.cursor}"},
        "root": "data",
        "page": {
            "cursor": "pages.next.starting_after",
            "more": "pages.next != `null`",
            "max_pages": 20,
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinConnector:
    """A data connector at Intercom.

    Attributes:
        id: Intercom's. state: `draft` until a person sets it live.
        changed: whether it was there already and was brought up to date.
    """

    id: str
    state: str
    changed: bool


def fin_definition(url: str, token: Secret) -> JsonObject:
    """The data connector, as `POST /data_connectors` of Intercom's API 2.16 takes it.

    Args:
        url: of this server's API, https, as Intercom reaches it.
        token: a service's, with `actions:propose` alone.

    Raises:
        ConfigError: `invalid_setting`, for an address that isn't safe.
    """
    base = checked_url(url, name="fin", path=True).rstrip("/")
    body: JsonValue = {
        "subject": {"id": USER, "assurance": "unverified"},
        "conversation": f"intercom:{CONVERSATION}",
        "messages": [{"role": "customer", "content": "{{words}}"}],
    }
    return {
        "name": NAME,
        "description": (
            "Use this when the customer wants something done: a refund, a cancellation, a credit, "
            "a change of a subscription or an order. Tell the customer what `reply` says and "
            "promise nothing else. Where there is a `question`, ask it and call again with what "
            "they answer. With the status `handed_over`, hand over to a teammate."
        ),
        "http_method": "post",
        "url": f"{base}/v1/requests?wait={WAIT_S}",
        "headers": [
            {"name": "Authorization", "value": f"Bearer {token.reveal()}"},
            {"name": "Content-Type", "value": "application/json"},
            {"name": "Idempotency-Key", "value": f"fin-{CONVERSATION}-{{{{number}}}}"},
        ],
        "data_inputs": [
            {
                "name": "words",
                "type": "string",
                "description": "What the customer wants done, in their own words",
                "required": True,
                "default_value": "",
            },
            {
                "name": "number",
                "type": "integer",
                "description": "1 for the first request of this conversation, 2 for the next",
                "required": True,
                "default_value": "1",
            },
        ],
        "body": json.dumps(body),
        "audiences": ["users"],
        "direct_fin_usage": True,
        "bypass_authentication": False,
        "validate_missing_attributes": True,
        "mock_response": {
            "id": "req_1",
            "status": "acting",
            "reply": "We have asked a colleague to approve the refund of $30.00.",
            "question": {"text": "Which order do you mean?", "choices": ["1039", "1042"]},
        },
    }


async def make_fin_connector(
    workspace: Workspace, clock: Clock, url: str, token: str
) -> FinConnector:
    """Make Sayso's data connector at Intercom, or bring the one that is there up to date.

    Args:
        url: see `fin_definition`. token: the reference to a service's token.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`. RefusedError, RetryableError: Intercom
            said no, or gave no usable answer; OutcomeUnknownError: look there before once more.
    """
    definition = fin_definition(url, workspace.secret(token))
    connections, store = Connections(workspace, clock), open_store(workspace)
    connections.use(store)
    registry = load_connectors(workspace, clock, connections=connections)
    try:
        if "intercom" not in workspace.settings.connector_tables:
            raise _no_intercom()
        found = registry.connector("intercom")
        if not isinstance(found, ManifestConnector):
            raise _no_intercom()
        known = await found.provider.read("data connectors", _LIST, {})
        before = next(iter(_ids(known)), None)
        names = {name: f"{{fin.{name}}}" for name in definition}
        way = ("post", "/data_connectors") if before is None else ("patch", _ONE)
        request = {way[0]: way[1], "json": names, "receipt": {"id": "id", "status": "state"}}
        made, _ = await found.provider.write(
            "data connector",
            CallTable.model_validate(request),
            {"fin": {**definition, "id": before or ""}},
        )
    finally:
        await registry.close()
        await connections.close()
        await store.close()
    told = {name: read(name, made) for name in ("id", "state")}
    return FinConnector(
        id=str(told["id"] or before or ""),
        state=str(told["state"] or "draft"),
        changed=before is not None,
    )


def _ids(listed: JsonValue) -> list[str]:
    """Ours among all that are there."""
    items = listed if isinstance(listed, list) else []
    return [str(read("id", one)) for one in items if read("name", one) == NAME]


def _no_intercom() -> ConfigError:
    return ConfigError(
        Code.INVALID_SETTING,
        "sayso.toml sets up no connector `intercom`",
        next_step="add [connectors.intercom], and connect it first",
    )
