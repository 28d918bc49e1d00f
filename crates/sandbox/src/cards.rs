//! Test cards, tokens and number ranges, as data.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the card's bank does when a card is attached or set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Attaches and sets up.
    Succeeds,
    /// Attaches; a setup intent waits for the owner to pass 3-D Secure.
    Challenges,
    /// Neither attaches nor sets up.
    Declines(Decline),
}

/// Why a bank refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decline {
    Generic,
    InsufficientFunds,
    Lost,
    Stolen,
    VelocityExceeded,
    Fraudulent,
    Expired,
    IncorrectCvc,
    IncorrectZip,
    ProcessingError,
}

/// How a refusal reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclineDetails {
    pub(crate) code: &'static str,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) message: &'static str,
    pub(crate) param: Option<&'static str>,
    pub(crate) advice_code: Option<&'static str>,
    pub(crate) network_decline_code: Option<&'static str>,
}

impl Decline {
    pub(crate) fn details(self) -> DeclineDetails {
        const RETRY: Option<&str> = Some("try_again_later");
        const STOP: Option<&str> = Some("do_not_try_again");
        const DECLINED: &str = "Your card was declined.";
        let declined = |decline_code, message, advice_code, network_decline_code| DeclineDetails {
            code: "card_declined",
            decline_code: Some(decline_code),
            message,
            param: None,
            advice_code,
            network_decline_code: Some(network_decline_code),
        };
        let faulty = |code, message, param| DeclineDetails {
            code,
            decline_code: None,
            message,
            param,
            advice_code: None,
            network_decline_code: None,
        };
        match self {
            Self::Generic => declined("generic_decline", DECLINED, RETRY, "01"),
            Self::InsufficientFunds => declined(
                "insufficient_funds",
                "Your card has insufficient funds.",
                RETRY,
                "51",
            ),
            Self::Lost => declined("lost_card", DECLINED, STOP, "41"),
            Self::Stolen => declined("stolen_card", DECLINED, STOP, "43"),
            Self::VelocityExceeded => declined(
                "card_velocity_exceeded",
                "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
                RETRY,
                "65",
            ),
            Self::Fraudulent => declined("fraudulent", DECLINED, STOP, "59"),
            Self::Expired => faulty("expired_card", "Your card has expired.", Some("exp_month")),
            Self::IncorrectCvc => faulty(
                "incorrect_cvc",
                "Your card's security code is incorrect.",
                Some("cvc"),
            ),
            Self::IncorrectZip => faulty(
                "incorrect_zip",
                "Your card could not be authorized using the postal code provided. Please update the postal code, \
                 or contact your card issuer for further details.",
                Some("address_zip"),
            ),
            Self::ProcessingError => faulty(
                "processing_error",
                "An error occurred while processing your card. Try again in a little bit.",
                None,
            ),
        }
    }
}

/// A card that is known by its number and by its names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestCard {
    pub(crate) number: &'static str,
    /// What follows `pm_card_` and `tok_`.
    pub(crate) names: &'static [&'static str],
    pub(crate) funding: &'static str,
    pub(crate) outcome: Outcome,
}

const fn card(
    number: &'static str,
    names: &'static [&'static str],
    funding: &'static str,
    outcome: Outcome,
) -> TestCard {
    TestCard {
        number,
        names,
        funding,
        outcome,
    }
}

use Outcome::{Challenges, Declines, Succeeds};

