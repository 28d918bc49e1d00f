//! Where the head of a request ends: how requests that come together are told apart before they are parsed.

use memchr::memchr_iter;

/// Finds the ends of heads in what a client sends, wherever it is cut.
///
/// A head ends with the first empty line after one that is not (RFC 9112, section 2.1). Line ends may lack their carriage return, as
/// the parser allows. In a body an empty line looks the same, so more ends may be found than there are, and never fewer.
#[derive(Debug, Default)]
pub(super) struct HeadEnd {
    /// Something other than line ends has come since the last end.
    has_begun: bool,
    /// The line that has not ended yet has something in it.
    line_has_text: bool,
}

impl HeadEnd {
    /// Where the first head ends in what comes next, in bytes from its beginning; `None` if none does. What comes after the end is
    /// given again.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut line = 0;
        for line_end in memchr_iter(b'\n', bytes) {
            self.read(&bytes[line..line_end]);
            line = line_end + 1;
            if self.has_begun && !self.line_has_text {
                *self = Self::default();
                return Some(line);
            }
            self.line_has_text = false;
        }
        self.read(&bytes[line..]);
        None
    }

    fn read(&mut self, part_of_line: &[u8]) {
        if part_of_line.iter().any(|byte| *byte != b'\r') {
            self.has_begun = true;
            self.line_has_text = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_end(text: &str) -> Option<usize> {
        HeadEnd::default().find(text.as_bytes())
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        assert_eq!(first_end("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"), Some(27));
        assert_eq!(first_end("GET / HTTP/1.1\nHost: x\n\nGET"), Some(24));
        assert_eq!(first_end("GET / HTTP/1.1\r\nHost: x\r\n"), None);
        assert_eq!(first_end("\r\n\n\r\n"), None, "what precedes a head is none");
        assert_eq!(first_end("\r\na\r\n\r\n"), Some(7));
    }

    fn head() -> impl Strategy<Value = String> {
        let line_end = prop_oneof![Just("\r\n"), Just("\n")];
        (prop::collection::vec("[!-~][ -~]{0,20}", 1..5), line_end)
            .prop_map(|(lines, end)| format!("{}{end}{end}", lines.join(end)))
    }

    proptest! {
        #[test]
        fn each_head_is_found_however_it_is_cut(
            heads in prop::collection::vec(head(), 1..8),
            cuts in prop::collection::vec(1_usize..40, 1..40),
        ) {
            let sent = heads.concat();
            let mut head_end = HeadEnd::default();
            let (mut at, mut found, mut head) = (0, Vec::new(), 0);
            let mut cuts = cuts.into_iter().cycle();
            while at < sent.len() {
                let piece = cuts.next().unwrap_or(1).min(sent.len() - at);
                match head_end.find(&sent.as_bytes()[at..at + piece]) {
                    Some(end) => {
                        at += end;
                        found.push(sent[head..at].to_owned());
                        head = at;
                    }
                    None => at += piece,
                }
            }
            prop_assert_eq!(found, heads);
        }
    }
}
