"""An endpoint: where changes are told, which ones, and the secrets that sign them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import TypeAdapter

from sayso.audit.authority.keyring import Keyring
from sayso.audit.entry import EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Entropy, Tenant
from sayso.secret import Secret
from sayso.store.base import Row, blob, integer, integer_or_none, text, text_or_none

if TYPE_CHECKING:
    from sayso.connectors.vault import Vault

SECRET_PREFIX = "whsec_"  # noqa: S105  (how a secret begins)
_SECRET_BYTES = 32
"""SOURCE: Standard Webhooks, symmetric secrets: 24 to 64 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSecret:
    """A secret that signs.

    Attributes:
        until: the moment from which on it does not, in microseconds; None for the newest one.
    """

    value: Secret
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint as it is stored, opened. Times are microseconds since 1970, UTC.

    Attributes:
        kinds: what is told: kinds such as `action.succeeded`, or families such as `action`; all
            when empty.
        secrets: the newest first.
        read_to: up to which entry of the log its changes are waiting, or have arrived.
        due_at: it is not called before.
        failures: deliveries that failed since the last one that arrived.
        problem: what was wrong with the last of them.
    """

    tenant: Tenant
    id: str
    url: str
    kinds: tuple[str, ...]
    secrets: tuple[SigningSecret, ...]
    key: str
    via: str
    created_at: int
    disabled_at: int | None
    disabled_why: str | None
    read_to: int
    due_at: int
    failures: int
    failing_since: int | None
    problem: str | None

    @property
    def host(self) -> str:
        """The host of its address, which alone stands in the log."""
        return urlsplit(self.url).hostname or ""

    def wants(self, kind: str) -> bool:
        """Whether changes of a kind are told."""
        return not self.kinds or any(
            kind == wanted or kind.startswith(f"{wanted}.") for wanted in self.kinds
        )

    def signing(self, now: int) -> Sequence[Secret]:
        """The secrets that sign now."""
        return [one.value for one in self.secrets if one.until is None or now < one.until]


FAMILIES = ("request", "action", "plan", "approval")


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds that an endpoint is to be told of.

    Raises:
        RefusedError: `invalid_input`, for one that is never told: it would never be called.
    """
    told = [kind.value for kind in EntryKind if kind.partition(".")[0] in FAMILIES]
    for kind in kinds:
        if kind not in told and kind not in FAMILIES:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{kind[:40]}` is no kind of change",
                next_step=f"use a family ({', '.join(FAMILIES)}), or a kind such as {told[0]}",
            )
    return tuple(dict.fromkeys(kinds))


def new_secret(entropy: Entropy) -> Secret:
    """A signing secret as a receiver's library takes it, `whsec_…`."""
    return Secret(SECRET_PREFIX + base64.b64encode(entropy(_SECRET_BYTES)).decode())


_Sealed = TypeAdapter(tuple[str, tuple[str, ...], tuple[tuple[str, int | None], ...]])


def seal(
    vault: Vault,
    tenant: Tenant,
    webhook_id: str,
    url: str,
    kinds: Sequence[str],
    secrets: Sequence[SigningSecret],
) -> bytes:
    """What a row keeps of an endpoint, for that row alone."""
    signing = [[one.value.reveal(), one.until] for one in secrets]
    plain = orjson.dumps([url, list(kinds), signing])
    return vault.seal(plain, tenant=tenant, connection=_place(webhook_id))


def read_endpoint(row: Row, vault: Vault) -> Endpoint:
    """The opened form of a stored row.

    Raises:
        IntegrityError: `tampered`, when what the vault has sealed was changed or moved.
        ConfigError: `key_mismatch`.
    """
    tenant, webhook_id = Tenant(text(row, "tenant")), text(row, "id")
    plain = vault.open(blob(row, "sealed"), tenant=tenant, connection=_place(webhook_id))
    url, kinds, secrets = _Sealed.validate_json(plain)
    return Endpoint(
        tenant=tenant,
        id=webhook_id,
        url=url,
        kinds=kinds,
        secrets=tuple(SigningSecret(value=Secret(value), until=until) for value, until in secrets),
        key=text(row, "idempotency_key"),
        via=text(row, "via"),
        created_at=integer(row, "created_at"),
        disabled_at=integer_or_none(row, "disabled_at"),
        disabled_why=text_or_none(row, "disabled_why"),
        read_to=integer(row, "read_to"),
        due_at=integer(row, "due_at"),
        failures=integer(row, "failures"),
        failing_since=integer_or_none(row, "failing_since"),
        problem=text_or_none(row, "problem"),
    )


READ_SEALED: dict[str, Json] = {"read_sealed": True}
"""In the entry of an endpoint whose `read_to` is sealed from there on."""


def seal_read(keyring: Keyring, tenant: Tenant, webhook_id: str, read_to: int) -> str:
    """What shows that the server has read that far for an endpoint, and nobody else says so."""
    return keyring.seal_row(_read(tenant, webhook_id, read_to))


def was_read(keyring: Keyring, row: Row) -> bool:
    """Whether the server has read as far as a row says, which may be a while ago."""
    read = _read(Tenant(text(row, "tenant")), text(row, "id"), integer(row, "read_to"))
    # NOTE: of a root that is not here it counts as another's, which has things told twice at most.
    return text_or_none(row, "read_seal") in keyring.row_seals(read)


def _read(tenant: Tenant, webhook_id: str, read_to: int) -> bytes:
    return orjson.dumps(["webhook", tenant, webhook_id, read_to])


def _place(webhook_id: str) -> str:
    return f"webhook/{webhook_id}"
