-- name: since
select seq, body from log_entry where tenant = :tenant and seq > :after order by seq limit :limit;

-- name: of_request
select seq, body from log_entry
where tenant = :tenant and request_id = :id and seq > :after order by seq limit :limit;

-- name: of_action
select seq, body from log_entry
where tenant = :tenant and action_id = :id and seq > :after order by seq limit :limit;
