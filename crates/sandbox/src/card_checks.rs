//! The checks of a card's own data, which need no bank.

use crate::errors::ApiError;

/// The digits of a card number: spaces and dashes are let through, anything else is a card error.
pub(crate) fn number(text: &str) -> Result<String, ApiError> {
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '-'))
        .collect();
    if !(12..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::card(
            "invalid_number",
            "The card number is not a valid credit card number.",
            "number",
        ));
    }
    if !passes_luhn(&digits) {
        return Err(ApiError::card(
            "incorrect_number",
            "Your card number is incorrect.",
            "number",
        ));
    }
    Ok(digits)
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(position, byte)| {
            let digit = u32::from(byte - b'0');
            if position % 2 == 0 {
                digit
            } else {
                digit * 2 / 10 + digit * 2 % 10
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A month and a year in which a card can still be used. Two-digit years are of this century.
pub(crate) fn expiry(month: &str, year: &str, now: u64) -> Result<(u32, u32), ApiError> {
    let bad_month = || {
        ApiError::card(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
            "exp_month",
        )
    };
    let bad_year = || {
        ApiError::card(
            "invalid_expiry_year",
            "Your card's expiration year is invalid.",
            "exp_year",
        )
    };
    let month = month
        .trim()
        .parse::<u32>()
        .ok()
        .filter(|month| (1..=12).contains(month))
        .ok_or_else(bad_month)?;
    let year = year.trim().parse::<u32>().map_err(|_| bad_year())?;
    let year = if year < 100 { year + 2000 } else { year };
    let (this_year, this_month) = year_and_month(now);
    if year < this_year || year > this_year + 50 {
        return Err(bad_year());
    }
    if year == this_year && month < this_month {
        return Err(bad_month());
    }
    Ok((month, year))
}

/// A security code: three digits, four on American Express (which takes three as well).
pub(crate) fn check_cvc(cvc: &str, brand: &str) -> Result<(), ApiError> {
    let lengths = if brand == "amex" { 3..=4 } else { 3..=3 };
    if lengths.contains(&cvc.len()) && cvc.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(ApiError::card(
        "invalid_cvc",
        "Your card's security code is invalid.",
        "cvc",
    ))
}

/// The civil year and month of a time in seconds since 1970 (Gregorian, UTC).
pub(crate) fn year_and_month(seconds: u64) -> (u32, u32) {
    // Days are counted from 0000-03-01, so that a leap day ends a year and months have a regular pattern.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (
        u32::try_from(year).unwrap_or(u32::MAX),
        u32::try_from(month).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_check_digit() {
        assert_eq!(
            number("4242 4242-4242 4242").ok().as_deref(),
            Some("4242424242424242")
        );
        for bad in ["4242424242424241", "4242", "", "4242x24242424242"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expiry_is_judged_by_the_month() {
        let july_2026 = 1_783_000_000;
        assert_eq!(year_and_month(july_2026), (2026, 7));
        assert_eq!(year_and_month(951_782_400), (2000, 2));
        assert_eq!(year_and_month(951_868_800), (2000, 3));
        assert_eq!(expiry("7", "26", july_2026).ok(), Some((7, 2026)));
        for (month, year) in [
            ("6", "2026"),
            ("0", "2030"),
            ("13", "2030"),
            ("1", "2025"),
            ("1", "2077"),
            ("x", "1"),
        ] {
            assert!(expiry(month, year, july_2026).is_err(), "{month}/{year}");
        }
    }
}
