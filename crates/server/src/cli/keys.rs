//! `billfold keys`

use std::{collections::BTreeMap, fmt::Write as _};

use billfold_domain::{AuditAction, AuditOutcome, Clock as _, ProjectId, SystemClock};
use billfold_store::{InstallationSecret, InstallationSecrets, Projects, Rotation, StoreError};
use billfold_vault::{MasterKey, MasterKeyId, Standing};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use time::Duration;

use super::{
    CommandError, DatabaseArguments,
    master_keys::{self, MasterKeyArguments},
    operator_log::OperatorLog,
    print,
};
use crate::terminal::Progress;

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Prints a new master key as a line for the master key file, and nothing else.
    Generate(Generate),
    /// Wraps every data key, and seals every secret of the installation, with the current master key. Beside running instances; may be repeated when it was cut short.
    Rotate(Rotate),
    /// Shows how many data keys and secrets of the installation each master key seals: the line of one that seals none may
    /// be taken away.
    Status(Status),
}

#[derive(Debug, Args)]
pub(super) struct Generate {
    /// Its name: 1 to 64 characters of A-Z, a-z, 0-9, _ and -. Without it: the time of its making.
    #[arg(long, env = "BILLFOLD_KEYS_GENERATE_ID", value_name = "NAME")]
    id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Also gives each project a new data key, and seals its secrets anew with it.
    #[arg(long, env = "BILLFOLD_KEYS_ROTATE_DATA_KEYS")]
    data_keys: bool,
    #[arg(
        help = "With --data-keys: leaves data keys alone that are younger than this, in seconds, so that a run that was \
                cut short goes on where it stopped; 0 leaves none alone",
        long,
        env = "BILLFOLD_KEYS_ROTATE_OLDER_THAN",
        default_value_t = 3_600,
        value_name = "SECONDS"
    )]
    older_than: u32,
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    master_keys: MasterKeyArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

impl Keys {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Generate(generate) => generate.run(),
            Self::Rotate(rotate) => rotate.run().await,
            Self::Status(status) => status.run().await,
        }
    }
}

impl Generate {
    fn run(self) -> Result<(), CommandError> {
        let name = self.id.unwrap_or_else(|| {
            let now = crate::wire::time::rfc3339(SystemClock.now());
            // Colons end a name in the line, and points mean nothing to anyone.
            now.replace([':', '.'], "-")
        });
        let id = MasterKeyId::parse(&name).ok_or(
            "the name must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -: choose another with --id",
        )?;
        let line = MasterKey::generate(id)?.line();
        Ok(print(&format!("{}\n", line.expose_secret()))?)
    }
}

/// How many projects met with what.
#[derive(Default)]
struct Tally {
    rewrapped: usize,
    rotated: usize,
    young: usize,
    failed: usize,
}

impl Rotate {
    async fn run(self) -> Result<(), CommandError> {
        let older_than = self
            .data_keys
            .then(|| Duration::seconds(i64::from(self.older_than)));
        let database = self.database.connect().await?;
        let vault = self.master_keys.vault()?;
        let projects = master_keys::proven(&database, &vault).await?;
        let secrets = InstallationSecrets::new(database.clone(), vault);
        for secret in InstallationSecret::ALL {
            if secrets.rewrap(secret).await? {
                print(&format!(
                    "The installation's secret {}: sealed anew\n",
                    secret.name()
                ))?;
            }
        }
        let log = OperatorLog::start(&database);
        let all = projects.list().await?;
        let mut tally = Tally::default();
        let progress = Progress::begin("projects", all.len(), true);
        for (place, project) in all.iter().enumerate() {
            progress.at(project.id.as_str());
            match renew(&projects, &project.id, older_than).await {
                Ok((rotation, rewrapped)) => {
                    let of_all = format!("{} of {}: {}", place + 1, all.len(), project.id);
                    if let Some(line) = tally.count(rotation, rewrapped) {
                        let (action, outcome) = (AuditAction::KeysRotate, AuditOutcome::Succeeded);
                        log.record(&project.id, action, &project.id, outcome).await?;
                        print(&format!("{of_all}: {line}\n"))?;
                    }
                }
                Err(error) => {
                    tally.failed += 1;
                    tracing::error!(%error, project = %project.id, "a project's keys are as they were");
                }
            }
            progress.advance();
        }
        drop(progress);
        print(&tally.text(all.len(), older_than)?)?;
        if tally.failed == 0 {
            return Ok(());
        }
        let (failed, all) = (tally.failed, all.len());
        Err(format!(
            "{failed} of {all} projects could not be done: read the log above, and run it again when it is mended"
        )
        .into())
    }
}

