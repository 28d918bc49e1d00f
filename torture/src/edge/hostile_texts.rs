//! Texts that have hurt programs before.

/// A name for a report, and the bytes.
pub(crate) type Text = (&'static str, Vec<u8>);

/// All of them. No one is a payment method, a user or a cursor that exists.
pub(crate) fn all() -> Vec<Text> {
    let text = |name, text: &str| (name, text.as_bytes().to_vec());
    let mut texts = vec![
        text("empty", ""),
        text("a space", " "),
        text("NUL", "a\0b"),
        text("only NUL", "\0"),
        text(
            "returns",
            "a\r\nX-Injected: yes\r\n\r\nGET /health/live HTTP/1.1\r\n",
        ),
        text("a line feed", "a\nb"),
        text("an escape", "a\u{1b}[31mb"),
        text("a delete", "a\u{7f}b"),
        text("right to left", "a\u{202e}b"),
        text("a mark of direction", "\u{200f}usr"),
        text("no width", "us\u{200b}r"),
        text("a byte order mark", "\u{feff}usr"),
        text("a combining avalanche", &format!("a{}", "\u{301}".repeat(200))),
        text("letters that look alike", "usr_аlice"),
        text("full width", "ｕｓｒ"),
        text("a dotless i", "ıI\u{307}"),
        text("an emoji family", "👨\u{200d}👩\u{200d}👧"),
        text("no character", "\u{ffff}"),
        text("the last plane", "\u{10ffff}"),
        ("an overlong slash", b"\xc0\xaf".to_vec()),
        ("an overlong NUL", b"\xc0\x80".to_vec()),
        ("half a character", b"\xe2\x82".to_vec()),
        ("half a pair", b"\xed\xa0\x80".to_vec()),
        ("beyond the last plane", b"\xf4\x90\x80\x80".to_vec()),
        ("Latin-1", b"se\xf1or".to_vec()),
        ("every byte", (0..=255).collect()),
        text("SQL", "' OR '1'='1"),
        text("SQL that deletes", "'; DROP TABLE payment_methods; --"),
        text("SQL of SQLite", "\"; ATTACH DATABASE '/tmp/x' AS x; --"),
        text("SQL that waits", "' || pg_sleep(30) || '"),
        text("an escaped quote", "\\'; SELECT 1; --"),
        text("wildcards", "%_%"),
        text("a path up", "../../../../etc/passwd"),
        text("a path up, encoded", "..%2f..%2f..%2fetc%2fpasswd"),
        text("a path up, encoded twice", "%252e%252e%252f"),
        text("a path of Windows", "..\\..\\windows\\win.ini"),
        text("an address", "http://169.254.169.254/latest/meta-data"),
        text("a file", "file:///etc/passwd"),
        text("half a percent form", "%"),
        text("no percent form", "%zz"),
        text("a percent form of NUL", "%00"),
        text("a percent form of returns", "%0d%0aX-Injected:%20yes"),
        text("a format", "%s%n%x%p"),
        text("a template", "{{7*7}}${7*7}#{7*7}<%= 7*7 %>"),
        text("Java's naming", "${jndi:ldap://127.0.0.1/a}"),
        text("a shell", "; cat /etc/passwd | sh `id` $(id)"),
        text("a script", "<script>alert(1)</script>"),
        text(
            "an entity",
            "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>",
        ),
        text("a huge number", "99999999999999999999999999999999"),
        text("a negative number", "-1"),
        text("beyond 64 bits", "18446744073709551616"),
        text("the least number", "-9223372036854775808"),
        text("an exponent", "1e309"),
        text("no number", "NaN"),
        text("hexadecimal", "0x10"),
        text("a plus", "+10"),
        text("zeros first", "0000000000000000000000000010"),
        text("digits of another script", "１０"),
        text("true", "true"),
        text("null", "null"),
        text("a prototype", "__proto__"),
        text("brackets", "user[]=x&user[$ne]=y"),
        text("a list", "a,b,,c,"),
        text("quotes", "\"\"\"'''```"),
        text("back slashes", "\\\\\\\\\\\\"),
        text("a bearer", "Bearer Bearer Bearer"),
        text("a token of nobody", "eyJhbGciOiJub25lIn0.e30."),
    ];
    for (name, length) in [
        ("64 characters", 64),
        ("65 characters", 65),
        ("256 characters", 256),
        ("8 KiB", 8 * 1024),
        ("20 KiB", 20 * 1024),
    ] {
        texts.push((name, vec![b'A'; length]));
    }
    texts
}

/// As it stands in a path or a query: every byte that is not plain as a percent form.
pub(crate) fn percent(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(byte) {
                vec![*byte]
            } else {
                format!("%{byte:02X}").into_bytes()
            }
        })
        .collect()
}

/// As it stands in JSON, between quotes; what is no text stays what it is.
pub(crate) fn json(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::Value::from(text).to_string().into_bytes(),
        Err(_) => [b"\"", bytes, b"\""].concat(),
    }
}
