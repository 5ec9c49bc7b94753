"""Preview: what Fin asks people in a procedure of Intercom's becomes work, once.

SOURCE: Intercom, Preview: `procedure.hitl_notification.created`, of which `callback_url`, `step_id`
and `attributes_to_collect` are published. A double has seen it, and no live account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sayso.actions.model.digest import hash_of_texts
from sayso.json import JsonValue
from sayso.nesting import read_json
from sayso.sdk.desk.rows import Place
from sayso.sdk.desk.sayings import requests_in
from sayso.sdk.resources.work_elsewhere import put_thread
from sayso.store.base import Transaction
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

TOPIC = "procedure.hitl_notification.created"
_CALLBACK = re.compile(r"/procedures/([0-9]{1,20})/collect_agent_input(?:\?|$)")
_MOST_ASKED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FinQuestion:
    """A question. `asked`: by its identifiers, each with the type of its answer."""

    conversation: str
    step: str
    asked: tuple[str, ...]


def read_fin(body: bytes) -> FinQuestion | None:
    """The question of a webhook; None for one of another topic, or without what is published."""
    try:
        told = cast("JsonValue", read_json(body))
    except (ValueError, RecursionError):
        return None
    match told:
        case {
            "topic": "procedure.hitl_notification.created",
            "data": {
                "item": {
                    "callback_url": str(url),
                    "step_id": str(step),
                    "attributes_to_collect": [*asked],
                }
            },
        } if (found := _CALLBACK.search(url)) is not None and step:
            wanted = cast("Sequence[JsonValue]", asked)[:_MOST_ASKED]
            named = tuple(name for one in wanted if (name := _named(one)))
            return FinQuestion(conversation=found[1], step=plain(step, limit=64), asked=named)
        case _:
            return None


def _named(one: JsonValue) -> str:
    if not isinstance(one, Mapping) or not isinstance(one.get("identifier"), str):
        return ""
    kind = one.get("data_type")
    known = f" ({plain(kind, limit=20)})" if isinstance(kind, str) else ""
    return plain(str(one["identifier"]), limit=120) + known


def put_question(tx: Transaction, container: Container, place: Place, asked: FinQuestion) -> bool:
    """Make work of a question, as part of the caller's transaction; False where it was before."""
    told = tx.run(
        "desk.put_message",
        tenant=place.tenant,
        desk=place.name,
        account="fin",
        id=hash_of_texts(asked.conversation, asked.step)[:32],
        thread=asked.conversation,
        at=container.context.now(),
        state="left",
        request_id=None,
        why="fin_asks",
    )
    if told != 1:
        return False
    requests = requests_in(tx, place, asked.conversation)
    nobody = f"{place.name}-{hash_of_texts(asked.conversation)[:32]}"
    put_thread(
        tx,
        container,
        place.tenant,
        desk=place.name,
        subject=requests[-1].subject.id if requests else nobody,
        why=f"Fin asks in {asked.conversation}, step {asked.step}: {', '.join(asked.asked)}",
    )
    return True
