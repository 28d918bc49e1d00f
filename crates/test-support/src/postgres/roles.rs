//! The roles of a test server: one that owns the tables, and one that works on them and is held to their policies.
//!
//! The superuser of the server is neither: row-level security does not hold it, so a test that worked as it would pass
//! whatever the policies say.

use std::fmt::Write as _;

use url::Url;

use super::client::{Connection, StatementError};

/// Owns the databases of tests and migrates them. No superuser.
pub const OWNER_ROLE: &str = "billfold_test_owner";

/// Works on the databases of tests: neither superuser nor owner, and not exempt from row-level security.
pub const APPLICATION_ROLE: &str = "billfold_test_application";

/// The advisory lock, in the maintenance database, under which the roles are made.
const ROLES_LOCK: i64 = 0x6269_6c6c_726f_6c65;

/// Makes the roles that the server lacks. Both have the password of the URL by which they are made, so that every test
/// process knows it.
pub(super) async fn ensure_roles(connection: &Connection, maintenance: &Url) -> Result<(), StatementError> {
    let present = connection
        .query(&format!(
            "select rolname from pg_roles where rolname in ('{OWNER_ROLE}', '{APPLICATION_ROLE}')"
        ))
        .await?;
    if present.len() == 2 {
        return Ok(());
    }
    let password = maintenance.password().map_or_else(String::new, |password| {
        format!(" password '{}'", password.replace('\'', "''"))
    });
    let mut statement = format!("begin; select pg_advisory_xact_lock({ROLES_LOCK});");
    for role in [OWNER_ROLE, APPLICATION_ROLE] {
        let _ = write!(
            statement,
            " do $$ begin if not exists (select 1 from pg_roles where rolname = '{role}') then \
             create role {role} login nosuperuser nocreatedb nocreaterole nobypassrls{password}; end if; end $$;"
        );
    }
    let _ = write!(statement, " grant {OWNER_ROLE} to current_user; commit");
    connection.query(&statement).await?;
    Ok(())
}

/// The same database, as one of these roles.
pub(super) fn url_as(url: &Url, role: &str) -> Url {
    let mut url = url.clone();
    url.set_username(role).expect("a postgres URL has a user");
    url
}
