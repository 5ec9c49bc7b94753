"""Who calls: a bearer token, checked before the body is read, then its scopes.

The tenant and the person come from the token alone. A service token never decides, whatever
its scopes say.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope, Token
from sayso.surfaces.http.problem import HttpError

_CREDENTIALS = re.compile(r"bearer +([!-~]{1,400})", re.IGNORECASE)
_REALM = 'Bearer realm="sayso"'

BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="csk",
    description="`csk_…`, made with `sayso token create`; the tenant and the person come from it",
    auto_error=False,
)


async def open_workspace(request: Request) -> Sayso:
    """The same as a dependency; FastAPI would call a plain function in a thread."""
    return sayso_of(request)


def sayso_of(request: Request) -> Sayso:
    """The open workspace that the app was made for."""
    found: object = request.app.state.sayso
    assert isinstance(found, Sayso)
    return found


Open = Annotated[Sayso, Depends(open_workspace)]


async def admit(request: Request) -> Token:
    """The token of a call.

    Raises:
        HttpError: 401 `unauthenticated` when there is none or it is not valid now; 403 `forbidden`
            when its person is not listed as active now.
    """
    sayso = sayso_of(request)
    given = request.headers.getlist("authorization")
    match = _CREDENTIALS.fullmatch(given[0]) if len(given) == 1 else None
    if match is None:
        raise _unauthenticated(
            "the call carries no bearer token" if not given else "the call carries no one token",
            "send `Authorization: Bearer csk_…`; make one with `sayso token create`",
        )
    try:
        return await sayso.tokens.check(match[1])
    except RefusedError as error:
        unknown = error.code is Code.UNAUTHENTICATED
        challenge = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'} if unknown else None
        raise HttpError(error, headers=challenge) from error


def _unauthenticated(message: str, next_step: str) -> HttpError:
    # SOURCE: RFC 6750 §3: without credentials the challenge names no error.
    return HttpError(
        RefusedError(Code.UNAUTHENTICATED, message, next_step=next_step),
        headers={"WWW-Authenticate": _REALM},
    )


class Needs:
    """A dependency: the call's token, which must have one of the scopes.

    Args:
        scopes: any of them is enough.
        person: only a person's token will do.
    """

    def __init__(self, *scopes: Scope, person: bool = False) -> None:
        self.scopes = scopes
        self.person = person

    async def __call__(
        self,
        request: Request,
        _shown: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    ) -> Token:
        """The token.

        Raises:
            HttpError: 403 `forbidden`.
        """
        token: object = request.state.token
        assert isinstance(token, Token)
        if self.person and token.kind != "person":
            raise self._forbidden(
                "only a person's token opens this", "make one with `sayso token create --person ID`"
            )
        if not token.scopes.intersection(self.scopes):
            names = " or ".join(f"`{scope.value}`" for scope in self.scopes)
            raise self._forbidden(
                f"this token has not the scope {names}", "make a token with that scope"
            )
        return token

    def _forbidden(self, message: str, next_step: str) -> HttpError:
        scopes = " ".join(scope.value for scope in self.scopes)
        challenge = f'{_REALM}, error="insufficient_scope", scope="{scopes}"'
        return HttpError(
            RefusedError(Code.FORBIDDEN, message, next_step=next_step),
            headers={"WWW-Authenticate": challenge},
        )


Proposer = Annotated[Token, Depends(Needs(Scope.PROPOSE))]
Lister = Annotated[Token, Depends(Needs(Scope.PROPOSE, Scope.READ))]
"""Whoever may propose, or look at what was proposed."""
Reader = Annotated[Token, Depends(Needs(Scope.READ))]
Decider = Annotated[Token, Depends(Needs(Scope.DECIDE, person=True))]
Viewer = Annotated[Token, Depends(Needs(Scope.READ, Scope.DECIDE))]
"""Whoever may decide may also see what about."""
Finder = Annotated[Token, Depends(Needs(Scope.FIND, Scope.DECIDE))]
"""Whoever may see who a customer is; a person needs a role as well."""
Stopper = Annotated[Token, Depends(Needs(Scope.STOP, Scope.DECIDE))]
Resumer = Decider
Watcher = Annotated[Token, Depends(Needs(Scope.READ, Scope.DECIDE, Scope.STOP))]
Auditor = Annotated[Token, Depends(Needs(Scope.AUDIT))]
Admin = Annotated[Token, Depends(Needs(Scope.ADMIN, person=True))]
Archivist = Annotated[Token, Depends(Needs(Scope.AUDIT, Scope.ADMIN))]
"""Who may read the log, or seals it, may see which of it is in files."""
Keeper = Annotated[Token, Depends(Needs(Scope.AUDIT, Scope.DECIDE))]
"""Who was erased and what is held stands in the log under pseudonyms, which either may see."""
