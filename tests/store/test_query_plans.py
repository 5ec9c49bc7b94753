"""No query walks all rows of a tenant where a few are asked for: the planners are asked how."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from sayso.store.postgres.connection import connect_plainly
from sayso.store.queries import named_queries
from sayso.store.sqlite.schema import migrate

GROWING = ("action", "approval", "erasure", "log_entry", "outbox", "personal", "request", "subject")
"""Tables of which a tenant may have millions of rows."""
WALKS = {
    "approval.roles_waiting",  # one look into the index for each different set of roles
    "erasure.idle_subjects",  # by pages, in the background
    "erasure.under_way",  # those that are not done are few, and done ones are one a person
    "figures.newest_answer",  # one row, at the end of an index that has only those
    "figures.actions",  # counts all, for whoever reads `/metrics`
    "figures.requests",  # the same
    "limits.to_fill",  # by pages, when a new limit comes in force
    "log.newest_at",  # one row, at the end of the log
    "log.newest_until",  # back over the entries of a day, before something is swept
    "personal.bare_id",  # 64 rows, when a workspace is opened
    "personal.id_beginning",  # up to the first, when a workspace is opened
    "personal.some_id",  # one row, when a workspace is opened
    "personal.some_wrappings",  # 64 rows, when a workspace is opened
    "request.used",  # one row of each, when a server is ready
    "personal.wrappings",  # all customers' keys, when an operator checks
    "tenant.entries",  # one row, at the end of the log
    "tenant.park_actions",  # once, when a tenant is moved
    "tenant.park_outbox",  # once, when a tenant is moved
    "tenant.park_requests",  # once, when a tenant is moved
    "tenant.wake_actions",  # once, when a tenant is moved
    "tenant.wake_outbox",  # once, when a tenant is moved
    "tenant.wake_requests",  # once, when a tenant is moved
    "work.count",  # what is people's, which an index has alone, is counted
    "work.late",  # the same, each minute
    "work.waiting",  # the same, put in order by how long it waits
    "webhook.newest_before",  # back over the entries since a moment, when a person replays
    "log.tenants_to_verify",  # a verification reads everything anyway
}
TEXTS = (
    "tenant",
    "id",
    "blocked_by",
    "subject_id",
    "name",
    "currency",
    "but",
    "connector",
    "occupies",
    "action_id",
    "topic",
    "key",
)
NUMBERS = {"now": 1, "limit": 10, "since": 1}
_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")
_WALK = re.compile(
    rf"SCAN (?:{'|'.join(GROWING)})\b"
    rf"|USING (?:COVERING )?INDEX (?:sqlite_autoindex_)?(?:{'|'.join(GROWING)})_\w+"
    r"(?: \(tenant=\?\)|$)"
)
HELD = ("action.wake_held", "stop.held", "stop.wake_held")
NARROW = {
    "action.history": {"action_history"},
    "stop.obstacles": {"stop_in_force", "stop_of_all", "action_occupies"},
    "outbox.due": {"outbox_shown", "outbox_unsent"},
    "log.by_caller_key": {"log_entry_by_key"},
}
"""Asked at each judgement, claim or card, and the indexes that keep them quick with much of it."""
LINKS = {
    *("customer_link_of_account", "customer_link_of_other"),
    *("log_entry_by_link", "log_entry_by_other_end"),
    "action_by_subject",
}
"""The history tells too whether there are any, and any other action. PostgreSQL cannot tell two of
a table apart while there is nothing in them."""


def sqlite_plans() -> dict[str, list[str]]:
    """What SQLite says of each query, on a new database: it keeps no statistics."""
    plans: dict[str, list[str]] = {}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        for name, sql in named_queries().items():
            nothing = dict.fromkeys(_PARAMETER.findall(sql))
            rows = connection.execute(f"explain query plan {sql}", nothing).fetchall()
            plans[name] = [str(row[3]) for row in rows]
    return plans


def test_sqlite_finds_rows_by_more_than_their_tenant() -> None:
    """An index that begins with the tenant is taken for any query, unless a better one is there."""
    walks = {name: plan for name, plan in sqlite_plans().items() if any(map(_WALK.search, plan))}
    assert walks.keys() == WALKS, walks


@pytest.mark.parametrize("name", HELD)
def test_what_an_action_holds_is_found_by_its_own_index(name: str, postgres_url: str) -> None:
    """At the end of every call: it must not cost more the more actions there are."""
    assert any("action_held (held_by=?" in step for step in sqlite_plans()[name])
    plan = postgres_plan(postgres_url, name)
    assert any("action_held" in step for step in plan), plan


@pytest.mark.parametrize("name", NARROW)
def test_what_is_asked_at_every_turn_is_found_by_its_indexes(name: str, postgres_url: str) -> None:
    """Partly inside units that are called brief (docs/decisions/0019), however much there is."""
    searched = re.findall(r"INDEX (\w+) \((.*?)\)", " ".join(sqlite_plans()[name]))
    named = {index for index, _ in searched if not index.startswith("sqlite_autoindex_")}
    assert named - LINKS == NARROW[name]
    assert not named & LINKS or named >= LINKS
    by = {terms for index, terms in searched if index == "stop_in_force"}
    assert all("scope=? AND target=?" in terms for terms in by), by
    plan = " ".join(postgres_plan(postgres_url, name))
    assert all(index in plan for index in NARROW[name]), plan


def test_cards_that_are_due_are_found_from_the_outbox_on(postgres_url: str) -> None:
    """Each second, however many approvals there are or were."""
    found = re.findall(r"(SCAN|SEARCH) (\w+)", " ".join(sqlite_plans()["outbox.due_cards"]))
    tables = [(how, name) for how, name in found if name not in {"due", "cards"}]
    assert [name for _, name in tables] == ["outbox", "approval", "action", "request"] * 2
    assert {how for how, _ in tables} == {"SEARCH"}, tables
    plan = " ".join(postgres_plan(postgres_url, "outbox.due_cards"))
    assert {"outbox_shown", "outbox_unsent"} <= set(re.findall(r"outbox_\w+", plan)), plan


def postgres_plan(url: str, name: str) -> list[str]:
    """What PostgreSQL says of a query, where reading whole tables is no choice.

    Asked as the program's own role, at one tenant: under row security it uses no index over what
    is not proven to leak nothing.
    """
    sql = _PARAMETER.sub(r"%(\1)s", named_queries()[name])
    values = dict.fromkeys(TEXTS, "x") | NUMBERS
    with connect_plainly(url) as owner:
        owner.execute("set search_path = sayso")
        owner.execute("set role sayso_app")
        owner.execute("set app.tenant = 'x'")
        owner.execute("set enable_seqscan = off")  # an empty table would be read as a whole
        owner.execute("set enable_bitmapscan = off")
        rows = owner.execute(f"explain {sql}".encode(), values).fetchall()
    return [str(row[0]) for row in rows]
