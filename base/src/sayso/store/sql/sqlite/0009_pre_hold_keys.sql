-- By which call a hold was placed, and each of the two words about its end was said: the same call
-- sent again finds them. Hashes, since a caller's key may name the customer.
alter table hold add column key_sha256 text;
alter table hold add column asked_key_sha256 text;
alter table hold add column released_key_sha256 text;
create unique index hold_by_key on hold (tenant, key_sha256) where key_sha256 is not null;

drop trigger hold_moves_with_an_entry;
create trigger hold_moves_with_an_entry before update on hold
when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is not old.pseudonym or new.key_sha256 is not old.key_sha256)
    and not (old.released_at is not null and new.last_seq > old.last_seq
        and (new.tenant, new.id, new.pseudonym, new.reason, new.placed_by, new.placed_at,
            new.asked_by, new.asked_at, new.released_by, new.released_at, new.key_sha256,
            new.asked_key_sha256, new.released_key_sha256)
        is (old.tenant, old.id, old.pseudonym, old.reason, old.placed_by, old.placed_at,
            old.asked_by, old.asked_at, old.released_by, old.released_at, old.key_sha256,
            old.asked_key_sha256, old.released_key_sha256)
        and exists (select 1 from log_entry where tenant = new.tenant and seq = new.last_seq
            and kind = 'log.pruned'))
begin
    select raise(abort, 'hold: a change needs its own audit entry, and a released one stays so');
end;
