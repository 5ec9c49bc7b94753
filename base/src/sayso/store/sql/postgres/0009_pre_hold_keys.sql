-- By which call a hold was placed, and each of the two words about its end was said: the same call
-- sent again finds them. Hashes, since a caller's key may name the customer.
alter table hold add column key_sha256 text collate "C";
alter table hold add column asked_key_sha256 text collate "C";
alter table hold add column released_key_sha256 text collate "C";
create unique index hold_by_key on hold (tenant, key_sha256) where key_sha256 is not null;
