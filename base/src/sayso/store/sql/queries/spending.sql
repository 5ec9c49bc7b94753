-- name: get
select micro_usd from spending where tenant = :tenant and day = :day and scope = :scope;

-- name: add
insert into spending (tenant, day, scope, micro_usd)
values (:tenant, :day, :scope, :micro_usd)
on conflict (tenant, day, scope) do update set micro_usd = spending.micro_usd + excluded.micro_usd;

-- Counters of days that are long over.
-- name: forget
delete from spending where tenant = :tenant and day <> '' and day < :before;
