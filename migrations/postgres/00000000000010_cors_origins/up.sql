-- The pages that may call the account API for a project's users.
create table cors_origins (
    project_id text collate "C" not null references projects (id),
    origin text collate "C" not null check (length(origin) between 1 and 300),
    primary key (project_id, origin)
);
alter table cors_origins enable row level security;
alter table cors_origins force row level security;
create policy tenant on cors_origins using (project_id = current_setting('app.project', true)) with check (project_id = current_setting('app.project', true));

-- The same origins for the installation, each once, without whose they are: a browser asks before it calls, and then it
-- names no project.
create table preflight_origins (
    origin text collate "C" primary key check (length(origin) between 1 and 300),
    -- How many projects have it.
    projects integer not null check (projects >= 0)
);
