//! An issuer, and where its keys come from.

use std::sync::Arc;

use billfold_domain::{ProjectId, UtcTimestamp};

use crate::{
    IssuerConfig, KEY_SET_OUTAGE_LIMIT, KeySetError, KeySource,
    fetch::Fetcher,
    key_file::KeyFile,
    key_set::KeySet,
    keys_in_force::KeysInForce,
    remote_keys::{Landing, RemoteKeys},
};

/// How an issuer's key set stands: for health reports and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The issuer's name.
    pub issuer: String,
    /// How many keys are in force.
    pub keys: usize,
    /// How many key sets have been in force, this one included.
    pub generation: u64,
    /// How often the file was read, or the address asked.
    pub reads: u64,
    /// Why the newest state of the file or the address is not in force, if so: the last good set is.
    pub problem: Option<String>,
}

/// An issuer with its current keys.
pub(crate) struct Issuer {
    pub(crate) project: Option<ProjectId>,
    keys: KeysInForce,
    source: Source,
}

enum Source {
    Inline,
    File(KeyFile),
    Https(RemoteKeys),
}

impl Issuer {
    /// Reads the issuer's key set for the first time. Here, and only here, an unusable one is an error.
    pub(crate) async fn load(
        config: IssuerConfig,
        development_allowed: bool,
        fetcher: &Fetcher,
        now: UtcTimestamp,
    ) -> Result<Self, KeySetError> {
        let (source, text) = match config.keys {
            KeySource::Inline(text) => (Source::Inline, text.into_bytes()),
            KeySource::File(path) => {
                let (file, text) = KeyFile::open(path, now)?;
                (Source::File(file), text)
            }
            KeySource::Https(url) => {
                let (remote, text) = RemoteKeys::fetch_first(url, fetcher.clone(), now).await?;
                (Source::Https(remote), text)
            }
        };
        let keys = KeysInForce::first(config.issuer.into(), development_allowed, &text)?;
        if let Source::Https(_) = source {
            keys.keep_until(now.plus(KEY_SET_OUTAGE_LIMIT));
        }
        Ok(Self {
            project: config.project,
            keys,
            source,
        })
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        self.keys.issuer()
    }

    /// The keys in force.
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        self.keys.get()
    }

    /// Which key set is in force.
    pub(crate) fn generation(&self) -> u64 {
        self.keys.generation()
    }

    /// Whether the keys may still be relied on, after an outage of their address.
    pub(crate) fn keys_are_good_at(&self, now: UtcTimestamp) -> bool {
        self.keys.are_good_at(now)
    }

    /// Looks at the file when it is time to. An address is looked after in the background.
    pub(crate) fn refresh_when_due(&self, now: UtcTimestamp) {
        if let Source::File(file) = &self.source {
            file.refresh_when_due(&self.keys, now);
        }
    }

    /// Looks for a key that a token names and that is not in force: in the file at once; at an address in the
    /// background, whose end can be waited for.
    pub(crate) fn refresh_for_unknown_key(&self, now: UtcTimestamp) -> Option<Landing> {
        match &self.source {
            Source::Inline => None,
            Source::File(file) => {
                file.refresh_for_unknown_key(&self.keys, now);
                None
            }
            Source::Https(remote) => remote.ask(now),
        }
    }

    /// Whether the keys come over the network.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.source, Source::Https(_))
    }

    /// Fetches the keys when that is due or asked for; nothing for keys that do not come over the network.
    pub(crate) async fn fetch_when_due(&self, now: UtcTimestamp) {
        if let Source::Https(remote) = &self.source {
            remote.refresh(&self.keys, now).await;
        }
    }

    /// Returns when a fetch may be due; never for keys that do not come over the network.
    pub(crate) async fn fetch_wanted(&self) {
        match &self.source {
            Source::Https(remote) => remote.wanted().await,
            Source::Inline | Source::File(_) => std::future::pending().await,
        }
    }

    pub(crate) fn status(&self) -> IssuerStatus {
        let keys = self.keys();
        let (reads, problem) = match &self.source {
            Source::Inline => (0, None),
            Source::File(file) => (file.reads(), file.problem()),
            Source::Https(remote) => (remote.fetches(), remote.problem()),
        };
        IssuerStatus {
            issuer: self.name().to_string(),
            keys: keys.len(),
            generation: keys.generation,
            reads,
            problem: problem.map(|problem| problem.to_string()),
        }
    }
}
