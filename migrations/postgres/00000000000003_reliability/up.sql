-- What tells an operation's effect apart from another's, and which customer a method was saved for.
alter table payment_methods
    -- The operation that saved the method or began to delete it: whoever drives it again knows its own result.
    add column operation_id text collate "C",
    -- Stripe's customer that the method was attached to when it was saved.
    add column customer_id text collate "C",
    -- The newest read of Stripe whose result is in this row; an older read changes nothing.
    add column applied_read bigint not null default 0;
update payment_methods set customer_id = (
    select customers.id from customers
    where customers.project_id = payment_methods.project_id and customers.user_id = payment_methods.user_id
);
create index payment_methods_by_setup_intent on payment_methods (project_id, setup_intent_id)
    where setup_intent_id is not null;
create index payment_methods_by_customer on payment_methods (project_id, customer_id)
    where deleted_at is null;

alter table setup_intents add column operation_id text collate "C";
create index setup_intents_by_operation on setup_intents (project_id, operation_id)
    where operation_id is not null;

-- Where the last attempt of an operation stopped, and how many attempts came to nothing.
alter table operations
    add column step text,
    add column attempts integer not null default 0;

-- Two secrets are live while one takes the other's place.
alter table stripe_credentials
    add column webhook_secret text,
    add column previous_webhook_secret text;

-- Answers that are given again to a request that comes again.
create table idempotency_keys (
    project_id text collate "C" not null references projects (id),
    route text collate "C" not null,
    key text collate "C" not null check (length(key) between 1 and 255),
    -- SHA-256, in hexadecimal digits, of what the request asks for and of whom it is for.
    fingerprint text collate "C" not null,
    -- The operation that the request begins, whichever attempt gets that far.
    operation_id text collate "C" not null,
    -- As an operation's: the newest holder alone writes the answer.
    fence bigint not null,
    lease_expires_at timestamptz not null,
    created_at timestamptz not null,
    -- The answer; null until it is known. A client secret is taken out of the body.
    status smallint,
    location text,
    body text,
    -- The setup intent whose client secret was taken out, and at which byte of the body it stood.
    setup_intent_id text collate "C",
    secret_at integer,
    primary key (project_id, route, key)
);
create index idempotency_keys_by_creation on idempotency_keys (project_id, created_at);

-- What Stripe told of, once each.
create table webhook_events (
    project_id text collate "C" not null references projects (id),
    id text collate "C" not null,
    type text collate "C" not null,
    object_type text collate "C" not null,
    object_id text collate "C",
    created_at timestamptz not null,
    received_at timestamptz not null,
    primary key (project_id, id)
);
create index webhook_events_by_receipt on webhook_events (project_id, received_at);

-- The objects to look at anew at Stripe, one row each however many events told of them.
create table webhook_work (
    project_id text collate "C" not null references projects (id),
    object_type text collate "C" not null,
    object_id text collate "C" not null,
    -- Rises with every event; a look that began before the newest one does not end the work.
    version bigint not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    -- Rises with every claim; only the holder of the newest may write the result.
    fence bigint not null default 0,
    lease_expires_at timestamptz not null,
    -- Set after the last attempt: it is tried again when another event tells of the object.
    parked_at timestamptz,
    primary key (project_id, object_type, object_id)
);
create index webhook_work_by_next_attempt on webhook_work (project_id, next_attempt_at)
    where parked_at is null;

-- The background's reads of a project's account at Stripe: they are numbered, and paced for all instances together.
create table stripe_reads (
    project_id text collate "C" primary key references projects (id),
    last_read bigint not null,
    next_call_at timestamptz not null
);

-- What is done for each project every now and then, by one instance at a time.
create table chores (
    project_id text collate "C" not null references projects (id),
    kind text not null check (kind in ('undeliveredEvents', 'sweep', 'cleaning')),
    next_run_at timestamptz not null,
    lease_expires_at timestamptz not null,
    fence bigint not null,
    primary key (project_id, kind)
);
