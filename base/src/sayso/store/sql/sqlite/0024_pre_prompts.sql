-- Which prompt models get, and the candidate that a part of the requests gets: the newest row holds.
create table prompt_choice (
    tenant text not null,
    number integer not null,
    current_name text not null,
    current_text text not null,
    current_sha256 text not null,
    candidate_name text,
    candidate_text text,
    percent integer not null,
    seq integer not null,
    primary key (tenant, number)
) strict;
