//! An issuer, and its keys as they are now.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration as StdDuration, SystemTime},
};

use billfold_domain::{ProjectId, UtcTimestamp};
use parking_lot::{Mutex, RwLock};

use crate::{
    IssuerConfig, KEY_FILE_CHECK_INTERVAL, KeySetError, KeySource, MAXIMUM_KEY_SET_LENGTH,
    UNKNOWN_KEY_REFRESH_INTERVAL, key_set::KeySet,
};

/// How long a caller with an unknown key waits for another caller who is reading the file.
const WAIT_FOR_REFRESH: StdDuration = StdDuration::from_millis(50);

/// How an issuer's key set stands: for health reports and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The issuer's name.
    pub issuer: String,
    /// How many keys are in force.
    pub keys: usize,
    /// How many key sets have been in force, this one included.
    pub generation: u64,
    /// How often the file was read.
    pub reads: u64,
    /// Why the newest state of the file is not in force, if so: the last good set is.
    pub problem: Option<String>,
}

/// An issuer with its current keys.
pub(crate) struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) project: Option<ProjectId>,
    development_allowed: bool,
    current: RwLock<Arc<KeySet>>,
    /// The current set's generation, to be compared without a lock.
    generation: AtomicU64,
    file: Option<KeyFile>,
}

/// A key set's file, and when it was last looked at.
struct KeyFile {
    path: PathBuf,
    /// Microseconds since the epoch, read without a lock on every request.
    checked_at: AtomicI64,
    reads: AtomicU64,
    state: Mutex<FileState>,
}

/// What was last seen of a file. Who holds the lock is the only one who reads it.
struct FileState {
    seen: Option<Fingerprint>,
    text: Vec<u8>,
    read_at: UtcTimestamp,
    /// When a token's unknown key last made the file be read.
    forced_at: Option<UtcTimestamp>,
    problem: Option<KeySetError>,
}

/// What changes when a file does. A replaced file may keep its length and its modification time; the inode and the
/// change time give it away.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
    changed: (i64, i64),
}

impl Issuer {
    /// Reads the issuer's key set for the first time. Here, and only here, an unusable one is an error.
    pub(crate) fn load(
        config: IssuerConfig,
        development_allowed: bool,
        now: UtcTimestamp,
    ) -> Result<Self, KeySetError> {
        config.keys.check()?;
        let (set, file) = match config.keys {
            KeySource::Inline(text) => (KeySet::parse(text.as_bytes(), 1, development_allowed)?, None),
            KeySource::File(path) => {
                let (fingerprint, text) = read_file(&path)?;
                let set = KeySet::parse(&text, 1, development_allowed)?;
                let state = FileState {
                    seen: Some(fingerprint),
                    text,
                    read_at: now,
                    forced_at: None,
                    problem: None,
                };
                let file = KeyFile {
                    path,
                    checked_at: AtomicI64::new(now.microseconds()),
                    reads: AtomicU64::new(1),
                    state: Mutex::new(state),
                };
                (set, Some(file))
            }
        };
        Ok(Self {
            name: config.issuer.into(),
            project: config.project,
            development_allowed,
            generation: AtomicU64::new(set.generation),
            current: RwLock::new(Arc::new(set)),
            file,
        })
    }

