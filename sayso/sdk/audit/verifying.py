"""Verifies the logs of a PostgreSQL database by its URL, without a workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sayso.sdk.audit.stored import read_deployment, read_entered_heads, read_sources
from sayso.sdk.wiring.database import missing_postgres

if TYPE_CHECKING:
    from sayso.audit.verifier.checks import Trust
    from sayso.audit.verifier.verification import Verification

Progress = Callable[[int, int], None]


def verify_postgres(
    url: str,
    *,
    trust: Trust,
    tenant: str | None = None,
    deep: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Verify the logs of a database in one snapshot, while others write to it.

    A login that is a member of `sayso_auditor` is enough: it reads the log and the state, and
    nothing personal, and so neither votes nor requests are compared with it. A standby will do.

    Args:
        url: `postgresql://…`.
        tenant: only this log; all of the database's when None.

    Raises:
        ConfigError: `missing_extra`, `invalid_setting`, `store_unavailable`, `store_version`.
        RetryableError: `store_unavailable`.
    """
    from sayso.audit.verify import verify_sources  # only auditors need the verifier

    try:
        from sayso.store.postgres.store import open_reader  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with open_reader(url, auditor=True) as reader:
        sources = list(read_sources(reader, tenant, auditor=True))
        entered = read_entered_heads(reader) if tenant is None else ()
        return verify_sources(
            "PostgreSQL",
            sources,
            trust=trust,
            entered=entered,
            deployment=read_deployment(reader) if tenant is None else None,
            deep=deep,
            progress=progress,
        )
