-- Each claim asks what was settled for its customer since the provider was read.
create index action_settled on action (tenant, subject_id, updated_at) where call_key is not null;
