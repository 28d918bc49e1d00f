//! Looks for the suites' secrets in every line of the log, at trace level, and in every answer.
//!
//! Whose test it was that a line of the log is of cannot be told, as tests share processes and servers have threads of
//! their own. So a hit is kept, and whoever looks next fails: each answer looks, and each server when it ends.

use std::{
    fmt, io,
    sync::{
        LazyLock, Mutex, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use billfold_test_support::{Canary, CanarySearch};
use serde_json::Value;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::{api_keys, master_keys};

/// The watch over this process.
static WATCH: LazyLock<Watch> = LazyLock::new(Watch::new);

/// All at trace level, but what no log of the product has whatever its filter: `telemetry.rs` says why.
const FILTER: &str = "trace,tokio_postgres=info";

/// What each secret of the suites has in it, and nothing else has.
const MARKS: [(&str, &str); 8] = [
    ("a secret key of a project", "sk_test_of_"),
    (
        "a secret key of a project of the contract suite",
        "sk_test_contract_",
    ),
    ("a webhook secret of a project", "whsec_of_"),
    ("a client secret", "_secret_"),
    // A token begins with its header, which begins with the algorithm or the type.
    ("a token", "eyJhbGciOi"),
    ("a token of the development issuer", "eyJ0eXAiOi"),
    ("a master key", "dGhlIG1hc3RlciBrZXkgb2Yg"),
    ("the bits of a master key", "the master key of "),
];

/// What looks for secrets, and what it has found.
struct Watch {
    search: RwLock<CanarySearch>,
    hits: Mutex<Vec<String>>,
    /// How many lines it has read.
    lines: AtomicUsize,
}

impl Watch {
    fn new() -> Self {
        let marks = MARKS.map(|(name, mark)| Canary::new(name, mark));
        let pepper = [
            Canary::new("the pepper", api_keys::PEPPER),
            Canary::new("the bits of the pepper", api_keys::PEPPER_BITS),
        ];
        for key in [master_keys::CURRENT, master_keys::NEXT] {
            assert!(key.contains(MARKS[6].1), "the tests' master keys have their mark");
        }
        Self {
            search: RwLock::new(CanarySearch::new(marks.into_iter().chain(pepper))),
            hits: Mutex::default(),
            lines: AtomicUsize::new(0),
        }
    }

    /// What is found in the bytes, each with what stands around it.
    fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let search = self.search.read().expect("no search has panicked");
        let hits = search.find(bytes).into_iter();
        hits.map(|hit| {
            let text = String::from_utf8_lossy(bytes);
            format!("{} {}: {text}", hit.name, hit.form)
        })
        .collect()
    }

    fn keep(&self, found: Vec<String>) {
        self.hits.lock().expect("no watch has panicked").extend(found);
    }

    fn hits(&self) -> Vec<String> {
        self.hits.lock().expect("no watch has panicked").clone()
    }
}

/// Reads each line of the log, and prints none.
impl io::Write for &Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.keep(self.found_in(line));
        self.lines.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &'static Watch {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self
    }
}

/// Reads the whole log of this process from now on. Called again, it changes nothing.
pub(crate) fn watch_the_log() {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_ansi(false)
        .with_writer(&*WATCH);
    // The second server of a process finds the first one's watch in place.
    drop(log.try_init());
}

/// Looks for this secret too from now on.
pub(crate) fn also_for(name: &str, secret: &str) {
    let mut search = WATCH.search.write().expect("no search has panicked");
    search.add(Canary::new(name, secret));
}

/// Fails when a secret has come into the log, by whatever test of this process.
#[track_caller]
pub(crate) fn assert_none_in_the_log() {
    let hits = WATCH.hits();
    assert!(hits.is_empty(), "the log has {hits:#?}");
}

