//! The life of a shared server, with a coordination directory of the test's own.

use super::*;
use crate::process::signal;
use crate::wait::wait_until;

const WITHIN: Duration = Duration::from_mins(1);

fn limits(idle_seconds: u64) -> Limits {
    Limits {
        idle: Duration::from_secs(idle_seconds),
        age: Duration::from_mins(5),
    }
}

fn coordination() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn running(coordination: &Path) -> RunDirectory {
    let path = fs::read_to_string(coordination.join("current")).expect("a server was started");
    RunDirectory::existing(PathBuf::from(path)).expect("the server's directory")
}

fn postmaster(directory: &RunDirectory) -> u32 {
    let file = fs::read_to_string(directory.path().join("data/postmaster.pid")).expect("a running server");
    file.lines()
        .next()
        .expect("its first line")
        .parse()
        .expect("a process id")
}

/// Makes it look as if every process that used the server had ended.
fn forget_users(directory: &RunDirectory) {
    for user in fs::read_dir(directory.path().join("users")).expect("the users") {
        fs::remove_file(user.expect("a user").path()).expect("it is ours");
    }
}

#[tokio::test]
async fn the_second_user_joins_the_first_ones_server_and_it_ends_after_the_last() {
    let coordination = coordination();
    let first = join_or_start(coordination.path(), limits(1))
        .await
        .expect("a server");
    let second = join_or_start(coordination.path(), limits(1))
        .await
        .expect("a server");
    assert_eq!(first, second);
    let directory = running(coordination.path());
    assert_eq!(
        fs::read_dir(directory.path().join("users"))
            .expect("the users")
            .count(),
        2
    );

    forget_users(&directory);
    wait_until(WITHIN, "the server's directory to go", || {
        !directory.path().exists()
    })
    .await;
    assert!(Connection::open(&first).await.is_err(), "the server has ended");

    let third = join_or_start(coordination.path(), limits(1))
        .await
        .expect("another server");
    assert_ne!(third, first);
    assert!(answers(&third).await);
    forget_users(&running(coordination.path()));
}

#[tokio::test]
async fn a_user_that_was_killed_does_not_count() {
    let coordination = coordination();
    join_or_start(coordination.path(), limits(1))
        .await
        .expect("a server");
    let directory = running(coordination.path());
    let mut user = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .expect("a process");
    let note = directory.path().join("users").join(format!("{}.x", user.id()));
    File::create(&note).expect("the user is noted");
    forget_users_but(&directory, &note);
    user.kill().expect("it is killed");
    user.wait().expect("it is gone");
    wait_until(WITHIN, "the server's directory to go", || {
        !directory.path().exists()
    })
    .await;
}

fn forget_users_but(directory: &RunDirectory, kept: &Path) {
    for user in fs::read_dir(directory.path().join("users")).expect("the users") {
        let path = user.expect("a user").path();
        if path != kept {
            fs::remove_file(path).expect("it is ours");
        }
    }
}

#[tokio::test]
async fn a_server_that_was_killed_is_replaced() {
    let coordination = coordination();
    let first = join_or_start(coordination.path(), limits(1))
        .await
        .expect("a server");
    let directory = running(coordination.path());
    signal("KILL", &[postmaster(&directory)]).expect("it runs");
    crate::wait::wait_for(WITHIN, "the server to be gone", async || {
        Connection::open(&first).await.is_err().then_some(())
    })
    .await;

    let second = join_or_start(coordination.path(), limits(1))
        .await
        .expect("another server");
    assert_ne!(first, second);
    assert!(answers(&second).await);
    assert!(!directory.accepting().exists());
    forget_users(&directory);
    forget_users(&running(coordination.path()));
}

#[tokio::test]
async fn a_server_without_a_supervisor_is_replaced_and_removed() {
    let coordination = coordination();
    let first = join_or_start(coordination.path(), limits(600))
        .await
        .expect("a server");
    let directory = running(coordination.path());
    let abandoned = postmaster(&directory);
    // What a reboot and a killed supervisor leave behind alike: nobody holds the lock.
    fs::remove_file(directory.supervisor_lock()).expect("it is ours");
    File::create(directory.supervisor_lock()).expect("it is ours");

    let second = join_or_start(coordination.path(), limits(1))
        .await
        .expect("another server");
    assert_ne!(first, second);
    assert!(!directory.path().exists());
    signal("QUIT", &[abandoned]).expect("it ran on without its directory");
    forget_users(&running(coordination.path()));
}

#[tokio::test]
async fn a_server_that_is_about_to_end_is_not_joined() {
    let coordination = coordination();
    let first = join_or_start(coordination.path(), limits(1))
        .await
        .expect("a server");
    let directory = running(coordination.path());
    fs::remove_file(directory.accepting()).expect("it was accepting");
    let second = join_or_start(coordination.path(), limits(1))
        .await
        .expect("another server");
    assert_ne!(first, second);
    assert!(answers(&first).await, "its user keeps it until the end");
    forget_users(&directory);
    forget_users(&running(coordination.path()));
}
