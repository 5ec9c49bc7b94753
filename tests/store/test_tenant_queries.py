"""No query reads or writes another tenant's rows: each names the tenant, or says here why not."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from sayso.store.queries import named_queries
from sayso.store.sqlite.schema import migrate

BY_DUE_TIME = "whoever is due, of every tenant; what is done with the ids names the tenant"
ONE_POLICY = "there is one policy for the whole database, whose rows are of the tenant `*`"
BY_HOME = "by the tenant whose log tells of it, since a stop of all tenants is of none"
BY_LIMIT = "a limit may count all tenants together, and is filled and judged as a whole"
NAMES_NO_TENANT = {
    "dispatch.bring_forward_action": BY_DUE_TIME,
    "dispatch.bring_forward_card": BY_DUE_TIME,
    "dispatch.bring_forward_nudged_action": BY_DUE_TIME,
    "dispatch.bring_forward_nudged_request": BY_DUE_TIME,
    "dispatch.bring_forward_refresh": BY_DUE_TIME,
    "dispatch.bring_forward_request": BY_DUE_TIME,
    "dispatch.due_action": BY_DUE_TIME,
    "dispatch.due_request": BY_DUE_TIME,
    "dispatch.left": BY_DUE_TIME,
    "dispatch.next_action": BY_DUE_TIME,
    "dispatch.next_request": BY_DUE_TIME,
    "dispatch.put_back": BY_DUE_TIME,
    "dispatch.put_off_action": BY_DUE_TIME,
    "webhook.bring_forward_all": BY_DUE_TIME,
    "webhook.due": BY_DUE_TIME,
    "webhook.next_due": BY_DUE_TIME,
    **dict.fromkeys(
        (
            "limits.above",
            "limits.counters",
            "limits.drop_counters",
            "limits.drop_uses",
            "limits.forget_counters",
            "limits.forget_uses",
            "limits.left_behind",
            "limits.misplaced",
            "limits.to_fill",
            "limits.uncounted",
            "limits.uneven",
        ),
        BY_LIMIT,
    ),
    "limits.used_by_account": "by the tenant of the action, which is `home`",
    "limits.uses_of": "by the tenant of the action, which is `home`",
    "personal.bare_id": "whether any id names no provider, whoever has it",
    "personal.id_beginning": "whether any id names a provider, whoever has it",
    "personal.some_id": "whether there is any id at all",
    **dict.fromkeys(("rollout.braked", "rollout.count_wrong"), ONE_POLICY),
    "rollout.braked_entries": ONE_POLICY,
    **dict.fromkeys(
        ("personal.some_wrappings", "personal.wrappings"),
        "by which key those of all customers are wrapped, of whom nothing else is read",
    ),
    **dict.fromkeys(
        ("repair.limit_use_delete", "repair.limit_use_update"),
        "by the tenant of the action, which is `home`",
    ),
    "rollout.wrong_since": ONE_POLICY,
    "log.tenants": "which logs there are",
    "log.tenants_to_verify": "which logs there are",
    "log.whole_policy_changes": ONE_POLICY,
    "log.whole_policy_versions": ONE_POLICY,
    "log.whole_stops": BY_HOME,
    "log.whole_stops_of_auditor": BY_HOME,
    "log.whole_uses": "by the tenant of the action, which is `home`",
    "outbox.keep": "by the item's number in the outbox, which `outbox.by_key` gave",
    "outbox.lease": "by the item's number in the outbox, which `outbox.due` gave",
    "outbox.sent": "by the item's number in the outbox, which `outbox.due` gave",
    "policy.by_number": ONE_POLICY,
    "policy.change_by_id": ONE_POLICY,
    "policy.change_end": ONE_POLICY,
    "policy.changes_open": ONE_POLICY,
    "policy.page": ONE_POLICY,
    "request.used": "whether there is any row at all, whoever has it",
    "segment.open_stops": BY_HOME,
    "segment.repoint_stops": BY_HOME,
    "tenant.stops_for_others": BY_HOME,
    "tenant.stops_of_all": BY_HOME,
    "tenant.versions_after": BY_HOME,
    "stop.wake_held": "by the stop that was released, which may hold every tenant",
    "token.by_hash": "a token says whose it is; before it is found nobody knows",
}


def tables_of_tenants() -> set[str]:
    """The tables whose rows are of one tenant each."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        rows = connection.execute(
            "select m.name from sqlite_master m, pragma_table_info(m.name) c"
            " where m.type = 'table' and c.name = 'tenant'"
        ).fetchall()
    return {str(name) for (name,) in rows}


@pytest.mark.promise("tenants:apart")
def test_every_query_says_whose_rows_it_means() -> None:
    """Invariant 9: as many conditions on a tenant as there are tables of tenants in the query.

    What a query that names its tenant reads of all tenants beside, it may read where `'*'` stands.
    """
    names = "|".join(sorted(tables_of_tenants()))
    table = re.compile(rf"\b(?:from|join|update|into)\s+(?:{names})\b")
    condition = re.compile(r"\btenant (?:= [:\w]|in \(:tenant)|\binsert into \w+\s+\(\s*tenant\b")
    queries = {name: re.sub(r"--[^\n]*", "", sql) for name, sql in named_queries().items()}
    found = {
        name
        for name, sql in queries.items()
        if len(table.findall(sql))
        > len(condition.findall(sql)) + (":tenant" in sql) * sql.count(" tenant = '*'")
    }
    assert found == NAMES_NO_TENANT.keys()
