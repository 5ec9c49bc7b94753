"""The payloads of clicks and submissions, in Slack's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import OpenView, PostedMessage

APP_ID = "A1"


def click_payload(
    message: PostedMessage,
    action_id: str,
    value: str,
    *,
    user: str,
    team: str,
    enterprise: str | None,
    trigger_id: str,
) -> JsonObject:
    """A `block_actions` payload.

    Source: Slack docs, Reference: block_actions payload.
    """
    return {
        "type": "block_actions",
        "api_app_id": APP_ID,
        "trigger_id": trigger_id,
        **_who(user, team, enterprise),
        "channel": {"id": message.channel, "name": "approvals"},
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": False,
        },
        "message": {"ts": message.ts, "text": message.text, "user": message.user},
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "decide",
                "value": value,
                "action_ts": message.ts,
            }
        ],
    }


def submission_payload(view: OpenView, values: Mapping[str, str], *, user: str) -> JsonObject:
    """A `view_submission` payload with the fields filled in.

    Raises:
        LookupError: a required field is missing, or an option does not exist.

    Source: Slack docs, Reference: view_submission payload.
    """
    state: dict[str, JsonValue] = {}
    for block in _items(view.view.get("blocks")):
        if isinstance(block, Mapping) and block.get("type") == "input":
            block_id = str(block.get("block_id"))
            state[block_id] = _filled(block, values.get(block_id))
    return {
        "type": "view_submission",
        "api_app_id": APP_ID,
        **_who(user, view.team, None),
        "view": {**view.view, "id": view.id, "state": {"values": state}},
    }


def _filled(block: JsonObject, value: str | None) -> JsonObject:
    element = block.get("element")
    assert isinstance(element, Mapping)
    action_id = str(element.get("action_id"))
    if value is None and not block.get("optional", False):
        raise LookupError(f"the field `{block.get('block_id')}` is required")
    if element.get("type") == "static_select":
        options = [
            option
            for option in _items(element.get("options"))
            if isinstance(option, Mapping) and option.get("value") == value
        ]
        if not options:
            raise LookupError(f"there is no option `{value}`")
        return {action_id: {"type": "static_select", "selected_option": options[0]}}
    return {action_id: {"type": "plain_text_input", "value": value}}


def _who(user: str, team: str, enterprise: str | None) -> dict[str, JsonValue]:
    return {
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "team": {"id": team, "domain": "acme"},
        "enterprise": None if enterprise is None else {"id": enterprise, "name": "Acme Grid"},
        "is_enterprise_install": False,
    }


def _items(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return ()
