//! The figures, as a person reads them: ratios first.

use std::{fmt::Write as _, io::Write as _};

use time::OffsetDateTime;

use crate::{
    BenchError, Options,
    document::{self, Place},
    load::Count,
    machine,
    plain::PlainFigures,
    policies::PolicyFigures,
    workload::{Kind, grouped},
};

/// What one round measured of one request.
pub(crate) struct Measured {
    /// What the server answered.
    pub(crate) served: Count,
    /// Microseconds of the server's processor time for each answer.
    pub(crate) server_cpu: f64,
    /// Microseconds of the database's processor time for each answer.
    pub(crate) database_cpu: f64,
    /// What the database answered to one thread of pgbench.
    pub(crate) asked: Count,
    /// Microseconds of the database's processor time for each of those.
    pub(crate) asked_database_cpu: f64,
    /// What the database answered to a thread of pgbench for each core.
    pub(crate) asked_by_many: Count,
}

/// What was measured of one request, a value a round.
pub(crate) struct Figures {
    kind: Kind,
    name: String,
    rate: Vec<f64>,
    median: Vec<f64>,
    high: Vec<f64>,
    server_cpu: Vec<f64>,
    database_cpu: Vec<f64>,
    pgbench_rate: Vec<f64>,
    pgbench_database_cpu: Vec<f64>,
    many_rate: Vec<f64>,
}

impl Figures {
    /// No figures yet.
    pub(crate) fn new(kind: Kind, name: String) -> Self {
        Self {
            kind,
            name,
            rate: Vec::new(),
            median: Vec::new(),
            high: Vec::new(),
            server_cpu: Vec::new(),
            database_cpu: Vec::new(),
            pgbench_rate: Vec::new(),
            pgbench_database_cpu: Vec::new(),
            many_rate: Vec::new(),
        }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, round: &Measured) {
        let (median, high) = round.served.latencies.unwrap_or_default();
        self.rate.push(round.served.rate());
        self.median.push(median);
        self.high.push(high);
        self.server_cpu.push(round.server_cpu);
        self.database_cpu.push(round.database_cpu);
        self.pgbench_rate.push(round.asked.rate());
        self.pgbench_database_cpu.push(round.asked_database_cpu);
        self.many_rate.push(round.asked_by_many.rate());
    }

    /// The server's rate beside pgbench's, round by round.
    fn of_pgbench(&self) -> Vec<f64> {
        quotients(&self.rate, &self.pgbench_rate)
    }

    /// The same beside pgbench with a thread for each core.
    fn of_many(&self) -> Vec<f64> {
        quotients(&self.rate, &self.many_rate)
    }
}

/// Resident memory in MiB.
pub(crate) struct Memory {
    /// Before the first request.
    pub(crate) idle: f64,
    /// At most, up to the end of many lists of ten.
    pub(crate) lists_of_ten: f64,
    /// At most, up to the end of many lists of two hundred after them.
    pub(crate) lists_of_two_hundred: f64,
}

/// Everything that a run found out.
pub(crate) struct Report {
    pub(crate) figures: Vec<Figures>,
    pub(crate) policies: PolicyFigures,
    pub(crate) plain: PlainFigures,
    pub(crate) milliseconds_to_ready: Vec<f64>,
    pub(crate) memory: Memory,
}

/// Prints the report, and puts it between the marks of the document.
pub(crate) fn publish(report: &Report, options: &Options) -> Result<(), BenchError> {
    let text = report.text(options)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    if options.print_only {
        return Ok(());
    }
    let picture = report.plain.draw()?;
    document::put(Place::Benchmark, &format!("{text}\n{picture}\n"))
}

impl Report {
    fn text(&self, options: &Options) -> Result<String, BenchError> {
        let mut text = String::new();
        let today = OffsetDateTime::now_utc().date();
        writeln!(text, "{today}, {}.", machine::description())?;
        writeln!(
            text,
            "{} payment methods in one project and {} in 100 others; {} connections; {} rounds of {} s each.\n",
            grouped(u64::from(options.rows)),
            grouped(u64::from(options.rows / 10)),
            options.connections,
            options.rounds,
            options.seconds
        )?;
        self.write_ratios(&mut text)?;
        self.write_figures(&mut text)?;
        self.policies.write(&mut text)?;
        self.plain.write(&mut text)?;
        Ok(text)
    }