/// Every card whose behaviour is known. A number that is not here succeeds, with the brand of its range.
#[rustfmt::skip]
pub(crate) const TEST_CARDS: &[TestCard] = &[
    card("4242424242424242", &["visa", "us"], "credit", Succeeds),
    card("4000056655665556", &["visa_debit"], "debit", Succeeds),
    card("5555555555554444", &["mastercard"], "credit", Succeeds),
    card("2223003122003222", &["mastercard_2series"], "credit", Succeeds),
    card("5200828282828210", &["mastercard_debit"], "debit", Succeeds),
    card("5105105105105100", &["mastercard_prepaid"], "prepaid", Succeeds),
    card("378282246310005", &["amex"], "credit", Succeeds),
    card("6011111111111117", &["discover"], "credit", Succeeds),
    card("6011981111111113", &["discover_debit"], "debit", Succeeds),
    card("3056930009020004", &["diners"], "credit", Succeeds),
    card("36227206271667", &["diners_14digits"], "credit", Succeeds),
    card("3566002020360505", &["jcb"], "credit", Succeeds),
    card("6200000000000005", &["unionpay"], "credit", Succeeds),
    card("6280000360000978", &["eftposAu"], "debit", Succeeds),
    card("4000050360000001", &["visa_debit_eftposAuCoBranded"], "debit", Succeeds),
    card("5555050360000080", &["mastercard_debit_eftposAuCoBranded"], "debit", Succeeds),
    card("4000002500001001", &["visa_cartesBancaires"], "credit", Succeeds),
    card("5555552500001001", &["mastercard_cartesBancaires"], "credit", Succeeds),
    card("4000000000000341", &["chargeCustomerFail"], "credit", Succeeds),
    card("4000000000003055", &["threeDSecureOptional"], "credit", Succeeds),
    card("4000000000003220", &["threeDSecure2Required"], "credit", Challenges),
    card("4000000000003063", &["threeDSecureRequired"], "credit", Challenges),
    card("4000002500003155", &["authenticationRequiredOnSetup"], "credit", Challenges),
    card("4000002760003184", &["authenticationRequired"], "credit", Challenges),
    card("4000000000000002", &["chargeDeclined", "visa_chargeDeclined"], "credit", Declines(Decline::Generic)),
    card("4000000000009995", &["chargeDeclinedInsufficientFunds", "visa_chargeDeclinedInsufficientFunds"], "credit", Declines(Decline::InsufficientFunds)),
    card("4000000000009987", &["chargeDeclinedLostCard", "visa_chargeDeclinedLostCard"], "credit", Declines(Decline::Lost)),
    card("4000000000009979", &["chargeDeclinedStolenCard", "visa_chargeDeclinedStolenCard"], "credit", Declines(Decline::Stolen)),
    card("4000000000006975", &["chargeDeclinedVelocityLimitExceeded", "visa_chargeDeclinedVelocityLimitExceeded"], "credit", Declines(Decline::VelocityExceeded)),
    card("4100000000000019", &["chargeDeclinedFraudulent", "radarBlock"], "credit", Declines(Decline::Fraudulent)),
    card("4000000000000069", &["chargeDeclinedExpiredCard"], "credit", Declines(Decline::Expired)),
    card("4000000000000127", &["chargeDeclinedIncorrectCvc"], "credit", Declines(Decline::IncorrectCvc)),
    card("4000000000000101", &["cvcCheckFail"], "credit", Declines(Decline::IncorrectCvc)),
    card("4000000000000036", &["avsZipFail"], "credit", Declines(Decline::IncorrectZip)),
    card("4000000000000119", &["chargeDeclinedProcessingError"], "credit", Declines(Decline::ProcessingError)),
];

/// Wallets whose tokens are `tok_<name>_<card>` and `pm_card_<name>_<card>`, with any card name of [`TEST_CARDS`].
const WALLETS: &[(&str, &str)] = &[("applePay_", "apple_pay"), ("googlePay_", "google_pay")];

/// A card found by a token's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) card: &'static TestCard,
    /// `card.wallet.type`, when the token stands for a wallet.
    pub(crate) wallet: Option<&'static str>,
}

/// The card behind `pm_card_*` or `tok_*`, given what follows that prefix.
pub(crate) fn named(name: &str) -> Option<Named> {
    let (wallet, name) = WALLETS
        .iter()
        .find_map(|(prefix, wallet)| Some((Some(*wallet), name.strip_prefix(prefix)?)))
        .unwrap_or((None, name));
    let card = TEST_CARDS.iter().find(|card| card.names.contains(&name))?;
    Some(Named { card, wallet })
}

/// `(brand, first, last, digits)`: a number whose first `digits` digits lie in `first..=last` is of that brand.
/// The first range that fits decides, so the narrow ones stand first.
const RANGES: &[(&str, u64, u64, usize)] = &[
    ("cartes_bancaires", 4_000_002_500_001, 4_000_002_500_001, 13),
    ("cartes_bancaires", 55_555_525, 55_555_525, 8),
    ("eftpos_au", 62_800_003, 62_800_003, 8),
    ("visa", 4, 4, 1),
    ("mastercard", 51, 55, 2),
    ("mastercard", 2221, 2720, 4),
    ("amex", 34, 34, 2),
    ("amex", 37, 37, 2),
    ("discover", 6011, 6011, 4),
    ("discover", 644, 649, 3),
    ("discover", 65, 65, 2),
    ("diners", 300, 305, 3),
    ("diners", 3095, 3095, 4),
    ("diners", 36, 36, 2),
    ("diners", 38, 39, 2),
    ("jcb", 3528, 3589, 4),
    ("unionpay", 62, 62, 2),
    ("unionpay", 81, 81, 2),
];

