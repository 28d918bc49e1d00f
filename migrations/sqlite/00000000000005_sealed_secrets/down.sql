-- What is sealed cannot be opened in SQL, and is of no use to the version before: these projects need their keys anew.
create table stripe_credentials_in_plain_text (
    project_id text primary key references projects (id),
    secret_key text not null,
    publishable_key text not null,
    -- The connected account that a platform's key acts for; null where the key is the tenant's own.
    account_id text,
    webhook_secret text,
    previous_webhook_secret text
) strict;
insert into stripe_credentials_in_plain_text
    (project_id, secret_key, publishable_key, account_id, webhook_secret, previous_webhook_secret)
    select project_id, secret_key, publishable_key, account_id, webhook_secret, previous_webhook_secret
    from stripe_credentials where data_key_version is null;
drop table stripe_credentials;
alter table stripe_credentials_in_plain_text rename to stripe_credentials;
drop table project_data_keys;
drop table master_keys;
