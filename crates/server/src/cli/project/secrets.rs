//! Secrets from files and from standard input.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use billfold_domain::{StripeSecretKey, WebhookSecret};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::CommandError;

/// The most bytes that are read of a secret's file: one that is longer is another file.
const MAXIMUM_LENGTH: u64 = 64 * 1024;

/// Where a command's secrets are.
#[derive(Debug, Default)]
pub(super) struct SecretFiles {
    /// The secret key's file; - is standard input.
    pub(super) secret_key: Option<PathBuf>,
    /// The webhook secret's file; - is standard input.
    pub(super) webhook_secret: Option<PathBuf>,
}

impl SecretFiles {
    /// Reads the secrets. Standard input can hold one of them.
    pub(super) fn read(self) -> Result<(Option<StripeSecretKey>, Option<WebhookSecret>), CommandError> {
        let on_standard_input = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
        if on_standard_input(&self.secret_key) && on_standard_input(&self.webhook_secret) {
            return Err(
                "standard input can hold the secret key or the webhook secret, not both: \
                 give one of them with --stripe-secret-key-file or --stripe-webhook-secret-file"
                    .into(),
            );
        }
        let secret_key = self
            .secret_key
            .map(|file| {
                let text = read("the secret key", &file)?;
                StripeSecretKey::parse(text.expose_secret()).map_err(|error| wrong("the secret key", error))
            })
            .transpose()?;
        let webhook_secret = self
            .webhook_secret
            .map(|file| {
                let text = read("the webhook secret", &file)?;
                WebhookSecret::parse(text.expose_secret()).map_err(|error| wrong("the webhook secret", error))
            })
            .transpose()?;
        Ok((secret_key, webhook_secret))
    }
}

/// What is wrong with a secret, which is not repeated.
fn wrong(what: &str, error: billfold_domain::StripeKeyError) -> CommandError {
    format!("{what} {error}").into()
}

/// A secret as it lies in a file, or as standard input has it.
fn read(what: &str, file: &Path) -> Result<SecretString, CommandError> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(MAXIMUM_LENGTH).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)
            .and_then(|opened| opened.take(MAXIMUM_LENGTH).read_to_string(&mut text))
            .map_err(|error| format!("{what}'s file {} cannot be read: {error}", file.display()))?;
    }
    Ok(SecretString::from(text))
}
