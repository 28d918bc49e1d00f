//! The report: first what must be shown, then everything.

mod figures;
mod must_show;
mod reads;
mod writes;

use std::{fmt::Write as _, io::Write as _};

use time::OffsetDateTime;

pub(crate) use self::figures::{Percentiles, middle, quotients, spread};
use crate::{
    BenchError, Options,
    document::{self, Place},
    machine,
    memory::Memory,
    parts::PartFigures,
    plain::PlainFigures,
    policies::PolicyFigures,
    profile::{self, Profile},
    reads::Figures,
    workload::grouped,
    writes::WriteFigures,
};

/// Everything that a run found out. What was not asked for is empty.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) milliseconds_to_ready: Vec<f64>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) reads: Vec<Figures>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) policies: Option<PolicyFigures>,
    pub(crate) parts: Option<PartFigures>,
    pub(crate) plain: Option<PlainFigures>,
    /// On each database.
    pub(crate) writes: Vec<WriteFigures>,
}

/// Prints the report, and puts it between the marks of the document.
pub(crate) fn publish(report: &Report, options: &Options) -> Result<(), BenchError> {
    let text = report.text(options)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    if options.print_only || !options.only.is_empty() {
        return Ok(());
    }
    let picture = match &report.plain {
        Some(plain) => plain.draw()?,
        None => String::new(),
    };
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
        self.write_must_show(&mut text)?;
        if !self.reads.is_empty() {
            self.write_reads(&mut text)?;
        }
        self.write_start_and_memory(&mut text)?;
        if !self.profiles.is_empty() {
            profile::write(&self.profiles, &mut text)?;
        }
        if let Some(parts) = &self.parts {
            parts.write(&mut text)?;
        }
        if let Some(policies) = &self.policies {
            policies.write(&mut text)?;
        }
        if let Some(plain) = &self.plain {
            plain.write(&mut text)?;
        }
        if !self.writes.is_empty() {
            self.write_writes(&mut text)?;
        }
        Ok(text)
    }

    fn write_start_and_memory(&self, text: &mut String) -> Result<(), std::fmt::Error> {
        if !self.milliseconds_to_ready.is_empty() {
            let ready = figures::whole(&self.milliseconds_to_ready);
            writeln!(text, "\nStart to ready: {ready} ms.")?;
        }
        if self.memory.is_empty() {
            return Ok(());
        }
        writeln!(
            text,
            "\n| resident memory, MiB | before the first request | at most, lists of 10 | of it the program's own pages \
             | requests/s meanwhile | p99 ms | then at most, lists of 200 |\n|---|---|---|---|---|---|---|"
        )?;
        for memory in &self.memory {
            writeln!(
                text,
                "| {} connections | {:.1} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} |",
                memory.connections,
                memory.idle,
                memory.lists_of_ten,
                memory.program,
                memory.rate,
                memory.high,
                memory.lists_of_two_hundred
            )?;
        }
        Ok(())
    }
}
