//! The rules for a token's claims.

use std::collections::BTreeSet;

use billfold_domain::{ProjectId, UtcTimestamp};
use serde_json::{Map, Value};
use time::Duration;

use crate::{Claim, LEEWAY, MAXIMUM_SUBJECT_LENGTH, Scopes, TokenError};

/// The last second that a calendar can show (the end of the year 9999): no honest token names a later one.
const LAST_SECOND: i64 = 253_402_300_799;

/// The longest text that can name a time zone: IANA's own names have at most half of it.
const MAXIMUM_TIMEZONE_LENGTH: usize = 64;

/// What the configuration demands of a token's claims.
pub(crate) struct ClaimRules {
    pub(crate) audience: Box<str>,
    pub(crate) maximum_lifetime: Duration,
}

/// The time within which a token is honoured, leeway included: from the first point on, before the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: UtcTimestamp,
    pub(crate) until: UtcTimestamp,
}

impl Window {
    pub(crate) fn contains(self, now: UtcTimestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// The claims of a token, each found good at the present time.
pub(crate) struct Claims<'a> {
    pub(crate) subject: &'a str,
    pub(crate) project: ProjectId,
    pub(crate) scopes: Scopes,
    pub(crate) timezone: Option<&'a str>,
    pub(crate) expires_at: UtcTimestamp,
    pub(crate) window: Window,
}

/// The issuer that the payload names. Read before the signature, to know whose keys to try.
pub(crate) fn issuer(payload: &Map<String, Value>) -> Result<&str, TokenError> {
    string(payload, Claim::Issuer)
}

impl<'a> Claims<'a> {
    pub(crate) fn read(
        payload: &'a Map<String, Value>,
        rules: &ClaimRules,
        now: UtcTimestamp,
    ) -> Result<Self, TokenError> {
        let CommonClaims {
            subject,
            expires_at,
            window,
        } = CommonClaims::read(payload, rules, now)?;
        let project = ProjectId::parse(string(payload, Claim::Project)?)
            .map_err(|_| TokenError::ClaimInvalid(Claim::Project))?;
        Ok(Self {
            subject,
            project,
            scopes: scopes(payload)?.of_tenant(),
            timezone: timezone(payload),
            expires_at,
            window,
        })
    }
}

/// What the tokens of tenants and of operators have in common.
struct CommonClaims<'a> {
    subject: &'a str,
    expires_at: UtcTimestamp,
    window: Window,
}

impl<'a> CommonClaims<'a> {
    fn read(
        payload: &'a Map<String, Value>,
        rules: &ClaimRules,
        now: UtcTimestamp,
    ) -> Result<Self, TokenError> {
        check_audience(payload, &rules.audience)?;
        let subject = string(payload, Claim::Subject)?;
        if !is_subject(subject) {
            return Err(TokenError::ClaimInvalid(Claim::Subject));
        }
        let (expires_at, window) = times(payload, rules.maximum_lifetime, now)?;
        Ok(Self {
            subject,
            expires_at,
            window,
        })
    }
}

/// The claims of an operator's token, each found good at the present time.
pub(crate) struct OperatorClaims<'a> {
    pub(crate) subject: &'a str,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: UtcTimestamp,
}

impl<'a> OperatorClaims<'a> {
    /// Reads them, and refuses a token that names a project, even by `null`.
    pub(crate) fn read(
        payload: &'a Map<String, Value>,
        rules: &ClaimRules,
        now: UtcTimestamp,
    ) -> Result<Self, TokenError> {
        let common = CommonClaims::read(payload, rules, now)?;
        if payload.contains_key(Claim::Project.as_str()) {
            return Err(TokenError::ProjectNamed);
        }
        Ok(Self {
            subject: common.subject,
            scopes: scopes(payload)?.of_operator(),
            expires_at: common.expires_at,
        })
    }
}

/// Whether a text can be a subject: 1 to 255 characters, none of them a control character.
pub(crate) fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAXIMUM_SUBJECT_LENGTH && !text.chars().any(char::is_control)
}

fn string(payload: &Map<String, Value>, claim: Claim) -> Result<&str, TokenError> {
    payload
        .get(claim.as_str())
        .ok_or(TokenError::ClaimMissing(claim))?
        .as_str()
        .ok_or(TokenError::ClaimInvalid(claim))
}

/// The texts of an array, unless something else is among them.
fn strings(values: &[Value], claim: Claim) -> Result<BTreeSet<&str>, TokenError> {
    values
        .iter()
        .map(|value| value.as_str().ok_or(TokenError::ClaimInvalid(claim)))
        .collect()
}

