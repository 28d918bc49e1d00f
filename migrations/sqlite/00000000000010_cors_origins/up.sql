-- The pages that may call the account API for a project's users.
create table cors_origins (
    project_id text not null references projects (id),
    origin text not null check (length(origin) between 1 and 300),
    primary key (project_id, origin)
) strict;

-- The same origins for the installation, each once, without whose they are: a browser asks before it calls, and then it
-- names no project.
create table preflight_origins (
    origin text primary key not null check (length(origin) between 1 and 300),
    -- How many projects have it.
    projects integer not null check (projects >= 0)
) strict;
