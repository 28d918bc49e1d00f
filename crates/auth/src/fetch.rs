//! A key set over https: one bounded GET.

use std::{
    error::Error,
    fs, io,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Certificate, Client, header, redirect, retry};

use crate::{ConfigError, KeySetError, KeySetUrl, MAXIMUM_KEY_SET_LENGTH};

/// How long it may take until TLS is set up.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long all of it may take, to the last byte of the answer.
pub(crate) const FETCH_LIMIT: Duration = Duration::from_secs(5);

/// The longest file of certificate authorities: more than any system's own bundle has.
const MAXIMUM_AUTHORITIES_LENGTH: u64 = 1024 * 1024;

/// Fetches key sets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher(Arc<Parts>);

struct Parts {
    authorities: Vec<Certificate>,
    /// Made when it is first needed: a machine without certificate authorities can serve with keys from files.
    client: OnceLock<Result<Client, String>>,
}

impl Fetcher {
    /// Trusts the system's certificate authorities, and those of the file.
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, ConfigError> {
        let authorities = authorities.map_or_else(|| Ok(Vec::new()), read_authorities)?;
        Ok(Self(Arc::new(Parts {
            authorities,
            client: OnceLock::new(),
        })))
    }

    fn client(&self) -> Result<&Client, KeySetError> {
        let made = self.0.client.get_or_init(|| {
            Client::builder()
                .user_agent(concat!("billfold/", env!("CARGO_PKG_VERSION")))
                .https_only(true)
                .connect_timeout(CONNECT_LIMIT)
                .timeout(FETCH_LIMIT)
                // Whoever can redirect could name the keys.
                .redirect(redirect::Policy::none())
                .referer(false)
                // It is fetched again soon enough.
                .retry(retry::never())
                // Each fetch looks up the name and checks the certificate anew; three a minute can afford it.
                .pool_max_idle_per_host(0)
                .tls_certs_merge(self.0.authorities.iter().cloned())
                .build()
                .map_err(|error| root_cause(&error))
        });
        made.as_ref().map_err(|reason| KeySetError::TlsUnavailable {
            reason: reason.clone(),
        })
    }

    /// The bytes at the address, neither parsed nor believed. What the answer says of caching is left alone, so that no
    /// header can keep a revoked key.
    pub(crate) async fn fetch(&self, url: &KeySetUrl) -> Result<Vec<u8>, KeySetError> {
        let mut response = self
            .client()?
            .get(url.as_url().clone())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            // What lies between must not answer out of its memory either.
            .header(header::CACHE_CONTROL, "no-cache")
            .send()
            .await
            .map_err(|error| transport_error(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(KeySetError::Redirected {
                status: status.as_u16(),
            });
        }
        if status != reqwest::StatusCode::OK {
            return Err(KeySetError::Status {
                status: status.as_u16(),
            });
        }
        let mut text = Vec::new();
        // Counted as it arrives: a length that is told beforehand may be missing or a lie.
        while let Some(chunk) = response.chunk().await.map_err(|error| transport_error(&error))? {
            if text.len() + chunk.len() > MAXIMUM_KEY_SET_LENGTH {
                return Err(KeySetError::TooLong);
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let unusable = |reason: String| ConfigError::AuthoritiesUnusable {
        path: path.to_owned(),
        reason,
    };
    let metadata = fs::metadata(path).map_err(|error| unusable(error.kind().to_string()))?;
    if !metadata.is_file() || metadata.len() > MAXIMUM_AUTHORITIES_LENGTH {
        return Err(unusable("it is not a file, or too long".to_owned()));
    }
    let pem = fs::read(path).map_err(|error| unusable(error.kind().to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(root_cause(&error)))?;
    if certificates.is_empty() {
        return Err(unusable("it has no certificate".to_owned()));
    }
    Ok(certificates)
}

fn transport_error(error: &reqwest::Error) -> KeySetError {
    let reason = root_cause(error);
    // TLS speaks through the connection's errors: what it refuses is invalid data.
    if has_io_error(error, io::ErrorKind::InvalidData) {
        return KeySetError::Tls { reason };
    }
    if error.is_timeout() {
        return KeySetError::TimedOut;
    }
    if !error.is_connect() {
        return KeySetError::CutShort { reason };
    }
    // A connection that was there and ended before TLS was set up.
    if has_io_error(error, io::ErrorKind::UnexpectedEof) {
        return KeySetError::Tls { reason };
    }
    KeySetError::Unreachable { reason }
}

/// The error and what caused it, one inside the other.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An I/O error names as its source only what lies behind the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn has_io_error(error: &(dyn Error + 'static), kind: io::ErrorKind) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == kind)
    })
}

/// The innermost error says what happened; those around it, where.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}
