//! Row-level security, table by table: what the application's role can do where no query has a filter.

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::harness::{Postgres, TestDatabase, run_on_postgres};

/// Gives every table with a `project_id`, whatever else it has, one row of each project. What its other columns may hold is
/// no matter here, so their constraints go first.
const FILL: &str = "
    set session_replication_role = replica;
    insert into projects (id, created_at) values ('mine', now()), ('theirs', now());
    do $$
    declare
        tenants record; mandatory record; names text; given text; project text; checked record;
    begin
        for checked in select conrelid::regclass as name, conname from pg_constraint
            where contype = 'c' and connamespace = 'public'::regnamespace and coninhcount = 0
        loop
            execute format('alter table %s drop constraint %I', checked.name, checked.conname);
        end loop;
        for tenants in select c.oid, c.relname from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        loop
            names := 'project_id';
            given := '%L';
            for mandatory in select attname, atttypid::regtype::text as kind from pg_attribute
                where attrelid = tenants.oid and attnum > 0 and attnotnull and not atthasdef and not attisdropped
                and attidentity = '' and attname <> 'project_id'
            loop
                names := names || format(', %I', mandatory.attname);
                given := given || case mandatory.kind
                    when 'timestamp with time zone' then ', now()'
                    when 'boolean' then ', false'
                    when 'bytea' then ', ''''::bytea'
                    when 'jsonb' then ', ''{}''::jsonb'
                    else ', ''1''::' || mandatory.kind end;
            end loop;
            foreach project in array array['mine', 'theirs'] loop
                execute format('insert into %I (' || names || ') values (' || given || ')', tenants.relname, project);
            end loop;
        end loop;
    end $$";

const TENANTS_TABLES: &str = "
    select c.relname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by c.relname";

/// What a statement did: the first column of its rows, and how many it touched, or the server's refusal.
type Done = Result<(Vec<String>, u64), String>;

/// Carries a statement out for a project or for none, in a transaction that is then taken back.
async fn attempt(client: &Client, project: Option<&str>, statement: &str) -> Done {
    client.batch_execute("begin").await.unwrap();
    if let Some(project) = project {
        let set = format!("set local app.project = '{project}'");
        client.batch_execute(&set).await.unwrap();
    }
    let done = client.simple_query(statement).await;
    client.batch_execute("rollback").await.unwrap();
    let answer = done.map_err(|error| error.as_db_error().unwrap().message().to_owned())?;
    let mut rows = Vec::new();
    let mut touched = 0;
    for message in answer {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(row.get(0).unwrap_or_default().to_owned()),
            SimpleQueryMessage::CommandComplete(count) => touched = count,
            _ => {}
        }
    }
    Ok((rows, touched))
}

/// Holds a change against what it may touch. A table that the role may not change at all is guarded well enough.
fn touches(done: Done, rows: u64, what: &str) {
    match done {
        Ok((_, touched)) => assert_eq!(touched, rows, "{what}"),
        Err(refusal) => assert!(refusal.starts_with("permission denied"), "{what}: {refusal}"),
    }
}

fn is_refused(done: Done, what: &str) {
    let refusal = done.expect_err(what);
    assert!(
        refusal.contains("violates row-level security policy") || refusal.starts_with("permission denied"),
        "{what}: {refusal}"
    );
}

async fn as_application(test: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(&test.server().url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_shows_or_takes_a_foreign_row() {
    let test = Postgres.migrated().await;
    let superuser = test.server().superuser_url();
    run_on_postgres(superuser, FILL).await;
    let tables = run_on_postgres(superuser, TENANTS_TABLES).await;
    assert!(tables.len() >= 10, "{tables:?}");
    let client = as_application(&test).await;
    for table in &tables {
        let all = format!("select project_id from {table}");
        let (rows, _) = attempt(&client, Some("mine"), &all).await.unwrap();
        assert_eq!(rows, ["mine"], "{table}");
        let (rows, _) = attempt(&client, None, &all).await.unwrap();
        assert_eq!(rows, Vec::<String>::new(), "{table} without a project");
        let (rows, _) = attempt(&client, Some(""), &all).await.unwrap();
        assert_eq!(rows, Vec::<String>::new(), "{table} with no project's name");

        let same = format!("update {table} set project_id = project_id");
        touches(attempt(&client, Some("mine"), &same).await, 1, table);
        touches(attempt(&client, None, &same).await, 0, table);
        let away = format!("update {table} set project_id = 'theirs'");
        is_refused(attempt(&client, Some("mine"), &away).await, table);

        let delete = format!("delete from {table}");
        touches(attempt(&client, Some("mine"), &delete).await, 1, table);
        touches(attempt(&client, None, &delete).await, 0, table);
        let truncate = attempt(&client, Some("mine"), &format!("truncate {table}")).await;
        assert!(
            truncate
                .as_ref()
                .is_err_and(|refusal| refusal.starts_with("permission denied")),
            "{truncate:?}"
        );

        let columns = "select string_agg(quote_ident(attname), ', ') from pg_attribute
             where attrelid = '$table'::regclass and attnum > 0 and not attisdropped and attname <> 'project_id'
             and attidentity = '' and attgenerated = ''"
            .replace("$table", table);
        let columns = run_on_postgres(superuser, &columns).await.concat();
        for project in [Some("mine"), None] {
            let insert = if columns.is_empty() {
                format!("insert into {table} (project_id) values ('theirs')")
            } else {
                let nulls = vec!["null"; columns.split(", ").count()].join(", ");
                // Before it looks at anything else of a row, the server asks the policy.
                format!("insert into {table} (project_id, {columns}) values ('theirs', {nulls})")
            };
            is_refused(attempt(&client, project, &insert).await, table);
        }
        let left = run_on_postgres(superuser, &format!("select project_id from {table} order by 1")).await;
        assert_eq!(left, ["mine", "theirs"], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_no_exception() {
    let test = Postgres.migrated().await;
    run_on_postgres(test.server().superuser_url(), FILL).await;
    let seen = run_on_postgres(&test.server().owner_url(), "select id from payment_methods").await;
    assert_eq!(seen, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_removed_finds_its_rows_whoever_asks() {
    let test = Postgres.migrated().await;
    run_on_postgres(test.server().superuser_url(), FILL).await;
    let client = as_application(&test).await;
    // The keys' own checks see past the policies, so no row is left without its project.
    let refusal = attempt(&client, None, "delete from projects").await.unwrap_err();
    assert!(refusal.contains("violates foreign key constraint"), "{refusal}");
}
