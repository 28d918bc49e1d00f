//! Rules that every table keeps, asked of the databases themselves.

use std::collections::BTreeSet;

use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, TestDatabase},
    partitions::GROWING,
};

/// Tables that belong to the installation rather than to a tenant.
const OF_NO_TENANT: [&str; 7] = [
    "projects",
    "installation_secrets",
    "instances",
    "master_keys",
    "preflight_origins",
    "refused_callers",
    "__diesel_schema_migrations",
];

/// Indexes that begin otherwise, since what they find is looked for before its project is known. No key, and not unique.
const BEFORE_THE_PROJECT_IS_KNOWN: [&str; 1] = ["api_keys | index api_keys_by_hash | hash"];

/// Every key of the schema as `table | kind | first column`: primary and unique keys, foreign keys, and indexes.
async fn first_columns_of_keys(backend: Backend, test: &TestDatabase) -> Vec<String> {
    let query = match backend {
        Postgres => {
            "select c.relname || ' | index ' || i.relname || ' | ' || coalesce(a.attname, 'an expression') as value
             from pg_index x
             join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
             left join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
             where c.relnamespace = 'public'::regnamespace
             union all
             select c.relname || ' | ' || k.conname || ' | ' || a.attname
             from pg_constraint k join pg_class c on c.oid = k.conrelid
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
             where k.contype in ('p', 'u', 'f') and c.relnamespace = 'public'::regnamespace"
        }
        _ => {
            "select t.name || ' | index ' || i.name || ' | ' || coalesce(c.name, 'an expression') as value
             from sqlite_schema t join pragma_index_list(t.name) i join pragma_index_info(i.name) c
             where t.type = 'table' and c.seqno = 0
             union all
             select t.name || ' | foreign key ' || k.id || ' | ' || k.\"from\"
             from sqlite_schema t join pragma_foreign_key_list(t.name) k
             where t.type = 'table' and k.seq = 0"
        }
    };
    test.texts(query).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_tenants_table_starts_with_the_project(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let keys = first_columns_of_keys(backend, &test).await;
    for index in BEFORE_THE_PROJECT_IS_KNOWN {
        assert!(keys.iter().any(|key| key == index), "{index} is gone");
    }
    let of_tenants: Vec<Vec<&str>> = keys
        .iter()
        .filter(|key| !BEFORE_THE_PROJECT_IS_KNOWN.contains(&key.as_str()))
        .map(|key| key.split(" | ").collect::<Vec<_>>())
        .filter(|key| !OF_NO_TENANT.contains(&key[0]))
        .collect();
    let wrong: Vec<_> = of_tenants.iter().filter(|key| key[2] != "project_id").collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    // Every tenant's table has a primary key and belongs to a project: none slips through for want of keys.
    let tables: BTreeSet<String> = columns(backend, &test)
        .await
        .into_iter()
        .map(|column| column.split(" | ").next().unwrap().to_owned())
        .filter(|table| !OF_NO_TENANT.contains(&table.as_str()))
        .collect();
    assert!(tables.contains("payment_methods"), "{tables:?}");
    for table in tables {
        let of_table = of_tenants.iter().filter(|key| key[0] == table);
        let foreign = of_table
            .clone()
            .filter(|key| key[1].contains("fkey") || key[1].contains("foreign key"));
        assert!(foreign.count() >= 1, "{table} belongs to no project");
        assert!(
            of_table.filter(|key| key[1].contains("index")).count() >= 1,
            "{table} has no key"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_compare_by_bytes_in_postgresql() {
    let test = Postgres.migrated().await;
    let wrong = test
        .texts(
            "select table_name || '.' || column_name || ' has collation ' || coalesce(collation_name, 'default')
             from information_schema.columns
             where table_schema = 'public' and table_name <> '__diesel_schema_migrations'
             and data_type in ('text', 'character varying', 'character')
             and (column_name = 'id' or column_name like '%\\_id' or column_name = 'subject')
             and collation_name is distinct from 'C'",
        )
        .await;
    assert!(wrong.is_empty(), "{wrong:?}");
    let ids = test
        .texts(
            "select column_name from information_schema.columns
             where table_schema = 'public' and collation_name = 'C' and column_name like '%id'",
        )
        .await;
    assert!(
        ids.len() > 10,
        "the question was asked of too few columns: {ids:?}"
    );
}

/// Every column as `table | column | type, whether it may be null`, in words that both databases share.
async fn columns(backend: Backend, test: &TestDatabase) -> BTreeSet<String> {
    let query = match backend {
        Postgres => {
            "select table_name || ' | ' || column_name || ' | ' || case
                when data_type = 'text' then 'text'
                when data_type in ('smallint', 'integer', 'bigint', 'timestamp with time zone') then 'integer'
                else data_type end || case when is_nullable = 'NO' then ', not null' else '' end as value
             from information_schema.columns
             where table_schema = 'public' and table_name <> '__diesel_schema_migrations'
             and table_name not in (select relname from pg_class where relispartition)"
        }
        _ => {
            "select t.name || ' | ' || c.name || ' | ' || lower(c.type)
                || case when c.\"notnull\" or c.pk > 0 then ', not null' else '' end as value
             from sqlite_schema t join pragma_table_info(t.name) c
             where t.type = 'table' and t.name <> '__diesel_schema_migrations'"
        }
    };
    test.texts(query).await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_and_columns() {
    let sqlite = SqliteInFile.migrated().await;
    let postgres = Postgres.migrated().await;
    let in_sqlite = columns(SqliteInFile, &sqlite).await;
    let in_postgres = columns(Postgres, &postgres).await;
    assert!(in_sqlite.len() > 30, "{in_sqlite:?}");
    let only_one_has: Vec<_> = in_sqlite.symmetric_difference(&in_postgres).collect();
    assert!(only_one_has.is_empty(), "{only_one_has:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_named_indexes() {
    let sqlite = SqliteInFile.migrated().await;
    let postgres = Postgres.migrated().await;
    let in_sqlite = sqlite
        .texts("select name as value from sqlite_schema where type = 'index' and name not like 'sqlite\\_%' escape '\\'")
        .await;
    let in_postgres = postgres
        .texts(
            "select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid
             where i.relnamespace = 'public'::regnamespace and not i.relispartition
             and not exists (select 1 from pg_constraint k where k.conindid = x.indexrelid)",
        )
        .await;
    assert_eq!(
        in_sqlite.iter().collect::<BTreeSet<_>>(),
        in_postgres.iter().collect::<BTreeSet<_>>()
    );
    assert!(in_sqlite.len() >= 4, "{in_sqlite:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_sqlite_is_strict() {
    let test = SqliteInFile.migrated().await;
    let lax = test
        .texts(
            "select name as value from pragma_table_list
             where type = 'table' and schema = 'main' and not strict
             and name not like 'sqlite\\_%' escape '\\' and name <> '__diesel_schema_migrations'",
        )
        .await;
    assert!(lax.is_empty(), "{lax:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenants_table_is_under_the_one_forced_policy() {
    let test = Postgres.migrated().await;
    let guarded = test
        .texts(
            "select c.relname || ' | ' || c.relrowsecurity || ' ' || c.relforcerowsecurity || ' | ' || coalesce((
                 select string_agg(concat_ws(' ', p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check), '; ')
                 from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname), 'no policy')
             from pg_class c
             join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')",
        )
        .await;
    assert!(guarded.len() >= 10, "{guarded:?}");
    let condition = "(project_id = current_setting('app.project'::text, true))";
    let expected = format!(" | true true | tenant PERMISSIVE {{public}} ALL {condition} {condition}");
    // Of a table in parts, the setting is asked for by a subquery: see row_security.rs.
    let asked = "(project_id = ( SELECT current_setting('app.project'::text, true) AS current_setting))";
    let in_parts = format!(" | true true | tenant PERMISSIVE {{public}} ALL {asked} {condition}");
    let partitioned = |table: &str| {
        let (name, _) = table.split_once(" | ").unwrap_or_default();
        GROWING.contains(&name.trim_end_matches(|end: char| end == '_' || end.is_ascii_digit()))
    };
    // An API key is looked for before its project is known: whoever has its hash sees its row.
    let bearer = "bearer PERMISSIVE {public} SELECT (hash = current_setting('app.api_key_hash'::text, true))";
    let wrong: Vec<_> = guarded
        .iter()
        .filter(|table| match table.strip_prefix("api_keys") {
            Some(policies) => {
                !policies.contains(bearer)
                    || !policies.contains(expected.trim_start_matches(" | true true | "))
            }
            None if partitioned(table) => !table.ends_with(&in_parts),
            None => !table.ends_with(&expected),
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
