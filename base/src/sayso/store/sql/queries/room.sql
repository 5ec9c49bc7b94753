-- name: little_memory (postgres)
-- Sorting takes room on the disk from here to the end of the transaction.
select set_config('work_mem', '64kB', true) as work_mem;

-- name: take (postgres)
-- 1.3 MiB in a temporary file: no row is written, and so nothing is left to clean up.
select count(pad) as counted
from (
    select g, repeat('x', 200) as pad from generate_series(1, 6000) g order by g desc offset 0
) as rows;
