"""Sending a customer a code by the call of one of a manifest's actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sayso.actions.customers.contact import CodeMessage
from sayso.connectors.manifest.provider import ManifestProvider
from sayso.connectors.manifest.request_check import Found, names_of
from sayso.connectors.manifest.schema import CodeSenderTable, Manifest, TextArg
from sayso.connectors.manifest.scope import OnFile
from sayso.connectors.manifest.template import TemplateError
from sayso.errors import Code, RefusedError


async def send_code(
    manifest: Manifest, provider: ManifestProvider, settings: Mapping[str, str], code: CodeMessage
) -> None:
    """Hand a code over, to exactly its recipient; once, whatever becomes of it.

    Raises:
        RefusedError, RetryableError, OutcomeUnknownError: it was not, or perhaps not.
    """
    table = manifest.code_sender
    if table is None:
        raise RefusedError(Code.WRONG_STATE, f"{manifest.connector} sends no codes")
    reached = OnFile(kind=table.sends_to, value=code.recipient)
    names = {
        "settings": dict(settings),
        "peer": {table.sends_to: reached.names("")},
        "args": {table.text: code.short},
    }
    await provider.write(table.by, manifest.actions[table.by].call, names)


def check_code_sender(manifest: Manifest, table: CodeSenderTable) -> Iterator[Found]:
    """Each mistake of `[code_sender]`."""
    at = ("code_sender",)
    action = manifest.actions.get(table.by)
    if action is None:
        yield (*at, "by"), f"there is no action `{table.by}`", "name one whose call sends a text"
        return
    if action.effect != "message":
        yield (*at, "by"), f"`{table.by}` is no message", "name one that only sends a text"
    if not isinstance(action.args.get(table.text), TextArg):
        yield (*at, "text"), f"`{table.by}` takes no text `{table.text}`", "name its text"
    try:
        names = names_of(action.call)
    except TemplateError:
        return  # said where the action is checked
    key = "address" if table.sends_to == "email" else "number"
    if ("peer", table.sends_to, key) not in names:
        step = f"put `{{peer.{table.sends_to}.{key}}}` into its call"
        yield (*at, "sends_to"), f"`{table.by}` goes to nobody's {table.sends_to}", step
    if ("args", table.text) not in names:
        step = f"put `{{args.{table.text}}}` into its call"
        yield (*at, "text"), "the call does not hold the text", step
    for name in sorted(names - {("args", table.text)}):
        if name[0] not in ("settings", "peer"):
            shown = ".".join(name)
            problem = f"the call of `{table.by}` needs `{{{shown}}}`, which a code has not"
            yield (*at, "by"), problem, "name an action that needs a recipient and a text alone"
