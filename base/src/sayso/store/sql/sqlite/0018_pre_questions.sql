-- Questions to the customer. `question` is what a request waits for an answer to, as typed data;
-- `turns` lists the sealed turns that came after the first message; `conversation` is the caller's
-- own name for the thread, by which a later message finds the request that waits for it.
alter table request add column question text;
alter table request add column turns text;
alter table request add column conversation text;

-- The keys of answers (their SHA-256), so that one that is sent again is no second answer.
create table request_answer (
    tenant text not null,
    key_sha256 text not null,
    request_id text not null,
    fingerprint text not null,
    primary key (tenant, key_sha256),
    foreign key (tenant, request_id) references request (tenant, id)
) strict;

create index request_answer_of on request_answer (tenant, request_id);

create index request_waiting on request (tenant, subject_id, id) where status = 'needs_customer';
