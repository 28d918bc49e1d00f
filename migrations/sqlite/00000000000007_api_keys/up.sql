-- Secrets that the installation makes for itself, once.
create table installation_secrets (
    name text primary key not null,
    value text not null,
    created_at integer not null
) strict;

-- Static credentials of tenants' backends. A key itself is nowhere: its holder has it.
create table api_keys (
    project_id text not null references projects (id),
    id text not null check (length(id) between 1 and 64),
    -- The key's keyed hash, in hexadecimal digits.
    hash text not null check (length(hash) = 64),
    scopes text not null check (scopes in ('project:read', 'project:write', 'project:read project:write')),
    -- What people call it.
    name text check (length(name) between 1 and 100),
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    last_used_at integer,
    primary key (project_id, id)
) strict;
-- A key is looked up before its project is known. Not unique, since every key of a tenant's table starts with the project;
-- whoever looks takes a hash that is there twice for none.
create index api_keys_by_hash on api_keys (hash);
