-- What 0.1.0 still names, and nothing goes by. A new database has none of it.
alter table session drop column stepped_up_at;
alter table outbox drop column sent_version;
