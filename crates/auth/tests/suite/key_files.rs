//! Keys that come and go while tokens are verified.

use std::{fs, path::Path, thread};

use billfold_auth::{IssuerConfig, KeySource, TokenError, Verifier, VerifierConfig};
use jsonwebtoken::Algorithm;
use tempfile::TempDir;

use crate::support::{ISSUER, at, build, ed25519, jwk, key_set, named, set, token_of, with};

/// A file of keys, each made from its number and named after it.
struct KeyFile(TempDir);

impl KeyFile {
    fn new(keys: &[u8]) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.publish(keys);
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("keys.json")
    }

    /// Replaces the file at once, as a careful operator does.
    fn publish(&self, keys: &[u8]) {
        self.replace(&set(keys));
    }

    fn replace(&self, text: &str) {
        let draft = self.0.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.path()).unwrap();
    }

    fn verifier(&self) -> Verifier {
        verifier(&self.path())
    }
}

fn verifier(path: &Path) -> Verifier {
    let issuer = IssuerConfig {
        issuer: ISSUER.to_owned(),
        keys: KeySource::File(path.to_owned()),
        project: None,
    };
    build(VerifierConfig {
        issuers: vec![issuer],
        ..VerifierConfig::default()
    })
    .unwrap()
}

fn reads(verifier: &Verifier) -> u64 {
    verifier.status()[0].reads
}

#[test]
fn a_new_key_is_accepted_with_its_first_token() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    file.publish(&[1, 2]);
    assert!(verifier.verify(&token_of(2), at(1)).is_ok());
    assert!(verifier.verify(&token_of(1), at(1)).is_ok());
    assert_eq!(verifier.status()[0].generation, 2);
}

#[test]
fn a_revoked_key_is_refused_within_seconds_though_its_tokens_are_remembered() {
    let file = KeyFile::new(&[1, 2]);
    let verifier = file.verifier();
    let (revoked, kept) = (token_of(1), token_of(2));
    assert!(verifier.verify(&revoked, at(0)).is_ok());
    assert!(verifier.verify(&kept, at(0)).is_ok());
    file.publish(&[2]);
    // The file is not looked at with every token …
    assert!(verifier.verify(&revoked, at(4)).is_ok());
    // … but soon, also by those who hold a token that is remembered.
    assert_eq!(verifier.verify(&revoked, at(5)), Err(TokenError::KeyUnknown));
    assert!(verifier.verify(&kept, at(5)).is_ok());
}

#[test]
fn one_issuers_token_notices_the_revocation_for_all() {
    let file = KeyFile::new(&[1, 2]);
    let verifier = file.verifier();
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    file.publish(&[2]);
    assert!(verifier.verify(&token_of(2), at(5)).is_ok());
    assert_eq!(verifier.verify(&token_of(1), at(5)), Err(TokenError::KeyUnknown));
}

#[test]
fn a_key_that_keeps_its_id_and_changes_is_another_key() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    let old = named(1, "key-1");
    assert!(verifier.verify(&old, at(0)).is_ok());
    file.replace(&key_set(&[jwk(&ed25519(2), Algorithm::EdDSA, "key-1")]));
    assert_eq!(verifier.verify(&old, at(5)), Err(TokenError::SignatureInvalid));
    assert!(verifier.verify(&named(2, "key-1"), at(5)).is_ok());
}

#[test]
fn an_unknown_key_makes_the_file_be_read_at_most_once_in_thirty_seconds() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    assert_eq!(reads(&verifier), 1);
    for number in 0..10_000 {
        let verdict = verifier.verify(&named(9, &format!("unknown-{number}")), at(number % 5));
        assert_eq!(verdict, Err(TokenError::KeyUnknown));
    }
    assert_eq!(reads(&verifier), 2);
    // The key that was just added has to wait for the regular look, which an attacker cannot use up.
    file.publish(&[1, 2]);
    assert_eq!(verifier.verify(&token_of(2), at(4)), Err(TokenError::KeyUnknown));
    assert!(verifier.verify(&token_of(2), at(9)).is_ok());
    assert_eq!(reads(&verifier), 3);
    assert_eq!(verifier.verify(&token_of(3), at(29)), Err(TokenError::KeyUnknown));
    assert_eq!(reads(&verifier), 3);
    assert_eq!(verifier.verify(&token_of(3), at(30)), Err(TokenError::KeyUnknown));
    assert_eq!(reads(&verifier), 4);
}

