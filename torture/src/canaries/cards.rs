//! Card numbers, a different one for each place that clients push one into, so that a number that is found says how it came there.

use crate::canaries::secrets::Secrets;

/// Stripe's test numbers.
const NUMBERS: [&str; 48] = [
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "6011981111111113",
    "3056930009020004",
    "36227206271667",
    "6555900000604105",
    "3566002020360505",
    "6200000000000005",
    "6200000000000047",
    "4000002500001001",
    "5555552500001001",
    "4000000000000341",
    "4000000000003055",
    "4000002500003155",
    "4000002760003184",
    "4000000000003220",
    "4000000000003063",
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000006975",
    "4100000000000019",
    "4000000000000069",
    "4000000000000127",
    "4000000000000101",
    "4000000000000036",
    "4000000000000119",
    "4000000760000002",
    "4000001240000000",
    "4000004840008001",
    "4000008260000000",
    "4000000560000004",
    "4000002080000001",
    "4000002460000001",
    "4000002500000003",
    "4000002760000016",
    "4000003720000005",
    "4000003800000008",
    "4000005280000002",
];

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Spaced,
    Dashed,
}

/// The numbers that are still to be dealt.
#[derive(Debug, Default)]
pub(crate) struct Deck {
    dealt: usize,
}

impl Deck {
    /// A number that no other place has, and looks for it from now on, however it is written.
    pub(crate) fn deal(&mut self, place: &str, style: Style, secrets: &mut Secrets) -> String {
        let number = NUMBERS[self.dealt % NUMBERS.len()];
        assert!(
            self.dealt < NUMBERS.len(),
            "there are more places than card numbers"
        );
        self.dealt += 1;
        let spellings = [Style::Plain, Style::Spaced, Style::Dashed].map(|style| written(number, style));
        secrets.add_any(&format!("card number as {place}"), spellings);
        written(number, style)
    }
}

/// A number in groups of four, or without groups.
fn written(number: &str, style: Style) -> String {
    let separator = match style {
        Style::Plain => "",
        Style::Spaced => " ",
        Style::Dashed => "-",
    };
    let groups: Vec<&str> = number
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_card_number_and_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for number in NUMBERS {
            assert!(seen.insert(number), "{number} is there twice");
            let digits = number.bytes().rev().map(|digit| u32::from(digit - b'0'));
            let sum: u32 = digits
                .enumerate()
                .map(|(place, digit)| {
                    if place % 2 == 0 {
                        digit
                    } else {
                        digit * 2 / 10 + digit * 2 % 10
                    }
                })
                .sum();
            assert_eq!(sum % 10, 0, "{number} has a wrong check digit");
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let mut secrets = Secrets::default();
        assert_eq!(
            Deck::default().deal("a place", Style::Dashed, &mut secrets),
            "4242-4242-4242-4242"
        );
        let search = secrets.search();
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242%204242%204242%204242",
            "NDI0MjQyNDI0MjQyNDI0Mg==",
        ] {
            assert_eq!(search.find(text.as_bytes()).len(), 1, "{text}");
        }
    }
}
