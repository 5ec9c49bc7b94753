"""What a provider calls somebody, with the provider's name beside it.

INVARIANT: an id means nothing without whose it is. What is handed to a connector is an id of its
own customers, and no text is handed from one connector to another (invariant 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.definition import check_id
from sayso.errors import Code, RefusedError
from sayso.text import plain

_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class AccountId:
    """What one provider account calls somebody, such as `stripe:cus_9`.

    Attributes:
        provider: the name of the connector of this workspace whose customer it is.
        id: the provider's own id; 1 to 128 characters of a closed alphabet.

    Raises:
        RefusedError: `invalid_input` for an id with other characters.
    """

    provider: str
    id: str

    def __post_init__(self) -> None:
        check_id(self.id)

    def __str__(self) -> str:
        """With its provider, as people write it."""
        return f"{self.provider}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNames:
    """How this workspace reads and writes account ids.

    One provider's accounts may be written without it: the only one that has customers, or the one
    that `[customers] default` names. They are stored so too, which is how ids were stored before
    there were several, so nothing that is stored has to be written anew.

    Attributes:
        providers: the connectors that have customers of their own; each with whether its ids may
            hold a colon.
        default: whose an id without a provider is; None where nobody said, and several could be
            meant.
        typed: a person types ids, or says whose they pass on: what stands before the first colon
            is the provider, wherever there is one of that name. Never for ids that a customer may
            have chosen.
    """

    providers: Mapping[str, bool]
    default: str | None = None
    typed: bool = False

    def read(self, given: str) -> AccountId:
        """An account id as somebody wrote it.

        Raises:
            RefusedError: `invalid_input`, for one that names no provider where two could be meant,
                for a provider that has no customers here, and for what no id looks like.
        """
        before, colon, after = given.partition(":")
        default = self.default
        if not colon:
            if default is None:
                raise self._unclear(given)
            return AccountId(default, given)
        holds_colons = default is not None and self.providers.get(default, False)
        if before not in self.providers:
            if default is not None and holds_colons:
                return AccountId(default, given)
            raise self._nobody(before)
        if holds_colons and not self.typed:
            # INVARIANT: a customer who may choose their id can't choose to be somebody else.
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{plain(given, limit=_SHOWN)}` could be an id of {default}, whose ids may hold a "
                "colon",
                next_step=f"give the provider and the id apart (over HTTP `provider`, in Python "
                f"`Subject(id=…, provider=…)`); at the command line {before}:… is always "
                f"{before}'s, and {default}:{before}:… an id of {default}",
            )
        if not after:
            raise self._nobody(before)
        return AccountId(before, after)

    def named(self, provider: str, given: str) -> AccountId:
        """An account id whose provider is given apart.

        Raises:
            RefusedError: `invalid_input`.
        """
        if provider not in self.providers:
            raise self._nobody(provider)
        return AccountId(provider, given)

    def write(self, account: AccountId) -> str:
        """As it is stored and shown: without its provider where it is the default's.

        Guarantees: two accounts are never written alike, whatever their ids look like.
        """
        bare = account.provider == self.default and self._named_in(account.id) is None
        return account.id if bare else str(account)

    def stored(self, text: str) -> AccountId:
        """What `write` has written, and what was stored before there were several providers.

        Returns:
            also an account of a connector that is not here, or not any more: as that one's.

        Raises:
            RefusedError: `invalid_input`, for one of before where nobody says whose it is.
        """
        named = self._named_in(text)
        if named is not None:
            return named
        if self.default is None and self.providers:
            raise self._unclear(text)
        return AccountId(self.default or "", text)

    def provider_in(self, text: str) -> str:
        """Whose account a stored text is; the default's, or empty, where it says none."""
        named = self._named_in(text)
        return self.default or "" if named is None else named.provider

    def _named_in(self, text: str) -> AccountId | None:
        """The account that a stored text names with its provider; None for one of the default's."""
        before, colon, after = text.partition(":")
        may_be_an_id = self.default is not None and self.providers.get(self.default, False)
        if not colon or not after or (may_be_an_id and before not in self.providers):
            return None
        return AccountId(before, after)

    def _unclear(self, given: str) -> RefusedError:
        shown = plain(given, limit=_SHOWN)
        ways = " or ".join(f"{name}:{shown}" for name in sorted(self.providers)[:3])
        several = ", ".join(f"`{name}`" for name in sorted(self.providers))
        return RefusedError(
            Code.INVALID_INPUT,
            f"`{plain(given, limit=_SHOWN)}` names no provider, and several have customers here: "
            f"{several}",
            next_step=f"write {ways}, or set `default` under [customers] in sayso.toml",
        )

    def _nobody(self, name: str) -> RefusedError:
        several = ", ".join(f"`{known}`" for known in sorted(self.providers)) or "none"
        return RefusedError(
            Code.INVALID_INPUT,
            f"no connector `{plain(name, limit=40)}` here has customers",
            next_step=f"write the provider before the id; there are: {several}",
        )


def no_account(provider: str) -> RefusedError:
    """Nobody knows of an account of the customer's there."""
    return RefusedError(
        Code.NO_ACCOUNT,
        f"no account at {provider} is known to be this customer's",
        next_step="link it (`sayso customers link`), or ask in the name of that account",
    )
