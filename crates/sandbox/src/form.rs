//! Form bodies and query strings with bracketed keys: `a=`, `a[b][c]=`, `a[]=`, `a[0]=`, `a[0][b]=`.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// More levels than any of Stripe's parameters has; a deeper key is refused instead of followed.
const MOST_LEVELS: usize = 8;

/// Why a form cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FormError {
    #[error("Invalid request: a parameter is not valid UTF-8")]
    Encoding,
    #[error("Invalid request: the parameter `{0}` is not well formed")]
    Key(String),
}

/// Reads a form into a tree of strings, arrays and objects. Of a scalar given twice the last one holds.
pub(crate) fn parse(input: &str) -> Result<Map<String, Value>, FormError> {
    let mut tree = Map::new();
    for pair in input.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key)?;
        let value = decode(value)?;
        let (first, rest) = split_key(&key).ok_or_else(|| FormError::Key(key.clone()))?;
        insert(tree.entry(first).or_insert(Value::Null), &rest, value).map_err(|()| FormError::Key(key))?;
    }
    Ok(tree)
}

fn decode(text: &str) -> Result<String, FormError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| FormError::Encoding)
}

/// `a[b][c]` as `a` and `[b, c]`.
fn split_key(key: &str) -> Option<(String, Vec<String>)> {
    let Some(open) = key.find('[') else {
        return (!key.is_empty()).then(|| (key.to_owned(), Vec::new()));
    };
    let (first, mut rest) = key.split_at(open);
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let (segment, after) = rest.strip_prefix('[')?.split_once(']')?;
        segments.push(segment.to_owned());
        rest = after;
    }
    (!first.is_empty() && segments.len() <= MOST_LEVELS).then(|| (first.to_owned(), segments))
}

fn insert(place: &mut Value, segments: &[String], value: String) -> Result<(), ()> {
    let Some((segment, rest)) = segments.split_first() else {
        return match place {
            Value::Null | Value::String(_) => {
                *place = Value::String(value);
                Ok(())
            }
            _ => Err(()),
        };
    };
    let is_position = segment.is_empty() || segment.bytes().all(|byte| byte.is_ascii_digit());
    if place.is_null() {
        *place = if is_position {
            Value::Array(Vec::new())
        } else {
            Value::Object(Map::new())
        };
    }
    match place {
        Value::Array(items) if is_position => {
            // Positions beyond the end append: clients number from zero in order, and a huge number must not
            // make a huge array.
            let position = segment
                .parse::<usize>()
                .ok()
                .filter(|position| *position < items.len());
            if position.is_none() {
                items.push(Value::Null);
            }
            let position = position.unwrap_or(items.len() - 1);
            insert(&mut items[position], rest, value)
        }
        Value::Object(entries) => insert(entries.entry(segment.clone()).or_insert(Value::Null), rest, value),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn reads(input: &str, expected: Value) {
        assert_eq!(parse(input).map(Value::Object), Ok(expected), "{input}");
    }

    #[test]
    fn nested_keys_and_lists() {
        reads("a=1&b=x+y%26z", json!({"a": "1", "b": "x y&z"}));
        reads("a[b][c]=1&a[b][d]=2", json!({"a": {"b": {"c": "1", "d": "2"}}}));
        reads("a[]=1&a[]=2", json!({"a": ["1", "2"]}));
        reads("a[0]=1&a[1]=2&a[1]=3", json!({"a": ["1", "3"]}));
        reads("a[0][b]=1&a[0][c]=2", json!({"a": [{"b": "1", "c": "2"}]}));
        reads("a[999999999]=1", json!({"a": ["1"]}));
        reads(
            "metadata%5Bkey%5D=v&flag",
            json!({"metadata": {"key": "v"}, "flag": ""}),
        );
        reads("", json!({}));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for input in [
            "a[b=1",
            "a[b]c=1",
            "[a]=1",
            "=1",
            "a=1&a[b]=2",
            "a[b]=2&a=1",
            "a[][][][][][][][][]=1",
        ] {
            assert!(matches!(parse(input), Err(FormError::Key(_))), "{input}");
        }
        assert_eq!(parse("a=%ff"), Err(FormError::Encoding));
    }
}
