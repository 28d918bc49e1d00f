//! PostgreSQL's roles: the one that owns the tables, and the one that the application works as.
//!
//! Row-level security holds everyone but superusers, roles with BYPASSRLS and, unless it is forced, the tables' owner. So the
//! application works as none of these; what it needs is granted to it when the database is migrated.

use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Bool, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};

use crate::{
    Database, StoreError,
    database::{Engine, postgres_transaction},
};

/// What the application may do with a table.
const EVERY_ROW: &str = "select, insert, update, delete";

/// What it may do with tables that are not like the others. One that is not there yet is passed over.
const EXCEPTIONS: [(&str, &str); 3] = [
    // Whether the database is up to date, and nothing more.
    ("__diesel_schema_migrations", "select"),
    // What has happened is added to, and never changed.
    ("audit_events", "select, insert"),
    ("refused_callers", "select, insert"),
];

/// Why row-level security would not hold a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleFault {
    /// It is a superuser.
    #[error("the role {0} is a superuser")]
    Superuser(String),
    /// It has the attribute BYPASSRLS.
    #[error("the role {0} has BYPASSRLS")]
    BypassesRowSecurity(String),
    /// It owns tables of Billfold, and could take the policies off them.
    #[error("the role {0} owns tables of billfold")]
    Owner(String),
    /// It may become another role, for which one of these is true.
    #[error("the role {role} is a member of another, by which {fault}")]
    Member {
        /// The role itself.
        role: String,
        /// What is wrong with the other.
        fault: Box<RoleFault>,
    },
}

/// A role, of those that the questioned one may become, itself among them.
#[derive(QueryableByName)]
struct RoleRow {
    #[diesel(sql_type = Text)]
    questioned: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    superuser: bool,
    #[diesel(sql_type = Bool)]
    bypasses: bool,
    #[diesel(sql_type = Bool)]
    owner: bool,
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct TableRow {
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Bool)]
    part: bool,
}

/// The role `$1`, or the session's own where that is null, and every role that it may become; those that no policy holds.
/// Itself comes first, since a superuser may become anyone.
const UNHELD_ROLES: &str = "\
    select questioned.rolname::text as questioned, r.rolname::text as name, r.rolsuper as superuser, \
        r.rolbypassrls as bypasses, owners.oid is not null as owner \
    from pg_roles questioned \
    join pg_roles r on pg_has_role(questioned.oid, r.oid, 'member') \
    left join ( \
        select distinct c.relowner as oid from pg_class c \
        where c.relkind in ('r', 'p') \
            and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = to_regclass('projects')) \
    ) owners on owners.oid = r.oid \
    where questioned.rolname = coalesce($1, current_user) \
        and (r.rolsuper or r.rolbypassrls or owners.oid is not null) \
    order by r.rolname <> questioned.rolname, r.rolname limit 1";

/// The tables of tenants that no policy guards, by name.
const UNGUARDED_TABLES: &str = "\
    select c.relname::text as name from pg_class c \
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped \
    where c.relkind in ('r', 'p') \
        and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = to_regclass('projects')) \
        and not (c.relrowsecurity and c.relforcerowsecurity) \
    order by c.relname";

/// The tables of the schema that Billfold's are in, by name.
const TABLES: &str = "\
    select n.nspname::text as schema, c.relname::text as table, c.relispartition as part from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'p') \
        and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = to_regclass('projects')) \
    order by c.relname";

impl Database {
    /// Why row-level security would not hold the role that this is connected as, or `None` where it does. SQLite has neither
    /// roles nor policies, and so nothing to complain of.
    pub async fn role_fault(&self) -> Result<Option<RoleFault>, StoreError> {
        match &self.engine {
            Engine::Postgres(postgres) => {
                postgres_transaction!(postgres, None, |connection| fault_of(connection, None).await)
            }
            Engine::Sqlite(_) => Ok(None),
        }
    }

