//! The state file: a line of JSON for each request that changed something.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::state::{Change, World};

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("the sandbox's state file {path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another sandbox has it open.
    #[error("the sandbox's state file {path} is in use by another process; stop it, or name another file")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line before the last one cannot be read.
    #[error("line {line} of the sandbox's state file {path} is damaged; move the file away to start empty")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
    },
}

/// An open state file. It is locked against other sandboxes while it is open.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Reads the file into the state, writes it anew without what is out of date, and leaves it open.
    pub(crate) fn open(path: &Path, world: &mut World) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let old = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        lock(&old, path)?;
        read(&old, path, world)?;

        let mut fresh_path = path.as_os_str().to_owned();
        fresh_path.push(".new");
        let fresh_path = PathBuf::from(fresh_path);
        let fresh = File::create(&fresh_path).map_err(failed)?;
        lock(&fresh, &fresh_path)?;
        let mut writer = BufWriter::new(&fresh);
        for change in world.snapshot() {
            write_line(&mut writer, std::slice::from_ref(&change)).map_err(failed)?;
        }
        writer.flush().map_err(failed)?;
        drop(writer);
        fresh.sync_all().map_err(failed)?;
        std::fs::rename(&fresh_path, path).map_err(failed)?;
        Ok(Self { file: fresh })
    }

    /// Adds the changes of one request, all or none of which are read back.
    pub(crate) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, changes)?;
        // One write for the whole line. It need not reach the disk: the file must outlive the process, not the machine.
        self.file.write_all(&line)
    }
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => JournalError::InUse {
            path: path.to_owned(),
        },
        TryLockError::Error(source) => JournalError::Io {
            path: path.to_owned(),
            source,
        },
    })
}

fn write_line(writer: &mut impl Write, changes: &[Change]) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, changes)?;
    writer.write_all(b"\n")
}

fn read(file: &File, path: &Path, world: &mut World) -> Result<(), JournalError> {
    let mut damaged = None;
    for (position, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(|source| JournalError::Io {
            path: path.to_owned(),
            source,
        })?;
        // Only the last line may be torn: a process that was killed while it wrote leaves such a one.
        if let Some(line) = damaged {
            return Err(JournalError::Damaged {
                path: path.to_owned(),
                line,
            });
        }
        match serde_json::from_slice::<Vec<Change>>(&line) {
            Ok(changes) => changes
                .into_iter()
                .for_each(|change| world.apply(&change.account, change.record)),
            Err(_) => damaged = Some(position + 1),
        }
    }
    Ok(())
}
