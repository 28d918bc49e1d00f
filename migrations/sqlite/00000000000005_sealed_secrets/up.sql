-- Secrets are sealed by a data key of their project. A master key, which is never in the database, wraps the data keys.

-- Every master key that was ever used, with a known text that it has sealed: a wrong key is found out by it, even where
-- there is no project yet. Belongs to no tenant.
create table master_keys (
    id text primary key not null check (length(id) between 1 and 64),
    check_value text not null
) strict;

create table project_data_keys (
    project_id text not null references projects (id),
    version integer not null check (version >= 1),
    wrapped text not null,
    master_key_id text not null,
    created_at integer not null,
    primary key (project_id, version)
) strict;

-- A foreign key of two columns takes a new table.
create table stripe_credentials_with_data_key (
    project_id text primary key references projects (id),
    secret_key text not null,
    publishable_key text not null,
    -- The connected account that a platform's key acts for; null where the key is the tenant's own.
    account_id text,
    webhook_secret text,
    previous_webhook_secret text,
    -- The data key that all secrets of the row are sealed by; a key that is needed cannot be deleted. Null where the
    -- secrets are still in plain text, as versions before this one wrote them: billfold migrate seals those.
    data_key_version integer,
    foreign key (project_id, data_key_version) references project_data_keys (project_id, version)
) strict;
insert into stripe_credentials_with_data_key
    (project_id, secret_key, publishable_key, account_id, webhook_secret, previous_webhook_secret)
    select project_id, secret_key, publishable_key, account_id, webhook_secret, previous_webhook_secret
    from stripe_credentials;
drop table stripe_credentials;
alter table stripe_credentials_with_data_key rename to stripe_credentials;
