//! The development issuer and its key on disk.

use std::{collections::HashSet, fs, thread};

use billfold_auth::{
    ConfigError, DEVELOPMENT_ISSUER, DevelopmentIssuer, DevelopmentIssuerError, IssueError, IssuerConfig,
    KeyError, KeySetError, KeySource, Scope, Scopes, TokenError, TokenRequest, VerifierConfig,
};
use time::Duration;

use crate::support::{at, build, project};

fn request() -> TokenRequest {
    TokenRequest {
        project: project("demo"),
        subject: "alice".to_owned(),
        scopes: Scopes::NONE.with(Scope::AccountRead).with(Scope::AccountWrite),
        timezone: Some("Europe/Paris".to_owned()),
        lifetime: Duration::hours(1),
    }
}

#[test]
fn what_it_issues_is_accepted_and_says_what_was_asked() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = DevelopmentIssuer::load_or_create(directory.path()).unwrap();
    let verifier = build(issuer.verifier_config()).unwrap();
    let token = issuer.issue(&request(), at(0)).unwrap();
    let said = verifier.verify(&token, at(0)).unwrap();
    assert_eq!(said.issuer(), DEVELOPMENT_ISSUER);
    assert_eq!(said.key_id(), issuer.key_id());
    assert_eq!(said.subject(), "alice");
    assert_eq!(said.project().as_str(), "demo");
    assert_eq!(said.scopes(), request().scopes);
    assert_eq!(said.timezone(), Some("Europe/Paris"));
    assert_eq!(said.expires_at(), at(3600));
    assert!(verifier.verify(&token, at(3629)).is_ok());
    assert_eq!(verifier.verify(&token, at(3630)), Err(TokenError::Expired));
}

#[test]
fn the_extremes_of_a_request_are_accepted_and_no_more_is_issued() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = DevelopmentIssuer::load_or_create(directory.path()).unwrap();
    let verifier = build(issuer.verifier_config()).unwrap();
    let extremes = [
        TokenRequest {
            lifetime: Duration::SECOND,
            ..request()
        },
        TokenRequest {
            lifetime: Duration::DAY,
            ..request()
        },
        TokenRequest {
            subject: "\u{1f4b3}".repeat(255),
            ..request()
        },
        TokenRequest {
            project: project(&"p".repeat(64)),
            ..request()
        },
        TokenRequest {
            scopes: Scopes::NONE,
            timezone: None,
            ..request()
        },
        TokenRequest {
            timezone: Some("z".repeat(64)),
            ..request()
        },
    ];
    for request in extremes {
        let token = issuer.issue(&request, at(0)).unwrap();
        assert_eq!(verifier.verify(&token, at(0)).unwrap().subject(), request.subject);
    }
    let refused = [
        (
            TokenRequest {
                lifetime: Duration::ZERO,
                ..request()
            },
            IssueError::LifetimeInvalid,
        ),
        (
            TokenRequest {
                lifetime: Duration::DAY + Duration::SECOND,
                ..request()
            },
            IssueError::LifetimeInvalid,
        ),
        (
            TokenRequest {
                subject: String::new(),
                ..request()
            },
            IssueError::SubjectInvalid,
        ),
        (
            TokenRequest {
                subject: "s".repeat(256),
                ..request()
            },
            IssueError::SubjectInvalid,
        ),
        (
            TokenRequest {
                subject: "a\nb".to_owned(),
                ..request()
            },
            IssueError::SubjectInvalid,
        ),
        (
            TokenRequest {
                timezone: Some("Not a zone".to_owned()),
                ..request()
            },
            IssueError::TimezoneInvalid,
        ),
    ];
    for (request, error) in refused {
        assert_eq!(issuer.issue(&request, at(0)), Err(error));
    }
}

#[test]
fn its_key_stays_the_same_and_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("deep").join(".billfold");
    let first = DevelopmentIssuer::load_or_create(&data).unwrap();
    let again = DevelopmentIssuer::load_or_create(&data).unwrap();
    let loaded = DevelopmentIssuer::load(&data).unwrap();
    assert_eq!(first.key_set(), again.key_set());
    assert_eq!(first.key_set(), loaded.key_set());
    let files: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["issuer-key.pem"], "nothing else is left behind");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = fs::metadata(data.join("issuer-key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let pem = fs::read_to_string(data.join("issuer-key.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
    let secret = pem.lines().nth(1).unwrap();
    for shown in [
        format!("{first:?}"),
        first.key_set(),
        format!("{:?}", first.issuer_config()),
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn processes_that_start_at_once_get_one_key() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let ids: HashSet<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        DevelopmentIssuer::load_or_create(&data)
                            .unwrap()
                            .key_id()
                            .to_owned()
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    }
}

#[test]
fn a_missing_or_damaged_key_is_told_and_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let path = data.join("issuer-key.pem");
    let missing = DevelopmentIssuer::load(data).unwrap_err();
    assert_eq!(
        missing,
        DevelopmentIssuerError::Missing {
            directory: data.to_owned()
        }
    );
    assert!(missing.to_string().contains("billfold dev"));
    assert!(!path.exists(), "load makes nothing");
    let rsa = include_str!("../corpus/test-only-rsa-key.pem");
    for text in [
        "",
        "not a key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        rsa,
    ] {
        fs::write(&path, text).unwrap();
        for error in [
            DevelopmentIssuer::load(data).unwrap_err(),
            DevelopmentIssuer::load_or_create(data).unwrap_err(),
        ] {
            assert!(
                matches!(error, DevelopmentIssuerError::Unusable { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("delete it"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        DevelopmentIssuer::load(data),
        Err(DevelopmentIssuerError::Unusable { .. })
    ));
    let file = data.join("file");
    fs::write(&file, "").unwrap();
    assert!(DevelopmentIssuer::load_or_create(&file).is_err());
}

#[test]
fn production_refuses_it_under_any_name() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = DevelopmentIssuer::load_or_create(directory.path()).unwrap();
    assert!(issuer.issuer_config().is_development());
    let config = |issuer| VerifierConfig {
        issuers: vec![issuer],
        ..VerifierConfig::default()
    };
    assert_eq!(
        build(config(issuer.issuer_config())).unwrap_err(),
        ConfigError::DevelopmentIssuer {
            issuer: DEVELOPMENT_ISSUER.to_owned()
        }
    );
    let renamed = IssuerConfig {
        issuer: "https://issuer.example".to_owned(),
        keys: KeySource::Inline(issuer.key_set()),
        project: None,
    };
    assert!(matches!(
        build(config(renamed)).unwrap_err(),
        ConfigError::KeySet {
            error: KeySetError::Key {
                number: 1,
                error: KeyError::Development
            },
            ..
        }
    ));
}

#[test]
fn two_directories_have_two_issuers_that_do_not_know_each_other() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = DevelopmentIssuer::load_or_create(one.path()).unwrap();
    let two = DevelopmentIssuer::load_or_create(two.path()).unwrap();
    assert_ne!(one.key_id(), two.key_id());
    let verifier = build(one.verifier_config()).unwrap();
    assert_eq!(
        verifier.verify(&two.issue(&request(), at(0)).unwrap(), at(0)),
        Err(TokenError::KeyUnknown)
    );
}
