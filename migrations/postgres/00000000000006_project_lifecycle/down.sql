drop trigger operations_of_deleted_projects on operations;
drop function refuse_operations_of_deleted_projects();
drop index projects_by_deletion;
drop index projects_by_account;
alter table projects
    drop column mode, drop column stripe_account_id, drop column account_shared, drop column revision,
    drop column deletion_began_at, drop column deletion_due_at, drop column deleted_at;
