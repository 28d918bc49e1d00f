//! Times as text.

use billfold_domain::UtcTimestamp;
use jiff::{Timestamp, tz::TimeZone};

/// RFC 3339 in UTC, whole seconds, `Z`: the project API's way.
pub(crate) fn rfc3339(point: UtcTimestamp) -> String {
    timestamp(point).to_string()
}

/// `YYYY-MM-DD HH:MM:SS` in a time zone, daylight saving and all: the account API's way.
pub(crate) fn local(point: UtcTimestamp, zone: &TimeZone) -> String {
    in_zone(point, zone, "%Y-%m-%d %H:%M:%S")
}

fn in_zone(point: UtcTimestamp, zone: &TimeZone, format: &str) -> String {
    timestamp(point)
        .to_zoned(zone.clone())
        .strftime(format)
        .to_string()
}

/// The point in whole seconds, which writes itself in RFC 3339; the epoch where the calendar ends (year 9999).
pub(crate) fn timestamp(point: UtcTimestamp) -> Timestamp {
    Timestamp::from_second(point.seconds()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The time zone of an IANA name; UTC where there is none or nobody knows it.
pub(crate) fn zone(name: Option<&str>) -> TimeZone {
    let Some(name) = name else { return TimeZone::UTC };
    TimeZone::get(name).unwrap_or_else(|_| {
        tracing::warn!(timezone = name, "a token names an unknown time zone; UTC is used");
        TimeZone::UTC
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_zone_with_daylight_saving() {
        // 2023-09-16T00:38:54Z: summer time in Paris, and the day before in New York.
        let summer = UtcTimestamp::from_seconds(1_694_824_734);
        assert_eq!(rfc3339(summer), "2023-09-16T00:38:54Z");
        assert_eq!(local(summer, &zone(None)), "2023-09-16 00:38:54");
        assert_eq!(local(summer, &zone(Some("Europe/Paris"))), "2023-09-16 02:38:54");
        assert_eq!(
            local(summer, &zone(Some("America/New_York"))),
            "2023-09-15 20:38:54"
        );
        let winter = UtcTimestamp::from_seconds(1_705_276_800);
        assert_eq!(local(winter, &zone(Some("Europe/Paris"))), "2024-01-15 01:00:00");
        assert_eq!(
            local(winter, &zone(Some("Atlantis/Capital"))),
            "2024-01-15 00:00:00"
        );
    }

    #[test]
    fn the_hour_that_comes_twice_is_shown_twice() {
        // On 2024-10-27 clocks in Paris go back from 03:00 to 02:00.
        let paris = zone(Some("Europe/Paris"));
        let first = UtcTimestamp::from_seconds(1_729_989_000);
        let second = UtcTimestamp::from_seconds(1_729_992_600);
        assert_eq!(local(first, &paris), "2024-10-27 02:30:00");
        assert_eq!(local(second, &paris), "2024-10-27 02:30:00");
    }
}
