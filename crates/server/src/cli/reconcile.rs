//! `billfold reconcile`

use std::{net::SocketAddr, sync::Arc, time::Duration};

use billfold_domain::{ProjectId, SystemClock};
use billfold_service::{
    EndedOperations, Service, ServiceError, ServiceOptions, SweepReport, UlidIdentifiers,
};
use billfold_store::{Project, Projects, StoreError};
use billfold_stripe::{ClientOptions, StripeClient};
use clap::Args;
use secrecy::ExposeSecret as _;

use super::{
    CommandError, DatabaseArguments, dev::SANDBOX_KEY_PREFIX, master_keys::MasterKeyArguments, print,
    reconcile_report,
};
use crate::terminal::Progress;

/// How long operations that another process holds are waited for: a little longer than the claim of one that has crashed.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when all is well, and with 1 when a person must look at something: operations that stay \
                  open, contradictions, objects that nobody tries to read any more, projects that cannot be compared. \
                  It may run beside any number of instances."
)]
pub(super) struct Reconcile {
    /// Only this project. Without it: every one that is not disabled.
    #[arg(long, env = "BILLFOLD_RECONCILE_PROJECT", value_name = "PROJECT")]
    project: Option<ProjectId>,
    /// Says what would be done, and changes nothing.
    #[arg(long, env = "BILLFOLD_RECONCILE_DRY_RUN")]
    dry_run: bool,
    /// Also asks Stripe for the events of the last days that it could not deliver, and stores them; a running instance
    /// acts upon them. Not in a dry run.
    #[arg(long, env = "BILLFOLD_RECONCILE_UNDELIVERED_EVENTS")]
    undelivered_events: bool,
    /// Prints the report as JSON.
    #[arg(long, env = "BILLFOLD_RECONCILE_JSON")]
    json: bool,
    #[arg(
        help = "Where Stripe is. Without it: where the sandbox of billfold dev listens, for the projects that dev has \
                made, else https://api.stripe.com",
        long,
        env = "BILLFOLD_STRIPE_API_BASE",
        value_name = "URL"
    )]
    stripe_api_base: Option<String>,
    /// Where the sandbox of `billfold dev` listens.
    #[arg(
        long,
        env = "BILLFOLD_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8090",
        value_name = "ADDRESS"
    )]
    sandbox_listen: SocketAddr,
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// What was found of one project.
pub(super) struct Found {
    pub(super) project: ProjectId,
    /// What became of the open operations, or why that is not known; in a dry run all of them are still open.
    pub(super) operations: Result<EndedOperations, String>,
    /// The comparison with Stripe, or why there is none.
    pub(super) sweep: Result<SweepReport, String>,
    /// How many events were fetched, where that was asked for, or why not.
    pub(super) undelivered_events: Option<Result<usize, String>>,
    /// Objects that nobody tries to read any more, by type and identifier, or why they are not known.
    pub(super) parked: Result<Vec<(String, String)>, String>,
}

impl Found {
    /// Whether a person must look at something. What is open is no fault while nobody has tried to end it.
    pub(super) fn needs_a_person(&self, dry_run: bool) -> bool {
        let open = self
            .operations
            .as_ref()
            .map(|operations| !operations.open.is_empty());
        let parked = self.parked.as_ref().map(|parked| !parked.is_empty());
        open.map_or(true, |open| open && !dry_run)
            || parked.unwrap_or(true)
            || matches!(self.undelivered_events, Some(Err(_)))
            || match &self.sweep {
                Ok(report) => report.needs_a_person() || !report.unread.is_empty(),
                Err(_) => true,
            }
    }
}

