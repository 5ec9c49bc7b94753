"""How an account that is nobody's becomes somebody's: a link that its owner opens."""

from __future__ import annotations

from sayso.errors import RetryableError
from sayso.sdk.client import Sayso
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.answers import VIA
from sayso.surfaces.slack.identity import Identities
from sayso.surfaces.slack.payload import SlackAccount
from sayso.surfaces.slack.web import SlackRefusedError


class Linking:
    """Offers the link."""

    def __init__(self, sayso: Sayso, identities: Identities) -> None:
        self._sayso = sayso
        self._identities = identities

    async def link_for(self, account: SlackAccount) -> str:
        """Where an account that is nobody's becomes somebody's; empty for every other one."""
        url = self._sayso.workspace.settings.console.url
        try:
            if not url or not await self._identities.may_link(account):
                return ""
        except (RetryableError, SlackRefusedError):
            return ""
        offer = self._sayso.account_links.offer(VIA, f"{account.owner}/{account.user}")
        return f"{url}{CONSOLE_PATH}/account/{offer}"
