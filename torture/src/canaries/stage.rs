//! Everything that runs, with secrets that are known, and everything that it writes.

use std::net::SocketAddr;

use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    TortureError,
    canaries::{
        cards::{Deck, Style},
        papers::{Papers, Place},
        secrets::{Secrets, master_key, random_text},
    },
    clients::http_client,
    database::{Database, DatabaseKind},
    edge::wire::exchange,
    platform::{Run, Serving},
    program::{Instance, Program, Said, ServeOptions, quiet_port},
    sandbox::{Sandbox, Tenant},
    token::Issuer,
};

/// The audience of operators' tokens.
const OPERATORS: &str = "billfold-operator";

/// An answer, and what it was found to give.
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A request to be made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) token: &'a str,
    /// More headers, each with its line's end.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
}

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) program: Program,
    pub(crate) options: ServeOptions,
    pub(crate) sandbox: Sandbox,
    pub(crate) database: Database,
    pub(crate) tenants: [Tenant; 2],
    pub(crate) instances: Vec<Instance>,
    pub(crate) issuer: Issuer,
    pub(crate) secrets: Secrets,
    pub(crate) deck: Deck,
    pub(crate) papers: Papers,
    /// The line of the master key that everything is sealed under first, and of the one that takes its place.
    pub(crate) master_keys: [String; 2],
    pub(crate) requests: usize,
    pub(crate) commands: usize,
    http: reqwest::Client,
    // Last, so that it goes when nothing uses it any more.
    _directory: TempDir,
}

