"""What placeholders and paths see, from the customer's first read to the call."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Call
from sayso.connectors.email_address import masked
from sayso.connectors.manifest.definition import Defined, template_args
from sayso.connectors.manifest.picks import Picker
from sayso.connectors.manifest.schema import Key, Manifest, MoneyArg, SubjectForm
from sayso.connectors.manifest.template import fill_text
from sayso.json import JsonValue
from sayso.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFile:
    """Where another connector says that the customer is reached.

    Attributes:
        kind: `email` or `phone`.
        value: the address or the number; personal, never stored.
        name: the person's, or empty.
    """

    kind: str
    value: str
    name: str = ""

    def fingerprint(self, subject_id: str) -> str:
        """Enough to notice another one, too little to name it: 32 bits fit many."""
        text = f"sayso/on-file/v1\0{self.kind}\0{subject_id}\0{self.value}"
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def masked(self) -> str:
        """As cards show it."""
        return masked(self.value) if self.kind == "email" else f"…{self.value[-4:]}"

    def names(self, subject_id: str) -> dict[str, str]:
        """As templates and paths name it."""
        key = "address" if self.kind == "email" else "number"
        return {
            key: self.value,
            "name": self.name,
            "masked": self.masked,
            "fingerprint": self.fingerprint(subject_id),
        }


def subject_names(subject_id: str, form: SubjectForm) -> dict[str, JsonValue]:
    """`subject.id`, and `subject.form` as the provider writes it."""
    written = fill_text(form.form, {"subject": {"id": subject_id}})
    return {"id": subject_id, "form": str(written)}


def bare_id(written: str, form: SubjectForm) -> str | None:
    """The id in what a provider writes for a customer: `subject.form` read backwards.

    Returns:
        None for what no customer's id looks like here.
    """
    before, _, after = form.form.partition("{subject.id}")
    if not (written.startswith(before) and written.endswith(after)):
        return None
    found = written[len(before) : len(written) - len(after)]
    return found if re.fullmatch(form.pattern, found) else None


def whose(manifest: Manifest, settings: Mapping[str, str]) -> str | None:
    """The connector whose customers a manifest takes, as far as the file and its settings say it.

    One that knows no customers, and reaches them where another connector does, takes that one's.
    """
    of = manifest.connection.subject.of
    if of is None and not (manifest.person or manifest.contact or manifest.records):
        peers = [action.owner.peer for action in manifest.actions.values()]
        of = next((peer for peer in peers if peer is not None), None)
    if of is None:
        return manifest.connector
    declared = manifest.settings.get(of)
    return of if declared is None else settings.get(of, declared.default)


def call_names(call: Call, key: Key | None) -> dict[str, str]:
    """`call.ref`, the reference that the effect carries, and `call.key`."""
    return {"ref": call.action_id, "key": key_for(call.idempotency_key, key)}


def names_at_call(
    *,
    defined: Defined,
    picker: Picker,
    settings: Mapping[str, str],
    form: SubjectForm,
    call: Call,
    on_file: OnFile | None,
) -> dict[str, object]:
    """What the templates of a call and of its look-up see: the snapshot, and nothing else."""
    resolved = call.resolved
    table = defined.table
    written: dict[str, Mapping[str, JsonValue]] = {}
    for name, arg in table.args.items():
        given = resolved.args.get(name)
        if isinstance(arg, MoneyArg) and given is not None:
            written[name] = picker.written(Money.from_json(given))
    subject = Subject(id=call.subject_id)
    return {
        "args": template_args(resolved.args, table.args, written),
        "subject": subject_names(call.subject_id, form),
        "settings": dict(settings),
        "object": {"id": resolved.object_id},
        "amount": {} if resolved.amount is None else picker.written(resolved.amount),
        "before": dict(resolved.preconditions),
        "keep": dict(resolved.keep),
        "call": call_names(call, table.call.key),
        "peer": peer_names(on_file, subject),
    }


def key_for(derived: str, key: Key | None) -> str:
    """The idempotency key in the form that the provider takes.

    Guarantees: equal for every try of one action, different for any two.
    """
    if key is None:
        return derived
    if key.form == "uuid":
        digest = hashlib.sha256(f"sayso/key/v1\0{derived}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))
    return derived if key.max is None else derived[: key.max]


def names_ours(value: JsonValue, reference: str) -> bool:
    """Whether a text holds our reference as a whole word."""
    if isinstance(value, Mapping):
        return any(names_ours(one, reference) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(names_ours(one, reference) for one in value)
    if not isinstance(value, str):
        return False
    at = value.find(reference)
    while at >= 0:
        around = value[max(0, at - 1) : at] + value[at + len(reference) : at + len(reference) + 1]
        if not any(char.isalnum() or char == "_" for char in around):
            return True
        at = value.find(reference, at + 1)
    return False


def peer_names(on_file: OnFile | None, subject: Subject) -> dict[str, JsonValue]:
    """`peer.email` or `peer.phone`."""
    return {} if on_file is None else {on_file.kind: on_file.names(subject.id)}
