//! What a scenario stands on: a sandbox, a database, instances, clients, and the judge's look at all of them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    TortureError,
    balancer::Balancer,
    clients::{Caller, Clients, Stock, http_client},
    database::{Database, DatabaseKind},
    history::Face,
    judge::{END_LIMIT, Evidence, Row},
    program::{Instance, Program, ServeOptions, quiet_port},
    sandbox::{Sandbox, Tenant, test_card},
    token::Issuer,
};

pub(crate) use crate::program::Serving;

/// The projects of a run.
const PROJECTS: [&str; 2] = ["amber", "birch"];

/// How many cards are made at once.
const CARDS_AT_ONCE: usize = 16;

/// The longest page of the list.
const PAGE: usize = 200;

/// How a run was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) billfold: Option<PathBuf>,
    /// The whole load, which takes long, or a little of each.
    pub(crate) long: bool,
    pub(crate) seed: u64,
}

impl Run {
    /// One of two numbers: of the long run or of the quick one.
    pub(crate) fn pick<T>(&self, long: T, quick: T) -> T {
        if self.long { long } else { quick }
    }

    /// A run's chance, the same for the same seed and topic.
    pub(crate) fn chance(&self, topic: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(topic))
    }
}

/// What a platform is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: DatabaseKind,
    pub(crate) instances: usize,
    /// Whether the database has a standby.
    pub(crate) standby: bool,
    /// Whether clients come in by HAProxy, as one address.
    pub(crate) balanced: bool,
    /// Instances are killed, so a client's connection may break.
    pub(crate) instances_die: bool,
    pub(crate) serving: Serving,
}

/// Everything that runs.
pub(crate) struct Platform {
    /// What clients come in by, where that is not each instance's own port.
    pub(crate) balancer: Option<Balancer>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) program: Program,
    pub(crate) options: ServeOptions,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) database: Database,
    pub(crate) clients: Arc<Clients>,
    http: reqwest::Client,
    // Last, so that it goes when nothing uses it any more.
    _directory: TempDir,
}

impl Platform {
    /// Starts everything, as an operator would.
    pub(crate) async fn start(
        run: &Run,
        kind: DatabaseKind,
        instances_die: bool,
    ) -> Result<Self, TortureError> {
        Self::start_serving(run, kind, instances_die, Serving::default()).await
    }

    /// Starts everything, with instances that are told more than usual.
    pub(crate) async fn start_serving(
        run: &Run,
        kind: DatabaseKind,
        instances_die: bool,
        serving: Serving,
    ) -> Result<Self, TortureError> {
        let plan = Plan {
            kind,
            instances: kind.instances(),
            standby: false,
            balanced: false,
            instances_die,
            serving,
        };
        Self::start_as(run, plan).await
    }

    /// Starts everything that is planned.
    pub(crate) async fn start_as(run: &Run, plan: Plan) -> Result<Self, TortureError> {
        let directory = tempfile::tempdir()?;
        let program = Program::find(run.billfold.as_deref(), directory.path())?;
        let sandbox = Sandbox::start(&program).await?;
        let database = Database::start_with(plan.kind, plan.standby).await?;
        let issuer = Issuer::new(directory.path())?;
        let options = ServeOptions {
            database: database.url(),
            issuer: issuer.argument(),
            stripe: sandbox.url.clone(),
            serving: plan.serving,
        };
        let tenants: Vec<Tenant> = PROJECTS.into_iter().map(Tenant::named).collect();
        match database.migration() {
            Some((owner, role)) => {
                let arguments = ["migrate", "--application-role", role];
                program.call(&arguments, &owner, "").await?;
            }
            None => program.call(&["migrate"], &options.database, "").await?,
        }
        for tenant in &tenants {
            let key = [
                "--stripe-publishable-key",
                &tenant.publishable_key,
                "--stripe-api-base",
                &options.stripe,
            ];
            let arguments = [&["project", "create", &tenant.name], &key[..]].concat();
            program
                .call(&arguments, &options.database, &tenant.secret_key)
                .await?;
            // From the oldest to the newest: of three, two stay live.
            for secret in tenant.webhook_secrets.iter().rev() {
                let arguments = [
                    "project",
                    "update",
                    &tenant.name,
                    "--stripe-webhook-secret-file",
                    "-",
                ];
                program.call(&arguments, &options.database, secret).await?;
            }
        }
        let http = http_client()?;
        let mut chance = StdRng::seed_from_u64(u64::from(std::process::id()));
        let mut instances = Vec::new();
        for _ in 0..plan.instances {
            instances.push(Instance::start(&program, &options, quiet_port(&mut chance)?)?);
        }
        for instance in &mut instances {
            instance.ready(&http, &program, &options).await?;
        }
        let mut ports: Vec<u16> = instances.iter().map(|instance| instance.port).collect();
        let mut balancer = None;
        if plan.balanced {
            let started =
                Balancer::start([quiet_port(&mut chance)?, quiet_port(&mut chance)?], &ports).await?;
            ports = vec![started.port];
            balancer = Some(started);
        }
        Ok(Self {
            clients: Arc::new(Clients::new(ports, issuer, plan.instances_die)?),
            balancer,
            instances,
            program,
            options,
            sandbox: Arc::new(sandbox),
            tenants,
            database,
            http,
            _directory: directory,
        })
    }

    /// Kills an instance and starts it again at once, without waiting for it.
    pub(crate) fn kill_and_restart(&mut self, instance: usize) -> Result<(), TortureError> {
        self.instances[instance].kill_and_restart(&self.program, &self.options)
    }

