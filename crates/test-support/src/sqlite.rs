//! SQLite databases that are gone after the test.

use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The URL of an SQLite database that lives in the memory of one connection.
pub const SQLITE_IN_MEMORY_URL: &str = "sqlite://:memory:";

/// A place for an SQLite database in a directory of its own, deleted with all its side files on drop.
///
/// The file itself does not exist until something opens the URL.
#[derive(Debug)]
pub struct SqliteFile {
    path: PathBuf,
    url: String,
    _directory: TempDir,
}

impl SqliteFile {
    /// A new, empty place.
    ///
    /// # Panics
    /// When the temporary directory cannot be written to, or its name is not UTF-8.
    pub fn fresh() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("billfold-test-sqlite-")
            .tempdir()
            .expect("a directory for an SQLite file");
        let path = directory.path().join("billfold.sqlite");
        let text = path.to_str().expect("a temporary directory with a UTF-8 name");
        Self {
            url: format!("sqlite://{text}"),
            path,
            _directory: directory,
        }
    }

    /// Where the database file is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database's URL, `sqlite://` and the absolute path.
    pub fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_alone_and_goes_with_its_owner() {
        let first = SqliteFile::fresh();
        let second = SqliteFile::fresh();
        assert_ne!(first.path(), second.path());
        assert_eq!(first.url(), format!("sqlite://{}", first.path().display()));
        std::fs::write(first.path(), b"x").expect("the directory can be written to");
        std::fs::write(first.path().with_extension("sqlite-wal"), b"x").expect("side files too");
        let directory = first.path().parent().expect("a directory").to_path_buf();
        drop(first);
        assert!(!directory.exists());
        assert!(second.path().parent().expect("a directory").exists());
    }
}
