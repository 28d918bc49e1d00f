//! The aims, what was measured, and whether that is enough.

use std::fmt::Write as _;

use super::{
    Report,
    figures::{hundredths, percent, whole},
    middle, quotients, spread,
};
use crate::{reads::Figures, workload::Kind};

/// What is asked of a figure.
#[derive(Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn is_met(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(least) => measured >= least,
            Self::AtMost(most) => measured <= most,
        }
    }
}

/// A line of the table.
struct Line {
    what: String,
    aim: &'static str,
    bound: Aim,
    /// A value a round.
    values: Vec<f64>,
    shown: fn(&[f64]) -> String,
}

impl Line {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self {
            what,
            aim,
            shown,
            values,
            ..
        } = self;
        let met = if self.bound.is_met(middle(values)) {
            "yes"
        } else {
            "no"
        };
        writeln!(text, "| {what} | {aim} | {} | {met} |", shown(values))
    }
}

fn line(what: &str, aim: &'static str, bound: Aim, shown: fn(&[f64]) -> String, values: Vec<f64>) -> Line {
    Line {
        what: what.to_owned(),
        aim,
        bound,
        values,
        shown,
    }
}

/// Microseconds.
fn microseconds(values: &[f64]) -> String {
    format!("{} µs", whole(values))
}

fn milliseconds(values: &[f64]) -> String {
    format!("{} ms", spread(values, |value| format!("{value:.1}")))
}

fn whole_milliseconds(values: &[f64]) -> String {
    format!("{} ms", whole(values))
}

fn times(values: &[f64]) -> String {
    spread(values, |value| format!("{value:.1}"))
}

fn a_second(values: &[f64]) -> String {
    format!("{} a second", whole(values))
}

fn mebibytes(values: &[f64]) -> String {
    format!("{} MiB", spread(values, |value| format!("{value:.1}")))
}

impl Report {
    /// The table. What was not measured in this run has no line.
    pub(super) fn write_must_show(&self, text: &mut String) -> std::fmt::Result {
        let mut lines = Vec::new();
        self.of_reads(&mut lines);
        if let Some(parts) = &self.parts {
            let cost = parts.with_policies().iter().map(|share| 1.0 - share).collect();
            lines.push(line(
                "row-level security's cost on list 10",
                "≤ 10 %",
                Aim::AtMost(0.1),
                percent,
                cost,
            ));
        }
        if let Some(plain) = &self.plain {
            lines.push(line(
                "list 10, times the rate of Fastify + pg for the same work",
                "≥ 3.5",
                Aim::AtLeast(3.5),
                times,
                plain.times_of_list(),
            ));
        }
        self.of_writes(&mut lines);
        if let Some(memory) = self.memory.iter().find(|memory| memory.connections == 256) {
            lines.push(line(
                "peak memory, 256 connections, lists of 10",
                "≤ 24 MiB",
                Aim::AtMost(24.0),
                mebibytes,
                vec![memory.lists_of_ten],
            ));
        }
        if !self.milliseconds_to_ready.is_empty() {
            lines.push(line(
                "start to ready",
                "≤ 100 ms",
                Aim::AtMost(100.0),
                whole_milliseconds,
                self.milliseconds_to_ready.clone(),
            ));
        }
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(text, "| what | aim | measured | met |\n|---|---|---|---|")?;
        lines.iter().try_for_each(|line| line.write(text))
    }

    fn of_reads(&self, lines: &mut Vec<Line>) {
        let of = |kind| self.reads.iter().find(|figures: &&Figures| figures.kind == kind);
        let (Some(list), Some(retrieve), Some(deep)) =
            (of(Kind::ListTen), of(Kind::Retrieve), of(Kind::DeepPage))
        else {
            return;
        };
        lines.extend([
            line(
                "list 10, of pgbench's rate with the same SQL",
                "≥ 70 %",
                Aim::AtLeast(0.7),
                percent,
                list.of_pgbench(),
            ),
            line(
                "retrieve, of pgbench's rate with the same SQL",
                "≥ 75 %",
                Aim::AtLeast(0.75),
                percent,
                retrieve.of_pgbench(),
            ),
            line(
                "server CPU, list 10",
                "≤ 30 µs",
                Aim::AtMost(30.0),
                microseconds,
                list.postgres.server_cpu.clone(),
            ),
            line(
                "list 10 on SQLite, of the rate on PostgreSQL",
                "≥ 1.0",
                Aim::AtLeast(1.0),
                hundredths,
                list.of_postgres(),
            ),
            line(
                &format!("cost of {} / page 1", deep.name),
                "≤ 1.1",
                Aim::AtMost(1.1),
                hundredths,
                quotients(&list.postgres.rate, &deep.postgres.rate),
            ),
        ]);
    }

    fn of_writes(&self, lines: &mut Vec<Line>) {
        for writes in &self.writes {
            let named = |what: &str| format!("{what}, {}", writes.database);
            let own = &writes.first.own;
            lines.extend([
                line(
                    &named("webhook acknowledgements, durable"),
                    "≥ 5,000 a second",
                    Aim::AtLeast(5_000.0),
                    a_second,
                    writes.webhooks.rate.clone(),
                ),
                line(
                    &named("create, overhead over Stripe's time, p50"),
                    "≤ 3 ms",
                    Aim::AtMost(3.0),
                    milliseconds,
                    own.p50.clone(),
                ),
                line(
                    &named("create, overhead over Stripe's time, p99"),
                    "≤ 10 ms",
                    Aim::AtMost(10.0),
                    milliseconds,
                    own.p99.clone(),
                ),
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_by_the_middle_of_the_rounds() {
        let mut text = String::new();
        let rates = vec![4_000.0, 5_100.0, 9_000.0];
        line("rate", "≥ 5,000", Aim::AtLeast(5_000.0), whole, rates.clone())
            .write(&mut text)
            .expect("text takes all");
        line("cost", "≤ 5,000", Aim::AtMost(5_000.0), whole, rates)
            .write(&mut text)
            .expect("text takes all");
        assert_eq!(
            text,
            "| rate | ≥ 5,000 | 5100 (4000–9000) | yes |\n| cost | ≤ 5,000 | 5100 (4000–9000) | no |\n"
        );
        assert!(
            !Aim::AtMost(1.0).is_met(f64::NAN),
            "what was not measured is not met"
        );
    }
}
