-- Plans: what happens to the other steps when one fails.

alter table action add column on_failure text not null default 'continue';
-- The action that this one takes back; null for a step of its own.
alter table action add column undoes text;