    fn write_ratios(&self, text: &mut String) -> Result<(), BenchError> {
        let list = self.of(Kind::ListTen)?;
        let page = |kind| -> Result<Vec<f64>, BenchError> { Ok(quotients(&list.rate, &self.of(kind)?.rate)) };
        let small = self.of(Kind::SmallProject)?;
        let percent = |values: &[f64]| spread(values, |value| format!("{:.0} %", value * 100.0));
        let times = |values: &[f64]| spread(values, |value| format!("{value:.2}"));
        writeln!(text, "| aim | | measured |\n|---|---|---|")?;
        let rows = [
            (
                "list 10, of pgbench's rate",
                "≥ 50 %",
                percent(&list.of_pgbench()),
            ),
            (
                "retrieve, of pgbench's rate",
                "≥ 55 %",
                percent(&self.of(Kind::Retrieve)?.of_pgbench()),
            ),
            (
                "list 10, of the rate of pgbench with a thread a core",
                "",
                percent(&list.of_many()),
            ),
            (
                "retrieve, of the rate of pgbench with a thread a core",
                "",
                percent(&self.of(Kind::Retrieve)?.of_many()),
            ),
            (
                "cost of page 50,000 / page 1",
                "≤ 1.1",
                times(&page(Kind::DeepPage)?),
            ),
            (
                "cost of page 50,000 / page 2",
                "",
                times(&quotients(
                    &self.of(Kind::SecondPage)?.rate,
                    &self.of(Kind::DeepPage)?.rate,
                )),
            ),
            (
                "cost in the project of 1,000,000 / of 1,000",
                "≤ 1.3",
                times(&quotients(&small.rate, &list.rate)),
            ),
            (
                "list 10, of the rate of the plain service",
                "≥ 3.5",
                spread(&self.plain.times_of_list(), |value| format!("{value:.1}")),
            ),
            (
                "start to ready, ms",
                "< 100",
                spread(&self.milliseconds_to_ready, |value| format!("{value:.0}")),
            ),
            (
                "largest resident memory at 64 connections, lists of 10, MiB",
                "< 30",
                format!("{:.1}", self.memory.lists_of_ten),
            ),
            (
                "the same, lists of 200",
                "",
                format!("{:.1}", self.memory.lists_of_two_hundred),
            ),
            (
                "the same, before the first request",
                "",
                format!("{:.1}", self.memory.idle),
            ),
        ];
        for (name, aim, measured) in rows {
            writeln!(text, "| {name} | {aim} | {measured} |")?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn write_figures(&self, text: &mut String) -> Result<(), BenchError> {
        writeln!(
            text,
            "| request | of pgbench | requests/s | p50 ms | p99 ms | server CPU µs | database CPU µs | pgbench/s | its database CPU µs | pgbench/s, a thread a core |"
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|---|---|")?;
        for figures in &self.figures {
            let whole = |values: &[f64]| spread(values, |value| format!("{value:.0}"));
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                figures.name,
                spread(&figures.of_pgbench(), |value| format!("{:.0} %", value * 100.0)),
                whole(&figures.rate),
                spread(&figures.median, |value| format!("{value:.2}")),
                spread(&figures.high, |value| format!("{value:.2}")),
                whole(&figures.server_cpu),
                whole(&figures.database_cpu),
                whole(&figures.pgbench_rate),
                whole(&figures.pgbench_database_cpu),
                whole(&figures.many_rate),
            )?;
        }
        Ok(())
    }

    fn of(&self, kind: Kind) -> Result<&Figures, BenchError> {
        self.figures
            .iter()
            .find(|figures| figures.kind == kind)
            .ok_or_else(|| "a request was not measured".into())
    }
}

/// Each of one divided by its of the other.
pub(crate) fn quotients(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    numerators
        .iter()
        .zip(denominators)
        .map(|(numerator, denominator)| numerator / denominator)
        .collect()
}

/// The median of the rounds, with the least and the greatest in parentheses.
pub(crate) fn spread(values: &[f64], shown: impl Fn(f64) -> String) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [] => String::new(),
        [only] => shown(only),
        [least, .., greatest] => format!(
            "{} ({}–{})",
            shown(median(&sorted)),
            shown(least),
            shown(greatest)
        ),
    }
}

/// The median of the rounds.
pub(crate) fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() { 0.0 } else { median(&sorted) }
}

/// The middle one of sorted values, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_shown_with_the_ends() {
        let whole = |value: f64| format!("{value:.0}");
        assert_eq!(spread(&[30.0, 10.0, 20.0], whole), "20 (10–30)");
        assert_eq!(spread(&[10.0, 20.0], whole), "15 (10–20)");
        assert_eq!(spread(&[7.0], whole), "7");
        assert_eq!(spread(&[], whole), "");
    }
}
