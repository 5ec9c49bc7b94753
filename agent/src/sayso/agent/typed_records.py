"""Objects that a customer names by the provider's own id, where no connector lists such objects.

INVARIANT: it is theirs only once the provider says so: whoever names another one's id is refused
when the action is resolved, before anybody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sayso.actions.model.act import ACCOUNT
from sayso.actions.model.definition import Action
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Message

_ID = re.compile(r"(?<![\w/@.-])[A-Za-z0-9][A-Za-z0-9_-]{7,63}(?![\w@-])")
_MOST = 5


def typed_records(
    messages: Sequence[Message], actions: Iterable[Action], listed: Sequence[Record]
) -> list[Record]:
    """A record for each id in the customer's words that an action takes and nobody lists.

    Args:
        listed: what the connectors list.
    """
    known = {(record.kind, record.connector) for record in listed}
    ids = {record.id for record in listed}
    words = [
        word
        for message in messages
        if message.role == "customer"
        for word in _ID.findall(message.content)
        if any(char.isdigit() for char in word) and word not in ids
    ]
    found: dict[tuple[str, str, str], Record] = {}
    for kind, connector, pattern in _unlisted(actions) if words else ():
        for word in words:
            if (kind, connector) not in known and re.fullmatch(pattern, word):
                found[kind, connector, word] = Record(
                    kind=kind,
                    id=word,
                    title=word,
                    label=word,
                    references=(word,),
                    connector=connector,
                )
    return list(found.values())[:_MOST]


def _unlisted(actions: Iterable[Action]) -> Iterator[tuple[str, str, str]]:
    """Kinds of records with who would list them, and how their ids look."""
    for action in actions:
        use = action.act
        if use is None or not use.is_asked or use.on == ACCOUNT:
            continue
        for name, slot in use.fills.items():
            metadata = action.args.model_fields[name].metadata if slot == "object" else ()
            for one in metadata:
                pattern = getattr(one, "pattern", None)
                if isinstance(pattern, str):
                    yield use.on, use.listed_by or action.connector, pattern
