//! Keys that come from an https address: a real server on this machine, and time that is given.

mod refusals;
mod rotation;
mod unknown_keys;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use billfold_auth::{ConfigError, IssuerConfig, KeySetError, KeySource, Verifier, VerifierConfig};
use billfold_domain::{Clock, UtcTimestamp};
use billfold_test_support::{KeyAnswer, KeyServer};
use tempfile::TempDir;

use crate::support::{ISSUER, at, set};

/// How long the background may take on a busy machine.
const WITHIN: Duration = Duration::from_mins(1);

/// An issuer's server, and the file that says whom to trust for it.
struct Place {
    server: KeyServer,
    directory: TempDir,
}

impl Place {
    async fn serving(answer: KeyAnswer) -> Self {
        Self::named("127.0.0.1", answer).await
    }

    async fn named(name: &str, answer: KeyAnswer) -> Self {
        let server = KeyServer::start(&[name], answer).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("authority.pem"), server.authority()).unwrap();
        Self { server, directory }
    }

    /// Serves the keys of these numbers.
    async fn of(keys: &[u8]) -> Self {
        Self::serving(KeyAnswer::Text(set(keys))).await
    }

    fn publish(&self, keys: &[u8]) {
        self.server.set(KeyAnswer::Text(set(keys)));
    }

    fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    fn config(&self) -> VerifierConfig {
        config(&self.server.url(), self.authority())
    }

    async fn verifier(&self) -> Arc<Verifier> {
        Arc::new(Verifier::new(self.config(), at(0)).await.unwrap())
    }

    /// Why there is no verifier.
    async fn refused(&self) -> KeySetError {
        refused(self.config()).await
    }
}

fn config(url: &str, authorities: PathBuf) -> VerifierConfig {
    VerifierConfig {
        issuers: vec![IssuerConfig {
            issuer: ISSUER.to_owned(),
            keys: KeySource::parse(url).unwrap(),
            project: None,
        }],
        authorities: Some(authorities),
        ..VerifierConfig::default()
    }
}

async fn refused(config: VerifierConfig) -> KeySetError {
    let url = config.issuers[0].keys.to_string();
    let error = Verifier::new(config, at(0)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(ISSUER) && text.contains(&url), "{text}");
    match error {
        ConfigError::KeySet { error, .. } => error,
        other => panic!("not a fault of the key set: {other}"),
    }
}

/// A clock that a test moves, in seconds after the present of the tests.
#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> UtcTimestamp {
        at(self.0.load(Ordering::SeqCst))
    }
}
