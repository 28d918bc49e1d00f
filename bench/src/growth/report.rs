//! The figures of growth as tables and plots.

use std::{fmt::Write as _, io::Write as _};

use time::OffsetDateTime;

use super::{
    Round,
    charts::Grown,
    sweeps::{Point, Sweep},
};
use crate::{
    BenchError, Options,
    document::{self, Place},
    machine, plot,
    report::{middle, quotients, spread},
    workload::grouped,
};

/// What the greatest quantity may cost at most beside a small one.
#[derive(Clone, Copy)]
enum Aim {
    None,
    /// As much as it costs the database alone.
    Pgbench,
    Times(f64),
}

impl Aim {
    /// The aim, and whether it is met.
    fn shown(self, served: &[f64], of_pgbench: &[f64]) -> (String, &'static str) {
        let (text, most) = match self {
            Self::None => return (String::new(), ""),
            Self::Pgbench => ("≤ pgbench's own".to_owned(), middle(of_pgbench)),
            Self::Times(most) => (format!("≤ {most}"), most),
        };
        (text, if middle(served) <= most { "yes" } else { "no" })
    }
}

/// How a document tells of what grows.
struct Shown {
    sweep: Sweep,
    heading: &'static str,
    /// What grows, with its unit.
    across: &'static str,
    /// The least quantity that the greatest is compared with; `None` where neither is dearer by nature.
    compared_from: Option<u32>,
    aim: Aim,
    file: &'static str,
}

const SHOWN: [Shown; 4] = [
    Shown {
        sweep: Sweep::Rows,
        heading: "Rows of one project",
        across: "payment methods in the project",
        compared_from: Some(10_000),
        aim: Aim::Pgbench,
        file: "performance-rows",
    },
    Shown {
        sweep: Sweep::Projects,
        heading: "Projects",
        across: "projects",
        compared_from: Some(10),
        aim: Aim::None,
        file: "performance-projects",
    },
    Shown {
        sweep: Sweep::Pages,
        heading: "Pages",
        across: "page, of ten",
        compared_from: Some(1),
        aim: Aim::Times(1.1),
        file: "performance-pages",
    },
    Shown {
        sweep: Sweep::Connections,
        heading: "Connections",
        across: "connections",
        compared_from: None,
        aim: Aim::None,
        file: "performance-connections",
    },
];

/// Prints the report, and puts it and its pictures into the document.
pub(super) fn publish(points: &[Point], options: &Options, rounds: u32) -> Result<(), BenchError> {
    let mut text = String::new();
    let today = OffsetDateTime::now_utc().date();
    writeln!(text, "{today}, {}.", machine::description())?;
    writeln!(
        text,
        "{} connections where nothing else is said; {rounds} rounds of {} s each.",
        options.connections, options.seconds
    )?;
    for shown in &SHOWN {
        let points: Vec<&Point> = points.iter().filter(|point| point.sweep == shown.sweep).collect();
        writeln!(text, "\n### {}\n", shown.heading)?;
        if !options.print_only {
            let grown = Grown {
                sweep: shown.sweep,
                heading: shown.heading,
                across: shown.across,
                points: &points,
            };
            let picture = plot::write(shown.file, shown.heading, &grown.charts())?;
            writeln!(text, "{picture}\n")?;
        }
        shown.write_costs(&mut text, &points)?;
        shown.write_table(&mut text, &points)?;
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    if options.print_only {
        return Ok(());
    }
    document::put(Place::Growth, &text)
}

impl Shown {
    /// What the greatest quantity costs beside a small one, and what it costs the database alone.
    fn write_costs(&self, text: &mut String, points: &[&Point]) -> std::fmt::Result {
        let Some(least) = self.compared_from else {
            return Ok(());
        };
        writeln!(
            text,
            "| cost | from, to | served | pgbench's own | aim | met |\n|---|---|---|---|---|---|"
        )?;
        for small in points.iter().filter(|point| point.quantity == least) {
            let of_same = points
                .iter()
                .filter(|point| point.question.name == small.question.name);
            let Some(great) = of_same.max_by_key(|point| point.quantity) else {
                continue;
            };
            let times = |of: fn(&Round) -> f64| quotients(&small.values(of), &great.values(of));
            let (served, of_pgbench) = (times(rate), times(asked));
            let (aim, met) = self.aim.shown(&served, &of_pgbench);
            let hundredths = |values: &[f64]| spread(values, |value| format!("{value:.2}"));
            writeln!(
                text,
                "| {} | {}, {} | {} | {} | {aim} | {met} |",
                small.question.name,
                grouped(u64::from(small.quantity)),
                grouped(u64::from(great.quantity)),
                hundredths(&served),
                hundredths(&of_pgbench),
            )?;
        }
        writeln!(text)
    }

    fn write_table(&self, text: &mut String, points: &[&Point]) -> std::fmt::Result {
        writeln!(
            text,
            "| request | {} | requests/s | of pgbench | p50 ms | p99 ms | largest memory, MiB | pgbench/s |",
            self.across
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|")?;
        for name in names(points) {
            for point in points.iter().filter(|point| point.question.name == name) {
                let of_pgbench = quotients(&point.values(rate), &point.values(asked));
                writeln!(
                    text,
                    "| {name} | {} | {} | {} | {} | {} | {} | {} |",
                    grouped(u64::from(point.quantity)),
                    point.spread_of(rate, 0),
                    spread(&of_pgbench, |value| format!("{:.0} %", value * 100.0)),
                    point.spread_of(median, 2),
                    point.spread_of(high, 2),
                    point.spread_of(memory, 0),
                    point.spread_of(asked, 0),
                )?;
            }
        }
        Ok(())
    }
}

/// The requests of these points, each once.
pub(super) fn names(points: &[&Point]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for point in points {
        if !names.contains(&point.question.name) {
            names.push(point.question.name);
        }
    }
    names
}

pub(super) fn rate(round: &Round) -> f64 {
    round.served.rate()
}

pub(super) fn asked(round: &Round) -> f64 {
    round.asked
}

pub(super) fn median(round: &Round) -> f64 {
    round.served.latencies.unwrap_or_default().0
}

pub(super) fn high(round: &Round) -> f64 {
    round.served.latencies.unwrap_or_default().1
}

pub(super) fn memory(round: &Round) -> f64 {
    round.memory
}

impl Point {
    pub(super) fn values(&self, of: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    fn spread_of(&self, of: fn(&Round) -> f64, decimals: usize) -> String {
        spread(&self.values(of), |value| format!("{value:.decimals$}"))
    }
}
