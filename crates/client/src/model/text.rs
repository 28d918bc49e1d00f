//! Texts of answers that become more than texts. By hand, since the features by which their crates could do it would be
//! switched on for everyone who builds them beside this one.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};
use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

/// How the account API writes times.
const ACCOUNT_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// A time of the project API.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| D::Error::custom("a time is not as RFC 3339 has it"))
}

/// A time of the account API.
pub(super) fn account_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PrimitiveDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    PrimitiveDateTime::parse(&text, ACCOUNT_TIME)
        .map_err(|_| D::Error::custom("a time is not YYYY-MM-DD HH:MM:SS"))
}

/// A secret.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    Ok(String::deserialize(deserializer)?.into())
}

/// A secret, where there is one.
pub(super) fn secret_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}
