-- How much of what is bounded hard each user, and each project as a whole, has used up.
create table rate_limits (
    project_id text not null references projects (id),
    -- The user, or nothing where it is the project's as a whole.
    subject text not null check (length(subject) <= 64),
    kind text not null check (kind in ('setupIntents', 'failedCards')),
    -- When the bucket is full again if nothing more is taken from it. A bucket that has no row is full.
    full_at integer not null,
    primary key (project_id, subject, kind)
) strict;

-- The instances that run, so that each knows its share of what they bound together. They are no tenant's.
create table instances (
    id text not null primary key,
    started_at integer not null,
    seen_at integer not null
) strict;