    /// Ends an instance as a service manager does, starts it again, and waits until it is asked again.
    pub(crate) async fn restart(&mut self, instance: usize) -> Result<(), TortureError> {
        self.instances[instance].end_by("TERM").await?;
        self.kill_and_restart(instance)?;
        self.all_ready().await?;
        match &self.balancer {
            Some(balancer) => balancer.sees(self.instances.len()).await,
            None => Ok(()),
        }
    }

    /// Waits until every instance is ready.
    pub(crate) async fn all_ready(&mut self) -> Result<(), TortureError> {
        for instance in &mut self.instances {
            instance.ready(&self.http, &self.program, &self.options).await?;
        }
        Ok(())
    }

    /// Makes cards of all sorts at Stripe, for clients to save.
    pub(crate) async fn make_cards(
        &self,
        number: usize,
        chance: &mut StdRng,
    ) -> Result<Vec<Stock>, TortureError> {
        let mut making = JoinSet::new();
        let mut made = Vec::with_capacity(number);
        for place in 0..number {
            let tenant = self.tenants[chance.random_range(0..self.tenants.len())].clone();
            let (token, card) = test_card(chance.random_range(0..100));
            let sandbox = Arc::clone(&self.sandbox);
            making.spawn(async move {
                let id = sandbox.make_card(&tenant, token).await?;
                let project = tenant.name;
                Ok::<_, TortureError>((place, Stock { project, id, card }))
            });
            if making.len() >= CARDS_AT_ONCE
                && let Some(done) = making.join_next().await
            {
                made.push(done??);
            }
        }
        while let Some(done) = making.join_next().await {
            made.push(done??);
        }
        // In the order of the seed's choice, whichever came first.
        made.sort_by_key(|(place, _)| *place);
        Ok(made.into_iter().map(|(_, stock)| stock).collect())
    }

    /// Waits until no operation is open. What is still open at the end of the time, and how long it took; both from
    /// when nothing was broken any more.
    pub(crate) async fn settle(&self) -> Result<(Vec<String>, Duration), TortureError> {
        let mended = self.clients.mended();
        loop {
            let open = self.database.open_operations(&self.tenants).await?;
            if open.is_empty() || mended.elapsed() > END_LIMIT {
                return Ok((open, mended.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// The three truths, once everything has come to rest.
    pub(crate) async fn evidence(&self, open_operations: Vec<String>) -> Result<Evidence, TortureError> {
        let mut evidence = Evidence {
            asked: self.clients.history.asked(),
            open_operations,
            ..Evidence::default()
        };
        for tenant in &self.tenants {
            // Whoever waits for a check is looked up at Stripe when it is retrieved, and may then be available or gone.
            for row in self.list(&tenant.name).await? {
                if !row.available {
                    let path = format!("/projects/{}/paymentMethods/{}", row.project, row.id);
                    self.get(&row.project, &path).await?;
                }
            }
            evidence.rows.extend(self.list(&tenant.name).await?);
            self.sandbox.testify(tenant, &mut evidence).await?;
        }
        evidence.table = self.database.table().await?;
        evidence.wrong_answers = self.clients.history.wrongs();
        Ok(evidence)
    }

    /// Every payment method that the project's list shows, page by page.
    async fn list(&self, project: &str) -> Result<Vec<Row>, TortureError> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows
                .last()
                .map_or_else(String::new, |row| format!("&after={}", row.id));
            let path = format!("/projects/{project}/paymentMethods?limit={PAGE}{after}");
            let page = self.get(project, &path).await?;
            let items = page["items"].as_array().ok_or("a list without items")?;
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            rows.extend(items.iter().map(|item| Row {
                project: project.to_owned(),
                id: text(&item["id"]),
                user: text(&item["user"]),
                available: item["status"] == "available",
            }));
            if page["moreItemsAfter"].is_null() || items.is_empty() {
                return Ok(rows);
            }
        }
    }

    async fn get(&self, project: &str, path: &str) -> Result<serde_json::Value, TortureError> {
        let caller = Caller {
            project,
            user: "",
            face: Face::Project,
        };
        let answer = self.clients.ask(caller, Method::GET, path, None).await;
        Ok(answer.ok_or("the judge's own question was not answered")?.body)
    }

    /// Saves a good card for a user, and gives its id.
    pub(crate) async fn save_one(&self, project: &str, user: &str) -> Result<String, TortureError> {
        let tenant = self.tenants.iter().find(|tenant| tenant.name == project);
        let id = self
            .sandbox
            .make_card(tenant.ok_or("there is no such tenant")?, "tok_visa")
            .await?;
        let caller = Caller {
            project,
            user,
            face: Face::Project,
        };
        let body = serde_json::json!({"id": id, "user": user});
        let path = format!("/projects/{project}/paymentMethods");
        let saved = self.clients.ask(caller, Method::POST, &path, Some(body)).await;
        let saved = saved.ok_or("a good card was not saved")?;
        let id = saved.body["id"].as_str().ok_or("a saved card has no id")?;
        Ok(id.to_owned())
    }

    /// All that a tenant could notice: what is shown, what the tables hold, and what is at Stripe.
    pub(crate) async fn state(&self) -> Result<String, TortureError> {
        let open = self.database.open_operations(&self.tenants).await?;
        let evidence = self.evidence(open).await?;
        let Evidence {
            rows,
            customers,
            methods,
            intents,
            effects,
            open_operations,
            ..
        } = &evidence;
        let digests = self.database.digests().await?;
        Ok(format!(
            "{rows:?} {customers:?} {methods:?} {intents:?} {effects:?} {open_operations:?} {digests:?}"
        ))
    }

    /// A client as any program has one.
    pub(crate) fn http_client(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// The last lines of each instance's log.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for instance in &mut self.instances {
            let port = instance.port;
            let of_instance = instance.complaints().iter();
            lines.extend(of_instance.map(|line| format!("{port}: {line}")));
        }
        lines
    }
}
