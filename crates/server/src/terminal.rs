//! The terminal that a person sits at, if one does: what is shown there and nowhere else.

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

/// How often a bar is drawn anew, so that it shows that time goes on.
const TICK: Duration = Duration::from_millis(200);

/// The bar that is shown, if one is. There is one standard error, so there is one bar.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Whether standard error takes what moves its cursor.
fn moves_its_cursor() -> bool {
    let terminal = env::var_os("TERM");
    let able = terminal.is_some_and(|name| !name.is_empty() && name != OsStr::new("dumb"));
    able && io::stderr().is_terminal()
}

/// Whether what is written to standard error has colours: on a terminal that has some, unless the person wants none
/// (`NO_COLOR`).
pub(crate) fn has_colours() -> bool {
    let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    wanted && moves_its_cursor()
}

/// How far a long command is, on standard error, while this lives. Nothing is written where standard error is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins to show how many of so many are done. `what` they are is said in the plural. Where a program reads the
    /// command's output, nobody is to be shown anything.
    pub(crate) fn begin(what: &'static str, number: usize, for_a_person: bool) -> Self {
        let target = if for_a_person && moves_its_cursor() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(u64::try_from(number).ok(), target);
        let template = format!("[{{bar:24}}] {{pos}} of {{len}} {what}, {{elapsed}} {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        *SHOWN.lock() = Some(bar.clone());
        Self(bar)
    }

    /// Says what is at work now.
    pub(crate) fn at(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        *SHOWN.lock() = None;
    }
}

/// Writes what is to stay, without a bar in its midst.
pub(crate) fn beside_the_bar<T>(write: impl FnOnce() -> T) -> T {
    // Held no longer than this, since what is written may begin or end a bar.
    let shown = SHOWN.lock().clone();
    match shown {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Standard error, for what writes whole lines.
pub(crate) fn standard_error() -> impl Write {
    StandardError
}

struct StandardError;

impl Write for StandardError {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        beside_the_bar(|| io::stderr().write(text))
    }

    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        beside_the_bar(|| io::stderr().write_all(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
