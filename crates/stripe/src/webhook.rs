//! The signature of a webhook: proof that Stripe sent this body, and sent it just now.

use billfold_domain::UtcTimestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// How far the signature's time may lie from the present, either way: 300 seconds.
pub const TOLERANCE_SECONDS: u64 = 300;
/// The longest header that is looked at: 4 KiB.
pub const MAXIMUM_HEADER_LENGTH: usize = 4 * 1024;

/// The length of a SHA-256 in bytes.
const DIGEST_LENGTH: usize = 32;
/// The most digits of a time: enough for 30,000 years, too few to overflow.
const MAXIMUM_TIME_DIGITS: usize = 12;

/// Why a webhook is not believed. The sender is told none of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is longer than [`MAXIMUM_HEADER_LENGTH`].
    #[error("the signature header is too long")]
    HeaderTooLong,
    /// The header is not of the form `t=…,v1=…`, or has no time or more than one.
    #[error("the signature header is malformed")]
    Malformed,
    /// The header has no signature of the scheme `v1`.
    #[error("the signature header has no v1 signature")]
    NoSignature,
    /// No signature was made with any of the secrets over this time and body.
    #[error("no signature matches")]
    NoMatch,
    /// A signature is right, but its time is more than [`TOLERANCE_SECONDS`] from the present: an old delivery
    /// played again, or a wrong clock.
    #[error("the signature's time is too far from the present")]
    OutsideTolerance,
}

/// Checks that one of the secrets signed this body, at most 300 seconds before or after `now`.
///
/// `header` is `Stripe-Signature`: `t=<seconds>,v1=<hex>[,v1=<hex>]…`; other schemes (`v0`) prove nothing and are
/// passed over. `secrets` are the endpoint's live signing secrets, `whsec_` included: two while one is being
/// replaced. The comparison takes the same time wherever a signature differs.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: UtcTimestamp,
) -> Result<(), SignatureError> {
    let SignatureHeader { time, signatures } = SignatureHeader::parse(header)?;
    let mut matched = Choice::from(0);
    for secret in secrets {
        // A secret that was never set must not be one that everybody knows.
        if secret.expose_secret().is_empty() {
            continue;
        }
        let expected = signature(secret, time, body);
        for candidate in &signatures {
            matched |= expected.ct_eq(candidate);
        }
    }
    if !bool::from(matched) {
        return Err(SignatureError::NoMatch);
    }
    within_tolerance(time, now)
}

/// Checks what can be known of the header before the body is: whether some secret and some body could make it right.
pub fn check_header(header: &str, now: UtcTimestamp) -> Result<(), SignatureError> {
    within_tolerance(SignatureHeader::parse(header)?.time, now)
}

fn within_tolerance(time: &str, now: UtcTimestamp) -> Result<(), SignatureError> {
    let signed_at: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if now.seconds().abs_diff(signed_at) > TOLERANCE_SECONDS {
        return Err(SignatureError::OutsideTolerance);
    }
    Ok(())
}

fn signature(secret: &SecretString, time: &str, body: &[u8]) -> [u8; DIGEST_LENGTH] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any key will do");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The header's parts that count.
struct SignatureHeader<'h> {
    /// The time as it was written, because that is what was signed. ASCII digits only.
    time: &'h str,
    signatures: Vec<[u8; DIGEST_LENGTH]>,
}

impl<'h> SignatureHeader<'h> {
    fn parse(header: &'h str) -> Result<Self, SignatureError> {
        if header.len() > MAXIMUM_HEADER_LENGTH {
            return Err(SignatureError::HeaderTooLong);
        }
        let mut time = None;
        let mut signatures = Vec::new();
        for item in header.split(',') {
            let (scheme, value) = item.split_once('=').ok_or(SignatureError::Malformed)?;
            match scheme {
                "t" => {
                    let digits = (1..=MAXIMUM_TIME_DIGITS).contains(&value.len())
                        && value.bytes().all(|byte| byte.is_ascii_digit());
                    // Two times would leave open which of them was signed.
                    if !digits || time.replace(value).is_some() {
                        return Err(SignatureError::Malformed);
                    }
                }
                "v1" => {
                    let mut bytes = [0; DIGEST_LENGTH];
                    hex::decode_to_slice(value, &mut bytes).map_err(|_| SignatureError::Malformed)?;
                    signatures.push(bytes);
                }
                _ => {}
            }
        }
        let time = time.ok_or(SignatureError::Malformed)?;
        if signatures.is_empty() {
            return Err(SignatureError::NoSignature);
        }
        Ok(Self { time, signatures })
    }
}
