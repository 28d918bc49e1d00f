-- How much of what is bounded hard each user, and each project as a whole, has used up.
create table rate_limits (
    project_id text collate "C" not null references projects (id),
    -- The user, or nothing where it is the project's as a whole.
    subject text collate "C" not null check (length(subject) <= 64),
    kind text collate "C" not null check (kind in ('setupIntents', 'failedCards')),
    -- When the bucket is full again if nothing more is taken from it. A bucket that has no row is full.
    full_at timestamptz not null,
    primary key (project_id, subject, kind)
);
alter table rate_limits enable row level security;
alter table rate_limits force row level security;
create policy tenant on rate_limits
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));

-- The instances that run, so that each knows its share of what they bound together. They are no tenant's.
create table instances (
    id text collate "C" primary key,
    started_at timestamptz not null,
    seen_at timestamptz not null
);
