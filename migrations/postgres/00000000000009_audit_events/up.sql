-- Who did what to which object, and what came of it. Rows are only ever added.
create table audit_events (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null check (length(id) between 1 and 64),
    created_at timestamptz not null,
    caller_kind text collate "C" not null check (caller_kind in ('token', 'apiKey', 'operator', 'system')),
    subject text collate "C" check (length(subject) between 1 and 255),
    issuer text collate "C" check (length(issuer) between 1 and 255),
    key_id text collate "C" check (length(key_id) between 1 and 255),
    request_id text collate "C" check (length(request_id) between 1 and 255),
    -- Several requests may be about one operation: a client that asks again joins what it began.
    operation_id text collate "C" check (length(operation_id) between 1 and 255),
    action text collate "C" not null check (length(action) between 1 and 64),
    object_type text collate "C" check (object_type in ('paymentMethod', 'setupIntent', 'project', 'apiKey')),
    object_id text collate "C" check (length(object_id) between 1 and 255),
    user_id text collate "C" check (length(user_id) between 1 and 64),
    outcome text collate "C" not null
        check (outcome in ('begun', 'succeeded', 'replayed', 'refused', 'failed', 'unknown')),
    status smallint,
    code text collate "C" check (length(code) between 1 and 64),
    primary key (project_id, id)
);
create index audit_events_by_creation on audit_events (project_id, created_at desc, id desc);
create index audit_events_by_user on audit_events (project_id, user_id, created_at desc, id desc)
    where user_id is not null;
create index audit_events_by_action on audit_events (project_id, action, created_at desc, id desc);
create index audit_events_by_operation on audit_events (project_id, operation_id)
    where operation_id is not null;
alter table audit_events enable row level security;
alter table audit_events force row level security;
create policy tenant on audit_events using (project_id = current_setting('app.project', true)) with check (project_id = current_setting('app.project', true));

-- Callers whom nobody vouches for, who belong to no project: one, or as many as were only counted. Rows are only ever
-- added.
create table refused_callers (
    id text collate "C" primary key check (length(id) between 1 and 64),
    created_at timestamptz not null,
    request_id text collate "C" check (length(request_id) between 1 and 255),
    action text collate "C" check (length(action) between 1 and 64),
    reason text collate "C" not null check (length(reason) between 1 and 255),
    number bigint not null check (number > 0)
);
create index refused_callers_by_creation on refused_callers (created_at desc, id desc);

-- What is written stays as it was written, whoever asks. Only retention deletes, and says so for its transaction.
create function refuse_to_rewrite_history() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('app.forgets_history', true) = 'yes' then
        return old;
    end if;
    raise exception 'the table % is append-only', tg_table_name
        using hint = 'Old rows are deleted by billfold audit prune.';
end
$$;
create trigger audit_events_are_append_only before update or delete on audit_events
    for each row execute function refuse_to_rewrite_history();
create trigger audit_events_are_not_truncated before truncate on audit_events
    for each statement execute function refuse_to_rewrite_history();
create trigger refused_callers_are_append_only before update or delete on refused_callers
    for each row execute function refuse_to_rewrite_history();
create trigger refused_callers_are_not_truncated before truncate on refused_callers
    for each statement execute function refuse_to_rewrite_history();