impl Stage {
    /// Sets everything up, as an operator would, but for the instances.
    pub(crate) async fn set(run: &Run, kind: DatabaseKind) -> Result<Self, TortureError> {
        let directory = tempfile::tempdir()?;
        let mut secrets = Secrets::default();
        let master_keys = ["old", "new"].map(master_key);
        for line in &master_keys {
            secrets.add_master_key(&format!("master key {}", &line[..3]), line);
        }
        let mut program = Program::find(run.billfold.as_deref(), directory.path())?;
        program.environment = vec![
            ("BILLFOLD_LOG", "trace".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
            ("BILLFOLD_MASTER_KEYS", master_keys[0].clone()),
        ];
        let sandbox = Sandbox::start(&program).await?;
        let database = Database::start(kind).await?;
        database.log_statements().await?;
        if let Database::Postgres(postgres) = &database {
            secrets.add("database password", postgres.password());
        }
        let issuer = Issuer::new(directory.path())?;
        let options = ServeOptions {
            database: database.url(),
            issuer: issuer.argument(),
            stripe: sandbox.url.clone(),
            serving: Serving {
                more: vec![
                    "--operator-issuer".to_owned(),
                    issuer.argument(),
                    "--metrics-listen".to_owned(),
                    "127.0.0.1:0".to_owned(),
                ],
                log: Some("trace"),
            },
        };
        Ok(Self {
            tenants: ["amber", "birch"].map(|name| tenant(name, &mut secrets)),
            program,
            options,
            sandbox,
            database,
            instances: Vec::new(),
            issuer,
            secrets,
            deck: Deck::default(),
            papers: Papers::default(),
            master_keys,
            requests: 0,
            commands: 0,
            http: http_client()?,
            _directory: directory,
        })
    }

    /// Starts the instances, and waits until they are ready.
    pub(crate) async fn serve(&mut self, kind: DatabaseKind) -> Result<(), TortureError> {
        let mut chance = StdRng::seed_from_u64(u64::from(std::process::id()));
        for _ in 0..kind.instances() {
            let port = quiet_port(&mut chance)?;
            self.instances
                .push(Instance::start(&self.program, &self.options, port)?);
        }
        self.ready().await
    }

    /// Waits until every instance is ready, and looks at its arguments.
    pub(crate) async fn ready(&mut self) -> Result<(), TortureError> {
        for instance in &mut self.instances {
            instance.ready(&self.http, &self.program, &self.options).await?;
            let arguments = std::fs::read(format!("/proc/{}/cmdline", instance.process_id()))?;
            self.papers.add(Place::Arguments, "serve", arguments);
        }
        Ok(())
    }

    /// Takes what an instance has written, before it is started again.
    pub(crate) fn keep_log(&mut self, instance: usize) {
        let lines = self.instances[instance].written().join("\n");
        self.papers.add(Place::ServerLog, "serve", lines.into_bytes());
    }

    /// Takes what an instance tells Prometheus, before it begins at nought again.
    pub(crate) async fn keep_metrics(&mut self, instance: usize) -> Result<(), TortureError> {
        let address = self.instances[instance].metrics_address()?;
        let metrics = self.http.get(format!("http://{address}/metrics")).send().await?;
        let text = metrics.error_for_status()?.bytes().await?;
        self.papers.add(Place::Metrics, "serve", text.to_vec());
        Ok(())
    }

    /// Ends an instance by a signal and starts it again.
    pub(crate) async fn end_by(&mut self, instance: usize, signal: &str) -> Result<(), TortureError> {
        self.keep_metrics(instance).await?;
        self.instances[instance].end_by(signal).await?;
        self.keep_log(instance);
        self.instances[instance].kill_and_restart(&self.program, &self.options)?;
        self.ready().await
    }

    /// Makes a request of one of the instances, and keeps the answer. One that gives a client secret is there to do so
    /// where `gives` says so; the secret is looked for everywhere else.
    pub(crate) async fn ask(&mut self, asked: Asked<'_>, gives: bool) -> Heard {
        let port = self.instances[self.requests % self.instances.len()].port;
        self.requests += 1;
        let received = exchange(SocketAddr::from(([127, 0, 0, 1], port)), &bytes(asked)).await;
        let what = format!("{} {}", asked.method, asked.target);
        let text = String::from_utf8_lossy(&received);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let secret = ["clientSecret", "client_secret"]
            .into_iter()
            .find_map(|name| body[name].as_str());
        match secret.and_then(|secret| secret.split_once("_secret_")) {
            Some((intent, secret)) => {
                // The same one is given again by another request.
                let name = format!("client secret of {intent}");
                self.secrets.add(&name, secret);
                let name = if gives { name } else { String::new() };
                self.papers
                    .add_giving(Place::Answers, what, received.clone(), &name);
            }
            None => self.papers.add(Place::Answers, what, received.clone()),
        }
        Heard {
            status: status.unwrap_or_default(),
            body,
        }
    }

    /// Runs a command, with the database that it works on, and keeps what it writes.
    pub(crate) async fn call(&mut self, arguments: &[&str], input: &str) -> Result<Said, TortureError> {
        self.call_with(arguments, &[], input).await
    }

    /// The same, with more variables.
    pub(crate) async fn call_with(
        &mut self,
        arguments: &[&str],
        environment: &[(&str, String)],
        input: &str,
    ) -> Result<Said, TortureError> {
        let mut all = vec![
            ("BILLFOLD_DATABASE_URL", self.options.database.clone()),
            ("BILLFOLD_STRIPE_API_BASE", self.options.stripe.clone()),
        ];
        all.extend_from_slice(environment);
        let said = self.program.run(arguments, &all, input).await?;
        self.commands += 1;
        // Arguments that are secrets are not repeated: this is told.
        let words: Vec<&str> = arguments.iter().copied().take(2).collect();
        let what = format!("billfold {}", words.join(" "));
        self.papers
            .add(Place::Commands, format!("{what}, errors"), said.errors.clone());
        if arguments.starts_with(&["api-key", "create"]) && said.success {
            let key = String::from_utf8_lossy(&said.output).trim().to_owned();
            let name = format!("API key {}", self.commands);
            self.secrets.add_api_key(&name, &key);
            self.papers
                .add_giving(Place::Commands, what, said.output.clone(), &name);
        } else {
            self.papers.add(Place::Commands, what, said.output.clone());
        }
        Ok(said)
    }

    /// The same, of a command that must succeed.
    pub(crate) async fn call_well(&mut self, arguments: &[&str], input: &str) -> Result<Said, TortureError> {
        let said = self.call(arguments, input).await?;
        if said.success {
            return Ok(said);
        }
        let errors = String::from_utf8_lossy(&said.errors);
        let last = errors.lines().last().unwrap_or_default();
        Err(format!("billfold {} failed: {last}", arguments.join(" ")).into())
    }

    /// A token for the project API or the account API, looked for from now on.
    pub(crate) fn token(&mut self, project: &str, subject: &str, scope: &str) -> String {
        self.signed(&json!({"aud": "billfold", "sub": subject, "project": project, "scope": scope}))
    }

    /// An operator's, too.
    pub(crate) fn operator_token(&mut self, scope: &str) -> String {
        self.signed(&json!({"aud": OPERATORS, "sub": "operator", "scope": scope}))
    }

    /// A token with these claims, looked for from now on.
    pub(crate) fn signed(&mut self, claims: &Value) -> String {
        let token = self.issuer.sign_claims(claims);
        self.secrets
            .add_token(&format!("token {}", self.secrets.number()), &token);
        token
    }

    /// A card number for one place, looked for from now on.
    pub(crate) fn card_number(&mut self, place: &str, style: Style) -> String {
        self.deck.deal(place, style, &mut self.secrets)
    }

    /// A secret that somebody mistakes for something else, looked for from now on.
    pub(crate) fn mistaken(&mut self, name: &str, prefix: &str) -> String {
        let secret = format!("{prefix}{}", random_text());
        self.secrets.add(name, &secret[prefix.len()..]);
        secret
    }
}

/// A request as bytes.
fn bytes(
    Asked {
        method,
        target,
        token,
        headers,
        body,
    }: Asked<'_>,
) -> Vec<u8> {
    let authorization = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A project with secrets of its own. What its publishable key ends with is no part of any of them.
fn tenant(name: &str, secrets: &mut Secrets) -> Tenant {
    let mut secret = |what: &str, prefix: &str| {
        let random = random_text();
        secrets.add(&format!("{what} of {name}"), &random);
        format!("{prefix}{random}")
    };
    Tenant {
        name: name.to_owned(),
        secret_key: secret("secret key", "sk_test_"),
        webhook_secrets: ["newest", "before", "oldest"]
            .map(|age| secret(&format!("{age} webhook secret"), "whsec_")),
        publishable_key: format!("pk_test_no_secret_of_{name}"),
    }
}