    /// The tables of tenants whose rows are shown to everyone, since somebody has taken row-level security off them. SQLite
    /// has none that could.
    pub async fn unguarded_tables(&self) -> Result<Vec<String>, StoreError> {
        match &self.engine {
            Engine::Postgres(postgres) => postgres_transaction!(postgres, None, |connection| {
                let rows: Vec<NameRow> = sql_query(UNGUARDED_TABLES).load(connection).await?;
                Ok(rows.into_iter().map(|row| row.name).collect())
            }),
            Engine::Sqlite(_) => Ok(Vec::new()),
        }
    }

    /// Gives a role what the application needs of the tables as they are now, and takes away what it does not: safe to repeat.
    /// [`StoreError::Configuration`] where there is no such role, where row-level security would not hold it, and in SQLite.
    pub async fn grant_to(&self, role: &str) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Postgres(postgres) => {
                postgres_transaction!(postgres, None, |connection| grant(connection, role).await)
            }
            Engine::Sqlite(_) => Err(StoreError::Configuration(
                "SQLite has no roles: leave the application's role away".to_owned(),
            )),
        }
    }
}

async fn fault_of(
    connection: &mut AsyncPgConnection,
    role: Option<&str>,
) -> Result<Option<RoleFault>, StoreError> {
    let found: Option<RoleRow> = sql_query(UNHELD_ROLES)
        .bind::<Nullable<Text>, _>(role)
        .get_result(connection)
        .await
        .optional()?;
    Ok(found.map(|row| {
        let itself = row.name == row.questioned;
        let fault = if row.superuser {
            RoleFault::Superuser(row.name)
        } else if row.bypasses {
            RoleFault::BypassesRowSecurity(row.name)
        } else {
            debug_assert!(row.owner, "or it would not be among them");
            RoleFault::Owner(row.name)
        };
        if itself {
            fault
        } else {
            RoleFault::Member {
                role: row.questioned,
                fault: Box::new(fault),
            }
        }
    }))
}

async fn grant(connection: &mut AsyncPgConnection, role: &str) -> Result<(), StoreError> {
    let exists: Option<NameRow> = sql_query("select rolname::text as name from pg_roles where rolname = $1")
        .bind::<Text, _>(role)
        .get_result(connection)
        .await
        .optional()?;
    let name = quoted(role);
    if exists.is_none() {
        return Err(StoreError::Configuration(format!(
            "there is no role {role}: make it first, as a superuser: create role {name} login password '…'"
        )));
    }
    if let Some(fault) = fault_of(connection, Some(role)).await? {
        return Err(StoreError::Configuration(format!(
            "{fault}, so row-level security would not hold it: name another role for the application, which owns no \
             table, is in no role that does, and has neither SUPERUSER nor BYPASSRLS"
        )));
    }
    // Migrations of several instances may end at once, and two who grant on one table at one time disturb each other.
    let mut statements = String::from("select pg_advisory_xact_lock(6223912);");
    let tables: Vec<TableRow> = sql_query(TABLES).load(connection).await?;
    for TableRow { schema, table, part } in &tables {
        let privileges = EXCEPTIONS
            .iter()
            .find(|(exception, _)| exception == table)
            .map_or(EVERY_ROW, |(_, privileges)| *privileges);
        let table = format!("{}.{}", quoted(schema), quoted(table));
        statements.extend([format!("revoke all on {table} from {name};")]);
        // A part of a table is asked by way of the whole, and no other way.
        if !part {
            statements.extend([format!("grant {privileges} on {table} to {name};")]);
        }
    }
    if let [TableRow { schema, .. }, ..] = tables.as_slice() {
        let schema = quoted(schema);
        statements.extend([
            format!("grant usage on schema {schema} to {name};"),
            format!("grant usage on all sequences in schema {schema} to {name};"),
        ]);
    }
    connection.batch_execute(&statements).await?;
    Ok(())
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_name_stays_within_its_quotes() {
        assert_eq!(quoted("billfold"), "\"billfold\"");
        assert_eq!(quoted("a\"; drop table b; --"), "\"a\"\"; drop table b; --\"");
    }
}
