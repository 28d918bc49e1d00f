//! Where a page comes from, as a browser tells it.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// The longest origin: a host's name has at most 253 characters.
const MAXIMUM_LENGTH: usize = 255 + "https://".len() + ":65535".len();

/// The origin of a page: scheme, host and, unless it is the scheme's own, port; written exactly as browsers write it in
/// the header `Origin`, such as `https://app.example.com`. Two origins are equal when their texts are.
///
/// `https` for every host; `http` only for a page on the same machine (`localhost`, `127.0.0.1`, `[::1]`), since anyone on
/// the way could put their own page in another's place. Never `null`, which every sandboxed page is, and no wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

/// Why a text is no origin. Each says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It has no scheme, or one that is neither `https` nor `http`.
    #[error("an origin begins with https:// (or http:// for a page on this machine)")]
    Scheme,
    /// Anyone on the way could answer for a page that comes over `http`.
    #[error("only https:// is safe for a page of another machine")]
    NotSecure,
    /// Something follows the host and the port.
    #[error("an origin ends after the host and the port: leave out the path and the last slash")]
    Path,
    /// The host is not one, or not as a browser writes it.
    #[error(
        "the host is not as browsers write it: lower-case letters, digits, hyphens and dots (other letters as xn--…), an \
         IPv4 address, or an IPv6 address in brackets; no wildcards, no user names"
    )]
    Host,
    /// The port is no number from 1 to 65535, or the scheme's own, which browsers leave out.
    #[error(
        "the port is not as browsers write it: 1 to 65535, left out where it is 443 for https or 80 for http"
    )]
    Port,
}

impl Origin {
    /// Reads an origin.
    pub fn parse(text: impl Into<String>) -> Result<Self, OriginError> {
        let text = text.into();
        let (rest, own_port, secure) = if let Some(rest) = text.strip_prefix("https://") {
            (rest, 443, true)
        } else {
            (
                text.strip_prefix("http://").ok_or(OriginError::Scheme)?,
                80,
                false,
            )
        };
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path);
        }
        let (host, port) = split_port(rest)?;
        if text.len() > MAXIMUM_LENGTH || !is_host(host) {
            return Err(OriginError::Host);
        }
        if port.is_some_and(|port| !is_port(port, own_port)) {
            return Err(OriginError::Port);
        }
        if !secure && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
            return Err(OriginError::NotSecure);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Origin {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        Self::parse(text)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), OriginError> {
    // The colons of an IPv6 address are before its bracket.
    let end_of_host = authority.find(']').map_or(0, |bracket| bracket + 1);
    match authority[end_of_host..].split_once(':') {
        Some((more, port)) => Ok((&authority[..end_of_host + more.len()], Some(port))),
        None if authority.is_empty() => Err(OriginError::Host),
        None => Ok((authority, None)),
    }
}

fn is_port(text: &str, own_port: u16) -> bool {
    let written_plainly = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    written_plainly && text.parse().is_ok_and(|port: u16| port != own_port)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // Browsers write the shortest form, as the standard library does.
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|parsed| parsed.to_string() == address);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        // What ends in a number is an address to a browser, or nothing.
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let of_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(of_allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::{Origin, OriginError};

    #[test]
    fn what_browsers_send_is_an_origin() {
        for text in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.7",
            "https://[2001:db8::1]:8443",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]",
        ] {
            assert_eq!(Origin::parse(text).as_ref().map(Origin::as_str), Ok(text));
        }
    }

    #[test]
    fn nothing_else_is_and_each_says_why() {
        let long_label = format!("https://{}.example", "a".repeat(64));
        let long_host = format!("https://{}example", "a.".repeat(130));
        for (text, error) in [
            ("", OriginError::Scheme),
            ("null", OriginError::Scheme),
            ("*", OriginError::Scheme),
            ("app.example.com", OriginError::Scheme),
            ("//app.example.com", OriginError::Scheme),
            ("HTTPS://app.example.com", OriginError::Scheme),
            (" https://app.example.com", OriginError::Scheme),
            ("ftp://app.example.com", OriginError::Scheme),
            ("file:///etc/passwd", OriginError::Scheme),
            ("chrome-extension://abcdef", OriginError::Scheme),
            ("http://app.example.com", OriginError::NotSecure),
            ("http://localhost.example.com", OriginError::NotSecure),
            ("https://app.example.com/", OriginError::Path),
            ("https://app.example.com/page", OriginError::Path),
            ("https://app.example.com?x", OriginError::Path),
            ("https://app.example.com#x", OriginError::Path),
            ("https://app.example.com\\.evil.com", OriginError::Path),
            ("https://", OriginError::Host),
            ("https://:8443", OriginError::Host),
            ("https://App.example.com", OriginError::Host),
            ("https://*.example.com", OriginError::Host),
            ("https://user@app.example.com", OriginError::Host),
            ("https://app..example.com", OriginError::Host),
            ("https://.example.com", OriginError::Host),
            ("https://-app.example.com", OriginError::Host),
            ("https://app_1.example.com", OriginError::Host),
            ("https://bücher.example", OriginError::Host),
            ("https://app.example.com\r\nX: y", OriginError::Host),
            ("https://app.example.com\0", OriginError::Host),
            ("https://app.example.com ", OriginError::Host),
            ("https://256.0.0.1", OriginError::Host),
            ("https://1.2.3", OriginError::Host),
            ("https://[2001:DB8::1]", OriginError::Host),
            ("https://[2001:db8:0::1]", OriginError::Host),
            ("https://[::1", OriginError::Host),
            (&long_label, OriginError::Host),
            (&long_host, OriginError::Host),
            ("https://app.example.com:", OriginError::Port),
            ("https://app.example.com:443", OriginError::Port),
            ("https://app.example.com:0", OriginError::Port),
            ("https://app.example.com:08443", OriginError::Port),
            ("https://app.example.com:65536", OriginError::Port),
            ("https://app.example.com:+1", OriginError::Port),
            ("https://app.example.com:8443:1", OriginError::Port),
            ("http://localhost:80", OriginError::Port),
        ] {
            assert_eq!(Origin::parse(text), Err(error), "{text:?}");
        }
    }
}
