-- What is known of a project without its credentials, and how far its deletion has come. The row of a deleted project
-- stays, so that its name is not given to another by accident.
-- Whether its keys move real money. Never changes.
alter table projects add column mode text not null default 'test' check (mode in ('test', 'live'));
-- The account at Stripe that it works on; null while nobody knows it.
alter table projects add column stripe_account_id text;
-- 1 where an operator allows other projects on the same account.
alter table projects add column account_shared integer not null default 0 check (account_shared in (0, 1));
-- Rises with every change: of two that were made from the same state, one is written.
alter table projects add column revision integer not null default 0;
alter table projects add column deletion_began_at integer;
-- When somebody shall next go on with the deletion: later while somebody does.
alter table projects add column deletion_due_at integer;
alter table projects add column deleted_at integer;
create unique index projects_by_account on projects (stripe_account_id, mode) where account_shared = 0;
create index projects_by_deletion on projects (deletion_due_at) where deletion_due_at is not null;

update projects set mode = 'live'
    where id in (select project_id from stripe_credentials where publishable_key like 'pk\_live\_%' escape '\');

-- A project that is being deleted takes on nothing new, also from an instance that has not heard of it: what is there
-- may be ended and deleted. One that is deleted takes on nothing at all.
create trigger operations_of_deleted_projects before insert on operations
when exists (
    select 1 from projects
    where id = new.project_id
        and (
            deleted_at is not null
            or (deletion_began_at is not null and new.kind not in ('deletePaymentMethod', 'createCustomer'))
        )
)
begin
    select raise(abort, 'the project is being deleted');
end;
