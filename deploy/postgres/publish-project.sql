-- Publishes what the database has of one project, for another server to subscribe to. PostgreSQL 15 or newer, wal_level = logical.
--
-- usage, as a superuser: psql --dbname=billfold --command="set moved.project = 'acme'" --file=deploy/postgres/publish-project.sql
-- The publication has the project's name. What comes before it and after it is in docs/scaling.md.
do $$
declare
    project constant text := current_setting('moved.project');
    tables text;
begin
    if not exists (select from projects where id = project) then
        raise exception 'there is no project %', project;
    end if;
    -- Every key begins with the project, so that a change and a deletion name it, too. Not the row of projects: without it nobody works on
    -- the project where it goes to before it has left here. The origins of browsers are given anew there, since that database counts its own.
    select string_agg(format('%I where (project_id = %L)', c.relname, project), ', ' order by c.relname) into tables
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
        where c.relnamespace = (select p.relnamespace from pg_class p where p.oid = 'projects'::regclass)
            and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'cors_origins';
    -- By way of the whole, so that the other database's parts may be others.
    execute format(
        'create publication %I for table %s with (publish_via_partition_root = true)', project, tables
    );
end $$;
