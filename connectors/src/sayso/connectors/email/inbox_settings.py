"""`[connectors.email.inbox]`: the mailbox that customers write to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast, get_args

from sayso.connectors.email.correspondence import Correspondence
from sayso.connectors.email.inbox.desk import InboxSettings, MailDesk
from sayso.connectors.email.inbox.mailbox import MailLogin, Security
from sayso.connectors.email.inbox.reader import InboxFolders
from sayso.connectors.email.message import MessageWriter
from sayso.connectors.email.transport import Transport
from sayso.connectors.email_address import is_address
from sayso.connectors.setup import AskedSettings, Setup
from sayso.frozen import replace

_TEAM = re.compile(r"[a-z0-9_-]{1,40}")


def correspondence_of(setup: Setup, writer: MessageWriter, transport: Transport) -> Correspondence:
    """The mailbox of `[connectors.email.inbox]`.

    Settings: `host`, `port`, `security` (`tls`, `starttls`; `none` on this machine), `user`,
    `password` (a reference) or `token` (a connection of the token broker), `folder`, `sent`,
    `keep_sent`, `done` (folders), `trust` (an authserv-id), `own` (addresses, or `@domain`),
    `teams` (addresses by name).

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    table = setup.settings["inbox"]
    if not isinstance(table, Mapping):
        raise setup.invalid("inbox", "a table, `[connectors.email.inbox]`")
    asked = AskedSettings("email.inbox", table)
    inner = replace(setup, settings=asked)
    teams = _teams(inner)
    settings = InboxSettings(
        login=_login(inner),
        folders=InboxFolders(
            inbox=inner.text("folder", "INBOX"),
            sent=inner.text("sent", ""),
            done=inner.text("done", ""),
            trust=inner.text("trust", ""),
        ),
        # Whoever answers from a team's address is a colleague, and no customer.
        own=frozenset({writer.sender.lower(), *_own(inner), *map(str.lower, teams.values())}),
        teams=teams,
        keeps_sent=_yes(inner, "keep_sent", default=True),
    )
    asked.refuse_the_rest()
    desk = MailDesk(settings, setup.clock)
    return Correspondence(desk=desk, writer=writer, transport=transport, clock=setup.clock)


def _login(setup: Setup) -> MailLogin:
    security = setup.text("security", "tls")
    if security not in get_args(Security):
        raise setup.invalid("security", "`tls`, `starttls` or `none`")
    is_by_token = "token" in setup.settings
    connection = setup.text("token", "")
    return MailLogin(
        host=setup.text("host"),
        port=int(setup.number("port", 993 if security == "tls" else 143)),
        security=cast("Security", security),
        user=setup.text("user"),
        password=None if is_by_token else setup.secret_at("password"),
        bearer=(lambda: setup.bearer(connection)) if is_by_token else None,
    )


def _own(setup: Setup) -> frozenset[str]:
    own = frozenset(one.lower() for one in setup.texts("own"))
    if not all(is_address(one) or is_address(f"x{one}") for one in own):
        raise setup.invalid("own", "a list of addresses, or of domains such as `@shop.example`")
    return own


def _teams(setup: Setup) -> dict[str, str]:
    table = setup.settings.get("teams", {})
    wanted = "a table of addresses by the teams' names"
    if not isinstance(table, Mapping):
        raise setup.invalid("teams", wanted)
    teams: dict[str, str] = {}
    for name, address in table.items():
        if not isinstance(address, str) or not is_address(address) or not _TEAM.fullmatch(name):
            raise setup.invalid("teams", wanted)
        teams[name] = address
    return teams


def _yes(setup: Setup, name: str, *, default: bool) -> bool:
    value = setup.settings.get(name, default)
    if not isinstance(value, bool):
        raise setup.invalid(name, "true or false")
    return value
