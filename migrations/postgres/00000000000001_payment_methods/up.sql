-- Identifiers compare byte by byte (collate "C"), so that both databases order them alike.
-- Every key of a tenant's data starts with project_id, so that a project's rows can live anywhere together.

create table projects (
    id text collate "C" primary key check (length(id) between 1 and 64),
    created_at timestamptz not null,
    disabled_at timestamptz
);

create table stripe_credentials (
    project_id text collate "C" primary key references projects (id),
    secret_key text not null,
    publishable_key text not null,
    -- The connected account that a platform's key acts for; null where the key is the tenant's own.
    account_id text collate "C"
);

create table customers (
    project_id text collate "C" not null references projects (id),
    user_id text collate "C" not null check (length(user_id) between 1 and 64),
    id text collate "C" not null,
    created_at timestamptz not null,
    primary key (project_id, user_id),
    unique (project_id, id)
);

create table payment_methods (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null check (length(id) between 1 and 255),
    user_id text collate "C" not null check (length(user_id) between 1 and 64),
    type text not null check (type in ('card', 'applePay', 'googlePay')),
    brand text not null,
    last4 text not null,
    exp_month smallint not null,
    exp_year smallint not null,
    -- The SetupIntent whose challenge is open; null once the method is available.
    setup_intent_id text collate "C",
    created_at timestamptz not null,
    -- Set when its deletion begins: the row is then no longer shown, but stays a position in lists.
    deleted_at timestamptz,
    primary key (project_id, id)
);

create index payment_methods_by_creation on payment_methods (project_id, created_at desc, id desc)
    where deleted_at is null;
create index payment_methods_by_user on payment_methods (project_id, user_id, created_at desc, id desc)
    where deleted_at is null;
create index payment_methods_by_type on payment_methods (project_id, type, created_at desc, id desc)
    where deleted_at is null;

create table setup_intents (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null,
    user_id text collate "C" not null,
    created_at timestamptz not null,
    primary key (project_id, id)
);

-- What has begun at Stripe and is not known to have ended. A row is committed before the first call and goes
-- away in the transaction that writes the result.
create table operations (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null,
    kind text not null check (kind in (
        'createPaymentMethod', 'createAvailablePaymentMethod', 'deletePaymentMethod', 'createCustomer', 'createSetupIntent'
    )),
    -- What it works on. One operation at most is open on a subject.
    subject text collate "C" not null,
    user_id text collate "C" not null,
    -- Part of Stripe's idempotency key: rises when the same step must run anew.
    epoch integer not null,
    -- Rises with every claim; only the holder of the newest may write the result.
    fence bigint not null,
    lease_expires_at timestamptz not null,
    created_at timestamptz not null,
    primary key (project_id, id),
    unique (project_id, subject)
);
create index operations_by_user on operations (project_id, user_id);
