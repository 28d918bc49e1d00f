-- Who did what to which object, and what came of it. Rows are only ever added.
create table audit_events (
    project_id text not null references projects (id),
    id text not null check (length(id) between 1 and 64),
    created_at integer not null,
    caller_kind text not null check (caller_kind in ('token', 'apiKey', 'operator', 'system')),
    subject text check (length(subject) between 1 and 255),
    issuer text check (length(issuer) between 1 and 255),
    key_id text check (length(key_id) between 1 and 255),
    request_id text check (length(request_id) between 1 and 255),
    -- Several requests may be about one operation: a client that asks again joins what it began.
    operation_id text check (length(operation_id) between 1 and 255),
    action text not null check (length(action) between 1 and 64),
    object_type text check (object_type in ('paymentMethod', 'setupIntent', 'project', 'apiKey')),
    object_id text check (length(object_id) between 1 and 255),
    user_id text check (length(user_id) between 1 and 64),
    outcome text not null
        check (outcome in ('begun', 'succeeded', 'replayed', 'refused', 'failed', 'unknown')),
    status integer,
    code text check (length(code) between 1 and 64),
    primary key (project_id, id)
) strict;
create index audit_events_by_creation on audit_events (project_id, created_at desc, id desc);
create index audit_events_by_user on audit_events (project_id, user_id, created_at desc, id desc)
    where user_id is not null;
create index audit_events_by_action on audit_events (project_id, action, created_at desc, id desc);
create index audit_events_by_operation on audit_events (project_id, operation_id)
    where operation_id is not null;

-- Callers whom nobody vouches for, who belong to no project: one, or as many as were only counted. Rows are only ever
-- added.
create table refused_callers (
    id text primary key check (length(id) between 1 and 64),
    created_at integer not null,
    request_id text check (length(request_id) between 1 and 255),
    action text check (length(action) between 1 and 64),
    reason text not null check (length(reason) between 1 and 255),
    number integer not null check (number > 0)
) strict;
create index refused_callers_by_creation on refused_callers (created_at desc, id desc);

-- What is written stays as it was written. Retention takes away, within its transaction, the triggers that refuse to
-- delete; SQLite has no setting that a trigger could ask for.
create trigger audit_events_are_not_updated before update on audit_events begin
    select raise(abort, 'the table audit_events is append-only');
end;
create trigger audit_events_are_not_deleted before delete on audit_events begin
    select raise(abort, 'the table audit_events is append-only: old rows are deleted by billfold audit prune');
end;
create trigger refused_callers_are_not_updated before update on refused_callers begin
    select raise(abort, 'the table refused_callers is append-only');
end;
create trigger refused_callers_are_not_deleted before delete on refused_callers begin
    select raise(abort, 'the table refused_callers is append-only: old rows are deleted by billfold audit prune');
end;
