//! `billfold audit`

use std::fmt::Write as _;

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditEventId, AuditOutcome, AuditPageRequest, Clock as _, PageLimit,
    Position, ProjectId, ProjectScope, RefusedCaller, SystemClock, UserId,
};
use billfold_store::{AuditEvents, Database, Projects, RefusedCallers};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{CommandError, DatabaseArguments, PoolerArguments, operator_log::OperatorLog, print};
use crate::wire::{audit_event::AuditEventWire, time::rfc3339};

/// How many events are deleted in one transaction, so that none holds up the writers for long.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

#[derive(Debug, Args)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "Prints one line an event, the newest first. Without --project it goes project by project."
)]
pub(super) struct Audit {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Deletes old events. In PostgreSQL it needs the URL of the tables' owner: nobody else may.
    Prune(Prune),
}

#[derive(Debug, Args)]
struct Show {
    /// Only this project's. Without it: every project's.
    #[arg(long, env = "BILLFOLD_AUDIT_PROJECT", value_name = "PROJECT")]
    project: Option<ProjectId>,
    /// Only those about this user's objects.
    #[arg(long, env = "BILLFOLD_AUDIT_USER", value_name = "USER")]
    user: Option<UserId>,
    /// Only those of this action, such as paymentMethod.create.
    #[arg(long, env = "BILLFOLD_AUDIT_ACTION", value_name = "ACTION")]
    action: Option<AuditAction>,
    /// How many to print at most, of each project.
    #[arg(
        long,
        env = "BILLFOLD_AUDIT_LIMIT",
        default_value_t = 50,
        value_name = "NUMBER"
    )]
    limit: u32,
    /// Goes on after this event, with older ones.
    #[arg(
        long,
        env = "BILLFOLD_AUDIT_AFTER",
        value_name = "EVENT",
        requires = "project"
    )]
    after: Option<AuditEventId>,
    /// Prints each event as JSON, as the project API has it, with its project.
    #[arg(long, env = "BILLFOLD_AUDIT_JSON")]
    json: bool,
    /// Prints instead the callers whom nobody could vouch for, and who are in no project's log.
    #[arg(long, env = "BILLFOLD_AUDIT_REFUSED_CALLERS")]
    refused_callers: bool,
    /// The database: `postgres://user:password@host/name` or `sqlite://PATH`.
    // A task has its own, so that this one may be missing.
    #[arg(
        long,
        env = "BILLFOLD_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    #[command(flatten)]
    pooler: PoolerArguments,
}

#[derive(Debug, Args)]
struct Prune {
    /// Only this project's. Without it: every project's, and the refused callers.
    #[arg(long, env = "BILLFOLD_AUDIT_PROJECT", value_name = "PROJECT")]
    project: Option<ProjectId>,
    /// How many days an event is kept.
    #[arg(
        long,
        env = "BILLFOLD_AUDIT_KEEP_DAYS",
        default_value_t = 400,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    keep_days: u32,
    #[command(flatten)]
    database: DatabaseArguments,
}

impl Audit {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self.task {
            // A project that is named before the task is meant for it too.
            Some(Task::Prune(prune)) => prune.or_only(self.show.project).run().await,
            None => self.show.run().await,
        }
    }
}

