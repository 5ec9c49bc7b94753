-- name: newest
select * from prompt_choice where tenant = :tenant order by number desc limit 1;

-- What was in force before a choice, under another current prompt.
-- name: before
select * from prompt_choice
where tenant = :tenant and number < :number and current_sha256 <> :current_sha256
order by number desc limit 1;

-- name: choose
insert into prompt_choice (tenant, number, current_name, current_text, current_sha256,
    candidate_name, candidate_text, percent, seq)
values (:tenant, :number, :current_name, :current_text, :current_sha256, :candidate_name,
    :candidate_text, :percent, :seq);
