//! The figures of the plain service, beside Billfold's.

use std::fmt::Write as _;

use crate::{
    BenchError,
    load::Count,
    plot::{self, BarChart, Chart},
    report::{middle, quotients, spread},
};

/// What one measurement found.
pub(super) struct Sample {
    pub(super) served: Count,
    /// Microseconds of the server's processor time for each answer.
    pub(super) server_cpu: f64,
    /// Microseconds of the database's processor time for each answer.
    pub(super) database_cpu: f64,
}

/// What was measured of one request.
pub(super) struct Figures {
    name: String,
    /// Of each contestant, a sample a round; none where it was not asked.
    pub(super) of_contestants: Vec<Vec<Sample>>,
    /// The rate of one thread of pgbench.
    pub(super) pgbench: Vec<f64>,
}

impl Figures {
    /// No figures yet.
    pub(super) fn new(name: &str, contestants: usize) -> Self {
        Self {
            name: name.to_owned(),
            of_contestants: (0..contestants).map(|_| Vec::new()).collect(),
            pgbench: Vec::new(),
        }
    }

    fn values(&self, contestant: usize, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.of_contestants[contestant].iter().map(of).collect()
    }

    fn rates(&self, contestant: usize) -> Vec<f64> {
        self.values(contestant, |sample| sample.served.rate())
    }
}

/// Everything that was measured beside the plain service.
pub(crate) struct PlainFigures {
    /// The contestants: Billfold, the usual ways, and the better ones.
    pub(super) names: Vec<String>,
    /// The largest resident memory of each contestant, in MiB.
    pub(super) memory: Vec<f64>,
    pub(super) figures: Vec<Figures>,
}

/// Billfold's place among the contestants.
const BILLFOLD: usize = 0;

impl PlainFigures {
    /// The better of the usual ways: the one that is compared with.
    fn compared(&self) -> usize {
        let rate = |contestant: &usize| middle(&self.figures[0].rates(*contestant));
        // Only the usual ways were asked for everything.
        let usual = |contestant: &usize| {
            self.figures
                .iter()
                .all(|figures| !figures.of_contestants[*contestant].is_empty())
        };
        (1..self.names.len())
            .filter(usual)
            .max_by(|one, other| rate(one).total_cmp(&rate(other)))
            .unwrap_or(BILLFOLD)
    }

    /// Billfold's rate of the list of ten, of that of the service that it is compared with: a value a round.
    pub(crate) fn times_of_list(&self) -> Vec<f64> {
        let list = &self.figures[0];
        quotients(&list.rates(BILLFOLD), &list.rates(self.compared()))
    }

    /// The figures as tables: how many times as fast Billfold is, and everything that was measured.
    pub(crate) fn write(&self, text: &mut String) -> Result<(), std::fmt::Error> {
        let compared = self.compared();
        writeln!(
            text,
            "\n| beside {} | Billfold's rate, of its rate |\n|---|---|",
            self.names[compared]
        )?;
        for figures in &self.figures {
            let times = quotients(&figures.rates(BILLFOLD), &figures.rates(compared));
            writeln!(
                text,
                "| {} | {} |",
                figures.name,
                spread(&times, |value| format!("{value:.1} ×"))
            )?;
        }
        writeln!(
            text,
            "\n| request | service | Billfold's rate, of its rate | requests/s | p50 ms | p99 ms | server CPU µs | database CPU µs |"
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|")?;
        for figures in &self.figures {
            for (contestant, name) in self.names.iter().enumerate() {
                if !figures.of_contestants[contestant].is_empty() {
                    figures.write_row(text, contestant, name)?;
                }
            }
        }
        writeln!(
            text,
            "\n| service | largest resident memory of its processes, MiB |\n|---|---|"
        )?;
        for (name, memory) in self.names.iter().zip(&self.memory) {
            writeln!(text, "| {name} | {memory:.0} |")?;
        }
        Ok(())
    }

    /// Draws the requests' rates, and gives what the document shows the picture by.
    pub(crate) fn draw(&self) -> Result<String, BenchError> {
        let compared = self.compared();
        let groups = self.figures.iter().map(|figures| {
            let rates = [
                figures.pgbench.clone(),
                figures.rates(BILLFOLD),
                figures.rates(compared),
            ];
            (
                figures.name.clone(),
                rates.iter().map(|rates| middle(rates)).collect(),
            )
        });
        let chart = BarChart {
            title: "Reads a second, beside the database alone and a plain service".to_owned(),
            upright: "requests or transactions a second".to_owned(),
            across: "request".to_owned(),
            kinds: vec![
                "pgbench, the same statement".to_owned(),
                self.names[BILLFOLD].clone(),
                self.names[compared].clone(),
            ],
            groups: groups.collect(),
        };
        plot::write(
            "performance-requests",
            "Reads a second, by request",
            &[Chart::Bars(chart)],
        )
    }
}

impl Figures {
    fn write_row(&self, text: &mut String, contestant: usize, name: &str) -> std::fmt::Result {
        let times = if contestant == BILLFOLD {
            String::new()
        } else {
            let times = quotients(&self.rates(BILLFOLD), &self.rates(contestant));
            spread(&times, |value| format!("{value:.1} ×"))
        };
        let whole = |values: &[f64]| spread(values, |value| format!("{value:.0}"));
        let milliseconds = |values: &[f64]| spread(values, |value| format!("{value:.2}"));
        let latency = |sample: &Sample| sample.served.latencies.unwrap_or_default();
        writeln!(
            text,
            "| {} | {name} | {times} | {} | {} | {} | {} | {} |",
            self.name,
            whole(&self.rates(contestant)),
            milliseconds(&self.values(contestant, |sample| latency(sample).0)),
            milliseconds(&self.values(contestant, |sample| latency(sample).1)),
            whole(&self.values(contestant, |sample| sample.server_cpu)),
            whole(&self.values(contestant, |sample| sample.database_cpu)),
        )
    }
}
