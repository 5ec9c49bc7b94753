-- name: insert
insert into push_browser (tenant, id, person, endpoint_sha256, sealed, created_at)
values (:tenant, :id, :person, :endpoint_sha256, :sealed, :now);

-- name: all
select * from push_browser where tenant = :tenant order by id;

-- name: of_person
select * from push_browser where tenant = :tenant and person = :person order by id;

-- name: remove (count unread)
delete from push_browser where tenant = :tenant and person = :person and id = :id;

-- name: forget_endpoint (count unread)
delete from push_browser where tenant = :tenant and endpoint_sha256 = :endpoint_sha256;

-- name: forget_person (count unread)
delete from push_browser where tenant = :tenant and person = :person;
