-- Secrets that the installation makes for itself, once.
create table installation_secrets (
    name text primary key,
    value text not null,
    created_at timestamptz not null
);

-- Static credentials of tenants' backends. A key itself is nowhere: its holder has it.
create table api_keys (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null check (length(id) between 1 and 64),
    -- The key's keyed hash, in hexadecimal digits.
    hash text collate "C" not null check (length(hash) = 64),
    scopes text not null check (scopes in ('project:read', 'project:write', 'project:read project:write')),
    -- What people call it.
    name text check (length(name) between 1 and 100),
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    primary key (project_id, id)
);
-- A key is looked up before its project is known. Not unique, since every key of a tenant's table starts with the project;
-- whoever looks takes a hash that is there twice for none.
create index api_keys_by_hash on api_keys (hash);

alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy tenant on api_keys
    using (project_id = current_setting('app.project', true))
    with check (project_id = current_setting('app.project', true));
-- Whoever knows the hash has had the key in hand, and may read its row.
create policy bearer on api_keys for select
    using (hash = current_setting('app.api_key_hash', true));
