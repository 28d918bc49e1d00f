//! Where commands have the master keys from.

use std::path::{Path, PathBuf};

use billfold_store::{Database, Projects};
use billfold_vault::{MasterKeyId, MasterKeys, Vault};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::CommandError;

/// The variable that has the master keys themselves. No option has them: arguments are seen by every process.
const VARIABLE: &str = "BILLFOLD_MASTER_KEYS";

/// The name of a development server's own key, and of its file in the data directory.
const DEVELOPMENT_KEY: &str = "development";
const DEVELOPMENT_FILE: &str = "master-key";

/// The master keys that a command opens and seals secrets with.
#[derive(Debug, Args)]
pub(super) struct MasterKeyArguments {
    /// The file of the master keys, which secrets in the database are sealed under: a line for each, as billfold keys
    /// generate prints it, the current one first. Without it, the variable `BILLFOLD_MASTER_KEYS` has the same lines,
    /// separated by commas.
    #[arg(long, env = "BILLFOLD_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
}

impl MasterKeyArguments {
    /// The projects of a database, with master keys that are proven to be its own.
    pub(super) async fn open(&self, database: &Database) -> Result<Projects, CommandError> {
        proven(database, &self.vault()?).await
    }

    /// The master keys. Says what to do where there are none.
    pub(super) fn vault(&self) -> Result<Vault, CommandError> {
        self.vault_if_given()?.ok_or_else(|| {
            format!(
                "a master key is missing, under which secrets in the database are sealed: name its file with \
                 --master-key-file, or give it in {VARIABLE}; billfold keys generate makes one"
            )
            .into()
        })
    }

    /// The master keys, where any were given.
    pub(super) fn vault_if_given(&self) -> Result<Option<Vault>, CommandError> {
        let keys = match (&self.master_key_file, from_environment()?) {
            (Some(_), Some(_)) => {
                return Err(
                    format!("the master keys come from --master-key-file or from {VARIABLE}, not from both: take one away")
                        .into(),
                );
            }
            (Some(file), None) => billfold_vault::read(file)?,
            (None, Some(lines)) => {
                MasterKeys::parse(lines.expose_secret()).map_err(|error| format!("{VARIABLE}: {error}"))?
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Vault::new(keys)))
    }
}

/// The projects of a database, with master keys that are proven to be its own.
pub(super) async fn proven(database: &Database, vault: &Vault) -> Result<Projects, CommandError> {
    let projects = Projects::new(database.clone(), vault.clone());
    projects.prove_master_keys().await?;
    Ok(projects)
}

fn from_environment() -> Result<Option<SecretString>, CommandError> {
    match std::env::var(VARIABLE) {
        Ok(lines) => Ok(Some(SecretString::from(lines))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{VARIABLE} is not text").into()),
    }
}

/// The master key that a development server keeps in its data directory. Made when there is none.
pub(super) fn of_development(data_dir: &Path) -> Result<Vault, CommandError> {
    let id = MasterKeyId::parse(DEVELOPMENT_KEY).ok_or("the development key's name is none")?;
    let keys = billfold_vault::load_or_create(&data_dir.join(DEVELOPMENT_FILE), id)?;
    Ok(Vault::new(keys))
}
