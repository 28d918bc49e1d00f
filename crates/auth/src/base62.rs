//! Numbers in base 62, of fixed length: digits, capitals, small letters. No character of it needs escaping anywhere, and a
//! double click selects all of it.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a character stands for, or `None` where it is no digit.
const fn value(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'A'..=b'Z' => Some(character - b'A' + 10),
        b'a'..=b'z' => Some(character - b'a' + 36),
        _ => None,
    }
}

/// Writes a number, the most significant byte first, with so many digits. What does not fit is lost: the caller chooses
/// enough digits.
pub(crate) fn encode<const BYTES: usize, const LENGTH: usize>(mut number: [u8; BYTES]) -> [u8; LENGTH] {
    let mut digits = [DIGITS[0]; LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u16;
        for byte in &mut number {
            let part = remainder << 8 | u16::from(*byte);
            // Smaller than 256, since the remainder before is smaller than 62.
            *byte = (part / 62).to_be_bytes()[1];
            remainder = part % 62;
        }
        *digit = DIGITS[usize::from(remainder)];
    }
    digits
}

/// Reads a number; `None` where a character is no digit or the number has more bytes than that.
pub(crate) fn decode<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let mut number = [0; BYTES];
    for digit in digits {
        let mut carry = u16::from(value(*digit)?);
        for byte in number.iter_mut().rev() {
            let part = u16::from(*byte) * 62 + carry;
            [_, *byte] = part.to_be_bytes();
            carry = part >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_in_any_other_base() {
        assert_eq!(&encode::<4, 6>([0; 4]), b"000000");
        assert_eq!(&encode::<4, 6>(61_u32.to_be_bytes()), b"00000z");
        assert_eq!(&encode::<4, 6>(62_u32.to_be_bytes()), b"000010");
        assert_eq!(
            decode::<4>(&encode::<4, 6>(u32::MAX.to_be_bytes())),
            Some([255; 4])
        );
        assert_eq!(decode::<4>(b"zzzzzz"), None, "too large a number");
        assert_eq!(decode::<4>(b"00-000"), None, "no digit");
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(number in any::<[u8; 32]>()) {
            prop_assert_eq!(decode::<32>(&encode::<32, 43>(number)), Some(number));
        }

        #[test]
        fn a_text_is_a_number_in_one_way_only(text in "[0-9A-Za-z]{43}") {
            if let Some(number) = decode::<32>(text.as_bytes()) {
                prop_assert_eq!(&encode::<32, 43>(number)[..], text.as_bytes());
            }
        }

        #[test]
        fn small_numbers_agree_with_arithmetic(number in any::<u32>()) {
            let digits = encode::<4, 6>(number.to_be_bytes());
            let sum = digits.iter().fold(0_u64, |sum, digit| sum * 62 + u64::from(value(*digit).unwrap()));
            prop_assert_eq!(sum, u64::from(number));
        }
    }
}
