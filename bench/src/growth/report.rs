//! The figures of growth as tables and plots.

use std::{fmt::Write as _, io::Write as _};

use time::OffsetDateTime;

use super::{
    Round,
    sweeps::{Point, Sweep},
};
use crate::{
    BenchError, Options,
    document::{self, Place},
    machine,
    plot::{self, Chart, Key, Line, LineChart, Scale},
    report::{middle, quotients, spread},
    workload::grouped,
};

/// What is read off a round, and what it is called.
type Measure = (&'static str, fn(&Round) -> f64);

/// How a document tells of what grows.
struct Shown {
    sweep: Sweep,
    heading: &'static str,
    /// What grows, with its unit.
    across: &'static str,
    /// The least quantity that the greatest is compared with; `None` where neither is dearer by nature.
    compared_from: Option<u32>,
    file: &'static str,
}

const SHOWN: [Shown; 4] = [
    Shown {
        sweep: Sweep::Rows,
        heading: "Rows of one project",
        across: "payment methods in the project",
        compared_from: Some(10_000),
        file: "performance-rows",
    },
    Shown {
        sweep: Sweep::Projects,
        heading: "Projects",
        across: "projects",
        compared_from: Some(10),
        file: "performance-projects",
    },
    Shown {
        sweep: Sweep::Pages,
        heading: "Pages",
        across: "page, of ten",
        compared_from: Some(1),
        file: "performance-pages",
    },
    Shown {
        sweep: Sweep::Connections,
        heading: "Connections",
        across: "connections",
        compared_from: None,
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
            let picture = plot::write(shown.file, shown.heading, &shown.charts(&points))?;
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
            "| cost | from, to | served | pgbench's own |\n|---|---|---|---|"
        )?;
        for small in points.iter().filter(|point| point.quantity == least) {
            let of_same = points
                .iter()
                .filter(|point| point.question.name == small.question.name);
            let Some(great) = of_same.max_by_key(|point| point.quantity) else {
                continue;
            };
            let times = |of: fn(&Round) -> f64| {
                spread(&quotients(&small.values(of), &great.values(of)), |value| {
                    format!("{value:.2}")
                })
            };
            writeln!(
                text,
                "| {} | {}, {} | {} | {} |",
                small.question.name,
                grouped(u64::from(small.quantity)),
                grouped(u64::from(great.quantity)),
                times(rate),
                times(asked),
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

    fn charts(&self, points: &[&Point]) -> Vec<Chart> {
        let chart =
            |what, unit, scale, measures: &[Measure]| self.chart(points, (what, unit, scale), measures);
        let rates = [
            ("Billfold", rate as fn(&Round) -> f64),
            ("pgbench, the same statement", asked),
        ];
        let mut charts = vec![chart("rate", "requests a second", Scale::Linear, &rates)];
        if self.sweep == Sweep::Connections {
            let latencies = [
                ("99 of 100 are answered within", high as fn(&Round) -> f64),
                ("half are answered within", median),
            ];
            charts.push(chart(
                "time of answers",
                "milliseconds",
                Scale::Logarithmic,
                &latencies,
            ));
            let memory = [("Billfold, largest resident memory", memory as fn(&Round) -> f64)];
            charts.push(chart("memory", "MiB", Scale::Linear, &memory));
        }
        charts
    }

    /// Lines of each request: the first measure in full, the second dashed.
    fn chart(
        &self,
        points: &[&Point],
        (what, unit, scale): (&str, &str, Scale),
        measures: &[Measure],
    ) -> Chart {
        let names = names(points);
        let only = (names.len() == 1).then_some(0);
        let mut keys: Vec<Key> = measures
            .iter()
            .enumerate()
            .map(|(number, (name, _))| Key {
                name: (*name).to_owned(),
                colour: only,
                dashed: number > 0,
            })
            .collect();
        let mut lines = Vec::new();
        for (colour, name) in names.iter().enumerate() {
            if only.is_none() {
                keys.push(Key {
                    name: (*name).to_owned(),
                    colour: Some(colour),
                    dashed: false,
                });
            }
            for (number, (_, of)) in measures.iter().enumerate() {
                let of_name = points.iter().filter(|point| point.question.name == *name);
                lines.push(Line {
                    colour,
                    dashed: number > 0,
                    points: of_name
                        .map(|point| (f64::from(point.quantity), middle(&point.values(*of))))
                        .collect(),
                });
            }
        }
        let request = match names[..] {
            [name] => format!(" of {name}"),
            _ => String::new(),
        };
        Chart::Lines(LineChart {
            title: format!("{}: {what}{request}", self.heading),
            across: self.across.to_owned(),
            upright: unit.to_owned(),
            scale,
            keys,
            lines,
        })
    }
}

/// The requests of these points, each once.
fn names(points: &[&Point]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for point in points {
        if !names.contains(&point.question.name) {
            names.push(point.question.name);
        }
    }
    names
}

fn rate(round: &Round) -> f64 {
    round.served.rate()
}

fn asked(round: &Round) -> f64 {
    round.asked
}

fn median(round: &Round) -> f64 {
    round.served.latencies.unwrap_or_default().0
}

fn high(round: &Round) -> f64 {
    round.served.latencies.unwrap_or_default().1
}

fn memory(round: &Round) -> f64 {
    round.memory
}

impl Point {
    fn values(&self, of: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    fn spread_of(&self, of: fn(&Round) -> f64, decimals: usize) -> String {
        spread(&self.values(of), |value| format!("{value:.decimals$}"))
    }
}
