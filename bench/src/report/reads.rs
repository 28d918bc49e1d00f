//! The tables of the requests that read.

use std::fmt::Write as _;

use super::{
    Report,
    figures::{hundredths, percent, quotients, whole},
};
use crate::{
    reads::{Figures, SHARE, Served},
    workload::Kind,
};

impl Report {
    /// Rates, then times, then what they cost.
    pub(super) fn write_reads(&self, text: &mut String) -> std::fmt::Result {
        self.write_rates(text)?;
        self.write_times(text)?;
        self.write_costs(text)?;
        self.write_pages(text)
    }

    fn write_rates(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| requests/s | PostgreSQL | of pgbench | SQLite | of PostgreSQL | pgbench/s | pgbench/s, a thread a core | of that |\n\
             |---|---|---|---|---|---|---|---|"
        )?;
        for figures in &self.reads {
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                figures.name,
                whole(&figures.postgres.rate),
                percent(&figures.of_pgbench()),
                whole(&figures.sqlite.rate),
                percent(&figures.of_postgres()),
                whole(&figures.pgbench_rate),
                whole(&figures.many_rate),
                percent(&figures.of_many()),
            )?;
        }
        Ok(())
    }

    fn write_times(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| ms at {:.0} % of the rate | p50 | p99 | p99.9 | the generator's own delay, p50 | SQLite: p50 | p99 | p99.9 |\n\
             |---|---|---|---|---|---|---|---|",
            SHARE * 100.0
        )?;
        for figures in &self.reads {
            let times = |served: &Served| {
                let times = &served.times;
                [&times.p50, &times.p99, &times.p999].map(|values| hundredths(values))
            };
            let ([p50, p99, p999], sqlite) = (times(&figures.postgres), times(&figures.sqlite));
            let delay = hundredths(&figures.postgres.lateness.p50);
            writeln!(
                text,
                "| {} | {p50} | {p99} | {p999} | {delay} | {} |",
                figures.name,
                sqlite.join(" | ")
            )?;
        }
        Ok(())
    }

    fn write_costs(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| CPU µs a request | server | PostgreSQL | PostgreSQL, asked by pgbench | server on SQLite, which is in it |\n\
             |---|---|---|---|---|"
        )?;
        for figures in &self.reads {
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                figures.name,
                whole(&figures.postgres.server_cpu),
                whole(&figures.postgres.database_cpu),
                whole(&figures.pgbench_database_cpu),
                whole(&figures.sqlite.server_cpu),
            )?;
        }
        Ok(())
    }

    /// What growth costs: the inverse of the rates.
    fn write_pages(&self, text: &mut String) -> std::fmt::Result {
        let of = |kind| self.reads.iter().find(|figures: &&Figures| figures.kind == kind);
        let pairs = [
            (Kind::DeepPage, Kind::ListTen),
            (Kind::DeepPage, Kind::SecondPage),
            (Kind::ListTen, Kind::SmallProject),
        ];
        writeln!(
            text,
            "\n| cost | PostgreSQL | SQLite | pgbench |\n|---|---|---|---|"
        )?;
        for (dear, cheap) in pairs {
            let (Some(dear), Some(cheap)) = (of(dear), of(cheap)) else {
                continue;
            };
            writeln!(
                text,
                "| {} / {} | {} | {} | {} |",
                dear.name,
                cheap.name,
                hundredths(&quotients(&cheap.postgres.rate, &dear.postgres.rate)),
                hundredths(&quotients(&cheap.sqlite.rate, &dear.sqlite.rate)),
                hundredths(&quotients(&cheap.pgbench_rate, &dear.pgbench_rate)),
            )?;
        }
        Ok(())
    }
}
