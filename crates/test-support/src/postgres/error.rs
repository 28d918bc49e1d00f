//! Why a test has no database.

use std::fmt;
use std::path::Path;

use super::POSTGRES_URL_VARIABLE;

/// Why a test has no database. Each one reads as a single line that says what to do.
///
/// `Debug` prints the same line as `Display`, so that `expect` shows it to the person.
#[derive(Clone, thiserror::Error)]
pub enum PostgresError {
    /// No server is installed, and none could be downloaded.
    #[error(
        "PostgreSQL is needed for this test: install the server (Debian: apt-get install postgresql; \
         macOS: brew install postgresql) or set {POSTGRES_URL_VARIABLE} ({reason})"
    )]
    Missing {
        /// What was tried.
        reason: String,
    },
    /// The URL in the environment cannot be used.
    #[error("{POSTGRES_URL_VARIABLE} must be a postgres:// URL of a running server: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The server is installed but does not run.
    #[error("the PostgreSQL server of the tests did not start: {reason}")]
    Start {
        /// The server's own words, where it had any.
        reason: String,
    },
    /// The server runs but did not do what was asked.
    #[error("the PostgreSQL server of the tests could not {task}: {reason}")]
    Database {
        /// What was asked, as the rest of a sentence.
        task: String,
        /// The server's own words.
        reason: String,
    },
    /// The migrations given for the template failed.
    #[error("the migrations of the test database failed: {reason}")]
    Migration {
        /// The migrations' own words.
        reason: String,
    },
    /// A file or directory of the server could not be used.
    #[error("the PostgreSQL server of the tests needs {path}: {reason}")]
    File {
        /// Where it is.
        path: String,
        /// The operating system's words.
        reason: String,
    },
}

impl PostgresError {
    pub(super) fn missing(reason: impl fmt::Display) -> Self {
        Self::Missing {
            reason: one_line(reason),
        }
    }

    pub(super) fn start(reason: impl fmt::Display) -> Self {
        Self::Start {
            reason: one_line(reason),
        }
    }

    pub(super) fn database(task: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Database {
            task: one_line(task),
            reason: one_line(reason),
        }
    }

    /// For `map_err` on an operation on the file at `path`.
    pub(super) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::File {
            path: path.display().to_string(),
            reason: one_line(error),
        }
    }
}

impl fmt::Debug for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The text with every run of white space, line breaks among them, made one space.
pub(super) fn one_line(text: impl fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error and its causes, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = one_line(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = one_line(error);
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_server_is_one_line_that_says_what_to_install() {
        let error = PostgresError::missing("nothing found\n  and no network");
        assert_eq!(
            format!("{error:?}"),
            "PostgreSQL is needed for this test: install the server (Debian: apt-get install postgresql; \
             macOS: brew install postgresql) or set BILLFOLD_TEST_POSTGRES_URL (nothing found and no network)"
        );
    }

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("the\ncause");
        assert_eq!(with_causes(&std::io::Error::other(inner)), "the cause");
    }
}
