//! Texts of JSON, for the answers that are written by hand because they are many and long.

/// Writes a text with its quotes, escaped where it must be (RFC 8259, section 7).
pub(crate) fn push_text(out: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    // Without a way out in the middle many bytes are looked at together.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The same, or `null`.
pub(crate) fn push_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => out.push_str("null"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_the_library_writes_it(text in prop_oneof![".*", "[ -~]*", r#"["\\/\x00-\x1f\x7f]*"#]) {
            let mut written = String::new();
            push_text(&mut written, &text);
            prop_assert_eq!(written, serde_json::to_string(&text).expect("a text can be written"));
        }
    }
}
