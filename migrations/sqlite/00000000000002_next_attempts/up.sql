-- When the reconciler may claim it next. A caller need not wait for that.
alter table operations add column next_attempt_at integer not null default 0;
create index operations_by_next_attempt on operations (project_id, next_attempt_at);