/// Fails when an answer has a secret that it is not there to give, or when one has come into the log.
#[track_caller]
pub(crate) fn assert_none_in_an_answer(
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) {
    assert_none_in_the_log();
    // The examples of the contract have secrets that are good for nothing.
    if target == "/openapi.yaml" {
        return;
    }
    let mut answer = format!("{headers:?}\n").into_bytes();
    answer.extend(without_given_secret(method, target, body));
    let found = WATCH.found_in(&answer);
    assert!(found.is_empty(), "{method} {target} was answered with {found:#?}");
}

/// An answer's body without the client secret that it is there to give.
fn without_given_secret(method: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let path = target.split('?').next().unwrap_or_default();
    let may_give = match method {
        "POST" => ["/paymentMethods", "/setupIntents", "/setup-intent"]
            .iter()
            .any(|end| path.ends_with(end)),
        "GET" => path.contains("/paymentMethods/") || path.contains("/setupIntents/"),
        _ => false,
    };
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let client_secret = parsed.as_ref().and_then(|answer| {
        let names = ["clientSecret", "client_secret"];
        names.into_iter().find_map(|name| answer[name].as_str())
    });
    match client_secret {
        Some(secret) if may_give => String::from_utf8_lossy(body).replacen(secret, "", 1).into_bytes(),
        _ => body.to_vec(),
    }
}

/// Looks when it is dropped: at the end of a server.
pub(crate) struct LastLook;

impl Drop for LastLook {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_none_in_the_log();
            let lines = WATCH.lines.load(Ordering::Relaxed);
            assert!(lines > 0, "nothing of the log was read");
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watch")
    }
}

mod tests {
    use tracing::subscriber::with_default;

    use super::{EnvFilter, LazyLock, Watch, assert_none_in_an_answer, without_given_secret};

    #[test]
    fn a_secret_in_the_log_is_seen_in_whatever_form() {
        static WATCH: LazyLock<Watch> = LazyLock::new(Watch::new);
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(super::FILTER))
            .with_writer(&*WATCH)
            .finish();
        with_default(log, || {
            tracing::info!("a line with nothing in it");
            assert_eq!(WATCH.hits(), [""; 0]);
            tracing::trace!(key = "sk_test_of_demo", "a line that nobody should write");
            tracing::trace!(bytes = ?b"whsec_of_demo", "nor this");
            tracing::trace!(header = "Basic c2tfdGVzdF9vZl9kZW1vOg==", "nor this");
        });
        let hits = WATCH.hits();
        assert_eq!(hits.len(), 3, "{hits:#?}");
        for (hit, expected) in hits.iter().zip([
            "a secret key of a project as it is",
            "a webhook secret of a project as a list of bytes",
            "a secret key of a project in base64",
        ]) {
            assert!(hit.starts_with(expected), "{hit}");
        }
    }

    #[test]
    fn an_answer_may_give_the_client_secret_that_it_is_there_for() {
        let body = br#"{"clientSecret":"seti_1_secret_2","id":"seti_1"}"#;
        let intents = "/projects/demo/setupIntents";
        assert_eq!(
            without_given_secret("POST", intents, body),
            br#"{"clientSecret":"","id":"seti_1"}"#
        );
        assert_none_in_an_answer("POST", intents, &[], body);
        for (method, target) in [("GET", "/projects/demo/paymentMethods"), ("DELETE", intents)] {
            assert_eq!(without_given_secret(method, target, body), body);
        }
    }

    #[test]
    #[should_panic(expected = "a client secret as it is")]
    fn no_other_answer_may() {
        let body = br#"{"items":[{"clientSecret":"seti_1_secret_2"}]}"#;
        assert_none_in_an_answer("GET", "/projects/demo/paymentMethods", &[], body);
    }

    #[test]
    #[should_panic(expected = "a token as it is")]
    fn no_header_may_have_a_token() {
        let headers = [("location".to_owned(), "/x?token=eyJhbGciOiJFZERTQSJ9".to_owned())];
        assert_none_in_an_answer("GET", "/health/live", &headers, b"");
    }
}
