-- The tenants' tables that grow without end, each in four parts by project: no part and no index of it is as large as the whole, and a
-- part can be taken off and moved. Each statement names its project and goes to one part, but locks all of them: so they are few. One
-- that grows too large can be split, since a part of four is two parts of eight.

-- All at once, and projects first, as the foreign keys of the old tables go with them: whoever is inside a transaction holds that one
-- as a rule, and is waited for before anybody waits for this one.
lock table projects, payment_methods, customers, webhook_events, audit_events in access exclusive mode;

do $$
declare
    parts constant integer := 4;
    grows text;
    whole text;
    part text;
    names text[];
    remade text[];
    statement text;
    filled boolean;
begin
    foreach grows in array array['payment_methods', 'customers', 'webhook_events', 'audit_events'] loop
        -- Its owner reads the rows of every project, this once.
        execute format('alter table %I no force row level security', grows);

        -- What is made anew as it was. Checks, defaults and collations come with the columns, policies below.
        select array_agg(made) into remade from (
            select format('alter table %I add constraint %I %s', grows, conname, pg_get_constraintdef(oid)) as made
                from pg_constraint where conrelid = grows::regclass and contype in ('p', 'u', 'f')
            union all
            select pg_get_indexdef(indexrelid) from pg_index i
                where indrelid = grows::regclass and not exists (select from pg_constraint where conindid = i.indexrelid)
            union all
            select pg_get_triggerdef(oid) from pg_trigger where tgrelid = grows::regclass and not tgisinternal
            union all
            select format('grant %s on %I to %s', privilege_type, grows, grantee::regrole)
                from pg_class, aclexplode(relacl) where oid = grows::regclass and grantee <> 0 and grantee <> relowner
        ) all_of_it;

        whole := grows || '_in_parts';
        execute format('create table %I (like %I including defaults including constraints) partition by hash (project_id)', whole, grows);
        names := array[]::text[];
        for place in 0 .. parts - 1 loop
            part := grows || '_' || place;
            execute format('create table %I partition of %I for values with (modulus %s, remainder %s)', part, whole, parts, place);
            names := names || part;
        end loop;
        execute format('insert into %I select * from %I', whole, grows);
        execute format('drop table %I', grows);
        execute format('alter table %I rename to %I', whole, grows);
        foreach statement in array remade loop
            execute statement;
        end loop;

        -- Without figures of its rows a part would be planned for as if it were small. An empty one is better off with none.
        foreach part in array names loop
            execute format('select exists (select from %I)', part) into filled;
            if filled then
                execute format('analyze %I', part);
            end if;
        end loop;

        -- The parts too, which are tables in their own right, though nobody but the owner may ask them.
        --
        -- The setting is asked for by a subquery, whose answer is there when the rows are read, and not before. Else it would be used to
        -- choose the part too, when a statement begins: and a statement that makes the setting itself has not made it by then.
        foreach part in array grows || names loop
            execute format('alter table %I enable row level security', part);
            execute format('alter table %I force row level security', part);
            execute format(
                'create policy tenant on %I using (project_id = (select current_setting(''app.project'', true))) '
                'with check (project_id = current_setting(''app.project'', true))', part
            );
        end loop;
    end loop;

    -- Parts have the triggers of each row by themselves, and not those of a statement.
    for place in 0 .. parts - 1 loop
        execute format(
            'create trigger audit_events_are_not_truncated before truncate on %I '
            'for each statement execute function refuse_to_rewrite_history()', 'audit_events_' || place
        );
    end loop;
end $$;
