-- The second wall between tenants. A statement sees and writes the rows of the project that app.project names in its
-- transaction, and none at all where nothing is named. Forced, so that the tables' owner is no exception.

alter table stripe_credentials enable row level security;
alter table stripe_credentials force row level security;
create policy tenant on stripe_credentials
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table customers enable row level security;
alter table customers force row level security;
create policy tenant on customers
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table payment_methods enable row level security;
alter table payment_methods force row level security;
create policy tenant on payment_methods
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table setup_intents enable row level security;
alter table setup_intents force row level security;
create policy tenant on setup_intents
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table operations enable row level security;
alter table operations force row level security;
create policy tenant on operations
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant on idempotency_keys
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table webhook_events enable row level security;
alter table webhook_events force row level security;
create policy tenant on webhook_events
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table webhook_work enable row level security;
alter table webhook_work force row level security;
create policy tenant on webhook_work
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table stripe_reads enable row level security;
alter table stripe_reads force row level security;
create policy tenant on stripe_reads
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

alter table chores enable row level security;
alter table chores force row level security;
create policy tenant on chores
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));
