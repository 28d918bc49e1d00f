//! Which series an expression of Prometheus' language asks for. Enough of the language for the files in `deploy/`.

/// What stands before a list of labels in brackets.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What stands between two expressions.
const BETWEEN: [&str; 7] = ["and", "or", "unless", "bool", "offset", "atan2", "inf"];

/// The names of the series that an expression asks for, in the order in which they stand there.
pub(super) fn series_in(expression: &str) -> Vec<String> {
    let mut series = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' || first == '`' {
            rest = after_text(rest, first);
        } else if first == '{' {
            rest = after_matchers(rest);
        } else if first == '[' {
            rest = rest.split_once(']').map_or("", |(_, after)| after);
        } else if first == '$' {
            rest = split_word(&rest[1..]).1;
        } else if first.is_ascii_digit() {
            // A number, or a duration with its unit.
            rest = split_word(rest).1;
        } else if is_of_a_word(first) {
            let (word, after) = split_word(rest);
            rest = after;
            let next = after.trim_start();
            let calls = next.starts_with('(') || matches!(split_word(next).0, "by" | "without");
            if BEFORE_LABELS.contains(&word) {
                if next.starts_with('(') {
                    rest = next.split_once(')').map_or("", |(_, after)| after);
                }
            } else if !calls && !BETWEEN.contains(&word) {
                series.push(word.to_owned());
            }
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    series
}

fn is_of_a_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|character| !is_of_a_word(character));
    text.split_at(end.unwrap_or(text.len()))
}

/// What follows a text in these quotes.
fn after_text(quoted: &str, quote: char) -> &str {
    let mut escaped = false;
    for (place, character) in quoted.char_indices().skip(1) {
        if !escaped && character == quote {
            return &quoted[place + 1..];
        }
        escaped = !escaped && character == '\\' && quote != '`';
    }
    ""
}

/// What follows matchers of labels. A closing brace in one of their texts does not end them.
fn after_matchers(matchers: &str) -> &str {
    let mut rest = &matchers[1..];
    while let Some(first) = rest.chars().next() {
        match first {
            '}' => return &rest[1..],
            '"' | '\'' | '`' => rest = after_text(rest, first),
            _ => rest = &rest[first.len_utf8()..],
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::series_in;

    #[test]
    fn series_are_told_from_functions_labels_texts_and_numbers() {
        for (expression, expected) in [
            ("up == 0", &["up"][..]),
            (
                r#"sum(rate(a_total{b="c}d_total",e=~"f"}[5m])) > 0.02 * sum(rate(g_total[1h]))"#,
                &["a_total", "g_total"],
            ),
            (
                "histogram_quantile(0.99, sum by (operation, le) (rate(a_seconds_bucket[$__rate_interval])))",
                &["a_seconds_bucket"],
            ),
            (
                "sum(rate(a_total[5m])) by (b) and on (c) d offset 5m or (e unless ignoring(f) group_left(g) h)",
                &["a_total", "d", "e", "h"],
            ),
            ("max without (a) (b) > bool 1e3", &["b"]),
            (r"count(a{b='\'c_total'}) + $d + ${e}", &["a"]),
            (
                "time() - process_start_time_seconds",
                &["process_start_time_seconds"],
            ),
            ("1 + 2", &[]),
        ] {
            assert_eq!(series_in(expression), expected, "{expression}");
        }
    }
}