/// The project of this name, or every project: deleted ones too, whose log stays.
async fn scopes(database: &Database, wanted: Option<&ProjectId>) -> Result<Vec<ProjectScope>, CommandError> {
    let mut found = Projects::names_even_of_deleted(database).await?;
    if let Some(wanted) = wanted {
        found.retain(|project| project == wanted);
        if found.is_empty() {
            return Err(format!("there is no project {wanted}, and there was none").into());
        }
    }
    Ok(found.into_iter().map(scope).collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "who may connect to the database with the command line may see every project, one by one"
)]
fn scope(project: ProjectId) -> ProjectScope {
    ProjectScope::authorized(project)
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let database_url = self.database_url.clone();
        let arguments = DatabaseArguments {
            database_url: database_url.ok_or("which database? Give its URL with --database-url")?,
            pooler: self.pooler.clone(),
        };
        let database = arguments.connect().await?;
        if self.refused_callers {
            if self.project.is_some() || self.user.is_some() || self.action.is_some() {
                return Err(
                    "--refused-callers goes with no filter: refused callers belong to no project".into(),
                );
            }
            let callers = RefusedCallers::new(database).newest(self.limit.into()).await?;
            for caller in callers {
                print(&self.caller_line(&caller)?)?;
            }
            return Ok(());
        }
        let events = AuditEvents::new(database.clone());
        for scope in scopes(&database, self.project.as_ref()).await? {
            self.show_project(&events, &scope).await?;
        }
        Ok(())
    }

    /// Prints a project's events, page by page, so that a long log needs little memory.
    async fn show_project(&self, events: &AuditEvents, scope: &ProjectScope) -> Result<(), CommandError> {
        let mut left = self.limit;
        let mut position = self.after.clone().map_or(Position::Start, Position::After);
        while left > 0 {
            let limit = u8::try_from(left).unwrap_or(u8::MAX);
            let request = AuditPageRequest {
                user: self.user.clone(),
                action: self.action.clone(),
                position,
                limit: PageLimit::new(limit).unwrap_or(PageLimit::MAXIMUM),
            };
            let page = events.page(scope, &request).await?;
            let page = page.ok_or_else(|| format!("the project {} has no such event", scope.project()))?;
            for event in &page.items {
                print(&self.event_line(scope.project(), event)?)?;
            }
            let Some(last) = page.items.last().filter(|_| page.has_more_after) else {
                return Ok(());
            };
            left -= u32::try_from(page.items.len()).unwrap_or(left).min(left);
            position = Position::After(last.id.clone());
        }
        Ok(())
    }

    fn event_line(&self, project: &ProjectId, event: &AuditEvent) -> Result<String, CommandError> {
        if self.json {
            let wire = ProjectEventWire {
                project: project.as_str(),
                event: event.into(),
            };
            return Ok(serde_json::to_string(&wire)? + "\n");
        }
        let AuditEntry {
            caller,
            request_id,
            operation: _,
            action,
            object,
            user,
            outcome,
            status,
            code,
        } = &event.entry;
        let mut line = format!(
            "{} {} {project} {action} {}",
            rfc3339(event.created_at),
            event.id,
            outcome.as_str()
        );
        if let Some(status) = status {
            write!(line, " {status}")?;
        }
        let object = object
            .as_ref()
            .map(|object| format!("{} {}", object.kind().as_str(), object.id()));
        let (kind, subject, issuer, key_id) = caller.parts();
        let known = [
            ("code", code.as_deref()),
            ("object", object.as_deref()),
            ("user", user.as_ref().map(UserId::as_str)),
            ("caller", Some(kind.as_str())),
            ("subject", subject),
            ("issuer", issuer),
            ("key", key_id),
            ("request", request_id.as_deref()),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                write!(line, " {name}={value}")?;
            }
        }
        Ok(line + "\n")
    }

    fn caller_line(&self, caller: &RefusedCaller) -> Result<String, CommandError> {
        if self.json {
            return Ok(serde_json::to_string(&RefusedCallerWire::from(caller))? + "\n");
        }
        let RefusedCaller {
            id,
            created_at,
            request_id,
            action,
            reason,
            number,
        } = caller;
        let mut line = format!("{} {id} {number} refused", rfc3339(*created_at));
        if let Some(action) = action {
            write!(line, " {action}")?;
        }
        write!(line, " ({reason})")?;
        if let Some(request_id) = request_id {
            write!(line, " request={request_id}")?;
        }
        Ok(line + "\n")
    }
}

/// An event with its project, for programs.
#[derive(Serialize)]
struct ProjectEventWire<'a> {
    project: &'a str,
    #[serde(flatten)]
    event: AuditEventWire<'a>,
}

/// A refused caller, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedCallerWire<'a> {
    object: &'static str,
    id: &'a str,
    action: Option<&'a str>,
    number: u32,
    reason: &'a str,
    request: Option<&'a str>,
    created_at: String,
}

impl<'a> From<&'a RefusedCaller> for RefusedCallerWire<'a> {
    fn from(caller: &'a RefusedCaller) -> Self {
        Self {
            object: "refusedCaller",
            id: caller.id.as_str(),
            action: caller.action.as_ref().map(AuditAction::as_str),
            number: caller.number,
            reason: &caller.reason,
            request: caller.request_id.as_deref(),
            created_at: rfc3339(caller.created_at),
        }
    }
}

impl Prune {
    fn or_only(self, project: Option<ProjectId>) -> Self {
        Self {
            project: self.project.or(project),
            ..self
        }
    }

    async fn run(self) -> Result<(), CommandError> {
        let database = self.database.connect().await?;
        let log = OperatorLog::start(&database);
        let events = AuditEvents::new(database.clone());
        let before = SystemClock
            .now()
            .plus(-time::Duration::days(i64::from(self.keep_days)));
        for scope in scopes(&database, self.project.as_ref()).await? {
            let mut deleted = 0;
            loop {
                let forgotten = events.forget_older(&scope, before, FORGOTTEN_AT_ONCE).await?;
                if forgotten == 0 {
                    break;
                }
                deleted += forgotten;
            }
            if deleted > 0 {
                log.record(
                    scope.project(),
                    AuditAction::AuditEventsPrune,
                    scope.project(),
                    AuditOutcome::Succeeded,
                )
                .await?;
            }
            print(&format!(
                "Deleted {deleted} events of the project {}.\n",
                scope.project()
            ))?;
        }
        if self.project.is_none() {
            let callers = RefusedCallers::new(database);
            let mut deleted = 0;
            loop {
                let forgotten = callers.forget_older(before, FORGOTTEN_AT_ONCE).await?;
                if forgotten == 0 {
                    break;
                }
                deleted += forgotten;
            }
            print(&format!("Deleted {deleted} records of refused callers.\n"))?;
        }
        Ok(())
    }
}
