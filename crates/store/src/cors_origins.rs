//! The pages that may call the account API for a project's users.

use billfold_domain::{Origin, ProjectScope};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_transaction, read, read_shared},
    schema::{cors_origins, preflight_origins},
    turns::Turns as _,
};

/// What came of giving a project its origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginsReplaced {
    /// It has these, and no others.
    Done,
    /// Nothing changed: the installation has as many origins as an instance keeps in mind.
    InstallationFull,
}

/// The origins of every project, each call within one, and those of the installation.
///
/// A browser asks whether a page may call before it calls, and then it shows no token, so names no project. Each origin
/// is therefore kept a second time without its project, with how many projects have it: to go through all projects for
/// each such question would cost more the more tenants there are.
#[derive(Clone, Debug)]
pub struct CorsOrigins {
    database: Database,
}

#[diesel::dsl::auto_type]
fn of_project(project: String) -> _ {
    cors_origins::table.filter(cors_origins::project_id.eq(project))
}

impl CorsOrigins {
    /// How many different origins an installation has, at most.
    pub const MAXIMUM: u16 = 10_000;

    /// The origins in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The project's origins, in the order of their text.
    pub async fn of_project(&self, scope: &ProjectScope) -> Result<Vec<Origin>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .order(cors_origins::origin)
                .select(cors_origins::origin) => String
        )?;
        rows.into_iter().map(origin).collect()
    }

    /// The origins that at least one project has: [`Self::MAXIMUM`] of them at most.
    pub async fn of_installation(&self) -> Result<Vec<Origin>, StoreError> {
        let rows = read_shared!(
            self.database,
            preflight_origins::table
                .order(preflight_origins::origin)
                .limit(i64::from(Self::MAXIMUM))
                .select(preflight_origins::origin) => String
        )?;
        rows.into_iter().map(origin).collect()
    }

    /// Gives the project these origins and takes away all others. With none, it has none.
    pub async fn replace(
        &self,
        scope: &ProjectScope,
        origins: &[Origin],
    ) -> Result<OriginsReplaced, StoreError> {
        let project = scope.project().as_str();
        let wanted: Vec<&str> = origins.iter().map(Origin::as_str).collect();
        in_transaction!(self.database, scope, |connection| {
            // Another who replaces the same project's would leave some of both.
            connection
                .wait_for_turn(format!("cors_origins {project}"))
                .await?;
            let known: i64 = preflight_origins::table.count().get_result(connection).await?;
            if !wanted.is_empty() && known >= i64::from(Self::MAXIMUM) {
                return Ok(OriginsReplaced::InstallationFull);
            }
            // Only what this transaction itself has taken or added is counted, whatever another does beside it.
            let gone = of_project(project.to_owned()).filter(cors_origins::origin.ne_all(&wanted));
            let gone: Vec<String> = diesel::delete(gone)
                .returning(cors_origins::origin)
                .get_results(connection)
                .await?;
            let mut changed: Vec<(String, bool)> = gone.into_iter().map(|origin| (origin, false)).collect();
            for origin in &wanted {
                let added = diesel::insert_into(cors_origins::table)
                    .values((
                        cors_origins::project_id.eq(project),
                        cors_origins::origin.eq(origin),
                    ))
                    .on_conflict_do_nothing()
                    .execute(connection)
                    .await?;
                if added == 1 {
                    changed.push(((*origin).to_owned(), true));
                }
            }
            // In one order, so that two who change the same origins wait for each other and not both ways.
            changed.sort();
            for (origin, added) in changed {
                let row = preflight_origins::table.find(&origin);
                if added {
                    diesel::insert_into(preflight_origins::table)
                        .values((
                            preflight_origins::origin.eq(&origin),
                            preflight_origins::projects.eq(1),
                        ))
                        .on_conflict(preflight_origins::origin)
                        .do_update()
                        .set(preflight_origins::projects.eq(preflight_origins::projects + 1))
                        .execute(connection)
                        .await?;
                    continue;
                }
                // The first statement holds the row until the end, so nobody counts between the two.
                diesel::update(row)
                    .set(preflight_origins::projects.eq(preflight_origins::projects - 1))
                    .execute(connection)
                    .await?;
                diesel::delete(row.filter(preflight_origins::projects.eq(0)))
                    .execute(connection)
                    .await?;
            }
            Ok(OriginsReplaced::Done)
        })
    }
}

fn origin(text: String) -> Result<Origin, StoreError> {
    Origin::parse(text).map_err(|error| StoreError::Internal(format!("an origin: {error}")))
}
