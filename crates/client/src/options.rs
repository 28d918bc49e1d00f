//! How to reach Billfold, and in whose name.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use crate::{Credential, Error, RetryPolicy, Surroundings, surroundings};

/// How to reach Billfold, in whose name, and how patiently.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(crate) base_url: String,
    pub(crate) credential: Credential,
    pub(crate) retry: RetryPolicy,
    pub(crate) connect_limit: Duration,
    pub(crate) surroundings: Arc<dyn Surroundings>,
}

impl ClientOptions {
    /// Where the API is, such as `https://billfold.example.com`, and the token or API key to send. Over `http` whoever is
    /// on the way reads the token, so that is for this machine and for a network that is trusted.
    pub fn new(base_url: impl Into<String>, credential: impl Into<Credential>) -> Self {
        Self {
            base_url: base_url.into(),
            credential: credential.into(),
            retry: RetryPolicy::default(),
            connect_limit: Duration::from_secs(5),
            surroundings: Arc::new(surroundings::Real),
        }
    }

    /// How often, and how patiently, a request is tried.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How long making a connection may take: 5 seconds unless set.
    #[must_use]
    pub fn connect_limit(mut self, limit: Duration) -> Self {
        self.connect_limit = limit;
        self
    }

    /// What waits between attempts, and what is drawn by chance. For tests.
    #[must_use]
    pub fn surroundings(mut self, surroundings: impl Surroundings) -> Self {
        self.surroundings = Arc::new(surroundings);
        self
    }
}

/// A checked address.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    url: Url,
}

impl Base {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = Error::InvalidOptions(
            "the address must be an https or http URL such as https://billfold.example.com, without a user, a query or a \
             fragment",
        );
        let Ok(url) = Url::parse(text) else {
            return Err(invalid);
        };
        let fits = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if fits { Ok(Self { url }) } else { Err(invalid) }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is this machine, which no proxy leads to.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The address of a path. What a URL takes for no segment, or for one of its own, would ask for something else than was
    /// meant, and Billfold gives no such names; whatever else a segment has is escaped.
    pub(crate) fn join(&self, segments: &[&str]) -> Result<Url, Error> {
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Error::InvalidRequest("an identifier is empty, or no identifier"));
        }
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::InvalidOptions("the address has no path"))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_or_https_and_no_more() {
        for good in [
            "https://billfold.example.com",
            "http://127.0.0.1:8080/",
            "https://a.example/billfold",
        ] {
            Base::parse(good).expect("the address is good");
        }
        for bad in [
            "",
            "billfold.example.com",
            "ftp://127.0.0.1",
            "https://a:b@c",
            "https://a/?q",
            "https://a/#f",
        ] {
            let error = Base::parse(bad).expect_err("the address is bad");
            assert!(
                error.to_string().contains("https://billfold.example.com"),
                "{error}"
            );
        }
    }

    #[test]
    fn this_machine_is_known() {
        let known = |url: &str| Base::parse(url).expect("a good address").is_on_this_machine();
        assert!(known("http://127.0.0.1:8080") && known("http://[::1]:8080") && known("https://localhost"));
        assert!(!known("http://10.0.0.1") && !known("https://localhost.example.com"));
    }

    #[test]
    fn a_path_is_put_behind_the_address_and_escaped() {
        let join = |base: &str, segments: &[&str]| {
            Base::parse(base)
                .expect("a good address")
                .join(segments)
                .map(String::from)
        };
        let path = ["projects", "demo"];
        assert_eq!(
            join("https://a.example", &path).expect("a path"),
            "https://a.example/projects/demo"
        );
        assert_eq!(
            join("https://a.example/b/", &path).expect("a path"),
            "https://a.example/b/projects/demo"
        );
        assert_eq!(
            join("https://a.example", &["projects", "../../operator?x#y%2F"]).expect("a path"),
            "https://a.example/projects/..%2F..%2Foperator%3Fx%23y%252F"
        );
        for name in ["", ".", ".."] {
            let error = join("https://a.example", &["projects", name]).expect_err("no identifier");
            assert!(matches!(error, Error::InvalidRequest(_)), "{error}");
        }
    }
}