/// The brand of a card number, `unknown` outside every range.
pub(crate) fn brand(number: &str) -> &'static str {
    RANGES
        .iter()
        .find(|(_, first, last, digits)| {
            number
                .get(..*digits)
                .and_then(|start| start.parse::<u64>().ok())
                .is_some_and(|start| (*first..=*last).contains(&start))
        })
        .map_or("unknown", |(brand, ..)| brand)
}

/// The networks that a number can be charged over: two for a co-branded card.
pub(crate) fn networks(number: &str) -> Value {
    match brand(number) {
        "unknown" => json!([]),
        "cartes_bancaires" if number.starts_with('4') => json!(["cartes_bancaires", "visa"]),
        "cartes_bancaires" => json!(["cartes_bancaires", "mastercard"]),
        brand if number.starts_with("400005036") || number.starts_with("555505036") => {
            json!(["eftpos_au", brand])
        }
        brand => json!([brand]),
    }
}

/// The issuing country, from the number.
pub(crate) fn country(number: &str) -> &'static str {
    match brand(number) {
        "cartes_bancaires" => "FR",
        "eftpos_au" => "AU",
        "jcb" => "JP",
        "unionpay" => "CN",
        _ if number.starts_with("400005036") || number.starts_with("555505036") => "AU",
        _ if number == "4000002760003184" => "DE",
        _ => "US",
    }
}

/// What the bank does with a number.
pub(crate) fn outcome(number: &str) -> Outcome {
    TEST_CARDS
        .iter()
        .find(|card| card.number == number)
        .map_or(Succeeds, |card| card.outcome)
}

/// How a number is funded.
pub(crate) fn funding(number: &str) -> &'static str {
    TEST_CARDS
        .iter()
        .find(|card| card.number == number)
        .map_or("credit", |card| card.funding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card_checks::number as checked;

    #[test]
    fn every_test_card_passes_luhn_and_has_names_of_its_own() {
        let mut names: Vec<&str> = Vec::new();
        for card in TEST_CARDS {
            assert!(checked(card.number).is_ok(), "{}", card.number);
            names.extend(card.names);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn brands_follow_number_ranges() {
        for (number, expected) in [
            ("4242424242424242", "visa"),
            ("5555555555554444", "mastercard"),
            ("2223003122003222", "mastercard"),
            ("2221000000000009", "mastercard"),
            ("2720990000000000", "mastercard"),
            ("2721000000000000", "unknown"),
            ("378282246310005", "amex"),
            ("340000000000009", "amex"),
            ("6011111111111117", "discover"),
            ("6440000000000000", "discover"),
            ("6500000000000000", "discover"),
            ("3056930009020004", "diners"),
            ("36227206271667", "diners"),
            ("3566002020360505", "jcb"),
            ("6200000000000005", "unionpay"),
            ("8100000000000000", "unionpay"),
            ("6280000360000978", "eftpos_au"),
            ("4000002500001001", "cartes_bancaires"),
            ("4000002500003155", "visa"),
            ("9000000000000000", "unknown"),
        ] {
            assert_eq!(brand(number), expected, "{number}");
        }
    }

    #[test]
    fn every_test_card_is_documented() {
        let page = include_str!("../../../docs/sandbox.md");
        for card in TEST_CARDS {
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| {} |", card.number)));
            let row = row.unwrap_or_else(|| panic!("docs/sandbox.md lacks {}", card.number));
            for name in card.names {
                assert!(row.contains(&format!("`{name}`")), "docs/sandbox.md lacks {name}");
            }
            let expected = match card.outcome {
                Succeeds => "| succeeds",
                Challenges => "require 3-D Secure",
                Declines(decline) => decline.details().decline_code.unwrap_or(decline.details().code),
            };
            assert!(row.contains(expected), "{row}");
        }
    }
}
