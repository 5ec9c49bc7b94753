-- What a planner remembers is gone with its run (docs/decisions/0104): these tables were a library's,
-- which read its rows as code, and held plans of customers who may be erased by now. Emptied, and
-- not dropped, since workers of before go on with them until they are replaced.
do $$
declare
    name text;
begin
    foreach name in array array['checkpoints', 'checkpoint_blobs', 'checkpoint_writes'] loop
        if to_regclass(name) is not null then
            execute format('truncate %I', name);
        end if;
    end loop;
end
$$;
