-- Secrets are sealed by a data key of their project. A master key, which is never in the database, wraps the data keys.

-- Every master key that was ever used, with a known text that it has sealed: a wrong key is found out by it, even where
-- there is no project yet. Belongs to no tenant.
create table master_keys (
    id text collate "C" primary key check (length(id) between 1 and 64),
    check_value text not null
);

create table project_data_keys (
    project_id text collate "C" not null references projects (id),
    version integer not null check (version >= 1),
    wrapped text not null,
    master_key_id text collate "C" not null,
    created_at timestamptz not null,
    primary key (project_id, version)
);
alter table project_data_keys enable row level security;
alter table project_data_keys force row level security;
create policy tenant on project_data_keys using (project_id = current_setting('app.project', true)) with check (project_id = current_setting('app.project', true));

alter table stripe_credentials
    -- The data key that all secrets of the row are sealed by; a key that is needed cannot be deleted. Null where the
    -- secrets are still in plain text, as versions before this one wrote them: billfold migrate seals those.
    add column data_key_version integer,
    add foreign key (project_id, data_key_version) references project_data_keys (project_id, version);
