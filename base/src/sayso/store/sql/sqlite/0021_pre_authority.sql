-- How far a process has followed a log, and what it said of who may do what, sealed with a key that
-- is not in the database. It only saves the next process some reading: what it goes by is the log.
create table authority (
    tenant text not null primary key,
    size integer not null,
    note text not null,
    seal blob not null
) strict;
