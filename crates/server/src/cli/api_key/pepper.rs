//! Where the secret comes from that API keys are hashed with. Here and nowhere else is it read or made.
//!
//! Without it no key is good any more, so that it must outlive every other secret of the installation.

use std::path::PathBuf;

use billfold_auth::ApiKeyPepper;
use billfold_domain::{Clock as _, SystemClock};
use billfold_store::{Database, InstallationSecret, InstallationSecrets};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::CommandError;

#[derive(Debug, Args)]
pub(in crate::cli) struct PepperArguments {
    /// The file that holds the secret that API keys are hashed with: 32 random bytes in base64, as
    /// openssl rand -base64 32 makes them. The same for every instance and for billfold api-key create.
    #[arg(long, env = "BILLFOLD_API_KEY_PEPPER_FILE", value_name = "FILE")]
    api_key_pepper_file: Option<PathBuf>,
}

impl PepperArguments {
    /// The pepper of the file, or the one that `billfold dev` has left in its database; `None` when there is neither.
    pub(in crate::cli) async fn read(
        &self,
        database: &Database,
    ) -> Result<Option<ApiKeyPepper>, CommandError> {
        let Some(file) = &self.api_key_pepper_file else {
            let secrets = InstallationSecrets::new(database.clone());
            let kept = secrets.find(InstallationSecret::ApiKeyPepper).await?;
            return kept.map(|kept| open(&kept)).transpose();
        };
        let file_name = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("the API key pepper's file {file_name} cannot be read: {error}"))?;
        let pepper = ApiKeyPepper::parse(&SecretString::from(text))
            .map_err(|error| format!("the file {file_name}: {error}"))?;
        Ok(Some(pepper))
    }

    /// The same, for whoever cannot do without.
    pub(super) async fn require(&self, database: &Database) -> Result<ApiKeyPepper, CommandError> {
        self.read(database).await?.ok_or_else(|| {
            "there is no API key pepper, the secret that API keys are hashed with: make one with \
             openssl rand -base64 32, keep it in a file that every instance has, and name the file with \
             --api-key-pepper-file"
                .into()
        })
    }
}

/// The pepper that is kept in the database, made on the first call. For development: it lies there as it is.
pub(in crate::cli) async fn kept_in(database: &Database) -> Result<ApiKeyPepper, CommandError> {
    let secrets = InstallationSecrets::new(database.clone());
    let candidate = seal(&ApiKeyPepper::generate()?);
    let kept = secrets
        .find_or_keep(InstallationSecret::ApiKeyPepper, &candidate, SystemClock.now())
        .await?;
    open(&kept)
}

/// What a secret that is stored as it is begins with.
const UNSEALED: &str = "unsealed:";

fn seal(pepper: &SecretString) -> SecretString {
    SecretString::from(format!("{UNSEALED}{}", pepper.expose_secret()))
}

fn open(kept: &SecretString) -> Result<ApiKeyPepper, CommandError> {
    let pepper = kept
        .expose_secret()
        .strip_prefix(UNSEALED)
        .and_then(|text| ApiKeyPepper::parse(&SecretString::from(text)).ok());
    pepper.ok_or_else(|| "the API key pepper in the database cannot be read: it was changed by hand".into())
}
