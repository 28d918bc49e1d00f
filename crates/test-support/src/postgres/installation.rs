//! Where the server's programs are, and as whom they run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::download;
use super::error::PostgresError;

/// The programs of one PostgreSQL version, and the account that runs them.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    pub(super) binary_directory: PathBuf,
    /// Another account than the tests' own: the server refuses to run as root.
    pub(super) account: Option<Account>,
}

/// A user and its group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Installation {
    /// The installed server, else a downloaded one that is kept for later runs.
    pub(super) async fn find(coordination: &Path) -> Result<Self, PostgresError> {
        let account = if current_user()? == 0 {
            Some(unprivileged_account())
        } else {
            None
        };
        let binary_directory = match installed_binaries() {
            Some(directory) => directory,
            None => download::binaries(coordination, account).await?,
        };
        Ok(Self {
            binary_directory,
            account,
        })
    }

    /// A command for one of the programs, as the account, untouched by the settings of the person's own server.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binary_directory.join(program));
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"PG") || name.as_bytes().starts_with(b"LC_") {
                command.env_remove(name);
            }
        }
        // Messages in English, and a working directory that the account can surely enter.
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }
}

/// The number of the user that this process creates files as.
pub(super) fn current_user() -> Result<u32, PostgresError> {
    let directory = std::env::temp_dir();
    let metadata = tempfile::tempfile_in(&directory).and_then(|file| file.metadata());
    Ok(metadata.map_err(PostgresError::file(&directory))?.uid())
}

/// The account for a server that is started by root: `postgres`, made by the distribution's package, else `nobody`.
fn unprivileged_account() -> Account {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    account_named(&accounts, "postgres")
        .or_else(|| account_named(&accounts, "nobody"))
        .unwrap_or(Account {
            user: 65_534,
            group: 65_534,
        })
}

/// Looks an account up in the text of `/etc/passwd`.
fn account_named(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = number(fields.nth(1)?)?;
        let group = number(fields.next()?)?;
        (user != 0).then_some(Account { user, group })
    })
}

/// An account's number; macOS writes the highest ones as negative.
#[expect(
    clippy::cast_sign_loss,
    reason = "a negative number stands for the unsigned one with the same bits"
)]
fn number(text: &str) -> Option<u32> {
    text.parse::<u32>()
        .ok()
        .or_else(|| text.parse::<i32>().ok().map(|number| number as u32))
}

/// The directory of an installed server's programs, in the order in which a person would expect them to be chosen.
fn installed_binaries() -> Option<PathBuf> {
    let configured = Command::new("pg_config")
        .arg("--bindir")
        .stderr(Stdio::null())
        .output();
    let configured = configured
        .ok()
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(OsStr::from_bytes(output.stdout.trim_ascii())));
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    configured
        .into_iter()
        .chain(newest_first("/usr/lib/postgresql", "", "bin"))
        .chain(newest_first("/usr", "pgsql-", "bin"))
        .chain(std::env::split_paths(&search_path))
        .chain(newest_first("/opt/homebrew/opt", "postgresql@", "bin"))
        .chain(newest_first("/usr/local/opt", "postgresql@", "bin"))
        .chain(newest_first(
            "/Applications/Postgres.app/Contents/Versions",
            "",
            "bin",
        ))
        .find(|directory| has_server(directory))
}

pub(super) fn has_server(binary_directory: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| binary_directory.join(program).is_file())
}

/// The directories `parent/prefix<version>/suffix`, highest major version first.
pub(super) fn newest_first(parent: impl AsRef<Path>, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            let major = version.split('.').next()?.parse().ok()?;
            Some((major, entry.path().join(suffix)))
        })
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_by_name_and_never_root() {
        let accounts = "root:x:0:0::/:/bin/sh\nnobody:*:-2:-2::/:/usr/bin/false\npostgres:x:101:104:A,,:/:/bin/sh\nfalse:x:0:7::/:/x\n";
        assert_eq!(
            account_named(accounts, "postgres"),
            Some(Account {
                user: 101,
                group: 104
            })
        );
        assert_eq!(
            account_named(accounts, "nobody"),
            Some(Account {
                user: 4_294_967_294,
                group: 4_294_967_294
            })
        );
        assert_eq!(account_named(accounts, "false"), None);
        assert_eq!(account_named(accounts, "post"), None);
    }

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().expect("a directory");
        for version in ["server-9.6", "server-17", "server-18.1", "other-19", "server-x"] {
            fs::create_dir(parent.path().join(version)).expect("a directory");
        }
        let found = newest_first(parent.path(), "server-", "bin");
        let expected = ["server-18.1/bin", "server-17/bin", "server-9.6/bin"];
        assert_eq!(found, expected.map(|path| parent.path().join(path)));
        assert!(newest_first(parent.path().join("missing"), "", "").is_empty());
    }

    #[test]
    fn a_directory_counts_only_with_both_programs() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("postgres"), b"").expect("a file");
        assert!(!has_server(directory.path()));
        fs::write(directory.path().join("initdb"), b"").expect("a file");
        assert!(has_server(directory.path()));
    }

    #[test]
    fn a_command_does_not_inherit_the_persons_server() {
        let installation = Installation {
            binary_directory: PathBuf::from("/x"),
            account: None,
        };
        let command = installation.command("postgres");
        assert_eq!(command.get_program(), "/x/postgres");
        assert!(
            command
                .get_envs()
                .any(|(name, value)| name == "LC_ALL" && value == Some(OsStr::new("C")))
        );
    }
}
