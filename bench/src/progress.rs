//! How far the filling of the database is.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error while this lives, and nothing where standard error is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins to show how many of so many are done. `what` they are is said in the plural.
    pub(crate) fn begin(what: &'static str, number: usize) -> Self {
        let bar = ProgressBar::new(number as u64);
        let template =
            format!("[{{bar:24}}] {{human_pos}} of {{human_len}} {what}, {{elapsed}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, number: u32) {
        self.0.inc(u64::from(number));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
