-- Cards that are due: those that stand in a channel apart from those that do not, so that however
-- many of one kind wait are not walked to find the other.
-- NOTE: a query uses them only with these very states.
create index outbox_shown on outbox (tenant, topic, due_at)
    where due_at is not null and state <> '{}';
create index outbox_unsent on outbox (tenant, topic, due_at)
    where due_at is not null and state = '{}';
drop index outbox_due;
