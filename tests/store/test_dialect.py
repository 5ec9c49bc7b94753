"""SQL that is written once, as each store reads it (docs/decisions/0121)."""

from __future__ import annotations

from importlib import resources

import pytest

from sayso.errors import Code, ConfigError
from sayso.store.dialect import sql_for
from sayso.store.migrations import Migration, migration_steps, read_migrations

SOURCE = """\
create table box (
    tenant text not null,
    size integer not null default 0,
    seal blob,
    primary key (tenant)
);
alter table shelf add column width integer;
create trigger box_never_shrinks before update on box
    when (new.size < old.size or new.tenant is not old.tenant or new.seal is not null)
    refuse 'box: it never shrinks';
create trigger box_is_never_deleted before delete on box
    refuse 'box: boxes are never deleted';
grant select on box
    to sayso_app;
-- sqlite:
insert into box values ('of a file');
-- postgres:
insert into box values ('of a server');
-- both:
insert into box values ('of both');
"""

SQLITE = """\
create table box (
    tenant text not null,
    size integer not null default 0,
    seal blob,
    primary key (tenant)
) strict;
alter table shelf add column width integer;
create trigger box_never_shrinks before update on box
when new.size < old.size or new.tenant is not old.tenant or new.seal is not null
begin
    select raise(abort, 'box: it never shrinks');
end;
create trigger box_is_never_deleted before delete on box
begin
    select raise(abort, 'box: boxes are never deleted');
end;
insert into box values ('of a file');
insert into box values ('of both');
"""

POSTGRES = """\
create table box (
    tenant text collate "C" not null,
    size bigint not null default 0,
    seal bytea,
    primary key (tenant)
);
alter table shelf add column width bigint;
create trigger box_never_shrinks before update on box
    for each row when (new.size < old.size or new.tenant is distinct from old.tenant \
or new.seal is not null)
    execute function refuse('box: it never shrinks');
create trigger box_is_never_deleted before delete on box
    for each row
    execute function refuse('box: boxes are never deleted');
create trigger box_is_never_emptied before truncate on box
    for each statement execute function refuse('box: boxes are never deleted');
grant select on box
    to sayso_app;
insert into box values ('of a server');
insert into box values ('of both');
"""


def test_each_store_gets_its_types_refusals_and_rights() -> None:
    """And what stands for it alone (dialect.py)."""
    assert sql_for("sqlite", SOURCE) == SQLITE
    assert sql_for("postgres", SOURCE) == POSTGRES


def test_no_file_of_sql_is_passed_over() -> None:
    """One beside the others, or with another name, would never be applied (migrations.py)."""
    folder = resources.files("sayso.store") / "sql"
    assert {item.name for item in folder.iterdir()} == {"migrations", "queries", "roles.sql"}
    names = {item.name for item in (folder / "migrations").iterdir()}
    assert names == {f"{one.name}.sql" for one in read_migrations("sqlite")}


def test_a_database_goes_by_the_files_that_begin_where_it_is() -> None:
    """A new one by the base, one of a release by its own way; no release made the rest."""

    def made(number: int, since: int) -> Migration:
        return Migration(number=number, name=f"{number}", phase="pre", sql="", since=since)

    base, way, later = made(32, 0), made(32, 28), made(33, 32)
    known = (base, way, later)
    assert migration_steps(known, 0) == (base, later)
    assert migration_steps(known, 28) == (way, later)
    assert migration_steps(known, 32) == (later,)
    assert migration_steps(known, 33) == ()
    assert migration_steps(known, 34) == ()
    for version in (1, 27, 29, 31):
        with pytest.raises(ConfigError) as caught:
            migration_steps(known, version)
        assert caught.value.code is Code.OLDER_BUILD