#[test]
fn an_unchanged_file_is_hardly_ever_read() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    let token = token_of(1);
    for second in 0..300 {
        assert!(verifier.verify(&token, at(second)).is_ok());
    }
    assert_eq!(reads(&verifier), 1 + 299 / 30);
    assert_eq!(verifier.status()[0].generation, 1);
}

#[test]
fn the_last_good_set_outlives_every_broken_file() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    let broken = [
        String::new(),
        "{\"keys\":[".to_owned(),
        set(&[1]).replace("OKP", "oct"),
        key_set(&[with(
            jwk(&ed25519(2), Algorithm::EdDSA, "development-2"),
            "use",
            "sig",
        )]),
        format!("{}{}", set(&[2]), " ".repeat(70_000)),
    ];
    let mut second = 0;
    for text in broken {
        file.replace(&text);
        second += 5;
        assert!(verifier.verify(&token_of(1), at(second)).is_ok(), "{text:.60}");
        let status = &verifier.status()[0];
        assert!(
            status.problem.is_some() && status.keys == 1 && status.generation == 1,
            "{status:?}"
        );
    }
    fs::remove_file(file.path()).unwrap();
    assert!(verifier.verify(&token_of(1), at(second + 5)).is_ok());
    assert!(
        verifier.status()[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("cannot be read")
    );
    // Set right again: the old text first, then a new one.
    file.publish(&[1]);
    assert!(verifier.verify(&token_of(1), at(second + 10)).is_ok());
    assert_eq!(verifier.status()[0].problem, None);
    file.publish(&[2]);
    assert!(verifier.verify(&token_of(2), at(second + 15)).is_ok());
    assert_eq!(
        verifier.verify(&token_of(1), at(second + 15)),
        Err(TokenError::KeyUnknown)
    );
}

#[test]
fn an_empty_set_revokes_the_only_key() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    file.publish(&[]);
    assert_eq!(verifier.verify(&token_of(1), at(5)), Err(TokenError::KeyUnknown));
    let status = &verifier.status()[0];
    assert_eq!((status.keys, status.problem.as_deref()), (0, None));
    file.publish(&[2]);
    assert!(verifier.verify(&token_of(2), at(10)).is_ok());
}

#[test]
fn a_change_that_hides_its_time_and_length_is_seen() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    assert!(verifier.verify(&token_of(1), at(0)).is_ok());
    let modified = fs::metadata(file.path()).unwrap().modified().unwrap();
    let (old, new) = (set(&[1]), set(&[2]));
    assert_eq!(old.len(), new.len());
    fs::write(file.path(), new).unwrap();
    fs::File::options()
        .write(true)
        .open(file.path())
        .unwrap()
        .set_modified(modified)
        .unwrap();
    assert_eq!(verifier.verify(&token_of(1), at(35)), Err(TokenError::KeyUnknown));
}

#[test]
fn a_clock_that_is_set_back_stops_no_refresh() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    assert!(verifier.verify(&token_of(1), at(40)).is_ok());
    file.publish(&[2]);
    assert_eq!(verifier.verify(&token_of(1), at(10)), Err(TokenError::KeyUnknown));
}

#[test]
fn callers_who_come_at_once_all_see_the_new_key() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    file.publish(&[1, 2]);
    let token = token_of(2);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(verifier.verify(&token, at(1)).is_ok()));
        }
    });
    assert_eq!(reads(&verifier), 2);
}

#[test]
fn tokens_are_verified_rightly_while_the_file_changes() {
    let file = KeyFile::new(&[1]);
    let verifier = file.verifier();
    let always = token_of(1);
    let forged = named(3, "key-1");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for second in 0..600 {
                    assert!(verifier.verify(&always, at(second)).is_ok());
                    assert_eq!(
                        verifier.verify(&forged, at(second)),
                        Err(TokenError::SignatureInvalid)
                    );
                }
            });
        }
        for round in 0..50 {
            if round % 3 == 0 {
                file.replace("broken");
            } else {
                file.publish(&[1, 2 + round % 2]);
            }
        }
    });
    file.publish(&[1, 7]);
    assert!(verifier.verify(&token_of(7), at(1000)).is_ok());
}