    /// The keys in force.
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read())
    }

    /// Which key set is in force.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Looks at the file when it is time to: one caller does, the others go on with the keys in force.
    pub(crate) fn refresh_when_due(&self, now: UtcTimestamp) {
        let Some(file) = &self.file else { return };
        if !file.is_due(now) {
            return;
        }
        if let Some(mut state) = file.state.try_lock()
            && file.is_due(now)
        {
            self.look(file, &mut state, now, false);
        }
    }

    /// Reads the file because a token names a key that is not in force, unless that happened a moment ago: anyone
    /// can send such tokens, as many as he likes.
    pub(crate) fn refresh_for_unknown_key(&self, now: UtcTimestamp) {
        let Some(file) = &self.file else { return };
        // Whoever comes second waits for the first, so that both see the key that has just been added.
        let Some(mut state) = file.state.try_lock_for(WAIT_FOR_REFRESH) else {
            return;
        };
        if state
            .forced_at
            .is_some_and(|forced_at| within(now, forced_at, UNKNOWN_KEY_REFRESH_INTERVAL))
        {
            return;
        }
        state.forced_at = Some(now);
        self.look(file, &mut state, now, true);
    }

    pub(crate) fn status(&self) -> IssuerStatus {
        let keys = self.keys();
        IssuerStatus {
            issuer: self.name.to_string(),
            keys: keys.len(),
            generation: keys.generation,
            reads: self
                .file
                .as_ref()
                .map_or(0, |file| file.reads.load(Ordering::Relaxed)),
            problem: self
                .file
                .as_ref()
                .and_then(|file| file.state.lock().problem.as_ref().map(ToString::to_string)),
        }
    }

    fn look(&self, file: &KeyFile, state: &mut FileState, now: UtcTimestamp, always: bool) {
        file.checked_at.store(now.microseconds(), Ordering::Relaxed);
        // A change that leaves no trace in the file's data must still be seen in time, so unchanged files are read too,
        // only less often.
        let fresh = within(now, state.read_at, UNKNOWN_KEY_REFRESH_INTERVAL);
        let unchanged =
            || fs::metadata(&file.path).is_ok_and(|now| state.seen == Some(Fingerprint::of(&now)));
        if !always && fresh && unchanged() {
            return;
        }
        state.read_at = now;
        file.reads.fetch_add(1, Ordering::Relaxed);
        let replaced = read_file(&file.path).and_then(|(fingerprint, text)| {
            state.seen = Some(fingerprint);
            if text == state.text {
                return Ok(None);
            }
            let generation = self.generation() + 1;
            let set = KeySet::parse(&text, generation, self.development_allowed)?;
            state.text = text;
            Ok(Some(set))
        });
        match replaced {
            Ok(set) => {
                state.problem = None;
                if let Some(set) = set {
                    tracing::info!(issuer = %self.name, keys = set.len(), "the issuer's key set was replaced");
                    self.replace(set);
                }
            }
            Err(problem) => {
                // Said once for each new problem, not every few seconds.
                if state.problem.as_ref() != Some(&problem) {
                    tracing::warn!(issuer = %self.name, file = %file.path.display(), %problem, "the issuer's key set cannot be used: the last good one stays in force");
                }
                state.problem = Some(problem);
            }
        }
    }

    fn replace(&self, set: KeySet) {
        let generation = set.generation;
        let mut current = self.current.write();
        *current = Arc::new(set);
        self.generation.store(generation, Ordering::Release);
    }
}

impl KeyFile {
    fn is_due(&self, now: UtcTimestamp) -> bool {
        let checked_at = UtcTimestamp::from_microseconds(self.checked_at.load(Ordering::Relaxed));
        !within(now, checked_at, KEY_FILE_CHECK_INTERVAL)
    }
}

/// Whether less than the interval has passed. When the clock was set back, it has not: nothing waits for it.
fn within(now: UtcTimestamp, since: UtcTimestamp, interval: time::Duration) -> bool {
    since <= now && now < since.plus(interval)
}

impl Fingerprint {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;

        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            inode: 0,
            changed: (0, 0),
        }
    }
}

/// A file's text and what it looked like just before it was read: a change in between is seen the next time.
fn read_file(path: &Path) -> Result<(Fingerprint, Vec<u8>), KeySetError> {
    let unreadable = |error: io::Error| KeySetError::Unreadable {
        reason: error.kind().to_string(),
    };
    // Asked before opening, because opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(KeySetError::NotAFile);
    }
    let file = File::open(path).map_err(unreadable)?;
    let fingerprint = Fingerprint::of(&file.metadata().map_err(unreadable)?);
    let mut text = Vec::new();
    // One byte more than allowed is enough to know that there are too many.
    file.take(MAXIMUM_KEY_SET_LENGTH as u64 + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    Ok((fingerprint, text))
}
