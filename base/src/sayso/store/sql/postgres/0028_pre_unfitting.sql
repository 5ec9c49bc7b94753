-- What was done otherwise than was approved is found without reading all that was done.
create index action_unfitting on action (tenant, id)
    where status = 'succeeded' and error is not null;
