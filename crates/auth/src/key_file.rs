//! A key set in a file, read again when it changes.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration as StdDuration, SystemTime},
};

use billfold_domain::UtcTimestamp;
use parking_lot::Mutex;

use crate::{
    KEY_FILE_CHECK_INTERVAL, KeySetError, MAXIMUM_KEY_SET_LENGTH, UNKNOWN_KEY_REFRESH_INTERVAL,
    keys_in_force::{KeysInForce, within},
};

/// How long a caller with an unknown key waits for another caller who is reading the file.
const WAIT_FOR_REFRESH: StdDuration = StdDuration::from_millis(50);

/// A key set's file, and when it was last looked at.
pub(crate) struct KeyFile {
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

impl KeyFile {
    /// Reads the file for the first time, and gives its text too.
    pub(crate) fn open(path: PathBuf, now: UtcTimestamp) -> Result<(Self, Vec<u8>), KeySetError> {
        let (fingerprint, text) = read_file(&path)?;
        let state = FileState {
            seen: Some(fingerprint),
            text: text.clone(),
            read_at: now,
            forced_at: None,
            problem: None,
        };
        let file = Self {
            path,
            checked_at: AtomicI64::new(now.microseconds()),
            reads: AtomicU64::new(1),
            state: Mutex::new(state),
        };
        Ok((file, text))
    }

    /// How often the file was read.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Why the newest state of the file is not in force, if so.
    pub(crate) fn problem(&self) -> Option<KeySetError> {
        self.state.lock().problem.clone()
    }

    /// Looks at the file when it is time to: one caller does, the others go on with the keys in force.
    pub(crate) fn refresh_when_due(&self, keys: &KeysInForce, now: UtcTimestamp) {
        if !self.is_due(now) {
            return;
        }
        if let Some(mut state) = self.state.try_lock()
            && self.is_due(now)
        {
            self.look(keys, &mut state, now, false);
        }
    }

    /// Reads the file because a token names a key that is not in force, unless that happened a moment ago: anyone
    /// can send such tokens, as many as he likes.
    pub(crate) fn refresh_for_unknown_key(&self, keys: &KeysInForce, now: UtcTimestamp) {
        // Whoever comes second waits for the first, so that both see the key that has just been added.
        let Some(mut state) = self.state.try_lock_for(WAIT_FOR_REFRESH) else {
            return;
        };
        if state
            .forced_at
            .is_some_and(|forced_at| within(now, forced_at, UNKNOWN_KEY_REFRESH_INTERVAL))
        {
            return;
        }
        state.forced_at = Some(now);
        self.look(keys, &mut state, now, true);
    }

    fn look(&self, keys: &KeysInForce, state: &mut FileState, now: UtcTimestamp, always: bool) {
        self.checked_at.store(now.microseconds(), Ordering::Relaxed);
        // A change that leaves no trace in the file's data must still be seen in time, so unchanged files are read too,
        // only less often.
        let fresh = within(now, state.read_at, UNKNOWN_KEY_REFRESH_INTERVAL);
        let unchanged =
            || fs::metadata(&self.path).is_ok_and(|now| state.seen == Some(Fingerprint::of(&now)));
        if !always && fresh && unchanged() {
            return;
        }
        state.read_at = now;
        self.reads.fetch_add(1, Ordering::Relaxed);
        let replaced = read_file(&self.path).and_then(|(fingerprint, text)| {
            state.seen = Some(fingerprint);
            if text != state.text {
                keys.replace(&text)?;
                state.text = text;
            }
            Ok(())
        });
        let problem = replaced.err();
        // Said once for each new problem, not every few seconds.
        if let Some(problem) = &problem
            && state.problem.as_ref() != Some(problem)
        {
            tracing::warn!(issuer = %keys.issuer(), file = %self.path.display(), %problem, "the issuer's key set cannot be used: the last good one stays in force");
        }
        state.problem = problem;
    }

    fn is_due(&self, now: UtcTimestamp) -> bool {
        let checked_at = UtcTimestamp::from_microseconds(self.checked_at.load(Ordering::Relaxed));
        !within(now, checked_at, KEY_FILE_CHECK_INTERVAL)
    }
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
