//! How the client behaves: where Stripe is, and how long it may take.

use std::time::Duration;

use reqwest::Url;

/// How a [`StripeClient`](crate::StripeClient) behaves. The default is Stripe's own address and the limits that
/// production uses; tests shorten the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Where Stripe's interface is, without `/v1`: `https://api.stripe.com`. An `http` address is taken only on
    /// this machine (`localhost`, `127.0.0.0/8`, `::1`), because a secret key crosses every byte of the way.
    pub api_base: String,
    /// How long making a connection may take: 3 seconds.
    pub connect_timeout: Duration,
    /// How long a whole call may take, the second send and the wait before it included: 20 seconds.
    pub call_timeout: Duration,
    /// The longest wait before a first repetition: half a second. The wait itself is drawn between nothing and
    /// this, so that clients that failed together do not return together.
    pub retry_base: Duration,
    /// The longest wait before any repetition, also where Stripe asks for more in `Retry-After`: 8 seconds.
    pub retry_cap: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            api_base: "https://api.stripe.com".to_owned(),
            connect_timeout: Duration::from_secs(3),
            call_timeout: Duration::from_secs(20),
            retry_base: Duration::from_millis(500),
            retry_cap: Duration::from_secs(8),
        }
    }
}

/// Why a client cannot be made of its options.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no absolute `http` or `https` URL, or has a user, a query or a fragment.
    #[error("Stripe's address must be an https URL such as https://api.stripe.com, without a query")]
    AddressInvalid,
    /// The address is `http` and leads off this machine.
    #[error("Stripe's address must be https: http is taken only on this machine (127.0.0.1 or localhost)")]
    AddressNotEncrypted,
    /// The system's certificates or its random numbers cannot be used.
    #[error("the HTTPS client cannot be set up: are CA certificates installed?")]
    Tls(#[source] reqwest::Error),
}

/// A checked address.
#[derive(Clone, Debug)]
pub(crate) struct ApiBase {
    /// Ends without a slash, so that a path can follow.
    pub(crate) text: String,
    pub(crate) encrypted: bool,
    pub(crate) on_this_machine: bool,
}

impl ApiBase {
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        let url = Url::parse(text).map_err(|_| ClientError::AddressInvalid)?;
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(ClientError::AddressInvalid),
        };
        let host = url.host_str().ok_or(ClientError::AddressInvalid)?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(ClientError::AddressInvalid);
        }
        let on_this_machine = is_on_this_machine(host);
        if !encrypted && !on_this_machine {
            return Err(ClientError::AddressNotEncrypted);
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            encrypted,
            on_this_machine,
        })
    }
}

fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{ApiBase, ClientError};

    #[test]
    fn an_address_is_https_or_on_this_machine() {
        for good in [
            "https://api.stripe.com",
            "https://api.stripe.com/",
            "http://127.0.0.1:8090",
            "http://localhost:1",
            "http://[::1]:8090",
        ] {
            let base = ApiBase::parse(good).expect("the address is good");
            assert_eq!(base.text, good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "api.stripe.com",
            "ftp://127.0.0.1",
            "https://a:b@c",
            "https://a/?q",
            "https://a/#f",
        ] {
            assert!(
                matches!(ApiBase::parse(bad), Err(ClientError::AddressInvalid)),
                "{bad}"
            );
        }
        for clear in [
            "http://api.stripe.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
        ] {
            assert!(
                matches!(ApiBase::parse(clear), Err(ClientError::AddressNotEncrypted)),
                "{clear}"
            );
        }
    }
}
