-- Makes one table of the parts again.
lock table projects, payment_methods, customers, webhook_events, audit_events in access exclusive mode;

do $$
declare
    grows text;
    whole text;
    remade text[];
    statement text;
begin
    foreach grows in array array['payment_methods', 'customers', 'webhook_events', 'audit_events'] loop
        execute format('alter table %I no force row level security', grows);
        select array_agg(made) into remade from (
            select format('alter table %I add constraint %I %s', grows, conname, pg_get_constraintdef(oid)) as made
                from pg_constraint where conrelid = grows::regclass and contype in ('p', 'u', 'f')
            union all
            select replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') from pg_index i
                where indrelid = grows::regclass and not exists (select from pg_constraint where conindid = i.indexrelid)
            union all
            select pg_get_triggerdef(oid) from pg_trigger where tgrelid = grows::regclass and not tgisinternal
            union all
            select format('grant %s on %I to %s', privilege_type, grows, grantee::regrole)
                from pg_class, aclexplode(relacl) where oid = grows::regclass and grantee <> 0 and grantee <> relowner
        ) all_of_it;
        whole := grows || '_as_one';
        execute format('create table %I (like %I including defaults including constraints)', whole, grows);
        execute format('insert into %I select * from %I', whole, grows);
        execute format('drop table %I', grows);
        execute format('alter table %I rename to %I', whole, grows);
        foreach statement in array remade loop
            execute statement;
        end loop;
        execute format('alter table %I enable row level security', grows);
        execute format('alter table %I force row level security', grows);
        execute format(
            'create policy tenant on %I using (project_id = current_setting(''app.project'', true)) '
            'with check (project_id = current_setting(''app.project'', true))', grows
        );
    end loop;
end $$;
