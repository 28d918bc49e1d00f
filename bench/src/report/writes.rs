//! The tables of the requests that write.

use std::fmt::Write as _;

use super::{
    Report,
    figures::{Percentiles, hundredths, spread, whole},
};
use crate::{
    reads::SHARE,
    writes::{ActionFigures, Share, WriteFigures},
};

/// How many statements of a write are shown.
const STATEMENTS: usize = 5;

impl Report {
    /// Saving and deleting, then webhooks.
    pub(super) fn write_writes(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| ms at {:.0} % of the rate | requests/s | calls to Stripe | commits | overhead p50 | p99 | p99.9 | one at a time: overhead p50 | p99 | Stripe's time p50 | p99 \
             | whole p50 | p99 | p99.9 | server CPU µs | database CPU µs |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
            SHARE * 100.0
        )?;
        for writes in &self.writes {
            for (name, figures) in actions(writes) {
                write_action(text, &format!("{name}, {}", writes.database), figures)?;
            }
        }
        for writes in self.writes.iter().filter(|writes| !writes.commits.p50.is_empty()) {
            let [median, high, _] = all(&writes.commits);
            writeln!(
                text,
                "\nOne commit of one row in {}, with nothing else under way: {median} ms (p50), {high} ms (p99).",
                writes.database
            )?;
        }
        self.write_profiles(text)?;
        writeln!(
            text,
            "\n| webhooks | acknowledged a second | p50 ms at {:.0} % of that | p99 | p99.9 | server CPU µs | database CPU µs |\n\
             |---|---|---|---|---|---|---|",
            SHARE * 100.0
        )?;
        for writes in &self.writes {
            let figures = &writes.webhooks;
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                writes.database,
                whole(&figures.rate),
                all(&figures.times).join(" | "),
                whole(&figures.server_cpu),
                whole(&figures.database_cpu),
            )?;
        }
        Ok(())
    }

    /// What takes the most of the database's time.
    fn write_profiles(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| statements of a write that take the most | a request | ms each | ms a request |\n|---|---|---|---|"
        )?;
        for (name, figures) in self.writes.iter().flat_map(actions) {
            for share in figures.profile.dearest(STATEMENTS) {
                let Share {
                    statement,
                    calls,
                    milliseconds,
                } = share;
                let sum = calls * milliseconds;
                writeln!(
                    text,
                    "| {name}: {statement} | {calls:.1} | {milliseconds:.2} | {sum:.2} |"
                )?;
            }
        }
        Ok(())
    }
}

fn tenths(values: &[f64]) -> String {
    spread(values, |value| format!("{value:.1}"))
}

fn actions(writes: &WriteFigures) -> [(&'static str, &ActionFigures); 3] {
    [
        ("create, a user's first", &writes.first),
        ("create, another of a user", &writes.next),
        ("delete", &writes.delete),
    ]
}

fn write_action(text: &mut String, name: &str, figures: &ActionFigures) -> std::fmt::Result {
    let [stripe_median, stripe_high, _] = all(&figures.stripe);
    let [alone_median, alone_high, _] = all(&figures.alone);
    writeln!(
        text,
        "| {name} | {} | {} | {} | {} | {alone_median} | {alone_high} | {stripe_median} | {stripe_high} | {} | {} | {} |",
        whole(&figures.rate),
        tenths(&figures.calls),
        tenths(&figures.commits),
        all(&figures.own).join(" | "),
        all(&figures.times).join(" | "),
        whole(&figures.server_cpu),
        whole(&figures.database_cpu),
    )
}

fn all(times: &Percentiles) -> [String; 3] {
    [&times.p50, &times.p99, &times.p999].map(|values| hundredths(values))
}