impl Reconcile {
    /// Prints the report, and says whether all is well.
    pub(super) async fn run(self) -> Result<bool, CommandError> {
        let database = self.database.connect().await?;
        let all = self.master_keys.open(&database).await?;
        let projects = self.projects(&all).await?;
        let stripe = StripeClient::new(ClientOptions {
            api_base: self.stripe_api_base(&all, &projects).await?,
            ..ClientOptions::default()
        })?;
        let service = Service::new(
            database,
            all,
            stripe,
            Arc::new(SystemClock),
            Arc::new(UlidIdentifiers),
            ServiceOptions::default(),
        );
        let mut found = Vec::new();
        let progress = Progress::begin("projects", projects.len(), !self.json);
        for project in &projects {
            progress.at(project.as_str());
            found.push(self.look_at(&service, project, &progress).await);
            progress.advance();
        }
        drop(progress);
        let report = if self.json {
            reconcile_report::json(&found, self.dry_run, service.now())
        } else {
            reconcile_report::text(&found, self.dry_run, service.now())?
        };
        print(&report)?;
        Ok(!found.iter().any(|found| found.needs_a_person(self.dry_run)))
    }

    async fn projects(&self, projects: &Projects) -> Result<Vec<ProjectId>, CommandError> {
        let mut all = projects.list().await?;
        let Some(wanted) = &self.project else {
            all.retain(|project| project.disabled_at.is_none());
            return Ok(all.into_iter().map(|project| project.id).collect());
        };
        match all.into_iter().find(|project| project.id == *wanted) {
            None => Err(format!("there is no project {wanted}: billfold project list shows all").into()),
            Some(found) if found.disabled_at.is_some() => {
                Err(format!("the project {wanted} is disabled: nothing is done for it").into())
            }
            Some(found) => Ok(vec![found.id]),
        }
    }

    /// Where these projects' Stripe is.
    async fn stripe_api_base(
        &self,
        projects: &Projects,
        wanted: &[ProjectId],
    ) -> Result<String, CommandError> {
        if let Some(given) = &self.stripe_api_base {
            return Ok(given.clone());
        }
        let (mut of_sandbox, mut others) = (0, 0);
        for id in wanted {
            match projects.find(id).await {
                // Of no Stripe at all until a person has looked at it: the report says so.
                Err(StoreError::Secrets { .. }) => {}
                found => match found? {
                    Some(project) if is_of_sandbox(&project) => of_sandbox += 1,
                    _ => others += 1,
                },
            }
        }
        match (of_sandbox, others) {
            (0, _) => Ok(ClientOptions::default().api_base),
            (_, 0) => Ok(format!("http://{}", self.sandbox_listen)),
            _ => Err(
                "some of the projects are of the development sandbox and some are not: choose one with --project, \
                 or say with --stripe-api-base where Stripe is"
                    .into(),
            ),
        }
    }

    /// What fails is part of what is found: it costs neither the rest nor the other projects' reports.
    async fn look_at(&self, service: &Service, project: &ProjectId, progress: &Progress) -> Found {
        let operations = if self.dry_run {
            let open = service.open_operations(project).await;
            open.map(|open| EndedOperations { ended: 0, open })
        } else {
            // Whoever calls this has mended what kept them from being looked at, or will see them parked again.
            if let Err(error) = service.unpark(project).await {
                reason(project, &error);
            }
            service.end_open_operations(project, PATIENCE).await
        };
        let compared = |users: usize| progress.at(format!("{project}: {users} users compared"));
        let sweep = service.sweep_watched(project, self.dry_run, &compared).await;
        let undelivered_events = if self.undelivered_events && !self.dry_run {
            let fetched = service.fetch_undelivered_events(project).await;
            Some(fetched.map_err(|error| reason(project, &error)))
        } else {
            None
        };
        let parked = service.parked_objects(project).await;
        Found {
            project: project.clone(),
            operations: operations.map_err(|error| reason(project, &error)),
            sweep: sweep.map_err(|error| reason(project, &error)),
            undelivered_events,
            parked: parked.map_err(|error| reason(project, &error)),
        }
    }
}

/// Why something of a project could not be looked at. What happened is in the log.
fn reason(project: &ProjectId, error: &ServiceError) -> String {
    tracing::warn!(%project, ?error, "something of a project cannot be looked at");
    error.to_string()
}

fn is_of_sandbox(project: &Project) -> bool {
    let key = project.stripe.secret_key.expose_secret();
    key.starts_with(SANDBOX_KEY_PREFIX)
}
