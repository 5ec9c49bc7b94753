-- Without a key while the subject is being erased.
-- name: subject
select id, pseudonym, key, created_at from subject where tenant = :tenant and id = :id
union all
select subject_id, pseudonym, null, begun_at from erasure
where tenant = :tenant and subject_id = :id;

-- name: subject_insert
insert into subject (tenant, id, pseudonym, key, created_at)
values (:tenant, :id, :pseudonym, :key, :created_at);

-- name: seal
insert into personal (tenant, ref, pseudonym, nonce, ciphertext)
values (:tenant, :ref, :pseudonym, :nonce, :ciphertext);

-- name: sealed
select p.nonce, p.ciphertext, s.id, s.pseudonym, s.key, s.created_at from personal p
join subject s on s.tenant = p.tenant and s.pseudonym = p.pseudonym
where p.tenant = :tenant and p.ref = :ref;

-- name: keys
select id, pseudonym, key, created_at from subject
where tenant = :tenant and id > :after order by id limit :limit;

-- name: rewrap (one row)
update subject set key = :key where tenant = :tenant and id = :id and key = :was;

-- An id of before there were several providers, among a few; what names one has a colon, and what
-- was erased is no id.
-- name: bare_id
select id from (select id from subject limit 64) s where instr(id, ':') = 0 limit 1;

-- name: some_id
select id from subject limit 1;

-- name: id_beginning
select id from subject where substr(id, 1, length(cast(:start as text))) = :start limit 1;

-- By what each customer's key was wrapped: its first bytes name the root.
-- name: wrappings
select distinct substr(key, 1, 11) as head, cast(length(key) as bigint) as bytes from subject;

-- name: some_wrappings
select substr(key, 1, 11) as head, cast(length(key) as bigint) as bytes from subject limit 64;
