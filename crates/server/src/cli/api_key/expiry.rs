//! When a key ends, as people write it.

use billfold_domain::UtcTimestamp;
use clap::Args;
use jiff::{Span, Timestamp, tz::TimeZone};

use crate::cli::CommandError;

/// When a key ends by itself, if it does.
#[derive(Debug, Args)]
pub(super) struct ExpiryArguments {
    /// How long the key is good, such as 90d, 12h or 1y. Without this and --expires-at it is good until it is revoked.
    #[arg(
        long,
        env = "BILLFOLD_API_KEY_EXPIRES_IN",
        value_name = "DURATION",
        conflicts_with = "expires_at"
    )]
    expires_in: Option<String>,
    /// When the key ends, such as 2027-01-31T00:00:00Z.
    #[arg(long, env = "BILLFOLD_API_KEY_EXPIRES_AT", value_name = "TIME")]
    expires_at: Option<String>,
}

impl ExpiryArguments {
    /// The point that is meant: after the present.
    pub(super) fn read(&self, now: UtcTimestamp) -> Result<Option<UtcTimestamp>, CommandError> {
        let end = match (&self.expires_in, &self.expires_at) {
            (None, None) => return Ok(None),
            (Some(duration), _) => after(duration, now).ok_or_else(|| {
                format!("{duration} is no duration that a key can last: write 90d, 12h or 1y")
            })?,
            (None, Some(time)) => time
                .parse::<Timestamp>()
                .map_err(|_| format!("{time} is no time: write it as 2027-01-31T00:00:00Z"))?,
        };
        let end = UtcTimestamp::from_microseconds(end.as_microsecond());
        if end <= now {
            return Err("the key would have expired already: choose a time after now".into());
        }
        Ok(Some(end))
    }
}

/// The point that lies so far after another: in days, months and years of the calendar, in UTC.
fn after(duration: &str, now: UtcTimestamp) -> Option<Timestamp> {
    let span: Span = duration.parse().ok()?;
    let now = Timestamp::from_microsecond(now.microseconds()).ok()?;
    let end = now.to_zoned(TimeZone::UTC).checked_add(span).ok()?;
    Some(end.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;
    use crate::wire::time::rfc3339;

    // 2026-01-15T10:00:00Z
    const NOW: UtcTimestamp = UtcTimestamp::from_seconds(1_768_471_200);

    fn read(expires_in: Option<&str>, expires_at: Option<&str>) -> Result<Option<String>, String> {
        let arguments = ExpiryArguments {
            expires_in: expires_in.map(str::to_owned),
            expires_at: expires_at.map(str::to_owned),
        };
        match arguments.read(NOW) {
            Ok(end) => Ok(end.map(rfc3339)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn an_end_is_written_as_a_duration_or_as_a_time() {
        assert_eq!(read(None, None), Ok(None));
        for (duration, expected) in [
            ("90d", "2026-04-15T10:00:00Z"),
            ("12h", "2026-01-15T22:00:00Z"),
            ("1y", "2027-01-15T10:00:00Z"),
            ("1mo 1d", "2026-02-16T10:00:00Z"),
            ("2 weeks", "2026-01-29T10:00:00Z"),
            ("30s", "2026-01-15T10:00:30Z"),
        ] {
            assert_eq!(
                read(Some(duration), None),
                Ok(Some(expected.to_owned())),
                "{duration}"
            );
        }
        assert_eq!(
            read(None, Some("2027-01-31T01:00:00+01:00")),
            Ok(Some("2027-01-31T00:00:00Z".to_owned()))
        );
    }

    #[test]
    fn what_is_no_end_is_refused_with_what_to_write() {
        for duration in ["", "90", "d", "soon", "9999999y", "1e9d"] {
            let error = read(Some(duration), None).unwrap_err();
            assert!(error.contains("write 90d, 12h or 1y"), "{duration}: {error}");
        }
        for time in ["", "tomorrow", "2027-01-31", "2027-13-31T00:00:00Z"] {
            let error = read(None, Some(time)).unwrap_err();
            assert!(error.contains("2027-01-31T00:00:00Z"), "{time}: {error}");
        }
        for (duration, time) in [
            (Some("0s"), None),
            (Some("-1d"), None),
            (Some("1d ago"), None),
            (None, Some("2026-01-15T10:00:00Z")),
            (None, Some("2020-01-01T00:00:00Z")),
        ] {
            let error = read(duration, time).unwrap_err();
            assert!(
                error.contains("choose a time after now"),
                "{duration:?} {time:?}: {error}"
            );
        }
    }
}