/// Gives a project a new data key, where one older than this is to go, and has the current master key wrap what is left.
async fn renew(
    projects: &Projects,
    id: &ProjectId,
    older_than: Option<Duration>,
) -> Result<(Option<Rotation>, usize), StoreError> {
    let rotation = match older_than {
        Some(age) => {
            let now = SystemClock.now();
            Some(projects.rotate_data_key(id, now.plus(-age), now).await?)
        }
        None => None,
    };
    Ok((rotation, projects.rewrap_data_keys(id).await?))
}

impl Tally {
    /// Counts a project, and says what was done, if anything was.
    fn count(&mut self, rotation: Option<Rotation>, rewrapped: usize) -> Option<String> {
        match rotation {
            Some(Rotation::Rotated(version)) => {
                self.rotated += 1;
                return Some(format!("sealed anew with data key {version}"));
            }
            Some(Rotation::Young) => self.young += 1,
            Some(Rotation::NoSecrets) | None => {}
        }
        if rewrapped == 0 {
            return None;
        }
        self.rewrapped += 1;
        Some("data key wrapped anew".to_owned())
    }

    fn text(&self, projects: usize, older_than: Option<Duration>) -> Result<String, std::fmt::Error> {
        let mut text = format!("Wrapped anew: {} of {projects} projects.", self.rewrapped);
        if let Some(age) = older_than {
            write!(text, " Sealed anew: {}.", self.rotated)?;
            if self.young > 0 {
                let (young, seconds) = (self.young, age.whole_seconds());
                write!(
                    text,
                    " Left alone: {young}, whose data keys are younger than {seconds} seconds."
                )?;
            }
        }
        text.push('\n');
        Ok(text)
    }
}

impl Status {
    async fn run(self) -> Result<(), CommandError> {
        let database = self.database.connect().await?;
        let vault = self.master_keys.vault()?;
        let projects = Projects::new(database.clone(), vault.clone());
        let mut wrapping: BTreeMap<String, usize> = BTreeMap::new();
        for id in vault.ids() {
            wrapping.insert(id.to_string(), 0);
        }
        let known = projects.known_master_keys().await?;
        for key in &known {
            wrapping.entry(key.id.clone()).or_default();
        }
        let secrets = InstallationSecrets::new(database.clone(), vault.clone());
        for secret in InstallationSecret::ALL {
            if let Some(key) = secrets.master_key(secret).await? {
                *wrapping.entry(key.to_string()).or_default() += 1;
            }
        }
        let plain = database.projects_with_plain_secrets().await?;
        for project in projects.list().await? {
            for key in projects.data_keys(&project.id).await? {
                *wrapping.entry(key.master_key).or_default() += 1;
            }
        }
        let width = wrapping.keys().map(String::len).chain([10]).max().unwrap_or(0);
        print(&format!("{:width$}  seals  \n", "master key"))?;
        for (id, number) in wrapping {
            let given = vault.ids().any(|given| given.as_str() == id);
            let standing = known.iter().find(|key| key.id == id).map(|key| key.standing);
            let word = match (standing, id == vault.current().as_str(), number) {
                (Some(Standing::Other), ..) => "given, and not the one that this database knows by that name",
                (_, true, _) => "current",
                (_, _, 0) if given => "seals none: its line may be taken away",
                (_, _, 0) => "seals none, not given: not needed",
                _ if given => "still needed: run billfold keys rotate",
                _ => "MISSING: give it too, what it seals cannot be opened",
            };
            print(&format!("{id:width$}  {number:5}  {word}\n"))?;
        }
        if plain > 0 {
            print(&format!(
                "The secrets of {plain} projects are in plain text: run billfold migrate with the master key.\n"
            ))?;
        }
        Ok(())
    }
}
