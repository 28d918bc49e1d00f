//! Files of master keys.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use billfold_vault::{KeyFileError, MasterKeysError, load_or_create, read};
use secrecy::ExposeSecret as _;

use crate::support::{id, line};

#[test]
fn one_is_made_once_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master-key");
    let lines: Vec<String> = std::thread::scope(|scope| {
        let making: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| load_or_create(&path, id("development")).unwrap()))
            .collect();
        making
            .into_iter()
            .map(|made| made.join().unwrap().current().line().expose_secret().to_owned())
            .collect()
    });
    assert!(
        lines.iter().all(|line| *line == lines[0]),
        "all of them have the same"
    );
    assert!(lines[0].starts_with("development:"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}

#[test]
fn what_cannot_be_used_is_told_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    let refused = |name: &str| {
        let error = read(&path(name)).err().unwrap();
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    assert!(matches!(refused("nowhere"), KeyFileError::Unreadable { .. }));
    assert!(matches!(
        read(directory.path()).err(),
        Some(KeyFileError::NotKeys { .. })
    ));
    fs::write(path("empty"), "\n").unwrap();
    let empty = refused("empty");
    assert!(matches!(
        &empty,
        KeyFileError::Unusable {
            reason: MasterKeysError::Empty,
            ..
        }
    ));
    assert!(empty.to_string().contains("billfold keys generate"), "{empty}");
    fs::write(path("large"), "x".repeat(20_000)).unwrap();
    assert!(matches!(refused("large"), KeyFileError::NotKeys { .. }));
    fs::write(path("binary"), [0xff, 0xfe]).unwrap();
    assert!(matches!(refused("binary"), KeyFileError::NotKeys { .. }));
    let unwritable = load_or_create(&path("nowhere/master-key"), id("a"))
        .err()
        .unwrap();
    assert!(
        matches!(unwritable, KeyFileError::Unwritable { .. }),
        "{unwritable}"
    );
    // What is there and is wrong is never replaced.
    assert!(load_or_create(&path("empty"), id("a")).is_err());
    fs::write(path("good"), format!("{}\n{}\n", line("b"), line("a"))).unwrap();
    assert_eq!(read(&path("good")).unwrap().current().id().as_str(), "b");
}
