-- When a token was used last, to the minute; it opens nothing, and no entry tells of it.
alter table token add column seen_at integer;