fn check_audience(payload: &Map<String, Value>, audience: &str) -> Result<(), TokenError> {
    let named = match payload.get(Claim::Audience.as_str()) {
        None => return Err(TokenError::ClaimMissing(Claim::Audience)),
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => strings(many, Claim::Audience)?.contains(audience),
        Some(_) => return Err(TokenError::ClaimInvalid(Claim::Audience)),
    };
    if named {
        Ok(())
    } else {
        Err(TokenError::AudienceOther)
    }
}

fn times(
    payload: &Map<String, Value>,
    maximum_lifetime: Duration,
    now: UtcTimestamp,
) -> Result<(UtcTimestamp, Window), TokenError> {
    let expires_at = point(payload, Claim::Expiry)?.ok_or(TokenError::ClaimMissing(Claim::Expiry))?;
    let issued_at = point(payload, Claim::IssuedAt)?.ok_or(TokenError::ClaimMissing(Claim::IssuedAt))?;
    let not_before = point(payload, Claim::NotBefore)?;
    if expires_at <= issued_at {
        return Err(TokenError::ExpiresBeforeIssue);
    }
    if expires_at > issued_at.plus(maximum_lifetime) {
        return Err(TokenError::LifetimeTooLong);
    }
    if now >= expires_at.plus(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if now < issued_at.plus(-LEEWAY) {
        return Err(TokenError::IssuedInFuture);
    }
    if not_before.is_some_and(|not_before| now < not_before.plus(-LEEWAY)) {
        return Err(TokenError::NotYetValid);
    }
    let from = not_before
        .map_or(issued_at, |not_before| not_before.max(issued_at))
        .plus(-LEEWAY);
    Ok((
        expires_at,
        Window {
            from,
            until: expires_at.plus(LEEWAY),
        },
    ))
}

/// Seconds since the epoch, whole or not (RFC 7519, section 2), as a point in time; `None` when absent.
fn point(payload: &Map<String, Value>, claim: Claim) -> Result<Option<UtcTimestamp>, TokenError> {
    let Some(value) = payload.get(claim.as_str()) else {
        return Ok(None);
    };
    let invalid = TokenError::ClaimInvalid(claim);
    let Value::Number(number) = value else {
        return Err(invalid);
    };
    if let Some(seconds) = number.as_i64() {
        return if (0..=LAST_SECOND).contains(&seconds) {
            Ok(Some(UtcTimestamp::from_seconds(seconds)))
        } else {
            Err(invalid)
        };
    }
    let seconds = number.as_f64().ok_or(invalid)?;
    #[expect(clippy::cast_precision_loss, reason = "the bound is below 2^53")]
    let last = LAST_SECOND as f64;
    if !(0.0..=last).contains(&seconds) {
        return Err(invalid);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded above, and cut to whole microseconds on purpose"
    )]
    let microseconds = (seconds * 1e6) as i64;
    Ok(Some(UtcTimestamp::from_microseconds(microseconds)))
}

/// The permissions of `scope` or of `scopes`. Both may be there, as some issuers send them, when they say the same:
/// if they differ, nobody can tell which the issuer meant. Neither of them is a token that allows nothing.
fn scopes(payload: &Map<String, Value>) -> Result<Scopes, TokenError> {
    let spaced = match payload.get(Claim::Scope.as_str()) {
        None => None,
        Some(Value::String(text)) => Some(
            text.split(' ')
                .filter(|name| !name.is_empty())
                .collect::<BTreeSet<_>>(),
        ),
        Some(_) => return Err(TokenError::ClaimInvalid(Claim::Scope)),
    };
    let listed = match payload.get(Claim::Scopes.as_str()) {
        None => None,
        Some(Value::Array(names)) => Some(strings(names, Claim::Scopes)?),
        Some(_) => return Err(TokenError::ClaimInvalid(Claim::Scopes)),
    };
    match (spaced, listed) {
        (Some(spaced), Some(listed)) if spaced != listed => Err(TokenError::ScopesDiffer),
        (Some(names), _) | (None, Some(names)) => Ok(Scopes::from_known(names)),
        (None, None) => Ok(Scopes::NONE),
    }
}

/// What the token gives as its time zone. It only changes how times are shown, so what cannot be a name of one is
/// left out and logged instead of refusing the caller.
fn timezone(payload: &Map<String, Value>) -> Option<&str> {
    let value = payload.get("timezone")?;
    let name = value.as_str().filter(|name| is_timezone(name));
    if name.is_none() && !value.is_null() {
        tracing::info!("a token's timezone cannot be the name of one: times are shown in UTC");
    }
    name
}

/// Whether a text can be the name of a time zone. Whether it is one, who shows the time knows.
pub(crate) fn is_timezone(text: &str) -> bool {
    (1..=MAXIMUM_TIMEZONE_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
