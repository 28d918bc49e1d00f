-- What is known of a project without its credentials, and how far its deletion has come. The row of a deleted project
-- stays, so that its name is not given to another by accident.
alter table projects
    -- Whether its keys move real money. Never changes.
    add column mode text not null default 'test' check (mode in ('test', 'live')),
    -- The account at Stripe that it works on; null while nobody knows it.
    add column stripe_account_id text collate "C",
    -- 1 where an operator allows other projects on the same account.
    add column account_shared smallint not null default 0 check (account_shared in (0, 1)),
    -- Rises with every change: of two that were made from the same state, one is written.
    add column revision bigint not null default 0,
    add column deletion_began_at timestamptz,
    -- When somebody shall next go on with the deletion: later while somebody does.
    add column deletion_due_at timestamptz,
    add column deleted_at timestamptz;
create unique index projects_by_account on projects (stripe_account_id, mode) where account_shared = 0;
create index projects_by_deletion on projects (deletion_due_at) where deletion_due_at is not null;

do $$
declare
    forced boolean := (select relforcerowsecurity from pg_class where oid = 'stripe_credentials'::regclass);
begin
    -- The tables' owner reads the rows of every project, this once.
    alter table stripe_credentials no force row level security;
    update projects set mode = 'live'
        where id in (select project_id from stripe_credentials where publishable_key like 'pk\_live\_%');
    if forced then
        alter table stripe_credentials force row level security;
    end if;
end $$;

-- A project that is being deleted takes on nothing new, also from an instance that has not heard of it: what is there
-- may be ended and deleted. One that is deleted takes on nothing at all.
create function refuse_operations_of_deleted_projects() returns trigger language plpgsql as $$
begin
    if exists (
        select 1 from projects
        where id = new.project_id
            and (
                deleted_at is not null
                or (deletion_began_at is not null and new.kind not in ('deletePaymentMethod', 'createCustomer'))
            )
    ) then
        raise exception 'the project is being deleted';
    end if;
    return new;
end $$;
create trigger operations_of_deleted_projects before insert on operations
    for each row execute function refuse_operations_of_deleted_projects();
