"""Authentication: whose token a call carries; a call that carries none is counted and logged."""

from __future__ import annotations

from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.background.rejected_calls import RejectedCalls
from sayso.sdk.resources.tokens import Scope, Token, Tokens


class Authentication:
    """Finds the holder of a secret.

    Args:
        tenant: the workspace's own.
    """

    def __init__(self, tokens: Tokens, rejected_calls: RejectedCalls, tenant: Tenant) -> None:
        self._tokens = tokens
        self._rejected_calls = rejected_calls
        self._tenant = tenant

    async def person(self, secret: str, *, via: str = "sdk") -> Token:
        """The person's token behind a secret.

        Raises:
            RefusedError: `unauthenticated`; `forbidden`, also for somebody who is not listed as
                active any more. It is recorded, as `holder` does.
        """
        found = await self.holder(secret, via=via, session=via.partition("/")[0] == "console")
        if found.kind != "person" or Scope.DECIDE not in found.scopes:
            await self._rejected_calls.note(Code.FORBIDDEN, found, via=via)
            raise RefusedError(
                Code.FORBIDDEN,
                "only a person's token decides",
                next_step="make one with `sayso token create --person ID`",
            )
        return found

    async def holder(
        self, secret: str, *, via: str = "sdk", own: bool = False, session: bool = False
    ) -> Token:
        """The token behind a secret; a refusal stands in the log, counted as over HTTP.

        Args:
            via: how the call came, for the log.
            own: only one of the workspace's own tenant will do.
            session: whether a session that a company's provider began will do.

        Raises:
            RefusedError: see `Tokens.check`; `forbidden` for one of another tenant.
        """
        found = None
        try:
            found = await self._tokens.check(secret, session=session)
            if own and found.tenant != self._tenant:
                raise RefusedError(
                    Code.FORBIDDEN,
                    f"this token is of the tenant `{found.tenant}`, and not of this workspace's",
                    next_step="use a token of this workspace's tenant",
                )
        except RefusedError as error:
            await self._rejected_calls.note(error.code, found, via=via)
            raise
        return found
