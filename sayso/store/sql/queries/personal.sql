-- Without a key while the subject is being erased.
-- name: subject
select id, pseudonym, key from subject where tenant = :tenant and id = :id
union all
select subject_id, pseudonym, null from erasure
where tenant = :tenant and subject_id = :id;

-- name: subject_insert
insert into subject (tenant, id, pseudonym, key, created_at)
values (:tenant, :id, :pseudonym, :key, :created_at);

-- name: seal
insert into personal (tenant, ref, pseudonym, nonce, ciphertext)
values (:tenant, :ref, :pseudonym, :nonce, :ciphertext);

-- name: sealed
select p.nonce, p.ciphertext, p.pseudonym, s.key from personal p
join subject s on s.tenant = p.tenant and s.pseudonym = p.pseudonym
where p.tenant = :tenant and p.ref = :ref;
