//! The document that the figures are written into, between marks.

use std::path::Path;

use crate::{BenchError, tell};

/// A part of the document that a command writes.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// The reads beside the database and the plain service.
    Benchmark,
    /// What becomes of them as data and load grow.
    Growth,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Benchmark => "benchmark",
            Self::Growth => "growth",
        }
    }
}

/// Puts a text between the marks of its place in `docs/performance.md`, in place of what was there.
pub(crate) fn put(place: Place, text: &str) -> Result<(), BenchError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let document = std::fs::read_to_string(&path)?;
    std::fs::write(&path, with(&document, place, text)?)?;
    tell("written to docs/performance.md");
    Ok(())
}

fn with(document: &str, place: Place, text: &str) -> Result<String, BenchError> {
    let name = place.name();
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let lacks = |mark: &str| format!("docs/performance.md lacks {mark}");
    let (before, rest) = document.split_once(&begin).ok_or_else(|| lacks(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| lacks(&end))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_anew_and_the_rest_is_left() {
        let document = "# Speed\n<!-- growth:begin -->\nold\n<!-- growth:end -->\nwords\n";
        assert_eq!(
            with(document, Place::Growth, "new\n").expect("its marks are there"),
            "# Speed\n<!-- growth:begin -->\n\nnew\n\n<!-- growth:end -->\nwords\n"
        );
        assert!(with(document, Place::Benchmark, "new").is_err());
    }
}
