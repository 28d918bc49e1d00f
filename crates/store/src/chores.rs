//! Chores: what is done for each project every now and then, by one instance at a time.
//!
//! When a chore is due, and how long a claim holds, go by the database's clock, so that instances whose clocks differ
//! agree. As with operations, each claim raises a fence, and only the newest holder's end is written.

use std::time::Duration;

use billfold_domain::{ProjectId, ProjectScope};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, dsl::case_when,
    sql_types::Integer,
};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{read_shared, with_connection},
    error::still_held,
    row_security::{ProjectAtHand, project_names, projects_due},
    schema::chores,
    sql_types::{StatementTime, database_now, database_time_in},
};

/// How long a claim holds unless it is [kept alive](Chores::keep_alive).
const LEASE_SECONDS: i64 = 600;

/// How many projects are given at once before it is looked again.
const PROJECTS_IN_A_ROUND: i64 = 64;

/// How many chores a project has when it lacks none.
#[expect(clippy::cast_possible_wrap, reason = "they are a few")]
const CHORES_OF_A_PROJECT: i64 = ChoreKind::ALL.len() as i64;

/// What is done every now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChoreKind {
    /// Asks Stripe for the events that could not be delivered.
    UndeliveredEvents,
    /// Compares the records with Stripe.
    Sweep,
    /// Forgets what has been kept long enough.
    Cleaning,
}

impl ChoreKind {
    /// Every kind. Each project has one chore of each.
    pub const ALL: [Self; 3] = [Self::UndeliveredEvents, Self::Sweep, Self::Cleaning];

    /// The kind as its row has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UndeliveredEvents => "undeliveredEvents",
            Self::Sweep => "sweep",
            Self::Cleaning => "cleaning",
        }
    }
}

/// A chore that this holder may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chore {
    /// What is to be done.
    pub kind: ChoreKind,
    /// The holder's number: how often it was claimed, this time included.
    pub fence: i64,
}

/// The chores of every project, each call within one but for those that look for projects.
#[derive(Clone, Debug)]
pub struct Chores {
    database: Database,
}

#[diesel::dsl::auto_type]
fn of_project(project: String, kind: ChoreKind) -> _ {
    let kind: &'static str = kind.as_str();
    chores::table
        .filter(chores::project_id.eq(project))
        .filter(chores::kind.eq(kind))
}

/// Not null where the project at hand lacks a chore.
#[diesel::dsl::auto_type]
fn lacks_a_chore() -> _ {
    let kinds: i64 = CHORES_OF_A_PROJECT;
    case_when(
        chores::table
            .filter(chores::project_id.eq(ProjectAtHand))
            .count()
            .single_value()
            .lt(kinds),
        1_i32.into_sql::<Integer>(),
    )
}

/// Since when the project at hand waits for somebody to claim its chore of this kind.
#[diesel::dsl::auto_type]
fn waiting_since(kind: ChoreKind) -> _ {
    let kind: &'static str = kind.as_str();
    chores::table
        .filter(chores::project_id.eq(ProjectAtHand))
        .filter(chores::kind.eq(kind))
        .filter(chores::next_run_at.le(StatementTime))
        .filter(chores::lease_expires_at.lt(StatementTime))
        .select(chores::next_run_at)
        .single_value()
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

impl Chores {
    /// The chores in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Some of the projects that are not shut and lack a chore. Names only: whoever works on one does so within it.
    pub async fn projects_without(&self) -> Result<Vec<ProjectId>, StoreError> {
        project_names(read_shared!(
            self.database,
            projects_due(lacks_a_chore(), PROJECTS_IN_A_ROUND) => String
        )?)
    }

    /// Gives the project a chore of this kind, due after a while. One that is there stays as it is.
    pub async fn ensure(
        &self,
        scope: &ProjectScope,
        kind: ChoreKind,
        first_in: Duration,
    ) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| {
            diesel::insert_into(chores::table)
                .values((
                    chores::project_id.eq(scope.project().as_str()),
                    chores::kind.eq(kind.as_str()),
                    chores::next_run_at.eq(database_time_in(seconds(first_in))),
                    chores::lease_expires_at.eq(database_time_in(-1)),
                    chores::fence.eq(0),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Some of the projects whose chore of this kind is due and free, those that waited longest first. Shut projects are
    /// left out. Names only: whoever works on one does so within it.
    pub async fn projects_due(&self, kind: ChoreKind) -> Result<Vec<ProjectId>, StoreError> {
        project_names(read_shared!(
            self.database,
            projects_due(waiting_since(kind), PROJECTS_IN_A_ROUND) => String
        )?)
    }

    /// Claims the project's chore of this kind, or gives `None` when it is not due or another has it. The claim holds for
    /// ten minutes.
    pub async fn claim_due(
        &self,
        scope: &ProjectScope,
        kind: ChoreKind,
    ) -> Result<Option<Chore>, StoreError> {
        let claimed: Result<Option<i64>, StoreError> = with_connection!(self.database, scope, |connection| {
            let claimed = diesel::update(of_project(scope.project().to_string(), kind))
                .filter(chores::next_run_at.le(database_now()))
                .filter(chores::lease_expires_at.lt(database_now()))
                .set((
                    chores::fence.eq(chores::fence + 1),
                    chores::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                ))
                .returning(chores::fence)
                .get_result(connection)
                .await
                .optional()?;
            Ok(claimed)
        });
        Ok(claimed?.map(|fence| Chore { kind, fence }))
    }

    /// Lets the claim hold for ten more minutes from now. [`StoreError::Fenced`] when another has the chore by now.
    pub async fn keep_alive(&self, scope: &ProjectScope, chore: &Chore) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| still_held(
            diesel::update(of_project(scope.project().to_string(), chore.kind))
                .filter(chores::fence.eq(chore.fence))
                .set(chores::lease_expires_at.eq(database_time_in(LEASE_SECONDS)))
                .execute(connection)
                .await?
        ))
    }

    /// Gives the chore back, to be done again after a while: after its interval when it is done, sooner when it could not
    /// be. [`StoreError::Fenced`] when another has it by now; then nothing is changed.
    pub async fn end(
        &self,
        scope: &ProjectScope,
        chore: &Chore,
        next_in: Duration,
    ) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| still_held(
            diesel::update(of_project(scope.project().to_string(), chore.kind))
                .filter(chores::fence.eq(chore.fence))
                .set((
                    chores::next_run_at.eq(database_time_in(seconds(next_in))),
                    chores::lease_expires_at.eq(database_time_in(-1)),
                ))
                .execute(connection)
                .await?
        ))
    }
}
